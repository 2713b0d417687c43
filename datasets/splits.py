"""Which windows train and which test, so that no window is judged by its own neighbours.

Overlapping windows of one trial share samples, and even those that do not share the minute they were recorded in: a
nearest neighbour tells trials apart almost perfectly, whatever their labels mean. A split that puts windows of one
trial on both sides therefore measures memory (docs/eeg-leakage.md shows how much). Every splitter here keeps a trial
whole and goes through :func:`refuse_leaks`, save the one whose name says that it leaks. Call that check on splits of
your own.

All are generators of :class:`Fold`; between them, the folds' test parts hold every window once, save in an official split.
For a validation set split the training part again: ``next(grouped_kfold(groups.take(fold.train)))``.

What no splitter can see: where everybody watches the same clips (DEAP, DREAMER, SEED), a network that knows the clip
knows its label. Holding people out, or sessions, does not hold the clips out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Groups:
    """Where each of n windows comes from: ``subject``, ``session`` and ``trial`` (n,), names as text.

    A trial's name need only be unique within its subject and session: trial "1" of two subjects is two trials.
    Raises ValueError unless the three are one-dimensional and of one length.

    >>> groups = Groups(["ann", "ann", "bob"], ["1", "1", "1"], ["7", "7", "7"])
    >>> groups.trials.tolist(), len(groups)
    ([0, 0, 1], 3)
    """

    subject: NDArray[np.str_]
    session: NDArray[np.str_]
    trial: NDArray[np.str_]

    def __init__(self, subject: ArrayLike, session: ArrayLike, trial: ArrayLike) -> None:
        columns = {name: np.asarray(values) for name, values in zip(_NAMES, (subject, session, trial), strict=True)}
        shapes = {name: column.shape for name, column in columns.items()}
        if len(set(shapes.values())) != 1 or columns["subject"].ndim != 1:
            raise ValueError(f"groups have shapes {shapes}; wanted (n,) for all three, one name for each window")
        for name, column in columns.items():
            if column.dtype.kind == "f" and np.isnan(column).any():
                raise ValueError(f"{name} is NaN for {np.isnan(column).sum()} windows; name the {name} of every window")
            object.__setattr__(self, name, column.astype(np.str_))  # past the class, which is frozen

    def __len__(self) -> int:
        return len(self.subject)

    def take(self, index: Index) -> "Groups":
        """The groups of the windows ``index``."""
        return Groups(self.subject[index], self.session[index], self.trial[index])

    @property
    def sessions(self) -> Index:
        """A number for each window's session (n,), the same only within one session of one subject."""
        return _numbered(self.subject, self.session)

    @property
    def trials(self) -> Index:
        """A number for each window's trial (n,), the same only within one trial."""
        return _numbered(self.subject, self.session, self.trial)


_NAMES = ("subject", "session", "trial")


@dataclass(frozen=True, eq=False)
class Fold:
    """One split: windows to ``train`` and to ``test`` on, ascending, and the name of what is ``held`` out. ``val``, where
    there is one, is a part that neither holds, for a network to be chosen by."""

    held: str
    train: Index
    test: Index
    val: Index | None = None


def refuse_leaks(groups: Groups, train: ArrayLike, test: ArrayLike) -> None:
    """Raise ValueError if a trial has windows in both ``train`` and ``test`` (indices of windows), or if one is empty."""
    sides = {"train": np.asarray(train), "test": np.asarray(test)}
    for name, side in sides.items():
        if side.dtype.kind not in "iu" or side.ndim != 1 or not len(side):
            what = f"{side.dtype} {side.shape}"
            raise ValueError(f"{name} is {what}; wanted some indices of windows (np.flatnonzero makes them of a mask)")
        if side.min() < 0 or side.max() >= len(groups):
            raise ValueError(f"{name} reaches from {side.min()} to {side.max()}; wanted 0 to {len(groups) - 1}")
    trials = groups.trials
    shared = np.intersect1d(trials[sides["train"]], trials[sides["test"]])
    if len(shared):
        at = int(np.flatnonzero(trials == shared[0])[0])
        which = f"trial {groups.trial[at]} of subject {groups.subject[at]}, session {groups.session[at]}"
        raise ValueError(
            f"{len(shared)} trials, such as {which}, have windows in train and in test, which are nearly copies of each "
            "other; split by trial or by subject"
        )


def leave_one_subject_out(groups: Groups) -> Iterator[Fold]:
    """Every subject in turn is tested, and all others train. Raises ValueError for fewer than two subjects."""
    names = np.unique(groups.subject)
    if len(names) < 2:
        raise ValueError(f"there are {len(names)} subjects; wanted two or more, or use within_subject_trials")
    for name in names:
        yield _honest(groups, f"subject {name}", groups.subject == name)


def grouped_kfold(groups: Groups, folds: int = 5, seed: int = 0) -> Iterator[Fold]:
    """Subjects, shuffled by ``seed``, are dealt into ``folds`` parts; each part in turn is tested.

    Raises ValueError for fewer than two folds, or fewer subjects than folds.
    """
    for k, part in enumerate(_dealt(np.unique(groups.subject), folds, seed, "subjects")):
        yield _honest(groups, f"subjects, part {k + 1} of {folds}", np.isin(groups.subject, part))


