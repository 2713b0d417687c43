// @ts-check
// Colours of the style sheet as the canvases need them, and a mark of its own shape for each modality.

const NAMES = ["ink", "muted", "line", "card", "state", "face", "speech", "text", "eeg"];

/** @type {Record<string, string>} */
export const colours = {};

/** Read the style sheet's colours; again whenever the theme changes. */
export function readColours() {
  const probe = document.createElement("i");
  document.body.append(probe);
  for (const name of NAMES) {
    probe.style.color = `var(--${name})`;
    colours[name] = getComputedStyle(probe).color;
  }
  probe.remove();
}

/** @param {string} colour "rgb(...)" @param {number} alpha */
export const faded = (colour, alpha) => colour.replace("rgb(", "rgba(").replace(")", `, ${alpha})`);

/**
 * A disc for the face, a triangle for the voice, a square for words, a diamond for EEG.
 * @param {CanvasRenderingContext2D} context @param {string} modality @param {number} x @param {number} y @param {number} r
 */
export function mark(context, modality, x, y, r) {
  context.beginPath();
  if (modality === "face") context.arc(x, y, r, 0, 2 * Math.PI);
  else if (modality === "text") context.rect(x - r, y - r, 2 * r, 2 * r);
  else if (modality === "speech") {
    context.moveTo(x, y - 1.2 * r);
    context.lineTo(x + 1.15 * r, y + 0.9 * r);
    context.lineTo(x - 1.15 * r, y + 0.9 * r);
  } else {
    context.moveTo(x, y - 1.4 * r);
    context.lineTo(x + 1.4 * r, y);
    context.lineTo(x, y + 1.4 * r);
    context.lineTo(x - 1.4 * r, y);
  }
  context.closePath();
  context.fill();
}
