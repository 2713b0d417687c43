// @ts-check
// Buttons and keys, and the state of the recording.
import { forget, notify } from "./notices.js";
import { byId, minutes, write } from "./words.js";

/** @param {EventTarget | null} target */
const typing = (target) => target instanceof Element && target.closest("input, textarea, select, [contenteditable]") !== null;

export class Controls {
  paused = false;
  recording = false;
  folder = ""; // where it is recorded to
  #began = 0;

  /** @param {{pause: (on: boolean) => void, record: (on: boolean) => void, stop: () => void, theme: () => void}} act */
  constructor(act) {
    this.act = act;
    byId("pause").onclick = () => this.pause(!this.paused);
    byId("record").onclick = () => act.record(!this.recording);
    byId("stop").onclick = () => act.stop();
    byId("theme").onclick = () => {
      const root = document.documentElement;
      const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
      act.theme();
    };
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => act.theme());
    byId("help-open").onclick = () => byId("help").showModal();
    addEventListener("keydown", (event) => this.#key(event));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || typing(event.target)) return;
    if (byId("page").inert || document.querySelector("dialog[open]")) return;
    const pressed = event.target instanceof Element && event.target.closest("button") !== null;
    if (event.key === " " && !pressed) this.pause(!this.paused);
    else if (event.key === "r" || event.key === "R") this.act.record(!this.recording);
    else if (event.key === "?") byId("help").showModal();
    else return;
    event.preventDefault();
  }

  /** @param {boolean} on */
  pause(on) {
    this.paused = on;
    write(byId("pause"), on ? "Go on" : "Pause");
    byId("pause").setAttribute("aria-pressed", String(on));
    byId("paused").hidden = !on;
    this.act.pause(on);
  }

  /** The server says so. @param {import("./messages.js").Recording} message */
  recorded({ on, folder, files, seconds }) {
    this.recording = on;
    this.folder = folder;
    this.#began = performance.now();
    byId("recording").hidden = !on;
    byId("record").classList.toggle("on", on);
    write(byId("record").lastElementChild, on ? "End recording" : "Record");
    write(byId("record-where"), `to ${folder}`);
    byId("recording").title = folder;
    if (on) write(byId("announce"), `Recording to ${folder}`);
    else if (files) notify("info", `Recorded ${minutes(seconds ?? 0)} to ${folder}: ${files.join(", ")}`, "recording");
    this.tick();
  }

  /** The connection is gone, and the recording with it. */
  ended() {
    this.recording = false;
    byId("recording").hidden = true;
    byId("record").classList.remove("on");
    write(byId("record").lastElementChild, "Record");
    forget("recording");
  }

  /** Once a second. */
  tick() {
    if (this.recording) write(byId("recorded"), minutes((performance.now() - this.#began) / 1000));
  }
}
