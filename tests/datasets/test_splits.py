"""Splits of drawn corpora: no trial is divided, every window is tested once, a seed says everything."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from affectstream.datasets.splits import (
    Fold,
    Groups,
    across_sessions,
    grouped_kfold,
    leaky_window_kfold,
    leave_one_session_out,
    leave_one_subject_out,
    refuse_leaks,
    within_subject_trials,
)

Splitter = Callable[[Groups], Iterator[Fold]]
HONEST: dict[str, Splitter] = {
    "leave_one_subject_out": leave_one_subject_out,
    "grouped_kfold": partial(grouped_kfold, folds=2),
    "within_subject_trials": partial(within_subject_trials, folds=2),
    "across_sessions": across_sessions,
}
LEAKY: dict[str, Splitter] = {"leaky_window_kfold": partial(leaky_window_kfold, folds=3)}


@st.composite
def corpora(draw: st.DrawFn) -> Groups:
    """Two to five subjects of two or three sessions with one to three trials of one to four windows, in any order.

    Trials have the same names in every session and sessions in every subject, as in the corpora.
    """
    rows = [
        (f"s{subject}", f"{session}", f"{trial}")
        for subject in range(draw(st.integers(2, 5)))
        for session in range(draw(st.integers(2, 3)))
        for trial in range(draw(st.integers(1, 3)))
        for _ in range(draw(st.integers(1, 4)))
    ]
    return Groups(*zip(*draw(st.permutations(rows)), strict=True))


def trials(groups: Groups, index: np.ndarray) -> set[tuple[str, str, str]]:
    return {(str(groups.subject[i]), str(groups.session[i]), str(groups.trial[i])) for i in index}


@pytest.mark.parametrize("splitter", [*HONEST.values(), *LEAKY.values()], ids=[*HONEST, *LEAKY])
@given(groups=corpora())
def test_every_window_is_tested_once_and_never_trained_on_then(splitter: Splitter, groups: Groups) -> None:
    folds = list(splitter(groups))
    assert Counter(i for fold in folds for i in fold.test) == dict.fromkeys(range(len(groups)), 1)
    for fold in folds:
        assert not set(fold.train) & set(fold.test)
        assert len(set(fold.train)) == len(fold.train) > 0


@pytest.mark.parametrize("splitter", HONEST.values(), ids=HONEST)
@given(groups=corpora())
def test_no_trial_is_divided(splitter: Splitter, groups: Groups) -> None:
    for fold in splitter(groups):
        assert not trials(groups, fold.train) & trials(groups, fold.test)


@given(groups=corpora())
def test_who_trains_and_who_is_tested(groups: Groups) -> None:
    for splitter in (leave_one_subject_out, HONEST["grouped_kfold"]):
        for fold in splitter(groups):
            assert len(fold.train) + len(fold.test) == len(groups)
            assert not set(groups.subject[fold.train]) & set(groups.subject[fold.test])
    for splitter in (HONEST["within_subject_trials"], across_sessions):
        for fold in splitter(groups):
            (subject,) = set(groups.subject[fold.train]) | set(groups.subject[fold.test])
            assert len(fold.train) + len(fold.test) == (groups.subject == subject).sum()
    for fold in across_sessions(groups):
        assert not set(groups.session[fold.train]) & set(groups.session[fold.test])
    assert len(list(leave_one_subject_out(groups))) == len(set(groups.subject))


@given(groups=corpora(), sessions=st.integers(2, 3))
def test_a_session_is_left_out_with_all_who_met_in_it(groups: Groups, sessions: int) -> None:
    met = np.array([f"m{int(name[1:]) % sessions}" for name in groups.subject])
    together = Groups(groups.subject, met, groups.trial)
    folds = list(leave_one_session_out(together))
    assert [fold.held for fold in folds] == [f"session {name}" for name in sorted(set(met))]
    for fold, name in zip(folds, sorted(set(met)), strict=True):
        assert fold.test.tolist() == [i for i, session in enumerate(met) if session == name]
        assert sorted([*fold.train, *fold.test]) == list(range(len(groups)))
        assert not set(groups.subject[fold.train]) & set(groups.subject[fold.test])
    with pytest.raises(ValueError, match=r"subject s0 is in \d sessions; wanted each in one"):
        next(leave_one_session_out(groups))


@given(groups=corpora(), seed=st.integers(0, 99))
def test_a_seed_says_everything(groups: Groups, seed: int) -> None:
    for splitter in (grouped_kfold, within_subject_trials, leaky_window_kfold):
        for one, other in zip(splitter(groups, 2, seed), splitter(groups, 2, seed), strict=True):
            np.testing.assert_array_equal(one.test, other.test)
            np.testing.assert_array_equal(one.train, other.train)


def test_another_seed_deals_otherwise() -> None:
    groups = Groups(np.arange(12), ["1"] * 12, ["1"] * 12)
    assert len({tuple(next(grouped_kfold(groups, 3, seed)).test) for seed in range(20)}) > 10


@given(groups=corpora(), draw=st.data())
def test_the_check_finds_just_the_splits_that_divide_a_trial(groups: Groups, draw: st.DataObject) -> None:
    side = np.array(draw.draw(st.lists(st.sampled_from((0, 1, 2)), min_size=len(groups), max_size=len(groups))))
    train, test = np.flatnonzero(side == 0), np.flatnonzero(side == 1)  # 2 is left out
    divided = bool(trials(groups, train) & trials(groups, test))
    if divided or not len(train) or not len(test):
        with pytest.raises(ValueError, match="have windows in train and in test" if divided else "wanted some indices"):
            refuse_leaks(groups, train, test)
    else:
        refuse_leaks(groups, train, test)


def test_the_check_names_the_trial() -> None:
    groups = Groups(["ann", "ann", "bob"], ["1", "1", "2"], ["7", "7", "7"])
    refuse_leaks(groups, [0, 1], [2])  # trial 7 of another subject is another trial
    with pytest.raises(ValueError, match="1 trials, such as trial 7 of subject ann, session 1"):
        refuse_leaks(groups, [0, 2], [1])


@pytest.mark.parametrize("train", [[True, False, True], [0.0, 1.0], [[0], [1]], []])
def test_what_is_no_list_of_windows_is_refused(train: ArrayLike) -> None:
    with pytest.raises(ValueError, match=r"train is .*; wanted some indices of windows"):
        refuse_leaks(Groups([*"abc"], [*"111"], [*"111"]), train, [2])


def test_windows_that_are_not_there_are_refused() -> None:
    groups = Groups([*"abc"], [*"111"], [*"111"])
    for test in ([3], [-1]):
        with pytest.raises(ValueError, match="wanted 0 to 2"):
            refuse_leaks(groups, [0], test)


def test_too_little_to_split_is_refused() -> None:
    one = Groups(["ann"] * 3, ["1"] * 3, ["1", "1", "2"])
    for splitter, why in (
        (leave_one_subject_out, "there are 1 subjects; wanted two or more"),
        (grouped_kfold, "1 subjects for 5 folds"),
        (within_subject_trials, "2 trials of subject ann for 5 folds"),
        (across_sessions, "subject ann has 1 session"),
        (leave_one_session_out, "there are 1 sessions; wanted two or more"),
        (leaky_window_kfold, "3 windows for 5 folds"),
        (partial(within_subject_trials, folds=1), "wanted two folds or more"),
    ):
        with pytest.raises(ValueError, match=why):
            list(splitter(one))


def test_groups_of_different_length_or_without_a_name_are_refused() -> None:
    with pytest.raises(ValueError, match=r"groups have shapes .*; wanted \(n,\) for all three"):
        Groups(["a", "b"], ["1"], ["1", "1"])
    with pytest.raises(ValueError, match="subject is NaN for 1 windows"):
        Groups([1.0, np.nan], ["1", "1"], ["1", "1"])


def test_numbers_tell_trials_apart_as_a_loop_does() -> None:
    rng = np.random.default_rng(1)
    columns = [rng.choice(["1", "2", "12", "21", ""], 200) for _ in range(3)]
    groups = Groups(*columns)
    rows = list(zip(*columns, strict=True))
    for i in range(0, 200, 7):
        same = np.array([row == rows[i] for row in rows])
        np.testing.assert_array_equal(groups.trials == groups.trials[i], same)


def test_a_part_can_be_split_again() -> None:
    groups = Groups(np.repeat([*"abcdef"], 2), ["1"] * 12, ["1"] * 12)
    fold = next(leave_one_subject_out(groups))
    inner = next(grouped_kfold(groups.take(fold.train), 5))
    people = groups.subject[fold.train]
    assert {"a", *people[inner.train], *people[inner.test]} == set("abcdef")
    assert not set(people[inner.train]) & set(people[inner.test])
