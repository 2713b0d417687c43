"""The MCP server read by the official client: in the same process, as a subprocess on stdio, and over HTTP."""

import asyncio
import json
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from affectstream.multimodal.agent.feed import Feed
from affectstream.multimodal.agent.mcp import ROWS, STATE, make_mcp
from affectstream.multimodal.agent.notice import KEPT
from affectstream.multimodal.agent.pages import SAID, Snapshot
from affectstream.multimodal.agent.state import AffectState, Tracker, Vad
from affectstream.multimodal.agent.turn import TurnSummary
from affectstream.multimodal.report.table import AFFECT, columns, write_table
from affectstream.multimodal.types import Trace

pytest.importorskip("mcp", reason="mcp is not installed: pip install 'affectstream[agent]'")

from mcp import Client, StdioServerParameters
from mcp.types import TextContent, TextResourceContents

TOOLS = {"get_affect_state", "get_affect_history", "summarize_turn", "set_baseline"}
BLANK = Tracker().state(0.0)


def state(at: float, valence: float) -> AffectState:
    vad, sd = Vad(valence=valence, arousal=0.1, dominance=0.0), Vad(valence=0.1, arousal=0.1, dominance=0.3)
    return BLANK.model_copy(update={"time": at, "vad": vad, "sd": sd, "age": 0.0, "confidence": 0.8})


def rising(seconds: float) -> Feed:
    """A feed into which ``seconds`` of states went, valence up by 0.01 every tenth of a second."""
    feed = Feed("a test")
    feed.begin(time.time() - seconds)
    for k in range(round(seconds * 10)):
        feed.put(state(k / 10, k / 100 if seconds < 10 else 0.0))
    return feed


def run(talk: Callable[[], Any]) -> Any:
    async def bounded() -> Any:
        async with asyncio.timeout(60):
            return await talk()

    return asyncio.run(bounded())


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """The structured answer of ``tool``, checked against the schema it promises."""
    (wanted,) = [one for one in (await client.list_tools()).tools if one.name == tool]
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, answer.content
    assert wanted.output_schema is not None and answer.structured_content is not None
    jsonschema.validate(answer.structured_content, wanted.output_schema)
    return answer.structured_content


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    answer = await client.call_tool(tool, arguments)
    (content,) = answer.content
    assert answer.is_error and isinstance(content, TextContent)
    return content.text


def test_what_is_offered_is_said_in_words_for_a_model() -> None:
    async def talk() -> None:
        async with Client(make_mcp(Feed())) as client:
            tools = (await client.list_tools()).tools
            assert {tool.name for tool in tools} == TOOLS
            for tool in tools:
                assert tool.description and len(tool.description) > 80 and tool.output_schema
                jsonschema.Draft202012Validator.check_schema(tool.output_schema)
            assert [str(one.uri) for one in (await client.list_resources()).resources] == [STATE]
            assert "prohibited" in (client.instructions or "")

    run(talk)


def test_the_values_are_those_of_the_feed() -> None:
    feed = rising(5.0)

    async def talk() -> None:
        async with Client(make_mcp(feed)) as client:
            now = await call(client, "get_affect_state")
            latest = feed.latest()
            assert latest is not None and now["state"] == json.loads(latest.to_json()) and not now["stale"]
            past = await call(client, "get_affect_history", seconds=2.0, max_rows=5)
            assert [row[0] for row in past["rows"]] == [2.9, 3.4, 3.9, 4.4, 4.9]
            assert [row[1] for row in past["rows"]] == pytest.approx([0.29, 0.34, 0.39, 0.44, 0.49])
            turn = await call(client, "summarize_turn", start=1.0, end=2.0)
            assert turn["mean"]["valence"] == pytest.approx(np.mean(np.arange(10, 20) / 100))
            assert turn["slope"]["valence"] == pytest.approx(0.1)
            baseline = await call(client, "set_baseline", seconds=1.0)
            assert baseline["baseline"]["valence"] == pytest.approx(np.mean(np.arange(39, 50) / 100), abs=1e-3)
            assert (await call(client, "get_affect_state"))["words"] != now["words"]
            assert (await call(client, "set_baseline", clear=True))["baseline"] is None
            content = (await client.read_resource(STATE)).contents[0]
            assert isinstance(content, TextResourceContents)
            assert Snapshot.model_validate_json(content.text).state == latest

    run(talk)


def test_answers_are_bounded_and_nonsense_is_refused_in_words() -> None:
    feed = rising(KEPT)

    async def talk() -> None:
        async with Client(make_mcp(feed)) as client:
            answer = await call(client, "get_affect_history", seconds=KEPT, max_rows=ROWS)
            assert len(answer["rows"]) == ROWS and len(json.dumps(answer)) < 20_000
            for arguments in (
                {"max_rows": 100_000},
                {"seconds": 1e9},
                {"seconds": -1},
                {"seconds": "nan"},
                {"max_rows": 0},
            ):
                assert "get_affect_history" in await refused(client, "get_affect_history", **arguments)
            assert "end after the start" in await refused(client, "summarize_turn", start=5, end=4)
            assert "leave text out" in await refused(client, "summarize_turn", text="hello")
            assert "summarize_turn" in await refused(client, "summarize_turn", text="x" * 5000)
            assert "together" in await refused(client, "set_baseline", valence=0.5)
            assert "just one of" in await refused(client, "set_baseline")
            assert "set_baseline" in await refused(client, "set_baseline", valence=7, arousal=0, dominance=0)
        async with Client(make_mcp(Feed())) as client:
            assert "nobody is there" in await refused(client, "summarize_turn")
            assert (await call(client, "get_affect_state"))["state"] is None
            assert (await call(client, "get_affect_history"))["rows"] == []

    run(talk)


