// @ts-check
// Nothing starts before a person has read what is done and said yes.
import { byId, write } from "./words.js";

const HERE = ["localhost", "127.0.0.1", "[::1]"];

/** Fill in where things go. @param {import("./messages.js").Welcome | null} welcome */
export function describe(welcome) {
  const here = HERE.includes(location.hostname);
  const way = location.protocol === "https:" ? "encrypted" : "not encrypted";
  const goes = here ? "stay on this computer" : `go to ${location.host} (${way})`;
  const { kind, name } = welcome?.source ?? { kind: "browser", name: "" };
  const what = {
    browser: `Pictures and sound ${goes}, where they are analysed as they come.`,
    file: `The recording ${name} is played and analysed ${here ? "on this computer" : `on ${location.host}`}. Your camera and microphone are not used.`,
    camera: `A camera of ${here ? "this computer" : location.host} ${name ? `(${name}) ` : ""}is opened and its picture analysed there.`,
  };
  write(byId("gate-where"), what[kind] + (welcome?.eeg ? ` EEG is read from ${welcome.eeg.name}.` : ""));
  const folder = welcome?.folder ? ` in ${welcome.folder}` : "";
  write(byId("gate-stored"), `Nothing is stored, unless you press Record: then ${here ? "it is kept" : `${location.host} keeps it`}${folder}.`);
  if (welcome?.notice) write(byId("gate-law"), welcome.notice);
  byId("gate-devices").hidden = kind !== "browser";
}

/**
 * Show the gate and wait for yes.
 * @param {string} [before] a sentence on what has just ended
 * @returns {Promise<{camera: boolean, microphone: boolean}>}
 */
export function ask(before = "") {
  const gate = byId("gate");
  write(byId("gate-before"), before);
  write(byId("gate-title"), before ? "Stopped" : "Before anything starts");
  byId("gate-before").hidden = !before;
  byId("page").inert = true;
  gate.hidden = false;
  byId("gate-title").focus();
  return new Promise((agreed) => {
    byId("gate-form").onsubmit = (/** @type {Event} */ event) => {
      event.preventDefault();
      gate.hidden = true;
      byId("page").inert = false;
      agreed({ camera: byId("use-camera").checked, microphone: byId("use-microphone").checked });
    };
  });
}

/** The server will not have us: nothing can be started. @param {string} sentence */
export function refuse(sentence) {
  write(byId("gate-before"), sentence);
  byId("gate-before").hidden = false;
  byId("gate-start").disabled = true;
}
