"""Recordings against the arrays they were written from, through MNE's exporters and through bytes written out here."""

import gc
import gzip
import shutil
import struct
import types
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import mne
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from affectstream.multimodal.eeg.recordings import Mark, Recording, is_recording, open_recording
from affectstream.multimodal.eeg.signal import electrodes, place
from affectstream.multimodal.types import SignalError

RATE, NAMES = 128, ("Fp1", "Fz", "C3", "O2")
FORMATS = ("a.edf", "a.bdf", "a.vhdr", "a.set", "a_raw.fif", "a_raw.fif.gz")


def brain(seconds: float, channels: int = 4, rate: int = RATE, seed: int = 0) -> NDArray[np.float64]:
    """(channels, n) volts: 20 microvolts of noise."""
    return np.random.default_rng(seed).normal(0, 20e-6, (channels, round(seconds * rate)))


def raw_of(
    data: NDArray[np.float64], names: Sequence[str] = NAMES, kinds: str | Sequence[str] = "eeg", rate: float = RATE
) -> mne.io.RawArray:
    kinds = [kinds] * len(names) if isinstance(kinds, str) else list(kinds)
    info = mne.create_info(list(names), rate, kinds)  # pyright: ignore[reportArgumentType]
    return mne.io.RawArray(data, info, verbose="error")


def write(raw: Any, path: Path) -> Path:
    if ".fif" in path.name:
        raw.save(path, fmt="double", overwrite=True, verbose="error")
    else:
        mne.export.export_raw(path, raw, overwrite=True, verbose="error")
    return path


def fif(folder: Path, data: NDArray[np.float64], **how: Any) -> Path:
    return write(raw_of(data, **how), folder / "a_raw.fif")


def samples(recording: Recording, seconds: float = 10.0) -> NDArray[np.float32]:
    """All samples, (n, channels), of a recording without gaps."""
    parts = list(recording.chunks(seconds))
    ends = [part.start + len(part) / part.rate for part in parts]
    np.testing.assert_allclose([part.start for part in parts[1:]], ends[:-1], atol=1e-9)
    assert parts[0].start == 0 and {(part.modality, part.rate) for part in parts} == {("eeg", recording.rate)}
    return np.concatenate([part.data for part in parts])


# ---- formats


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_what_was_written(tmp_path: Path, name: str) -> None:
    data = brain(20)
    raw = raw_of(data)
    raw.set_annotations(mne.Annotations([1.5, 12.25], [0, 2], ["begin", "rest"]))
    recording = open_recording(write(raw, tmp_path / name))
    assert recording.names == NAMES and recording.rate == RATE and recording.duration == 20
    step = np.ptp(data) / 2**16 if name.endswith(".edf") else 1e-11
    np.testing.assert_allclose(samples(recording), data.T, atol=step)
    # BrainVision calls what is no stimulus a comment, and begins with a mark of its own.
    marks = [mark for mark in recording.marks if "New Segment" not in mark.text]
    assert [mark.text.removeprefix("Comment/") for mark in marks] == ["begin", "rest"]
    np.testing.assert_allclose([mark.time for mark in marks], [1.5, 12.25], atol=1 / RATE)
    assert recording.notes == ()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_of_a_real_recording_agrees(shared_data: Path, tmp_path: Path, name: str) -> None:
    source = shared_data / "eeg" / "eeglab_sample" / "eeglab_data.set"
    original = open_recording(source)
    numbers = np.fromfile(source.with_suffix(".fdt"), "<f4").reshape(-1, 32)
    electrode = np.arange(32)[~np.isin(np.arange(32), [1, 5])]  # without EOG1 and EOG2
    np.testing.assert_allclose(samples(original), numbers[:, electrode] * 1e-6, rtol=1e-6)
    assert len(original.names) == 30 and {"Fpz", "Cz", "T7", "POz", "O2"} <= set(original.names)
    assert [mark.text for mark in original.marks].count("square") == 80 and len(original.marks) == 154

    raw = mne.io.read_raw_eeglab(source, verbose="error")
    recording = open_recording(write(raw.load_data(), tmp_path / name))
    step = np.ptp(numbers, 0).max() * 1e-6 / 2**16 if name.endswith(".edf") else 1e-10
    assert recording.names == original.names and recording.rate == original.rate
    np.testing.assert_allclose(samples(recording), samples(original), atol=step)
    marks = [mark for mark in recording.marks if "New Segment" not in mark.text]
    assert [mark.text.removeprefix("Comment/") for mark in marks] == [mark.text for mark in original.marks]
    np.testing.assert_allclose([m.time for m in marks], [m.time for m in original.marks], atol=1 / original.rate)


