// @ts-check
// How fast it runs, where the time goes, and whether this machine keeps up.
import { byId, quantile, write } from "./words.js";

const LAST = 100; // pictures over which latency is reckoned
const ENOUGH = 15; // analysed frames a second
const SLOW = 200; // ms
const SURE = 3; // seconds in a row before it is said, and before it is taken back

export class Foot {
  /** @type {number[]} */
  #latency = [];
  #drawn = 0;
  /** @type {number[][]} ms from camera to worker, to the wire, to the answer, to the screen */
  #stages = [];
  #offered = 0;
  #offeredRate = 0;
  #skipped = 0;
  #counted = NaN;
  #verdict = 0;
  #rate = 0;
  #fromServer = 0;

  /** A picture's state has been drawn. @param {number} latency ms @param {import("./messages.js").Timing | undefined} timing @param {number} now ms */
  drawn(latency, timing, now) {
    this.#drawn += 1;
    this.#latency.push(latency);
    if (this.#latency.length > LAST) this.#latency.shift();
    if (!timing) return;
    const { captured, read, sent, received } = timing;
    this.#stages.push([read - captured, sent - read, received - sent, now - received]);
    if (this.#stages.length > LAST) this.#stages.shift();
  }

  /** @param {import("./messages.js").StateMessage} message */
  heard(message) {
    this.#rate = message.rate;
    this.#fromServer = message.dropped;
  }

  /** @param {{offered: number, skipped: number}} counts of the camera's frames, so far */
  counts({ offered, skipped }) {
    const now = performance.now();
    this.#offeredRate = ((offered - this.#offered) / (now - this.#counted)) * 1000 || 0;
    this.#counted = now;
    this.#offered = offered;
    this.#skipped = skipped;
  }

  /** For the tests, the benchmark and the foot of the page; `drawn` counts pictures, of the last of which `recent` has the ms. */
  get figures() {
    const stage = (/** @type {number} */ k) => quantile(this.#stages.map((row) => row[k]), 0.5);
    return {
      latency: {
        median: quantile(this.#latency, 0.5),
        p95: quantile(this.#latency, 0.95),
        n: this.#latency.length,
        stages: { capture: stage(0), encode: stage(1), server: stage(2), draw: stage(3) },
      },
      drawn: this.#drawn,
      recent: [...this.#latency],
      rate: this.#rate,
      offered: this.#offeredRate,
      dropped: this.#fromServer + this.#skipped,
    };
  }

  /** Once a second. @param {boolean} running */
  draw(running) {
    const { latency, rate, offered, dropped } = this.figures;
    const { capture, encode, server, draw } = latency.stages;
    const ms = (/** @type {number} */ value) => (Number.isFinite(value) ? `${Math.round(value)} ms` : "–");
    write(byId("rate"), rate.toFixed(0));
    write(byId("median"), ms(latency.median));
    write(byId("p95"), ms(latency.p95));
    write(byId("dropped"), String(dropped));
    const known = latency.n > 0 && Number.isFinite(capture);
    write(byId("stages"), known ? `camera ${ms(capture)} · encoding ${ms(encode)} · way and server ${ms(server)} · drawing ${ms(draw)}` : "");
    const few = rate < ENOUGH && offered >= ENOUGH;
    const behind = running && latency.n > 20 && (few || latency.p95 > SLOW);
    this.#verdict = Math.max(0, Math.min(2 * SURE, this.#verdict + (behind ? 1 : -1)));
    if (this.#verdict >= SURE) {
      const how = few ? `${rate.toFixed(0)} of ${offered.toFixed(0)} frames a second are analysed` : `an answer takes ${ms(latency.p95)}`;
      write(byId("slow"), `This machine cannot keep up: ${how}. Fewer frames are analysed, the latest first.`);
    } else if (this.#verdict === 0) write(byId("slow"), "");
  }

  clear() {
    this.#latency = [];
    this.#stages = [];
  }
}
