"""Electrode quality on planted faults and a real recording; the fold of features over chunks and runs."""

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from affectstream.encoders.eeg.condition import HUM, TENSE_LEAST, begin, condition, examine
from affectstream.encoders.eeg.entropy import DEFAULT, RBTRANSFORMER, Entropy, entropy, measure, start, window_centres
from affectstream.encoders.eeg.features import FeatureState, Windows, initial, observe
from affectstream.multimodal.types import Chunk, SignalError

RATE = 256.0
NAMES = ("Fz", "F3", "F4", "Cz", "C3", "C4", "Pz", "P3", "P4", "Oz")
LONE = replace(DEFAULT, reference="recorded")


def brain(seconds: float, channels: int = len(NAMES), seed: int = 1, rate: float = RATE) -> NDArray[np.float64]:
    """Volts (n, C) like EEG: noise that falls by 6 dB an octave from 5 Hz on, 12 uV, alpha of 8 uV, offsets of mV."""
    rng = np.random.default_rng(seed)
    size = round(seconds * rate)
    sections = np.asarray(butter(1, [1, 5], "bandpass", fs=rate, output="sos"))
    noise = np.asarray(sosfilt(sections, rng.standard_normal((size + 1000, channels)), axis=0))[1000:]
    noise *= 12e-6 / noise.std(0)
    time = np.arange(size)[:, None] / rate
    alpha = 8e-6 * math.sqrt(2) * np.sin(2 * np.pi * 10 * time + np.arange(channels))
    hiss = 0.5e-6 * rng.standard_normal((size, channels))
    return noise + alpha + hiss + 1e-3 * np.arange(channels)


def tone(hertz: float, amplitude: float, size: int, rate: float = RATE) -> NDArray[np.float64]:
    return amplitude * np.sin(2 * np.pi * hertz * np.arange(size) / rate)


