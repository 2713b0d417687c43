// @ts-check
// The worker: socket, encoding of pictures and stamping of sound, away from the thread that draws.
import { epoch, Stamper } from "./clock.js";
import { Pictures } from "./pictures.js";
import { Socket } from "./socket.js";

const SHIFT = 20; // ms by which the sound's clock may be off before it is put right; below, samples stay contiguous

/** @type {Socket} */
let socket;
/** @type {Pictures} */
let pictures;

/** @param {string} url */
function open(url) {
  socket = new Socket(url, {
    message(message, received) {
      let timing;
      if ((message.type === "state" || message.type === "dropped") && message.frame !== null) {
        timing = pictures.settle(message.frame);
      }
      // What the server dropped it counts itself, in every state.
      if (message.type !== "dropped") postMessage({ is: "message", message, timing: timing && { ...timing, received } });
    },
    async picture(time, jpeg) {
      const bitmap = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
      postMessage({ is: "picture", time, bitmap }, [bitmap]);
    },
    link(state, reason, wait) {
      pictures.forget();
      postMessage({ is: "link", state, reason, wait });
    },
    clock: (offset) => postMessage({ is: "clock", offset }),
  });
  pictures = new Pictures(socket);
  setInterval(() => postMessage({ is: "counts", offered: pictures.offered, skipped: pictures.skipped }), 1000);
}

/** @param {MessagePort} port the sound worklet's own: sound does not pass through the page */
function listen(port) {
  const stamper = new Stamper();
  let used = NaN; // ms between the sound's clock and ours, as it is now in use
  port.onmessage = ({ data: { start, rate, samples, late } }) => {
    const own = (start / rate) * 1000;
    // A block can arrive only when its last sample has been taken.
    const taken = stamper.at(own + (samples.length / rate) * 1000, epoch()) - (samples.length / rate) * 1000;
    if (!(Math.abs(taken - own - used) < SHIFT)) used = taken - own;
    if (pictures.paused || !socket.ready) return;
    socket.media(2, rate, (own + used - late) / 1000 + socket.clock.offset, samples.buffer);
  };
}

onmessage = ({ data }) => {
  switch (data.do) {
    case "open":
      return open(data.url);
    case "consent":
      return socket.consent();
    case "send":
      return socket.send(data.message);
    case "frames":
      return pictures.read(data.frames);
    case "picture":
      return pictures.take(data.bitmap, data.bitmap.width, data.bitmap.height, data.captured, data.read);
    case "sound":
      return listen(data.port);
    case "pause":
      pictures.paused = data.on;
      return;
    case "close":
      return socket.close();
  }
};
