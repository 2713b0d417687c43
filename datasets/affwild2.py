"""Aff-Wild2: people in videos from the web, judged frame by frame (Kollias and Zafeiriou 2019, arXiv 1811.07770).

The corpus of the ABAW competitions. On request, for research at a university, under a signed agreement that also regulates
who may have a network trained on it. There is no dominance.

Read from what the owners send, side by side in one folder: the tasks' label files, ``VA_Set``, ``EXPR_Set`` and
``AU_Set`` (2020, 2021) or ``VA_Estimation_Challenge``, ``EXPR_Recognition_Challenge`` or ``_Classification_``, and
``AU_Detection_Challenge`` (since), each with ``Train_Set`` or ``Training_Set`` and ``Validation_Set``; and the faces,
``cropped_aligned/<video>/00001.jpg`` and so on, with what was sent later in other folders named ``cropped_aligned*``.

- ``<video>.txt`` has a header and one line a frame of the video: line k + 1 is about picture k. There is no picture where no
  face was found, and there may be more pictures than lines.
- Unknown are both valence and arousal where either is -5, an expression of -1, and an action unit of -1.
- Expressions are neutral, anger, disgust, fear, happiness, sadness, surprise, and since 2022 also other; action units eight
  in 2020, and twelve since.
- ``<video>_left`` and ``<video>_right`` are two people in one video, and the video may be there under its plain name too: the
  three have one subject. Nobody is named otherwise, and one person may be in several videos.
- Each task has a split of its own, and a video to train on in one may be there to validate in another. Where tasks are read
  together, every video that one of them validates on is part "val", and what the others have to train on it is left out.
  So nothing is trained on that is validated on, and each task validates on just its own official frames. The test part's
  labels were not published.
"""

import re
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.affwild2_files import Labels, pictures, read_labels
from affectstream.datasets.base import About, Corpus, read_picture

Task = Literal["va", "expr", "au"]
_SPLITS = {"Train_Set": "train", "Training_Set": "train", "Validation_Set": "val"}
_FOLDERS = {
    "va": ("VA_Set", "VA_Estimation_Challenge"),
    "expr": ("EXPR_Set", "EXPR_Recognition_Challenge", "EXPR_Classification_Challenge"),
    "au": ("AU_Set", "AU_Detection_Challenge"),
}


class AffWild2(Corpus):
    """Aff-Wild2's faces, (112, 112, 3) RGB uint8 as published, with what one or more ``tasks`` say of each frame.

    ``vad`` of "va", ``labels`` of "expr" (seven or eight), ``marks`` of "au" (eight or twelve); NaN where a task does not say.
    Frames of which none says anything, and those without a picture, are left out. ``videos`` are the names with _left and
    _right, ``video`` (n,) the place of each sample's among them, and ``frame`` (n,) its number, from 1; samples of one video
    stand together and in order. The subject is the video without _left and _right.

    Raises FileNotFoundError if ``folder`` does not hold the corpus, a task, or any folder of pictures for a video; ValueError
    for a label file that is not as published.
    """

    ABOUT: ClassVar[About] = About(
        name="Aff-Wild2",
        modality="face",
        what="594 videos from the web, some 3 million frames: valence and arousal, eight expressions, twelve action units",
        licence="its own agreement, signed: research only, no passing on, of networks neither",
        access="ask at ibug.doc.ic.ac.uk/resources/aff-wild2, from a university",
        holds=("*/Train*_Set/*.txt", "*/Validation_Set/*.txt", "cropped_aligned"),
    )

    def __init__(self, folder: Path, tasks: tuple[Task, ...] = ("va", "expr", "au")) -> None:
        self.ABOUT.require(folder)
        if not tasks:
            raise ValueError(f"there are no tasks; wanted one or more of {', '.join(_FOLDERS)}")
        read = {task: _task(folder, task) for task in tasks}
        held = {_base(video) for files in read.values() for video, labels in files.items() if labels.part == "val"}
        self.videos: tuple[str, ...] = tuple(sorted({video for files in read.values() for video in files}))
        header = {"va": ("valence", "arousal"), "expr": (), "au": ()} | {k: _header(files) for k, files in read.items()}
        self._folders: dict[str, Path] = {}
        rows: list[list[NDArray[np.float32]]] = []
        frames: list[NDArray[np.int64]] = []
        for video in self.videos:
            part = "val" if _base(video) in held else "train"
            said = {
                task: files[video].values
                for task, files in read.items()
                if video in files and files[video].part == part
            }
            self._folders[video], number = pictures(folder, video)
            number = number[number <= max((len(values) for values in said.values()), default=0)]
            columns = [_at(said.get(task), number, len(names)) for task, names in header.items()]
            some = ~np.isnan(np.hstack(columns)).all(1)
            rows.append([column[some] for column in columns])
            frames.append(number[some])
        vad, share, present = (np.concatenate(column) for column in zip(*rows, strict=True))
        self.frame: NDArray[np.int64] = np.concatenate(frames)
        self.video: NDArray[np.int64] = np.repeat(np.arange(len(frames)), [len(number) for number in frames])
        base = np.array([_base(video) for video in self.videos])
        part = np.where(np.isin(base, sorted(held)), "val", "train")
        vad = np.hstack([vad, np.full((len(vad), 1), np.nan, np.float32)])
        super().__init__(
            base[self.video],
            part=part[self.video],
            vad=vad,
            labels=header["expr"],
            share=share,
            marks=header["au"],
            present=present,
        )

    def signal(self, index: int) -> NDArray[np.uint8]:
        """Face ``index``, (112, 112, 3) RGB uint8 as published."""
        video = self.videos[self.video[index]]
        return read_picture(self._folders[video] / f"{self.frame[index]:05d}.jpg")


def _base(video: str) -> str:
    return re.sub(r"_(left|right)$", "", video)


def _at(values: NDArray[np.float32] | None, number: NDArray[np.int64], width: int) -> NDArray[np.float32]:
    """The lines (n, width) about the pictures ``number`` (n,), NaN past the last one."""
    rows = np.full((len(number), width), np.nan, np.float32)
    if values is not None:
        inside = number <= len(values)
        rows[inside] = values[number[inside] - 1]
    return rows


def _task(folder: Path, task: str) -> dict[str, Labels]:
    """What a task says, by video."""
    if task not in _FOLDERS:
        raise ValueError(f"a task is {task!r}; wanted some of {', '.join(_FOLDERS)}")
    tops = [folder / name for name in _FOLDERS[task] if (folder / name).is_dir()]
    if len(tops) != 1:
        raise FileNotFoundError(
            f"{folder} has {len(tops)} of {', '.join(_FOLDERS[task])}; wanted one, for the task {task!r}; leave the task "
            "out, or get its labels again"
        )
    found: dict[str, Labels] = {}
    for split, part in _SPLITS.items():
        for path in sorted((tops[0] / split).glob("*.txt")):
            if path.stem in found:
                raise ValueError(
                    f"{path}: the video is in two parts of {tops[0].name}; wanted one; get the labels again"
                )
            found[path.stem] = read_labels(path, task, part)
    widths = sorted({len(labels.header) for labels in found.values()})
    if len(widths) != 1:
        raise ValueError(
            f"{tops[0]} has files of {widths} names a header; wanted those of one edition of the competition"
        )
    return found


def _header(files: dict[str, Labels]) -> tuple[str, ...]:
    return next(iter(files.values())).header
