// @ts-check
// Valence across, arousal upwards, dominance on a gauge beside; the point with its interval, its trail and the mood.
import { colours, faded } from "./palette.js";

const TRAIL = 2; // s
const PIECES = 10;
const HALF = 1.177; // radius, in sd, that holds half of a Gaussian in two dimensions
const NINE = 2.146; // ... and nine tenths
const NINE_ALONE = 1.645; // ... and nine tenths in one
const MARGIN = 22; // px round the plane, for the words at the ends of its axes
const GAUGE = 76; // px beside it
const CORNERS = [
  ["tense", -1, 1],
  ["excited", 1, 1],
  ["weary", -1, -1],
  ["content", 1, -1],
];

const still = matchMedia("(prefers-reduced-motion: reduce)");

export class Plane {
  /** @type {{time: number, x: number, y: number}[]} */
  #trail = [];
  /** @type {import("./messages.js").AffectState | null} */
  #last = null;
  #side = 0;
  point = { x: NaN, y: NaN };

  /** @param {HTMLCanvasElement} canvas what moves @param {HTMLCanvasElement} ground what stands */
  constructor(canvas, ground) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    this.ground = ground;
    new ResizeObserver(() => this.lay()).observe(/** @type {Element} */ (canvas.parentElement));
  }

  /** Fit the canvases to their place and draw what does not move. */
  lay() {
    const box = /** @type {HTMLElement} */ (this.canvas.parentElement);
    const side = Math.floor(Math.min(box.clientWidth - GAUGE, box.clientHeight)) - 2 * MARGIN;
    if (side < 40) return;
    this.#side = side;
    for (const canvas of [this.canvas, this.ground]) {
      const [wide, high] = [side + 2 * MARGIN + GAUGE, side + 2 * MARGIN];
      canvas.width = Math.round(wide * devicePixelRatio);
      canvas.height = Math.round(high * devicePixelRatio);
      canvas.style.width = `${wide}px`;
      canvas.style.height = `${high}px`;
      // On whole pixels, or the words are blurred.
      canvas.style.left = `${Math.max(0, Math.round((box.clientWidth - wide) / 2))}px`;
      canvas.style.top = `${Math.max(0, Math.round((box.clientHeight - high) / 2))}px`;
      canvas.getContext("2d")?.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    }
    this.#stand();
    this.draw(this.#last);
  }

  /** A new session: nothing is known of where the point has been. */
  clear() {
    this.#trail = [];
    this.#last = null;
    this.draw(null);
  }

  /** @param {number} value in [-1, 1] */
  #across(value) {
    return MARGIN + ((value + 1) / 2) * this.#side;
  }

  /** @param {number} value in [-1, 1] */
  #up(value) {
    return MARGIN + ((1 - value) / 2) * this.#side;
  }

  get #rail() {
    return 2 * MARGIN + this.#side + GAUGE / 2 - 12;
  }

  #stand() {
    const c = /** @type {CanvasRenderingContext2D} */ (this.ground.getContext("2d"));
    const side = this.#side;
    c.clearRect(0, 0, this.ground.width, this.ground.height);
    c.strokeStyle = colours.line;
    c.lineWidth = 1;
    c.beginPath();
    c.roundRect(MARGIN, MARGIN, side, side, 10);
    c.stroke();
    c.beginPath();
    c.setLineDash([2, 4]);
    c.arc(this.#across(0), this.#up(0), side / 4, 0, 2 * Math.PI);
    c.stroke();
    c.setLineDash([]);
    c.beginPath();
    c.moveTo(MARGIN, this.#up(0));
    c.lineTo(MARGIN + side, this.#up(0));
    c.moveTo(this.#across(0), MARGIN);
    c.lineTo(this.#across(0), MARGIN + side);
    c.stroke();
    this.#words(c);
    c.fillStyle = faded(colours.muted, 0.16);
    c.beginPath();
    c.roundRect(this.#rail - 5, MARGIN, 10, side, 5);
    c.fill();
    c.strokeStyle = colours.muted;
    c.beginPath();
    c.moveTo(this.#rail - 9, this.#up(0));
    c.lineTo(this.#rail + 9, this.#up(0));
    c.stroke();
  }

  /** @param {CanvasRenderingContext2D} c */
  #words(c) {
    const side = this.#side;
    const font = getComputedStyle(document.body).fontFamily;
    c.font = `500 12px ${font}`;
    c.fillStyle = colours.muted;
    c.textAlign = "center";
    c.textBaseline = "middle";
    c.fillText("activated", this.#across(0), MARGIN / 2);
    c.fillText("calm", this.#across(0), side + MARGIN * 1.5);
    c.fillText("in control", this.#rail, MARGIN / 2);
    c.fillText("not in control", this.#rail - 2, side + MARGIN * 1.5);
    for (const [word, x, turn] of /** @type {const} */ ([["unpleasant", MARGIN / 2, -1], ["pleasant", side + MARGIN * 1.5, 1]])) {
      c.save();
      c.translate(x, this.#up(0));
      c.rotate((turn * Math.PI) / 2);
      c.fillText(word, 0, 0);
      c.restore();
    }
    c.font = `italic 13px ${font}`;
    for (const [word, x, y] of /** @type {[string, number, number][]} */ (CORNERS)) {
      c.textAlign = x < 0 ? "left" : "right";
      c.fillText(word, this.#across(x) - 12 * x, this.#up(y) + 16 * y);
    }
  }

  /** @param {import("./messages.js").AffectState | null} state */
  draw(state) {
    const c = this.context;
    c.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.#last = state;
    if (!state || !this.#side) return;
    const { vad, sd, mood, time } = state;
    const x = this.#across(vad.valence);
    const y = this.#up(vad.arousal);
    this.point = { x, y };
    const wide = (sd.valence * this.#side) / 2;
    const high = (sd.arousal * this.#side) / 2;
    c.save();
    c.beginPath();
    c.roundRect(MARGIN, MARGIN, this.#side, this.#side, 10);
    c.clip();
    this.#round(x, y, NINE * wide, NINE * high);
    c.fillStyle = faded(colours.state, 0.09);
    c.fill();
    c.strokeStyle = faded(colours.state, 0.35);
    c.lineWidth = 1;
    c.stroke();
    this.#round(x, y, HALF * wide, HALF * high);
    c.fillStyle = faded(colours.state, 0.17);
    c.fill();
    this.#follow(time, vad.valence, vad.arousal);
    c.restore();
    this.#round(this.#across(mood.valence), this.#up(mood.arousal), 5, 5);
    c.strokeStyle = colours.ink;
    c.lineWidth = 1.5;
    c.stroke();
    this.#dot(x, y, 8);
    this.#gauge(vad.dominance, sd.dominance, mood.dominance);
  }

  /** @param {number} time @param {number} valence @param {number} arousal */
  #follow(time, valence, arousal) {
    const trail = this.#trail;
    if (trail.length && time < trail[trail.length - 1].time) trail.length = 0;
    trail.push({ time, x: valence, y: arousal });
    while (trail[0].time <= time - TRAIL) trail.shift();
    if (still.matches) return;
    const c = this.context;
    c.lineWidth = 3;
    c.lineCap = c.lineJoin = "round";
    // In a few pieces, each of one shade: sixty strokes a frame would be most of what the page costs.
    const piece = (/** @type {number} */ i) => Math.floor((PIECES * (time - trail[i].time)) / TRAIL);
    for (let i = 1; i < trail.length; ) {
      const shade = piece(i);
      c.beginPath();
      c.moveTo(this.#across(trail[i - 1].x), this.#up(trail[i - 1].y));
      for (; i < trail.length && piece(i) === shade; i++) c.lineTo(this.#across(trail[i].x), this.#up(trail[i].y));
      c.strokeStyle = faded(colours.state, 0.75 * (1 - (shade + 0.5) / PIECES));
      c.stroke();
    }
  }

  /** @param {number} value @param {number} sd @param {number} mood */
  #gauge(value, sd, mood) {
    const c = this.context;
    const [top, low] = [value + NINE_ALONE * sd, value - NINE_ALONE * sd].map((v) => this.#up(Math.max(-1, Math.min(1, v))));
    c.fillStyle = faded(colours.state, 0.3);
    c.beginPath();
    c.roundRect(this.#rail - 5, top, 10, low - top, 5);
    c.fill();
    this.#round(this.#rail, this.#up(mood), 4, 4);
    c.strokeStyle = colours.ink;
    c.lineWidth = 1.5;
    c.stroke();
    this.#dot(this.#rail, this.#up(value), 7);
  }

  /** @param {number} x @param {number} y @param {number} r */
  #dot(x, y, r) {
    const c = this.context;
    this.#round(x, y, r, r);
    c.fillStyle = colours.state;
    c.fill();
    c.strokeStyle = colours.card;
    c.lineWidth = 2;
    c.stroke();
  }

  /** @param {number} x @param {number} y @param {number} wide @param {number} high */
  #round(x, y, wide, high) {
    this.context.beginPath();
    this.context.ellipse(x, y, wide, high, 0, 0, 2 * Math.PI);
  }
}
