"""The state as a server of the Model Context Protocol: four tools, and a resource that says when it changes."""

import asyncio
import contextlib
import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from affectstream.multimodal.agent.feed import Feed
from affectstream.multimodal.agent.notice import CARE, KEPT, NOTICE
from affectstream.multimodal.agent.pages import (
    LONGEST,
    SAID,
    Baseline,
    HearText,
    History,
    Snapshot,
    bounds,
    history,
    settle,
    snapshot,
    turn,
)
from affectstream.multimodal.agent.state import Vad
from affectstream.multimodal.agent.turn import TurnSummary
from affectstream.multimodal.types import SignalError

if TYPE_CHECKING:
    from mcp.server import MCPServer

STATE = "affect://state/current"
ROWS = 200  # of a history, at most
LARGEST = 100_000  # bytes of a call over HTTP
INSTRUCTIONS = f"""How the person you talk with seems to feel, estimated live from what they show: face, voice, words or brain waves.

Valence (unpleasant to pleasant), arousal (calm to excited) and dominance (overwhelmed to in control) lie in [-1, 1], each with its
standard deviation. Read the state before you answer, let it colour your tone, and do not tell the person what they feel: it is
an estimate and may be wrong. Where `stale` is true or `words` is empty, act as if you knew nothing.

{NOTICE} {CARE}"""

Seconds = Annotated[float, Field(gt=0, le=KEPT, allow_inf_nan=False)]
Moment = Annotated[float | None, Field(allow_inf_nan=False)]
Level = Annotated[float | None, Field(ge=-1, le=1, allow_inf_nan=False)]
Text = Annotated[str | None, Field(min_length=1, max_length=LONGEST)]


def mcp_is_installed() -> bool:
    """Whether :func:`make_mcp` can make one."""
    return importlib.util.find_spec("mcp") is not None


def make_mcp(feed: Feed, hear_text: HearText | None = None) -> "MCPServer[Any]":
    """A server that tells what ``feed`` holds; ``hear_text`` takes in what the person said, and may wait until it is heard.

    Raises SignalError if mcp is not installed.
    """
    try:
        from mcp.server import MCPServer
        from mcp.server.mcpserver.exceptions import ToolError
        from mcp.server.subscriptions import InMemorySubscriptionBus, ResourceUpdated, ServerEvent
        from mcp.types import ToolAnnotations
    except ImportError as missing:
        raise SignalError("mcp is not installed; pip install 'affectstream[agent]'") from missing

    class Bus(InMemorySubscriptionBus):
        """Tells each listener, in its own event loop, that the feed has something new."""

        def subscribe(self, listener: Callable[[ServerEvent], None]) -> Callable[[], None]:
            loop = asyncio.get_running_loop()
            leave = super().subscribe(listener)

            def tell() -> None:
                with contextlib.suppress(RuntimeError):  # the loop is closed
                    loop.call_soon_threadsafe(listener, ResourceUpdated(uri=STATE))

            stop = feed.subscribe(tell)

            def unsubscribe() -> None:
                stop()
                leave()

            return unsubscribe

    server: MCPServer[Any] = MCPServer(
        "affectstream", instructions=INSTRUCTIONS, subscriptions=Bus(), log_level="WARNING"
    )
    reads = ToolAnnotations(read_only_hint=True, open_world_hint=False)
    writes = ToolAnnotations(read_only_hint=False, idempotent_hint=True, open_world_hint=False)

    @server.tool(annotations=reads)
    async def get_affect_state() -> Snapshot:
        """How the person seems to feel right now. `words` is one line to go by; `state` has the numbers, their uncertainty,
        the trend, what it rests on (`modalities`) and what happened in the last half minute (`events`)."""
        return snapshot(feed)

    @server.tool(annotations=reads)
    async def get_affect_history(
        seconds: Seconds = 60.0, max_rows: Annotated[int, Field(ge=1, le=ROWS)] = 60
    ) -> History:
        """The course over the last `seconds` (up to 600) as a table of at most `max_rows`, and what happened. Use it for how
        somebody's affect moved; for one exchange use summarize_turn, which is shorter."""
        return history(feed, seconds, max_rows)

    @server.tool(annotations=writes)
    async def summarize_turn(
        start: Moment = None, end: Moment = None, seconds: Seconds = 10.0, text: Text = None
    ) -> TurnSummary:
        """What showed during one turn of the conversation: mean, extremes, slope and events. The turn is the last `seconds`, or
        from `start` to `end`, in the session's seconds as in `state.time`. Give `text`, what the person said in the turn, if it is not heard
        by microphone: it is taken in first."""
        try:
            begin, over = bounds(feed, start, end, seconds)
            if text is not None and hear_text is None:
                raise ValueError("words are not heard here; leave text out")
            if text is not None and hear_text is not None:
                said = begin if start is not None else max(begin, over - SAID)
                await asyncio.to_thread(hear_text, text, said, over)
                over = bounds(feed, start, end, seconds)[1]  # the turn ends when its words are heard
            return turn(feed, begin, over)
        except (ValueError, SignalError) as error:
            raise ToolError(str(error)) from error

    @server.tool(annotations=writes)
    async def set_baseline(
        seconds: Annotated[float | None, Field(gt=0, le=KEPT, allow_inf_nan=False)] = None,
        valence: Level = None,
        arousal: Level = None,
        dominance: Level = None,
        clear: bool = False,
    ) -> Baseline:
        """What is usual for this person, with which `words` compares: the mean of the last `seconds`, best while they are at ease; or
        `valence`, `arousal` and `dominance`; or `clear`, for anybody's. The estimate itself does not change."""
        values = {"valence": valence, "arousal": arousal, "dominance": dominance}
        given = {name: value for name, value in values.items() if value is not None}
        try:
            if given and len(given) < len(values):
                raise ValueError(f"got {', '.join(given)} alone; wanted valence, arousal and dominance together")
            return settle(feed, seconds, Vad(**given) if given else None, clear=clear)
        except ValueError as error:
            raise ToolError(str(error)) from error

    @server.resource(STATE, name="state", title="How the person seems to feel now", mime_type="application/json")
    async def state() -> str:
        """The state now, with its words: affect-snapshot/1."""
        return snapshot(feed).model_dump_json(by_alias=True)

    return server


def http_routes(server: "MCPServer[Any]") -> list[Any]:
    """``server`` at /mcp, for an application that checks who calls and runs ``server.session_manager`` while it lives."""
    from mcp.server.transport_security import TransportSecuritySettings

    app = server.streamable_http_app(
        stateless_http=True,
        json_response=True,
        max_request_body_size=LARGEST,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    return list(app.routes)
