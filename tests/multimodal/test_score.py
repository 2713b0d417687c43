"""The command as a person calls it, on the demo clip and on everything that can be wrong with an input."""

import csv
import json
import subprocess
import sys
import wave
from pathlib import Path

import av
import numpy as np
import pyarrow.parquet
import pytest

from affectstream.multimodal.cli import main
from affectstream.multimodal.combine import combine
from affectstream.multimodal.score import Encoders, Result, main_face, of_one_person, open_encoders, score
from affectstream.multimodal.types import DIMENSIONS, SignalError, Trace

EXAMPLES = Path(__file__).parents[2] / "examples"
DEMO, WORDS = EXAMPLES / "six_emotions.mp4", EXAMPLES / "six_emotions.srt"


@pytest.fixture(scope="module")
def encoders() -> Encoders:
    return open_encoders()


@pytest.fixture(scope="module")
def demo(encoders: Encoders) -> Result:
    return score(DEMO, subtitles=WORDS, encoders=encoders)


def write_video(path: Path, frames: int = 20, *, audio: bool = False) -> Path:
    """A short film of coloured noise: there is nobody in it."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for _ in range(frames):
            picture = np.kron(rng.integers(0, 256, (6, 8, 3), np.uint8), np.ones((20, 20, 1), np.uint8))
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode())
    return path


def write_wave(path: Path) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(b"\0\0" * 8000)
    return path


def test_the_demo_has_every_source_on_its_own_clock(demo: Result) -> None:
    assert list(demo.traces) == ["face/0", "speech", "text", "fused", "state"]
    frames = demo.traces["face/0"]
    assert frames.observed.all() and np.diff(frames.time) == pytest.approx(1001 / 30000, abs=2e-3)
    np.testing.assert_allclose(np.diff(demo.traces["state"].time), 0.1, atol=1e-9)
    assert len(demo.traces["text"]) == len(demo.words) == 6
    for trace in demo.traces.values():
        assert (abs(trace.mean[trace.observed]) <= 1).all() and (trace.sd[trace.observed] > 0).all()


def test_the_smile_is_the_most_pleasant_of_the_six_emotions(demo: Result) -> None:
    timeline = json.loads(DEMO.with_suffix(".timeline.json").read_text())
    face = demo.traces["face/0"]
    valence = {
        part["acted"]: face.mean[(face.time >= part["start"]) & (face.time < part["end"]), 0].mean()
        for part in timeline
    }
    assert max(valence, key=lambda e: valence[e]) == "happiness"
    assert valence["happiness"] > valence["sadness"] + 0.3


def test_fusion_is_surer_than_each_part_and_the_state_moves_less(demo: Result) -> None:
    fused, state = demo.traces["fused"], demo.traces["state"]
    assert (fused.sd < 0.45).all()
    movement = [abs(np.diff(t.mean[:, 0])).sum() for t in (fused, state)]
    assert movement[1] < movement[0] / 2


def test_two_runs_write_the_same_bytes_and_both_formats_the_same_numbers(tmp_path: Path) -> None:
    for run in ("a", "b"):
        arguments = ["--subtitles", str(WORDS), "--format", "parquet,csv", "--out", str(tmp_path / run)]
        assert main(["score", str(DEMO), *arguments]) == 0
    names = sorted(p.name for p in (tmp_path / "a").iterdir())
    assert names == [f"six_emotions.{end}" for end in ("csv", "events.json", "parquet", "png", "summary.json")]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    table = pyarrow.parquet.read_table(tmp_path / "a" / "six_emotions.parquet").to_pydict()
    with (tmp_path / "a" / "six_emotions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(table)
    assert list(table)[:10] == ["time", "source", *DIMENSIONS, *(f"{d}_sd" for d in DIMENSIONS), "quality", "span"]
    assert [float(r["valence"]) if r["valence"] else None for r in rows] == table["valence"]
    assert {r["source"] for r in rows if r["p_happiness"]} == {"face/0", "speech"}
    assert {r["source"] for r in rows if r["p_boredom"]} == {"speech"}


def test_the_summary_says_what_was_found_and_with_which_weights(tmp_path: Path) -> None:
    assert main(["score", str(DEMO), "--modalities", "face", "--out", str(tmp_path)]) == 0
    summary = json.loads((tmp_path / "six_emotions.summary.json").read_text())
    assert summary["found"]["faces"][0]["fused"] is True
    assert set(summary["weights"]) == {"face-small"} and len(summary["weights"]["face-small"]) == 64
    states = pyarrow.parquet.read_table(tmp_path / "six_emotions.parquet", filters=[("source", "==", "state")])
    assert summary["sources"]["state"]["rows"] == len(states) > 100
    assert "missing" in summary and "notice" in summary


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("absent.mp4", None, "absent.mp4"),
        ("empty.mp4", b"", "empty"),
        ("letter.mp4", b"Dear all,\n" * 200, "letter.mp4"),
    ],
)
def test_what_is_no_video_gives_one_line_and_leaves_nothing(tmp_path, capsys, name, content, says) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert main(["score", str(tmp_path / name), "--out", str(tmp_path / "out")]) == 1
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1 and says in errors and "Traceback" not in errors
    assert not (tmp_path / "out").exists()


def test_a_video_without_faces_and_a_sound_without_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film = write_video(tmp_path / "noise.mp4")
    assert main(["score", str(film), "--out", str(tmp_path)]) == 0
    assert "no face was found" in capsys.readouterr().out
    table = pyarrow.parquet.read_table(tmp_path / "noise.parquet").to_pydict()
    assert table["source"].count("face/0") == 20
    at = [i for i, source in enumerate(table["source"]) if source == "state"]
    assert {table["valence"][i] for i in at} == {0.0} and min(table["valence_sd"][i] for i in at) == 0.45

    assert main(["score", str(write_wave(tmp_path / "call.wav")), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "no video stream" in said and "no voice was heard" in said


def test_a_cut_off_file_gives_its_good_part_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = tmp_path / "whole.mkv"
    with av.open(str(DEMO)) as source, av.open(str(whole), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert main(["score", str(cut), "--out", str(tmp_path / "out")]) == 0
    assert "cut.mkv" in capsys.readouterr().err
    table = pyarrow.parquet.read_table(tmp_path / "out" / "cut.parquet").to_pydict()
    assert 50 < table["source"].count("face/0") < 350
    assert json.loads((tmp_path / "out" / "cut.summary.json").read_text())["notes"]


def test_empty_subtitles_are_an_honest_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "none.srt").touch()
    film = write_video(tmp_path / "noise.mp4")
    assert main(["score", str(film), "--subtitles", str(tmp_path / "none.srt"), "--out", str(tmp_path)]) == 0
    assert "no words in the subtitles" in capsys.readouterr().out


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (30000, 30000));"
        "from affectstream.multimodal.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, "score", str(DEMO), "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert "cannot write the results" in done.stderr
    assert list((tmp_path / "out").rglob("*")) == []


def test_one_bad_file_does_not_stop_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    write_video(folder / "a.mp4", 5)
    (folder / "b.mp4").write_bytes(b"")
    write_video(folder / "sub" / "a.mp4", 5)
    assert main(["score", str(folder), "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr()
    assert "1 of 3 inputs gave no result" in said.err and said.err.rstrip().endswith("b.mp4")
    assert (tmp_path / "out" / "a.parquet").exists() and (tmp_path / "out" / "sub" / "a.parquet").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--modalities", "smell"], "wanted some of face, speech, text"),
        (["--format", "xlsx"], "wanted some of parquet, csv"),
        (["--hz", "0"], "wanted more than 0"),
    ],
)
def test_a_wrong_call_is_exit_code_2(tmp_path, capsys, arguments, says) -> None:
    assert main(["score", str(DEMO), "--out", str(tmp_path), *arguments]) == 2
    assert says in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_two_inputs_of_one_name_are_refused_before_any_work(tmp_path: Path, capsys) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "talk.mp4").write_bytes(b"")
    inputs = [str(tmp_path / folder / "talk.mp4") for folder in ("x", "y")]
    assert main(["score", *inputs, "--out", str(tmp_path / "out")]) == 2
    assert "would both be written" in capsys.readouterr().err


def test_only_the_face_seen_longest_is_fused() -> None:
    def face(number: int, valence: float, rows: int) -> Trace:
        time = np.arange(rows) / 25
        return Trace(
            f"face/{number}", time=time, mean=np.full((rows, 3), valence), variance=np.full((rows, 3), 0.01),
            quality=1.0, span=0.04,
        )  # fmt: skip

    traces = {"face/0": face(0, -0.8, 10), "face/1": face(1, 0.8, 100)}
    assert main_face(traces) == 1
    fused = combine(of_one_person(traces, 1), 10.0).fused
    assert (fused.mean[:, 0] > 0.5).all()


def test_score_raises_where_the_command_prints(tmp_path: Path) -> None:
    with pytest.raises(SignalError, match="nothing to score"):
        score(write_wave(tmp_path / "call.wav"), modalities=("face",))
    with pytest.raises(ValueError, match="wanted some of"):
        open_encoders(())
