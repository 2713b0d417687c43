"""A character against closed forms, other solvers, and itself with time cut otherwise."""

import json
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from scipy.optimize import brentq

from affectstream.multimodal.dynamics import probes
from affectstream.multimodal.dynamics.character import Affect, Character, step, step_together
from affectstream.multimodal.dynamics.process import spring

Array = NDArray[np.float64]

DAMPINGS = [None, 0.2, 0.5, 1.0, 1.7, 3.0]
START = Affect(5.0, np.array([0.6, -0.4, 0.1]), np.array([-0.2, 0.3, 0.0]), np.array([0.1, -0.2, 0.3]))
TARGET = [0.3, 0.7, -0.5]

dampings = st.one_of(st.none(), st.floats(0.2, 3.0))
units = st.floats(-1.0, 1.0)
triples = st.tuples(units, units, units)


@st.composite
def characters(draw: st.DrawFn, *, uneven: bool = False) -> Character:
    """Any character; it rises as it falls if it is not ``uneven``."""
    return Character(
        lag=draw(st.floats(0.3, 5.0)),
        lag_falling=draw(st.floats(0.3, 5.0)) if uneven else None,
        damping=draw(dampings),
        settle=draw(st.one_of(st.just(math.inf), st.floats(0.5, 40.0))),
        baseline=draw(triples),
        gain=draw(st.tuples(*[st.floats(0.0, 1.5)] * 3)),
        mood_lag=draw(st.floats(1.0, 100.0)),
        mood_gain=draw(st.floats(0.0, 0.95)),
    )


@st.composite
def affects(draw: st.DrawFn) -> Affect:
    return Affect(draw(st.floats(0, 100)), *(np.array(draw(triples)) for _ in range(3)))


def everything(affect: Affect) -> Array:
    return np.stack([affect.value, affect.velocity, affect.mood])


def in_parts(
    character: Character, affect: Affect, steps: list[float], target: list[float], confidence: float
) -> Affect:
    for dt in steps:
        affect = step(character, affect, affect.time + dt, target, confidence=confidence)
    return affect


def integrated(
    character: Character, affect: Affect, seconds: float, target: list[float], confidence: float, d: int
) -> Array:
    """Value, velocity, mood of dimension ``d`` by Runge-Kutta on the law as it is written down."""

    def rate(_: float, state: Array) -> list[float]:
        x, v, m = state
        known = 0.0 if math.isnan(target[d]) else confidence
        aim = 0.0 if math.isnan(target[d]) else target[d] * character.gain[d]
        lag = character.lag if aim > x or character.lag_falling is None else character.lag_falling
        home = character.baseline[d] + character.mood_gain * m
        drift = known * (aim - x) / lag + (1 - known) * (home - x) / character.settle
        feel = (x - character.baseline[d] - m) / character.mood_lag
        if character.damping is None:
            return [drift, 0.0, feel]
        return [v, 4 * character.damping**2 / lag * (drift - v), feel]

    solved = solve_ivp(rate, (0, seconds), everything(affect)[:, d], rtol=1e-9, atol=1e-11, max_step=seconds / 100)
    return solved.y[:, -1]


def held(target: list[float], until: Callable[[int], float], character: Character, affect: Affect, n: int) -> Array:
    """Values (n, 3) at the times ``until`` gives, each one step from ``affect`` on."""
    return np.array([step(character, affect, until(k), target).value for k in range(n)])


def driven(character: Character, driver: Array, dt: float) -> Array:
    """Valence (n,) after each of ``driver`` (n,), held for ``dt`` s each, from rest at 0."""
    affect = character.at_rest()
    out = np.empty(len(driver))
    for k, u in enumerate(driver):
        affect = step(character, affect, (k + 1) * dt, [u, 0, 0])
        out[k] = affect.value[0]
    return out


@settings(deadline=None, max_examples=60)
@given(
    characters(),
    affects(),
    st.lists(st.floats(1e-4, 2.0), min_size=1, max_size=15),
    st.lists(st.one_of(units, st.just(math.nan)), min_size=3, max_size=3),
    st.floats(0, 1),
)
def test_steps_however_cut_are_one_step(
    character: Character, start: Affect, steps: list[float], target: list[float], confidence: float
) -> None:
    parts = in_parts(character, start, steps, target, confidence)
    one = step(character, start, parts.time, target, confidence=confidence)
    np.testing.assert_allclose(everything(parts), everything(one), atol=1e-10)


