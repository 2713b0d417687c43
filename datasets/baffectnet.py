"""B-AffectNet: for part of AffectNet, how far each face is each of eight expressions (Cardia Neto et al. 2026).

arXiv 2602.06778. Nobody voted: the shares are the posterior of Gaussian term regions (Russell and Mehrabian 1977) given
the face's rated valence and arousal and a dominance estimated from these. That estimate is not part of the files, and
dominance is NaN here. AffectNet's terms hold for it all.

The owners publish only ``{train,val}_set/annotations/<n>_prob_rank_universal.txt``: eight shares, comma separated, in
the order happy, contempt, surprised, angry, disgusted, fearful, sad, neutral. Copied into AffectNet's folder, beside its
pictures and ``<n>_val.npy`` and ``<n>_aro.npy``, they are read from there.

- The files called ``<n>_prob_rank.txt`` hold shares of other terms, 15 in the one part and 14 in the other, and are not read.
  A face may have either file, both or none: it is here if it has the first.
- The region of neutral is so narrow that a face with the label neutral may have no share of it: 0_prob_rank_universal.txt
  of ``val_set`` gives one .68 of contempt and .32 of sadness. Do not hold AffectNet's labels against these shares.
- The parts are AffectNet's: its validation faces are part "test".
"""

import os
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.affectnet import ACCESS, EXPRESSIONS, LICENCE, PARTS, known
from affectstream.datasets.affectnet_index import read_rating
from affectstream.datasets.base import About, Corpus, read_picture

ORDER = ("happiness", "contempt", "surprise", "anger", "disgust", "fear", "sadness", "neutral")  # in the files
ENDING = "_prob_rank_universal.txt"


class BAffectNet(Corpus):
    """B-AffectNet: (H, W, 3) RGB uint8, shares (n, 8) over AffectNet's expressions in its order, valence and arousal.

    The shares are derived from the ratings and no votes. Each picture is a subject of its own.

    Raises FileNotFoundError if ``folder`` does not hold both or a rating is missing, ValueError for a file that is broken or
    out of its range.
    """

    ABOUT: ClassVar[About] = About(
        name="B-AffectNet",
        modality="face",
        what="part of AffectNet with shares of eight expressions, derived from its valence and arousal",
        licence="the shares: none stated; pictures and ratings: AffectNet's, " + LICENCE,
        access=f"github.com/jbcnrlz/affectnet-b-annotation, copied into AffectNet's folder ({ACCESS})",
        holds=tuple(f"{part}/{what}" for part in PARTS for what in ("images", f"annotations/*{ENDING}")),
    )

    def __init__(self, folder: Path) -> None:
        self.ABOUT.require(folder)
        self.files: list[Path] = []
        rows: list[list[float]] = []
        ratings: list[tuple[float, float]] = []
        parts: list[str] = []
        for name, part in PARTS.items():
            annotations = folder / name / "annotations"
            for number in _numbers(annotations):
                rows.append(_shares(annotations / f"{number}{ENDING}"))
                ratings.append(
                    (read_rating(annotations / f"{number}_val.npy"), read_rating(annotations / f"{number}_aro.npy"))
                )
                self.files.append(folder / name / "images" / f"{number}.jpg")
                parts.append(part)
        share = np.array(rows, np.float32)[:, [ORDER.index(name) for name in EXPRESSIONS]]
        subject = [f"{file.parts[-3]}/{file.stem}" for file in self.files]
        super().__init__(subject, part=parts, vad=known(*np.array(ratings).T), labels=EXPRESSIONS, share=share)

    def signal(self, index: int) -> NDArray[np.uint8]:
        """Face ``index``, (H, W, 3) RGB uint8, 224 x 224 as published."""
        return read_picture(self.files[index])


def _numbers(annotations: Path) -> list[int]:
    with os.scandir(annotations) as entries:
        names = [entry.name.removesuffix(ENDING) for entry in entries if entry.name.endswith(ENDING)]
    if wrong := [name for name in names if not name.isdecimal()]:
        raise ValueError(f"{annotations / wrong[0]}{ENDING} is not numbered; wanted such as 0{ENDING}")
    return sorted(int(name) for name in names)


def _shares(path: Path) -> list[float]:
    """Eight shares in the order of :data:`ORDER`; six decimals each, so that they sum to 1 only nearly."""
    text = path.read_text(encoding="utf-8").strip()
    try:
        row = [float(value) for value in text.split(",")]
    except ValueError:
        row = []
    if len(row) != len(ORDER) or not all(0 <= value <= 1 for value in row) or abs(sum(row) - 1) > 1e-4:
        raise ValueError(
            f"{path} holds {text!r:.100}; wanted eight shares that sum to 1, joined by commas; get it again"
        )
    return row
