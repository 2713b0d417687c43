"""DREAMER: 23 people watch 18 film clips (Katsigiannis and Ramzan 2018, IEEE J. Biomed. Health Informatics 22(1), 98-107).

On request from Zenodo (record 546113); it may not be passed on. Read from ``DREAMER.mat`` as published: of each person
``EEG`` with ``stimuli`` and ``baseline``, 18 cells each of (samples, 14) in microvolts, and ``ScoreValence``,
``ScoreArousal`` and ``ScoreDominance`` (18, 1), whole numbers from 1 to 5. The clips last 65 to 393 s, the rest before
each 61 s. The ECG is left.

A score of 3 is the middle of the scale: see :func:`affectstream.datasets.eeg.high_or_low` before you make it "high".

It is one file, and scipy reads files whole: reckon with 2 GB while it is opened and 1 GB afterwards.
"""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.base import About
from affectstream.datasets.eeg import Trial, Trials, from_scale, named, read_mat, volts
from affectstream.multimodal.montages import EPOC14

CLIPS = 18
SCORES = ("ScoreValence", "ScoreArousal", "ScoreDominance")


class Dreamer(Trials):
    """DREAMER as :class:`Trials`: subjects "1" to "23", session "1", trials "1" to "18" by clip, 61 s of baseline each.

    ``path`` is ``DREAMER.mat`` or its folder. Raises FileNotFoundError if it is not there; ValueError for one that is
    not as published.
    """

    ABOUT: ClassVar[About] = About(
        "DREAMER",
        "eeg",
        "EEG of 23 people, each watching 18 film clips; valence, arousal and dominance from 1 to 5",
        "on request; no passing on",
        "Zenodo, record 546113",
        ("DREAMER.mat",),
    )

    def __init__(self, path: Path) -> None:
        path = path / "DREAMER.mat" if path.is_dir() else path
        if not path.is_file():
            raise FileNotFoundError(f"no {path}; wanted DREAMER.mat, as Zenodo's record 546113 has it")
        (whole,) = named(read_mat(path), ("DREAMER",), str(path))
        data, rate, names = (_field(whole, key, str(path)) for key in ("Data", "EEG_SamplingRate", "EEG_Electrodes"))
        self._rate = float(rate.squeeze())
        self._names = tuple(str(name.item()) for name in names.ravel())
        if self._rate != 128 or sorted(self._names) != sorted(EPOC14):
            raise ValueError(f"{path}: {self._rate:g} Hz, electrodes {self._names}; wanted 128 Hz and {EPOC14}")
        people = []
        for k in range(data.size):
            people.append((str(k + 1), _kept(data.flat[k], f"{path}, subject {k + 1}")))
            data.flat[k] = None  # its doubles are not needed any more
        super().__init__(people, CLIPS, ("valence", "arousal", "dominance"), self._trials)

    def _trials(self, person: tuple[str, dict[str, Any]]) -> list[Trial]:
        subject, kept = person
        return [
            Trial(
                subject,
                "1",
                str(k + 1),
                kept["stimuli"][k],
                kept["baseline"][k],
                self._names,
                self._rate,
                kept["vad"][k],
                kept["score"][k],
            )
            for k in range(CLIPS)
        ]


def _kept(person: NDArray[Any], where: str) -> dict[str, Any]:
    """The EEG (n, 14) of each clip and each rest, and the scores (18, 3), of one person's struct."""
    eeg = _field(person, "EEG", where)
    cells = {part: _field(eeg, part, where).ravel() for part in ("stimuli", "baseline")}
    score = np.stack([_field(person, name, where).ravel() for name in SCORES], 1).astype(np.float32)
    sizes = [len(cells["stimuli"]), len(cells["baseline"]), len(score)]
    if sizes != [CLIPS] * 3:
        raise ValueError(f"{where}: clips, rests and scores number {sizes}; wanted {CLIPS} of each")
    kept: dict[str, Any] = {
        part: [volts(np.asarray(cell), len(EPOC14), f"{where}, {part} {k + 1}") for k, cell in enumerate(cells[part])]
        for part in cells
    }
    return kept | {"score": score, "vad": from_scale(score, 5, where)}


def _field(struct: NDArray[Any], name: str, where: str) -> NDArray[Any]:
    """A field of a MATLAB struct, which scipy reads as (1, 1)."""
    if struct.shape != (1, 1) or name not in (struct.dtype.names or ()):
        raise ValueError(f"{where}: {struct.dtype.names} {struct.shape}; wanted a struct with {name}")
    return np.asarray(struct[name][0, 0])
