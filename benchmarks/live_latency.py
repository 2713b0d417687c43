"""How far behind the live page is: from a picture's arrival in the browser to its state on the page, beside a JavaScript peer.

    pip install 'affectstream[dev]' && apt install chromium
    npm install --prefix peer @vladmandic/human @tensorflow/tfjs-backend-wasm
    python benchmarks/live_latency.py --peer peer/node_modules

The camera is the demo clip, 640 x 480 at 30 a second, the browser Chromium without a screen, on the same machine as the server. A
picture's time is the camera's stamp, put on the computer's clock by the picture that came through soonest; it counts as shown when
the drawing is done that has its result in it. The peer (detector, mesh, emotion; WebAssembly) reads the same camera by
the same means, always the freshest picture. Rounds of both alternate. Without ``--peer`` only ours is measured.
"""

import argparse
import functools
import http.server
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests/live"))  # the browser that the tests drive
from browser import fake_camera, page_of, server

PEER = """<!doctype html><meta charset=utf-8><title>peer</title><script type=module>
import { Human } from "/@vladmandic/human/dist/human.esm.js";
const human = new Human({
  backend: "wasm", wasmPath: "/@tensorflow/tfjs-backend-wasm/dist/", modelBasePath: "/@vladmandic/human/models/",
  debug: false, cacheSensitivity: 0, filter: { enabled: false },
  face: { enabled: true, detector: { rotation: false }, mesh: { enabled: true }, emotion: { enabled: true },
    iris: { enabled: false }, description: { enabled: false }, antispoof: { enabled: false }, liveness: { enabled: false } },
  body: { enabled: false }, hand: { enabled: false }, object: { enabled: false }, gesture: { enabled: false },
});
const heard = (window.affectstream = { drawn: 0, recent: [], faces: 0 });
const epoch = () => performance.timeOrigin + performance.now();
const drawn = () => new Promise(requestAnimationFrame);
const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480, frameRate: 30 } });
await human.load();
await human.warmup();
const [track] = stream.getVideoTracks();
const reader = new MediaStreamTrackProcessor({ track, maxBufferSize: 1 }).readable.getReader();
let least = Infinity;
for (;;) {
  const { value: frame } = await reader.read();
  least = Math.min(least, epoch() - frame.timestamp / 1000);
  const captured = frame.timestamp / 1000 + least;
  const bitmap = await createImageBitmap(frame);
  frame.close();
  const result = await human.detect(bitmap);
  bitmap.close();
  await drawn();
  document.title = result.face[0]?.emotion?.[0]?.emotion ?? "nobody";
  heard.faces += result.face.length > 0;
  heard.drawn += 1;
  heard.recent = [...heard.recent.slice(-299), epoch() - captured];
}
</script>"""


class Peer(http.server.SimpleHTTPRequestHandler):
    """The peer's page and packages, isolated so that its threads may share memory."""

    def do_GET(self) -> None:
        if self.path == "/":
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(PEER.encode())
        else:
            super().do_GET()

    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def peer(packages: Path) -> Iterator[str]:
    """Serve the peer from ``packages``, a folder node_modules; its address."""
    handler = functools.partial(Peer, directory=str(packages))
    serving = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{serving.server_port}/"
    finally:
        serving.shutdown()


def listen(page: Any, seconds: float) -> tuple[list[float], float]:
    """The latency (ms) of every picture that ``page`` draws within ``seconds``, and how many a second."""
    end = time.monotonic() + 60
    while page.evaluate("window.affectstream?.drawn ?? 0") < 60:  # what is slow at first is over
        if time.monotonic() > end:
            raise SystemExit(f"the page drew nothing in 60 s: {page.title()}")
        page.wait_for_timeout(200)
    first = before = page.evaluate("window.affectstream.drawn")
    began, latency = time.monotonic(), []
    while time.monotonic() < began + seconds:
        page.wait_for_timeout(1000)
        drawn, recent = page.evaluate("[window.affectstream.drawn, window.affectstream.recent]")
        latency += recent[len(recent) - min(drawn - before, len(recent)) :]
        before = drawn
    return latency, (before - first) / (time.monotonic() - began)


def ours(camera: tuple[Path, Path], seconds: float, folder: Path) -> tuple[list[float], float]:
    began = time.monotonic()
    with server(cwd=folder) as address:
        ready = time.monotonic() - began
        with page_of(address, *camera, viewport={"width": 1280, "height": 860}) as page:
            page.click("#gate-start")
            asked = time.monotonic()
            while page.evaluate("window.affectstream.last?.frame ?? null") is None:
                page.wait_for_timeout(20)
            first = time.monotonic() - asked
            latency, rate = listen(page, seconds)
    print(f"ready after {ready:.1f} s; the first state {first:.1f} s after consent", flush=True)
    return latency, rate


def theirs(packages: Path, camera: tuple[Path, Path], seconds: float) -> tuple[list[float], float]:
    with peer(packages) as address, page_of(address, *camera, viewport={"width": 1280, "height": 860}) as page:
        found = listen(page, seconds)
        if not page.evaluate("window.affectstream.faces"):
            raise SystemExit("the peer found no face")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="The live page's latency beside a JavaScript peer's")
    parser.add_argument("--film", type=Path, default=ROOT / "examples/six_emotions.mp4")
    parser.add_argument("--peer", type=Path, metavar="DIR", help="a folder node_modules with the peer's packages")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    rounds: dict[str, list[tuple[list[float], float]]] = {"affectstream": []}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        camera = fake_camera(arguments.film.resolve(), folder)
        for _ in range(arguments.rounds):
            rounds["affectstream"].append(ours(camera, arguments.seconds, folder))
            if arguments.peer is not None:
                rounds.setdefault("human", []).append(theirs(arguments.peer, camera, arguments.seconds))
    for name, found in rounds.items():
        for latency, rate in found:
            middle, late = np.percentile(latency, [50, 95])
            print(f"{name:<12} median {middle:4.0f} ms, 95th percentile {late:4.0f} ms, {rate:4.1f} pictures a second")
    if "human" in rounds:
        middle = {name: np.median([np.median(latency) for latency, _ in found]) for name, found in rounds.items()}
        ratio = middle["affectstream"] / middle["human"]
        print(f"median latency: {ratio:.2f} of the peer's")


if __name__ == "__main__":
    main()
