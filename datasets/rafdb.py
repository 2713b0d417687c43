"""RAF-DB: faces from the web, each named by about forty people (Li, Deng and Du 2017, CVPR; and Li and Deng 2019, TIP).

For research only, on request, and not to be passed on, which its owners say of what is made from it too.

The single-label part, as its owners ship it: ``basic/EmoLabel/list_patition_label.txt`` (so spelt) with lines such as
``train_00001.jpg 5``, and ``basic/Image/aligned/train_00001_aligned.jpg`` (100 x 100 pixels) or
``basic/Image/original/train_00001.jpg`` (of any size, with what is around the face), each unpacked from a zip. 12,271 to
train and 3,068 to test; there is no validation part. Codes: 1 surprise, 2 fear, 3 disgust, 4 happiness, 5 sadness,
6 anger, 7 neutral, which is not the order of any other corpus. The votes themselves are not in this part.
"""

import re
from collections import Counter
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.base import About, Corpus, one_hot, read_picture

EMOTIONS = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")  # codes 1 to 7
_LINE = re.compile(r"((train|test)_\d+)\.jpg\s+(\d+)")


class RafDb(Corpus):
    """RAF-DB's single-label part: (H, W, 3) RGB uint8, one-hot over :data:`EMOTIONS`; ``vad`` is NaN.

    Nobody is named: each picture is a subject of its own, and two of one person may stand on both sides of a split.

    Raises FileNotFoundError if ``folder`` does not hold the list or the pictures, ValueError for a line that is not as
    published.
    """

    ABOUT: ClassVar[About] = About(
        name="RAF-DB",
        modality="face",
        what="15,339 faces from the web, one of seven expressions each",
        licence="its own agreement: research only, no passing on",
        access="ask at whdeng.cn/RAF/model1.html",
        holds=("basic/EmoLabel/list_patition_label.txt", "basic/Image"),
    )

    def __init__(self, folder: Path, pictures: Literal["aligned", "original"] = "aligned") -> None:
        self.ABOUT.require(folder)
        self.pictures: Path = folder / "basic" / "Image" / pictures
        if not self.pictures.is_dir():
            raise FileNotFoundError(
                f"{self.pictures} is missing; unpack {pictures}.zip there, or read the other pictures"
            )
        ending = "_aligned.jpg" if pictures == "aligned" else ".jpg"
        path = folder / "basic" / "EmoLabel" / "list_patition_label.txt"
        self.names, part, emotion = _labels(path)
        self.files: list[Path] = [self.pictures / f"{name}{ending}" for name in self.names]
        super().__init__(self.names, part=part, labels=EMOTIONS, share=one_hot(emotion, EMOTIONS))

    def signal(self, index: int) -> NDArray[np.uint8]:
        """Face ``index``, (H, W, 3) RGB uint8."""
        return read_picture(self.files[index])


def _labels(path: Path) -> tuple[list[str], list[str], list[str]]:
    """Names without ending, parts and emotions."""
    names, parts, emotions = [], [], []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = _LINE.fullmatch(line.strip())
        if match is None or not 1 <= int(match[3]) <= len(EMOTIONS):
            raise ValueError(f"{path}, line {number}: {line!r}; wanted such as 'train_00001.jpg 5', the code 1 to 7")
        names.append(match[1])
        parts.append(match[2])
        emotions.append(EMOTIONS[int(match[3]) - 1])
    if len(set(names)) != len(names):
        twice = Counter(names).most_common(1)[0][0]
        raise ValueError(f"{path} names {twice}.jpg twice; wanted every picture once; get the list again")
    return names, parts, emotions
