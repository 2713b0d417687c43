// @ts-check

/** Milliseconds since 1970, finer than Date.now and the same in the page and its worker. */
export const epoch = () => performance.timeOrigin + performance.now();

const WINDOW = 10_000; // ms over which the least delay is remembered, so that two clocks may drift
const JUMP = 500; // ms beyond which a stream's clock has been set anew

/**
 * Puts a stream's own clock (a camera's time stamps, a sound card's samples) on the computer's: what arrives with the
 * least delay gives the offset, and a picture that waited is stamped with the moment it is of.
 */
export class Stamper {
  #best = Infinity;
  #before = Infinity;
  #since = 0;

  /**
   * @param {number} own ms on the stream's clock
   * @param {number} now ms since 1970 at which it arrived
   * @returns {number} ms since 1970 at which it was taken
   */
  at(own, now) {
    const offset = now - own;
    if (Math.abs(offset - Math.min(this.#best, this.#before)) > JUMP) this.#best = this.#before = Infinity;
    if (now - this.#since > WINDOW) {
      this.#before = this.#best;
      this.#best = Infinity;
      this.#since = now;
    }
    this.#best = Math.min(this.#best, offset);
    return own + Math.min(this.#best, this.#before);
  }
}

/** The server's clock, by the ping that came back soonest of the last ones. */
export class ServerClock {
  /** @type {{trip: number, offset: number}[]} */
  #pings = [];

  /**
   * @param {number} sent ms since 1970
   * @param {number} received ms since 1970
   * @param {number} server s on the server's clock, somewhere between
   */
  take(sent, received, server) {
    this.#pings.push({ trip: received - sent, offset: server - (sent + received) / 2000 });
    if (this.#pings.length > 30) this.#pings.shift();
  }

  get known() {
    return this.#pings.length > 0;
  }

  /** What must be added to seconds since 1970. */
  get offset() {
    return this.#pings.reduce((least, ping) => (ping.trip < least.trip ? ping : least)).offset;
  }

  forget() {
    this.#pings = [];
  }
}