def test_sample_files_give_what_other_readers_give(shared_data: Path) -> None:
    folder = shared_data / "eeg" / "eeglab_sample"
    edf = open_recording(folder / "test.edf")
    expected = np.asarray(mne.io.read_raw_edf(folder / "test.edf", verbose="error").get_data())
    np.testing.assert_allclose(samples(edf), expected.T, rtol=1e-6, atol=1e-12)
    assert edf.names[:6] == ("Fp1", "Fp2", "T7", "T8", "P7", "P8") and edf.rate == 256 and edf.duration == 60

    bdf = open_recording(folder / "test.bdf")
    numbers = np.frombuffer((folder / "test.bdf").read_bytes()[256 * 18 :], np.uint8).reshape(60, 17, 256, 3)
    padded = np.concatenate([np.zeros((60, 17, 256, 1), np.uint8), numbers], -1)
    volts = (padded.view("<i4")[..., 0] // 256)[:, :16].transpose(0, 2, 1).reshape(-1, 16) * 31.25e-9
    np.testing.assert_allclose(samples(bdf), volts, atol=16e-9)  # half a digit: the range is not symmetrical
    assert bdf.names[:2] == ("A1", "A2") and any("no name is of the 10-20 system" in note for note in bdf.notes)

    xdf = open_recording(folder / "test.xdf")
    assert len(xdf.names) == 8 and samples(xdf).shape == (9520, 8) and xdf.duration == pytest.approx(9.52, abs=0.02)
    assert any("taken as microvolts" in note for note in xdf.notes)


def test_clock_resets_become_a_gap(shared_data: Path) -> None:
    recording = open_recording(shared_data / "eeg" / "xdf" / "clock_resets.xdf")
    assert [run.count for run in recording.runs] == [12876, 14939]
    assert recording.runs[1].start == pytest.approx(1221.99 - 810.03, abs=0.6)  # by the dejittered stamps of pyxdf
    assert len(recording.marks) == 175 and recording.rate == pytest.approx(92.93, abs=0.01)
    with pytest.raises(SignalError, match="no EEG stream"):
        open_recording(shared_data / "eeg" / "xdf" / "empty_streams.xdf")
    with pytest.raises(SignalError, match="10 samples a second"):
        open_recording(shared_data / "eeg" / "xdf" / "minimal.xdf")


Torn = tuple[Recording, NDArray[np.float32], NDArray[np.float64]]


@pytest.fixture(scope="module")
def torn(tmp_path_factory: pytest.TempPathFactory) -> Torn:
    """A recording with gaps of 3 and 900 s, its samples and their times."""
    data, index = brain(30).T.astype(np.float32) * 1e6, np.arange(30 * RATE)
    times = 50 + index / RATE + 3 * (index >= 1000) + 900 * (index >= 2500)
    path = xdf(tmp_path_factory.mktemp("torn") / "a.xdf", stream(1, data, times, labels=NAMES))
    return open_recording(path), (data * np.float64(1e-6)).astype(np.float32), times - 50


@given(seconds=st.floats(0.01, 40))
def test_any_length_of_chunks_gives_the_same(torn: Torn, seconds: float) -> None:
    recording, data, times = torn
    chunks = list(recording.chunks(seconds))
    assert all(0 < len(chunk) <= round(seconds * RATE) for chunk in chunks)
    np.testing.assert_array_equal(np.concatenate([chunk.data for chunk in chunks]), data)
    np.testing.assert_allclose(np.concatenate([chunk.times for chunk in chunks]), times, atol=1e-9)


@given(st.lists(st.floats(0.05, 7), min_size=1, max_size=5))
def test_chunks_end_at_gaps_and_nowhere_else_early(torn: Torn, lengths: list[float]) -> None:
    for seconds in lengths:
        size = round(seconds * RATE)
        expected = [
            min(size, end - at)
            for first, end in ((0, 1000), (1000, 2500), (2500, 3840))
            for at in range(first, end, size)
        ]
        assert [len(chunk) for chunk in torn[0].chunks(seconds)] == expected


def test_a_chunk_holds_at_least_a_sample(tmp_path: Path) -> None:
    recording = open_recording(fif(tmp_path, brain(2)))
    for seconds in (0.0, -1.0, 0.001, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="at least one sample"):
            recording.chunks(seconds)


# ---- channels


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Fp1", "Fp1"),
        ("FP1", "Fp1"),
        ("EEG FPZ-REF", "Fpz"),
        ("EEG T3-LE", "T7"),
        ("T6", "P8"),
        ("Fc5..", "FC5"),
        ("Af7.", "AF7"),
        ("eeg cz", "Cz"),
        ("C3-A2", "C3"),
        ("O1-Ref", "O1"),
        ("Pz-0", "Pz"),
        ("POO9h", "POO9h"),
        ("A1", "A1"),
        ("Fp1-F7", None),
        ("ECG", None),
        ("Channel 3", None),
        ("", None),
    ],
)
def test_names_are_made_standard(label: str, name: str | None) -> None:
    assert place(label) == name


