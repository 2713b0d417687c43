"""What ``affectstream live``, ``serve`` and ``mcp`` share: their options, what is opened for these, and the server."""

import argparse
import asyncio
import contextlib
import secrets
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from affectstream.encoders.checkpoint import CheckpointError
from affectstream.multimodal.live.wire import LARGEST
from affectstream.multimodal.types import SignalError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from affectstream.multimodal.live.guard import Guard
    from affectstream.multimodal.live.sources import Camera, Film
    from affectstream.multimodal.live.stage import Stage

TABLES = (".parquet", ".csv")
SWITCH = 0.0005  # s after which a thread lets another go on: a picture's waits several times for one that hears
UNSENT = 16_384  # bytes that may wait in the system for a slow reader, who gets the latest state and no queue


def carry_out(name: str, command: Callable[[], int]) -> int:
    """What ``command`` gives: 1, and why, if a source cannot be opened, 2 if the call was wrong."""
    try:
        return command()
    except (ValueError, CheckpointError) as error:
        print(f"affectstream {name}: {error}", file=sys.stderr)
        return 2
    except (SignalError, OSError) as error:
        print(f"affectstream {name}: {error}", file=sys.stderr)
        return 1


def open_stage(options: argparse.Namespace, *, at_once: bool = False) -> "Stage":
    """The stage with all that ``options`` ask for; ``at_once`` as :class:`Stage` has it."""
    from affectstream.multimodal.live.eeg_sources import open_eeg
    from affectstream.multimodal.live.replay import Replay, Written
    from affectstream.multimodal.live.stage import Stage
    from affectstream.multimodal.score import Encoders, open_encoders

    if options.source == "text":
        source = Written()
    elif Path(options.source).suffix in TABLES:
        source = Replay(Path(options.source))
    else:
        source = _pictures(options)
    if options.subtitles is not None and source is not None and source.kind != "file":
        raise ValueError("--subtitles without a film; give one with --source FILE")
    modalities = options.modalities.split(",") if source is None or source.kind in ("file", "camera") else ["text"]
    if options.eeg is not None and "eeg" not in modalities:
        modalities.append("eeg")
    if isinstance(source, Replay):
        encoders = Encoders(None, None, None)
    else:
        encoders = open_encoders(modalities, eeg_model=options.eeg_model)
    eeg = None if options.eeg is None else open_eeg(options.eeg)
    return Stage(encoders, options.out, source=source, eeg=eeg, publish=options.lsl_out, at_once=at_once)


def _pictures(options: argparse.Namespace) -> "Film | Camera | None":
    from affectstream.multimodal.live.sources import Camera, Film

    if options.source == "browser":
        if options.subtitles is not None:
            raise ValueError("--subtitles without a film; give one with --source FILE")
        return None
    return Camera(int(options.source)) if options.source.isdecimal() else Film(Path(options.source), options.subtitles)


def open_guard(options: argparse.Namespace) -> "Guard":
    """The guard of the address that is listened at, with a token where it needs one."""
    from affectstream.multimodal.live.guard import Guard, is_loopback

    if (options.certificate is None) != (options.key is None):
        raise ValueError("one of --certificate and --key is missing; wanted both, or neither")
    return Guard(options.host, "" if is_loopback(options.host) else options.token or secrets.token_urlsafe(16))


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; raises OSError, with what to do, if it cannot."""
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise OSError(f"cannot listen at {host}, port {port} ({error.strerror}); choose another with --port") from error
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        with contextlib.suppress(OSError):  # not every system has it
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
    return listening


async def serve(
    app: "FastAPI",
    listening: socket.socket,
    options: argparse.Namespace,
    *,
    ready: Callable[[str], None],
    ending: Callable[[], None],
) -> int:
    """Serve ``app`` until interrupted; ``ready`` is told its address, ``ending`` called before connections are waited for."""
    import uvicorn
    from threadpoolctl import threadpool_limits

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            ending()
            await super().shutdown(sockets)

    server = Server(
        uvicorn.Config(
            app,
            log_level="warning",
            ws_max_size=LARGEST + 100_000,  # so that a little too much is refused in words
            ws_per_message_deflate=False,
            ssl_certfile=options.certificate,
            ssl_keyfile=options.key,
            timeout_graceful_shutdown=3,
        )
    )
    sys.setswitchinterval(SWITCH)
    threadpool_limits(1, "blas")  # whose threads would spin for matrices that one does as fast
    serving = asyncio.create_task(server.serve([listening]))
    try:
        while not (server.started or serving.done()):
            await asyncio.sleep(0.02)
        if server.started:
            ready(_address(options, listening.getsockname()[1]))
        await asyncio.shield(serving)
    except asyncio.CancelledError:  # whoever serves beside it has ended
        server.should_exit = True
        await serving
    return 0 if server.started else 1


def _address(options: argparse.Namespace, port: int) -> str:
    scheme = "http" if options.certificate is None else "https"
    host = f"[{options.host}]" if ":" in options.host else options.host
    return f"{scheme}://{host}:{port}"


def add_options(parser: argparse.ArgumentParser, *, source: str, sources: str) -> None:
    """Options of what is looked at, by default ``source``, one of ``sources``, and of the server."""
    parser.add_argument("--source", default=source, metavar="WHAT", help=sources)
    parser.add_argument("--subtitles", type=Path, metavar="FILE", help="what is said in the film (.srt, .vtt)")
    parser.add_argument(
        "--eeg", metavar="WHAT",
        help="lsl:NAME (a stream of the Lab Streaming Layer), synthetic (a board that makes some up), or a recording that is replayed",
    )  # fmt: skip
    parser.add_argument(
        "--eeg-model", type=Path, metavar="FILE", help="what `affectstream calibrate` learnt of this person"
    )
    parser.add_argument("--lsl-out", action="store_true", help="publish the state and the events as LSL streams")
    parser.add_argument(
        "--modalities", default="face,speech,text", metavar="LIST", help="what is looked at (default: face,speech,text; --eeg adds eeg)"
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, default=Path("recordings"), metavar="DIR", help="where recordings go (default: recordings)"
    )
    parser.add_argument("--port", type=int, default=8765, help="default: 8765; 0 takes a free one")
    parser.add_argument(
        "--host", default="127.0.0.1", help="another address than this computer's own; whoever calls then needs the token"
    )  # fmt: skip
    parser.add_argument("--token", default="", help="with --host: the token, instead of one made up")
    parser.add_argument(
        "--certificate",
        type=Path,
        metavar="FILE",
        help="TLS certificate: browsers give no camera to other hosts without",
    )
    parser.add_argument("--key", type=Path, metavar="FILE", help="its private key")
