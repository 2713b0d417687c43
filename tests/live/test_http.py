"""What agents read over HTTP, of the real server in a thread."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import jsonschema
import numpy as np
import pytest
from serving import Client, serving
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Origin

from affectstream.multimodal.agent.feed import Feed
from affectstream.multimodal.agent.follow import Follower
from affectstream.multimodal.agent.mcp import mcp_is_installed
from affectstream.multimodal.agent.notice import KEPT
from affectstream.multimodal.agent.pages import Baseline, History, Snapshot
from affectstream.multimodal.agent.state import AffectState
from affectstream.multimodal.agent.turn import TurnSummary
from affectstream.multimodal.combine import combine
from affectstream.multimodal.dynamics.simulate import simulate
from affectstream.multimodal.live.replay import Replay, Written
from affectstream.multimodal.live.session import AffectSession
from affectstream.multimodal.live.stage import Stage
from affectstream.multimodal.report.table import AFFECT, columns, read_table, write_table
from affectstream.multimodal.score import Encoders, open_encoders
from affectstream.multimodal.timeline import TICK
from affectstream.multimodal.types import SignalError, Trace

NOTHING = Encoders(None, None, None)


@pytest.fixture(scope="module")
def encoders() -> Encoders:
    opened = open_encoders(["text"])
    with AffectSession(opened) as session:  # what is slow the first time is over
        session.push_text(0.0, 1.0, "Hello.")
        session.drain()
    return opened


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds of everything, scored causally."""
    traces = {f"{source}/0" if source == "face" else source: trace for source, trace in simulate(3, 10.0)[2].items()}
    traces = {
        source: Trace(source, time=t.time, mean=t.mean, variance=t.variance, quality=t.quality, span=t.span)
        for source, t in traces.items()
    }
    combined = combine(traces, TICK, causal=True)
    path = tmp_path_factory.mktemp("table") / "talk.parquet"
    write_table(columns(traces | {"fused": combined.fused, "state": combined.state}), path, AFFECT)
    return path


@pytest.fixture
def stage(encoders: Encoders, tmp_path: Path) -> Stage:
    return Stage(encoders, tmp_path, source=Written(), at_once=True)


@pytest.fixture
def host(stage: Stage) -> Iterator[str]:
    with serving(stage, mcp=mcp_is_installed()) as host:
        yield host


