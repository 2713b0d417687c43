"""``affectstream convert``: every format to every other, folders, and errors in one sentence that leave nothing behind."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from affectstream.multimodal.agent.formats.recorded import Recorded
from affectstream.multimodal.cli import main
from affectstream.multimodal.commands.convert import READERS, WRITERS, list_jobs
from affectstream.multimodal.dynamics.events import Event
from affectstream.multimodal.report.recorded import read_recorded, write_recorded
from affectstream.multimodal.types import Trace

SUBTITLES = "1\n00:00:00,500 --> 00:00:01,500\nWell, well.\n\n2\n00:00:02,000 --> 00:00:03,000\nNo.\n"


def trace(source: str, rows: int, rate: float, *, labels: bool = False) -> Trace:
    rng = np.random.default_rng(rows)
    mean = np.clip(np.cumsum(rng.normal(0, 0.05, (rows, 3)), 0), -1, 1)
    mean[3:5] = np.nan
    return Trace(
        source,
        time=1 / rate * np.arange(1, rows + 1),
        mean=mean,
        variance=np.full((rows, 3), 0.04),
        quality=1.0,
        span=1 / rate,
        labels=np.full((rows, 2), 0.5) if labels else None,
        label_names=("joy", "anger") if labels else (),
    )


def recorded() -> Recorded:
    events = (Event("onset", 1.0, 1.5, "valence", 1, 0.5, 0.9), Event("discord", 2.0, 3.0, "arousal", 0, 3.5, 0.002, ("face/0", "state")))  # fmt: skip
    return Recorded(
        {"face/0": trace("face/0", 90, 30, labels=True), "state": trace("state", 30, 10)}, events, (), "talk.mp4"
    )


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table with its events and words beside it."""
    path = tmp_path / "in" / "talk.parquet"
    write_recorded(recorded(), path)
    path.with_suffix(".srt").write_text(SUBTITLES)
    return path


def value_at(trace: Trace, moment: float) -> np.ndarray:
    """The mean (3,) of the row whose window holds ``moment``, the nearest of them."""
    away = np.abs(trace.time - moment)
    row = int((away / trace.span).argmin())
    assert away[row] <= trace.span[row] / 2 + 0.0011
    return trace.mean[row]


@pytest.mark.parametrize("first", WRITERS)
@pytest.mark.parametrize("second", WRITERS)
def test_every_format_becomes_every_other(table: Path, tmp_path: Path, first: str, second: str) -> None:
    one, two = tmp_path / f"one.{first}", tmp_path / "two" / f"two.{second}"
    assert main(["convert", str(table), str(one)]) == 0
    assert main(["convert", str(one), str(two)]) == 0
    read, was = READERS[second](two), recorded()
    assert set(read.traces) == set(was.traces)
    near = 2e-6 + 0.05 * (first, second).count("eaf")
    assert [(e.kind, e.dimension, e.sources) for e in read.events] == [
        (e.kind, e.dimension, e.sources) for e in was.events
    ]
    assert read.media == was.media
    for source, meant in was.traces.items():
        for row in np.flatnonzero(meant.observed):
            np.testing.assert_allclose(value_at(read.traces[source], meant.time[row]), meant.mean[row], atol=near)
    assert not list(tmp_path.rglob(".*"))


