"""What an EEG corpus yields: one person's brain waves while one thing was watched, and what the person said of it.

None of these corpora may be passed on; each is read from a copy of yours. A corpus is a sequence of :class:`Trial`. It
holds the signals of one file at a time, so walk it in order.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affectstream.datasets.splits import Groups


@dataclass(frozen=True, eq=False)
class Trial:
    """One stretch of EEG with one answer.

    ``signal`` (n, channels) float32 volts at ``rate`` Hz, columns named by ``names``; ``baseline`` (m, channels) the
    rest before it, or None. ``vad`` (3,) valence, arousal, dominance in [-1, 1], NaN where the corpus has none, and
    ``vad_derived`` if it is made of a label rather than of the person's rating. ``rating`` (k,) as the corpus has it,
    its columns the corpus's ``rating_names``. ``label`` is a category, where there is one.

    ``trial`` is what a split must keep whole: stretches that share it share their answer.
    """

    subject: str
    session: str
    trial: str
    signal: NDArray[np.float32]
    baseline: NDArray[np.float32] | None
    names: tuple[str, ...]
    rate: float
    vad: NDArray[np.float32]
    rating: NDArray[np.float32]
    label: str | None = None
    vad_derived: bool = False

    @property
    def where(self) -> tuple[str, str, str]:
        """Subject, session and trial."""
        return self.subject, self.session, self.trial


class Trials(Sequence[Trial]):
    """Files of ``each`` trials as one sequence, in the order of ``files``; ``read`` gives the trials of one file.

    The file last read is kept, and no other.
    """

    def __init__(
        self, files: Sequence[Any], each: int, rating_names: tuple[str, ...], read: Callable[[Any], list[Trial]]
    ) -> None:
        self.rating_names = rating_names
        self._files, self._each, self._read = files, each, read
        self._kept: tuple[int, list[Trial]] = (-1, [])

    def __len__(self) -> int:
        return len(self._files) * self._each

    @overload
    def __getitem__(self, index: int) -> Trial: ...
    @overload
    def __getitem__(self, index: slice) -> list[Trial]: ...
    def __getitem__(self, index: int | slice) -> Trial | list[Trial]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"trial {index} of {len(self)}")
        file, place = divmod(index % len(self), self._each)
        if self._kept[0] != file:
            self._kept = (-1, [])  # let go of one before the next is read
            self._kept = (file, self._read(self._files[file]))
        return self._kept[1][place]


def window_groups(where: Sequence[tuple[str, str, str]], windows: Sequence[int]) -> Groups:
    """The groups of all windows, of which trial k, :attr:`Trial.where` ``where[k]``, has ``windows[k]``.

    Raises ValueError if the two differ in length.

    >>> window_groups([("ann", "1", "1"), ("ann", "1", "2")], [2, 1]).trial.tolist()
    ['1', '1', '2']
    """
    if len(where) != len(windows):
        raise ValueError(f"{len(where)} trials, but counts of windows for {len(windows)}; wanted one for each trial")
    rows = np.repeat(np.array(where, np.str_).reshape(-1, 3), windows, axis=0)
    return Groups(*rows.T)


def high_or_low(vad: ArrayLike, *, middle_is_high: bool = False) -> NDArray[np.int64]:
    """1 where ``vad`` (..., 3) lies above the middle of the scale, 0 where it does not, -1 where it is unknown.

    The middle itself, a 5 of nine or a 3 of five, is nobody's pleasure and counts as low. With ``middle_is_high`` it
    counts as high, as in work that thresholds DEAP at >= 5 and DREAMER at >= 3 (RBTransformer, arXiv 2511.13954). On
    DREAMER's five steps, where the middle is a common answer, that is another task.

    >>> high_or_low([-0.5, 0.0, np.nan]).tolist(), high_or_low([0.0], middle_is_high=True).tolist()
    ([0, 0, -1], [1])
    """
    values = np.asarray(vad, np.float64)
    return np.where(np.isnan(values), -1, values >= 0 if middle_is_high else values > 0)


def from_scale(rating: ArrayLike, high: int, where: str, low: int = 1) -> NDArray[np.float32]:
    """``rating`` on a scale from ``low`` to ``high`` as [-1, 1]: (x - 5) / 4 of 1 to 9, (x - 3) / 2 of 1 to 5.

    Raises ValueError that names ``where`` for a rating off the scale, or NaN.
    """
    values = np.asarray(rating, np.float64)
    if not ((values >= low) & (values <= high)).all():
        wrong = values[~((values >= low) & (values <= high))][0]
        raise ValueError(f"{where}: a rating is {wrong:g}; wanted {low} to {high}; is this the corpus as published?")
    return ((2 * values - low - high) / (high - low)).astype(np.float32)


def volts(microvolts: NDArray[Any], channels: int, where: str) -> NDArray[np.float32]:
    """``microvolts`` (n, channels), the unit in which all four corpora are taken to be published, as float32 volts.

    Raises ValueError that names ``where`` for another shape, or a sample that is not finite.
    """
    if microvolts.ndim != 2 or microvolts.shape[1] != channels or not len(microvolts):
        raise ValueError(f"{where}: EEG has shape {microvolts.shape}; wanted (samples, {channels})")
    if not np.isfinite(microvolts).all():
        raise ValueError(f"{where}: {(~np.isfinite(microvolts)).sum()} samples are not finite; copy the file again")
    return (microvolts * 1e-6).astype(np.float32)


def named(file: Mapping[str, Any], keys: Sequence[str], where: str) -> list[Any]:
    """The values of ``keys`` in ``file``; ValueError that names ``where`` if one is missing."""
    missing = [key for key in keys if key not in file]
    if missing:
        found = sorted(key for key in file if not key.startswith("__"))
        raise ValueError(f"{where} has no {missing}, but {found}; wanted {list(keys)}")
    return [file[key] for key in keys]


def read_mat(path: Path) -> dict[str, Any]:
    """A MATLAB file up to version 7; ValueError that names it if it is none."""
    from scipy.io import loadmat

    try:
        return loadmat(path)
    except Exception as error:  # scipy raises whatever the broken bytes lead it to
        raise ValueError(f"{path} cannot be read as a MATLAB file ({error}); copy it again") from error
