"""The EEG encoder as a fold: chunks, causality, baselines, and what is left unsaid."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from affectstream.encoders.eeg.encoder import EEGEncoder
from affectstream.encoders.eeg.entropy import DEFAULT
from affectstream.encoders.eeg.features import initial, observe
from affectstream.encoders.eeg.physiology import LEAST, affect, baseline_of, signs
from affectstream.multimodal.types import Chunk, Observation, SignalError

RATE = 128.0
NAMES = ("Fp1", "Fp2", "F3", "F4", "C3", "C4", "O1", "O2")
HALF = DEFAULT.window / 2


def brain(seconds: float, channels: int = len(NAMES), seed: int = 0) -> NDArray[np.float32]:
    """Volts (n, C): noise whose power falls with frequency, 15 uV, and alpha that waxes and wanes."""
    rng = np.random.default_rng(seed)
    size = round(seconds * RATE)
    hertz = np.fft.rfftfreq(size, 1 / RATE)
    shape = np.divide(1, np.sqrt(hertz), out=np.zeros_like(hertz), where=hertz > 0.5)
    wave = rng.standard_normal((channels, len(hertz))) + 1j * rng.standard_normal((channels, len(hertz)))
    noise = np.fft.irfft(shape * wave, size)
    time = np.arange(size) / RATE
    alpha = np.sin(2 * np.pi * 10 * time) * (1 + 0.8 * np.sin(2 * np.pi * time / rng.uniform(9, 31, (channels, 1))))
    return (15e-6 * noise / noise.std(1, keepdims=True) + 4e-6 * alpha).T.astype(np.float32)


def fold(encoder: EEGEncoder, data: NDArray[np.float32], cuts: Sequence[int] = ()) -> Observation:
    """All rows of ``data`` (n, C), cut into chunks before the samples ``cuts``."""
    state, rows = encoder.initial(), []
    edges = [0, *sorted(cuts), len(data)]
    for first, end in itertools.pairwise(edges):
        if end > first:
            state, found = encoder.observe(state, Chunk("eeg", first / encoder.rate, encoder.rate, data[first:end]))
            rows += found
    return Observation.join(rows + encoder.finish(state)[1])


def same(one: Observation, other: Observation, atol: float = 1e-9) -> None:
    for name in ("time", "mean", "variance", "quality", "span"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=atol, err_msg=name)


@pytest.mark.parametrize("causal", [False, True])
@settings(max_examples=8)
@given(cuts=st.lists(st.integers(1, round(50 * RATE) - 1), max_size=6))
def test_any_chunking_gives_the_same_rows(causal: bool, cuts: list[int]) -> None:
    data = brain(50)
    encoder = EEGEncoder(NAMES, RATE, causal=causal)
    whole = fold(encoder, data)
    assert len(whole) == 93 and np.isfinite(whole.mean[-1, :2]).all()
    same(fold(encoder, data, cuts), whole)


@pytest.mark.parametrize("rest", [(), ((2.0, 60.0),)])
def test_causal_rows_do_not_depend_on_the_future(rest: tuple[tuple[float, float], ...]) -> None:
    data = brain(100)
    encoder = EEGEncoder(NAMES, RATE, rest=rest, causal=True)
    whole, part = fold(encoder, data), fold(encoder, data[: round(70 * RATE)])
    shown = {name: getattr(whole, name)[: len(part)] for name in ("time", "mean", "variance", "quality", "span")}
    same(Observation("eeg", **shown), part)
    later = fold(EEGEncoder(NAMES, RATE, rest=rest), data)
    assert not np.allclose(later.mean[: len(part), :2], part.mean[:, :2], atol=1e-3, equal_nan=True)


def by_hand(data: NDArray[np.float32], inside: tuple[float, float] | None) -> tuple[NDArray, NDArray]:
    """Mean and variance of all windows against the baseline of those that lie wholly ``inside``, step by step."""
    _, windows = observe(initial(DEFAULT, RATE, NAMES), Chunk("eeg", 0.0, RATE, data))
    found = signs(windows.power, windows.quality, NAMES, ("delta", "theta", "alpha", "beta", "gamma"))
    kept = [
        k
        for k, time in enumerate(windows.time)
        if inside is None or (time - HALF >= inside[0] and time + HALF <= inside[1])
    ]
    return affect(found, baseline_of(type(found)(found.value[kept], found.quality[kept]), overlap=8.0))


@pytest.mark.parametrize("rest", [None, (10.0, 70.0)])
def test_in_hindsight_the_baseline_is_of_all_or_of_the_rest(rest: tuple[float, float] | None) -> None:
    data = brain(90)
    trace = fold(EEGEncoder(NAMES, RATE, rest=() if rest is None else (rest,)), data)
    mean, variance = by_hand(data, rest)
    np.testing.assert_allclose(trace.mean, mean, atol=1e-12)
    np.testing.assert_allclose(trace.variance, variance, atol=1e-12)
    other, _ = by_hand(data, (10.0, 70.0) if rest is None else None)
    assert not np.allclose(trace.mean[:, :2], other[:, :2], atol=1e-3)


def test_a_rest_too_short_for_a_baseline_leaves_it_to_all_of_the_recording() -> None:
    data = brain(90)
    encoder, plain = EEGEncoder(NAMES, RATE, rest=((0.0, 20.0),)), EEGEncoder(NAMES, RATE)
    same(fold(encoder, data), fold(plain, data))
    state, _ = encoder.observe(encoder.initial(), Chunk("eeg", 0.0, RATE, data))
    assert not encoder.rested(state)
    long = EEGEncoder(NAMES, RATE, rest=((0.0, 20.0), (30.0, 70.0)))
    state, _ = long.observe(long.initial(), Chunk("eeg", 0.0, RATE, data))
    assert long.rested(state) and not long.rested(long.initial())


def test_causal_answers_begin_when_the_baseline_is_known_and_stay() -> None:
    """A rest that is marked later must not take away the answers that came before it."""
    for rest in ((), ((60.0, 110.0),)):
        trace = fold(EEGEncoder(NAMES, RATE, rest=rest, causal=True), brain(120))
        known = np.isfinite(trace.mean[:, :2]).all(1, keepdims=True).ravel()
        first = int(np.argmax(known))
        assert trace.time[first] + HALF == DEFAULT.window + DEFAULT.hop * (8 * LEAST - 1) and known[first:].all()


@settings(max_examples=6)
@given(gain=st.floats(0.3, 1.2))
def test_gain_does_not_matter(gain: float) -> None:
    data = brain(50)
    encoder = EEGEncoder(NAMES, RATE)
    same(fold(encoder, (gain * data).astype(np.float32)), fold(encoder, data), 1e-4)


def test_swapped_sides_flip_valence_exactly_and_leave_arousal() -> None:
    data = brain(60)
    turned = tuple(NAMES[k ^ 1] for k in range(len(NAMES)))
    one, other = fold(EEGEncoder(NAMES, RATE), data), fold(EEGEncoder(turned, RATE), data)
    np.testing.assert_array_equal(other.mean[:, 0], -one.mean[:, 0])
    np.testing.assert_array_equal(other.mean[:, 1], one.mean[:, 1])
    np.testing.assert_array_equal(other.variance, one.variance)
    assert np.ptp(one.mean[:, 0]) > 0.1


def test_dominance_is_never_said_and_valence_not_without_a_frontal_pair() -> None:
    trace = fold(EEGEncoder(("Fz", "F3", "C4", "Cz"), RATE), brain(60, 4))
    assert np.isnan(trace.mean[:, [0, 2]]).all() and np.isnan(trace.variance[:, [0, 2]]).all()
    assert np.isfinite(trace.mean[:, 1]).all() and (trace.quality > 0).all()
    assert np.isnan(fold(EEGEncoder(NAMES, RATE), brain(60)).mean[:, 2]).all()


def test_what_cannot_be_read_is_nan_of_quality_0_and_the_rest_is_as_if_it_were_not_there() -> None:
    data = brain(90)
    data[round(30 * RATE) : round(40 * RATE)] = np.nan
    trace = fold(EEGEncoder(NAMES, RATE), data)
    lost = (trace.time - HALF >= 30) & (trace.time + HALF <= 40)
    assert lost.sum() == 13
    assert np.isnan(trace.mean[lost]).all() and (trace.quality[lost] == 0).all() and not trace.observed[lost].any()
    assert trace.observed[trace.time + HALF <= 30].all() and trace.observed[trace.time - HALF >= 42].all()


def test_an_electrode_without_a_number_does_not_touch_the_others() -> None:
    data = brain(60)
    data[:, 7] = np.nan
    trace = fold(EEGEncoder(NAMES, RATE), data)
    assert np.isfinite(trace.mean[:, :2]).all()
    data[:, 7] = data[:, :7].mean(1)  # leaves the mean over the electrodes, their reference, as it was without it
    np.testing.assert_allclose(trace.mean[:, 0], fold(EEGEncoder(NAMES, RATE), data).mean[:, 0], atol=1e-4)


def test_rows_stand_at_the_middle_of_windows_and_none_reaches_across_a_gap() -> None:
    data = brain(60)
    encoder = EEGEncoder(NAMES, RATE)
    state, first = encoder.observe(encoder.initial(), Chunk("eeg", 0.0, RATE, data))
    state, second = encoder.observe(state, Chunk("eeg", 960.0, RATE, data))
    trace = Observation.join([*first, *second, *encoder.finish(state)[1]])
    one = 2.0 + 0.5 * np.arange(113)
    np.testing.assert_allclose(trace.time, [*one, *(960 + one)])
    assert (trace.span == DEFAULT.window).all() and trace.source == "eeg"
    np.testing.assert_allclose(trace.mean[:113], trace.mean[113:], atol=1e-12)


def test_a_recording_too_short_for_a_window_or_a_baseline() -> None:
    encoder = EEGEncoder(NAMES, RATE)
    state, rows = encoder.observe(encoder.initial(), Chunk("eeg", 0.0, RATE, brain(3)))
    assert rows == [] and encoder.finish(state)[1] == []
    trace = fold(encoder, brain(20))
    assert len(trace) == 33 and not trace.observed.any() and (trace.quality == 0).all()


@pytest.mark.parametrize(
    ("chunk", "says"),
    [
        (Chunk("speech", 0.0, RATE, np.zeros(100, np.float32)), "wanted eeg"),
        (Chunk("eeg", 0.0, RATE, np.zeros((100, 3), np.float32)), "wanted floating volts"),
        (Chunk("eeg", 0.0, 256.0, np.zeros((100, 8), np.float32)), "wanted 128 Hz"),
    ],
)
def test_other_signals_are_refused(chunk: Chunk, says: str) -> None:
    encoder = EEGEncoder(NAMES, RATE)
    with pytest.raises(SignalError, match=says):
        encoder.observe(encoder.initial(), chunk)


def test_a_rate_below_the_bands_is_refused() -> None:
    with pytest.raises(SignalError, match="80"):
        EEGEncoder(NAMES, 80.0).initial()
