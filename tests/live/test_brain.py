"""Brain waves as they come against ``score`` of a file of the same samples."""

import itertools
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import mne
import numpy as np
import pytest
from numpy.typing import NDArray

from affectstream.encoders.eeg.encoder import EEGEncoder
from affectstream.encoders.eeg.entropy import DEFAULT
from affectstream.encoders.eeg.personal import PersonalModel
from affectstream.encoders.eeg.physiology import Signs
from affectstream.multimodal.eeg.recordings import open_recording
from affectstream.multimodal.eeg.scoring import all_windows, score_brain
from affectstream.multimodal.live import brain as live
from affectstream.multimodal.live.brain import LiveBrain
from affectstream.multimodal.types import Chunk, Observation, SignalError, Trace

RATE = 128.0
NAMES = ("Fp1", "Fp2", "F3", "F4", "C3", "C4", "O1", "O2")
REST = (3.0, 52.0)
COLUMNS = ("time", "mean", "variance", "quality", "span")


def waves(seconds: float, seed: int = 0) -> NDArray[np.float32]:
    """Volts (n, C): noise whose power falls with frequency, 15 uV."""
    rng = np.random.default_rng(seed)
    size = round(seconds * RATE)
    hertz = np.fft.rfftfreq(size, 1 / RATE)
    shape = np.divide(1, np.sqrt(hertz), out=np.zeros_like(hertz), where=hertz > 0.5)
    noise = np.fft.irfft(
        shape * (rng.standard_normal((8, len(hertz))) + 1j * rng.standard_normal((8, len(hertz)))), size
    )
    return (15e-6 * noise / noise.std(1, keepdims=True)).T.astype(np.float32)


def recorded(path: Path, data: NDArray[np.float32]) -> Path:
    """``data`` as a FIF file at ``path``, with a mark of rest."""
    raw: Any = mne.io.RawArray(data.T.astype(np.float64), mne.create_info(list(NAMES), RATE, "eeg"), verbose="error")
    raw.set_annotations(mne.Annotations([REST[0]], [REST[1] - REST[0]], ["rest"]))
    raw.save(path, fmt="double", verbose="error")
    return path


def chunks(data: NDArray[np.float32], size: int, begin: float = 0.0) -> list[Chunk]:
    return [Chunk("eeg", begin + at / RATE, RATE, data[at : at + size]) for at in range(0, len(data), size)]


def person() -> PersonalModel:
    """Somebody's model, made up."""
    rng = np.random.default_rng(5)
    table = (len(NAMES), len(DEFAULT.bands))
    weights = 0.02 * rng.standard_normal((*table, 3))
    mean, sd = np.full(table, -23.0), np.ones(table)
    contract = json.loads(json.dumps(DEFAULT.contract()))
    return PersonalModel(NAMES, contract, mean, sd, weights, np.zeros(3), np.array([0.1, 0.15, np.nan]), {"trials": 8})


def same(one: Trace, other: Trace, atol: float = 1e-9) -> None:
    for name in COLUMNS:
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=atol, err_msg=name)


@pytest.mark.parametrize("size", [7, 333])
def test_what_comes_in_odd_pieces_is_as_the_file_scored_causally(tmp_path: Path, size: int) -> None:
    data = waves(64)
    path = recorded(tmp_path / "a_raw.fif", data)
    _, offline = score_brain(path, causal=True)
    opened = np.concatenate([chunk.data for chunk in open_recording(path).chunks()])
    heard = LiveBrain(NAMES, RATE, rest=[REST])
    online = Observation.join([row for chunk in chunks(opened, size) for row in heard.observe(chunk)])
    assert offline is not None and heard.rested and np.isfinite(online.mean[-20:, :2]).all()
    same(online, offline)


def test_rest_that_is_told_later_judges_what_follows_as_if_it_had_been_known() -> None:
    data = waves(80)
    known, told, never = (LiveBrain(NAMES, RATE, rest=rest) for rest in ([REST], [], []))
    rows: list[list[Observation]] = [[], [], []]
    for chunk in chunks(data, 50):
        if chunk.start >= 60:
            told.set_rest([REST])
        for brain, seen in zip((known, told, never), rows, strict=True):
            seen += brain.observe(chunk)
    knew, later, nothing = (Observation.join(seen) for seen in rows)
    after = knew.time + 2 > 60.2
    np.testing.assert_allclose(later.mean[after], knew.mean[after], atol=1e-12)
    np.testing.assert_allclose(later.variance[after], knew.variance[after], atol=1e-12)
    np.testing.assert_array_equal(later.mean[~after], nothing.mean[~after])
    assert abs(later.mean[after, :2] - nothing.mean[after, :2]).max() > 0.005 and not never.rested


