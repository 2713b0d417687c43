"""The canary on drifting noise and on a real recording, a splitter that leaks unseen, and the floors against scikit-learn."""

import inspect
import json
import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, mean_absolute_error
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from affectstream.datasets import splits
from affectstream.datasets.splits import Fold, Groups
from affectstream.multimodal.training import leakage
from affectstream.multimodal.training.floors import floors
from affectstream.multimodal.training.leakage import (
    BANDS,
    HOP,
    PLANS,
    Plan,
    Windows,
    canary,
    cut,
    features,
    noise,
    read,
)

HONEST = [name for name in PLANS if not name.startswith("leaky")]


@pytest.fixture(scope="module")
def drifting() -> Windows:
    return cut(noise(), 128)


def assert_sings(windows: Windows) -> None:
    """Chance under every honest splitter, and above 0.9 under the leaky one."""
    found = canary(windows)
    assert all(len(values) == 20 for under in found.values() for values in under.values())
    for name in HONEST:
        assert abs(np.mean(found[name]["nearest_neighbour"]) - 0.5) <= 0.05, name
        assert set(found[name]["majority"]) == {0.5}, name
    assert np.mean(found["leaky_window_kfold"]["nearest_neighbour"]) > 0.9
    assert abs(np.mean(found["leaky_window_kfold"]["majority"]) - 0.5) <= 0.05


def test_every_splitter_that_is_offered_is_under_the_canary() -> None:
    offered = [
        name
        for name, function in inspect.getmembers(splits, inspect.isgeneratorfunction)
        if get_type_hints(function).get("return") == Iterator[Fold]
    ]
    assert sorted(PLANS) == offered


def test_meaningless_labels_of_drifting_noise(drifting: Windows) -> None:
    assert len(HONEST) == 4
    assert_sings(drifting)


def test_meaningless_labels_of_a_real_recording(shared_data: Path) -> None:
    signal, rate = read(shared_data / "eeg" / "eeglab_sample" / "eeglab_data.set")
    assert (signal.shape[1], rate) == (30, 128)  # and two of the eyes, which are left out
    assert 1e-6 < signal.std() < 1e-4  # volts
    assert_sings(cut(signal, rate))