@settings(deadline=None, max_examples=60)
@given(
    characters(uneven=True),
    affects(),
    st.lists(st.floats(1e-3, 2.0), min_size=1, max_size=12),
    st.lists(st.one_of(units, st.just(math.nan)), min_size=3, max_size=3),
    st.floats(0, 1),
)
def test_uneven_steps_however_cut_are_one_step(
    character: Character, start: Affect, steps: list[float], target: list[float], confidence: float
) -> None:
    parts = in_parts(character, start, steps, target, confidence)
    one = step(character, start, parts.time, target, confidence=confidence)
    np.testing.assert_allclose(everything(parts), everything(one), atol=1e-9)


@pytest.mark.parametrize("damping", DAMPINGS)
@pytest.mark.parametrize("falling", [None, 0.4])
def test_250_steps_of_4_ms_are_one_of_a_second(damping: float | None, falling: float | None) -> None:
    character = Character(
        lag=1.5,
        lag_falling=falling,
        damping=damping,
        settle=8.0,
        baseline=(0.2, -0.3, 0.1),
        mood_gain=0.6,
        mood_lag=5.0,
    )
    target = [0.3, 0.7, math.nan]
    parts = in_parts(character, START, [0.004] * 250, target, 0.7)
    one = step(character, START, parts.time, target, confidence=0.7)
    np.testing.assert_allclose(everything(parts), everything(one), atol=1e-10)


@pytest.mark.parametrize("damping", DAMPINGS)
def test_step_of_no_time_changes_nothing(damping: float | None) -> None:
    character = Character(damping=damping, lag_falling=0.5, mood_gain=0.5)
    again = step(character, START, START.time, TARGET, confidence=0.4)
    np.testing.assert_array_equal(everything(again), everything(START))
    assert again.time == START.time


@settings(deadline=None, max_examples=60)
@given(st.floats(0.2, 3.0), st.floats(0.2, 10.0), st.floats(0.0, 20.0))
def test_second_order_is_the_damped_spring(damping: float, lag: float, dt: float) -> None:
    w = 2 * damping / lag
    after = step(Character(lag=lag, damping=damping), START, START.time + dt, TARGET)
    apart = np.stack([START.value - TARGET, START.velocity])
    reached = np.stack([after.value - TARGET, after.velocity])
    np.testing.assert_allclose(
        reached, spring(np.array(w), np.array(damping), START.time + dt - START.time) @ apart, atol=1e-10
    )
    np.testing.assert_allclose(reached, expm(np.array([[0, 1], [-(w**2), -2 * damping * w]]) * dt) @ apart, atol=1e-10)


@settings(deadline=None, max_examples=60)
@given(st.floats(0.1, 20.0), st.floats(0.0, 40.0))
def test_first_order_falls_exponentially_to_the_target(lag: float, dt: float) -> None:
    after = step(Character(lag=lag, damping=None), replace(START, time=0.0), dt, TARGET)
    np.testing.assert_allclose(after.value, TARGET + (START.value - TARGET) * math.exp(-dt / lag), atol=1e-12)


@settings(deadline=None, max_examples=60)
@given(st.floats(0.2, 5.0), st.floats(0.2, 50.0), triples, st.floats(0.0, 1.0), st.floats(0.0, 10.0))
def test_confidence_blends_target_and_baseline(
    lag: float, settle: float, baseline: tuple[float, float, float], confidence: float, dt: float
) -> None:
    character = Character(lag=lag, damping=None, settle=settle, baseline=baseline)
    k = confidence / lag + (1 - confidence) / settle
    mixed = (confidence * np.array(TARGET) / lag + (1 - confidence) * np.array(baseline) / settle) / k
    after = step(character, replace(START, time=0.0), dt, TARGET, confidence=confidence)
    np.testing.assert_allclose(after.value, mixed + (START.value - mixed) * math.exp(-k * dt), atol=1e-12)


@pytest.mark.parametrize("damping", DAMPINGS)
def test_unknown_target_is_no_confidence(damping: float | None) -> None:
    character = Character(damping=damping, settle=3.0, baseline=(0.4, 0.2, -0.3), mood_gain=0.3, lag_falling=0.7)
    unknown = step(character, START, 7.5, [math.nan, math.nan, 0.9])
    full = step(character, START, 7.5, [0, 0, 0.9])
    for target in ([0.9, 0.9, 0.9], [-0.9, -0.9, -0.9]):
        none = step(character, START, 7.5, target, confidence=0.0)
        np.testing.assert_array_equal(everything(unknown)[:, :2], everything(none)[:, :2])
    np.testing.assert_array_equal(everything(unknown)[:, 2], everything(full)[:, 2])


