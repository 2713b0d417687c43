"""FER+: 48-pixel grey faces from the web, each judged by ten people (Barsoum et al. 2016, arXiv 1608.01041).

The labels are MIT-licensed. The images were scraped from the web for a 2013 contest and nobody holds a
licence for them: keep them out of anything you publish, and call what is trained on them research use.

Read from ``ferplus_{train,val,test}.npz`` with ``image`` (n, 48, 48) uint8, ``votes`` (n, 10) counts over
:data:`EXPRESSIONS`, unknown and not-a-face, and ``group`` (n,), an id shared by near copies; no group lies
in two splits. There are no identities, so two photographs of one person may.
"""

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.base import Sample, Target
from affectstream.multimodal.terms import EXPRESSIONS, expected_vad


def derived_vad(share: NDArray[np.floating]) -> NDArray[np.float32]:
    """Expected term VAD (n, 3) of expression shares (n, 8).

    A re-expression of category votes, not a human rating of valence, arousal or dominance: call every score
    against it ``vad_derived``.

    >>> derived_vad(np.array([[0.5, 0.5, 0, 0, 0, 0, 0, 0]])).round(3).tolist()
    [[0.4050000011920929, 0.2549999952316284, 0.23000000417232513]]
    """
    return expected_vad(share).astype(np.float32)


class FerPlus:
    """One split of FER+, as a sequence of :class:`Sample` with a (48, 48) uint8 signal.

    Raises FileNotFoundError if the split's file is not in ``folder``.
    """

    def __init__(self, folder: Path, split: Literal["train", "val", "test"]) -> None:
        path = folder / f"ferplus_{split}.npz"
        if not path.exists():
            raise FileNotFoundError(f"no FER+ split at {path}; wanted ferplus_{split}.npz as docs/DATASETS.md says")
        with np.load(path, allow_pickle=False) as file:
            self.image: NDArray[np.uint8] = file["image"]
            self.votes: NDArray[np.uint8] = file["votes"]
            self.group: NDArray[np.str_] = file["group"]
        judged = self.votes[:, : len(EXPRESSIONS)].astype(np.float32)
        self.share: NDArray[np.float32] = judged / judged.sum(1, keepdims=True)  # (n, 8)
        self.vad: NDArray[np.float32] = derived_vad(self.share)  # (n, 3)

    def __len__(self) -> int:
        return len(self.image)

    def __getitem__(self, index: int) -> Sample:
        return Sample(self.image[index], Target(self.vad[index], self.share[index]), str(self.group[index]))
