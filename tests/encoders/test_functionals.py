"""Functionals against numpy written out, and what must not matter to them."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.fft import dct

from affectstream.encoders.speech.functionals import COUNT, NAMES, functionals


def noise(frames: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((frames, 8, 40)).astype(np.float32)


def by_name(values: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Name to (8, 20)."""
    return dict(zip(NAMES, values.reshape(len(NAMES), 8, 20), strict=True))


def test_they_are_those_of_numpy() -> None:
    quartets, presence = noise(90), np.ones(90, np.float32)
    found = functionals(quartets, presence)
    assert found.shape == (COUNT,) and found.dtype == np.float32
    named = by_name(found)
    level = quartets.astype(np.float64)
    level[:, 0] -= level[:, 0].mean()
    for component in (0, 5):
        for coefficient in (0, 7, 19):
            course = np.asarray(dct(level[:, component], axis=1, norm="ortho"))[:, coefficient]
            steps = np.array([(course[t + 3] - course[t]) / 3 for t in range(87)])
            wanted = [course.mean(), course.std(), abs(steps).mean(), steps.std()]
            wanted += [float(np.percentile(course, p)) for p in (5, 25, 75, 95)]
            got = [named[name][component, coefficient] for name in NAMES[: len(wanted)]]
            np.testing.assert_allclose(got, wanted, atol=2e-5)


@pytest.mark.parametrize(("pace", "name"), [(1.2, "0.4 Hz"), (3.5, "2 Hz"), (7.0, "5 Hz"), (14.0, "10 Hz")])
def test_what_moves_at_a_pace_shows_there(pace: float, name: str) -> None:
    quartets = 0.01 * noise(150)
    quartets[:, 3] += np.sin(2 * np.pi * pace * 0.02 * np.arange(150))[:, None].astype(np.float32)
    named = by_name(functionals(quartets, np.ones(150, np.float32)))
    paces = [key for key in NAMES if key.endswith("Hz")]
    assert max(paces, key=lambda key: named[key][3, 0]) == name


def test_gain_and_the_silence_around_a_voice_do_not_count() -> None:
    quartets, presence = noise(80), np.ones(80, np.float32)
    found = functionals(quartets, presence)
    louder = quartets.copy()
    louder[:, 0] += 2
    np.testing.assert_allclose(functionals(louder, presence), found, atol=2e-4)
    around = np.concatenate([noise(30, 1), quartets, noise(20, 2)])
    there = np.concatenate([np.zeros(30), presence, np.zeros(20)]).astype(np.float32)
    np.testing.assert_allclose(functionals(around, there), found, atol=6e-3)


@pytest.mark.parametrize("frames", [4, 30, 300, 3000])
def test_any_length_and_nobody_there_give_finite_numbers(frames: int) -> None:
    assert np.isfinite(functionals(noise(frames), np.zeros(frames, np.float32))).all()
    assert np.isfinite(functionals(np.zeros((frames, 8, 40), np.float32), np.ones(frames, np.float32))).all()


def test_too_little_is_refused() -> None:
    with pytest.raises(ValueError, match="got 3 frames; wanted at least 4"):
        functionals(noise(3), np.ones(3, np.float32))
