"""nEMO: emotional speech of nine Polish actors (Christop 2024, LREC-COLING, arXiv 2404.06292).

Licence CC BY-NC-SA 4.0: evaluate with it, but do not ship weights trained on it. Read from the sound files by their
names, as the corpus ships them (``WR0_surprised_64.wav``: speaker, emotion, sentence), in any folder.
"""

import re
from pathlib import Path
from typing import ClassVar

from affectstream.datasets.base import About
from affectstream.datasets.clips import Clip, Clips, recordings

EMOTIONS = ("anger", "fear", "happiness", "neutral", "sadness", "surprise")
_NAME = re.compile(r"([A-Z]{2}\d)_(anger|fear|happiness|neutral|sadness|surprised)_(\d+)")


class Nemo(Clips):
    """nEMO as :class:`Clips`.

    Raises FileNotFoundError if ``folder`` holds no nEMO, ValueError for a recording whose name is not nEMO's.
    """

    ABOUT: ClassVar[About] = About(
        "nEMO",
        "speech",
        "4,481 utterances of 9 Polish actors in six emotions",
        "CC BY-NC-SA 4.0",
        "github.com/amu-cai/nEMO",
        ("**/[A-Z][A-Z][0-9]_*_*.*",),
    )

    def __init__(self, folder: Path) -> None:
        self.ABOUT.require(folder)
        clips = [_clip(path) for path in recordings(folder, "nEMO's sound files, such as samples/WR0_surprised_64.wav")]
        super().__init__(clips, EMOTIONS)


def _clip(path: Path) -> Clip:
    match = _NAME.fullmatch(path.stem)
    if match is None:
        raise ValueError(f"{path} is not named as nEMO names its files; wanted names such as WR0_surprised_64.wav")
    return Clip(path, match[1], match[3], "surprise" if match[2] == "surprised" else match[2])
