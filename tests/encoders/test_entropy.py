"""Band entropy against torcheeg's stored values, against scipy and a loop, in closed form, and in any chunks."""

import json
import math
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt, sosfiltfilt

from affectstream.encoders.eeg.bank import Bank
from affectstream.encoders.eeg.entropy import (
    DEFAULT,
    RBTRANSFORMER,
    Entropy,
    advance,
    entropy,
    measure,
    start,
    window_centres,
)
from affectstream.encoders.eeg.hold import refer
from affectstream.multimodal.types import SignalError

RATE = 128.0
UNEVEN = replace(
    DEFAULT, reference="recorded", window=2.0, hop=0.3
)  # 256 samples every 38: a hop that does not divide the window
DEFINITIONS = [DEFAULT, UNEVEN, replace(DEFAULT, window=1.0, hop=1.0, base="bits", reference="recorded")]


def brainlike(samples: int, channels: int, seed: int = 7) -> NDArray[np.float64]:
    """Volts (n, C): a slow walk and a hiss, electrodes of different offset and size."""
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.standard_normal((samples, channels)), 0)
    offset, size = 100 * np.arange(channels), 1 + np.arange(channels)
    return 1e-6 * (walk + 3 * rng.standard_normal((samples, channels)) + offset) * size


def one_by_one(signal: NDArray[np.float64], definition: Entropy, rate: float) -> NDArray[np.float64]:
    """The definition as a loop over windows, electrodes and bands of ``signal`` (n, C), referenced and whole."""
    window, hop = round(definition.window * rate), round(definition.hop * rate)
    rows = []
    for at in range(0, len(signal) - window + 1, hop):
        row = []
        for electrode in signal.T:
            for _, low, high in definition.bands:
                sections = butter(definition.order, [low, high], "bandpass", fs=rate, output="sos")
                if definition.phase == "zero":
                    passed = sosfiltfilt(sections, electrode)
                else:
                    passed = np.asarray(sosfilt(sections, electrode - electrode[0]))
                power = np.var(passed[at : at + window])
                log = math.log2 if definition.base == "bits" else math.log
                row.append(0.5 * log(2 * math.pi * math.e * power))
        rows.append(row)
    return np.array(rows).reshape(len(rows), signal.shape[1], -1)


# Made with the classes MeanStdNormalize and BandDifferentialEntropy(sampling_rate=rate) of torcheeg 1.1.3 (sdist, its
# transforms/numpy/band.py and normalize.py, numpy 2.4, scipy 1.17) of two windows of heard(): samples [0, 512) and
# [117, 629) at 128 Hz. Electrodes down, theta to gamma across.
TORCHEEG = [
    [
        [-3.10337276, -3.3447709, -2.93884475, -3.17852307],
        [-2.37394742, -2.52530864, -1.9150594, -2.04989226],
        [-1.13006132, -1.49112101, -0.82805389, -0.80882989],
        [-2.10888329, -2.65451323, -2.79251339, -3.24218959],
    ],
    [
        [-2.99813206, -3.3476564, -2.82289945, -3.01828539],
        [-2.48200821, -2.59084415, -1.7546428, -1.85317323],
        [-0.67239295, -0.93654932, -0.47237028, -0.61181332],
        [-2.14588799, -2.72913436, -2.7884471, -3.23377833],
    ],
]


def heard() -> NDArray[np.float64]:
    rng = np.random.default_rng(7)
    walk = np.cumsum(rng.standard_normal((629, 4)), 0)
    return 1e-6 * (walk + 3 * rng.standard_normal((629, 4)) + [0, 10, -20, 100]) * [1, 2, 5, 0.5]


def test_torcheegs_values() -> None:
    np.testing.assert_allclose(entropy(heard(), RATE, RBTRANSFORMER), TORCHEEG, rtol=0, atol=1e-5)
    np.testing.assert_allclose(entropy(1e6 * heard(), RATE, RBTRANSFORMER), TORCHEEG, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("rate", "window", "hop"), [(200.0, 800, 183), (256.0, 1024, 234)])
def test_torcheegs_definition_at_the_recordings_own_rate(rate: float, window: int, hop: int) -> None:
    signal, wanted = brainlike(window + hop, 3), []
    for at in (0, hop):
        scaled = signal[at : at + window]
        scaled = (scaled - scaled.mean()) / scaled.std()
        for electrode in scaled.T:
            for _, low, high in RBTRANSFORMER.bands:
                passed = sosfilt(butter(5, [low, high], "bandpass", fs=rate, output="sos"), electrode)
                wanted.append(0.5 * math.log2(2 * math.pi * math.e * np.var(passed)))
    found = entropy(signal, rate, RBTRANSFORMER)
    np.testing.assert_allclose(found.ravel(), wanted, rtol=0, atol=1e-9)


