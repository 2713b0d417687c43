"""CREMA-D, its sound: 7,442 clips of 91 actors (Cao et al. 2014, IEEE Trans. Affective Computing 5(4), 377-390).

Licence ODbL 1.0, contents DbCL 1.0: name the source, and share an adapted database under the same terms. Twelve
sentences in six emotions, one of them in three strengths; 16 kHz.

Read from ``AudioWAV/1001_DFA_ANG_XX.wav`` (actor, sentence, emotion intended, strength LO, MD, HI, or XX for none), or,
where that folder is not there, from the sound of the videos ``VideoFlash/1001_DFA_ANG_XX.flv``. Both are in Git LFS:
without it, they are pointers of a hundred bytes. What about ten people heard in each voice without seeing the face is
read from ``processedResults/tabulatedVotes.csv`` (its first column begins with 1 for voice, 2 for face, 3 for both), or
from ``summaryTable.csv``, which has only the emotion with the most votes, several where they tie ("A:D").

``1040_ITH_SAD_X.wav`` is called ``1040_ITH_SAD_XX`` in the tables. Four clips are left out, as the owners advise: three
hold nearly nothing, and ``1064_IEO_DIS_MD`` all emotions. The votes alone are read by ``cremad_votes``.
"""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.base import About
from affectstream.datasets.clips import Clip, Clips

EMOTIONS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness")
CODES = ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
LETTERS = "ADFHNS"
BROKEN = {"1076_MTI_NEU_XX", "1076_MTI_SAD_XX", "1064_TIE_SAD_XX", "1064_IEO_DIS_MD"}
_NAME = re.compile(rf"(1\d\d\d)_([A-Z]{{3}})_({'|'.join(CODES)})_(LO|MD|HI|XX?)")


class CremaD(Clips):
    """CREMA-D as :class:`Clips`: speakers "1001" to "1091", sentences such as "DFA".

    ``emotion`` is the one intended. ``share`` is what was heard where there are votes (NaN for a clip without any), else
    what was intended, and the derived VAD follows it; ``voted`` says which.

    Raises FileNotFoundError if ``folder`` holds no CREMA-D, ValueError for a clip whose name is not CREMA-D's or a table
    of votes that is not as published.
    """

    ABOUT: ClassVar[About] = About(
        "CREMA-D",
        "speech",
        "7,442 clips of 91 actors in six emotions, with what people heard in them",
        "ODbL 1.0, contents DbCL 1.0",
        "github.com/CheyneyComputerScience/CREMA-D, with git lfs: AudioWAV/*.wav or VideoFlash/*.flv, processedResults/*.csv",
        ("[AV]*/1[0-9][0-9][0-9]_[A-Z]*_[A-Z]*_*.[wf][al]v",),
        shipped=True,
    )

    def __init__(self, folder: Path) -> None:
        self.ABOUT.require(folder)
        paths = sorted((folder / "AudioWAV").glob("*.wav")) or sorted((folder / "VideoFlash").glob("*.flv"))
        if not paths:
            raise FileNotFoundError(f"no clips of CREMA-D in {folder}; wanted AudioWAV/*.wav or VideoFlash/*.flv there")
        clips = [_clip(path) for path in paths if path.stem not in BROKEN and not path.name.startswith("._")]
        heard = _heard(folder / "processedResults")
        self.voted = heard is not None
        unknown = np.full(len(EMOTIONS), np.nan, np.float32)
        names = [re.sub("_X$", "_XX", clip.path.stem) for clip in clips]
        super().__init__(
            clips, EMOTIONS, None if heard is None else np.array([heard.get(name, unknown) for name in names])
        )


def _clip(path: Path) -> Clip:
    match = _NAME.fullmatch(path.stem)
    if match is None:
        raise ValueError(f"{path} is not named as CREMA-D names its clips; wanted names such as 1001_DFA_ANG_XX.wav")
    return Clip(path, match[1], match[2], EMOTIONS[CODES.index(match[3])])


def _heard(folder: Path) -> dict[str, NDArray[np.float32]] | None:
    """Shares (6,) of those who only heard a clip, by its name; None without a table of them."""
    heard: dict[str, NDArray[np.float32]] = {}
    if (path := folder / "tabulatedVotes.csv").is_file():
        for line, row in _rows(path, "", "fileName", *LETTERS):
            if row[""].startswith("1"):
                heard[row["fileName"]] = _share([row[letter] for letter in LETTERS], f"{path}, line {line}")
    elif (path := folder / "summaryTable.csv").is_file():
        for line, row in _rows(path, "FileName", "VoiceVote"):
            tied = row["VoiceVote"].split(":")
            if not set(tied) <= set(LETTERS):
                raise ValueError(f"{path}, line {line}: the vote is {row['VoiceVote']!r}; wanted letters of {LETTERS}")
            heard[row["FileName"]] = _share([str(tied.count(letter)) for letter in LETTERS], f"{path}, line {line}")
    else:
        return None
    return heard


def _share(votes: list[str], where: str) -> NDArray[np.float32]:
    if not all(vote.isdecimal() for vote in votes) or not any(count := [int(vote) for vote in votes]):
        raise ValueError(
            f"{where}: the votes are {votes}; wanted counts of {LETTERS}, one or more; get the table again"
        )
    return (np.array(count) / sum(count)).astype(np.float32)


def _rows(path: Path, *columns: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The lines of a table that must have ``columns``, with their numbers."""
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file, restval="")
        if missing := [name for name in columns if name not in (reader.fieldnames or ())]:
            raise ValueError(f"{path} has columns {reader.fieldnames}; wanted also {missing}; get the table again")
        for row in reader:
            yield reader.line_num, row
