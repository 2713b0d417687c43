"""The real server in a thread, and a plain client of it."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
import uvicorn
from numpy.typing import NDArray
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from affectstream.multimodal.live.guard import Guard
from affectstream.multimodal.live.server import make_app
from affectstream.multimodal.live.stage import Stage
from affectstream.multimodal.live.wire import HEAD, PICTURE, SOUND, VERSION


@contextlib.contextmanager
def serving(stage: Stage, token: str = "", *, mcp: bool = False) -> Iterator[str]:
    """Serve ``stage`` on a free port; its host and port."""
    guard = Guard("0.0.0.0" if token else "127.0.0.1", token)
    config = uvicorn.Config(
        make_app(stage, guard, mcp=mcp), host="127.0.0.1", port=0, log_level="error", ws_max_size=2_100_000
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(500):
        if server.started:
            break
        time.sleep(0.02)
    try:
        yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


class Client:
    """A page without a page."""

    def __init__(self, host: str, *, token: str = "", consent: bool = True, **options: Any) -> None:
        address = f"ws://{host}/live" + (f"?token={token}" if token else "")
        self._open = contextlib.ExitStack()
        self.socket: Connection = self._open.enter_context(connect(address, compression=None, max_size=None, **options))
        self.heard: list[dict[str, Any] | bytes] = []
        if consent:
            self.say({"type": "hello", "version": VERSION, "consent": True})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._open.close()

    def say(self, message: dict[str, Any] | bytes | str) -> None:
        self.socket.send(json.dumps(message) if isinstance(message, dict) else message)

    def now(self) -> float:
        """The session's second."""
        self.say({"type": "ping", "client": 1})
        return self.wait(lambda m: m["type"] == "pong")["server"]

    def picture(self, image: NDArray[np.uint8], at: float) -> None:
        self.say(HEAD.pack(PICTURE, 0, at) + jpeg(image))

    def sound(self, samples: NDArray[np.float32], at: float, rate: int = 16000) -> None:
        self.say(HEAD.pack(SOUND, rate, at) + (samples * 32767).astype("<i2").tobytes())

    def wait(self, wanted: Callable[[dict[str, Any]], bool], timeout: float = 15.0) -> dict[str, Any]:
        """The next message that is ``wanted``."""
        end = time.monotonic() + timeout
        while True:
            message = self.socket.recv(timeout=max(end - time.monotonic(), 0.01))
            told = message if isinstance(message, bytes) else json.loads(message)
            self.heard.append(told)
            if isinstance(told, dict) and wanted(told):
                return told


def jpeg(image: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".jpg", image[..., ::-1])[1].tobytes()


def frames_of(film: Path) -> list[tuple[float, NDArray[np.uint8]]]:
    """Every picture of ``film`` with its time."""
    from affectstream.multimodal.signals import read_video

    return [(float(t), image) for chunk in read_video(film) for t, image in zip(chunk.times, chunk.data, strict=True)]
