"""What a frame costs: ours beside the `fer` package (Haar), and whether memory grows with length.

    python benchmarks/face_cost.py [--peer PYTHON_WITH_FER]

``PYTHON_WITH_FER`` is the interpreter of an environment of its own:
pip install tensorflow-cpu 'opencv-contrib-python<5' requests pandas matplotlib tqdm 'moviepy<2' ffmpeg-python Pillow
'setuptools<81' and then pip install --no-deps fer==25.10.3. Both read the same 640 x 480, 25 fps film and
look at every frame; what counts is processor time, with start-up left out.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

DEMO = Path(__file__).parents[1] / "examples" / "six_emotions.mp4"

OURS = """
import json, resource, sys, time
from affectstream.multimodal.score import open_encoders, score
encoders = open_encoders(("face",))
began = time.process_time()
result = score(sys.argv[1], encoders=encoders)
spent = time.process_time() - began
rows = len({float(x) for s, t in result.traces.items() if s.startswith("face/") for x in t.time})  # frames
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"frames": rows, "cpu_ms": 1000 * spent / rows, "peak_mib": peak}))
"""

PEER = """
import json, resource, sys, time
import cv2
from fer.fer import FER
detector = FER()
film = cv2.VideoCapture(sys.argv[1])
detector.detect_emotions(film.read()[1])
began, frames = time.process_time(), 0
while True:
    good, frame = film.read()
    if not good:
        break
    detector.detect_emotions(frame)
    frames += 1
spent = time.process_time() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"frames": frames, "cpu_ms": 1000 * spent / frames, "peak_mib": peak}))
"""


def film(path: Path, seconds: float, *, size: tuple[int, int] = (640, 480)) -> Path:
    """The demo clip at ``size`` and 25 fps, over and over for ``seconds``."""
    import av

    with av.open(str(DEMO)) as source:
        pictures = [f.reformat(*size, format="yuv420p") for f in source.decode(video=0)]
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for k in range(round(25 * seconds)):
            picture = pictures[k % len(pictures)]
            picture.pts = k
            picture.time_base = Fraction(1, 25)
            out.mux(stream.encode(picture))
        out.mux(stream.encode())
    return path


def measure(python: str, program: str, clip: Path) -> dict[str, float]:
    """What ``program`` prints of itself."""
    done = subprocess.run([python, "-c", program, str(clip)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{python} failed on {clip}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description="Processor time per frame and memory of face scoring")
    parser.add_argument("--peer", help="python of an environment with fer installed")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--long", type=float, default=60, help="minutes of the long film (0: skip)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clip = film(Path(folder) / "film.mp4", 12)
        pairs = []
        for _ in range(options.runs):
            ours = measure(sys.executable, OURS, clip)
            peer = measure(options.peer, PEER, clip) if options.peer else None
            pairs.append((ours, peer))
            line = f"ours {ours['cpu_ms']:.2f} ms a frame"
            print(
                line + (f", fer {peer['cpu_ms']:.1f} ms, ratio {ours['cpu_ms'] / peer['cpu_ms']:.3f}" if peer else ""),
                flush=True,
            )
        if options.peer:
            ratios = sorted(o["cpu_ms"] / p["cpu_ms"] for o, p in pairs if p)
            print(f"median ratio {ratios[len(ratios) // 2]:.3f} (bar: at most 0.1)")
        if options.long:
            small = (160, 120)
            short, long = (
                measure(sys.executable, OURS, film(Path(folder) / f"{m}.mp4", 60 * m, size=small))
                for m in (1, options.long)
            )
            grown = long["peak_mib"] - short["peak_mib"]
            print(
                f"peak memory: 1 minute {short['peak_mib']:.0f} MiB, {options.long:g} minutes {long['peak_mib']:.0f} MiB"
            )
            print(f"growth {grown:.0f} MiB (bar: within 95 MiB, which is 100 MB)")


if __name__ == "__main__":
    main()