@pytest.mark.parametrize("damping", DAMPINGS)
def test_zero_is_nothing_special_without_a_target(damping: float | None) -> None:
    """Affect and its home moved up together take the same way."""
    low = Character(damping=damping, settle=3.0, baseline=(-0.5, -0.5, -0.5), lag_falling=0.7)
    high = replace(low, baseline=(0.5, 0.5, 0.5))
    start = Affect(0.0, np.array([-0.2, 0.2, -0.6]), np.array([-0.5, -1.5, 0.9]))
    below = step(low, start, 2.5, [math.nan] * 3)
    above = step(high, replace(start, value=start.value + 1), 2.5, [math.nan] * 3)
    np.testing.assert_allclose(above.value - 1, below.value, atol=1e-12)
    parts = in_parts(low, start, [0.1] * 25, [math.nan] * 3, 1.0)
    np.testing.assert_allclose(everything(parts), everything(below), atol=1e-10)


def test_without_target_affect_goes_home_in_the_settling_time() -> None:
    home = np.array([0.4, 0.2, -0.3])
    character = Character(damping=None, settle=7.0, baseline=(0.4, 0.2, -0.3))
    after = step(character, START, START.time + 7.0, [math.nan] * 3)
    np.testing.assert_allclose(after.value - home, (START.value - home) / math.e, atol=1e-12)


def test_endless_settling_holds_affect() -> None:
    character = Character(damping=None, settle=math.inf, baseline=(0.4, 0.2, -0.3), mood_gain=0.9)
    after = step(character, START, 500.0, TARGET, confidence=0.0)
    np.testing.assert_allclose(after.value, START.value, atol=1e-12)


def test_gain_multiplies_targets() -> None:
    character = Character(lag=0.1, damping=None, gain=(1.5, 0.5, 0.0))
    after = step(character, START, 50.0, [0.4, 0.4, 0.4])
    np.testing.assert_allclose(after.value, [0.6, 0.2, 0.0], atol=1e-12)


def test_only_the_reported_value_is_clipped() -> None:
    character = Character(lag=0.1, damping=None, gain=(3.0, 3.0, 1.0))
    after = step(character, START, 50.0, [0.9, -0.9, 0.2])
    np.testing.assert_allclose(after.value, [2.7, -2.7, 0.2], atol=1e-12)
    np.testing.assert_allclose(after.reported, [1.0, -1.0, 0.2], atol=1e-12)


@pytest.mark.parametrize("damping", DAMPINGS)
def test_a_ramp_is_followed_with_the_lag(damping: float | None) -> None:
    dt = 0.2
    ramp: Array = (np.arange(900.0) + 0.5) * dt * 0.01
    behind = ramp[-1] + 0.005 * dt - driven(Character(lag=1.3, damping=damping), ramp, dt)[-1]
    assert behind == pytest.approx(0.01 * 1.3, rel=0.01)


@pytest.mark.parametrize("damping", [None, 0.5, 1.0, 2.0])
def test_both_orders_let_the_same_noise_through(damping: float | None) -> None:
    lag, dt = 1.3, 0.01
    step_up = held([1.0, 0.0, 0.0], lambda k: k * dt, Character(lag=lag, damping=damping), Character().at_rest(), 1500)
    response = np.diff(step_up[:, 0]) / dt
    assert (response**2).sum() * dt / 2 == pytest.approx(1 / (4 * lag), rel=0.01)


@pytest.mark.parametrize(("damping", "half"), [(None, math.log(2)), (1.0, 1.6783 / 2)])
def test_half_of_a_step_is_gone_after_the_half_life(damping: float | None, half: float) -> None:
    """In lags; critically damped the frequency is 2 / lag."""
    character, start = Character(lag=1.7, damping=damping), Affect(0.0, np.ones(3))
    reached = brentq(lambda t: step(character, start, t, [0, 0, 0]).value[0] - 0.5, 0.01, 10.0)
    assert reached == pytest.approx(half * 1.7, rel=1e-4)


