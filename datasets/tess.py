"""TESS: 2,800 utterances of two women of Toronto, 26 and 64 years old (Pichora-Fuller and Dupuis 2020, doi:10.5683/SP2/E8H2MF).

Licence CC BY-NC-ND 4.0: evaluate with it, but do not ship weights trained on it. "Say the word ..." with 200 words in
seven emotions, 24.4 kHz. With two speakers it says little of a third.

Read from the sound files by their names, as the corpus ships them (``OAF_back_angry.wav``: speaker, word, emotion), in
any folder: folders are called now ``OAF_Pleasant_surprise``, now ``YAF_pleasant_surprised``, and one copy of the archive
holds them all twice. One file is called ``OA_bite_neutral.wav`` and is OAF's. Two, ``YAF_germ_angry.wav`` and
``YAF_neat_fear.wav``, are AIFF files in spite of their ending.
"""

import re
from pathlib import Path
from typing import ClassVar

from affectstream.datasets.base import About
from affectstream.datasets.clips import Clip, Clips, recordings, without_copies

NAMES = {
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happiness",
    "neutral": "neutral",
    "ps": "surprise",
    "sad": "sadness",
}
EMOTIONS = tuple(NAMES.values())
_NAME = re.compile(rf"(OAF?|YAF)_([a-z]+)_({'|'.join(NAMES)})", re.IGNORECASE)


class Tess(Clips):
    """TESS as :class:`Clips`: speakers "OAF", the older, and "YAF", the younger; the word is the sentence.

    The surprise is a pleasant one; its derived VAD is that of surprise.

    Raises FileNotFoundError if ``folder`` holds no TESS, ValueError for a recording whose name is not TESS's.
    """

    ABOUT: ClassVar[About] = About(
        "TESS",
        "speech",
        "2,800 utterances of two women of Toronto in seven emotions",
        "CC BY-NC-ND 4.0",
        "doi.org/10.5683/SP2/E8H2MF",
        ("**/[OY]A*_*_*.wav",),
    )

    def __init__(self, folder: Path) -> None:
        self.ABOUT.require(folder)
        found = recordings(folder, "TESS's sound files, such as OAF_angry/OAF_back_angry.wav")
        super().__init__([_clip(path) for path in without_copies(found, lambda path: path.stem.lower())], EMOTIONS)


def _clip(path: Path) -> Clip:
    match = _NAME.fullmatch(path.stem)
    if match is None:
        raise ValueError(f"{path} is not named as TESS names its files; wanted names such as OAF_back_angry.wav")
    return Clip(path, "YAF" if match[1].upper() == "YAF" else "OAF", match[2].lower(), NAMES[match[3].lower()])
