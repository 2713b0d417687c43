// @ts-check
// The one connection to the server. It lives in the worker, so that drawing never delays a picture.
import { epoch, ServerClock } from "./clock.js";

const WAITS = [1, 2, 4, 8]; // s before each new attempt
const FINAL = [1003, 1008, 1009]; // close codes that trying again would not mend

export class Socket {
  clock = new ServerClock();
  /** @type {WebSocket | null} */
  #socket = null;
  #consent = false;
  #attempt = 0;
  #wanted = true;
  #timer = 0;

  /**
   * @param {string} url
   * @param {{message: (message: any, received: number) => void, picture: (time: number, jpeg: ArrayBuffer) => void,
   *          link: (state: "open" | "lost" | "refused", reason: string, wait: number) => void,
   *          clock: (offset: number) => void}} hear
   */
  constructor(url, hear) {
    this.url = url;
    this.hear = hear;
    this.#connect();
    setInterval(() => this.#ping(), 4000);
  }

  get ready() {
    return this.#consent && this.#socket?.readyState === WebSocket.OPEN && this.clock.known;
  }

  /** Bytes that the network has not yet taken. */
  get waiting() {
    return this.#socket?.bufferedAmount ?? 0;
  }

  #connect() {
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    socket.onopen = () => {
      this.#attempt = 0;
      this.clock.forget();
      if (this.#consent) this.#hello();
      for (const wait of [0, 40, 80, 160, 320, 640]) setTimeout(() => this.#ping(), wait);
      this.hear.link("open", "", 0);
    };
    socket.onmessage = ({ data }) => {
      const received = epoch();
      if (data instanceof ArrayBuffer) {
        this.hear.picture(new DataView(data).getFloat64(8, true), data.slice(16));
        return;
      }
      const message = JSON.parse(data);
      if (message.type === "pong") {
        this.clock.take(message.client, received, message.server);
        this.hear.clock(this.clock.offset);
      } else this.hear.message(message, received);
    };
    socket.onclose = ({ code, reason }) => {
      if (!this.#wanted) return;
      if (FINAL.includes(code)) return this.hear.link("refused", reason, 0);
      const wait = WAITS[Math.min(this.#attempt++, WAITS.length - 1)];
      this.hear.link("lost", reason, wait);
      this.#timer = setTimeout(() => this.#connect(), wait * 1000);
    };
  }

  #ping() {
    this.send({ type: "ping", client: epoch() });
  }

  #hello() {
    this.send({ type: "hello", version: "affect-live/1", consent: true });
  }

  /** The person has agreed: said now, and again after every new connection. */
  consent() {
    this.#consent = true;
    this.#hello();
  }

  /** @param {object} message */
  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /**
   * @param {1 | 2} kind picture or sound
   * @param {number} rate Hz, 0 for a picture
   * @param {number} time s on the server's clock
   * @param {ArrayBuffer} payload
   */
  media(kind, rate, time, payload) {
    const bytes = new Uint8Array(16 + payload.byteLength);
    const head = new DataView(bytes.buffer);
    head.setUint8(0, kind);
    head.setUint32(4, rate, true);
    head.setFloat64(8, time, true);
    bytes.set(new Uint8Array(payload), 16);
    this.#socket?.send(bytes);
  }

  close() {
    this.#wanted = false;
    clearTimeout(this.#timer);
    this.#socket?.close(1000);
  }
}
