// @ts-check
// One plain sentence at a time on what went wrong or changed.
import { byId, make } from "./words.js";

const SHOWN = 3;
const READ = 9000; // ms after which what was only information goes away

/** @param {"info" | "warning" | "error"} level @param {string} text @param {string} [about] replaces what was said about it */
export function notify(level, text, about = text) {
  const place = byId("notices");
  forget(about);
  const note = make("p", `notice ${level}`);
  note.dataset.about = about;
  const away = /** @type {HTMLButtonElement} */ (make("button", "round", "×"));
  away.type = "button";
  away.setAttribute("aria-label", "Dismiss");
  away.onclick = () => note.remove();
  note.append(make("span", "", text), away);
  place.append(note);
  while (place.children.length > SHOWN) place.firstElementChild?.remove();
  if (level === "info") setTimeout(() => note.remove(), READ);
}

/** @param {string} about */
export function forget(about) {
  for (const note of byId("notices").children) if (note.dataset.about === about) note.remove();
}