@pytest.mark.parametrize("damping", [0.2, 0.3, 0.5, 0.7])
def test_overshoot_is_that_of_the_damping(damping: float) -> None:
    character = Character(lag=2 * damping, damping=damping)  # frequency 1
    rise = held([1.0, 0.0, 0.0], lambda k: k * 0.02, character, character.at_rest(), 400)[:, 0]
    wanted = math.exp(-math.pi * damping / math.sqrt(1 - damping**2))
    assert probes.overshoot(rise, np.array([0.0, 1.0])) == pytest.approx(wanted, rel=0.01)


@pytest.mark.parametrize("damping", [None, 1.0, 3.0])
def test_well_damped_affect_does_not_overshoot(damping: float | None) -> None:
    character = Character(lag=1.0, damping=damping)
    rise = held([1.0, 0.0, 0.0], lambda k: k * 0.1, character, character.at_rest(), 200)[:, 0]
    assert probes.overshoot(rise, np.array([0.0, 1.0])) < 1e-12


@pytest.mark.parametrize("damping", [None, 0.4, 1.0, 2.0])
@pytest.mark.parametrize("turning", [0.5, 1.0, 1.6])
def test_loop_area_on_a_sine_is_the_closed_form(damping: float | None, turning: float) -> None:
    lag, u, around = 1.0, 0.7, 160
    dt = 2 * math.pi / turning / around
    rounds = math.ceil(12 * lag * max(1, (damping or 1) ** 2) / (dt * around)) + 1
    times = (np.arange(rounds * around) + 1) * dt
    signal = driven(Character(lag=lag, damping=damping), u * np.sin(turning * (times - dt / 2)), dt)
    measured = probes.hysteresis(u * np.sin(turning * times[-around:]), signal[-around:])
    if damping is None:
        area = math.pi * u**2 * turning * lag / (1 + (turning * lag) ** 2)
    else:
        w = 2 * damping / lag
        below = (w**2 - turning**2) ** 2 + (2 * damping * w * turning) ** 2
        area = math.pi * u**2 * 2 * damping * w**3 * turning / below
    assert measured == pytest.approx(area / (math.pi * u**2 / 2), rel=0.01)


@pytest.mark.parametrize("damping", DAMPINGS)
def test_debt_of_a_step_is_its_size_times_the_lag(damping: float | None) -> None:
    character, dt, size = Character(lag=1.4, damping=damping), 0.25, 0.6
    rise = held([size, 0.0, 0.0], lambda k: (k + 0.5) * dt, character, character.at_rest(), 800)[:, 0]
    assert probes.debt(np.full(800, size), rise, dt) == pytest.approx(size * 1.4, rel=0.01)


@pytest.mark.parametrize("confidence", [1.0, 0.6])
def test_rising_and_falling_have_their_own_time_constants(confidence: float) -> None:
    character = Character(lag=1.0, lag_falling=4.0, damping=None, settle=math.inf)
    after = step(character, Affect(0.0, np.array([-0.5, 0.5, 0.0])), 2.0, [0.2] * 3, confidence=confidence)
    up, down = math.exp(-2.0 * confidence), math.exp(-0.5 * confidence)
    np.testing.assert_allclose(after.value, [0.2 - 0.7 * up, 0.2 + 0.3 * down, 0.2 - 0.2 * up], atol=1e-12)


@pytest.mark.parametrize("damping", [None, 0.3, 0.8, 2.0])
@pytest.mark.parametrize("confidence", [1.0, 0.5])
@pytest.mark.parametrize("home", [-0.8, 0.8])
@pytest.mark.parametrize("start", [-0.9, 0.9])
@pytest.mark.parametrize("slope", [-0.3, 0.0])
def test_uneven_steps_agree_with_runge_kutta(
    damping: float | None, confidence: float, home: float, start: float, slope: float
) -> None:
    """Those that end on the other side of the target meet it on the way."""
    character = Character(
        lag=1.0, lag_falling=4.0, damping=damping, settle=2.0, baseline=(home, home, home), mood_gain=0.4, mood_lag=6.0
    )
    affect, target = Affect(0.0, np.full(3, start), np.full(3, slope)), [0.2] * 3
    after = step(character, affect, 3.0, target, confidence=confidence)
    wanted = integrated(character, affect, 3.0, target, confidence, 0)
    np.testing.assert_allclose(everything(after)[:, 0], wanted, atol=1e-4)


