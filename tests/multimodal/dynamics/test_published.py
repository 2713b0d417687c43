"""Characters of the published recursions against the recursions themselves, run turn by turn."""

import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from affectstream.multimodal.dynamics.character import Affect, Character, step
from affectstream.multimodal.dynamics.published import (
    RINGING,
    heavy_ball,
    smoothed_momentum,
    smoothing,
    velocity_smoothing,
)

Array = NDArray[np.float64]
Form = Callable[..., Character]
Run = Callable[[float, float, Array], Array]


def run_heavy_ball(alpha: float, momentum: float, inputs: Array) -> Array:
    x = v = 0.0
    out = []
    for u in inputs:
        v = momentum * v + alpha * (u - x)
        x = x + v
        out.append(x)
    return np.array(out)


def run_smoothed_momentum(alpha: float, momentum: float, inputs: Array) -> Array:
    x = before = 0.0
    out = []
    for u in inputs:
        x, before = alpha * u + (1 - alpha) * (x + momentum * (x - before)), x
        out.append(x)
    return np.array(out)


def run_velocity_smoothing(alpha: float, beta: float, inputs: Array) -> Array:
    x = v = 0.0
    out = []
    for u in inputs:
        z = alpha * u + (1 - alpha) * x
        v = beta * (z - x) + (1 - beta) * v
        x = z + v
        out.append(x)
    return np.array(out)


FORMS: list[tuple[Form, Run]] = [
    (heavy_ball, run_heavy_ball),
    (smoothed_momentum, run_smoothed_momentum),
    (velocity_smoothing, run_velocity_smoothing),
]
GRID = np.round(np.arange(-1.35, 4.4, 0.1), 6)


def companion(run: Run, a: float, b: float) -> tuple[float, float]:
    """Trace and determinant of the recursion: what its impulse response obeys once the impulse is over."""
    h = run(a, b, np.array([1.0, 0, 0, 0, 0, 0]))[1:]
    rows = np.stack([h[1:-1], -h[:-2]], -1)
    (trace, det), *_ = np.linalg.lstsq(rows, h[2:], rcond=None)
    return float(trace), float(det)


def poles(character: Character, turn: float) -> Array:
    """What a turn multiplies the character's two modes by."""
    assert character.damping is not None
    w = 2 * character.damping / character.lag
    return np.sort_complex(np.exp(np.roots([1, 2 * character.damping * w, w**2]) * turn))


def quietly(form: Form, *values: float, **rest: float) -> Character:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return form(*values, **rest)


@settings(deadline=None, max_examples=60)
@given(st.floats(0.01, 0.99), st.floats(0.1, 60.0), st.lists(st.floats(-1, 1), min_size=1, max_size=25))
def test_smoothing_is_exact_at_every_turn(alpha: float, turn: float, inputs: list[float]) -> None:
    character = smoothing(alpha, turn=turn)
    affect, x = Affect(0.0, np.zeros(3)), 0.0
    for k, u in enumerate(inputs):
        affect = step(character, affect, (k + 1) * turn, [u] * 3)
        x = (1 - alpha) * x + alpha * u
        assert affect.value[0] == pytest.approx(x, abs=1e-10)


@pytest.mark.parametrize(("form", "run"), FORMS)
@pytest.mark.parametrize("turn", [1.0, 7.5])
@settings(deadline=None, max_examples=50)
@given(alpha=st.floats(0.05, 0.4), other=st.floats(0.05, 0.98))
def test_poles_are_those_of_the_recursion(form: Form, run: Run, turn: float, alpha: float, other: float) -> None:
    trace, det = companion(run, alpha, other)
    assume(abs(trace**2 / 4 - det) > 1e-4)  # two equal roots are known to half the digits only
    wanted = np.sort_complex(np.roots([1, -trace, det]).astype(complex))
    np.testing.assert_allclose(poles(quietly(form, alpha, other, turn=turn), turn), wanted, atol=1e-6)


@pytest.mark.parametrize("momentum", [0.5, 0.8, 0.95])
@pytest.mark.parametrize(("form", "run"), FORMS[:2])
def test_released_affect_falls_as_in_the_recursion(form: Form, run: Run, momentum: float) -> None:
    """Once the input is gone, values at turns obey the same two-term law, whatever happened before."""
    character = quietly(form, 0.15, momentum)
    affect = Affect(0.0, np.full(3, 0.8), np.full(3, -0.3))
    fall = [affect.value[0]]
    for k in range(20):
        affect = step(character, affect, k + 1.0, [0, 0, 0])
        fall.append(affect.value[0])
    trace, det = companion(run, 0.15, momentum)
    np.testing.assert_allclose(fall[2:], trace * np.array(fall[1:-1]) - det * np.array(fall[:-2]), atol=1e-9)


