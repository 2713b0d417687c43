// @ts-check
// Opens camera and microphone and leads them to the worker. What cannot be had is said in a sentence.
import { epoch } from "./clock.js";

/** @typedef {(reason: string, sentence: string) => void} Lost */

/**
 * @param {any} error
 * @param {"camera" | "microphone"} what
 * @returns {[string, string]} a reason for the server and a sentence for the person
 */
function why(error, what) {
  const end = what === "camera" ? "It goes on without your face." : "It goes on without your voice.";
  switch (error?.name) {
    case "NotAllowedError":
      return [`${what} denied`, `The browser was not allowed to use the ${what}. ${end}`];
    case "NotFoundError":
    case "OverconstrainedError":
      return [`${what} missing`, `No ${what} was found. ${end}`];
    case "NotReadableError":
      return [`${what} busy`, `The ${what} is there but gives nothing; another program may be using it. ${end}`];
    default:
      return [`${what} failed`, `The ${what} could not be opened (${error?.message ?? error}). ${end}`];
  }
}

/** @param {MediaStreamConstraints} wanted */
function ask(wanted) {
  // Absent on pages that came over plain http from another computer.
  if (!navigator.mediaDevices) throw new Error("the browser gives it only to pages from this computer or over https");
  return navigator.mediaDevices.getUserMedia(wanted);
}

/**
 * @param {import("./link.js").Link} link
 * @param {HTMLVideoElement} video
 * @param {Lost} lost
 * @returns {Promise<MediaStreamTrack | null>}
 */
export async function openCamera(link, video, lost) {
  try {
    const size = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } };
    const stream = await ask({ video: { ...size, facingMode: "user" } });
    const track = stream.getVideoTracks()[0];
    track.onended = () => lost("camera unplugged", "The camera is gone. It goes on without your face.");
    video.srcObject = stream;
    await video.play();
    lead(link, video, track);
    return track;
  } catch (error) {
    lost(...why(error, "camera"));
    return null;
  }
}

/** @param {import("./link.js").Link} link @param {HTMLVideoElement} video @param {MediaStreamTrack} track */
function lead(link, video, track) {
  const Processor = /** @type {any} */ (window).MediaStreamTrackProcessor;
  if (Processor) {
    // Frames go straight to the worker: what this thread is doing does not matter to them.
    const frames = new Processor({ track, maxBufferSize: 2 }).readable;
    link.post({ do: "frames", frames }, [frames]);
    return;
  }
  const next = async (/** @type {number} */ now, /** @type {VideoFrameCallbackMetadata} */ about) => {
    if (track.readyState === "ended") return;
    video.requestVideoFrameCallback(next);
    const captured = performance.timeOrigin + (about.captureTime ?? now);
    const read = epoch();
    const bitmap = await createImageBitmap(video);
    link.post({ do: "picture", bitmap, captured, read }, [bitmap]);
  };
  video.requestVideoFrameCallback(next);
}

/**
 * @param {import("./link.js").Link} link
 * @param {Lost} lost
 * @returns {Promise<{track: MediaStreamTrack, close: () => void} | null>}
 */
export async function openMicrophone(link, lost) {
  try {
    // What makes speech clearer to a listener takes away what a voice tells of affect.
    const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    const stream = await ask({ audio: { ...plain, channelCount: { ideal: 1 } } });
    const track = stream.getAudioTracks()[0];
    track.onended = () => lost("microphone unplugged", "The microphone is gone. It goes on without your voice.");
    const context = new AudioContext({ latencyHint: "interactive" });
    await context.audioWorklet.addModule(new URL("./sound-worklet.js", import.meta.url));
    const late = 1000 * (/** @type {any} */ (track.getSettings()).latency ?? 0); // ms from the air to the first callback
    const node = new AudioWorkletNode(context, "blocks", { numberOfOutputs: 0, processorOptions: { late } });
    const { port1, port2 } = new MessageChannel();
    node.port.postMessage({ port: port1 }, [port1]);
    link.post({ do: "sound", port: port2 }, [port2]);
    context.createMediaStreamSource(stream).connect(node);
    await context.resume();
    return { track, close: () => context.close() };
  } catch (error) {
    lost(...why(error, "microphone"));
    return null;
  }
}