@pytest.mark.parametrize("damping", [None, 0.5, 1.5])
@pytest.mark.parametrize("home", [-0.8, 0.8])
def test_affect_that_starts_on_its_target_leaves_it_with_the_right_lag(damping: float | None, home: float) -> None:
    character = Character(lag=1.0, lag_falling=4.0, damping=damping, settle=2.0, baseline=(home, home, home))
    affect, target = Affect(0.0, np.full(3, 0.2)), [0.2] * 3
    after = step(character, affect, 3.0, target, confidence=0.5)
    near = replace(affect, value=np.full(3, 0.2 + math.copysign(1e-9, home)))
    np.testing.assert_allclose(after.value[0], integrated(character, near, 3.0, target, 0.5, 0)[0], atol=1e-5)
    np.testing.assert_allclose(
        everything(after), everything(in_parts(character, affect, [0.1] * 30, target, 0.5)), atol=1e-9
    )


@settings(deadline=None, max_examples=25)
@given(characters(), affects(), triples, st.floats(0, 1), st.floats(0.1, 5.0))
def test_the_whole_law_agrees_with_runge_kutta(
    character: Character, start: Affect, target: tuple[float, float, float], confidence: float, seconds: float
) -> None:
    after = step(character, start, start.time + seconds, target, confidence=confidence)
    wanted = integrated(character, start, seconds, list(target), confidence, 1)
    np.testing.assert_allclose(everything(after)[:, 1], wanted, atol=1e-6)


@pytest.mark.parametrize("damping", [None, 0.3])
def test_a_very_long_uneven_step_ends_on_the_target(damping: float | None) -> None:
    character = Character(lag=1.0, lag_falling=3.0, damping=damping)
    np.testing.assert_allclose(step(character, START, 1e5, TARGET).value, TARGET, atol=1e-9)


def test_mood_is_drawn_slowly_to_the_value() -> None:
    held_up = Character(lag=0.01, damping=None, baseline=(0.1, 0.0, 0.0), mood_lag=50.0)
    start = Affect(0.0, np.array([0.6, 0.6, 0.6]))
    after = step(held_up, start, 50.0, [0.6, 0.6, 0.6])
    part = 1 - 1 / math.e
    np.testing.assert_allclose(after.mood, [0.5 * part, 0.6 * part, 0.6 * part], atol=1e-9)


def test_mood_moves_where_affect_settles() -> None:
    plain = Character(damping=None, settle=2.0, mood_lag=1e6)
    moody = replace(plain, mood_gain=0.5)
    start = Affect(0.0, np.zeros(3), mood=np.array([0.8, -0.4, 0.0]))
    np.testing.assert_allclose(step(plain, start, 60.0, [math.nan] * 3).value, 0.0, atol=1e-6)
    np.testing.assert_allclose(step(moody, start, 60.0, [math.nan] * 3).value, [0.4, -0.2, 0.0], atol=1e-4)


def test_two_agents_drawn_to_each_other_meet_in_the_middle() -> None:
    still = Character(damping=None, settle=math.inf)
    pair = [Affect(0.0, np.array([0.9, -0.2, 0.5])), Affect(0.0, np.array([-0.5, 0.6, 0.5]))]
    pull = np.array([[0.0, 0.3], [0.3, 0.0]])
    middle = (pair[0].value + pair[1].value) / 2
    for time in (0.5, 2.0, 100.0):
        a, b = step_together([still, still], pair, time, [TARGET, TARGET], [0.0, 0.0], pull)
        np.testing.assert_allclose((a.value + b.value) / 2, middle, atol=1e-12)
        np.testing.assert_allclose(
            a.value - b.value, (pair[0].value - pair[1].value) * math.exp(-0.6 * time), atol=1e-12
        )


def test_contagion_goes_from_the_column_to_the_row() -> None:
    still = Character(damping=None, settle=math.inf)
    pair = [Affect(0.0, np.full(3, 0.9)), Affect(0.0, np.full(3, -0.5))]
    a, b = step_together([still, still], pair, 1.0, [TARGET, TARGET], [0.0, 0.0], [[7.0, 0.3], [0.0, 7.0]])
    np.testing.assert_allclose(a.value, -0.5 + 1.4 * math.exp(-0.3), atol=1e-12)
    np.testing.assert_allclose(b.value, -0.5, atol=1e-12)


