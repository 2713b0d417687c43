// @ts-check
// The messages of affect-live/1 as the page reads them. Types only; nothing here runs.

/** @typedef {{valence: number, arousal: number, dominance: number}} Vad */
/** @typedef {"face" | "speech" | "text" | "eeg"} Modality */

/**
 * @typedef {object} Happening
 * @property {"onset" | "offset" | "shift" | "recovery" | "discord"} kind
 * @property {number} time when it began, s
 * @property {number} found when it was certain enough to be said, s
 * @property {"valence" | "arousal" | "dominance"} dimension
 * @property {-1 | 0 | 1} direction
 * @property {number} magnitude
 * @property {number} p
 * @property {string[]} sources for discord, the one with the higher value first
 */

/**
 * @typedef {object} AffectState affect-state/1
 * @property {number} time s
 * @property {number | null} age s since anything was seen or heard
 * @property {Vad} vad in [-1, 1]
 * @property {Vad} sd
 * @property {Vad} velocity 1/s
 * @property {"rising" | "falling" | "steady"} trend of valence
 * @property {Vad} mood
 * @property {string} label
 * @property {number} label_p
 * @property {number} confidence in [0, 1]
 * @property {Record<string, {share: Vad, age: number, present: boolean}>} modalities
 * @property {{higher: string, lower: string, dimension: string, z: number, p: number} | null} discord
 * @property {Happening[]} events
 */

/** @typedef {[string, number, (number | null)[], (number | null)[], number]} Row source, s, mean, sd, quality */
/** @typedef {{id: number, main: boolean, box: [number, number, number, number], quality: number}} Face */

/**
 * @typedef {object} StateMessage
 * @property {"state"} type
 * @property {number} time
 * @property {number | null} frame stamp of the picture it answers
 * @property {AffectState} state
 * @property {Face[]} faces boxes in parts of the picture's width and height
 * @property {Row[]} rows
 * @property {Happening[]} events
 * @property {number} rate
 * @property {number} dropped
 * @property {number} server_ms
 */

/**
 * @typedef {object} Welcome
 * @property {"welcome"} type
 * @property {{kind: "browser" | "file" | "camera", name: string}} source
 * @property {{name: string, electrodes: string[], bands: string[]} | null} eeg
 * @property {string} notice
 * @property {string} folder
 */

/** @typedef {{type: "eeg", time: number, quality: number[], power: Record<string, number[]>}} EegMessage */

/**
 * @typedef {object} Calibration
 * @property {"calibration"} type
 * @property {"off" | "open" | "closed" | "recall" | "rate" | "done"} step
 * @property {string} title
 * @property {string} text
 * @property {number} number
 * @property {number} of
 * @property {number} seconds
 * @property {number} left
 * @property {Record<string, {ccc: number | null, p: number | null, kept: boolean}> | null} verdict
 * @property {string | null} file
 */

/** @typedef {{type: "recording", on: boolean, folder: string, files?: string[], seconds?: number}} Recording */
/** @typedef {{type: "notice", level: "info" | "warning" | "error", modality: string | null, text: string}} Notice */

/**
 * When a picture passed each stage, milliseconds since 1970.
 * @typedef {{captured: number, read: number, sent: number, received: number}} Timing
 */

export {};