def test_what_lies_beside_a_table_comes_along_and_what_is_lost_is_said(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "talk.emotionml"
    assert main(["convert", str(table), str(out)]) == 0
    said = capsys.readouterr()
    assert said.out == f"{out}: 120 rows of face/0, state; 2 events; 2 words\n"
    assert "labels are not written to EmotionML: those of face/0" in said.err
    assert "2 of face/0, 2 of state" in said.err
    read = READERS["emotionml"](out)
    assert read.words == ((0.5, 1.5, "Well, well."), (2.0, 3.0, "No."))
    assert main(["convert", str(out), str(tmp_path / "back.csv")]) == 0
    assert "words are not written to a table: 2" in capsys.readouterr().err
    page = json.loads((tmp_path / "back.events.json").read_text())
    assert page["schema"] == "affect-events/1" and page["input"] == "talk.mp4" and page["causal"] is None
    assert read_recorded(tmp_path / "back.csv").events == recorded().events


def test_the_same_input_gives_the_same_bytes(table: Path, tmp_path: Path) -> None:
    for ending in WRITERS:
        one, two = tmp_path / f"a/talk.{ending}", tmp_path / f"b/talk.{ending}"
        for file in (one, two):
            assert main(["convert", str(table), str(file)]) == 0
        assert one.read_bytes() == two.read_bytes()


def test_a_folder_survives_a_bad_file_and_names_it(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (table.parent / "deep").mkdir()
    (table.parent / "deep" / "more.csv").write_bytes(b"")
    write_recorded(recorded(), table.parent / "deep" / "good.csv")
    write_recorded(recorded(), table.with_suffix(".csv"))  # beside talk.parquet, which is read
    (table.parent / "talk.eeg.parquet").write_bytes(b"of electrodes")
    out = tmp_path / "out"
    assert main(["convert", str(table.parent), str(out), "--to", "eaf"]) == 1
    said = capsys.readouterr()
    assert sorted(f.relative_to(out).as_posix() for f in out.rglob("*") if f.is_file()) == ["deep/good.eaf", "talk.eaf"]
    assert said.err.endswith(f"1 of 3 files were not converted:\n  {table.parent / 'deep' / 'more.csv'}\n")
    assert main(["convert", str(out), str(out), "--from", "eaf", "--to", "jsonl"]) == 0
    assert (out / "deep" / "good.jsonl").is_file()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.emotionml", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
        ("a.eaf", b"<a>"),
        ("a.jsonl", b"{"),
        ("a.csv", b"time\n1\n"),
        ("a.parquet", b"PAR1"),
        ("a.xml", b'<emotionml version="1.0" xmlns="http://www.w3.org/2009/10/emotionml"/>'),
    ],
)
def test_what_is_no_such_file_is_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    before = sorted(tmp_path.iterdir())
    assert main(["convert", str(tmp_path / name), str(tmp_path / "out.eaf")]) == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("affectstream convert: ") and said.err.count("\n") == 1
    assert name in said.err and sorted(tmp_path.iterdir()) == before


def test_a_hundred_megabytes_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (tmp_path / "a.emotionml").open("wb") as file:
        file.truncate(100 * 2**20)
    assert main(["convert", str(tmp_path / "a.emotionml"), str(tmp_path / "a.csv")]) == 1
    assert "is larger than 64 MiB" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["talk.parquet", "talk.docx"], "ending '.docx'; wanted .parquet, .csv"),
        (["talk.docx", "talk.eaf"], "name the format with --from"),
        (["talk.parquet", "talk.parquet"], "written over itself"),
        (["talk.parquet", "."], "name the format with --to"),
        (["talk.parquet", "a.txt", "--to", "csv"], "wanted the ending .csv"),
        ([".", "out"], "name what to make of its files with --to"),
        ([".", "talk.srt", "--to", "eaf"], "is a file; name a folder"),
        ([".", "out", "--to", "eaf", "--from", "jsonl"], r"no \*.jsonl in the folder"),
    ],
)
def test_a_wrong_call_is_told(
    table: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(table.parent)
    before = sorted(table.parent.rglob("*"))
    assert main(["convert", *arguments]) == 2
    err = capsys.readouterr().err
    assert re.search(said, err), err
    assert sorted(table.parent.rglob("*")) == before


def test_two_files_that_would_become_one_are_told(tmp_path: Path) -> None:
    for ending in ("emotionml", "xml"):
        (tmp_path / f"a.{ending}").write_text("")
    with pytest.raises(ValueError, match="would both be written to"):
        list_jobs(tmp_path, tmp_path / "out", "emotionml", "csv")


def test_a_file_that_cannot_be_written_leaves_nothing(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (table.parent / "flat").write_text("")
    assert main(["convert", str(table), str(table.parent / "flat" / "a.eaf")]) == 1
    assert "cannot become" in capsys.readouterr().err
    assert main(["convert", str(table.parent / "none.csv"), str(table.parent / "a.eaf")]) == 1
    assert not (table.parent / "a.eaf").exists()


def test_broken_company_of_a_table_is_named(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    beside = table.with_suffix(".events.json")
    for content in (b"[]", b'{"schema": "affect-events/2"}', b"{", b"[" * 100000):
        beside.write_bytes(content)
        assert main(["convert", str(table), str(table.with_suffix(".eaf"))]) == 1
        assert "talk.events.json cannot be read" in capsys.readouterr().err


def test_it_runs_from_a_shell(table: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-P",
        "-m",
        "affectstream.multimodal.cli",
        "convert",
        str(table),
        str(tmp_path),
        "--to",
        "jsonl",
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "talk.jsonl").read_text().count("\n") == 1 + 120 + 2 + 2