@pytest.mark.parametrize(("form", "run"), FORMS)
def test_exactly_the_stable_parameters_pass_as_stable(form: Form, run: Run) -> None:
    """On a grid far beyond the sensible; those that flip from turn to turn are stable, and refused for that."""
    seen = set()
    for a in GRID:
        for b in GRID:
            trace, det = companion(run, a, b)
            radius = abs(np.linalg.eigvals([[trace, -det], [1, 0]])).max()
            if abs(radius - 1) < 1e-6:
                continue
            try:
                quietly(form, a, b)
                passes = True
            except ValueError as error:
                passes = "unstable" not in str(error)
            assert passes == (radius < 1), (a, b)
            seen.add(passes)
    assert seen == {True, False}


@pytest.mark.parametrize("form", [heavy_ball, smoothed_momentum, velocity_smoothing])
def test_ringing_is_warned_of_below_its_damping_and_not_above(form: Form) -> None:
    seen = set()
    for a in np.arange(0.02, 0.6, 0.02):
        for b in np.arange(0.02, 0.99, 0.03):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                try:
                    damping = form(a, b).damping
                except ValueError:
                    continue
            assert damping is not None
            assert bool(caught) == (damping < RINGING)
            seen.add(bool(caught))
    assert False in seen and (True in seen or form is velocity_smoothing)


def test_the_warning_tells_the_overshoot() -> None:
    with pytest.warns(UserWarning, match=r"damping is 0\.26: a step will be overshot by 43 %; lower the momentum"):
        smoothed_momentum(0.15, 0.95)


def test_the_warning_points_at_the_caller() -> None:
    with pytest.warns(UserWarning) as caught:
        heavy_ball(0.15, 0.9)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("form", "momentum", "damping"),
    [
        (heavy_ball, 0.5, 0.75),
        (heavy_ball, 0.8, 0.27),
        (heavy_ball, 0.9, 0.13),
        (heavy_ball, 0.95, 0.065),
        (smoothed_momentum, 0.5, 0.90),
        (smoothed_momentum, 0.8, 0.45),
        (smoothed_momentum, 0.9, 0.32),
        (smoothed_momentum, 0.95, 0.26),
    ],
)
def test_damping_at_the_published_momenta(form: Form, momentum: float, damping: float) -> None:
    assert quietly(form, 0.15, momentum).damping == pytest.approx(damping, abs=0.006)


@pytest.mark.parametrize("form", [heavy_ball, smoothed_momentum, velocity_smoothing])
def test_a_longer_turn_only_slows_down(form: Form) -> None:
    short, long = quietly(form, 0.15, 0.6), quietly(form, 0.15, 0.6, turn=12.0)
    assert long.lag == pytest.approx(12 * short.lag)
    assert long.damping == pytest.approx(short.damping)


def test_smoothing_lag_is_that_of_its_exponential() -> None:
    character = smoothing(0.5, turn=3.0, settle=math.inf, baseline=(0.1, 0.0, 0.0))
    assert character.lag == pytest.approx(3 / math.log(2))
    assert (character.damping, character.settle, character.baseline) == (None, math.inf, (0.1, 0.0, 0.0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: smoothing(0.0), r"alpha is 0\.0; wanted more than 0 and less than 1"),
        (lambda: smoothing(1.0), r"alpha is 1\.0; wanted"),
        (lambda: smoothing(math.nan), "alpha is nan; wanted"),
        (lambda: heavy_ball(0.15, 1.0), r"alpha 0\.15, momentum 1\.0 is unstable; wanted \|momentum\| < 1"),
        (lambda: heavy_ball(3.2, 0.5), r"alpha 3\.2, momentum 0\.5 is unstable"),
        (lambda: heavy_ball(math.nan, 0.5), "is unstable"),
        (lambda: smoothed_momentum(-0.1, 0.5), r"alpha -0\.1, momentum 0\.5 is unstable"),
        (lambda: smoothed_momentum(0.1, 1.2), r"alpha 0\.1, momentum 1\.2 is unstable"),
        (lambda: velocity_smoothing(1.5, 0.6), r"alpha 1\.5, beta 0\.6 is unstable; wanted both above 0 and a sum"),
        (lambda: heavy_ball(1.8, 0.1), r"roots are .* wanted none at or below 0, .*; lower alpha"),
        (lambda: heavy_ball(0.2, 0.0), "wanted none at or below 0"),
        (lambda: velocity_smoothing(0.9, 0.9), "wanted none at or below 0"),
    ],
)
def test_unstable_and_flipping_parameters_are_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