def test_other_channels_are_left_out_by_name() -> None:
    """The channels of an EPOC's EDF, a clinic's and a polysomnograph's."""
    epoc = [
        "COUNTER",
        "INTERPOLATED",
        "AF3",
        "T7",
        "O2",
        "AF4",
        "RAW_CQ",
        "CQ_AF3",
        "CQ_O2",
        "GYROX",
        "GYROY",
        "MARKER",
        "SYNC",
        "TIME_STAMP_s",
        "BATTERY",
    ]
    assert list(electrodes(epoc)[0].values()) == ["AF3", "T7", "O2", "AF4"]
    clinic = [
        "EEG FP1-REF",
        "EEG EKG1-REF",
        "EEG LOC-REF",
        "EEG A1-REF",
        "PHOTIC-REF",
        "DC1-DC",
        "EMG-REF",
        "IBI",
        "X1",
    ]
    kept, notes = electrodes(clinic)
    assert kept == {0: "Fp1", 3: "A1", 7: "IBI", 8: "X1"}
    assert "EEG EKG1-REF, EEG LOC-REF, PHOTIC-REF, DC1-DC, EMG-REF" in notes[0]
    sleep = ["EEG Fpz-Cz", "EOG horizontal", "Resp oro-nasal", "EMG submental", "Temp rectal", "Event marker"]
    assert electrodes(sleep)[0] == {0: "EEG Fpz-Cz"}


@given(st.lists(st.sampled_from(["Cz", "CZ", "EEG Cz", "Pz", "X1", "ECG", "Status"]), max_size=8))
def test_names_are_unique_and_in_order(labels: list[str]) -> None:
    kept, _ = electrodes(labels)
    assert list(kept) == sorted(kept) and len(set(kept.values())) == len(kept)
    assert set(kept.values()) == {place(label) or label for label in labels} - {"ECG", "Status"}


def test_types_doubles_and_bad_channels_are_noted(tmp_path: Path) -> None:
    raw = raw_of(
        brain(3, 7),
        ("FP1", "EEG Fp1", "HR", "STI 014", "X", "T3", "Cz"),
        ["eeg"] * 2 + ["ecg", "stim", "misc"] + ["eeg"] * 2,
    )
    raw.info["bads"] = ["Cz"]
    recording = open_recording(write(raw, tmp_path / "a_raw.fif"))
    assert recording.names == ("Fp1", "T7")
    np.testing.assert_allclose(samples(recording), np.asarray(raw.get_data())[[0, 5]].T, rtol=1e-6)
    text = " / ".join(recording.notes)
    assert "HR (ecg), STI 014 (stim), X (misc)" in text and "bad: Cz" in text and "same name: EEG Fp1" in text


def test_a_file_without_electrodes_says_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(SignalError, match=r"no EEG channel, but ECG \(ecg\), GSR \(gsr\)"):
        open_recording(fif(tmp_path, brain(3, 2), names=["ECG", "GSR"], kinds=["ecg", "gsr"]))
    with pytest.raises(SignalError, match="no EEG channel, but ECG, Resp; wanted electrodes"):
        open_recording(edf(tmp_path / "a.edf", [("ECG", "uV", 128), ("Resp", "", 128)], records=3))


# ---- units and values


@pytest.mark.parametrize(
    ("factor", "note"), [(1e6, "microvolts"), (1e3, "millivolts"), (1e-3, "1,000 times too small"), (1e-6, "1,000,000")]
)
def test_mistaken_units_are_mended(tmp_path: Path, factor: float, note: str) -> None:
    data = np.concatenate([brain(3, 2), np.zeros((3, 3 * RATE))])
    data[2] = np.nan
    data[:2] += 5e-3  # an offset far larger than the signal
    recording = open_recording(fif(tmp_path, data * factor, names=("Fp1", "Fz", "C3", "O2", "Cz")))
    np.testing.assert_allclose(samples(recording), data.T, rtol=1e-5)
    assert [note in said for said in recording.notes] == [True]


@pytest.mark.parametrize("size", [6e-8, 1e-6, 1e-4, 8e-3])
def test_believable_units_are_left_alone(tmp_path: Path, size: float) -> None:
    data = brain(3) / 20e-6 * size
    recording = open_recording(fif(tmp_path, data))
    np.testing.assert_allclose(samples(recording), data.T, rtol=1e-5)
    assert recording.notes == ()


