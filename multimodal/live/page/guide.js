// @ts-check
// The guided calibration: the server leads, this shows where one is and takes the ratings.
import { byId, DIMENSIONS, write } from "./words.js";

const ROUND = 2 * Math.PI * 54; // length of the ring, in its own units
const NAMES = { valence: "Valence", arousal: "Arousal", dominance: "Dominance" };

export class Guide {
  #dialog = /** @type {HTMLDialogElement} */ (byId("guide"));
  #step = "off";
  #number = 0;
  /** @type {AudioContext | null} */
  #sound = null;

  /** @param {import("./link.js").Link} link */
  constructor(link) {
    const tell = (/** @type {string} */ what, more = {}) => link.send({ type: "calibrate", do: what, ...more });
    byId("calibrate").onclick = () => {
      this.#sound ??= new AudioContext();
      tell("begin");
    };
    byId("guide-next").onclick = () => tell("next");
    byId("guide-rate").onsubmit = (/** @type {Event} */ event) => {
      event.preventDefault();
      tell("rate", Object.fromEntries(DIMENSIONS.map((name) => [name, Number(byId(`rate-${name}`).value)])));
    };
    byId("guide-cancel").onclick = () => {
      if (this.#step !== "done") tell("cancel");
      this.#dialog.close();
    };
    this.#dialog.oncancel = () => {
      if (this.#step !== "done") tell("cancel");
    };
  }

  /** @param {import("./messages.js").Calibration} message */
  show(message) {
    const { step, title, text, number, of, seconds, left } = message;
    const fresh = step !== this.#step || number !== this.#number;
    // After "done" the last message may come again; a dialog that was closed stays closed.
    if (!fresh && !this.#dialog.open) return;
    this.#step = step;
    this.#number = number;
    if (step === "off") return this.#dialog.close();
    if (!this.#dialog.open) this.#dialog.showModal();
    write(byId("guide-count"), step === "done" ? "" : `Step ${number} of ${of}`);
    write(byId("guide-title"), title);
    write(byId("guide-text"), text);
    const rating = step === "rate";
    const counting = !rating && step !== "done" && seconds > 0;
    byId("guide-ring").toggleAttribute("hidden", !counting);
    byId("guide-rate").hidden = !rating;
    byId("guide-next").hidden = !(["open", "closed", "recall"].includes(step) && (!seconds || left <= 0));
    byId("guide-verdict").hidden = step !== "done";
    write(byId("guide-cancel"), step === "done" ? "Close" : "Cancel");
    if (counting) {
      write(byId("guide-left"), String(Math.ceil(left)));
      byId("guide-arc").style.strokeDashoffset = String(ROUND * (1 - Math.max(0, left) / seconds));
    }
    if (step === "done") this.#judge(message);
    if (fresh) this.#arrive(rating);
  }

  /** @param {boolean} rating */
  #arrive(rating) {
    if (rating) for (const name of DIMENSIONS) byId(`rate-${name}`).value = 0;
    (rating ? byId("rate-valence") : byId("guide-title")).focus();
    // Whoever has closed their eyes cannot see that they may open them.
    const sound = this.#sound;
    if (!sound || this.#number <= 1) return;
    const tone = sound.createOscillator();
    const gain = sound.createGain();
    tone.frequency.value = 528;
    gain.gain.setValueAtTime(0.15, sound.currentTime);
    gain.gain.exponentialRampToValueAtTime(0.001, sound.currentTime + 0.6);
    tone.connect(gain).connect(sound.destination);
    tone.start();
    tone.stop(sound.currentTime + 0.6);
  }

  /** @param {import("./messages.js").Calibration} message */
  #judge({ verdict, file }) {
    const lines = Object.entries(verdict ?? {}).map(([name, { ccc, p, kept }]) => {
      const figures = ccc === null ? "" : ` (agreement ${ccc.toFixed(2)} of 1${p === null ? "" : `, by chance ${p < 0.01 ? "less than 1" : Math.round(100 * p)} in 100`})`;
      const said = kept ? "learnt: it followed your ratings on moments it had not seen" : "not learnt: on moments it had not seen it did no better than knowing nothing";
      const item = document.createElement("li");
      item.className = kept ? "kept" : "";
      item.textContent = `${NAMES[/** @type {keyof typeof NAMES} */ (name)] ?? name}: ${said}${figures}.`;
      return item;
    });
    byId("guide-lines").replaceChildren(...lines);
    write(byId("guide-file"), file ? `Kept in ${file}.` : "Nothing was kept.");
  }
}
