// @ts-check
// From a camera's frames to JPEGs on the wire: no more than two under way, the freshest wins, none waits in a queue.
import { epoch, Stamper } from "./clock.js";

const WIDTH = 424; // px; the face network needs a face of only 64
const QUALITY = 0.8;
const UNDER_WAY = 2;
const INTERVAL = 33; // ms between two frames of a camera
const LOST = 1000; // ms after which a picture that nobody answered no longer counts
const FULL = 100_000; // bytes that may wait in the socket

export class Pictures {
  offered = 0;
  skipped = 0;
  paused = false;
  #canvas = new OffscreenCanvas(WIDTH, (WIDTH * 3) / 4);
  // Encoding reads the pixels back: a canvas in main memory spares that, and a JPEG has no alpha.
  #context = this.#canvas.getContext("2d", { willReadFrequently: true, alpha: false });
  /** @type {Map<number, {captured: number, read: number, sent: number}>} */
  #underWay = new Map();
  #busy = false;
  #last = 0;
  #trip = 0; // ms from sending to the answer, smoothed

  /** @param {import("./socket.js").Socket} socket */
  constructor(socket) {
    this.socket = socket;
  }

  /** @param {ReadableStream<VideoFrame>} frames */
  async read(frames) {
    const reader = frames.getReader();
    const stamper = new Stamper();
    for (;;) {
      const { value: frame, done } = await reader.read();
      if (done) return;
      const now = epoch();
      this.take(frame, frame.displayWidth, frame.displayHeight, stamper.at(frame.timestamp / 1000, now), now);
    }
  }

  /**
   * Send this one, or let it go; closes it either way.
   * @param {VideoFrame | ImageBitmap} image
   * @param {number} width px
   * @param {number} height px
   * @param {number} captured ms since 1970
   * @param {number} read ms since 1970
   */
  async take(image, width, height, captured, read) {
    if (this.paused || !this.socket.ready) return image.close();
    this.offered += 1;
    for (const [stamp, { sent }] of this.#underWay) if (read - sent > LOST) this.#underWay.delete(stamp);
    if (this.#busy || this.#full(read) || this.socket.waiting > FULL) {
      this.skipped += 1;
      return image.close();
    }
    this.#busy = true;
    try {
      this.#fit(width, height);
      this.#context?.drawImage(image, 0, 0, this.#canvas.width, this.#canvas.height);
      image.close(); // at once: a camera has only a few buffers
      const blob = await this.#canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
      const jpeg = await blob.arrayBuffer();
      if (!this.socket.ready || this.paused) return;
      const stamp = Math.max(captured / 1000 + this.socket.clock.offset, this.#last + 0.001);
      this.#last = stamp;
      this.#underWay.set(stamp, { captured, read, sent: epoch() });
      this.socket.media(1, 0, stamp, jpeg);
    } finally {
      image.close(); // again does no harm
      this.#busy = false;
    }
  }

  /**
   * Whether a picture sent now would only wait. A second one is sent when the first is nearly answered, a camera's
   * interval ahead: any sooner, and a slow server would have it grow old.
   * @param {number} now ms since 1970
   */
  #full(now) {
    if (this.#underWay.size === 0) return false;
    const [oldest] = this.#underWay.values();
    return this.#underWay.size >= UNDER_WAY || now - oldest.sent < 0.75 * this.#trip - INTERVAL;
  }

  /** @param {number} width @param {number} height */
  #fit(width, height) {
    const scale = Math.min(1, WIDTH / Math.max(width, height));
    const wide = Math.round(width * scale);
    const high = Math.round(height * scale);
    if (this.#canvas.width !== wide) this.#canvas.width = wide;
    if (this.#canvas.height !== high) this.#canvas.height = high;
  }

  /**
   * The server has named this picture; it and what was sent before it are no longer under way.
   * @param {number} stamp
   */
  settle(stamp) {
    let found;
    for (const [sent, times] of this.#underWay) {
      if (sent > stamp + 1e-6) continue;
      if (sent > stamp - 1e-6) {
        found = times;
        this.#trip += 0.2 * (epoch() - times.sent - this.#trip);
      }
      this.#underWay.delete(sent);
    }
    return found;
  }

  /** A new connection has a new clock, and knows nothing of what was sent to the old one. */
  forget() {
    this.#underWay.clear();
    this.#last = 0;
  }
}
