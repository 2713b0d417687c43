"""EEG files through ``score``: every format, a planted signal, everything that can be wrong with a file, and what is written."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.image
import mne
import numpy as np
import pyarrow.parquet
import pytest
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from affectstream.multimodal.cli import main
from affectstream.multimodal.commands.score import list_jobs
from affectstream.multimodal.eeg.recordings import Mark
from affectstream.multimodal.eeg.scoring import rest_stretches
from affectstream.multimodal.report.brain import on_a_clock
from affectstream.multimodal.report.picture import draw
from affectstream.multimodal.score import Result, open_encoders, score
from affectstream.multimodal.types import SignalError, Trace

RATE = 128
NAMES = ("Fp1", "Fp2", "F3", "F4", "C3", "C4", "O1", "O2")
FORMATS = ("a.edf", "a.bdf", "a.vhdr", "a.set", "a_raw.fif")


def brain(seconds: float, channels: int = len(NAMES), seed: int = 0) -> NDArray[np.float64]:
    """Volts (channels, n): noise whose power falls with frequency, 15 uV."""
    rng = np.random.default_rng(seed)
    size = round(seconds * RATE)
    hertz = np.fft.rfftfreq(size, 1 / RATE)
    shape = np.divide(1, np.sqrt(hertz), out=np.zeros_like(hertz), where=hertz > 0.5)
    noise = np.fft.irfft(
        shape * (rng.standard_normal((channels, len(hertz))) + 1j * rng.standard_normal((channels, len(hertz)))), size
    )
    return 15e-6 * noise / noise.std(1, keepdims=True)


def raw_of(data: NDArray[np.float64], names: Sequence[str] = NAMES, kind: str = "eeg", rate: float = RATE) -> Any:
    return mne.io.RawArray(data, mne.create_info(list(names), rate, kind), verbose="error")  # pyright: ignore[reportArgumentType]


def write(raw: Any, path: Path) -> Path:
    if path.suffix == ".fif":
        raw.save(path, fmt="double", overwrite=True, verbose="error")
    else:
        mne.export.export_raw(path, raw, overwrite=True, verbose="error")
    return path


def same(one: Trace, other: Trace, atol: float) -> None:
    for name in ("time", "mean", "sd", "quality"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=atol, err_msg=name)


# ---- formats


@pytest.mark.filterwarnings("ignore")
def test_every_format_of_a_recording_gives_the_same_table(tmp_path: Path) -> None:
    raw = raw_of(brain(64))
    raw.set_annotations(mne.Annotations([2.0], [46.0], ["rest"]))
    results = [score(write(raw, tmp_path / name)) for name in FORMATS]
    for result in results:
        for source, trace in results[-1].traces.items():
            same(result.traces[source], trace, 1e-3)
        assert result.missing == {} and result.notes == []
        assert result.brain is not None
        np.testing.assert_allclose(result.brain.rest, [(2.0, 48.0)], atol=1 / RATE)
    assert np.nanstd(results[0].traces["eeg"].mean[:, :2]) > 0.03


@pytest.mark.filterwarnings("ignore")
def test_every_format_of_a_real_recording_gives_the_same_table(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "eeg" / "eeglab_sample" / "eeglab_data.set"
    original = score(source).traces["eeg"]
    raw = mne.io.read_raw_eeglab(source, verbose="error").load_data()
    for name in FORMATS:
        same(score(write(raw, tmp_path / name)).traces["eeg"], original, 1e-3)
    assert np.isfinite(original.mean[:, :2]).all() and len(original) == 469


# ---- a planted signal

REST, LONG = 46.0, 21.0  # s
LEVELS = [(0.6, -0.6), (0, 0.6), (-0.6, 0), (0.6, 0.6), (0, 0), (-0.6, -0.6), (0.6, 0), (0, -0.6), (-0.6, 0.6)]


def planted(data: NDArray[np.float64], names: Sequence[str]) -> NDArray[np.float64]:
    """``data`` (C, n) with a rest of 46 s, then nine stretches of 21 s of which each holds a valence and an arousal.

    Alpha of the right frontal electrodes is multiplied by exp(valence / 2), of the left by exp(-valence / 2), and so beta by
    arousal and alpha by less arousal at all electrodes.
    """
    part = {
        band: sosfiltfilt(np.asarray(butter(4, edges, "bandpass", fs=RATE, output="sos")), data, axis=1)
        for band, edges in {"alpha": (8, 13), "beta": (13, 30)}.items()
    }
    level = np.zeros((2, data.shape[1]))
    for k, (valence, arousal) in enumerate(LEVELS):
        begin = round((REST + k * LONG) * RATE)
        level[:, begin : begin + round(LONG * RATE)] = [[valence], [arousal]]
    side = np.array([{"1": -1, "3": -1, "7": -1, "2": 1, "4": 1, "8": 1}.get(n[-1], 0) * (n[0] == "F") for n in names])
    alpha = np.exp(side[:, None] * level[0] / 2 - level[1] / 2)
    return data + (alpha - 1) * part["alpha"] + (np.exp(level[1] / 2) - 1) * part["beta"]


@pytest.fixture(params=["real", "generated"])
def recording(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "real":
        folder = request.getfixturevalue("shared_data") / "eeg" / "eeglab_sample"
        raw = mne.io.read_raw_eeglab(folder / "eeglab_data.set", verbose="error").load_data()
        raw.drop_channels(["EOG1", "EOG2"])
        data, names = np.asarray(raw.get_data()), raw.ch_names
    else:
        data, names = brain(REST + len(LEVELS) * LONG, seed=2), NAMES
    marked = raw_of(planted(data, names), names)
    marked.set_annotations(mne.Annotations([0.0], [REST], ["resting state"]))
    return write(marked, tmp_path / "planted_raw.fif")


@pytest.mark.parametrize("causal", [False, True])
def test_a_planted_signal_is_recovered_in_sign_and_order_and_covered(recording: Path, causal: bool) -> None:
    result = score(recording, causal=causal)
    trace = result.traces["eeg"]
    said, sd = np.empty((len(LEVELS), 2)), np.empty((len(LEVELS), 2))
    for k in range(len(LEVELS)):
        begin = REST + k * LONG
        inside = (trace.time - 2 >= begin) & (trace.time + 2 <= begin + LONG)
        said[k], sd[k] = trace.mean[inside, :2].mean(0), trace.sd[inside, :2].mean(0)
    truth = np.array(LEVELS)
    for d in (0, 1):
        low, middle, high = (said[truth[:, d] == level, d] for level in (-0.6, 0.0, 0.6))
        assert low.max() < 0 < high.min(), (low, middle, high)
        assert low.max() < middle.mean() < high.min()
        assert np.corrcoef(said[:, d], truth[:, d])[0, 1] > 0.85
    assert (abs(said - truth) < 1.645 * sd).all()
    assert result.brain is not None and result.brain.rest == ((0.0, REST),) and result.notes == []


# ---- what can be wrong with a file


def test_units_off_by_a_million_give_the_same_answer(tmp_path: Path) -> None:
    data = brain(60)
    right, wrong = (score(write(raw_of(k * data), tmp_path / f"{n}_raw.fif")) for k, n in ((1, "a"), (1e6, "b")))
    same(wrong.traces["eeg"], right.traces["eeg"], 1e-6)
    assert right.notes == [] and "1,000,000 times too large" in wrong.notes[0]


def test_a_channel_without_a_number_is_masked_and_the_others_speak(tmp_path: Path) -> None:
    data = brain(60)
    data[7] = np.nan
    result = score(write(raw_of(data), tmp_path / "a_raw.fif"))
    trace = result.traces["eeg"]
    assert np.isfinite(trace.mean[:, :2]).all()
    assert result.brain is not None
    assert (result.brain.quality[:, 7] == 0).all() and (result.brain.quality[:, :7] > 0.9).all()
    data[:] = np.nan
    nothing = score(write(raw_of(data), tmp_path / "b_raw.fif"))
    assert "no electrode could be read" in nothing.missing["eeg"] and not nothing.traces["eeg"].observed.any()
    assert (nothing.traces["state"].mean == 0).all() and nothing.traces["state"].sd == pytest.approx(0.45)


@pytest.mark.parametrize("causal", [False, True])
def test_a_gap_of_900_s_holds_nothing_and_both_sides_count(tmp_path: Path, causal: bool) -> None:
    data = np.concatenate([brain(60), np.zeros((8, 900 * RATE)), brain(60, seed=1)], 1)
    raw = raw_of(data)
    raw.set_annotations(mne.Annotations([60.0], [900.0], ["BAD_ACQ_SKIP"]))
    result = score(write(raw, tmp_path / "a_raw.fif"), hz=2, causal=causal)
    trace, state = result.traces["eeg"], result.traces["state"]
    assert "1 gap of 900.0 s" in result.notes[0] and result.duration == 1020
    assert ((trace.time + 2 <= 60) | (trace.time - 2 >= 960)).all() and len(trace) == 2 * 113
    middle = (state.time > 150) & (state.time < 900)
    np.testing.assert_allclose(state.mean[middle], 0, atol=1e-4)
    np.testing.assert_allclose(state.sd[middle], 0.45, atol=1e-4)
    fused = result.traces["fused"]
    silent = (fused.time > 65) & (fused.time < 959)  # live, a window is heard of as long as it lasted
    assert (fused.quality[silent] == 0).all() and (fused.sd[silent] == 0.45).all()


@pytest.mark.filterwarnings("ignore")
def test_two_channels_of_one_name_are_one(tmp_path: Path) -> None:
    """Names that differ in a file but not on the head."""
    twice = raw_of(np.concatenate([brain(60), brain(60, 1, seed=9)]), (*NAMES, "EEG FP1-REF"))
    result = score(write(twice, tmp_path / "a.edf"))
    plain = score(write(raw_of(brain(60)), tmp_path / "b.edf"))
    same(result.traces["eeg"], plain.traces["eeg"], 1e-3)
    assert "another channel has the same name" in result.notes[0]


def bad(kind: str, folder: Path) -> Path:
    path = folder / f"{kind.replace(' ', '_')}_raw.fif"
    match kind:
        case "20 Hz":
            return write(raw_of(brain(60), rate=20), path)
        case "60 Hz":
            return write(raw_of(brain(60), rate=60), path)
        case "no EEG":
            return write(raw_of(brain(60), kind="misc"), path)
        case "3 s":
            return write(raw_of(brain(3)), path)
        case "half a second":
            return write(raw_of(brain(0.5)), path)
        case "cut":
            whole = write(raw_of(brain(20)), path).read_bytes()
            path.write_bytes(whole[: len(whole) // 3])
        case "letter":
            path.write_text("Dear all,\n" * 300)
        case "empty":
            path.touch()
    return path


BAD = {
    "20 Hz": "20 samples a second; wanted more than 40",
    "60 Hz": "60 Hz",
    "no EEG": "no EEG channel",
    "3 s": "no stretch of 4 s",
    "half a second": "wanted at least 1 s",
    "letter": "cannot be read as .fif",
    "empty": "is empty",
    "absent": "does not exist",
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("command", ["score", "calibrate"])
def test_a_bad_file_is_one_line_and_nothing_is_written(tmp_path, capsys, kind: str, command: str) -> None:
    path, out = bad(kind, tmp_path), tmp_path / "out"
    labels = tmp_path / "ratings.csv"
    labels.write_text("start,end,valence\n" + "".join(f"{k / 10},{(k + 1) / 10},0.{k}\n" for k in range(5)))
    more = ["--out", str(out)] if command == "score" else ["--labels", str(labels), "--out", str(out / "m.safetensors")]
    assert main([command, str(path), *more]) == 1
    error = capsys.readouterr().err
    says = "0 of 5 rated stretches" if (command, kind) == ("calibrate", "3 s") else BAD[kind]
    assert error.count("\n") == 1 and says in error and error.startswith(f"affectstream {command}: "), error
    assert not out.exists()


def test_too_short_for_a_baseline_is_a_table_without_answers_that_says_why(tmp_path: Path, capsys) -> None:
    path = write(raw_of(brain(30)), tmp_path / "a_raw.fif")
    assert main(["score", str(path), "--out", str(tmp_path / "out")]) == 0
    assert "too few to know the person's baseline" in capsys.readouterr().out
    table = pyarrow.parquet.read_table(tmp_path / "out" / "a_raw.parquet").to_pydict()
    at = [k for k, source in enumerate(table["source"]) if source == "eeg"]
    assert len(at) == 53 and {table["valence"][k] for k in at} == {None} and {table["quality"][k] for k in at} == {0.0}


def test_a_folder_with_one_bad_file_survives_and_says_so_at_the_end(tmp_path: Path, capsys) -> None:
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    write(raw_of(brain(60)), folder / "a_raw.fif")
    bad("letter", folder)
    write(raw_of(brain(50, seed=1)), folder / "sub" / "a_raw.fif")
    (folder / "notes.txt").write_text("none of them")
    assert main(["score", str(folder), "--out", str(tmp_path / "out"), "--hz", "2"]) == 1
    said = capsys.readouterr()
    assert "1 of 3 inputs gave no result" in said.err and said.err.rstrip().endswith("letter_raw.fif")
    made = {str(file.relative_to(tmp_path / "out")) for file in (tmp_path / "out").rglob("*") if file.is_file()}
    ends = ("eeg.parquet", "events.json", "parquet", "png", "summary.json")
    assert made == {f"{part}a_raw.{end}" for part in ("", "sub/") for end in ends}


def test_a_model_that_is_none_is_a_wrong_call_and_a_face_is_not_looked_for(tmp_path: Path, capsys) -> None:
    path = write(raw_of(brain(50)), tmp_path / "a_raw.fif")
    (tmp_path / "m.safetensors").write_text("none")
    out = ["--out", str(tmp_path / "out")]
    assert main(["score", str(path), *out, "--eeg-model", str(tmp_path / "m.safetensors")]) == 2
    assert "affectstream calibrate" in capsys.readouterr().err
    assert main(["score", str(path), *out, "--modalities", "face"]) == 1
    assert "add it to --modalities" in capsys.readouterr().err
    with pytest.raises(SignalError, match="wanted eeg among the modalities"):
        score(path, encoders=open_encoders(("text",)))
    assert not (tmp_path / "out").exists()


# ---- rest


@pytest.mark.parametrize(
    ("text", "rests"),
    [
        ("rest", True),
        ("Resting state", True),
        ("Comment/baseline", True),
        ("eyes_open", True),
        ("EyesOpen", True),
        ("Eyes open", True),
        ("rest_1", True),
        ("baseline_start", True),
        ("rest1", True),
        ("rest_end", False),
        ("baseline stop", False),
        ("restart", False),
        ("eyes closed", False),
        ("forest", False),
        ("interest", False),
        ("square", False),
    ],
)
def test_marks_that_speak_of_rest(text: str, rests: bool) -> None:
    assert bool(rest_stretches([Mark(1.0, 50.0, text)], 100.0)) is rests


def test_a_mark_without_a_length_lasts_to_the_next_and_none_beyond_the_end() -> None:
    marks = [Mark(0, 0, "rest"), Mark(0, 0, "x"), Mark(30, 0, "film"), Mark(50, 100, "rest"), Mark(80, 0, "baseline")]
    assert rest_stretches(marks, 90.0) == ((0, 30), (50, 90), (80, 90))


def test_a_rest_too_short_says_so_and_the_recording_is_the_baseline(tmp_path: Path) -> None:
    raw = raw_of(brain(70))
    plain = score(write(raw, tmp_path / "a_raw.fif"))
    raw.set_annotations(mne.Annotations([0.0], [20.0], ["rest"]))
    result = score(write(raw, tmp_path / "b_raw.fif"))
    same(result.traces["eeg"], plain.traces["eeg"], 1e-9)
    assert result.brain is not None and result.brain.rest == () and "20 s marked as rest" in result.notes[0]


# ---- what is written


def test_the_electrode_table_is_in_squared_microvolts(tmp_path: Path) -> None:
    """A sine of amplitude a has the power a^2 / 2; eight electrodes in eight phases have no mean to be referred to."""
    time, phase = np.arange(60 * RATE) / RATE, np.arange(8)[:, None] * np.pi / 4
    hiss = 0.05e-6 * np.random.default_rng(0).standard_normal((8, len(time)))
    path = write(raw_of(12e-6 * np.sin(2 * np.pi * 10.3 * time + phase) + hiss), tmp_path / "a_raw.fif")
    assert main(["score", str(path), "--format", "parquet,csv", "--out", str(tmp_path)]) == 0
    table = pyarrow.parquet.read_table(tmp_path / "a_raw.eeg.parquet")
    columns = table.to_pydict()
    bands = ("delta", "theta", "alpha", "beta", "gamma")
    assert list(columns) == ["time", "electrode", *(f"{band}_uv2" for band in bands), "quality"]
    assert len(columns["time"]) == 15 * 8 and columns["electrode"][:8] == list(NAMES)
    np.testing.assert_allclose(columns["time"][::8], 2 + 4 * np.arange(15))
    np.testing.assert_allclose(columns["alpha_uv2"][8:], 12**2 / 2, rtol=0.02)
    assert max(columns["gamma_uv2"][8:]) < 0.01
    assert table.schema.metadata[b"schema"] == b"eeg-table/1" and b"microvolts" in table.schema.metadata[b"unit"]
    with (tmp_path / "a_raw.eeg.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["alpha_uv2"]) for row in rows] == columns["alpha_uv2"]


def test_the_summary_says_what_the_answers_are_made_of(tmp_path: Path) -> None:
    data = brain(70)
    data[3, 30 * RATE :] = data[3, 30 * RATE]
    raw = raw_of(data)
    raw.set_annotations(mne.Annotations([1.0], [60.0], ["rest"]))
    path = write(raw, tmp_path / "s_raw.fif")
    runs = []
    for run in ("a", "b"):
        assert main(["score", str(path), "--out", str(tmp_path / run)]) == 0
        runs.append({file.name: file.read_bytes() for file in (tmp_path / run).iterdir()})
    assert runs[0] == runs[1]
    summary = json.loads(runs[0]["s_raw.summary.json"])
    eeg = summary["found"]["eeg"]
    assert eeg["rate"] == RATE and eeg["baseline"] == [[1.0, 61.0]] and list(eeg["electrodes"]) == list(NAMES)
    assert eeg["electrodes"]["F4"] < 0.6 and eeg["electrodes"]["F3"] > 0.95
    assert "alpha asymmetry" in eeg["how"] and "affectstream calibrate" in eeg["how"] and "not observed" in eeg["how"]
    assert set(summary["sources"]) == {"eeg", "fused", "state"} and summary["weights"] == {}
    assert summary["sources"]["eeg"]["mean"]["dominance"] is None and summary["duration"] == 70.0
    assert summary["missing"] == {} and summary["notes"] == []


@pytest.fixture(scope="module")
def torn(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """An electrode that goes flat, and a gap of 40 s."""
    data = np.concatenate([brain(80), np.zeros((8, 40 * RATE)), brain(60, seed=1)], 1)
    data[6, 50 * RATE : 80 * RATE] = data[6, 50 * RATE]
    raw = raw_of(data)
    raw.set_annotations(mne.Annotations([80.0], [40.0], ["BAD_ACQ_SKIP"]))
    return score(write(raw, tmp_path_factory.mktemp("torn") / "torn_raw.fif"), hz=5)


def test_what_is_drawn_stands_at_its_time_and_a_gap_is_empty(torn: Result) -> None:
    assert torn.brain is not None
    clock, quality = on_a_clock(torn.brain.time, torn.brain.quality)
    np.testing.assert_allclose(np.diff(clock), 4.0)
    for time, row in zip(torn.brain.time, torn.brain.quality, strict=True):
        at = int(np.argmin(abs(clock - time)))
        assert abs(clock[at] - time) <= 2.0
        np.testing.assert_array_equal(quality[at], row)
    gap = (clock > 82) & (clock < 118)
    assert gap.sum() >= 8 and np.isnan(quality[gap]).all() and np.isfinite(quality).all(1).sum() == len(torn.brain.time)


def test_the_picture_is_written_and_shows_the_flat_electrode(torn: Result, tmp_path: Path) -> None:
    draw(torn, tmp_path / "torn.png")
    picture = matplotlib.image.imread(tmp_path / "torn.png")
    assert picture.shape[0] > 600 and picture.shape[1] == 1430 and np.ptp(picture[:, :, :3]) > 0.9


def test_a_recording_named_like_anothers_table_is_refused(tmp_path: Path) -> None:
    paths = [tmp_path / "a.edf", tmp_path / "a.eeg.edf"]
    with pytest.raises(ValueError, match=r"a\.edf and .*a\.eeg\.edf would both be written"):
        list_jobs(paths, tmp_path / "out")
    assert len(list_jobs([tmp_path / "a.edf", tmp_path / "b.eeg.edf"], tmp_path / "out")) == 2


def test_an_eeg_is_not_scored_where_it_was_not_asked_for(tmp_path: Path) -> None:
    with pytest.raises(SignalError, match="wanted eeg among the modalities"):
        score(tmp_path / "a.edf", modalities=("text",))
