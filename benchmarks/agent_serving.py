"""How the state reaches those who subscribe, how fast MCP answers, and how soon it says that there is something new.

    pip install 'affectstream[agent]'
    python benchmarks/agent_serving.py

The server runs in a process of its own and is given a state ten times a second. Half of ``--subscribers`` listen by Server-Sent Events, half over a WebSocket, on
loopback; one more never reads until the end, and others come and go at once. A state's lag is from the moment it is put
to the moment its bytes are read. Floors, in the same run: a bare uvicorn application that streams pages of the same size to as many; a bare MCP server whose
tool echoes; a bare route that answers with JSON. Rates are those of one client that waits for each answer, by the processor time that is
used: in process by client and server together (and by the server alone), over HTTP by the server.
"""

import argparse
import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn

RATE = 10.0
HOST = "127.0.0.1"


def state_at(moment: float) -> Any:
    """A state as a face and a voice make it, of the second ``moment``."""
    from affectstream.multimodal.agent.state import Tracker
    from affectstream.multimodal.dynamics.filter import Look

    tracker = Tracker()
    for k in range(20):
        for source in ("face/0", "speech"):
            tracker.add(k / 10, Look(source, np.full(3, 0.5), np.full(3, 0.04), 0.5))
        tracker.tick(k / 10)
    return tracker.state(1.9).model_copy(update={"time": moment})


def free_port() -> int:
    with socket.create_server((HOST, 0)) as listening:
        return listening.getsockname()[1]


def serve_ours(port: int) -> None:
    """The server, and a thread that puts a state ten times a second; its time is the wall clock's."""
    from fastapi import FastAPI

    from affectstream.multimodal.agent.feed import Feed
    from affectstream.multimodal.agent.http import routes
    from affectstream.multimodal.agent.mcp import http_routes, make_mcp
    from affectstream.multimodal.commands.serving import listen
    from affectstream.multimodal.live.gate import Gate
    from affectstream.multimodal.live.guard import Guard

    feed = Feed("a benchmark")
    feed.begin(0.0)
    mcp = make_mcp(feed)
    served = http_routes(mcp)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with mcp.session_manager.run():
            yield

    app = FastAPI(lifespan=lifespan)
    app.add_middleware(Gate, guard=Guard(HOST))
    app.include_router(routes(feed))
    app.router.routes += served

    @app.get("/measured")
    async def measured() -> dict[str, float]:
        return {"subscribers": feed.subscribers, "kilobytes": resident(), "cpu": time.process_time()}

    pattern = state_at(0.0)

    def put() -> None:
        begin = time.monotonic()
        for k in range(10**9):
            time.sleep(max(begin + k / RATE - time.monotonic(), 0))
            feed.put(pattern.model_copy(update={"time": time.time()}))

    threading.Thread(target=put, daemon=True).start()
    run_server(app, listen(HOST, port))