def test_what_is_not_finite_is_nan(tmp_path: Path) -> None:
    data = brain(3)
    data[0, 5:9], data[1, 7], data[2, 8], data[3] = np.nan, np.inf, -np.inf, np.nan
    found = samples(open_recording(fif(tmp_path, data)))
    np.testing.assert_array_equal(np.isnan(found), ~np.isfinite(data.T))
    np.testing.assert_allclose(found[np.isfinite(data.T)], data.T[np.isfinite(data.T)], rtol=1e-6)
    nothing = open_recording(fif(tmp_path, np.full((4, 300), np.nan)))
    assert np.isnan(samples(nothing)).all() and nothing.notes == ()


# ---- gaps and marks


def test_marks_of_an_acquisition_that_began_earlier(tmp_path: Path) -> None:
    """FIF counts samples from when the amplifier was switched on."""
    raw = raw_of(brain(20))
    raw.set_meas_date(1_000_000_000)
    raw.set_annotations(mne.Annotations([8.0, 15.0], [0.5, 1.0], ["a", "b"]))
    recording = open_recording(write(raw.crop(5, 19), tmp_path / "a_raw.fif"))
    assert [(mark.text, mark.duration) for mark in recording.marks] == [("a", 0.5), ("b", 1.0)]
    assert [mark.time for mark in recording.marks] == pytest.approx([3, 10])


def test_what_fif_skipped_is_a_gap(tmp_path: Path) -> None:
    data = brain(20)
    data[:, 5 * RATE : 9 * RATE] = 0
    raw = raw_of(data)
    raw.set_meas_date(1_000_000_000)
    raw.set_annotations(mne.Annotations([5.0, 12.0], [4.0, 0], ["BAD_ACQ_SKIP", "x"], orig_time=raw.info["meas_date"]))
    recording = open_recording(write(raw, tmp_path / "a_raw.fif"))
    found = [(chunk.start, len(chunk)) for chunk in recording.chunks(3)]
    assert found == [(0, 384), (3, 256), (9, 384), (12, 384), (15, 384), (18, 256)]
    kept = np.r_[0 : 5 * RATE, 9 * RATE : 20 * RATE]
    np.testing.assert_allclose(np.concatenate([c.data for c in recording.chunks()]), data.T[kept], rtol=1e-6)
    assert recording.duration == 20 and [mark.text for mark in recording.marks] == ["x"]
    assert recording.notes == ("1 gap of 4.0 s in all, after 5.0 s; nothing was put there",)


@pytest.mark.parametrize("ending", ["edf", "bdf"])
def test_discontinuous_records_keep_their_times(tmp_path: Path, ending: str) -> None:
    starts = [0.25, 1.25, 2.25, 903.5, 904.5, 910.25]  # the first fraction belongs to the start of the file
    path = edf(
        tmp_path / f"a.{ending}",
        [("Fz", "uV", 128), ("Cz", "uV", 128)],
        starts=starts,
        text={3: "+903.75\x15\x32\x14late\x14\0"},
    )
    recording = open_recording(path)
    found = [(chunk.start, len(chunk)) for chunk in recording.chunks()]
    assert found == [(0, 384), (903.25, 256), (910, 128)]
    assert recording.duration == 911 and recording.marks == (Mark(903.5, 2.0, "late"),)
    digits = edf_digits(6, 2, 128)
    np.testing.assert_allclose(np.concatenate([chunk.data for chunk in recording.chunks()]), digits * 1e-7, atol=1e-10)


def test_text_in_an_older_encoding_is_read(tmp_path: Path) -> None:
    for starts in ((0.0, 1.0, 2.0), (0.0, 1.0, 5.0)):
        path = edf(tmp_path / "a.edf", [("Fz", "uV", 128)], starts=starts, text={1: "+1\x14Müdigkeit\x14\0"})
        assert [mark.text for mark in open_recording(path).marks] == ["Müdigkeit"]


def test_channels_of_other_rates_do_not_change_the_electrodes(tmp_path: Path) -> None:
    signals = [("EEG Fz", "uV", 128), ("ECG", "mV", 512), ("EEG Cz", "uV", 128), ("Pz", "uV", 64), ("Oz", "%", 128)]
    recording = open_recording(edf(tmp_path / "a.edf", signals, records=30))
    assert recording.names == ("Fz", "Cz") and recording.rate == 128
    np.testing.assert_allclose(samples(recording, 0.7), edf_digits(30, 5, 128)[:, [0, 2]] * 1e-7, atol=1e-10)
    assert sum("left out" in note for note in recording.notes) == 3


