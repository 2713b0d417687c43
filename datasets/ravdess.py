"""RAVDESS, its speech: 1,440 utterances of 24 North American actors (Livingstone and Russo 2018, PLoS ONE 13(5) e0196391).

Licence CC BY-NC-SA 4.0: evaluate with it, but do not ship weights trained on it. Two sentences in eight emotions, each
twice, all but neutral in two strengths; 48 kHz.

Read from the sound files by their names, as the corpus ships them (``Actor_12/03-01-06-01-02-01-12.wav``: modality,
channel, emotion, strength, sentence, repetition, actor), in any folder. The same performances come as pictures with
sound (modality 01), as pictures (02) and as sound (03), and sung (channel 02): only spoken sound is taken, so that
nothing counts twice, also where an archive holds its folders a second time.
"""

import re
from pathlib import Path
from typing import ClassVar

from affectstream.datasets.base import About
from affectstream.datasets.clips import Clip, Clips, recordings, without_copies

EMOTIONS = ("neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise")  # 01 to 08
_ANY = re.compile(r"(\d\d)-(\d\d)-\d\d-\d\d-\d\d-\d\d-\d\d")
_SPEECH = re.compile(r"03-01-0([1-8])-0[12]-(0[12])-0[12]-(0[1-9]|1\d|2[0-4])")


class Ravdess(Clips):
    """RAVDESS as :class:`Clips`: speakers "01" to "24", sentences "01" and "02".

    The derived VAD of "calm" is NaN: it is none of the terms whose means are known here.

    Raises FileNotFoundError if ``folder`` holds no speech of RAVDESS, ValueError for a recording whose name is not
    RAVDESS's.
    """

    ABOUT: ClassVar[About] = About(
        "RAVDESS",
        "speech",
        "1,440 utterances of 24 North American actors in eight emotions",
        "CC BY-NC-SA 4.0",
        "zenodo.org/records/1188976, Audio_Speech_Actors_01-24.zip",
        ("**/03-01-*-*-*-*-*.wav",),
    )

    def __init__(self, folder: Path) -> None:
        self.ABOUT.require(folder)
        found = recordings(folder, "RAVDESS's sound files, such as Actor_12/03-01-06-01-02-01-12.wav")
        speech = [
            path for path in found if (kind := _ANY.fullmatch(path.stem)) is None or kind.groups() == ("03", "01")
        ]
        super().__init__([_clip(path) for path in without_copies(speech, lambda path: path.stem)], EMOTIONS)


def _clip(path: Path) -> Clip:
    match = _SPEECH.fullmatch(path.stem)
    if match is None:
        raise ValueError(
            f"{path} is not named as RAVDESS names its files; wanted names such as 03-01-06-01-02-01-12.wav: emotions 01 "
            "to 08, strength, sentence and repetition 01 or 02, actors 01 to 24"
        )
    return Clip(path, match[3], match[2], EMOTIONS[int(match[1]) - 1])