def test_what_was_said_is_heard_before_the_turn_is_told() -> None:
    feed, heard = rising(5.0), []

    def hear_text(text: str, start: float, end: float) -> None:
        heard.append((text, start, end))
        feed.put(state(4.99, 0.49))
        feed.amend(
            Trace("state", time=[4.8, 4.9], mean=[[-0.8, 0, 0]] * 2, variance=np.full((2, 3), 0.01), quality=0.9)
        )

    async def talk() -> None:
        async with Client(make_mcp(feed, hear_text)) as client:
            turn = await call(client, "summarize_turn", start=3.0, end=5.0, text="No.")
            assert heard == [("No.", 3.0, 5.0)] and turn["least"]["valence"] == pytest.approx(-0.8)
            await call(client, "summarize_turn", text="Well.", seconds=4.0)
            assert heard[1][2] - heard[1][1] == pytest.approx(SAID)  # just now, or little would be left of it

    run(talk)


def test_whoever_listens_is_told_of_each_update_and_leaves_nothing_behind() -> None:
    feed = rising(1.0)

    async def talk() -> None:
        async with Client(make_mcp(feed)) as client:
            async with client.listen(resource_subscriptions=[STATE]) as changes:
                assert feed.subscribers == 1
                for k in range(5):
                    await asyncio.to_thread(feed.put, state(1.0 + k / 10, 0.5))  # as a run's thread does
                    change = await asyncio.wait_for(anext(changes), 5)
                    assert getattr(change, "uri", None) == STATE
                    content = (await client.read_resource(STATE)).contents[0]
                    assert isinstance(content, TextResourceContents)
                    assert json.loads(content.text)["state"]["time"] == 1.0 + k / 10
            for _ in range(100):
                if not feed.subscribers:
                    break
                await asyncio.sleep(0.02)
            assert feed.subscribers == 0

    run(talk)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of a face that becomes happier."""
    times = np.arange(0, 60, 0.1)
    mean = np.stack([np.linspace(-0.6, 0.6, 600), np.full(600, 0.2), np.zeros(600)], 1)
    trace = Trace("face/0", time=times, mean=mean, variance=np.full((600, 3), 0.02), quality=1.0, span=0.1)
    path = tmp_path_factory.mktemp("table") / "talk.parquet"
    write_table(columns({"face/0": trace}), path, AFFECT)
    return path


async def follow(client: Client) -> AsyncIterator[dict[str, Any]]:
    """The state each time that it is said to have changed."""
    async with client.listen(resource_subscriptions=[STATE]) as changes:
        async for _ in changes:
            content = (await client.read_resource(STATE)).contents[0]
            assert isinstance(content, TextResourceContents)
            yield json.loads(content.text)


async def replayed(client: Client) -> None:
    """Subscribed while the table plays: states a tenth of a second apart, which rise as it does."""
    assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
    states = []
    async for page in follow(client):
        jsonschema.validate(page["state"], AffectState.schema_page())
        states.append(page["state"])
        if len(states) == 12:
            break
    times = [one["time"] for one in states]
    assert np.diff(times).min() > 0.09 and times[-1] - times[0] < 5
    for one in states[-3:]:
        assert one["vad"]["valence"] == pytest.approx(-0.6 + one["time"] * 1.2 / 60, abs=0.1)
    past = await call(client, "get_affect_history", seconds=30)
    assert len(past["rows"]) >= 12
    TurnSummary.model_validate(await call(client, "summarize_turn", seconds=1.0))


def command(*arguments: str) -> StdioServerParameters:
    code = "import sys; from affectstream.multimodal.cli import main; sys.exit(main())"
    return StdioServerParameters(command=sys.executable, args=["-P", "-c", code, "mcp", *arguments])


def test_over_stdio_while_a_table_plays(table: Path) -> None:
    async def talk() -> None:
        async with Client(command("--source", str(table))) as client:
            await replayed(client)

    run(talk)


@pytest.mark.slow
def test_over_stdio_words_alone_make_a_state() -> None:
    async def talk() -> None:
        async with Client(command()) as client:
            turn = await call(client, "summarize_turn", seconds=3, text="I am so happy, what a wonderful day!")
            assert turn["last"]["valence"] > 0.2
            now = await call(client, "get_affect_state")
            assert now["source"].startswith("text") and list(now["state"]["modalities"]) == ["text"]

    run(talk)


def test_an_older_client_is_answered_too() -> None:
    async def talk() -> None:
        async with Client(make_mcp(rising(2.0)), mode="legacy") as client:
            assert (await call(client, "get_affect_state"))["state"]["time"] == 1.9

    run(talk)


def test_without_mcp_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from affectstream.multimodal.commands.mcp import run as command

    for name in [name for name in sys.modules if name.split(".")[0] == "mcp"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp", None)
    assert command(["--http"]) == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err == "affectstream mcp: mcp is not installed; pip install 'affectstream[agent]'\n"


def test_a_source_that_is_not_there_is_said_on_stderr(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from affectstream.multimodal.commands.mcp import run as command

    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 no table")
    assert command(["--source", str(tmp_path / "none.parquet")]) == 1
    assert command(["--source", str(broken)]) == 2
    assert command(["--connect", "ftp://nowhere"]) == 2
    assert command(["--connect", "http://127.0.0.1:9"]) == 1
    said = capsys.readouterr()
    assert said.out == "" and "wanted a table" in said.err and "nobody answers" in said.err
    assert threading.active_count() < 20