# ---- XDF


def test_xdf_is_read_with_its_units_types_and_marks(tmp_path: Path) -> None:
    data = brain(10).T
    times = 1000 + np.arange(len(data)) / RATE
    values = np.concatenate([data * [1e6, 1e6, 1e3, 1], np.ones((len(data), 1))], 1)
    path = xdf(
        tmp_path / "a.xdf",
        stream(7, [["start"], ["<b> & ü"]], [999.5, 1004.0], kind="Markers", rate=0),
        stream(
            1,
            values,
            times,
            labels=("FP1", "Fz", "T3", "O2", "X"),
            units=("microvolts", "uV", "millivolts", "V", "g"),
            kinds=("EEG",) * 4 + ("ACC",),
        ),
        stream(9, brain(10, 3, 100).T, np.arange(1000) / 100, kind="Gyro", rate=100),
        stream(8, np.array([[5], [6]], np.int32), [1001.0, 1002.0], kind="Markers", rate=0),
    )
    recording = open_recording(path)
    assert recording.names == ("Fp1", "Fz", "T7", "O2") and recording.rate == RATE and recording.duration == 10
    np.testing.assert_allclose(samples(recording), data, rtol=1e-5)
    assert [mark.text for mark in recording.marks] == ["start", "5", "6", "<b> & ü"]
    assert [mark.time for mark in recording.marks] == pytest.approx([-0.5, 1, 2, 4])
    assert recording.notes == ("left out, as the stream says that they are no EEG: X (ACC)",)
    packed = tmp_path / "b.xdf.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    np.testing.assert_array_equal(samples(open_recording(packed)), samples(recording))


def test_xdf_clocks_are_brought_together(tmp_path: Path) -> None:
    """Each computer's clock is off by an amount that grows; the offsets that were measured say by how much."""
    data, true = brain(60).T, 500 + np.arange(60 * RATE) / RATE

    def offsets(shift: float, drift: float) -> list[tuple[float, float]]:
        """(time on the computer's clock, what to add to it)."""
        return [(t + shift + drift * (t - 500), -shift - drift * (t - 500)) for t in np.arange(500.0, 560.1, 5.0)]

    path = xdf(
        tmp_path / "a.xdf",
        stream(1, data * 1e6, true + 3 + 1e-4 * (true - 500), labels=NAMES, clock=offsets(3, 1e-4)),
        stream(2, [["go"]], [530.0 - 40], kind="Markers", rate=0, clock=offsets(-40, 0)),
    )
    recording = open_recording(path)
    assert recording.rate == RATE and recording.marks[0].time == pytest.approx(30, abs=1e-3)
    assert recording.duration == pytest.approx(60, abs=1e-3)