@settings(deadline=None, max_examples=30)
@given(
    st.tuples(characters(), characters(), characters()),
    st.tuples(affects(), affects(), affects()),
    st.lists(st.floats(1e-3, 1.0), min_size=2, max_size=8),
    st.lists(st.floats(0, 2), min_size=9, max_size=9),
    st.tuples(*[st.floats(0, 1)] * 3),
)
def test_steps_together_however_cut_are_one_step(
    who: tuple[Character, ...],
    starts: tuple[Affect, ...],
    steps: list[float],
    pull: list[float],
    heed: tuple[float, ...],
) -> None:
    matrix = np.reshape(pull, (3, 3))
    targets = [TARGET, [math.nan, 0.1, 0.2], [-0.3, -0.3, math.nan]]
    first = [replace(start, time=1.0) for start in starts]
    parts = first
    for dt in steps:
        parts = step_together(who, parts, parts[0].time + dt, targets, heed, matrix)
    one = step_together(who, first, parts[0].time, targets, heed, matrix)
    for a, b in zip(parts, one, strict=True):
        np.testing.assert_allclose(everything(a), everything(b), atol=1e-10)


def test_contagion_of_both_orders_is_one_linear_system() -> None:
    """A first-order and a second-order agent, the system's matrix written out by hand: x, y, y'."""
    quick, slow = Character(lag=1.0, damping=None, settle=4.0), Character(lag=2.0, damping=0.5)
    pair = [Affect(0.0, np.full(3, 0.9)), Affect(0.0, np.full(3, -0.5), np.full(3, 0.1))]
    a, b = step_together([quick, slow], pair, 1.7, [[0.2] * 3, [-0.1] * 3], [0.5, 1.0], [[0, 0.3], [0.8, 0]])
    law = np.array(
        [
            [-0.5 - 0.125 - 0.3, 0.3, 0.0, 0.5 * 0.2],
            [0.0, 0.0, 1.0, 0.0],
            [0.5 * 0.8, 0.5 * (-0.5 - 0.8), -0.5, 0.5 * (-0.1 / 2)],
            [0.0, 0.0, 0.0, 0.0],
        ]
    )
    x, y, slope, _ = expm(law * 1.7) @ [0.9, -0.5, 0.1, 1.0]
    np.testing.assert_allclose(a.value, x, atol=1e-10)
    np.testing.assert_allclose(b.value, y, atol=1e-10)
    np.testing.assert_allclose(b.velocity, slope, atol=1e-10)


def test_agents_without_contagion_are_alone() -> None:
    who = [Character(), Character(lag=0.5, damping=None, lag_falling=2.0)]
    pair = [START, replace(START, value=-START.value)]
    together = step_together(who, pair, 6.3, [TARGET, TARGET], [0.8, 0.6], np.zeros((2, 2)))
    for character, affect, after, confidence in zip(who, pair, together, (0.8, 0.6), strict=True):
        alone = step(character, affect, 6.3, TARGET, confidence=confidence)
        np.testing.assert_allclose(everything(after), everything(alone), atol=1e-12)


def test_neurotic_people_are_less_pleased_and_more_aroused() -> None:
    calm, neurotic = Character.of_personality(neuroticism=-1.0), Character.of_personality(neuroticism=1.0)
    assert neurotic.baseline[0] < 0 < calm.baseline[0]
    assert neurotic.baseline[1] > 0 > calm.baseline[1]
    assert neurotic.gain[0] > 1 > calm.gain[0]
    assert neurotic.lag > Character().lag > calm.lag


@pytest.mark.parametrize(
    ("trait", "baseline"),
    [
        ("openness", (0.0, 0.15, 0.25)),
        ("conscientiousness", (0.0, 0.0, 0.17)),
        ("extraversion", (0.21, 0.0, 0.60)),
        ("agreeableness", (0.59, 0.30, -0.32)),
        ("neuroticism", (-0.19, 0.57, 0.0)),
    ],
)
@pytest.mark.parametrize("much", [1.0, -0.5])
def test_baseline_is_the_printed_regression(trait: str, baseline: tuple[float, ...], much: float) -> None:
    wanted = [much * b for b in baseline]
    np.testing.assert_allclose(Character.of_personality(**{trait: much}).baseline, wanted, atol=1e-12)


def test_average_person_is_the_plain_character() -> None:
    assert Character.of_personality(lag_falling=3.0) == Character(lag_falling=3.0)


