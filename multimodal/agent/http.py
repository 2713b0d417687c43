"""The state over HTTP: asked for, or subscribed to as Server-Sent Events or over a WebSocket.

A subscriber is told that there is something new and takes the latest: one that is slow misses states and is never behind by more
than what is on its way in the network's buffers.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, HTTPException, Query, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from affectstream.multimodal.agent.feed import Feed, Session
from affectstream.multimodal.agent.news import Listeners, event_id, news, session_page
from affectstream.multimodal.agent.notice import KEPT
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

SUBSCRIBERS = 1000  # at a time

Seconds = Annotated[float, Query(gt=0, le=KEPT, allow_inf_nan=False)]
Moment = Annotated[float | None, Query(allow_inf_nan=False, description="seconds of the session")]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class BaselineAsked(_Asked):
    """Just one of: the last ``seconds``, whose mean is taken; values; or ``clear``."""

    seconds: float | None = Field(None, gt=0, le=KEPT, allow_inf_nan=False)
    vad: Vad | None = None
    clear: bool = False


class Said(_Asked):
    """What the person said from ``start`` to ``end`` s of the session, by default in the last ``seconds``."""

    text: str = Field(min_length=1, max_length=LONGEST)
    start: float | None = Field(None, allow_inf_nan=False)
    end: float | None = Field(None, allow_inf_nan=False)
    seconds: float = Field(SAID, gt=0, le=KEPT, allow_inf_nan=False)


def routes(feed: Feed, hear_text: HearText | None = None) -> APIRouter:
    """The routes that tell what ``feed`` holds; ``hear_text`` takes in what the person said, and may wait until it is heard."""
    router = APIRouter(tags=["agent"])
    listeners = Listeners(feed)

    @router.get("/state", response_model_by_alias=True)
    async def state() -> Snapshot:
        """The state now, and its words for a prompt."""
        return snapshot(feed)

    @router.get("/history", response_model_by_alias=True)
    async def past(seconds: Seconds = 60.0, most: Annotated[int, Query(ge=1, le=6000)] = 600) -> History:
        """The last `seconds` in at most `most` rows. Nothing is kept for more than ten minutes, or once the session is over."""
        return history(feed, seconds, most)

    @router.get("/turn", response_model_by_alias=True)
    async def summary(start: Moment = None, end: Moment = None, seconds: Seconds = 10.0) -> TurnSummary:
        """What showed from `start` to `end`, by default in the last `seconds`."""
        return _refusing(lambda: turn(feed, *bounds(feed, start, end, seconds)))

    @router.post("/baseline", response_model_by_alias=True)
    async def baseline(asked: BaselineAsked) -> Baseline:
        """Take a person's usual affect for what the words compare with. What is estimated stays as it is."""
        return _refusing(lambda: settle(feed, asked.seconds, asked.vad, clear=asked.clear))

    @router.post("/said", response_model_by_alias=True)
    async def said(words: Annotated[Said, Body()]) -> Snapshot:
        """Let what the person said be heard; answers with the state that is known then."""
        if hear_text is None:
            raise HTTPException(409, "words are not heard here; start with --modalities text, or --source text")
        try:
            begin, over = bounds(feed, words.start, words.end, words.seconds)
            await asyncio.to_thread(hear_text, words.text, begin, over)
        except ValueError as error:
            raise HTTPException(409, str(error)) from error
        return snapshot(feed)

    @router.get("/stream", response_class=StreamingResponse, responses={200: {"content": {"text/event-stream": {}}}})
    async def stream(
        seconds: Annotated[float, Query(ge=0, le=KEPT, allow_inf_nan=False)] = 0.0,
        last_event_id: Annotated[str | None, Header(max_length=100)] = None,
    ) -> StreamingResponse:
        """Every state as it comes, as Server-Sent Events, beginning with those of the last `seconds`.

        `event: state` has a state of affect-state/1, `event: session` the session, when another begins. Whoever comes back with `Last-Event-ID`
        gets what was missed, as far as it is kept; whoever is slow gets the latest.
        """
        if len(listeners) >= SUBSCRIBERS:
            raise HTTPException(503, f"{SUBSCRIBERS} subscribe already; wait until one leaves")
        return StreamingResponse(_events(listeners, last_event_id or "", seconds), media_type="text/event-stream")

    @router.websocket("/agent")
    async def agent(socket: WebSocket) -> None:
        await socket.accept()
        if len(listeners) >= SUBSCRIBERS:
            await socket.close(1013, f"{SUBSCRIBERS} subscribe already; wait until one leaves")
            return
        sending = asyncio.create_task(_send(listeners, socket))
        try:
            while (await socket.receive())["type"] != "websocket.disconnect":
                pass  # it has nothing to say
        finally:
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sending

    return router


async def _events(listeners: Listeners, after: str, seconds: float) -> AsyncIterator[bytes]:
    session = Session(None, "")
    async with contextlib.aclosing(news(listeners, after=after, seconds=seconds)) as coming:
        async for one in coming:
            if one is None:
                yield b": still here\n\n"
            elif isinstance(one, Session):
                session = one
                yield f"event: session\ndata: {session_page(one)}\n\n".encode()
            else:
                yield f"id: {event_id(session, one)}\nevent: state\ndata: {one.page}\n\n".encode()


async def _send(listeners: Listeners, socket: WebSocket) -> None:
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):
        async with contextlib.aclosing(news(listeners)) as coming:
            async for one in coming:
                if one is not None:
                    await socket.send_text(session_page(one) if isinstance(one, Session) else one.page)
        await socket.close(1001, "the server ends")


def _refusing(answer: Callable[[], Any]) -> Any:
    try:
        return answer()
    except ValueError as error:
        raise HTTPException(409, str(error)) from error
