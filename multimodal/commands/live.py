"""``affectstream live``: a server on this computer, and a page that moves with whoever sits before the camera."""

import argparse
import asyncio
import contextlib
import webbrowser

from affectstream.multimodal.commands.serving import add_options, carry_out, listen, open_guard, open_stage, serve


def run(arguments: list[str]) -> int:
    """Serve until interrupted; 0 then, 1 if a source cannot be opened, 2 if the call was wrong."""
    options = _parser().parse_args(arguments)
    return carry_out("live", lambda: _serve(options))


def _serve(options: argparse.Namespace) -> int:
    from affectstream.multimodal.live.server import make_app

    guard, stage, listening = open_guard(options), open_stage(options), listen(options.host, options.port)

    def ready(address: str) -> None:
        page = f"{address}/" + (f"?token={guard.token}" if guard.token else "")
        print(f"affectstream live: {page}\nCtrl-C ends it.", flush=True)
        if not options.no_browser:
            webbrowser.open(page)

    with contextlib.suppress(KeyboardInterrupt):  # which uvicorn passes on when all is closed
        return asyncio.run(serve(make_app(stage, guard), listening, options, ready=ready, ending=stage.feed.close))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="affectstream live",
        description="A page that shows, as it happens, the state of whoever sits before the camera, and tells "
        "agents of it over HTTP. Nothing leaves this computer, and nothing is stored unless record is pressed.",
    )
    add_options(
        parser,
        source="browser",
        sources="browser (each page's own camera and microphone), a film that is played in real time, or a number: a camera of this computer",
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open the page")
    return parser