@pytest.mark.parametrize("phase", ["causal", "zero"])
@pytest.mark.parametrize("definition", DEFINITIONS)
@pytest.mark.parametrize(("rate", "channels"), [(128.0, 3), (250.0, 9)])
def test_scipy_and_a_loop(definition: Entropy, phase: Literal["causal", "zero"], rate: float, channels: int) -> None:
    definition = replace(definition, phase=phase)
    signal = brainlike(round(7.3 * rate), channels)
    referred = signal
    if channels > 8 and definition.reference == "average":
        signal = signal / (1 + np.arange(channels))  # none too loud to have its part in the mean
        referred = np.array([sample - sum(sample) / channels for sample in signal])
    wanted = one_by_one(referred, definition, rate)
    found = entropy(signal, rate, definition)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-8)
    middles = [(at + definition.grid(rate).window / 2) / rate for at in range(0, 2000, definition.grid(rate).hop)]
    np.testing.assert_allclose(window_centres(len(signal), rate, definition), middles[: len(found)])


@pytest.mark.parametrize("phase", ["causal", "zero"])
@pytest.mark.parametrize("amplitude", [1e-6, 40e-6])
def test_a_sine_in_a_band_has_the_entropy_of_its_amplitude(amplitude: float, phase: Literal["causal", "zero"]) -> None:
    definition = replace(DEFAULT, phase=phase)
    time = np.arange(24 * 256) / 256
    for k, (_, low, high) in enumerate(definition.bands):
        sine = amplitude * np.sin(2 * np.pi * math.sqrt(low * high) * time + 0.3)
        found = entropy(sine[:, None] + 1e-3, 256.0, definition)[20, 0, k]
        wanted = 0.5 * math.log(math.pi * math.e * amplitude**2)
        assert math.exp(found - wanted) == pytest.approx(1, abs=0.01)  # the amplitude within 1 %, the entropy closer


@given(st.lists(st.integers(0, 1500), max_size=15), st.sampled_from([*DEFINITIONS, RBTRANSFORMER]), st.booleans())
def test_any_cut_gives_the_same(cuts: list[int], definition: Entropy, broken: bool) -> None:
    signal = brainlike(1500, 9)
    if broken:
        signal[:300, 2], signal[700:900, 3], signal[650, :], signal[:, 5] = np.nan, np.nan, np.inf, np.nan
    state, parts = start(definition, RATE, 9), []
    for piece in np.split(signal, sorted(cuts)):
        state, part = advance(state, piece)
        parts.append(part)
    found = np.concatenate(parts)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, entropy(signal, RATE, definition), rtol=0, atol=1e-9)


@given(st.floats(-5, 5), st.floats(0.01, 100))
def test_an_offset_changes_nothing_and_a_gain_adds_its_logarithm(offset: float, gain: float) -> None:
    signal = brainlike(600, 2)
    plain = entropy(signal, RATE, DEFAULT)
    np.testing.assert_allclose(entropy(gain * signal + offset, RATE, DEFAULT), plain + math.log(gain), atol=1e-5)


def test_a_state_can_be_kept_and_continued_again() -> None:
    signal = brainlike(1200, 2)
    for definition in (DEFAULT, RBTRANSFORMER):
        kept, _ = advance(start(definition, RATE, 2), signal[:600])
        _, once = advance(kept, signal[600:])
        advance(kept, 5 * signal[:600])
        np.testing.assert_array_equal(advance(kept, signal[600:])[1], once)


def test_the_state_does_not_grow() -> None:
    sizes = []
    for seconds in (10, 60):
        state, _ = advance(start(DEFAULT, RATE, 4), brainlike(int(seconds * RATE) + 5, 4))
        arrays = [state.memory, state.waiting, *state.past]
        sizes.append(sum((array if array.base is None else array.base).nbytes for array in arrays))
    assert sizes[0] == sizes[1] < 50_000


def test_missing_samples_are_held() -> None:
    signal = brainlike(700, 3)
    signal[100:164, 1], signal[:40, 2], signal[130, 1] = np.nan, -np.inf, 1e30
    filled = signal.copy()
    filled[100:164, 1], filled[:40, 2] = signal[99, 1], signal[40, 2]
    np.testing.assert_allclose(entropy(signal, RATE, DEFAULT), entropy(filled, RATE, DEFAULT), rtol=0, atol=1e-12)


def test_the_mean_is_that_of_sound_electrodes_piece_by_piece() -> None:
    passed = np.random.default_rng(3).standard_normal((2, 90, 10))
    passed[0, :40, 3] *= 40  # loud in the first piece behind the first filter
    passed[:, 40:, 6] *= 1e-3  # nearly silent in the second
    passed[:, :, 8] = 0
    wanted, others = passed.copy(), [0, 1, 2, 4, 5, 7, 9]
    for k, piece, sound in (
        (0, range(40), [*others, 6]),
        (1, range(40), [*others, 3, 6]),
        (0, range(40, 70), [*others, 3]),
        (1, range(40, 70), [*others, 3]),
    ):
        for sample in piece:
            common = sum(passed[k, sample, c] for c in sound) / len(sound)
            wanted[k, sample, [*others, 3, 6]] -= common  # what is silent stays so
    whole = passed.copy()
    refer(passed, np.array([40, 30]), "average")
    np.testing.assert_allclose(passed, wanted, atol=1e-12)
    few, before = whole[..., :7].copy(), whole.copy()
    refer(few, np.array([40, 30]), "average")
    refer(whole, np.array([40, 30]), "recorded")
    np.testing.assert_array_equal(few, before[..., :7])
    np.testing.assert_array_equal(whole, before)