def test_late_samples_are_no_gap_and_lost_ones_are(tmp_path: Path) -> None:
    rng, rate = np.random.default_rng(1), 250
    true = 10 + np.arange(60 * rate) / rate
    kept = np.r_[0:5000, 5030 : 60 * rate]  # 0.12 s lost
    sent = np.repeat(true[kept][31::32] + rng.exponential(0.005, len(kept) // 32), 32)  # blocks, late by 5 ms or more
    stamps = sent - np.tile(np.arange(31, -1, -1) / rate, len(kept) // 32)
    data = brain(60, rate=rate).T[kept][: len(stamps)]
    recording = open_recording(xdf(tmp_path / "a.xdf", stream(1, data * 1e6, stamps, labels=NAMES, rate=rate)))
    (first, second) = recording.runs
    assert recording.rate == rate and abs(first.count - 5000) < 32
    end = second.start + (second.count - 1) / rate  # its first block holds samples from before the gap as well
    assert end == pytest.approx(true[kept][len(stamps) - 1] - true[0], abs=2e-3)


def test_a_rate_that_is_not_the_clocks_is_measured(tmp_path: Path) -> None:
    stamps = np.arange(60 * 250) / 247.0 + np.random.default_rng(2).normal(0, 1e-3, 60 * 250)
    recording = open_recording(
        xdf(tmp_path / "a.xdf", stream(1, brain(60, rate=250).T * 1e6, stamps, labels=NAMES, rate=250))
    )
    assert recording.rate == pytest.approx(247, abs=0.01) and len(recording.runs) == 1
    assert any("247.0" in note for note in recording.notes)


def test_the_eeg_stream_is_chosen_and_time_does_not_run_back(tmp_path: Path) -> None:
    data, times = brain(10).T * 1e6, np.arange(10 * RATE) / RATE
    back = times - 2.0 * (times >= 6)  # two seconds come twice
    chosen = open_recording(
        xdf(
            tmp_path / "a.xdf",
            stream(1, np.ones((2000, 2)), np.arange(2000) / 200, rate=200),
            stream(2, data, back, labels=NAMES, name="Cap"),
        )
    )
    assert chosen.names == NAMES and any("2 EEG streams, Cap was read" in note for note in chosen.notes)
    assert f"{2 * RATE} samples" in chosen.notes[-1]
    assert [(run.start, run.first, run.count) for run in chosen.runs] == [(0, 0, 6 * RATE), (6, 8 * RATE, 2 * RATE)]
    typeless = xdf(tmp_path / "b.xdf", stream(1, data, times, labels=NAMES, kind="Signal"))
    assert open_recording(typeless).names == NAMES


def test_xdf_that_is_cut_short_gives_its_good_part(tmp_path: Path) -> None:
    path = xdf(tmp_path / "a.xdf", stream(1, brain(10).T * 1e6, np.arange(10 * RATE) / RATE, labels=NAMES))
    path.write_bytes(path.read_bytes()[:-9000])
    recording = open_recording(path)
    assert 1 < recording.duration < 10 and any("cut short" in note for note in recording.notes)


# ---- bad input, privacy


def test_endings() -> None:
    good = ("a.edf", "A.BDF", "a.gdf", "a.set", "a.vhdr", "a.fif", "a_raw.fif.gz", "a.cnt", "a.xdf", "a.b.xdf.gz")
    assert all(is_recording(name) for name in good) and is_recording(Path("x/y.EDF"))
    assert not any(is_recording(name) for name in ("a.mp4", "edf", "a.gz", "a.fdt", "a.eeg", "a.vmrk", "a.txt"))


@pytest.mark.parametrize(
    "name", ["a.edf", "a.bdf", "a.gdf", "a.set", "a.vhdr", "a.fif", "a.fif.gz", "a.cnt", "a.xdf", "a.xdf.gz"]
)
@pytest.mark.parametrize(
    "content", [None, b"", b"\0" * 5000, b"\x37 rubbish " * 900], ids=["missing", "empty", "zeros", "rubbish"]
)
def test_what_is_no_recording_is_refused(tmp_path: Path, name: str, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SignalError, match="wanted"):
        open_recording(tmp_path / name)


def test_names_and_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "b.edf").mkdir()
    with pytest.raises(SignalError, match="is a folder"):
        open_recording(tmp_path / "b.edf")
    with pytest.raises(SignalError, match="by its name"):
        open_recording(tmp_path / "a.mp4")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "second"), [("a.vhdr", "a.eeg"), ("b.set", "b.fdt")])
def test_a_missing_second_file_is_named(tmp_path: Path, shared_data: Path, name: str, second: str) -> None:
    if name == "a.vhdr":
        write(raw_of(brain(3)), tmp_path / name)
        (tmp_path / second).unlink()
    else:
        shutil.copy(shared_data / "eeg" / "eeglab_sample" / "eeglab_data.set", tmp_path / name)
        second = "eeglab_data.fdt"
    with pytest.raises(SignalError, match=f"second file.*{second}"):
        open_recording(tmp_path / name)


def test_trials_are_refused(tmp_path: Path) -> None:
    epochs = mne.EpochsArray(brain(4).reshape(4, 4, -1).transpose(1, 0, 2), raw_of(brain(1)).info, verbose="error")
    epochs.save(tmp_path / "a-epo.fif", verbose="error")
    mne.export.export_epochs(tmp_path / "a.set", epochs, verbose="error")
    for name in ("a-epo.fif", "a.set"):
        with pytest.raises(SignalError, match="trials"):
            open_recording(tmp_path / name)


@pytest.mark.parametrize(
    ("rate", "seconds", "match"),
    [(40, 9, "40 samples a second"), (0.5, 300, "0.5 samples"), (200_000, 2, "200000 samples"), (128, 0.9, "0.898 s")],
)
def test_odd_rates_and_short_files_are_refused(tmp_path: Path, rate: float, seconds: float, match: str) -> None:
    data = np.random.default_rng(0).normal(0, 2e-5, (1, int(rate * seconds)))
    with pytest.raises(SignalError, match=match):
        open_recording(fif(tmp_path, data, names=["Cz"], rate=rate))


