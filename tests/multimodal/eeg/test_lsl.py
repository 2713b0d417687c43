"""EEG over LSL against what was pushed: on loopback, in a session of its own, so that no other stream is seen."""

import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from affectstream.encoders.eeg.entropy import DEFAULT
from affectstream.encoders.eeg.features import Windows, initial, observe
from affectstream.multimodal.eeg import lsl
from affectstream.multimodal.eeg.lsl import LiveRecording, open_lsl
from affectstream.multimodal.eeg.runs import Runs
from affectstream.multimodal.eeg.signal import volts
from affectstream.multimodal.types import Chunk, SignalError

RATE, NAMES = 128, ("Fp1", "Cz", "T7", "O2")
Samples = NDArray[np.float32]


# ---- runs, without LSL


def runs_of(stamps: NDArray[np.float64], sizes: list[int], rate: float = RATE) -> tuple[Runs, list[tuple[float, int]]]:
    """What Runs makes of samples 0, 1, 2 ... that come by ``sizes`` in turn: (start, count) of its runs."""
    runs, parts, at, turn = Runs(rate), [], 0, 0
    data = np.arange(len(stamps), dtype=np.float32)[:, None]
    while at < len(stamps):
        size = sizes[turn % len(sizes)]
        parts += runs.take(stamps[at : at + size], data[at : at + size])
        at, turn = at + size, turn + 1
    parts += runs.take(np.empty(0), data[:0], ended=True)
    np.testing.assert_array_equal(np.concatenate([samples[:, 0] for _, samples in parts]), np.arange(len(stamps)))
    joined: list[tuple[float, int]] = []
    for start, samples in parts:
        if joined and abs(joined[-1][0] + joined[-1][1] / rate - start) < 1e-9:
            joined[-1] = (joined[-1][0], joined[-1][1] + len(samples))
        else:
            joined.append((start, len(samples)))
    return runs, joined


@given(
    pieces=st.lists(st.tuples(st.integers(150, 500), st.floats(0.1, 900)), min_size=1, max_size=4),
    sizes=st.lists(st.integers(1, 400), min_size=1, max_size=4),
    jitter=st.floats(0, 0.002),
    seed=st.integers(0, 99),
)
def test_runs_are_those_between_the_gaps_however_samples_come(
    pieces: list[tuple[int, float]], sizes: list[int], jitter: float, seed: int
) -> None:
    starts, stamps, now = [], [], 3.0
    for count, gap in pieces:
        starts.append(now)
        stamps.append(now + np.arange(count) / RATE)
        now += count / RATE + gap
    noise = np.random.default_rng(seed).normal(0, jitter, sum(count for count, _ in pieces))
    runs, found = runs_of(np.concatenate(stamps) + noise, sizes)
    assert [count for _, count in found] == [count for count, _ in pieces]
    np.testing.assert_allclose([start for start, _ in found], starts, atol=1e-9 + jitter)
    missing = sum(gap for _, gap in pieces[:-1])
    expected = [f"{len(pieces) - 1} gap{'s' if len(pieces) > 2 else ''} of "] if len(pieces) > 1 else []
    assert [note[: len(text)] for note, text in zip(runs.notes, expected, strict=True)] == expected
    if expected:
        assert float(runs.notes[0].split(" of ")[1].split()[0]) == pytest.approx(missing, abs=0.06 + 8 * jitter)


