// @ts-check
// The last half minute: the state with its 90 % band, and what each modality itself said.
import { colours, faded, mark } from "./palette.js";
import { byId, DIMENSIONS, MODALITIES, modality, signed, write } from "./words.js";

const SPAN = 30; // s
const BINS = 300; // a tenth of a second each: more than the charts have pixels, and no more than is redrawn
const PER_SECOND = BINS / SPAN;
const NINE = 1.645; // sd to either side that hold nine tenths
const HEIGHT = 92; // px
const CALM = 95; // ms between two drawings of one chart
const HOLE = 5; // bins without a state after which the line is broken

const DASHES = { face: [], speech: [6, 3], text: [], eeg: [1, 3] };
const X = Array.from({ length: BINS }, (_, i) => (i - BINS + 1) / PER_SECOND);
const STATE = 0; // rows of a strip's data: state, top and bottom of its band, then the modalities
const FIRST = 3;

/** @typedef {(number | null | undefined)[]} Line null breaks it, undefined does not */

export class Strips {
  #now = NaN; // the last bin, counted from the beginning of the session
  /** @type {Line[][]} by dimension, by row */
  #lines = DIMENSIONS.map(() => Array.from({ length: FIRST + MODALITIES.length }, () => new Array(BINS).fill(undefined)));
  #charts = DIMENSIONS.map((name, k) => this.#chart(byId(`strip-${name}`), k));
  #drawn = DIMENSIONS.map(() => 0); // ms

  constructor() {
    new ResizeObserver(() => this.#fit()).observe(byId("strips"));
  }

  /** @param {import("./messages.js").StateMessage} message */
  add({ time, state, rows }) {
    this.#move(Math.floor(time * PER_SECOND));
    DIMENSIONS.forEach((name, k) => {
      const [mean, reach] = [state.vad[name], NINE * state.sd[name]];
      this.#put(k, STATE, time, mean);
      this.#put(k, STATE + 1, time, Math.min(1, mean + reach));
      this.#put(k, STATE + 2, time, Math.max(-1, mean - reach));
    });
    for (const [source, when, mean] of rows) {
      const row = MODALITIES.indexOf(modality(source));
      if (row >= 0) DIMENSIONS.forEach((_, k) => this.#put(k, FIRST + row, when, mean[k]));
    }
  }

  clear() {
    for (const line of this.#lines.flat()) line.fill(undefined);
    this.#now = NaN;
  }

  /**
   * The chart that has waited longest, if that is long enough: one at a time, so that no frame is held up.
   * @param {import("./messages.js").AffectState} state
   */
  draw(state) {
    const now = performance.now();
    const k = this.#drawn.indexOf(Math.min(...this.#drawn));
    if (now - this.#drawn[k] < CALM) return;
    this.#drawn[k] = now;
    const name = DIMENSIONS[k];
    write(byId(`value-${name}`), `${signed(state.vad[name])} ± ${(NINE * state.sd[name]).toFixed(2)}`);
    this.#charts[k].setData([X, ...this.#lines[k]], false);
    this.#charts[k].redraw(true, false);
  }

  /** New colours. */
  recolour() {
    this.#charts.forEach((chart) => chart.destroy());
    this.#charts = DIMENSIONS.map((name, k) => this.#chart(byId(`strip-${name}`), k));
    this.#fit();
  }

  /** @param {number} bin that is now the last */
  #move(bin) {
    if (Number.isNaN(this.#now)) this.#now = bin;
    const by = Math.min(bin - this.#now, BINS);
    if (by <= 0) return;
    this.#now = bin;
    for (const lines of this.#lines) {
      lines.forEach((line, row) => {
        line.splice(0, by);
        const hole = row < FIRST && by > HOLE;
        for (let i = 0; i < by; i++) line.push(hole ? null : undefined);
      });
    }
  }

  /** @param {number} k @param {number} row @param {number} time @param {number | null} value */
  #put(k, row, time, value) {
    const bin = BINS - 1 - (this.#now - Math.floor(time * PER_SECOND));
    if (bin >= 0 && bin < BINS) this.#lines[k][row][bin] = value;
  }

  #fit() {
    const width = byId("strips").clientWidth;
    if (width > 0) this.#charts.forEach((chart) => chart.setSize({ width, height: chart.height }));
  }

  /** @param {HTMLElement} place @param {number} k dimension */
  #chart(place, k) {
    const last = k === DIMENSIONS.length - 1;
    const axis = { stroke: colours.muted, font: `11px ${getComputedStyle(document.body).fontFamily}`, ticks: { show: false } };
    const grid = { stroke: colours.line, width: 1 };
    const line = (/** @type {string} */ name) => ({
      stroke: faded(colours[name], 0.9),
      width: 1.25,
      dash: DASHES[/** @type {import("./messages.js").Modality} */ (name)],
      points: { show: false },
      paths: name === "text" ? () => null : undefined, // what is said now and then is a mark, not a line
    });
    const edge = { stroke: "transparent", points: { show: false } };
    const options = {
      width: place.clientWidth || 300,
      height: HEIGHT + (last ? 16 : 0),
      padding: [7, 14, last ? 0 : 6, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false, range: () => [-SPAN, 0] }, y: { range: () => [-1, 1] } },
      axes: [
        { ...axis, grid, size: last ? 22 : 0, splits: () => [-30, -20, -10, 0], values: () => (last ? ["30 s ago", "20", "10", "now"] : ["", "", "", ""]) },
        { ...axis, grid, size: 30, splits: () => [-1, 0, 1], values: () => ["−1", "0", "+1"] },
      ],
      series: [{}, { stroke: colours.state, width: 2, points: { show: false } }, edge, edge, ...MODALITIES.map(line)],
      bands: [{ series: [2, 3], fill: faded(colours.state, 0.16) }],
      hooks: { draw: [(/** @type {any} */ chart) => this.#marks(chart, k)] },
    };
    return new /** @type {any} */ (window).uPlot(options, [X, ...this.#lines[k]], place);
  }

  /** Shapes on what comes seldom, so that colour is not the only cue. @param {any} chart @param {number} k */
  #marks(chart, k) {
    MODALITIES.forEach((name, row) => {
      if (name === "face") return;
      chart.ctx.fillStyle = colours[name];
      this.#lines[k][FIRST + row].forEach((value, bin) => {
        if (value === null || value === undefined) return;
        mark(chart.ctx, name, chart.valToPos(X[bin], "x", true), chart.valToPos(value, "y", true), 2.6 * devicePixelRatio);
      });
    });
  }
}
