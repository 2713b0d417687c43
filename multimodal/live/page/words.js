// @ts-check
// How things are called to people.

/** @typedef {import("./messages.js").Modality} Modality */

export const DIMENSIONS = /** @type {const} */ (["valence", "arousal", "dominance"]);
export const MODALITIES = /** @type {const} */ (["face", "speech", "text", "eeg"]);
/** @type {Record<Modality, string>} */
export const NAMES = { face: "Face", speech: "Voice", text: "Words", eeg: "EEG" };

/** "face/0" is a face. @param {string} source @returns {Modality} */
export const modality = (source) => /** @type {Modality} */ (source.split("/")[0]);

/** @param {string} source */
export const named = (source) => NAMES[modality(source)]?.toLowerCase().replace("eeg", "EEG") ?? source;

/** As affectstream.multimodal.dynamics.events.Event.phrase says it. @param {import("./messages.js").Happening} event */
export function phrase({ kind, dimension, direction, sources }) {
  if (kind === "discord") return `discord: ${named(sources[0])} shows more ${dimension} than ${named(sources[1])}`;
  const words = { onset: "onset of", offset: "end of", shift: "shift to", recovery: "recovery from" };
  return `${words[kind]} ${direction > 0 ? "high" : "low"} ${dimension}`;
}

/** @param {number} seconds */
export function ago(seconds) {
  if (seconds < 1.5) return "now";
  if (seconds < 59.5) return `${Math.round(seconds)} s ago`;
  return `${Math.round(seconds / 60)} min ago`;
}

/** @param {number} value */
export const signed = (value) => `${value < -0.005 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

/** @param {number} share in [0, 1] */
export const percent = (share) => `${Math.round(100 * share)} %`;

/** @param {number} seconds */
export const minutes = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

/** @param {number[]} values @param {number} part in [0, 1] */
export function quantile(values, part) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] : NaN;
}

const ENDS = {
  valence: ["unpleasant", "pleasant"],
  arousal: ["calm", "activated"],
  dominance: ["low control", "in control"],
};

/** Valence, arousal, dominance in words. @param {import("./messages.js").Vad} vad */
export function inWords(vad) {
  const parts = DIMENSIONS.flatMap((name) => {
    const size = Math.abs(vad[name]);
    if (size < 0.12) return [];
    const end = ENDS[name][vad[name] < 0 ? 0 : 1];
    return [size < 0.35 ? `somewhat ${end}` : size < 0.6 ? end : `very ${end}`];
  });
  return parts.length ? parts.join(", ") : "near neutral";
}

/** @param {number} p */
export const likely = (p) => (p >= 0.75 ? "very likely" : p >= 0.5 ? "likely" : p >= 0.35 ? "perhaps" : "unclear");

/** Element by id, which is there. @param {string} id @returns {any} */
export const byId = (id) => document.getElementById(id);

/** Write only what has changed: an untouched node costs no layout. @param {Element} node @param {string} text */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** @param {string} tag @param {string} [name] class @param {string} [text] */
export function make(tag, name = "", text = "") {
  const node = document.createElement(tag);
  if (name) node.className = name;
  if (text) node.textContent = text;
  return node;
}
