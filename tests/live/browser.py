"""A real browser before a made-up camera: Chromium without a screen, fed from the demo clip, and driven by Playwright."""

import contextlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SIZE = 640, 480
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--use-fake-device-for-media-stream")


def fake_camera(film: Path, folder: Path, *, repeat: int = 1) -> tuple[Path, Path]:
    """``film`` as an MJPEG of 640 x 480 at 30 a second, and its sound as a WAV, ``repeat`` times in a row."""
    pictures, sound = folder / "camera.mjpeg", folder / "microphone.wav"
    with av.open(str(film)) as source, av.open(str(pictures), "w", format="mjpeg") as out:
        stream: Any = out.add_stream("mjpeg", rate=30)
        stream.width, stream.height = SIZE
        stream.pix_fmt, stream.bit_rate = "yuvj420p", 12_000_000
        frames = [frame.reformat(*SIZE, format="yuvj420p") for frame in source.decode(video=0)]
        for k, frame in enumerate(frames * repeat):
            frame.pts, frame.time_base = k, Fraction(1, 30)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    with av.open(str(film)) as source, av.open(str(sound), "w", format="wav") as out:
        stream = out.add_stream("pcm_s16le", rate=48000, layout="mono")
        resampler = av.AudioResampler(format="s16", layout="mono", rate=48000)
        pieces = [part.to_ndarray() for frame in source.decode(audio=0) for part in resampler.resample(frame)]
        samples: Any = np.tile(np.concatenate(pieces, 1), (1, repeat))
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = 48000
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return pictures, sound


@contextlib.contextmanager
def server(*options: str, cwd: Path) -> Iterator[str]:
    """``affectstream live`` in a process of its own; its address."""
    command = [
        sys.executable,
        "-P",
        "-m",
        "affectstream.multimodal.cli",
        "live",
        "--no-browser",
        "--port",
        "0",
        *options,
    ]
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if found := re.search(r"https?://\S+", line):
                yield found[0]
                break
        else:
            raise AssertionError(f"the server did not start: {said}")
    finally:
        process.terminate()
        process.wait(15)


@contextlib.contextmanager
def page_of(address: str, camera: Path, microphone: Path, **context: Any) -> Iterator[Any]:
    """A page at ``address`` of a browser whose camera and microphone are files."""
    from playwright.sync_api import sync_playwright

    devices = (f"--use-file-for-fake-video-capture={camera}", f"--use-file-for-fake-audio-capture={microphone}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*FLAGS, "--use-fake-ui-for-media-stream", *devices]
        )
        try:
            page = browser.new_context(**context).new_page()
            page.goto(address)
            yield page
        finally:
            browser.close()
