// @ts-check
// The page's side of the worker.
import { epoch } from "./clock.js";

export class Link {
  #worker = new Worker(new URL("./live-worker.js", import.meta.url), { type: "module" });
  #offset = NaN;

  /** @param {(told: any) => void} hear what the worker tells: {is: "message" | "picture" | "link" | "counts", ...} */
  constructor(hear) {
    this.#worker.onmessage = ({ data }) => {
      if (data.is === "clock") this.#offset = data.offset;
      else hear(data);
    };
    this.#worker.onerror = (event) =>
      hear({ is: "link", state: "refused", reason: `This browser cannot run the page's worker (${event.message}).` });
    const { protocol, host, search } = location;
    const token = new URLSearchParams(search).get("token");
    const query = token === null ? "" : `?token=${encodeURIComponent(token)}`;
    this.post({ do: "open", url: `${protocol === "https:" ? "wss" : "ws"}://${host}/live${query}` });
  }

  /** Now, on the server's clock, s; NaN until it is known. */
  now() {
    return epoch() / 1000 + this.#offset;
  }

  /** @param {object} order @param {Transferable[]} [handed] */
  post(order, handed = []) {
    this.#worker.postMessage(order, handed);
  }

  /** @param {object} message to the server */
  send(message) {
    this.post({ do: "send", message });
  }

  close() {
    this.post({ do: "close" });
    // Time for the goodbye to leave.
    setTimeout(() => this.#worker.terminate(), 500);
  }
}
