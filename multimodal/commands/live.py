"""``affectstream live``: a server on this computer, and a page that moves with whoever sits before the camera."""

import argparse
import asyncio
import contextlib
import secrets
import socket
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from affectstream.encoders.checkpoint import CheckpointError
from affectstream.multimodal.live.wire import LARGEST
from affectstream.multimodal.types import SignalError

SWITCH = 0.0005  # s after which a thread lets another go on: a picture's waits several times for one that hears

if TYPE_CHECKING:
    from fastapi import FastAPI

    from affectstream.multimodal.live.sources import Camera, Film


def run(arguments: list[str]) -> int:
    """Serve until interrupted; 0 then, 1 if a source cannot be opened, 2 if the call was wrong."""
    options = _parser().parse_args(arguments)
    try:
        return _serve(options)
    except (ValueError, CheckpointError) as error:
        print(f"affectstream live: {error}", file=sys.stderr)
        return 2
    except (SignalError, OSError) as error:
        print(f"affectstream live: {error}", file=sys.stderr)
        return 1


def _serve(options: argparse.Namespace) -> int:
    from affectstream.multimodal.live.eeg_sources import open_eeg
    from affectstream.multimodal.live.guard import Guard, is_loopback
    from affectstream.multimodal.live.server import make_app
    from affectstream.multimodal.live.stage import Stage
    from affectstream.multimodal.score import open_encoders

    token = "" if is_loopback(options.host) else options.token or secrets.token_urlsafe(16)
    guard = Guard(options.host, token)
    if (options.certificate is None) != (options.key is None):
        raise ValueError("one of --certificate and --key is missing; wanted both, or neither")
    source = _source(options)
    modalities = options.modalities.split(",")
    if options.eeg is not None and "eeg" not in modalities:
        modalities.append("eeg")
    encoders = open_encoders(modalities, eeg_model=options.eeg_model)
    listening = _bound(options.host, options.port)
    eeg = None if options.eeg is None else open_eeg(options.eeg)
    stage = Stage(encoders, options.out, source=source, eeg=eeg, publish=options.lsl_out)
    sys.setswitchinterval(SWITCH)
    with contextlib.suppress(KeyboardInterrupt):  # which uvicorn passes on when all is closed
        return asyncio.run(_until_interrupted(make_app(stage, guard), listening, options, token))
    return 0


def _bound(host: str, port: int) -> socket.socket:
    """A socket that listens; raises OSError, with what to do, if it cannot."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise OSError(f"cannot listen at {host}, port {port} ({error.strerror}); choose another with --port") from error


async def _until_interrupted(app: "FastAPI", listening: socket.socket, options: argparse.Namespace, token: str) -> int:
    import uvicorn

    server = uvicorn.Server(
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
    serving = asyncio.create_task(server.serve([listening]))
    while not (server.started or serving.done()):
        await asyncio.sleep(0.02)
    if server.started:
        address = _address(options, listening.getsockname()[1], token)
        print(f"affectstream live: {address}\nCtrl-C ends it.", flush=True)
        if not options.no_browser:
            webbrowser.open(address)
    await serving
    return 0 if server.started else 1


def _address(options: argparse.Namespace, port: int, token: str) -> str:
    scheme = "http" if options.certificate is None else "https"
    host = f"[{options.host}]" if ":" in options.host else options.host
    return f"{scheme}://{host}:{port}/" + (f"?token={token}" if token else "")


def _source(options: argparse.Namespace) -> "Film | Camera | None":
    from affectstream.multimodal.live.sources import Camera, Film

    if options.source == "browser":
        source = None
    elif options.source.isdecimal():
        source = Camera(int(options.source))
    else:
        source = Film(Path(options.source), options.subtitles)
    if options.subtitles is not None and not isinstance(source, Film):
        raise ValueError("--subtitles without a film; give one with --source FILE")
    return source


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="affectstream live",
        description="A page that shows, as it happens, the state of whoever sits before the camera. Nothing leaves this computer, "
        "and nothing is stored unless record is pressed.",
    )
    parser.add_argument(
        "--source", default="browser", metavar="WHAT",
        help="browser (each page's own camera and microphone), a film that is played in real time, or a number: a camera of this computer",
    )  # fmt: skip
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
        "--host", default="127.0.0.1", help="another address than this computer's own; whoever opens the page then needs the token"
    )  # fmt: skip
    parser.add_argument("--token", default="", help="with --host: the token, instead of one made up")
    parser.add_argument(
        "--certificate",
        type=Path,
        metavar="FILE",
        help="TLS certificate: browsers give no camera to other hosts without",
    )
    parser.add_argument("--key", type=Path, metavar="FILE", help="its private key")
    parser.add_argument("--no-browser", action="store_true", help="do not open the page")
    return parser
