// @ts-check
// What happened and what was said, newest first; and the polite voice of a screen reader.
import { ago, byId, make, phrase, write } from "./words.js";

const KEPT = 30;
const BETWEEN = 4000; // ms between two announcements

/** @type {Record<string, string>} */
const SIGNS = { discord: "≠", offset: "·", recovery: "↺" };

/**
 * Whether one event says all that the other does: a shift is an onset too, a recovery an end.
 * @param {import("./messages.js").Happening} more @param {import("./messages.js").Happening} less
 */
function says(more, less) {
  const pair = `${more.kind} ${less.kind}`;
  return (pair === "shift onset" || pair === "recovery offset") && more.dimension === less.dimension && more.time === less.time;
}

/** @param {HTMLElement} list @param {HTMLElement} item */
function prepend(list, item) {
  list.prepend(item);
  while (list.children.length > KEPT) list.lastElementChild?.remove();
}

export class Events {
  #list = byId("events");
  /** @type {{time: number, when: HTMLElement}[]} */
  #shown = [];
  /** @type {string[]} */
  #unsaid = [];
  #timer = 0;

  /** @param {import("./messages.js").Happening[]} events */
  add(events) {
    for (const event of events) {
      if (events.some((other) => says(other, event))) continue;
      const item = make("li", event.kind);
      const when = make("time", "", "now");
      item.append(make("i", "sign", SIGNS[event.kind] ?? (event.direction > 0 ? "↑" : "↓")));
      item.append(make("span", "", phrase(event)), when);
      prepend(this.#list, item);
      this.#shown.unshift({ time: event.time, when });
      this.#shown.length = Math.min(this.#shown.length, KEPT);
      byId("no-events").hidden = true;
      this.say(phrase(event));
    }
  }

  /** @param {number} now s */
  draw(now) {
    for (const { time, when } of this.#shown) write(when, ago(now - time));
  }

  /** Read out by a screen reader when it is convenient, the latest of each few seconds only. @param {string} text */
  say(text) {
    this.#unsaid.push(text);
    if (this.#timer) return;
    const tell = () => {
      if (this.#unsaid.length) byId("announce").textContent = this.#unsaid.slice(-2).join("; ");
      this.#timer = this.#unsaid.length ? setTimeout(tell, BETWEEN) : 0;
      this.#unsaid = [];
    };
    tell();
  }

  clear() {
    this.#list.replaceChildren();
    this.#shown = [];
    byId("no-events").hidden = false;
  }
}

export class Words {
  #began = NaN;

  /** @param {import("./link.js").Link} link @param {() => void} unsent called if the words could not be sent */
  constructor(link, unsent) {
    const field = /** @type {HTMLInputElement} */ (byId("say"));
    field.oninput = () => {
      if (!field.value) this.#began = NaN;
      else if (Number.isNaN(this.#began)) this.#began = link.now();
    };
    byId("say-form").onsubmit = (/** @type {Event} */ event) => {
      event.preventDefault();
      const text = field.value.trim();
      if (!text) return;
      const end = link.now();
      if (Number.isNaN(end)) return unsent();
      link.send({ type: "text", start: Math.min(this.#began, end) || end, end, text });
      field.value = "";
      this.#began = NaN;
    };
  }

  /** @param {{text: string}} words */
  add({ text }) {
    byId("no-words").hidden = true;
    prepend(byId("words"), make("li", "", text));
  }
}
