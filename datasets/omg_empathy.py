"""OMG-Empathy: ten listeners hear eight stories, and say moment by moment how they felt.

Barros, Churamani, Lim and Wermter 2019, ACII, arXiv 1908.11706. Licence CC BY-NC-SA 3.0 DE, and on request only: for
research, not to be given to anybody. Read from the folder of the challenge: ``Training``, ``Validation`` and
``Testing``, each with ``Videos/Subject_1_Story_1.mp4`` and ``Annotations/Subject_1_Story_1.csv``, of which the first
line is ``valence`` and every further line one frame of the video, at 25 a second. ``Testing`` may lack its annotations,
or be missing. Four stories train, one validates and three test; the folders say which.

A video of 2560 x 720 pixels shows two people side by side: the actor, who tells, on the left, and on the right the
listener, whose valence it is. The official parts are of different stories and the same ten listeners: they ask how
a known person takes a new story. For new people, split by ``subject``; a ``trial`` is a story.

The joystick went from -1 to 1. A later page of the authors says 0 to 1; no file tells which it is, so look at the
values before you compare. People lag a second or more behind what they annotate.
"""

import re
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.base import About, Corpus

RATE = 25.0  # frames and annotations a second
PARTS = {"Training": "train", "Validation": "val", "Testing": "test"}
_NAME = re.compile(r"Subject_(\d+)_Story_(\d+)")


class OmgEmpathy(Corpus):
    """OMG-Empathy as a :class:`Corpus`: subjects "1" to "10", the listeners, trials "1" to "8", the stories.

    A signal is the path of a video. ``vad`` holds the mean valence of the whole video, and :meth:`trace` that of every
    frame; arousal and dominance are unknown, and so is the valence of a test video without annotations.

    Raises FileNotFoundError if ``folder`` does not hold the corpus, or a training or validation video has no
    annotations; ValueError for a file of another name, or annotations that are no numbers from -1 to 1.
    """

    ABOUT: ClassVar[About] = About(
        "OMG-Empathy",
        "audio-visual",
        "80 videos of ten people listening to eight stories; their own valence at every frame",
        "CC BY-NC-SA 3.0 DE, for research only; no passing on",
        "by email: github.com/knowledgetechnologyuhh/OMGEmpathyChallenge",
        tuple(
            f"{part}/{kind}" for part in ("Training", "Validation") for kind in ("Videos/*.mp4", "Annotations/*.csv")
        ),
    )

    def __init__(self, folder: Path) -> None:
        self.ABOUT.require(folder)
        self._files: list[tuple[Path, Path]] = []  # video and annotations
        where: list[tuple[int, int, str]] = []
        for name, part in PARTS.items():
            videos, annotations = folder / name / "Videos", folder / name / "Annotations"
            stems = {path.stem: path for path in (*videos.glob("*.mp4"), *annotations.glob("*.csv"))}
            for stem, path in stems.items():
                if not (match := _NAME.fullmatch(stem)):
                    raise ValueError(
                        f"{path} is not named as OMG-Empathy names its files; wanted Subject_1_Story_1{path.suffix}"
                    )
                self._files.append((videos / f"{stem}.mp4", annotations / f"{stem}.csv"))
                where.append((int(match[1]), int(match[2]), part))
        order = sorted(range(len(where)), key=lambda k: (list(PARTS.values()).index(where[k][2]), where[k]))
        self._files = [self._files[k] for k in order]
        self._valence = [_read(csv, where[k][2] != "test") for k, (_, csv) in zip(order, self._files, strict=True)]
        vad = np.full((len(order), 3), np.nan, np.float32)
        vad[:, 0] = [valence.mean() if len(valence) else np.nan for valence in self._valence]
        subject, story, part = zip(*(where[k] for k in order), strict=True)
        super().__init__([str(k) for k in subject], trial=[str(k) for k in story], part=part, vad=vad)

    def signal(self, index: int) -> str:
        video, _ = self._files[index]
        if not video.is_file():
            raise FileNotFoundError(f"{video} is missing; its annotations name it; get the corpus again")
        return str(video)

    def trace(self, index: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """The time (T,) in s of each annotated frame of video ``index``, and its valence, arousal and dominance (T, 3).

        Arousal and dominance are NaN. T is 0 for a test video without annotations.
        """
        valence = self._valence[index]
        vad = np.full((len(valence), 3), np.nan, np.float32)
        vad[:, 0] = valence
        return np.arange(len(valence)) / RATE, vad


def _read(path: Path, needed: bool) -> NDArray[np.float32]:
    """The valence (T,) of every frame; (0,) if there is no file and none is ``needed``."""
    if not path.is_file():
        if needed:
            raise FileNotFoundError(f"{path} is missing, though its video is there; get the corpus again")
        return np.empty(0, np.float32)
    header, *lines = path.read_text(encoding="utf-8-sig").splitlines() or [""]
    if header.strip().strip('"') != "valence" or not lines:
        raise ValueError(
            f"{path} begins with {header!r} and has {len(lines)} lines more; wanted valence, and one a frame"
        )
    for number, line in enumerate(lines, 2):
        try:
            fits = -1 <= float(line) <= 1
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(f"{path}, line {number}: valence is {line!r}; wanted a number from -1 to 1; copy it again")
    return np.array(lines, np.float32)
