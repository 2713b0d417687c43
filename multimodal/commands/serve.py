"""``affectstream serve``: the state of one person for agents, over HTTP and, with the extra "agent", MCP."""

import argparse
import asyncio
import contextlib

from affectstream.multimodal.agent.notice import NOTICE
from affectstream.multimodal.commands.serving import add_options, carry_out, listen, open_guard, open_stage, serve

SOURCES = (
    "browser (the camera and microphone of whoever opens the page), a film or a table of affectstream score, played in real time, a "
    "number: a camera of this computer, or text: only what is handed over as said"
)


def run(arguments: list[str]) -> int:
    """Serve until interrupted; 0 then, 1 if a source cannot be opened, 2 if the call was wrong."""
    options = _parser().parse_args(arguments)
    return carry_out("serve", lambda: serve_agents(options))


def serve_agents(options: argparse.Namespace) -> int:
    """Serve what ``options`` ask for, and print where it is."""
    from affectstream.multimodal.agent.mcp import mcp_is_installed
    from affectstream.multimodal.live.server import make_app

    guard, stage, listening = open_guard(options), open_stage(options, at_once=True), listen(options.host, options.port)

    mcp = mcp_is_installed()

    def ready(address: str) -> None:
        print(told(address, guard.token, page=options.source == "browser", mcp=mcp), flush=True)

    with contextlib.suppress(KeyboardInterrupt):  # which uvicorn passes on when all is closed
        return asyncio.run(
            serve(make_app(stage, guard, mcp=mcp), listening, options, ready=ready, ending=stage.feed.close)
        )
    return 0


def told(address: str, token: str, *, page: bool, mcp: bool) -> str:
    """What is printed: where what can be asked for."""
    rows = [
        ("/state", "the state now, and its words for a prompt"),
        ("/history", "the last minutes (?seconds=60&most=600)"),
        ("/turn", "what showed in a turn (?start=&end= or ?seconds=10)"),
        ("/stream", "every state as it comes: Server-Sent Events"),
        ("/agent", "the same over a WebSocket"),
        ("/said", "POST what the person said"),
        ("/baseline", "POST what is usual for this person"),
        ("/openapi.json", "all of this for machines; /schema/affect-state-1.json is the state's"),
    ]
    rows += [("/mcp", "the Model Context Protocol (streamable HTTP)")] if mcp else []
    lines = [f"affectstream serve: {address}", *(f"  {path:<14} {what}" for path, what in rows)]
    if not mcp:
        lines.append("  no /mcp: pip install 'affectstream[agent]'")
    if token:
        lines.append(f"Send Authorization: Bearer {token}")
    if page:
        lines.append(f"The state is that of whoever opens {address}/{f'?token={token}' if token else ''} and agrees.")
    return "\n".join([*lines, NOTICE, "Ctrl-C ends it."])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="affectstream serve",
        description="The state of one person for agents, as it happens. Nothing leaves this computer, the last ten minutes are kept in "
        "memory, and nothing is stored.",
    )
    add_options(parser, source="browser", sources=SOURCES)
    return parser
