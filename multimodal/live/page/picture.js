// @ts-check
// The picture, mirrored as in a mirror, and the boxes of the faces that were found in it.
import { byId, make, write } from "./words.js";

export class Picture {
  #frame = byId("picture");
  #canvas = /** @type {HTMLCanvasElement} */ (byId("still"));
  #context = /** @type {ImageBitmapRenderingContext} */ (this.#canvas.getContext("bitmaprenderer"));
  /** @type {Map<number, HTMLElement>} */
  #boxes = new Map();
  video = /** @type {HTMLVideoElement} */ (byId("video"));

  /** @param {"browser" | "file" | "camera"} kind a file is somebody else: only oneself is mirrored */
  of(kind) {
    this.#frame.classList.toggle("mirrored", kind !== "file");
    this.#canvas.hidden = kind === "browser";
    this.video.hidden = kind !== "browser";
  }

  /** @param {string} text why there is no picture, or nothing if there is one */
  without(text) {
    write(byId("no-picture"), text);
    byId("no-picture").hidden = !text;
  }

  /** @param {ImageBitmap} bitmap of the server's own camera or file */
  show(bitmap) {
    this.#frame.style.aspectRatio = `${bitmap.width} / ${bitmap.height}`;
    this.#canvas.width = bitmap.width;
    this.#canvas.height = bitmap.height;
    this.#context.transferFromImageBitmap(bitmap);
  }

  /** Nothing is looked at any more. */
  close() {
    this.video.srcObject = null;
    this.draw([]);
  }

  /** @param {import("./messages.js").Face[]} faces */
  draw(faces) {
    const mirrored = this.#frame.classList.contains("mirrored");
    for (const [id, box] of this.#boxes) {
      if (faces.some((face) => face.id === id)) continue;
      box.remove();
      this.#boxes.delete(id);
    }
    for (const { id, main, box, quality } of faces) {
      let node = this.#boxes.get(id);
      if (!node) {
        node = make("div", "box");
        node.append(make("span"));
        this.#frame.append(node);
        this.#boxes.set(id, node);
      }
      const [x, y, w, h] = box;
      const left = mirrored ? 1 - x - w : x;
      // The name stays within the picture.
      node.className = `box${main ? " main" : ""}${y < 0.09 ? " low" : left > 0.6 ? " end" : ""}`;
      node.style.left = `${100 * left}%`;
      node.style.top = `${100 * y}%`;
      node.style.width = `${100 * w}%`;
      node.style.height = `${100 * h}%`;
      write(/** @type {Element} */ (node.firstChild), quality < 0.5 ? `face ${id}, hard to read` : `face ${id}`);
    }
  }
}
