"""What every corpus yields: a signal with a partial target, and who it is of; and what the corpus is."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

Modality = Literal["face", "speech", "eeg", "text", "audio-visual", "any"]
PARTS = ("train", "val", "test")


def _nothing() -> NDArray[np.float32]:
    return np.empty(0, np.float32)


@dataclass(frozen=True, eq=False)
class Target:
    """What is known of one sample; any part may be missing.

    ``vad`` (3,) valence, arousal, dominance in [-1, 1], NaN where unknown; ``labels`` (K,) a distribution
    over the corpus's labels (human votes that sum to 1, or one-hot), all NaN where unknown; ``marks`` (M,) yes and no, 1 and 0,
    to questions of which several may be true at once (action units, a text's emotions), each NaN where unknown.
    """

    vad: NDArray[np.float32]
    labels: NDArray[np.float32]
    marks: NDArray[np.float32] = field(default_factory=_nothing)


@dataclass(frozen=True, eq=False)
class Sample:
    """One example: its ``signal`` as stored, its ``target``, and the ``subject`` a split must not divide."""

    signal: NDArray[np.generic] | str
    target: Target
    subject: str


@dataclass(frozen=True)
class About:
    """What a corpus is, for those who look for one: ``affectstream datasets`` prints it.

    ``holds`` are glob patterns below the folder of the official distribution; each must match something there. ``access``
    says where to get it or whom to ask, ``shipped`` whether weights trained on it may be passed on.
    """

    name: str
    modality: Modality
    what: str
    licence: str
    access: str
    holds: tuple[str, ...]
    shipped: bool = False

    def missing(self, folder: Path) -> tuple[str, ...]:
        """Patterns of ``holds`` that match nothing in ``folder``: none if it holds the corpus."""
        return tuple(pattern for pattern in self.holds if next(folder.glob(pattern), None) is None)

    def require(self, folder: Path) -> None:
        """Raise FileNotFoundError, which says what was expected, if ``folder`` does not hold the corpus."""
        if missing := self.missing(folder):
            raise FileNotFoundError(
                f"{folder} does not hold {self.name}: there is no {', no '.join(missing)}; wanted the folder as its owners "
                f"ship it ({self.access})"
            )


class Corpus(Sequence[Sample]):
    """n samples whose targets are all known before a signal is opened, in the order of :meth:`signal`.

    ``vad`` (n, 3), ``share`` (n, K) over the names ``labels``, ``present`` (n, M) over the names ``marks``: as in
    :class:`Target`, K and M 0 where there are none. ``subject`` (n,) whom a split must not divide, ``trial`` (n,) what it must not
    divide either, such as a video of frames (by default the subject's only one), ``session`` (n,) when subjects met, "" where that is
    not told, ``part`` (n,) the official split, one of
    :data:`PARTS`, or "" where there is none. ``vad_derived`` says that ``vad`` is another way of writing ``share``, and no rating.

    Raises ValueError for no samples, columns that do not fit, a part of another name, or a target out of its range.
    """

    ABOUT: ClassVar[About]
    vad_derived: bool = False

    def __init__(
        self,
        subject: ArrayLike,
        *,
        trial: ArrayLike | None = None,
        session: ArrayLike | None = None,
        part: ArrayLike | None = None,
        vad: ArrayLike | None = None,
        labels: tuple[str, ...] = (),
        share: ArrayLike | None = None,
        marks: tuple[str, ...] = (),
        present: ArrayLike | None = None,
    ) -> None:
        self.labels, self.marks = labels, marks
        self.subject: NDArray[np.str_] = np.asarray(subject, np.str_)
        n = len(self.subject)
        if not n:
            raise ValueError(f"{self._name} has no samples here; wanted one or more")
        self.trial: NDArray[np.str_] = self._column("trial", "" if trial is None else trial)
        self.session: NDArray[np.str_] = self._column("session", "" if session is None else session)
        self.part: NDArray[np.str_] = self._column("part", "" if part is None else part)
        self.vad: NDArray[np.float32] = self._table("vad", vad, 3, -1)
        self.share: NDArray[np.float32] = self._table("labels", share, len(labels), 0)
        self.present: NDArray[np.float32] = self._table("marks", present, len(marks), 0)
        if wrong := sorted(set(self.part.tolist()) - {*PARTS, ""}):
            raise ValueError(f"{self._name}: a part is called {wrong[0]!r}; wanted one of {', '.join(PARTS)}")

    @property
    def _name(self) -> str:
        return self.ABOUT.name if hasattr(self, "ABOUT") else type(self).__name__

    def _column(self, name: str, values: ArrayLike) -> NDArray[np.str_]:
        column = np.asarray(values, np.str_)
        if column.shape not in ((), (len(self.subject),)):
            raise ValueError(
                f"{self._name}: {name} has shape {column.shape}; wanted one for each of {len(self.subject)}"
            )
        return np.broadcast_to(column, len(self.subject)).copy()

    def _table(self, name: str, values: ArrayLike | None, columns: int, lowest: float) -> NDArray[np.float32]:
        shape = (len(self.subject), columns)
        table = np.full(shape, np.nan, np.float32) if values is None else np.asarray(values, np.float32)
        if table.shape != shape:
            raise ValueError(f"{self._name}: {name} have shape {table.shape}; wanted {shape}")
        wrong = np.argwhere(np.isinf(table) | (table < lowest - 1e-6) | (table > 1 + 1e-6))
        if len(wrong):
            row = wrong[0, 0]
            raise ValueError(
                f"{self._name}: sample {row} ({self.subject[row]}) has {name} {table[row].tolist()}; wanted {lowest:g} to 1, "
                "and NaN where it is unknown"
            )
        return table

    @abstractmethod
    def signal(self, index: int) -> NDArray[np.generic] | str:
        """Sample ``index`` as it is stored: a picture (H, W, 3) or (H, W) uint8, a sound (n,) float32 at 16 kHz, a text.

        Raises FileNotFoundError or ValueError that names a file that is missing or broken.
        """

    def target(self, index: int) -> Target:
        """What is known of sample ``index``."""
        return Target(self.vad[index], self.share[index], self.present[index])

    def __len__(self) -> int:
        return len(self.subject)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> list[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | list[Sample]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        return Sample(self.signal(index), self.target(index), str(self.subject[index]))


def one_hot(names: Sequence[str], labels: tuple[str, ...]) -> NDArray[np.float32]:
    """Names (n,) as shares (n, K) over ``labels``; NaN for a name that is "".

    Raises ValueError for a name that is not among them.

    >>> one_hot(["joy", ""], ("anger", "joy")).tolist()
    [[0.0, 1.0], [nan, nan]]
    """
    if unknown := sorted(set(names) - {*labels, ""}):
        raise ValueError(f"a label is {unknown[0]!r}; wanted one of {', '.join(labels)}")
    rows = np.array([[float(name == label) for label in labels] for name in names], np.float32)
    rows = rows.reshape(len(names), len(labels))
    rows[[name == "" for name in names]] = np.nan
    return rows


def read_picture(path: Path) -> NDArray[np.uint8]:
    """A picture file as (H, W, 3) RGB uint8; FileNotFoundError if it is missing, ValueError if it is broken or cut short."""
    import cv2

    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; the labels name it; get the corpus again, or leave its line out")
    data = path.read_bytes()
    # A JPEG that was cut decodes, grey from there on; its end mark may be followed by padding.
    whole = not data.startswith(b"\xff\xd8") or data.rfind(b"\xff\xd9") > len(data) // 2
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if whole and data else None
    if picture is None:
        raise ValueError(f"{path} is no whole picture ({len(data)} bytes); copy it again")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