def leave_one_session_out(groups: Groups) -> Iterator[Fold]:
    """Every session in turn is tested, with all who met in it, and all others train: how dialogues of pairs are split.

    Raises ValueError for fewer than two sessions, or a subject who is in two of them.
    """
    names = np.unique(groups.session)
    if len(names) < 2:
        raise ValueError(f"there are {len(names)} sessions; wanted two or more, or use leave_one_subject_out")
    for subject in np.unique(groups.subject):
        if len(own := np.unique(groups.session[groups.subject == subject])) > 1:
            raise ValueError(
                f"subject {subject} is in {len(own)} sessions; wanted each in one, or use leave_one_subject_out or across_sessions"
            )
    for name in names:
        yield _honest(groups, f"session {name}", groups.session == name)


def within_subject_trials(groups: Groups, folds: int = 5, seed: int = 0) -> Iterator[Fold]:
    """For each subject alone: the trials, shuffled by ``seed``, are dealt into ``folds`` parts; each in turn is tested.

    A fold's training part is the same subject's other trials, and nobody else's. Raises ValueError for fewer than
    two folds, or a subject with fewer trials than folds.
    """
    trials = groups.trials
    for name in np.unique(groups.subject):
        own = groups.subject == name
        for k, part in enumerate(_dealt(np.unique(trials[own]), folds, seed, f"trials of subject {name}")):
            yield _honest(groups, f"subject {name}, trials, part {k + 1} of {folds}", np.isin(trials, part), own)


def across_sessions(groups: Groups) -> Iterator[Fold]:
    """For each subject alone: every session in turn is tested, and the same subject's other sessions train.

    Raises ValueError for a subject with one session.
    """
    for name in np.unique(groups.subject):
        own = groups.subject == name
        sessions = np.unique(groups.session[own])
        if len(sessions) < 2:
            raise ValueError(
                f"subject {name} has {len(sessions)} session; wanted two or more, or leave the subject out"
            )
        for session in sessions:
            yield _honest(groups, f"subject {name}, session {session}", own & (groups.session == session), own)


def official(groups: Groups, parts: ArrayLike, *, leaky: bool = False) -> Iterator[Fold]:
    """The split that a corpus comes with, as one fold: ``parts`` (n,) is "train", "val" or "test" for each window.

    Where nothing is "test", as its owners keep that to themselves, "val" is tested on, and none is left to choose by.
    Raises ValueError without a train part or without both others, and, unless ``leaky`` says that this is known, for a subject or a trial
    with windows in two parts.
    """
    part = np.asarray(parts, np.str_)
    sides = {name: np.flatnonzero(part == name) for name in ("train", "val", "test")}
    held = "the official test part"
    if not len(sides["test"]):
        held, sides["test"], sides["val"] = "the official validation part", sides["val"], sides["test"]
    if not len(sides["train"]) or not len(sides["test"]):
        found = ", ".join(f"{len(at)} of {name}" for name, at in sides.items())
        raise ValueError(f"there is no official split here ({found}); use another, such as grouped_kfold")
    if not leaky:
        for first, second in (("train", "val"), ("train", "test"), ("val", "test")):
            shared = np.intersect1d(groups.subject[sides[first]], groups.subject[sides[second]])
            if len(shared):
                raise ValueError(
                    f"{len(shared)} subjects, such as {shared[0]}, are in {first} and in {second}; mend the split, or say that "
                    "it leaks (leaky_official)"
                )
            if len(sides[first]) and len(sides[second]):
                refuse_leaks(groups, sides[first], sides[second])
    val = sides["val"] if len(sides["val"]) else None
    yield Fold(held, sides["train"], sides["test"], val)


def leaky_window_kfold(groups: Groups, folds: int = 5, seed: int = 0) -> Iterator[Fold]:
    """Windows shuffled regardless of trial, as in papers that report 99 %. Only to compare with them: it leaks.

    Raises ValueError for fewer than two folds, or fewer windows than folds.
    """
    for k, part in enumerate(_dealt(np.arange(len(groups)), folds, seed, "windows")):
        test = np.isin(np.arange(len(groups)), part)
        yield Fold(f"leaky: windows, part {k + 1} of {folds}", np.flatnonzero(~test), np.flatnonzero(test))


def _honest(groups: Groups, held: str, test: NDArray[np.bool_], among: NDArray[np.bool_] | None = None) -> Fold:
    """The fold that tests ``test`` (n,) and trains on the rest of ``among`` (n,), all windows by default."""
    fold = Fold(held, np.flatnonzero(~test if among is None else among & ~test), np.flatnonzero(test))
    refuse_leaks(groups, fold.train, fold.test)
    return fold


def _dealt(units: NDArray[np.generic], folds: int, seed: int, what: str) -> list[NDArray[np.generic]]:
    if folds < 2 or len(units) < folds:
        raise ValueError(f"{len(units)} {what} for {folds} folds; wanted two folds or more, and at least one in each")
    return np.array_split(np.random.default_rng(seed).permutation(units), folds)


def _numbered(*columns: NDArray[np.str_]) -> Index:
    """A number for each row (n,), the same only where all columns are."""
    number = np.zeros(len(columns[0]), np.intp)
    for column in columns:
        place = np.unique(column, return_inverse=True)[1]
        number = np.unique(number * (len(column) + 1) + place, return_inverse=True)[1]
    return number
