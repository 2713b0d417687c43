"""SAVEE: 480 utterances of four Englishmen (Haq and Jackson 2010, "Multimodal emotion recognition", IGI Global).

Free for research after registration; it may not be passed on, nor weights trained on it. Fifteen sentences in each of
six emotions and thirty in neutral, 44.1 kHz. A sentence's number counts within its emotion: most are said in one only.

Read from the sound files by their names, as the corpus ships them in the speakers' folders (``AudioData/DC/sa01.wav``)
or as others pass them on in one (``DC_sa01.wav``): a, d, f, h, n, sa or su, and a number. Archives that hold
``AudioData`` twice count once.
"""

import re
from pathlib import Path
from typing import ClassVar

from affectstream.datasets.base import About
from affectstream.datasets.clips import Clip, Clips, recordings, without_copies

SPEAKERS = ("DC", "JE", "JK", "KL")
LETTERS = {
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
    "sa": "sadness",
    "su": "surprise",
}
EMOTIONS = tuple(LETTERS.values())
_NAME = re.compile(rf"(?:({'|'.join(SPEAKERS)})_)?(({'|'.join(LETTERS)})\d\d)")


class Savee(Clips):
    """SAVEE as :class:`Clips`: speakers "DC", "JE", "JK" and "KL", sentences "a01" to "su15".

    Raises FileNotFoundError if ``folder`` holds no SAVEE, ValueError for a recording whose name is not SAVEE's or that
    lies in no speaker's folder.
    """

    ABOUT: ClassVar[About] = About(
        "SAVEE",
        "speech",
        "480 utterances of four Englishmen in seven emotions",
        "for research, after registration; no passing on",
        "kahlan.eps.surrey.ac.uk/savee",
        ("**/*[adfhnu][0-9][0-9].wav",),
    )

    def __init__(self, folder: Path) -> None:
        self.ABOUT.require(folder)
        clips = [_clip(path) for path in recordings(folder, "SAVEE's sound files, such as AudioData/DC/sa01.wav")]
        named = {clip.path: (clip.speaker, clip.sentence) for clip in clips}
        once = set(without_copies(named, named.__getitem__))
        super().__init__([clip for clip in clips if clip.path in once], EMOTIONS)


def _clip(path: Path) -> Clip:
    match = _NAME.fullmatch(path.stem)
    speaker = "" if match is None else match[1] or path.parent.name
    if match is None or speaker not in SPEAKERS:
        raise ValueError(
            f"{path} is not named as SAVEE names its files; wanted names such as DC/sa01.wav or DC_sa01.wav, of speakers "
            f"{', '.join(SPEAKERS)}"
        )
    return Clip(path, speaker, match[2], LETTERS[match[3]])
