"""JSON Lines: what is written comes back to six decimals, in the order of time, and what is not such is refused by its line."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from affectstream.multimodal.agent.formats.jsonlines import (
    LONGEST,
    event_line,
    header_line,
    lines,
    read_jsonlines,
    row_line,
    write_jsonlines,
)
from affectstream.multimodal.agent.formats.recorded import Recorded

_spec = importlib.util.spec_from_file_location("recordings", Path(__file__).with_name("recordings.py"))
assert _spec is not None and _spec.loader is not None
recordings: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(recordings)

HEADER = header_line()
ROW = '{"source": "a", "time": 0, "span": 0, "vad": [0, 0, 0], "sd": [1, 1, 1], "quality": 1}\n'


@given(recordings.recordings(labels=True))
def test_what_is_read_is_what_was_written(tmp_path_factory: Any, recorded: Recorded) -> None:
    file = tmp_path_factory.mktemp("lines") / "a.jsonl"
    assert write_jsonlines(recorded, file) == []
    read = read_jsonlines(file)
    assert list(read.traces) == list(recorded.traces) and read.media == recorded.media
    assert read.events == tuple(sorted(recorded.events, key=lambda event: event.found))
    assert sorted(read.words) == sorted(recorded.words)
    for source, was in recorded.traces.items():
        now = read.traces[source]
        assert now.label_names == was.label_names
        np.testing.assert_allclose(now.sd, was.sd, rtol=1e-6)
        for name in ("time", "mean", "quality", "span", *(["labels"] if was.label_names else [])):
            np.testing.assert_allclose(getattr(now, name), getattr(was, name), rtol=0, atol=6e-7, err_msg=name)


@given(recordings.recordings())
def test_every_line_is_an_object_in_the_order_of_time(recorded: Recorded) -> None:
    first, *rest = map(json.loads, lines(recorded))
    assert first["schema"] == "affect-lines/1" and first["sources"] == list(recorded.traces)

    def when(line: dict[str, Any]) -> float:
        return line["event"]["found"] if "event" in line else line["words"]["end"] if "words" in line else line["time"]

    moments = [when(line) for line in rest]
    assert moments == sorted(moments)
    assert len(rest) == recorded.rows + len(recorded.events) + len(recorded.words)


def test_a_row_says_what_was_asked(tmp_path: Path) -> None:
    trace = recordings.draw_trace("speech", 3, 1)
    trace = type(trace)("speech", time=[1.0, 2.0], mean=[[0.5, np.nan, -1], [np.nan] * 3], variance=[[0.25] * 3] * 2, quality=1.0, span=0.5)  # fmt: skip
    assert json.loads(row_line(trace, 0)) == {
        "source": "speech", "time": 1.0, "span": 0.5, "vad": [0.5, None, -1.0], "sd": [0.5, None, 0.5], "quality": 1.0,
    }  # fmt: skip
    assert json.loads(row_line(trace, 1))["vad"] is None and json.loads(row_line(trace, 1))["sd"] is None


def test_a_stream_needs_no_list_of_sources_and_may_be_out_of_order(tmp_path: Path) -> None:
    late = ROW.replace('"time": 0', '"time": -1.5')
    event = event_line(recordings.EVENTS[0])
    (tmp_path / "a.jsonl").write_text(HEADER + "\n" + ROW + event + late)
    read = read_jsonlines(tmp_path / "a.jsonl")
    assert read.traces["a"].time.tolist() == [-1.5, 0] and read.events == recordings.EVENTS[:1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "schema None; wanted affect-lines/1"),
        ('{"schema": "affect-lines/2"}\n', "schema 'affect-lines/2'"),
        ("\x00\x01", "line 1, is no object in JSON"),
        (HEADER + "[1]\n", "line 2, is no object"),
        (HEADER + ROW + "{", "line 3, is no object"),
        (HEADER + "[" * 60000, "line 2, is no object"),
        (HEADER + ROW.replace('"time": 0', '"time": NaN'), "line 2, is no object in JSON .NaN"),
        (HEADER + ROW.replace('"time": 0', '"time": 1e999'), "finite"),
        (HEADER + ROW.replace('"time": 0', f'"time": 1{"0" * 400}'), "too large"),
        (HEADER + ROW.replace('"time": 0', '"time": true'), "True is there; wanted a number"),
        (HEADER + ROW.replace('"time": 0, ', ""), "line 2, lacks 'time'"),
        (HEADER + ROW.replace("[0, 0, 0]", "[0, 0]"), "wanted three values"),
        (HEADER + ROW.replace("[0, 0, 0]", "[0, 0, 3]"), r"wanted \[-1, 1\]"),
        (HEADER + ROW.replace("[1, 1, 1]", "[1, 1, 0]"), "above 0"),
        (HEADER + ROW.replace("[1, 1, 1]", "null"), "above 0"),
        (HEADER + '{"event": {"kind": "onset"}}\n', "event's time"),
        (HEADER + event_line(recordings.EVENTS[0]).replace("onset", "coup"), "event's kind is 'coup'"),
        (HEADER + event_line(recordings.EVENTS[4]).replace(', "text"', ""), "two sources"),
        (HEADER + '{"words": 5}\n', "not what it should be"),
    ],
)
def test_what_is_no_such_line_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.jsonl").write_text(text)
    with pytest.raises(ValueError, match=said) as error:
        read_jsonlines(tmp_path / "a.jsonl")
    assert "a.jsonl" in str(error.value)


def test_a_line_that_does_not_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(HEADER.encode() + b" " * (LONGEST + 1))
    with pytest.raises(ValueError, match=f"line 2, is longer than {LONGEST} bytes"):
        read_jsonlines(tmp_path / "a.jsonl")