def fault(kind: str, signal: NDArray[np.float64]) -> None:
    """Plant a fault in the second electrode of ``signal`` (n, C), from its middle on."""
    half = len(signal) // 2
    late = signal[half:, 1]
    rng = np.random.default_rng(5)
    match kind:
        case "flat":
            late[:] = late[0]
        case "nearly flat":
            late[:] = late[0] + 0.2e-6 * rng.standard_normal(half)
        case "lost":
            late[rng.random(half) < 0.4] = np.nan
        case "infinite":
            late[:] = np.inf
        case "saturated":
            np.clip(late, late.mean() - 6e-6, late.mean() + 6e-6, out=late)
        case "railing":
            late += 2e-3 * np.sign(tone(2.3, 1, half))
        case "50 Hz":
            late += tone(50, 40e-6, half)
        case "60 Hz":
            late += tone(60, 40e-6, half)
        case "jump":
            late += 4e-4 * (np.arange(half) // 300 % 2)
        case "swaying":
            late += tone(1.5, 1e-3, half)
        case "held":
            late[:] = np.repeat(late[::32], 32)[:half]


FAULTS = [
    "flat",
    "nearly flat",
    "lost",
    "infinite",
    "saturated",
    "railing",
    "50 Hz",
    "60 Hz",
    "jump",
    "swaying",
    "held",
]


@pytest.mark.parametrize("kind", FAULTS)
def test_a_planted_fault_is_found_where_it_is(kind: str) -> None:
    signal = brain(24)
    before = condition(signal, RATE, LONE)
    assert before.min() > 0.9
    fault(kind, signal)
    quality = condition(signal, RATE, LONE)
    middles = window_centres(len(signal), RATE, LONE)
    assert quality[middles > 15, 1].max() < 0.2
    assert quality[middles < 9.5, 1].min() > 0.9
    np.testing.assert_allclose(np.delete(quality, 1, 1), np.delete(before, 1, 1), atol=1e-12)


def test_muscle_lowers_quality_and_leaves_half() -> None:
    signal = brain(12) / 3
    sections = np.asarray(butter(4, [25, 60], "bandpass", fs=RATE, output="sos"))
    tense = np.asarray(sosfilt(sections, np.random.default_rng(2).standard_normal(len(signal))))
    signal[:, 1] += 15e-6 * tense / tense.std()
    quality = np.median(condition(signal, RATE, LONE), 0)
    assert 0.8 * TENSE_LEAST < quality[1] < 0.6
    assert np.delete(quality, 1).min() > 0.9


def test_hum_that_all_share_is_gone_with_the_reference() -> None:
    signal = brain(12) + tone(50, 40e-6, round(12 * RATE))[:, None]
    assert condition(signal, RATE, LONE).max() < 0.2
    assert condition(signal, RATE, DEFAULT).min() > 0.9


@pytest.mark.parametrize("kind", ["railing", "50 Hz", "infinite", "swaying"])
def test_a_faulty_electrode_does_little_to_the_others(kind: str) -> None:
    signal = brain(24)
    clean = entropy(signal, RATE, DEFAULT)
    fault(kind, signal)
    change = np.delete(abs(entropy(signal, RATE, DEFAULT) - clean), 1, 1)
    quality = np.delete(condition(signal, RATE, DEFAULT), 1, 1)
    assert np.median(change) < 0.1 and change.max() < 0.7
    assert quality.min() > 0.9


def test_hum_is_power_over_that_of_the_eeg() -> None:
    """Between its limits the factor is the cubic of the ratio of the two powers, here those that were planted."""
    seconds, ratio = 40, 0.4
    eeg = tone(10, 20e-6 * math.sqrt(2), round(seconds * RATE))
    hum = tone(50, 20e-6 * math.sqrt(2 * ratio), len(eeg))
    x = (HUM[1] - ratio) / (HUM[1] - HUM[0])
    found = condition((eeg + hum)[:, None], RATE, LONE)[-1, 0]
    wanted = [x * x * (3 - 2 * x) for x in (x - 0.03, x + 0.06 + 0.15 * ratio)]  # 1 to 45 Hz hold a third of the hum
    assert wanted[0] < found < wanted[1]


def test_quality_falls_with_the_share_of_lost_samples() -> None:
    signal = brain(12)
    for k in range(10):
        signal[np.random.default_rng(k).random(len(signal)) < 0.03 * k, k] = np.nan
    quality = condition(signal, RATE, LONE).mean(0)
    assert (np.diff(quality) < 1e-12).all() and quality[0] > 0.95 and quality[-1] < 0.05


def test_what_is_missing_is_neither_flat_nor_clipped() -> None:
    """A gap right after the window's highest value, which is held through it, costs what the gap costs."""
    signal = brain(4)
    top = int(signal[100:800, 1].argmax()) + 100
    signal[top + 1 : top + 121, 1] = np.nan
    x = 1 - 120 / len(signal) / 0.25
    assert condition(signal, RATE, LONE)[0, 1] == pytest.approx(x * x * (3 - 2 * x), abs=1e-9)


@pytest.mark.parametrize("rate", [128.0, 512.0, 1024.0])
def test_a_jump_that_a_filter_against_aliasing_spread_is_a_jump(rate: float) -> None:
    signal = brain(4, rate=rate)
    assert condition(signal, rate, LONE).min() > 0.9
    steps = round(rate / 128)
    signal[:, 1] += 350e-6 * np.clip((np.arange(len(signal)) - len(signal) / 2) / steps, 0, 1)
    assert condition(signal, rate, LONE)[0, 1] < 0.1


@given(st.lists(st.integers(0, 2000), max_size=15), st.sampled_from([*FAULTS, "none"]))
def test_quality_does_not_depend_on_the_cut(cuts: list[int], kind: str) -> None:
    signal = brain(2000 / RATE)
    fault(kind, signal)
    definition = replace(DEFAULT, window=2.0, hop=0.3)
    state, parts = begin(definition, RATE, len(NAMES)), []
    for piece in np.split(signal, sorted(cuts)):
        state, part = examine(state, piece)
        parts.append(part)
    np.testing.assert_allclose(np.concatenate(parts), condition(signal, RATE, definition), atol=1e-9)


def test_nothing_but_nan_has_no_quality() -> None:
    assert (condition(np.full((2000, 9), np.nan), RATE, DEFAULT) == 0).all()


def runs(state: FeatureState, chunks: list[Chunk]) -> tuple[FeatureState, Windows]:
    parts = []
    for chunk in chunks:
        state, part = observe(state, chunk)
        parts.append(part)
    return state, Windows(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def cut(signal: NDArray[np.floating], start: float, cuts: list[int]) -> list[Chunk]:
    ends = [0, *sorted(cuts), len(signal)]
    return [Chunk("eeg", start + a / RATE, RATE, signal[a:b]) for a, b in pairwise(ends)]


@given(st.lists(st.integers(0, 2500), max_size=12), st.sampled_from([DEFAULT, RBTRANSFORMER, LONE]))
def test_any_chunks_give_the_same(cuts: list[int], definition: Entropy) -> None:
    signal = brain(2500 / RATE).astype(np.float32)
    signal[1000:1100, 3] = np.nan
    _, whole = runs(initial(definition, RATE, NAMES), cut(signal, 5.0, []))
    _, parts = runs(initial(definition, RATE, NAMES), cut(signal, 5.0, cuts))
    for name, wanted, found in zip(Windows._fields, whole, parts, strict=True):
        scale = 1e-10 if name == "power" else 1.0
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9 * scale, err_msg=name)


def test_windows_hold_what_the_parts_say() -> None:
    signal = brain(12)
    _, windows = runs(initial(DEFAULT, RATE, NAMES), cut(signal, 100.25, [700, 701, 2000]))
    np.testing.assert_allclose(windows.entropy, entropy(signal, RATE, DEFAULT), atol=1e-9)
    np.testing.assert_allclose(windows.quality, condition(signal, RATE, DEFAULT), atol=1e-9)
    np.testing.assert_allclose(windows.power, measure(start(DEFAULT, RATE, len(NAMES)), signal)[2], rtol=1e-9)
    np.testing.assert_allclose(windows.time, [102.25 + 0.5 * k for k in range(17)], atol=1e-12)


@pytest.mark.parametrize("jump", [900.0, 0.012, -0.012])
def test_a_gap_begins_a_new_run(jump: float) -> None:
    first, second = brain(6), brain(7, seed=2)
    late = 6 + jump
    _, both = runs(initial(DEFAULT, RATE, NAMES), [*cut(first, 0.0, [100]), *cut(second, late, [900])])
    _, alone = runs(initial(DEFAULT, RATE, NAMES), cut(first, 0.0, []))
    _, after = runs(initial(DEFAULT, RATE, NAMES), cut(second, late, []))
    for whole, *halves in zip(both, alone, after, strict=True):
        np.testing.assert_allclose(whole, np.concatenate(halves), rtol=1e-9, atol=1e-15)
    assert len(both.time) == 5 + 7 and both.time[5] == pytest.approx(late + 2)


def test_a_clock_that_is_off_by_less_than_a_gap_is_no_gap() -> None:
    signal = brain(6)
    a, b = cut(signal, 0.0, [777])
    _, windows = runs(initial(DEFAULT, RATE, NAMES), [a, replace(b, start=b.start + 0.009)])
    np.testing.assert_allclose(windows.entropy, entropy(signal, RATE, DEFAULT), atol=1e-9)


def test_a_state_can_be_kept_and_continued_again() -> None:
    a, b = cut(brain(9), 0.0, [1200])
    kept, _ = observe(initial(DEFAULT, RATE, NAMES), a)
    once = observe(kept, b)[1]
    observe(kept, replace(b, data=3 * b.data))
    for first, again in zip(once, observe(kept, b)[1], strict=True):
        np.testing.assert_array_equal(first, again)


def test_too_short_a_run_gives_no_window() -> None:
    state, windows = runs(initial(DEFAULT, RATE, NAMES), cut(brain(3), 0.0, [0, 5]))
    assert [len(part) for part in windows] == [0, 0, 0, 0] and windows.quality.shape == (0, len(NAMES))
    assert windows.entropy.shape == windows.power.shape == (0, len(NAMES), 5) and state.samples == 768


def test_what_is_not_the_recording_is_refused() -> None:
    state = initial(DEFAULT, RATE, NAMES)
    good = Chunk("eeg", 0.0, RATE, np.zeros((10, len(NAMES)), np.float32))
    with pytest.raises(SignalError, match="wanted eeg"):
        observe(state, replace(good, modality="speech"))
    with pytest.raises(SignalError, match=r"128 Hz; wanted 256 Hz"):
        observe(state, replace(good, rate=128.0))
    wrong = [np.zeros((10, 9), np.float32), np.zeros(10, np.float32), np.zeros((10, len(NAMES)), np.int32)]
    for data in wrong:
        with pytest.raises(SignalError, match=r"wanted floating volts \(n, 10\), one column for each of Fz, F3"):
            observe(state, replace(good, data=data))
    with pytest.raises(SignalError, match="gamma"):
        initial(DEFAULT, 90.0, NAMES)
    with pytest.raises(SignalError, match="more than 90 Hz"):
        initial(replace(DEFAULT, bands=DEFAULT.bands[:3]), 64.0, NAMES)
    with pytest.raises(ValueError, match=r"shape \(500,\); wanted \(n, electrodes\)"):
        condition(np.zeros(500), RATE, DEFAULT)
    with pytest.raises(ValueError, match="no electrode"):
        initial(DEFAULT, RATE, ())
    with pytest.raises(ValueError, match="zero"):
        initial(replace(DEFAULT, phase="zero"), RATE, NAMES)


def test_a_real_recording_is_good_and_its_bands_are_those_of_multitaper(shared_data: Path) -> None:
    mne = pytest.importorskip("mne")
    raw = mne.io.read_raw_eeglab(shared_data / "eeg" / "eeglab_sample" / "eeglab_data.set", verbose="ERROR")
    rate, names, signal = raw.info["sfreq"], raw.ch_names, raw.get_data(stop=round(60 * raw.info["sfreq"]))
    _, windows = observe(initial(DEFAULT, rate, names), Chunk("eeg", 0.0, rate, signal.T))
    assert (windows.quality > 0.9).mean() > 0.95
    assert (np.median(windows.quality, 0) > 0.9).sum() >= len(names) - 1
    signal = signal - signal.mean(0)
    density, hertz = mne.time_frequency.psd_array_multitaper(
        signal, rate, 0.5, 46, bandwidth=1, normalization="full", verbose="ERROR"
    )
    for k, (_, low, high) in enumerate(DEFAULT.bands[1:], 1):
        inside = (hertz >= low) & (hertz < high)
        wanted = np.log(density[:, inside].sum(1) * (hertz[1] - hertz[0]))
        found = np.log(windows.power[:, :, k].mean(0))
        assert np.corrcoef(wanted, found)[0, 1] > 0.97
        assert abs(found - wanted).mean() < 0.25  # nats of power: a filter has skirts, a sum over lines has none
