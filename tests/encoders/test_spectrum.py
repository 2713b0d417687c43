"""Quartets against signals whose derivatives are known, and against finite differences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import lfilter

from affectstream.encoders.speech.spectrum import (
    BANDS,
    BEFORE,
    COMPONENTS,
    HOP,
    RATE,
    SIZE,
    derivatives,
    quartets,
)

TIME = np.arange(RATE) / RATE


def component(samples: NDArray[np.floating], name: str) -> NDArray[np.float32]:
    return quartets(samples)[:, COMPONENTS.index(name)]


def band_of(frequency: float) -> int:
    """The band in which a tone is loudest."""
    return int(component(np.sin(2 * np.pi * frequency * TIME), "level").mean(0).argmax())


@pytest.mark.parametrize("frequency", [440.0, 1234.5, 3001.0])
def test_instantaneous_frequency_finds_a_tone_between_the_bins(frequency: float) -> None:
    frames = np.lib.stride_tricks.sliding_window_view(np.cos(2 * np.pi * frequency * TIME), SIZE)[::HOP]
    found = derivatives(frames)
    at = round(frequency * SIZE / RATE)
    np.testing.assert_allclose((at + found.frequency[:, at]) * RATE / SIZE, frequency, atol=0.05)


def test_rate_is_that_of_a_growing_tone() -> None:
    growth = 6.0  # nepers a second
    tone = np.exp(growth * TIME) * np.cos(2 * np.pi * 1000 * TIME)
    found = derivatives(np.lib.stride_tricks.sliding_window_view(tone, SIZE)[::HOP])
    np.testing.assert_allclose(found.rate[:, 32], growth * SIZE / RATE, rtol=1e-3)


@pytest.mark.parametrize("place", [100, 256, 300])
def test_group_delay_is_where_a_click_lies(place: int) -> None:
    click = np.zeros((1, SIZE))
    click[0, place] = 1
    np.testing.assert_allclose(derivatives(click).delay, (place - SIZE / 2) / SIZE, atol=1e-9)


def test_derivatives_are_the_finite_differences_of_the_transform() -> None:
    noise = np.random.default_rng(0).standard_normal(SIZE + 2)
    n = np.arange(SIZE)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * n / SIZE)
    early, late = (np.fft.rfft(noise[k : k + SIZE] * window) for k in (0, 2))
    turn = np.exp(-2j * np.pi * np.arange(SIZE // 2 + 1) / SIZE * 2)  # by how much every bin turns in two samples
    slope = np.log(late / early * turn) / 2
    found = derivatives(noise[None, 1 : 1 + SIZE])
    strong = abs(early) > np.median(abs(early))
    np.testing.assert_allclose(found.rate[0, strong], slope.real[strong] * SIZE, atol=0.1)
    np.testing.assert_allclose(found.frequency[0, strong], slope.imag[strong] * SIZE / 2 / np.pi, atol=0.02)


def test_the_tract_is_that_of_a_minimum_phase_filter() -> None:
    """A click through a resonator: all of its delay beyond the click's place is the tract's, so none is in excess."""
    click = np.zeros(2 * SIZE)
    click[SIZE // 2 + BEFORE] = 1
    pole = 0.97 * np.exp(2j * np.pi * 1500 / RATE)
    heard = np.asarray(lfilter([1], [1, -2 * pole.real, abs(pole) ** 2], click))
    own = quartets(heard)[0]
    place = (SIZE // 2 + BEFORE - SIZE / 2) / SIZE
    delay, excess = own[COMPONENTS.index("delay")], own[COMPONENTS.index("excess_delay")]
    near = slice(band_of(1000), band_of(3000))
    own_delay = abs(delay[near] - place).max()
    assert own_delay > 0.02
    assert abs(excess[near] - place).max() < 0.4 * own_delay


@given(st.floats(-30, 20))
def test_gain_moves_the_level_alone(decibels: float) -> None:
    rng = np.random.default_rng(1)
    samples = rng.standard_normal(4000) * 0.1
    gain = 10 ** (decibels / 20)
    plain, loud = quartets(samples), quartets(samples * gain)
    np.testing.assert_allclose(loud[:, 1:], plain[:, 1:], atol=1e-3)
    np.testing.assert_allclose(loud[:, 0] - plain[:, 0], np.log(gain), atol=1e-3)


def test_a_buzz_is_more_peaked_than_noise_and_its_frequencies_spread_less() -> None:
    buzz = np.asarray(lfilter([1], [1, -0.95], np.diff(np.floor(150 * TIME), prepend=0)))
    noise = np.asarray(lfilter([1], [1, -0.95], np.random.default_rng(0).standard_normal(RATE)))
    low = slice(0, band_of(1500))
    assert component(buzz, "peakedness")[:, low].mean() > component(noise, "peakedness")[:, low].mean() + 0.2
    assert component(buzz, "frequency_spread")[:, low].mean() < component(noise, "frequency_spread")[:, low].mean()


def test_silence_and_shapes() -> None:
    quiet = quartets(np.zeros(BEFORE + 5 * HOP))
    assert quiet.shape == (5, len(COMPONENTS), BANDS)
    assert np.isfinite(quiet).all()
    assert not quiet[:, 2:].any()
    with pytest.raises(ValueError, match="got 100 samples; wanted at least 512"):
        quartets(np.zeros(100))
