"""``affectstream mcp``: the state of one person for agents, as a server of the Model Context Protocol."""

import argparse
import asyncio
import sys
import threading
from typing import TYPE_CHECKING, Any

from affectstream.multimodal.commands.serve import SOURCES, serve_agents
from affectstream.multimodal.commands.serving import add_options, carry_out, listen, open_guard, open_stage, serve

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from affectstream.multimodal.live.stage import Stage


def run(arguments: list[str]) -> int:
    """Serve until the client leaves, or with --http until interrupted; 1 if a source cannot be opened, 2 if the call was wrong."""
    options = _parser().parse_args(arguments)
    return carry_out("mcp", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    """On stdio only the protocol reaches stdout; whatever else is said goes to stderr."""
    from affectstream.multimodal.agent.feed import Feed
    from affectstream.multimodal.agent.mcp import make_mcp

    if options.http:
        make_mcp(Feed())  # which says what to install
        return serve_agents(options)
    if options.connect is not None:
        return _follow(options)
    stage = open_stage(options, at_once=True)
    server = make_mcp(stage.feed, stage.hear_text)
    asyncio.run(_beside_a_page(server, stage, options) if options.source == "browser" else _alone(server, stage))
    return 0


def _follow(options: argparse.Namespace) -> int:
    from affectstream.multimodal.agent.feed import Feed
    from affectstream.multimodal.agent.follow import Follower
    from affectstream.multimodal.agent.mcp import make_mcp

    feed = Feed()
    server = make_mcp(feed, (follower := Follower(options.connect, options.token)).hear_text)
    over = threading.Event()
    threading.Thread(target=follower.follow, args=(feed, over), name="affectstream-follower", daemon=True).start()
    server.run("stdio")
    over.set()
    return 0


async def _alone(server: "MCPServer[Any]", stage: "Stage") -> None:
    from affectstream.multimodal.live.server import playing

    async with playing(stage):
        await server.run_stdio_async()


async def _beside_a_page(server: "MCPServer[Any]", stage: "Stage", options: argparse.Namespace) -> None:
    from affectstream.multimodal.live.server import make_app

    guard = open_guard(options)

    def ready(address: str) -> None:
        page = f"{address}/" + (f"?token={guard.token}" if guard.token else "")
        print(f"affectstream mcp: the state is that of whoever opens {page} and agrees.", file=sys.stderr, flush=True)

    app, listening = make_app(stage, guard), listen(options.host, options.port)
    beside = asyncio.create_task(serve(app, listening, options, ready=ready, ending=stage.feed.close))
    try:
        await server.run_stdio_async()
    finally:
        beside.cancel()
        await beside


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="affectstream mcp",
        description="The state of one person as a server of the Model Context Protocol: on stdin and stdout, for a client that starts "
        "it, or with --http at /mcp of a server. Nothing leaves this computer, and nothing is stored.",
    )
    parser.add_argument(
        "--http",
        action="store_true",
        help="serve over HTTP, as `affectstream serve` does, instead of on stdin and stdout",
    )
    parser.add_argument(
        "--connect", metavar="ADDRESS", help="tell what a running `affectstream live` or `serve` knows, such as http://127.0.0.1:8765"
    )  # fmt: skip
    add_options(parser, source="text", sources=SOURCES)
    return parser