def test_the_mean_is_that_of_the_electrodes_that_are_there() -> None:
    signal = brainlike(700, 10)
    signal[:, 4] = np.nan
    rest = [k for k in range(10) if k != 4]
    found = entropy(signal, RATE, DEFAULT)
    np.testing.assert_allclose(found[:, rest], entropy(signal[:, rest], RATE, DEFAULT), rtol=0, atol=1e-10)
    np.testing.assert_array_equal(found[:, 4], 0.5 * math.log(2 * math.pi * math.e * 1e-18))


def test_a_flat_electrode_has_the_least_entropy_and_no_power() -> None:
    signal = brainlike(640, 2)
    signal[:, 1] = 0.25
    for definition in (DEFAULT, replace(DEFAULT, phase="zero")):
        np.testing.assert_allclose(
            entropy(signal, RATE, definition)[:, 1], 0.5 * math.log(2 * math.pi * math.e * 1e-18)
        )
    _, values, power = measure(start(DEFAULT, RATE, 2), signal)
    assert (power[:, 1] == 0).all() and (power[:, 0] > 0).all()
    np.testing.assert_allclose(values[:, 0], 0.5 * np.log(2 * math.pi * math.e * power[:, 0]))


def test_power_is_in_volts_squared_also_where_windows_are_normalised() -> None:
    _, values, power = measure(start(RBTRANSFORMER, RATE, 4), heard())
    _, larger_values, larger = measure(start(RBTRANSFORMER, RATE, 4), 3 * heard())
    np.testing.assert_allclose(larger, 9 * power)
    np.testing.assert_allclose(larger_values, values)
    variance = heard()[:512].var()
    np.testing.assert_allclose(values[0], 0.5 * np.log2(2 * math.pi * math.e * power[0] / variance))


@pytest.mark.parametrize("rate", [100.0, 128.0, 512.0, 2048.0])
def test_the_bank_is_scipys_sosfilt(rate: float) -> None:
    filters = [
        np.asarray(butter(k, edges, "bandpass", fs=rate, output="sos")) for k, edges in ((4, (1, 4)), (1, (9, 11)))
    ]
    signal = brainlike(1003, 2, seed=3)
    bank = Bank.of(filters)
    first, memory = bank.run(signal[:345], bank.rest(2))
    found, _ = bank.run(signal[345:], memory, first)
    wanted = np.stack([np.asarray(sosfilt(sections, signal, axis=0)) for sections in filters])
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9 * abs(wanted).max())


def test_the_contract_is_json_and_tells_definitions_apart() -> None:
    contract = DEFAULT.contract()
    assert json.loads(json.dumps(contract)) == contract
    others = [RBTRANSFORMER, UNEVEN, replace(DEFAULT, order=5), replace(DEFAULT, bands=DEFAULT.bands[1:])]
    assert all(other.contract() != contract for other in others)


def test_what_cannot_be_measured_is_refused() -> None:
    signal = brainlike(600, 2)
    with pytest.raises(SignalError, match=r"gamma reaches 45 Hz, but 90 Hz .* wanted more than 90 Hz"):
        entropy(signal, 90.0, DEFAULT)
    with pytest.raises(SignalError, match="theta reaches"):
        start(RBTRANSFORMER, 16.0, 2)
    with pytest.raises(SignalError, match=r"lasts 3.99 s; wanted at least one window of 4 s"):
        entropy(signal[:511], RATE, DEFAULT)
    for wrong in (signal[:, 0], signal.T[:, :, None], signal[:, :0]):
        with pytest.raises(ValueError, match=r"wanted \(n, electrodes\)"):
            entropy(wrong, RATE, DEFAULT)
    with pytest.raises(ValueError, match=r"wanted \(n, 3\)"):
        advance(start(DEFAULT, RATE, 3), signal)
    with pytest.raises(ValueError, match="zero"):
        start(replace(DEFAULT, phase="zero"), RATE, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"bands": ()},
        {"bands": (("x", 8, 4),)},
        {"order": 0},
        {"hop": 5.0},
        {"hop": 0.0},
        {"normalise": "window"},
        {"phase": "none"},
    ],
)
def test_what_is_no_definition_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="wanted"):
        replace(DEFAULT, **wrong)


def test_a_hop_of_no_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="no whole sample"):
        entropy(brainlike(600, 1), RATE, replace(DEFAULT, hop=0.001))
