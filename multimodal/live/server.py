"""The server of ``affectstream live`` and ``serve``: a page, a socket for media and state, and what agents read."""

import asyncio
import contextlib
import importlib.util
import json
import logging
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from fastapi.staticfiles import StaticFiles

from affectstream.multimodal.agent.http import routes
from affectstream.multimodal.agent.mcp import http_routes, make_mcp
from affectstream.multimodal.agent.notice import CARE, NOTICE
from affectstream.multimodal.agent.state import AffectState
from affectstream.multimodal.live.connection import Connection, Outbox
from affectstream.multimodal.live.gate import Gate
from affectstream.multimodal.live.guard import Guard
from affectstream.multimodal.live.stage import Stage
from affectstream.multimodal.live.wire import WireError
from affectstream.multimodal.types import SignalError

LOG = logging.getLogger(__name__)
PAGES = 8  # that may be open at a time
BEAT = 0.1  # s
ABOUT = f"""One person's affect as it is estimated live, for agents.

{NOTICE}

{CARE}
"""


def make_app(stage: Stage, guard: Guard, *, mcp: bool = False) -> FastAPI:
    """The application that shows what ``stage`` has to whom ``guard`` lets in, with ``mcp`` at /mcp too.

    Raises SignalError if mcp is asked for and not installed.
    """
    pages: set[WebSocket] = set()
    protocol = make_mcp(stage.feed, stage.hear_text) if mcp else None  # takes a second to be imported

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as open_now:
            await open_now.enter_async_context(playing(stage))
            if protocol is not None:
                await open_now.enter_async_context(protocol.session_manager.run())
            yield

    app = FastAPI(title="affectstream", description=ABOUT, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_middleware(Gate, guard=guard)
    app.include_router(routes(stage.feed, stage.hear_text))
    if protocol is not None:
        app.router.routes += http_routes(protocol)

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(page_folder() / "index.html")

    @app.get("/schema/affect-state-1.json")
    def schema() -> JSONResponse:
        """The JSON Schema of the state."""
        return JSONResponse(AffectState.schema_page())

    @app.websocket("/live")
    async def live(socket: WebSocket) -> None:
        await socket.accept()
        if len(pages) >= PAGES:
            await socket.close(1008, f"{PAGES} pages are open already; close one")
            return
        pages.add(socket)
        try:
            await serve_page(socket, stage)
        finally:
            pages.discard(socket)

    charts = chart_files()

    @app.get("/static/vendor/{name}", include_in_schema=False)
    def chart(name: str) -> Response:
        return FileResponse(charts[name]) if name in charts else PlainTextResponse("not here\n", status_code=404)

    app.mount("/static", StaticFiles(directory=page_folder()), name="static")
    return app


@contextlib.asynccontextmanager
async def playing(stage: Stage) -> AsyncIterator[None]:
    """Let ``stage`` play meanwhile, and close it then."""
    await asyncio.to_thread(stage.start)
    beat = asyncio.create_task(_beat(stage))
    try:
        yield
    finally:
        beat.cancel()
        await asyncio.to_thread(stage.close)


async def serve_page(socket: WebSocket, stage: Stage) -> None:
    """Talk with one page until it goes."""
    try:
        run, mine = await asyncio.to_thread(stage.run_for_page)
    except SignalError as error:
        await socket.close(1008, str(error)[:120])
        return
    outbox = Outbox(asyncio.get_running_loop())
    connection = Connection(run, outbox.put, stage.consented, mine=mine)
    outbox.put(json.dumps(stage.welcome(run)))
    run.watch(outbox.put)
    sending = asyncio.create_task(_send(socket, outbox))
    try:
        while (message := await socket.receive())["type"] != "websocket.disconnect":
            said = message.get("text")
            heard: str | bytes = said if said is not None else message.get("bytes") or b""
            await connection.hear(heard)
    except WireError as error:
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await socket.close(1003, str(error)[:120])
    except Exception as error:
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await socket.close(1011, f"the server failed: {type(error).__name__}: {error}"[:120])
        raise
    finally:
        run.unwatch(outbox.put)
        sending.cancel()
        if mine:
            await asyncio.to_thread(stage.leave, run)


async def _send(socket: WebSocket, outbox: Outbox) -> None:
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):
        while True:
            message = await outbox.take()
            if isinstance(message, bytes):
                await socket.send_bytes(message)
            else:
                await socket.send_text(message)


async def _beat(stage: Stage) -> None:
    while True:
        await asyncio.sleep(BEAT)
        try:
            await asyncio.to_thread(stage.beat)
        except Exception:
            LOG.exception("a beat failed; the next may not")


def page_folder() -> Path:
    """Where the page is."""
    return Path(str(files("affectstream.multimodal.live") / "page"))


def chart_files() -> dict[str, Path]:
    """uPlot's script and style, by the names the page knows, where uplot-python keeps them; it is not imported.

    Raises ModuleNotFoundError if it is not installed.
    """
    found = importlib.util.find_spec("uplot")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("uplot-python is not installed; pip install affectstream again")
    folder = Path(found.origin).parent / "static"
    return {"uPlot.js": folder / "uPlot.iife.js", "uPlot.css": folder / "uPlot.min.css"}
