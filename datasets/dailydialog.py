"""DailyDialog: 13,118 written dialogues of everyday life, 102,979 utterances, seven emotions (Li et al. 2017, IJCNLP, 1710.03957).

Licence CC BY-NC-SA 4.0: not for profit, and what is made of it under the same terms. Read from ``ijcnlp_dailydialog.zip``
with its three inner archives unpacked: ``train/dialogues_train.txt``, one dialogue a line, every utterance closed by
``__eou__``; ``train/dialogues_emotion_train.txt``, one number an utterance; the same for ``validation`` and ``test``.

Traps. Four in five utterances have no emotion, which is not scored in what papers print. Nobody is named: the files do not
say whose turn it is. The official parts share dialogues, word for word or but for a comma, so a test on the official split
partly asks for what was learnt by heart: ``repeated`` marks them. In some copies a dialogue and its numbers differ in
length; which number is whose cannot be known then, so none is given.
"""

import hashlib
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.base import About
from affectstream.datasets.texts import Dialogues, Turn, read_text

EMOTIONS = ("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise")  # by number; 0 is "no emotion"
PARTS = {"train": "train", "validation": "val", "test": "test"}


class DailyDialog(Dialogues):
    """DailyDialog's utterances over :data:`EMOTIONS`; no VAD is rated, and no speaker named.

    ``dialogue`` (n,) is part and line, "train/0". Subject and trial are a hash of the dialogue's letters and digits, the same
    for dialogues that differ in case, spaces or punctuation alone. ``repeated`` (n,) is true where such a one lies
    in another part too; leave those out of a test. ``unaligned`` names dialogues whose emotions, for they are more or
    fewer than the utterances, are unknown. Raises FileNotFoundError if ``folder`` lacks a file, ValueError for files
    of different length or a number that is no emotion.
    """

    ABOUT: ClassVar[About] = About(
        "DailyDialog",
        "text",
        "13,118 dialogues of everyday life, 102,979 utterances; seven emotions",
        "CC BY-NC-SA 4.0",
        "http://yanran.li/dailydialog, ijcnlp_dailydialog.zip with train.zip, validation.zip and test.zip unpacked in it",
        tuple(f"{name}/**/dialogues_{kind}{name}.txt" for name in PARTS for kind in ("", "emotion_")),
    )

    def __init__(self, folder: Path) -> None:
        self.ABOUT.require(folder)
        turns: list[Turn] = []
        digest: list[str] = []
        unaligned: list[str] = []
        for name, part in PARTS.items():
            path = next((folder / name).glob(f"**/dialogues_{name}.txt"))
            answers = path.with_name(f"dialogues_emotion_{name}.txt")
            lines, numbers = _lines(path), _lines(answers)
            if len(lines) != len(numbers):
                raise ValueError(
                    f"{path} has {len(lines)} dialogues, {answers.name} {len(numbers)} lines; wanted one for each; are both "
                    "of one distribution?"
                )
            for k, (line, numbered) in enumerate(zip(lines, numbers, strict=True)):
                said = [text.strip() for text in line.removesuffix(" ").removesuffix("__eou__").split("__eou__")]
                emotions = [_emotion(number, f"{answers}, line {k + 1}") for number in numbered.split()]
                if len(emotions) != len(said):
                    unaligned.append(f"{part}/{k}")
                    emotions = [""] * len(said)
                digest += [_digest(line)] * len(said)
                turns += [
                    Turn(text, emotion, f"{part}/{k}", place, "", part)
                    for place, (text, emotion) in enumerate(zip(said, emotions, strict=True))
                ]
        super().__init__(turns, EMOTIONS, digest)
        self.unaligned = tuple(unaligned)
        parts: dict[str, set[str]] = {}
        for turn, name in zip(turns, digest, strict=True):
            parts.setdefault(name, set()).add(turn.part)
        self.repeated: NDArray[np.bool_] = np.array([len(parts[name]) > 1 for name in digest])


def _lines(path: Path) -> list[str]:
    return [line.removesuffix("\r") for line in read_text(path).rstrip("\r\n").split("\n")]


def _emotion(number: str, where: str) -> str:
    if number not in "0123456" or len(number) != 1:
        raise ValueError(f"{where}: an emotion is {number!r}; wanted 0 to 6; is it the file of emotions as shipped?")
    return EMOTIONS[int(number)]


def _digest(dialogue: str) -> str:
    letters = "".join(c for c in dialogue.replace("__eou__", " ").casefold() if c.isalnum())
    return hashlib.sha256(letters.encode()).hexdigest()[:16]
