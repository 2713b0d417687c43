// @ts-check
// Ties the page together: consent, then capture, then what comes back is drawn.
import { openCamera, openMicrophone } from "./capture.js";
import { epoch } from "./clock.js";
import { ask, describe, refuse } from "./consent.js";
import { Controls } from "./controls.js";
import { Eeg } from "./eeg.js";
import { Foot } from "./foot.js";
import { Guide } from "./guide.js";
import { Link } from "./link.js";
import { Events, Words } from "./lists.js";
import { forget, notify } from "./notices.js";
import { readColours } from "./palette.js";
import { Picture } from "./picture.js";
import { Plane } from "./plane.js";
import { Reading } from "./reading.js";
import { Strips } from "./strips.js";
import { byId, inWords, write } from "./words.js";

const READ = 250; // ms between two writings of words and numbers, which nobody reads faster
const BOX = 1000; // ms for which a face's box stays without a new picture
const SILENT = 2; // s without a state after which that is said

/** What the tests read. @type {any} */
const shown = { connected: false, consent: false, latency: {}, rate: 0, dropped: 0, last: null, point: { x: NaN, y: NaN } };
/** @type {any} */ (window).affectstream = shown;

readColours();
const plane = new Plane(byId("plane-point"), byId("plane-ground"));
const strips = new Strips();
const reading = new Reading();
const events = new Events();
const foot = new Foot();
const eeg = new Eeg();
const picture = new Picture();
const link = new Link(hear);
const words = new Words(link, () => notify("warning", "The words were not sent: there is no connection.", "link"));
const guide = new Guide(link);
const controls = new Controls({
  pause(on) {
    link.post({ do: "pause", on });
    status();
  },
  record: (on) => link.send({ type: "record", on }),
  stop,
  theme() {
    readColours();
    plane.lay();
    strips.recolour();
  },
});

/** @type {import("./messages.js").Welcome | null} */
let welcome = null;
/** @type {(welcome: import("./messages.js").Welcome) => void} */
let welcomed;
/** @type {Promise<import("./messages.js").Welcome>} */
const arrival = new Promise((resolve) => (welcomed = resolve));
/** @type {import("./messages.js").StateMessage | null} */
let last = null;
let heardAt = 0; // ms
/** @type {{faces: import("./messages.js").Face[], at: number}} */
let seen = { faces: [], at: 0 };
/** @type {{frame: number, timing: import("./messages.js").Timing | undefined}[]} pictures whose state waits to be drawn */
let undrawn = [];
let asked = false; // a drawing has been asked for
let readAt = 0;
let linked = "connecting";
/** @type {(() => void)[]} */
let devices = [];
/** @type {Map<string, string>} modalities that ended, and why: told again to every new connection */
const ended = new Map();

/** @param {any} told by the worker */
function hear(told) {
  if (told.is === "message") take(told.message, told.timing);
  else if (told.is === "picture") picture.show(told.bitmap);
  else if (told.is === "counts") foot.counts(told);
  else if (told.is === "link") connection(told);
}

/** @param {any} message @param {import("./messages.js").Timing} [timing] */
function take(message, timing) {
  switch (message.type) {
    case "state":
      return taken(message, timing);
    case "welcome":
      return greet(message);
    case "words":
      return words.add(message);
    case "eeg":
      return eeg.draw(message);
    case "calibration":
      return guide.show(message);
    case "recording":
      return controls.recorded(message);
    case "notice":
      return notify(message.level, message.text, message.modality ?? message.text);
  }
}

/** @param {import("./messages.js").StateMessage} message @param {import("./messages.js").Timing} [timing] */
function taken(message, timing) {
  last = shown.last = message;
  heardAt = performance.now();
  if (message.frame !== null) seen = { faces: message.faces, at: heardAt };
  else if (heardAt - seen.at > BOX) seen = { faces: [], at: heardAt };
  // A page that is not looked at draws nothing, and has no latency.
  if (message.frame !== null && !document.hidden) undrawn.push({ frame: message.frame, timing });
  strips.add(message);
  events.add(message.events);
  foot.heard(message);
  eeg.rows(message.rows);
  if (asked) return;
  asked = true;
  requestAnimationFrame(draw);
}

