"""FER+: 48-pixel grey faces from the web, each judged by ten people (Barsoum et al. 2016, arXiv 1608.01041).

The labels are MIT-licensed. The images were scraped from the web for a 2013 contest and nobody holds a
licence for them: keep them out of anything you publish, and call what is trained on them research use.

Read from ``ferplus_{train,val,test}.npz`` with ``image`` (n, 48, 48) uint8, ``votes`` (n, 10) counts over
:data:`EXPRESSIONS`, unknown and not-a-face, and ``group`` (n,), an id shared by near copies; no group lies
in two splits. There are no identities, so two photographs of one person may.
"""

import zipfile
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.base import PARTS, About, Corpus
from affectstream.multimodal.terms import EXPRESSIONS, expected_vad


def derived_vad(share: NDArray[np.floating]) -> NDArray[np.float32]:
    """Expected term VAD (n, 3) of expression shares (n, 8).

    A re-expression of category votes, not a human rating of valence, arousal or dominance: call every score
    against it ``vad_derived``.

    >>> derived_vad(np.array([[0.5, 0.5, 0, 0, 0, 0, 0, 0]])).round(3).tolist()
    [[0.4050000011920929, 0.2549999952316284, 0.23000000417232513]]
    """
    return expected_vad(share).astype(np.float32)


class FerPlus(Corpus):
    """FER+, or one split of it: (48, 48) uint8 pictures, shares of the votes over :data:`EXPRESSIONS`, and derived VAD.

    ``vad`` is :func:`derived_vad` of the votes and no rating. Votes for unknown and not-a-face are left out of the shares;
    a face that got nothing else has NaN. ``image`` (n, 48, 48), ``votes`` (n, 10) and ``group`` (n,) are the files' own
    arrays. The subject is the group of near copies.

    Raises FileNotFoundError if a file is not in ``folder``, ValueError for one with other arrays in it.
    """

    ABOUT: ClassVar[About] = About(
        name="FER+",
        modality="face",
        what="grey faces from the web, 48 px, each with ten votes over eight expressions, near copies grouped",
        licence="labels MIT; the pictures have none: research use, not to be published",
        access="build it from Kaggle's fer2013.csv and github.com/microsoft/FERPlus as docs/DATASETS.md says",
        holds=tuple(f"ferplus_{split}.npz" for split in PARTS),
        shipped=True,  # the one exception, named as research use on its card
    )
    vad_derived = True

    def __init__(self, folder: Path, split: Literal["train", "val", "test"] | None = None) -> None:
        if split is None:
            self.ABOUT.require(folder)
        splits = PARTS if split is None else (split,)
        files = [_read(folder / f"ferplus_{name}.npz") for name in splits]
        image, votes, group = (np.concatenate(columns) for columns in zip(*files, strict=True))
        self.image: NDArray[np.uint8] = image
        self.votes: NDArray[np.uint8] = votes
        self.group: NDArray[np.str_] = group
        share = shares(votes)
        part = np.repeat(splits, [len(file[0]) for file in files])
        super().__init__(group, part=part, vad=derived_vad(share), labels=EXPRESSIONS, share=share)

    def signal(self, index: int) -> NDArray[np.uint8]:
        """Picture ``index``, (48, 48) uint8, grey."""
        return self.image[index]


def shares(votes: NDArray[np.integer]) -> NDArray[np.float32]:
    """Votes (n, 10) as shares (n, 8) over :data:`EXPRESSIONS`; NaN where all were for unknown or not-a-face.

    >>> shares(np.array([[1, 3, 0, 0, 0, 0, 0, 0, 6, 0]])).tolist()
    [[0.25, 0.75, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]
    """
    judged = votes[:, : len(EXPRESSIONS)].astype(np.float32)
    total = judged.sum(1, keepdims=True)
    return np.divide(judged, total, out=np.full_like(judged, np.nan), where=total > 0)


def _read(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.str_]]:
    if not path.exists():
        raise FileNotFoundError(f"no FER+ split at {path}; wanted {path.name} as docs/DATASETS.md says")
    try:
        with np.load(path, allow_pickle=False) as file:
            image, votes, group = file["image"], file["votes"], file["group"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} holds no image, votes and group ({error}); build it again") from error
    if image.shape != (len(group), 48, 48) or votes.shape != (len(group), 10) or group.ndim != 1:
        raise ValueError(
            f"{path}: image {image.shape}, votes {votes.shape}, group {group.shape}; wanted (n, 48, 48), (n, 10), (n,)"
        )
    return image, votes, group
