"""nEMO: emotional speech of nine Polish actors (Christop 2024, LREC-COLING, arXiv 2404.06292).

Licence CC BY-NC-SA 4.0: evaluate with it, but do not ship weights trained on it. Read from the sound files by their
names, as the corpus ships them (``WR0_surprised_64.wav``: speaker, emotion, sentence), in any folder.
"""

import re
from pathlib import Path

from affectstream.datasets.clips import Clip, Clips, one_hot, recordings

EMOTIONS = ("anger", "fear", "happiness", "neutral", "sadness", "surprise")
_NAME = re.compile(r"([A-Z]{2}\d)_(anger|fear|happiness|neutral|sadness|surprised)_(\d+)")


class Nemo(Clips):
    """nEMO as :class:`Clips`.

    Raises FileNotFoundError if ``folder`` holds no recordings, ValueError for one whose name is not nEMO's.
    """

    def __init__(self, folder: Path) -> None:
        clips = [_clip(path) for path in recordings(folder, "nEMO's sound files, such as samples/WR0_surprised_64.wav")]
        super().__init__(clips, EMOTIONS, one_hot([clip.emotion for clip in clips], EMOTIONS))


def _clip(path: Path) -> Clip:
    match = _NAME.fullmatch(path.stem)
    if match is None:
        raise ValueError(f"{path} is not named as nEMO names its files; wanted names such as WR0_surprised_64.wav")
    return Clip(path, match[1], match[3], "surprise" if match[2] == "surprised" else match[2])
