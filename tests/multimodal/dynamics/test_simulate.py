import numpy as np
import pytest

from affectstream.multimodal.dynamics.process import OrnsteinUhlenbeck
from affectstream.multimodal.dynamics.simulate import PROCESS, SENSORS, simulate


def test_the_same_seed_gives_the_same_affect_and_another_another() -> None:
    one, two, other = (simulate(seed, 20.0) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one[1], two[1])
    for source, trace in one[2].items():
        np.testing.assert_array_equal(trace.mean, two[2][source].mean)
    assert not np.array_equal(one[1], other[1])


def test_affect_has_the_spread_and_the_memory_it_was_drawn_with() -> None:
    runs = [simulate(seed, 400.0)[1] for seed in range(6)]
    fast = np.concatenate([r[:, 1] for r in runs])
    assert fast.std() == pytest.approx(PROCESS.sd[1], rel=0.15)
    step = np.mean([np.mean((r[25:, 1] - r[:-25, 1]) ** 2) for r in runs])
    assert step == pytest.approx(2 * PROCESS.sd[1] ** 2 * (1 - np.exp(-1 / PROCESS.tau[1])), rel=0.15)
    assert all(abs(r).max() <= 1 for r in runs)


def test_each_sensor_errs_as_it_says() -> None:
    times, truth, traces = simulate(1, 600.0)
    assert set(traces) == set(SENSORS)
    for source, sensor in SENSORS.items():
        trace = traces[source]
        known = trace.observed
        assert 1 - known.mean() == pytest.approx(sensor.silent, abs=0.12)
        error = trace.mean[known, 0] - np.interp(trace.time[known], times, truth[:, 0])
        spread = np.median(abs(error) / trace.sd[known, 0]) / 0.6745
        assert 0.75 < spread < 1.3


def test_episodes_stand_out_of_a_calm_course() -> None:
    calm = OrnsteinUhlenbeck(sd=(0.05, 0.05, 0.05))
    _, without, _ = simulate(2, 400.0, process=calm)
    _, with_them, _ = simulate(2, 400.0, process=calm, episodes=6)
    assert abs(without).max() < 0.3
    assert abs(with_them).max(0).min() > 0.45