def ask(host: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = Request(f"http://{host}{path}", data, headers | {"Content-Type": "application/json"})
    try:
        with urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except HTTPError as error:
        text = error.read().decode()
        with contextlib.suppress(ValueError):
            return error.code, json.loads(text)
        return error.code, text


@contextlib.contextmanager
def streamed(host: str, path: str = "/stream", **headers: str) -> Iterator[Iterator[dict[str, str]]]:
    """The events of a stream, each with its fields."""
    with urlopen(Request(f"http://{host}{path}", headers=headers), timeout=60) as answer:

        def events() -> Iterator[dict[str, str]]:
            event: dict[str, str] = {}
            for line in answer:
                field, _, value = line.decode().rstrip("\n").partition(": ")
                if field:
                    event[field] = value
                elif event:
                    yield event
                    event = {}

        assert answer.headers["Content-Type"].startswith("text/event-stream")
        yield events()


def nobody_subscribes(stage: Stage) -> bool:
    end = time.monotonic() + 10
    while stage.feed.subscribers and time.monotonic() < end:
        time.sleep(0.02)
    return not stage.feed.subscribers


def states(feed: Feed, count: int) -> None:
    end = time.monotonic() + 10
    while len(feed.told()) < count and time.monotonic() < end:
        time.sleep(0.02)


def test_a_table_played_again_says_what_causal_scoring_said(table: Path) -> None:
    read = read_table(table)
    again = combine(
        {source: trace for source, trace in read.items() if source not in ("fused", "state")}, TICK, causal=True
    )
    played = list(Replay(table).states())
    mean, sd = (np.array([[v for _, v in part(one)] for one in played]) for part in (lambda s: s.vad, lambda s: s.sd))
    for scored, exact in (
        (again.state, 1e-9),
        (read["state"], 1e-3),
    ):  # a row's end, to six decimals, may miss its tick
        np.testing.assert_allclose([one.time for one in played], scored.time, atol=1e-6)
        np.testing.assert_allclose(mean, scored.mean, atol=exact)
        np.testing.assert_allclose(sd, scored.sd, atol=exact)
        np.testing.assert_allclose([one.confidence for one in played], scored.quality, atol=exact)
        assert np.median(abs(mean - scored.mean)) < 2e-6
    found = {(e.kind, e.dimension, e.found) for one in played for e in one.events}
    assert found == {(e.kind, e.dimension, e.found) for e in again.events} and found


def test_what_is_asked_for_is_what_the_feed_holds_and_fits_its_schema(host: str, stage: Stage) -> None:
    assert ask(host, "/said", {"text": "I am so happy, what a wonderful day!", "seconds": 1.0})[0] == 200
    states(stage.feed, 5)
    schemas = ask(host, "/openapi.json")[1]
    assert "prohibited" in schemas["info"]["description"] and "10 minutes" in schemas["info"]["description"]
    for path, page in (
        ("/state", Snapshot),
        ("/history?seconds=30&most=4", History),
        ("/turn?seconds=20", TurnSummary),
    ):
        status, answer = ask(host, path)
        assert status == 200
        page.model_validate(answer)
        promised = schemas["paths"][path.partition("?")[0]]["get"]
        wanted = promised["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema.validate(answer, wanted | {"components": schemas["components"]})
        assert promised["description"]
    state = AffectState.model_validate(ask(host, "/state")[1]["state"])
    jsonschema.validate(json.loads(state.to_json()), ask(host, "/schema/affect-state-1.json")[1])
    assert state.vad.valence > 0 and "text" in state.modalities
    rows = ask(host, "/history?seconds=30&most=4")[1]["rows"]
    assert len(rows) == 4
    turn = ask(host, "/turn?start=0&end=60")[1]
    assert turn["mean"]["valence"] == pytest.approx(stage.feed.trace(0, 60).mean[:, 0].mean(), abs=0.1)


def test_a_baseline_is_set_and_changes_words_alone(host: str, stage: Stage) -> None:
    ask(host, "/said", {"text": "I am so happy, what a wonderful day!"})
    status, page = ask(host, "/baseline", {"vad": {"valence": 0.9, "arousal": 0.0, "dominance": 0.0}})
    assert status == 200 and Baseline.model_validate(page).baseline == stage.feed.baseline
    assert ask(host, "/baseline", {"clear": True}) == (200, {"schema": "affect-baseline/1", "baseline": None})
    for bad in ({}, {"seconds": 1.0, "clear": True}):
        status, page = ask(host, "/baseline", bad)
        assert status == 409 and "just one of" in page["detail"]
    for bad in ({"seconds": -1}, {"vad": {"valence": "high"}}, {"other": 1}, [1], "text"):
        assert ask(host, "/baseline", bad)[0] == 422


@pytest.mark.parametrize(
    "path",
    [
        "/history?seconds=nan", "/history?seconds=inf", "/history?seconds=-1", "/history?seconds=1e9", "/history?most=0",
        "/history?most=1000000", "/history?most=x", "/turn?start=nan", "/turn?end=inf", "/stream?seconds=1e9", "/stream?seconds=nan",
    ],
)  # fmt: skip
def test_hostile_values_are_refused(host: str, path: str) -> None:
    status, page = ask(host, path)
    assert status == 422 and page["detail"][0]["msg"]


def test_words_that_cannot_be_heard_are_refused(host: str) -> None:
    assert ask(host, "/said", {"text": ""})[0] == ask(host, "/said", {"text": "x" * 3000})[0] == 422
    status, page = ask(host, "/said", {"text": "later", "start": 1e6, "end": 2e6})
    assert status == 409 and "that is over" in page["detail"]
    assert ask(host, "/turn?start=5&end=4")[0] == 409


def test_only_whom_the_guard_lets_in(encoders: Encoders, tmp_path: Path) -> None:
    with serving(
        Stage(encoders, tmp_path, source=Written(), at_once=True), token="secret", mcp=mcp_is_installed()
    ) as host:
        for path in ("/state", "/history", "/turn", "/stream", "/openapi.json", "/mcp"):
            assert ask(host, path)[0] == 403
            assert ask(host, path, Authorization="Bearer wrong")[0] == 403
        assert ask(host, "/baseline", {"clear": True}) == (
            403,
            "wrong or missing token; open the address that was printed, or send it as Authorization: Bearer\n",
        )
        assert ask(host, "/state", Authorization="Bearer secret")[0] == ask(host, "/state?token=secret")[0] == 200
        assert ask(host, "/state", Authorization="Bearer secret", Origin="https://example.org")[0] == 403
        with connect(f"ws://{host}/agent") as client, pytest.raises(ConnectionClosed, match="token"):
            client.recv(timeout=10)
        with connect(f"ws://{host}/agent", additional_headers={"Authorization": "Bearer secret"}) as client:
            assert json.loads(client.recv(timeout=10))["schema"] == "affect-session/1"
        with pytest.raises(SignalError, match="turns us away"):
            Follower(f"http://{host}", "wrong")


def test_pages_of_others_are_turned_away(host: str) -> None:
    for path in ("/state", "/stream", "/mcp"):
        status, why = ask(host, path, Origin="https://example.org")
        assert status == 403 and "a page of https://example.org" in why
        assert ask(host, path, Host="rebound.example.org")[0] == 403
    with (
        connect(f"ws://{host}/agent", origin=Origin("https://example.org")) as client,
        pytest.raises(ConnectionClosed, match="a page of"),
    ):
        client.recv(timeout=10)


def test_a_stream_tells_each_state_and_is_taken_up_again(host: str, stage: Stage) -> None:
    with streamed(host) as events:
        begun = next(events)
        assert begun["event"] == "session" and json.loads(begun["data"])["opened"] == stage.feed.look()[0].opened
        first = [next(events) for _ in range(4)]
    assert nobody_subscribes(stage)
    told = {one.time: one.page for one in stage.feed.told()}
    for event in first:
        assert event["event"] == "state" and event["data"] == told[json.loads(event["data"])["time"]]
    numbers = [int(event["id"].rpartition("-")[2]) for event in first]
    assert numbers == list(range(numbers[0], numbers[0] + 4))
    states(stage.feed, numbers[-1] + 3)
    with streamed(host, **{"Last-Event-ID": first[1]["id"]}) as events:
        again = [next(events) for _ in range(6)][1:]
    assert [int(event["id"].rpartition("-")[2]) for event in again] == list(range(numbers[2], numbers[2] + 5))
    for strange in ("nonsense", "1-2-3", f"{10**30}-{10**30}", "-1", first[0]["id"] + "²"):
        with streamed(host, **{"Last-Event-ID": strange.encode().decode("latin-1")}) as events:
            assert next(events)["event"] == "session" and int(next(events)["id"].rpartition("-")[2]) >= numbers[-1]
    with streamed(host, "/stream?seconds=600") as events:
        next(events)
        assert next(events)["id"].endswith("-1")
    assert nobody_subscribes(stage)


def test_a_socket_tells_the_states(host: str, stage: Stage) -> None:
    with connect(f"ws://{host}/agent") as client:
        assert json.loads(client.recv(timeout=10))["schema"] == "affect-session/1"
        client.send("whatever it says")
        got = [json.loads(client.recv(timeout=10)) for _ in range(4)]
    assert np.diff([state["time"] for state in got]).min() > 0.05
    jsonschema.validate(got[-1], AffectState.schema_page())
    assert nobody_subscribes(stage)


def flood(feed: Feed, count: int, padding: str) -> None:
    """Put ``count`` states, a hundred a second, with ``padding`` as their subject, and one of "the last"."""
    begin = AffectState.model_validate_json(feed.told()[-1].page)
    for k in range(count + 1):
        subject = padding if k < count else "the last"
        feed.put(begin.model_copy(update={"time": begin.time + 100 + k / 10, "subject": subject}))
        time.sleep(0.01)


def test_who_is_slow_gets_the_latest_and_no_queue(host: str, stage: Stage) -> None:
    states(stage.feed, 1)
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.settimeout(10)
    name, _, port = host.partition(":")
    slow.connect((name, int(port)))
    slow.sendall(f"GET /stream HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    heard: list[str] = []
    with streamed(host) as quick:
        next(quick)
        putting = threading.Thread(
            target=flood, args=(stage.feed, 300, "x" * 100_000)
        )  # 30 MB: no buffer on the way holds it
        putting.start()
        for event in quick:
            heard.append(event["id"])
            if json.loads(event["data"])["subject"] == "the last":
                break
        putting.join()
    last = f"id: {heard[-1]}\n".encode()
    got = b""
    while last not in got:
        got += slow.recv(1 << 20)
    assert len(heard) > 100 and got.count(b"event: state") < len(heard) / 2
    slow.close()
    latest = stage.feed.latest()
    assert latest is not None
    stage.feed.put(latest.model_copy(update={"time": latest.time + 1}))
    assert nobody_subscribes(stage)


def test_a_hundred_that_go_leave_nothing_behind(host: str, stage: Stage) -> None:
    before = threading.active_count()
    for k in range(50):
        with streamed(host) as events:
            next(events)
        with connect(f"ws://{host}/agent") as client:
            if k % 2:
                client.recv(timeout=10)
            else:
                client.socket.close()  # without a word
    assert nobody_subscribes(stage) and threading.active_count() <= before + 12


def test_the_run_that_was_there_first_is_published_and_then_the_next(encoders: Encoders, tmp_path: Path) -> None:
    stage = Stage(encoders, tmp_path)
    with serving(stage) as host:
        assert ask(host, "/state")[1]["state"] is None
        status, page = ask(host, "/said", {"text": "hello"})
        assert status == 409 and "nobody is there" in page["detail"]
        with streamed(host) as events:
            assert json.loads(next(events)["data"])["opened"] is None
            first, second = Client(host), Client(host)
            first.wait(lambda m: m["type"] == "welcome")
            second.wait(lambda m: m["type"] == "state")
            opened = json.loads(next(event for event in events if event["event"] == "session")["data"])["opened"]
            second.say({"type": "text", "start": 0.0, "end": second.now(), "text": "I am so happy!"})
            second.wait(lambda m: m["type"] == "state" and "text" in m["state"]["modalities"])
            assert ask(host, "/state")[1]["state"]["modalities"] == {}
            first.close()
            later = json.loads(next(event for event in events if event["event"] == "session")["data"])["opened"]
            assert later > opened
            state = json.loads(next(event for event in events if event["event"] == "state")["data"])
            assert "text" in state["modalities"] and len(stage.feed.told()) < 20
            second.close()
            assert json.loads(next(event for event in events if event["event"] == "session")["data"])["opened"] is None
        page = ask(host, "/state")[1]
        assert page["state"] is None and page["stale"] and ask(host, "/history")[1]["rows"] == []


def test_a_table_is_played_to_agents_and_has_no_page(table: Path, tmp_path: Path) -> None:
    with serving(Stage(NOTHING, tmp_path, source=Replay(table))) as host:
        with streamed(host) as events:
            got = [
                json.loads(event["data"])
                for event, _ in zip((e for e in events if e["event"] == "state"), range(5), strict=False)
            ]
        assert np.diff([state["time"] for state in got]) == pytest.approx([0.1] * 4)
        assert ask(host, "/state")[1]["source"] == "table: talk.parquet"
        with Client(host, consent=False) as page, pytest.raises(ConnectionClosed, match="agents only"):
            page.wait(lambda m: False)


def test_a_server_is_followed(host: str, stage: Stage) -> None:
    states(stage.feed, 3)
    feed, over = Feed(), threading.Event()
    follower = Follower(f"http://{host}")
    assert follower.source == "text: what is written"
    thread = threading.Thread(target=follower.follow, args=(feed, over))
    thread.start()
    states(feed, 6)
    follower.hear_text("I am so happy!", 0.0, 0.5)
    states(feed, len(feed.told()) + 3)
    over.set()
    thread.join(10)
    assert not thread.is_alive() and feed.look()[0] == stage.feed.look()[0]
    theirs = {one.number: one.page for one in stage.feed.told()}
    assert {one.number: one.page for one in feed.told()}.items() <= theirs.items() and feed.told()[0].number == 1
    with pytest.raises(ValueError, match="that is over"):
        follower.hear_text("later", 1e6, 2e6)
    assert nobody_subscribes(stage)


def test_mcp_is_served_behind_the_same_guard(host: str, stage: Stage) -> None:
    import asyncio

    mcp = pytest.importorskip("mcp", reason="mcp is not installed: pip install 'affectstream[agent]'")
    states(stage.feed, 3)

    async def talk() -> None:
        async with mcp.Client(f"http://{host}/mcp") as client:
            answer = await client.call_tool("get_affect_state", {})
            assert Snapshot.model_validate(answer.structured_content).source == "text: what is written"
            turn = await client.call_tool("summarize_turn", {"seconds": 3, "text": "I am so happy!"})
            assert turn.structured_content["last"]["valence"] > 0
            async with client.listen(resource_subscriptions=["affect://state/current"]) as changes:
                for _ in range(4):
                    assert (await asyncio.wait_for(anext(changes), 10)).uri == "affect://state/current"

    asyncio.run(talk())
    assert nobody_subscribes(stage)


def test_the_feed_forgets_when_the_server_ends(encoders: Encoders, tmp_path: Path) -> None:
    stage = Stage(encoders, tmp_path, source=Written(), at_once=True)
    with serving(stage):
        states(stage.feed, 2)
    assert (
        stage.feed.closed
        and not stage.feed.told()
        and len(stage.feed.trace(0, KEPT)) == 0
        and not list(tmp_path.iterdir())
    )