def test_a_baseline_of_extreme_traits_stays_within_bounds() -> None:
    extreme = Character.of_personality(openness=1, agreeableness=1, neuroticism=1, extraversion=1, conscientiousness=1)
    assert extreme.baseline == (0.61, 1.0, 0.7)
    assert extreme.lag == pytest.approx(2.0 * 1.1)


def test_traits_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match=r"traits are .*1\.1.*; wanted values in \[-1, 1\]"):
        Character.of_personality(neuroticism=1.1)


@settings(deadline=None)
@given(affects())
def test_affect_through_json_is_the_same_to_the_bit(affect: Affect) -> None:
    back = Affect.from_dict(json.loads(json.dumps(affect.to_dict())))
    assert back.time == affect.time
    for name in ("value", "velocity", "mood"):
        assert getattr(back, name).tobytes() == getattr(affect, name).tobytes()


def test_at_rest_nothing_moves() -> None:
    character = Character(baseline=(0.3, -0.2, 0.1), mood_gain=0.5)
    later = step(character, character.at_rest(2.0), 900.0, [math.nan] * 3)
    np.testing.assert_allclose(later.value, character.baseline, atol=1e-12)
    np.testing.assert_allclose(later.mood, 0.0, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Character(lag=0.0), r"lag is 0\.0; wanted a finite value above 0"),
        (lambda: Character(lag=math.inf), r"lag is inf; wanted a finite value above 0"),
        (lambda: Character(lag_falling=-1.0), r"lag_falling is -1\.0; wanted"),
        (lambda: Character(damping=0.0), r"damping is 0\.0; wanted"),
        (lambda: Character(mood_lag=math.nan), r"mood_lag is nan; wanted"),
        (lambda: Character(settle=0.0), r"settle is 0\.0 s; wanted more than 0"),
        (lambda: Character(mood_gain=1.0), r"mood gain is 1\.0; wanted at least 0 and below 1"),
        (lambda: Character(baseline=(0.0, 2.0, 0.0)), r"baseline is \(0\.0, 2\.0, 0\.0\); wanted values in \[-1, 1\]"),
        (
            lambda: step(Character(), START, 4.9, TARGET),
            r"5\.0\] s and go on to 4\.9 s; wanted one time, and none back",
        ),
        (
            lambda: step(Character(), START, 6.0, TARGET, confidence=1.2),
            r"confidences \[1\.2\].*wanted values in \[0, 1\]",
        ),
        (lambda: step(Character(), START, 6.0, TARGET, confidence=math.nan), r"confidences \[nan\]"),
        (
            lambda: step_together(
                [Character()] * 2, [START, replace(START, time=5.5)], 6.0, [TARGET] * 2, [1, 1], np.eye(2)
            ),
            r"affects are of \[5\.0, 5\.5\] s",
        ),
        (lambda: step_together([Character()], [START], 6.0, [TARGET], [1], np.eye(2)), r"\(n, n\) rates of at least 0"),
        (lambda: step_together([Character()], [START], 6.0, [TARGET], [1], [[-1.0]]), r"\(n, n\) rates of at least 0"),
    ],
)
def test_bad_values_are_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("lag", "falling", "damping", "confidence", "seconds"),
    [
        (2.0, 0.5, 0.8, 0.5, 3600.0),
        (0.05, 10.0, 0.3, 1.0, 600.0),
        (0.05, 10.0, 0.8, 0.5, 600.0),
        (0.5, 2.0, 0.3, 1.0, 3600.0),
    ],
)
def test_an_hour_in_one_step_is_an_hour_in_many(
    lag: float, falling: float, damping: float, confidence: float, seconds: float
) -> None:
    character = Character(lag=lag, lag_falling=falling, damping=damping, settle=20.0, mood_gain=0.5, mood_lag=300.0)
    start, target = Affect(0.0, np.full(3, -0.8), np.full(3, 0.5), np.full(3, 0.3)), [0.4, 0.0, -0.3]
    parts = start
    for k in range(1, 41):
        parts = step(character, parts, seconds * (k / 40) ** 3, target, confidence=confidence)
    one = step(character, start, parts.time, target, confidence=confidence)
    np.testing.assert_allclose(one.value, parts.value, atol=1e-8)
    np.testing.assert_allclose(one.mood, parts.mood, atol=1e-8)