function draw() {
  asked = false;
  if (!last) return;
  plane.draw(last.state);
  picture.draw(seen.faces);
  strips.draw(last.state);
  const time = performance.now();
  if (time - readAt > READ || reading.label !== last.state.label) {
    readAt = time;
    reading.draw(last.state);
    Object.assign(shown, foot.figures);
  }
  shown.point = plane.point;
  const now = link.now();
  for (const { frame, timing } of undrawn) foot.drawn(1000 * (now - frame), timing, epoch());
  undrawn = [];
}

/** @param {import("./messages.js").Welcome} message */
function greet(message) {
  welcome = message;
  describe(message);
  picture.of(message.source.kind);
  reading.begin(message.eeg !== null);
  byId("legend-eeg").hidden = !message.eeg;
  eeg.begin(message.eeg);
  // A new session has a clock of its own.
  strips.clear();
  plane.clear();
  foot.clear();
  events.clear();
  last = null;
  for (const [name, reason] of ended) lost(name, reason);
  welcomed(message);
}

/** @param {{state: "open" | "lost" | "refused", reason: string, wait: number}} told */
function connection({ state, reason, wait }) {
  const recorded = controls.recording;
  linked = state;
  shown.connected = state === "open";
  if (state === "open") forget("link");
  else {
    controls.ended();
    guide.show(/** @type {any} */ ({ step: "off" }));
  }
  if (state === "lost") {
    const cut = recorded ? " The recording ended with it." : "";
    const kept = shown.consent ? " The camera stays open; nothing is sent." : "";
    notify("error", `The connection to the server is lost${reason ? ` (${reason})` : ""}. Trying again in ${wait} s.${kept}${cut}`, "link");
  } else if (state === "refused") {
    const sentence = `The server closed the connection: ${reason || "no reason was given"}`;
    notify("error", sentence, "link");
    if (!shown.consent) refuse(sentence);
  }
  status();
}

function status() {
  const quiet = shown.consent && last && performance.now() - heardAt > SILENT * 1000;
  const [text, kind] =
    linked === "refused" ? ["closed", "bad"]
    : linked !== "open" ? ["no connection", "bad"]
    : !shown.consent ? [byId("gate-before").hidden ? "ready" : "stopped", ""]
    : controls.paused ? ["paused", "held"]
    : quiet ? ["no news", "held"]
    : last ? ["live", "good"]
    : ["starting", ""];
  write(byId("status"), text);
  byId("status").className = `chip ${kind}`;
}

/** @param {string} name @param {string} reason */
function lost(name, reason) {
  ended.set(name, reason);
  link.send({ type: "end", modality: name, reason });
  reading.off(name, reason);
}

/** @param {"face" | "speech"} name @returns {import("./capture.js").Lost} */
const gone = (name) => (reason, sentence) => {
  lost(name, reason);
  notify("warning", sentence, name);
  if (name === "face") picture.without(sentence);
};

function stop() {
  const before = `Stopped, nothing is sent.${controls.recording ? ` The recording is in ${controls.folder}.` : ""}`;
  if (controls.recording) link.send({ type: "record", on: false });
  for (const close of devices) close();
  devices = [];
  picture.close();
  last = null;
  shown.consent = shown.connected = false;
  // The worker answers in order: what was asked before is sent before it says goodbye.
  link.close();
  // A fresh page is the surest fresh start.
  ask(before).then(() => location.reload());
  byId("gate-devices").hidden = true;
  write(byId("gate-start"), "Start again");
}

async function begin() {
  const { camera, microphone } = await ask();
  shown.consent = true;
  link.post({ do: "consent" });
  status();
  const { source } = await arrival;
  if (source.kind !== "browser") return;
  if (camera) {
    const track = await openCamera(link, picture.video, gone("face"));
    if (track) devices.push(() => track.stop());
  } else gone("face")("camera not used", "The camera is not used.");
  if (microphone) {
    const opened = await openMicrophone(link, gone("speech"));
    if (opened) devices.push(opened.track.stop.bind(opened.track), opened.close);
  } else gone("speech")("microphone not used", "The microphone is not used.");
}

picture.video.onloadedmetadata = () => {
  byId("picture").style.aspectRatio = `${picture.video.videoWidth} / ${picture.video.videoHeight}`;
};
setInterval(() => {
  events.draw(link.now());
  foot.draw(shown.consent && !controls.paused);
  controls.tick();
  status();
  if (last) byId("plane").setAttribute("aria-label", `Affect plane: ${inWords(last.state.vad)}`);
  Object.assign(shown, foot.figures);
}, 1000);
describe(welcome);
begin();