def serve_floor(port: int) -> None:
    """Bare uvicorn: a stream of as many bytes, stamped, a route that answers with JSON, and an MCP server that echoes."""
    from mcp.server import MCPServer

    padding = state_at(0.0).to_json()
    echoing: MCPServer[Any] = MCPServer("echo", log_level="WARNING")

    @echoing.tool()
    async def echo(text: str) -> str:
        """Echo."""
        return text

    beneath = echoing.streamable_http_app(stateless_http=True)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan" or scope["path"] == "/mcp":
            await beneath(scope, receive, send)
            return
        if scope["path"] != "/stream":
            page = json.dumps({"cpu": time.process_time()}) if scope["path"] == "/measured" else padding
            head = [(b"content-type", b"application/json"), (b"content-length", str(len(page)).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": head})
            await send({"type": "http.response.body", "body": page.encode()})
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        while True:
            wait = 1 / RATE - time.time() % (1 / RATE)
            await asyncio.sleep(wait)
            page = f'data: {{"time":{time.time()},"padding":{padding}}}\n\n'.encode()
            await send({"type": "http.response.body", "body": page, "more_body": True})

    run_server(app, socket.create_server((HOST, port)))


def run_server(app: Any, listening: socket.socket) -> None:
    uvicorn.Server(uvicorn.Config(app, log_level="error", ws_per_message_deflate=False)).run([listening])


def resident() -> float:
    """kB of memory of this process."""
    return float(
        next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in line).split()[1]
    )


@contextlib.contextmanager
def server(which: str) -> Iterator[int]:
    port = free_port()
    process = subprocess.Popen([sys.executable, __file__, "--serve", which, "--port", str(port)])
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
                break
            time.sleep(0.1)
        yield port
    finally:
        process.kill()
        process.wait()


async def listen_to_events(port: int, lags: list[float], until: float) -> None:
    reader, writer = await asyncio.open_connection(HOST, port, limit=1 << 20)
    writer.write(f"GET /stream HTTP/1.1\r\nHost: {HOST}:{port}\r\n\r\n".encode())
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(until - time.monotonic()):
            async for line in reader:
                if line.startswith((b'data: {"schema":"affect-state', b'data: {"time"')):
                    lags.append(time.time() - stamp(line))
    writer.close()


async def listen_to_socket(port: int, lags: list[float], until: float) -> None:
    from websockets.asyncio.client import connect

    async with connect(f"ws://{HOST}:{port}/agent", compression=None) as client:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(until - time.monotonic()):
                async for message in client:
                    if b"affect-state" in (page := str(message).encode()):
                        lags.append(time.time() - stamp(page))


def stamp(page: bytes) -> float:
    at = page.index(b'"time":') + 7
    return float(page[at : page.index(b",", at)])


async def come_and_go(port: int, until: float) -> int:
    """Open streams and sockets, read a little and drop them without a word; how many."""
    gone = 0
    while time.monotonic() < until - 1:
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(f"GET /stream HTTP/1.1\r\nHost: {HOST}:{port}\r\n\r\n".encode())
        await reader.read(100)
        writer.transport.abort()
        gone += 1
        await asyncio.sleep(0.1)
    return gone


def slow_reader(port: int) -> socket.socket:
    """Asks for the stream and does not read it."""
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect((HOST, port))
    slow.sendall(f"GET /stream HTTP/1.1\r\nHost: {HOST}:{port}\r\n\r\n".encode())
    return slow


def caught_up(slow: socket.socket) -> tuple[int, float]:
    """What the slow one finds when it reads at last: how many states, and the age (s) of the first that is less than a second old."""
    slow.settimeout(10)
    got, began = b"", time.monotonic()
    while time.monotonic() - began < 2.0:
        got += slow.recv(1 << 16)
    slow.close()
    lines = [
        line for line in got.split(b"\n") if line.startswith(b'data: {"schema":"affect-state') and line.endswith(b"}")
    ]
    return len(lines), time.time() - stamp(lines[-1])


async def subscribed(port: int, count: int, seconds: float, *, sockets: bool) -> tuple[list[float], int]:
    lags: list[float] = []
    until = time.monotonic() + seconds
    listening = [
        listen_to_socket(port, lags, until) if sockets and k % 2 else listen_to_events(port, lags, until)
        for k in range(count)
    ]
    going = asyncio.create_task(come_and_go(port, until)) if sockets else None
    await asyncio.gather(*listening)
    gone = 0 if going is None else await going
    return lags, gone


async def get(port: int, path: str) -> dict[str, Any]:
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return json.loads(answer.partition(b"\r\n\r\n")[2])


async def rate_of(call: Callable[[], Awaitable[Any]], seconds: float, port: int | None = None) -> float:
    """Calls a second of processor time, each waited for: of this process, or of the server at ``port``."""

    async def used() -> float:
        return time.process_time() if port is None else (await get(port, "/measured"))["cpu"]

    for _ in range(20):
        await call()
    end, calls, before = time.monotonic() + seconds, 0, await used()
    while time.monotonic() < end:
        await call()
        calls += 1
    return calls / (await used() - before)


async def keep_alive(port: int, path: str, seconds: float) -> float:
    """Answers a second of ``path`` on one connection."""
    reader, writer = await asyncio.open_connection(HOST, port)

    async def call() -> None:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if b"content-length: " in head:
            await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
        else:
            await reader.readuntil(b"0\r\n\r\n")

    rate = await rate_of(call, seconds, port)
    writer.close()
    return rate


async def in_process(seconds: float) -> tuple[float, float, float, list[float]]:
    """Calls a second of ours, of our server without a client, and of a bare echo; the delays (s) from put to the client's notification."""
    from mcp import Client
    from mcp.server import MCPServer

    from affectstream.multimodal.agent.feed import Feed
    from affectstream.multimodal.agent.mcp import STATE, make_mcp

    feed = Feed("a benchmark")
    feed.begin(time.time())
    pattern = state_at(0.0)
    feed.put(pattern)
    echoing: MCPServer[Any] = MCPServer("echo", log_level="WARNING")

    @echoing.tool()
    async def echo(text: str) -> str:
        """Echo."""
        return text

    async with Client(echoing) as client:
        floor = await rate_of(lambda: client.call_tool("echo", {"text": "x"}), seconds)
    delays: list[float] = []
    server = make_mcp(feed)
    alone = await rate_of(lambda: server.call_tool("get_affect_state", {}), seconds)
    async with Client(server) as client:
        ours = await rate_of(lambda: client.call_tool("get_affect_state", {}), seconds)
        async with client.listen(resource_subscriptions=[STATE]) as changes:
            for k in range(100):
                began = time.perf_counter()
                await asyncio.to_thread(feed.put, pattern.model_copy(update={"time": 1 + k / 10}))
                await anext(changes)
                delays.append(time.perf_counter() - began)
    return ours, alone, floor, delays


async def over_http(port: int, tool: str, arguments: dict[str, Any], seconds: float) -> float:
    from mcp import Client

    async with Client(f"http://{HOST}:{port}/mcp") as client:
        return await rate_of(lambda: client.call_tool(tool, arguments), seconds, port)


async def told_over_http(port: int, seconds: float) -> list[float]:
    """Delays (s) from put to the notification over HTTP, as far as the state that is then asked for tells: the moment it was put."""
    from mcp import Client

    from affectstream.multimodal.agent.mcp import STATE

    delays: list[float] = []
    async with Client(f"http://{HOST}:{port}/mcp") as client, client.listen(resource_subscriptions=[STATE]) as changes:
        end = time.monotonic() + seconds
        async for _ in changes:
            now = time.time()
            page = await get(port, "/state")
            delays.append(now - page["state"]["time"])
            if time.monotonic() > end:
                break
    return delays


def main() -> None:
    parser = argparse.ArgumentParser(description="How the state reaches those who subscribe")
    parser.add_argument("--subscribers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--serve", choices=("ours", "floor"), help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve is not None:
        {"ours": serve_ours, "floor": serve_floor}[options.serve](options.port)
        return
    with server("floor") as port:
        floor, _ = asyncio.run(subscribed(port, options.subscribers, options.seconds / 4, sockets=False))
        floor_mcp = asyncio.run(over_http(port, "echo", {"text": "x"}, 3.0))
        floor_json = asyncio.run(keep_alive(port, "/state", 3.0))
    with server("ours") as port:
        ours_mcp = asyncio.run(over_http(port, "get_affect_state", {}, 3.0))
        ours_json = asyncio.run(keep_alive(port, "/state", 3.0))
        delays = asyncio.run(told_over_http(port, 5.0))
        slow = slow_reader(port)
        asyncio.run(
            subscribed(port, options.subscribers, options.seconds / 4, sockets=True)
        )  # what grows at first has grown
        before = asyncio.run(get(port, "/measured"))
        lags, gone = asyncio.run(subscribed(port, options.subscribers, options.seconds, sockets=True))
        after = asyncio.run(get(port, "/measured"))
        count, age = caught_up(slow)
        time.sleep(1.0)
        left = asyncio.run(get(port, "/measured"))
    ours, alone, echo, told = asyncio.run(in_process(3.0))
    asked = options.seconds * 1.25 * RATE
    for name, values in (("ours", lags), ("floor", floor)):
        middle, late = np.percentile(values, [50, 99]) * 1000
        print(f"lag, {name:<6} median {middle:6.1f} ms, 99th percentile {late:6.1f} ms, {len(values)} states read")
    print(f"99th percentile of lag: {np.percentile(lags, 99) / np.percentile(floor, 99):.2f} of the floor's")
    print(
        f"memory: {before['kilobytes'] / 1024:.1f} MiB, {options.seconds:g} s later {after['kilobytes'] / 1024:.1f} MiB"
    )
    used = 100 * (after["cpu"] - before["cpu"]) / options.seconds
    print(
        f"the server used {used:.0f} % of a core, {used * 1e4 * options.seconds / len(lags):.0f} us a state that was read"
    )
    print(f"{gone} came and went; {left['subscribers']:g} subscribe at the end")
    print(f"the slow one found {count} of {asked:.0f} states, and was then {age * 1000:.0f} ms behind")
    print("by processor time:")
    print(f"GET /state: {ours_json:.0f} a second, a bare JSON route {floor_json:.0f}: {ours_json / floor_json:.2f}")
    print(f"MCP in process: {ours:.0f} calls a second, a bare echo {echo:.0f}: {ours / echo:.2f}")
    print(
        f"MCP in process, without the client, which checks each answer against its schema: {alone:.0f} calls a second"
    )
    print(f"MCP over HTTP: {ours_mcp:.0f} calls a second, a bare echo {floor_mcp:.0f}: {ours_mcp / floor_mcp:.2f}")
    for name, values in (("in process", told), ("over HTTP", delays)):
        middle, late = np.percentile(values, [50, 99]) * 1000
        print(f"from put to update, {name}: median {middle:.1f} ms, 99th percentile {late:.1f} ms")


if __name__ == "__main__":
    main()
