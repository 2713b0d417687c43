// @ts-check
// The state in words, and which modality carries how much of it.
import { ago, byId, DIMENSIONS, inWords, likely, make, MODALITIES, modality, named, NAMES, percent, write } from "./words.js";

const OLD = 10; // s without anything seen or heard after which the state is only a memory
const TREND = { rising: "more pleasant ↗", falling: "less pleasant ↘", steady: "steady →" };

export class Reading {
  /** @type {Map<string, {row: HTMLElement, bar: HTMLElement, share: HTMLElement, said: HTMLElement}>} */
  #lamps = new Map();
  /** @type {Map<string, string>} why a modality is off */
  #off = new Map();
  label = ""; // as it is written now

  /** @param {boolean} eeg whether there is one */
  begin(eeg) {
    const list = byId("lamps");
    list.replaceChildren();
    this.#lamps.clear();
    for (const name of [...MODALITIES.filter((name) => eeg || name !== "eeg"), "prior"]) {
      const row = make("li", `lamp ${name}`);
      const bar = make("i", "bar");
      const share = make("b", "share");
      const said = make("span", "said");
      const title = name === "prior" ? "Known in advance" : NAMES[/** @type {import("./messages.js").Modality} */ (name)];
      row.append(make("i", "shape"), make("span", "name", title), said, share, bar);
      list.append(row);
      this.#lamps.set(name, { row, bar, share, said });
    }
  }

  /** @param {string} name @param {string} why empty if it is on again */
  off(name, why) {
    if (why) this.#off.set(name, why);
    else this.#off.delete(name);
    this.#lamp(name, 0, why || "waiting", false);
  }

  /** @param {import("./messages.js").AffectState} state */
  draw(state) {
    this.label = state.label;
    const unknown = state.age === null || state.age > OLD;
    const long = state.age === null ? "nothing seen or heard yet" : `nothing seen or heard for ${Math.round(state.age)} s`;
    write(byId("label"), unknown ? "not known now" : state.label);
    write(byId("label-p"), unknown ? long : `${likely(state.label_p)}, ${percent(state.label_p)}`);
    write(byId("in-words"), inWords(state.vad));
    write(byId("trend"), TREND[state.trend]);
    write(byId("confidence"), percent(state.confidence));
    byId("confidence-bar").style.transform = `scaleX(${state.confidence.toFixed(3)})`;
    const { discord } = state;
    byId("discord").hidden = !discord;
    if (discord) {
      const chance = discord.p < 0.001 ? "less than 1 in 1000" : `1 in ${Math.round(1 / discord.p)}`;
      const pair = `${named(discord.higher)} shows more ${discord.dimension} than ${named(discord.lower)}`;
      write(byId("discord"), `≠ ${pair}; by chance ${chance}`);
    }
    this.#carry(state);
  }

  /** @param {import("./messages.js").AffectState} state */
  #carry({ modalities }) {
    let rest = 1;
    for (const name of MODALITIES) {
      const heard = Object.entries(modalities).filter(([source]) => modality(source) === name).map(([, value]) => value);
      const share = heard.reduce((sum, one) => sum + DIMENSIONS.reduce((all, d) => all + one.share[d], 0) / 3, 0);
      rest -= share;
      const age = Math.min(...heard.map((one) => one.age));
      const present = heard.some((one) => one.present);
      const said = this.#off.get(name) ?? (heard.length ? ago(age) : "nothing yet");
      this.#lamp(name, share, said, present && !this.#off.has(name));
    }
    this.#lamp("prior", Math.max(0, rest), "", true);
  }

  /** @param {string} name @param {number} share @param {string} said @param {boolean} on */
  #lamp(name, share, said, on) {
    const lamp = this.#lamps.get(name);
    if (!lamp) return;
    write(lamp.share, percent(share));
    write(lamp.said, said);
    lamp.row.classList.toggle("on", on);
    lamp.bar.style.transform = `scaleX(${Math.min(1, share).toFixed(3)})`;
  }
}