@pytest.mark.parametrize("ending", ["edf", "bdf"])
def test_a_file_that_is_cut_short_gives_its_good_part(tmp_path: Path, ending: str) -> None:
    path = edf(tmp_path / f"a.{ending}", [("Fz", "uV", 128), ("Cz", "uV", 128)], records=9)
    path.write_bytes(path.read_bytes()[:-100])
    recording = open_recording(path)
    np.testing.assert_allclose(samples(recording), edf_digits(9, 2, 128)[: 8 * 128] * 1e-7, atol=1e-10)
    assert any("cut short" in note for note in recording.notes)


def test_a_file_whose_end_is_missing_is_refused_before_it_is_read(tmp_path: Path, shared_data: Path) -> None:
    path = fif(tmp_path, brain(90))
    path.write_bytes(path.read_bytes()[:-5000])
    whole = shared_data / "eeg" / "eeglab_sample" / "eeglab_data.set"
    (tmp_path / whole.name).write_bytes(whole.read_bytes())
    (tmp_path / "eeglab_data.fdt").write_bytes(whole.with_suffix(".fdt").read_bytes()[:-5000])
    for short in (path, tmp_path / whole.name):
        with pytest.raises(SignalError, match=r"is damaged (88|237)\.\d s after its start"):
            open_recording(short)


def test_headers_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    path = edf(tmp_path / "a.edf", [("Fz", "uV", 128)], records=3)
    good = path.read_bytes()
    for at, field, match in [
        (244, b"nan     ", "nan samples a second"),
        (244, b"abc     ", "could not convert"),
        (244, b"1e9     ", "samples a second"),
        (252, b"0   ", "0 channels"),
        (252, b"9999", "9999 channels"),
        (256 + 2 * 216, b"0       ", "0 samples of an electrode"),
    ]:
        path.write_bytes(good[:at] + field + good[at + len(field) :])
        with pytest.raises(SignalError, match=match):
            open_recording(path)
    path.write_bytes(good[: 256 * 3])
    with pytest.raises(SignalError, match="before its first record"):
        open_recording(path)


def test_streams_without_samples_or_times_are_refused(tmp_path: Path) -> None:
    data, times = brain(3).T * 1e6, np.arange(3 * RATE) / RATE
    for streams, match in [
        (stream(1, data, times)[:1], "0 samples of EEG"),
        (stream(1, data, np.where(times > 1, np.nan, times)), "129 of them with a time"),
        (stream(1, data, times, rate=0), r"no evenly sampled stream, but Stream \(EEG, 0 Hz\)"),
        (stream(1, [["a"]], [1.0], kind="Markers", rate=0), r"no evenly sampled stream, but Stream \(Markers, 0 Hz\)"),
        (stream(1, data, times, kind="Accelerometer"), r"no EEG stream, but Stream \(Accelerometer\)"),
    ]:
        with pytest.raises(SignalError, match=match):
            open_recording(xdf(tmp_path / "a.xdf", streams))


def test_mne_says_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder) -> None:
    path = edf(tmp_path / "a.edf", [("Fz", "uV", 128)], records=3)
    path.write_bytes(path.read_bytes()[:-9])
    list(open_recording(path).chunks())
    assert capfd.readouterr() == ("", "") and not recwarn.list


def test_a_file_that_vanishes_or_shrinks_while_it_is_read(tmp_path: Path) -> None:
    path = fif(tmp_path, brain(60))
    recording = open_recording(path)
    path.write_bytes(path.read_bytes()[:20000])
    with pytest.raises(SignalError, match="wanted"):
        list(recording.chunks())


def test_nothing_personal_is_kept(tmp_path: Path) -> None:
    path = edf(
        tmp_path / "a.edf",
        [("Fz", "uV", 128)],
        records=3,
        patient="X F 02-MAY-1984 Rosalind",
        text={1: "+1\x14ok\x14\0"},
    )
    assert b"Rosalind" in path.read_bytes()
    recording = open_recording(path)
    list(recording.chunks())
    seen, queue, found = set(), [recording], []
    while queue:
        thing = queue.pop()
        if id(thing) in seen or isinstance(thing, type | types.ModuleType):
            continue
        seen.add(id(thing))
        found.append(repr(thing) if isinstance(thing, str | bytes | int | float) else "")
        skip = thing.__globals__ if isinstance(thing, types.FunctionType) else None
        queue += [other for other in gc.get_referents(thing) if other is not skip]
    text = " ".join(found)
    assert "Fz" in text and "ok" in text
    assert "Rosalind" not in text and "1984" not in text and "2011" not in text


# ---- files written by hand


def edf_digits(records: int, channels: int, count: int) -> NDArray[np.int64]:
    """The numbers in the files of :func:`edf`, (records x count, channels)."""
    index = np.arange(records * count)[:, None]
    return (index * 37 + np.arange(channels) * 1009) % 2001 - 1000


