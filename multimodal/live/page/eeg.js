// @ts-check
// What comes from the head: how each electrode sits, and how its power is shared among the bands.
import { byId, make, percent, write } from "./words.js";

const GOOD = 0.7;
const POOR = 0.4;
const GREEK = { delta: "δ", theta: "θ", alpha: "α", beta: "β", gamma: "γ" };

export class Eeg {
  /** @type {HTMLElement[]} */
  #lamps = [];
  /** @type {Map<string, {bar: HTMLElement, part: HTMLElement}>} */
  #bands = new Map();
  /** @type {string[]} */
  #electrodes = [];

  /** @param {import("./messages.js").Welcome["eeg"]} eeg */
  begin(eeg) {
    byId("eeg").hidden = !eeg;
    if (!eeg) return;
    write(byId("eeg-name"), eeg.name);
    this.#electrodes = eeg.electrodes;
    this.#lamps = eeg.electrodes.map((name) => {
      const lamp = make("li");
      lamp.append(make("i", "shape"), make("b", "", name), make("span", "", "–"));
      return lamp;
    });
    byId("electrodes").replaceChildren(...this.#lamps);
    const rows = eeg.bands.map((name) => {
      const row = make("li");
      const bar = make("i", "bar");
      const part = make("span", "part", "–");
      const track = make("span", "track");
      track.append(bar);
      row.append(make("b", "", /** @type {any} */ (GREEK)[name] ?? name), make("span", "name", name), track, part);
      this.#bands.set(name, { bar, part });
      return row;
    });
    byId("bands").replaceChildren(...rows);
  }

  /** @param {import("./messages.js").EegMessage} message */
  draw({ quality, power }) {
    quality.forEach((q, i) => {
      const word = q >= GOOD ? "good" : q >= POOR ? "poor" : "bad";
      if (this.#lamps[i]) {
        this.#lamps[i].className = word;
        this.#lamps[i].title = `quality ${q.toFixed(2)}`;
        write(/** @type {Element} */ (this.#lamps[i].lastChild), word);
      }
    });
    // The middle electrode of those that can be read, so that one that is loose does not speak for the head.
    const read = this.#electrodes.map((_, i) => i).filter((i) => quality[i] >= POOR);
    const middle = (/** @type {number[]} */ values) => {
      const sorted = read.map((i) => values[i]).filter(Number.isFinite).sort((a, b) => a - b);
      return sorted[sorted.length >> 1] ?? 0;
    };
    const powers = Object.entries(power).map(([name, values]) => /** @type {const} */ ([name, middle(values)]));
    const all = powers.reduce((sum, [, value]) => sum + value, 0);
    for (const [name, value] of powers) {
      const band = this.#bands.get(name);
      if (!band) continue;
      write(band.part, all > 0 ? percent(value / all) : "–");
      band.bar.style.transform = `scaleX(${all > 0 ? (value / all).toFixed(3) : 0})`;
    }
    write(byId("eeg-read"), `${read.length} of ${quality.length} electrodes can be read`);
  }

  /** @param {import("./messages.js").Row[]} rows */
  rows(rows) {
    for (const [source, , mean] of rows) {
      if (source !== "eeg") continue;
      write(byId("eeg-early"), mean[0] === null ? "Too early: the baseline needs 40\u00a0s." : "");
    }
  }
}