def test_a_splitter_that_leaks_unseen_is_found(drifting: Windows, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first four fifths of every trial train, as one library's "k-fold grouped by trial" has it."""

    def by_trial(groups: Groups) -> Iterator[Fold]:
        late = np.concatenate([np.arange(n) >= 0.8 * n for n in np.unique(groups.trials, return_counts=True)[1]])
        yield Fold("the end of every trial", np.flatnonzero(~late), np.flatnonzero(late))

    monkeypatch.setattr(leakage, "PLANS", {"by trial": Plan(by_trial)})
    assert np.mean(canary(drifting)["by trial"]["nearest_neighbour"]) > 0.8


def test_labels_that_mean_something_are_learnt_under_every_split() -> None:
    """Chance above is no failing of the neighbour: where a trial's label is in the signal, it is found."""
    trial = np.repeat(np.arange(16), 13)
    rng = np.random.default_rng(0)
    label = rng.permutation(np.arange(16) % 2)[trial]
    clear = Windows(label[:, None] + rng.normal(0, 0.1, (len(trial), 3)), trial)
    for plan in PLANS.values():
        for fold in plan.split(Groups(trial % 2, trial // 2 % 2, trial)):
            near = leakage.nearest(clear.features[fold.train], clear.features[fold.test])
            assert (label[fold.train][near] == label[fold.test]).mean() > 0.95


def test_draws_are_many_and_a_seed_says_everything(drifting: Windows) -> None:
    one, same, other = canary(drifting, 5), canary(drifting, 5), canary(drifting, 5, seed=1)
    assert one == same != other
    assert len(set(one["within_subject_trials"]["nearest_neighbour"])) > 1


@pytest.mark.parametrize("sizes", [(4, 4, 4, 3), (15,), (1, 1), (2, 5, 6)])
def test_labels_are_balanced_within_what_is_tested_together(sizes: tuple[int, ...]) -> None:
    parts = [tuple(range(a, b)) for a, b in pairwise(np.cumsum((0, *sizes)))]
    rng = np.random.default_rng(0)
    labels = np.array([leakage._flips(parts, rng) for _ in range(400)])
    for part in parts:
        ones = labels[:, part].sum(1)
        assert set(ones) <= {len(part) // 2, (len(part) + 1) // 2}
    assert abs(labels.mean(0) - 0.5).max() < 4 * 0.5 / math.sqrt(400)  # no trial leans to a label


def test_a_band_s_feature_is_the_log_of_the_power_of_a_sine() -> None:
    rate, amplitude = 128, 2e-5
    time = np.arange(15 * rate) / rate
    for band, (low, high) in enumerate(BANDS):
        sine = amplitude * np.sin(2 * np.pi * math.sqrt(low * high) * time)
        found = features(np.stack([sine, 3 * sine], 1), rate).reshape(-1, 2, len(BANDS))
        middle = found[2:-2, :, band]  # the filter settles at both ends of a trial
        np.testing.assert_allclose(middle[:, 0], math.log(amplitude**2 / 2), atol=0.05)
        np.testing.assert_allclose(middle[:, 1] - middle[:, 0], math.log(9), atol=1e-6)
        assert (found.argmax(-1) == band).all()


@pytest.mark.parametrize("rate", [128, 250, 512])
def test_windows_lie_where_a_loop_puts_them(rate: int) -> None:
    """As many as fit into each trial, whatever the rate; the seconds beyond the last whole trial are left."""
    size, step, trial = 4 * rate, round(HOP * rate), 15 * rate
    fit = sum(1 for start in range(0, trial, step) if start + size <= trial)
    windows = cut(noise(130, channels=2, rate=rate), rate)
    assert windows.features.shape == (8 * fit, 2 * len(BANDS))
    assert windows.trial.tolist() == [k for k in range(8) for _ in range(fit)]
    assert len(cut(noise(130, channels=2, rate=rate), rate, hop=4.0).trial) == 8 * 3


@pytest.mark.parametrize(
    ("signal", "rate", "why"),
    [
        (np.zeros((100 * 128, 2)), 128, "lasts 100 s; wanted 120 s or more"),
        (np.zeros((130 * 98, 2)), 98, "at 98 Hz; wanted at least 4 s at more than 98 Hz"),
        (np.full((130 * 128, 2), np.nan), 128, "NaN or infinite"),
    ],
)
def test_what_cannot_be_cut_is_refused(signal: NDArray[np.floating], rate: float, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        cut(signal, rate)


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["leakage", "--out", str(tmp_path / "new")])
    leakage.main()
    report = json.loads((tmp_path / "new" / "eeg-leakage.json").read_text())
    assert (report["recording"], report["channels"], report["trials"], report["windows"]) == ("noise", 14, 16, 16 * 13)
    assert list(report["overlapping"]) == list(PLANS)
    assert (tmp_path / "new" / "eeg-leakage.png").read_bytes().startswith(b"\x89PNG")
    mean = np.mean(report["overlapping"]["leaky_window_kfold"]["nearest_neighbour"])
    assert f"nearest_neighbour  {mean:.3f}" in capsys.readouterr().out


def drawn(rows: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    label = rng.choice(3, rows, p=[0.6, 0.3, 0.1])
    return rng.normal(label[:, None], [1, 100], (rows, 2)), label, rng.integers(0, 6, rows)


def test_floors_of_categories_are_scikit_learn_s() -> None:
    (x, y, _), (test_x, test_y, subject) = drawn(300, 0), drawn(200, 1)
    found = floors(x, y, test_x, test_y, subject)
    models = {"majority": DummyClassifier(), "nearest_neighbour": KNeighborsClassifier(1)}
    for name, model in models.items():
        guess = make_pipeline(StandardScaler(), model).fit(x, y).predict(test_x)
        assert found[name]["accuracy"][0] == pytest.approx(accuracy_score(test_y, guess), abs=1e-4)
        assert found[name]["balanced_accuracy"][0] == pytest.approx(balanced_accuracy_score(test_y, guess), abs=1e-4)
        assert found[name]["macro_f1"][0] == pytest.approx(f1_score(test_y, guess, average="macro"), abs=1e-4)
    value, low, high = found["nearest_neighbour"]["accuracy"]
    assert low < value < high
    assert found["majority"]["balanced_accuracy"] == [0.3333, 0.3333, 0.3333]


def test_floors_of_numbers_are_scikit_learn_s() -> None:
    (x, _, _), (test_x, _, subject) = drawn(300, 0), drawn(200, 1)
    y, test_y = (features[:, :1] * [0.2, -0.1] + 0.3 for features in (x, test_x))
    found = floors(x, y, test_x, test_y, subject)
    for name, model in {"mean": DummyRegressor(), "nearest_neighbour": KNeighborsRegressor(1)}.items():
        guess = make_pipeline(StandardScaler(), model).fit(x, y).predict(test_x)
        wanted = mean_absolute_error(test_y, guess, multioutput="raw_values")
        np.testing.assert_allclose(found[name]["mae"][0], wanted, atol=1e-4)
    assert found["mean"]["ccc"][0] == [0, 0]  # a constant agrees with nothing


def test_rows_without_a_label_neither_teach_nor_count() -> None:
    (x, y, _), (test_x, test_y, subject) = drawn(100, 0), drawn(80, 1)
    known, counted = np.arange(100) % 3 > 0, np.arange(80) % 2 > 0
    with_gaps = floors(x, np.where(known, y, -1), test_x, np.where(counted, test_y, -1), subject)
    without = floors(x[known], y[known], test_x[counted], test_y[counted], subject[counted])
    # The same values; the scale of the features comes from what teaches, the intervals from other draws.
    for floor, figures in without.items():
        assert {k: v[0] for k, v in figures.items()} == {k: v[0] for k, v in with_gaps[floor].items()}


def test_a_dimension_that_nobody_rated_is_left_alone() -> None:
    """DASPS has no dominance, and of other dimensions each is guessed from what is known of it."""
    (x, _, _), (test_x, _, subject) = drawn(90, 0), drawn(60, 1)
    y, test_y = x[:, :1] * [1.0, 2.0, np.nan], test_x[:, :1] * [1.0, 2.0, np.nan]
    y[::2, 1] = np.nan
    found = floors(x, y, test_x, test_y, subject)
    assert np.isnan(np.array(found["nearest_neighbour"]["ccc"])[:, 2]).all()
    with pytest.raises(ValueError, match="a prediction is NaN where the target is known"):
        floors(x, y, test_x, np.nan_to_num(test_y), subject)
    guess = make_pipeline(StandardScaler(), KNeighborsRegressor(1)).fit(x[1::2], y[1::2, 1]).predict(test_x)
    wanted = mean_absolute_error(test_y[:, 1], guess)
    assert found["nearest_neighbour"]["mae"][0][1] == pytest.approx(wanted, abs=1e-4)


def test_intervals_are_over_people_not_windows() -> None:
    """Ten copies of each window make no result surer; one person makes none at all."""
    (x, y, _), (test_x, test_y, subject) = drawn(100, 0), drawn(60, 1)
    once = floors(x, y, test_x, test_y, subject)
    assert once == floors(x, y, np.repeat(test_x, 10, axis=0), np.repeat(test_y, 10), np.repeat(subject, 10))
    value, low, high = floors(x, y, test_x, test_y, np.zeros(60))["majority"]["accuracy"]
    assert not np.isnan(value) and np.isnan([low, high]).all()


def test_floors_of_what_does_not_fit_are_refused() -> None:
    (x, y, _), (test_x, test_y, subject) = drawn(30, 0), drawn(20, 1)
    for arrays in (
        (x, y, test_x, test_y, subject[1:]),
        (x[1:], y, test_x, test_y, subject),
        (x, y, x, test_y, subject),
    ):
        with pytest.raises(ValueError, match=r"have shapes .*; wanted \(n, d\)"):
            floors(*arrays)
    with pytest.raises(ValueError, match="none of 30 training rows has a label"):
        floors(x, np.full(30, -1), test_x, test_y, subject)
    with pytest.raises(ValueError, match="a feature is NaN or infinite"):
        floors(np.where(x > 1, np.nan, x), y, test_x, test_y, subject)