@pytest.mark.parametrize("burst", [12, 60])
def test_samples_that_come_in_bursts_are_late_and_not_lost(burst: int) -> None:
    """Stamped as they arrive, by 12 as from a headset's radio; or 60 that were held up once."""
    true = np.arange(20 * RATE) / RATE
    stamps = true.copy()
    if burst == 12:
        stamps = true[np.minimum(np.arange(len(true)) // burst * burst + burst - 1, len(true) - 1)]
    else:
        stamps[1000:1060] = true[1060]
    _, found = runs_of(stamps, [7])
    assert len(found) == 1 and found[0][0] == pytest.approx(0, abs=burst / RATE if burst == 12 else 1e-9)


def test_a_drifting_clock_is_followed_in_steps() -> None:
    """A device that is 0.2 % slow, for two minutes: nothing is off by more than 0.1 s and what a look is long."""
    stamps = np.arange(120 * RATE) * 1.002 / RATE
    _, found = runs_of(stamps, [16])
    assert len(found) == 3
    first = np.cumsum([0] + [count for _, count in found])
    times = np.concatenate([start + np.arange(count) / RATE for start, count in found])
    assert abs(times - stamps).max() < 0.105
    np.testing.assert_allclose([start for start, _ in found], stamps[first[:-1]], atol=0.002)


def test_a_clock_that_is_fast_or_set_back_gives_no_time_twice() -> None:
    for stamps in (
        np.arange(120 * RATE) * 0.998 / RATE,
        np.concatenate([np.arange(2000), np.arange(1000, 4000)]) / RATE,
    ):
        runs, end, given = Runs(RATE), 0.0, 0
        for part in np.array_split(stamps, 100):
            for start, samples in runs.take(part, np.zeros((len(part), 1), np.float32)):
                assert start >= end - 0.5 / RATE - 1e-9
                end, given = start + len(samples) / RATE, given + len(samples)
        assert end == pytest.approx(stamps[-1], abs=0.12)
        assert any(f"{len(stamps) - given} samples" in note for note in runs.notes) and given < len(stamps)


def test_a_wrong_rate_and_stamps_that_are_none_are_refused() -> None:
    with pytest.raises(SignalError, match=r"calls its rate 256 Hz, but by its clock it is about 2(19|20|21)\."):
        runs_of(np.arange(5000) / 220, [32], rate=256)
    with pytest.raises(SignalError, match="NaN or infinity"):
        Runs(RATE).take(np.array([0.0, np.nan]), np.zeros((2, 1), np.float32))


@pytest.mark.parametrize(
    ("unit", "value"),
    [
        ("microvolts", 1e-6),
        ("uV", 1e-6),
        ("µV", 1e-6),
        ("mV", 1e-3),
        ("V", 1),
        ("-6", 1e-6),
        ("0", 1),
        ("none", np.nan),
    ],
)
def test_units_are_understood(unit: str, value: float) -> None:
    np.testing.assert_equal(volts(unit), value)


# ---- streams


Outlet = Callable[..., Any]


@pytest.fixture
def outlet(lsl_api: Any, monkeypatch: pytest.MonkeyPatch) -> Outlet:
    """Makes an outlet of microvolts called by a new name, its ``called``; nobody is far, so a short look will do."""
    monkeypatch.setattr(lsl, "LOOK", 0.4)
    monkeypatch.setattr(lsl, "SILENCE", 1.0)

    def make(
        names: tuple[str, ...] = NAMES,
        units: str | None = "microvolts",
        types: list[str] | None = None,
        rate: float = RATE,
        dtype: str = "float32",
        called: str | None = None,
        kind: str = "EEG",
    ) -> Any:
        called = called or f"test {uuid.uuid4()}"
        info = lsl_api.StreamInfo(called, kind, len(names), rate, dtype, str(uuid.uuid4()))
        if names[0]:
            info.set_channel_names(list(names))
        if units is not None:
            info.set_channel_units([units] * len(names))
        if types is not None:
            info.set_channel_types(types)
        made = lsl_api.StreamOutlet(info)
        made.called = called
        return made

    return make


def brain(seconds: float, channels: int = 4, seed: int = 0) -> Samples:
    """(n, channels) microvolts of noise and alpha."""
    time = np.arange(round(seconds * RATE))[:, None] / RATE
    noise = np.random.default_rng(seed).normal(0, 20, (len(time), channels))
    return (noise + 10 * np.sin(20 * np.pi * time)).astype(np.float32)


def push(outlet: Any, data: Any, stamps: NDArray[np.float64], size: int = 100) -> None:
    for at in range(0, len(data), size):
        outlet.push_chunk(np.ascontiguousarray(data[at : at + size]), np.ascontiguousarray(stamps[at : at + size]))


def received(live: LiveRecording, count: int) -> list[Chunk]:
    """The chunks of ``live`` until ``count`` samples have come, after which it is closed; asked for in two turns."""
    chunks = [next(live.chunks())]
    for chunk in live.chunks():
        chunks.append(chunk)
        if sum(map(len, chunks)) >= count - round(live.rate):
            time.sleep(0.3)
            live.close()
    return chunks


def scored(chunks: list[Chunk], names: tuple[str, ...]) -> Windows:
    state, parts = initial(DEFAULT, RATE, names), []
    for chunk in chunks:
        state, windows = observe(state, chunk)
        parts.append(windows)
    return Windows(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def test_all_samples_arrive_once_in_order_and_score_as_offline(lsl_api: Any, outlet: Outlet) -> None:
    source, data = outlet(), brain(20)
    with open_lsl(source.called) as live:
        assert live.names == NAMES and live.rate == RATE and live.notes == ()
        begin = lsl_api.local_clock()
        assert abs(live.opened - time.monotonic()) < 5
        push(source, data, begin + np.arange(len(data)) / RATE)
        chunks = received(live, len(data))
        elapsed = begin - lsl_api.local_clock() + time.monotonic() - live.opened
    samples = np.concatenate([chunk.data for chunk in chunks])
    assert samples.dtype == np.float32 and {(chunk.modality, chunk.rate) for chunk in chunks} == {("eeg", RATE)}
    np.testing.assert_allclose(samples, data * 1e-6, rtol=1e-6)
    times = np.concatenate([chunk.times for chunk in chunks])
    np.testing.assert_allclose(times - times[0], np.arange(len(data)) / RATE, atol=1e-9)
    assert times[0] == pytest.approx(elapsed, abs=0.05)

    offline = scored([Chunk("eeg", times[0], RATE, (data * 1e-6).astype(np.float32))], NAMES)
    online = scored(chunks, live.names)
    assert len(online.time) == 33
    for name in ("time", "entropy", "quality"):
        np.testing.assert_allclose(getattr(online, name), getattr(offline, name), atol=1e-5)
    np.testing.assert_allclose(online.power, offline.power, rtol=1e-5)


def test_a_gap_begins_a_new_run_and_the_end_of_the_stream_ends_it(lsl_api: Any, outlet: Outlet) -> None:
    """What an app that says much sends: whole nanovolts, with an accelerometer and an electrode twice."""
    source = outlet(("EEG T3-REF", "AccX", "cz", "Cz"), "nV", ["EEG", "ACC", "EEG", "EEG"], dtype="int32")
    data = np.random.default_rng(4).integers(-90_000, 90_000, (20 * RATE, 4)).astype(np.int32)
    stamps = lsl_api.local_clock() + np.arange(len(data)) / RATE + 2.5 * (np.arange(len(data)) >= 1000)
    with open_lsl(source.called) as live:
        assert live.names == ("T7", "Cz")
        assert any("AccX (ACC)" in note for note in live.notes) and any("the same name: Cz" in n for n in live.notes)
        push(source, data, stamps)
        time.sleep(0.5)
        del source
        chunks = list(live.chunks())
    np.testing.assert_allclose(np.concatenate([c.data for c in chunks]), data[:, [0, 2]] * 1e-9, rtol=1e-6)
    times = np.concatenate([chunk.times for chunk in chunks])
    np.testing.assert_allclose(times - times[0], stamps - stamps[0], atol=0.002)
    assert any(note.startswith("1 gap of 2.5 s in all, the last after ") for note in live.notes)
    assert any(note.startswith("the stream ended") for note in live.notes)
    assert list(live.chunks()) == []


def test_a_slow_reader_is_told_what_it_lost(lsl_api: Any, outlet: Outlet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an app that says little, and has a second stream of the same name, which is no EEG."""
    monkeypatch.setattr(lsl, "BUFFERED", 5.0)
    source = outlet(("", "", ""), None, dtype="float64", rate=250)
    light = outlet(("IR", "red"), None, kind="PPG", called=source.called)
    data = np.random.default_rng(3).normal(0, 20, (12 * 250, 3))
    data[-100, 1] = np.inf
    with open_lsl(light.called) as live:
        assert live.names == ("ch1", "ch2", "ch3") and live.rate == 250
        assert "the stream does not say in what unit it is; taken as microvolts" in live.notes
        push(source, data, lsl_api.local_clock() + np.arange(len(data)) / 250)
        time.sleep(0.5)
        live.close()
        samples = np.concatenate([chunk.data for chunk in live.chunks()])
    assert len(samples) == 5 * 250
    expected = np.where(np.isinf(data), np.nan, data)[-5 * 250 :] * 1e-6
    np.testing.assert_allclose(samples, expected, rtol=1e-6)
    assert any(note.startswith("7.0 s of samples were lost, as the reader was too slow") for note in live.notes)


def test_what_cannot_be_opened_is_said(outlet: Outlet) -> None:
    marks = outlet(("mark",), None, kind="Markers", rate=0, dtype="string")
    nothing = outlet(("AccX", "AccY"), None, called=f"band {uuid.uuid4()}")
    twins = [outlet(NAMES[:count], called=f"twin of {marks.called}") for count in (2, 3)]
    with pytest.raises(SignalError, match=r"no LSL stream is called 'cap'; there are .*\(Markers\)") as refused:
        open_lsl("cap", timeout=0.5)
    assert repr(marks.called) in str(refused.value) and repr(nothing.called) in str(refused.value)
    with pytest.raises(SignalError, match="sends text; wanted numbers"):
        open_lsl(marks.called)
    with pytest.raises(SignalError, match="has no EEG channel, but AccX, AccY"):
        open_lsl(nothing.called)
    with pytest.raises(SignalError, match="2 LSL streams are called"):
        open_lsl(twins[0].called)
    for timeout in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="wanted a positive number"):
            open_lsl("cap", timeout=timeout)


def test_without_mne_lsl_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['mne_lsl'] = None; from affectstream.multimodal.eeg.lsl import open_lsl; "
        "from affectstream.multimodal.types import SignalError\n"
        "try: open_lsl('cap')\nexcept SignalError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], check=False, capture_output=True, text=True)
    assert "'cap' cannot be opened" in done.stdout and "pip install 'affectstream[live]'" in done.stdout, done.stderr
