"""The canary on drifting noise and on a real recording, and a splitter that leaks unseen."""

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

from affectstream.datasets import splits
from affectstream.datasets.splits import Fold, Groups
from affectstream.multimodal.training.eeg import leakage
from affectstream.multimodal.training.eeg.leakage import (
    DEFINITION,
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
from affectstream.multimodal.types import SignalError


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
    assert sorted(PLANS) == sorted(offered)


def test_meaningless_labels_of_drifting_noise(drifting: Windows) -> None:
    assert len(HONEST) == 6
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
    trial = np.repeat(np.arange(32), 13)
    rng = np.random.default_rng(0)
    label = rng.permutation(np.arange(32) % 2)[trial]
    clear = Windows(label[:, None] + rng.normal(0, 0.1, (len(trial), 3)), trial)
    for plan in PLANS.values():
        for fold in plan.split(Groups(trial % 4, trial // 4 % 2, trial)):
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


def test_a_feature_is_the_entropy_of_its_band() -> None:
    rate, amplitude = 128, 2e-5
    time = np.arange(15 * rate) / rate
    for band, (_, low, high) in enumerate(DEFINITION.bands):
        sine = amplitude * np.sin(2 * np.pi * math.sqrt(low * high) * time)
        found = features(np.stack([sine, 3 * sine], 1), rate).reshape(-1, 2, len(DEFINITION.bands))
        middle = found[2:-2, :, band]  # the filter settles at both ends of a trial
        np.testing.assert_allclose(middle[:, 0], math.log2(math.pi * math.e * amplitude**2) / 2, atol=0.04)
        np.testing.assert_allclose(middle[:, 1] - middle[:, 0], math.log2(3), atol=1e-6)
        assert (found.argmax(-1) == band).all()


@pytest.mark.parametrize("rate", [128, 250, 512])
def test_windows_lie_where_a_loop_puts_them(rate: int) -> None:
    """As many as fit into each trial, whatever the rate; the seconds beyond the last whole trial are left."""
    size, step, trial = 4 * rate, round(HOP * rate), 15 * rate
    fit = sum(1 for start in range(0, trial, step) if start + size <= trial)
    windows = cut(noise(130, channels=2, rate=rate), rate)
    assert windows.features.shape == (8 * fit, 2 * len(DEFINITION.bands))
    assert windows.trial.tolist() == [k for k in range(8) for _ in range(fit)]
    assert len(cut(noise(130, channels=2, rate=rate), rate, hop=4.0).trial) == 8 * 3


@pytest.mark.parametrize(
    ("signal", "rate", "why"),
    [
        (np.zeros((100 * 128, 2)), 128, "lasts 100 s; wanted 120 s or more"),
        (np.zeros((130 * 98, 2)), 98, "98 Hz hold nothing from 49 Hz on; wanted more than 98 Hz"),
        (np.full((130 * 128, 2), np.nan), 128, "NaN or infinite"),
    ],
)
def test_what_cannot_be_cut_is_refused(signal: NDArray[np.floating], rate: float, why: str) -> None:
    with pytest.raises((ValueError, SignalError), match=why):
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