def edf(
    path: Path,
    signals: Sequence[tuple[str, str, int]],
    records: int = 0,
    starts: Sequence[float] = (),
    text: dict[int, str] | None = None,
    patient: str = "X X X X",
) -> Path:
    """EDF+ or BDF+ in records of a second: ``signals`` (label, unit, rate), a tenth of a unit a digit.

    With ``starts`` it is discontinuous; ``text`` has what is written in a record beside its time.
    """
    wide = path.suffix == ".bdf"
    kind, width = ("BDF", 3) if wide else ("EDF", 2)
    records = records or len(starts)
    rows = [(*signal, "-3000", "3000", "-30000", "30000") for signal in signals]
    rows.append((f"{kind} Annotations", "", 40, "-1", "1", "-32768", "32767"))

    def cells(values: Sequence[object], size: int) -> bytes:
        return b"".join(str(value).ljust(size).encode() for value in values)

    columns = list(zip(*rows, strict=True))
    head = (b"\xffBIOSEMI" if wide else cells([0], 8)) + cells([patient, "Startdate 12-OCT-2011 X X X"], 80)
    head += cells(["12.10.11", "10.00.00", 256 * (len(rows) + 1)], 8) + cells([f"{kind}+{'D' if starts else 'C'}"], 44)
    head += cells([records, 1], 8) + cells([len(rows)], 4) + cells(columns[0], 16) + cells([""] * len(rows), 80)
    for column in (columns[1], *columns[3:]):
        head += cells(column, 8)
    head += cells([""] * len(rows), 80) + cells(columns[2], 8) + cells([""] * len(rows), 32)
    body = b""
    for record in range(records):
        for at, (_, _, count) in enumerate(signals):
            digits = edf_digits(records, len(signals), count)[record * count : (record + 1) * count, at]
            body += digits.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :width].tobytes()
        time = f"+{starts[record] if starts else record}\x14\x14\0" + (text or {}).get(record, "")
        body += time.encode("latin1").ljust(40 * width, b"\0")
    path.write_bytes(head + body)
    return path


def xdf(path: Path, *streams: list[bytes]) -> Path:
    """An XDF file: the magic word, a header, and the chunks of ``streams``."""
    path.write_bytes(
        b"XDF:" + b"".join([piece(1, b"<?xml version='1.0'?><info><version>1.0</version></info>"), *chain(*streams)])
    )
    return path


def piece(tag: int, content: bytes) -> bytes:
    """A chunk: how many bytes the length has, the length, the tag and the content."""
    return struct.pack("<BIH", 4, len(content) + 2, tag) + content


def stream(
    number: int,
    values: Any,
    times: Any,
    labels: Sequence[str] = (),
    units: Sequence[str] = (),
    kinds: Sequence[str] = (),
    kind: str = "EEG",
    rate: float = RATE,
    name: str = "Stream",
    clock: Sequence[tuple[float, float]] = (),
) -> list[bytes]:
    """A stream's chunks: header, clock offsets, samples in blocks of 100 with a stamp each, footer."""
    text = isinstance(values[0][0], str)
    whole = not text and np.asarray(values).dtype == np.int32
    form, code = ("string", "") if text else ("int32", "<i4") if whole else ("float32", "<f4")
    units, kinds = units or ["microvolts"] * len(labels), kinds or [""] * len(labels)
    channels = "".join(
        f"<channel><label>{label}</label><unit>{unit}</unit><type>{type_}</type></channel>"
        for label, unit, type_ in zip(labels, units, kinds, strict=True)
    )
    head = (
        f"<info><name>{name}</name><type>{kind}</type><channel_count>{len(values[0])}</channel_count>"
        f"<nominal_srate>{rate}</nominal_srate><channel_format>{form}</channel_format>"
        f"<desc>{f'<channels>{channels}</channels>' if labels else ''}</desc></info>"
    )
    own = struct.pack("<I", number)

    def sample(value: Any) -> bytes:
        if not text:
            return np.asarray(value, code).tobytes()
        words = [word.encode() for word in value]
        return b"".join(struct.pack("<BI", 4, len(word)) + word for word in words)

    chunks = [piece(2, own + head.encode())]
    chunks += [piece(4, own + struct.pack("<dd", *pair)) for pair in clock]
    for at in range(0, len(values), 100):
        rows = list(zip(times[at : at + 100], values[at : at + 100], strict=True))
        body = b"".join(struct.pack("<Bd", 8, time) + sample(value) for time, value in rows)
        chunks.append(piece(3, own + struct.pack("<BI", 4, len(rows)) + body))
    return [*chunks, piece(6, own + b"<info></info>")]