def test_a_model_takes_over_with_the_filters_as_they_are_and_can_be_put_away() -> None:
    data, model = waves(70), person()
    taken, always, plain = LiveBrain(NAMES, RATE), LiveBrain(NAMES, RATE, model=model), LiveBrain(NAMES, RATE)
    for chunk in chunks(data, 64):
        if chunk.start == 50:
            taken.set_model(model)
        if chunk.start == 60:
            taken.set_model(None)
        rows, judged, signs = (brain.observe(chunk) for brain in (taken, always, plain))
        for one, other in itertools.zip_longest(rows, signs if chunk.start < 50 else judged):
            if chunk.start < 60:
                same(one, other, 1e-12)
            else:
                assert np.isfinite(one.mean[:, :2]).all() and not np.allclose(one.mean, other.mean, equal_nan=True)
    assert taken.model is None and always.model is model
    odd = PersonalModel(("P1", "P2"), model.contract, *([np.zeros(3)] * 5), story={})
    with pytest.raises(SignalError, match="wanted at least half"):
        taken.set_model(odd)
    assert taken.model is None and taken.observe(Chunk("eeg", 70.0, RATE, data[:64]))


def test_the_panel_shows_the_power_of_a_known_wave_and_which_electrode_is_off() -> None:
    """A sine of amplitude a has the power a^2 / 2; two opposite ones leave the mean of the electrodes, their reference, at 0."""
    seconds = np.arange(10 * RATE)[:, None] / RATE
    size = np.array([20.0, -20.0, 10.0, -10.0, 20.0, -20.0, 0.0, 0.0]) * 1e-6
    noise = 1e-6 * np.random.default_rng(2).standard_normal((len(seconds), 8))
    data = (size * np.sin(2 * np.pi * 10.5 * seconds) + noise).astype(np.float32)
    data[:, 7] = np.nan
    brain = LiveBrain(NAMES, RATE)
    assert brain.panel() is None
    for chunk in chunks(data, 40):
        brain.observe(chunk)
    panel = json.loads(json.dumps(brain.panel(), allow_nan=False))
    assert panel["type"] == "eeg" and panel["time"] == 8.0 and list(panel["power"]) == list(brain.bands)
    np.testing.assert_allclose(panel["power"]["alpha"][:6], (size[:6] * 1e6) ** 2 / 2, rtol=0.1)
    assert max(panel["power"]["delta"]) < 2 and panel["quality"][7] == 0 and min(panel["quality"][:6]) > 0.5


def test_windows_are_kept_only_while_they_are_asked_for_and_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = waves(64)
    expected = all_windows(open_recording(recorded(tmp_path / "a_raw.fif", data)))
    brain = LiveBrain(NAMES, RATE)
    assert brain.kept().power.shape == (0, 8, 5)
    brain.keep(True)
    for chunk in chunks(data, 100):
        brain.observe(chunk)
    for one, other in zip(brain.kept(), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)
    monkeypatch.setattr(live, "KEPT", 10.0)
    brain.observe(Chunk("eeg", 64.0, RATE, data[:64]))
    assert len(brain.kept().time) == pytest.approx(21, abs=2) and brain.kept().time[-1] == 62.5
    brain.keep(False)
    assert len(brain.kept().time) == 0


def test_a_bad_chunk_is_refused_and_changes_nothing() -> None:
    data = waves(20)
    brain, other = LiveBrain(NAMES, RATE), LiveBrain(NAMES, RATE)
    for chunk in chunks(data, 64):
        with pytest.raises(SignalError, match="wanted floating volts"):
            brain.observe(Chunk("eeg", chunk.start, RATE, chunk.data[:, :3]))
        with pytest.raises(SignalError, match="wanted 128 Hz"):
            brain.observe(Chunk("eeg", chunk.start, 250.0, chunk.data))
        for one, two in itertools.zip_longest(brain.observe(chunk), other.observe(chunk)):
            same(one, two, 0)
    with pytest.raises(SignalError, match="80"):
        LiveBrain(NAMES, 80.0)


def test_a_day_of_windows_costs_no_more_than_a_few_frames() -> None:
    """Every window is held against all before it: after 8 h of 32 electrodes still well within the half second it has."""
    rng = np.random.default_rng(0)
    names = ("F3", "F4", "F7", "F8", *(f"E{k}" for k in range(28)))
    encoder = EEGEncoder(names, RATE, causal=True)
    count = 8 * 7200
    signs = Signs(rng.standard_normal((count, 2)), np.ones((count, 2)))
    times, known = 2 + 0.5 * np.arange(count), tuple(np.sort(signs.value, 0).T)
    state = replace(encoder.initial(), time=(times,), signs=(signs,), known=known)
    data = (1e-5 * rng.standard_normal((round(10 * RATE), 32))).astype(np.float32)
    costs = []
    for chunk in chunks(data, 64, 0.5 * count):
        begun = time.perf_counter()
        state, rows = encoder.observe(state, chunk)
        costs += [time.perf_counter() - begun] if rows else []
    assert len(costs) == 13 and np.median(costs) < 0.05
