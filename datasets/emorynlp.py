"""EmoryNLP: 12,606 utterances of 897 scenes of Friends, in seven emotions (Zahiri and Choi 2018, AAAI workshops, 1708.04299).

Licence Apache-2.0 for the annotation; the lines are those of a television series, whose owners gave no licence. Read from
``json/emotion-detection-{trn,dev,tst}.json`` as shipped (episodes, their scenes, their utterances with ``transcript``,
``speakers`` and ``emotion``); or, where these are not there, from the tables that MELD's repository made of them,
``emorynlp_{train,dev,test}_final.csv``. The tables hold 9,489 of the utterances, with times.

Traps. The seven are those of the feeling wheel: joyful, mad, sad, scared and neutral have names elsewhere, peaceful and
powerful have none. A scene's number starts anew with every episode. An utterance may have several speakers. The scenes are
of the series that MELD draws from too: do not train on one and test on the other.
"""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from affectstream.datasets.base import About
from affectstream.datasets.texts import Dialogues, Turn, read_table, read_text, renamed, whole_number

NAMES = {
    "Neutral": "neutral",
    "Joyful": "happiness",
    "Sad": "sadness",
    "Mad": "anger",
    "Scared": "fear",
    "Peaceful": "peaceful",
    "Powerful": "powerful",
}
PARTS = {"trn": "train", "dev": "val", "tst": "test"}
TABLES = {"train": "train", "dev": "val", "test": "test"}
_KEYS = ("scene_id", "utterance_id", "transcript", "speakers", "emotion")
_COLUMNS = ("Utterance", "Speaker", "Emotion", "Scene_ID", "Utterance_ID", "Season", "Episode")


class EmoryNlp(Dialogues):
    """EmoryNLP's utterances, labels neutral, happiness, sadness, anger, fear, peaceful, powerful; no VAD is rated.

    The subject is the scene, "s01_e02_c01": the friends talk in every part. ``speaker`` (n,) is who talks, several
    joined by ", ". Raises FileNotFoundError if ``folder`` holds neither form, ValueError for a file not as published.
    """

    ABOUT: ClassVar[About] = About(
        "EmoryNLP",
        "text",
        "12,606 utterances of scenes in Friends; seven emotions of the feeling wheel, speakers",
        "Apache-2.0 annotation; television script, no licence",
        "https://github.com/emorynlp/emotion-detection",
        tuple(f"json/emotion-detection-{name}.json" for name in PARTS),
    )

    def __init__(self, folder: Path) -> None:
        if (folder / "emorynlp_train_final.csv").is_file():
            turns = [t for n, part in TABLES.items() for t in _table(folder / f"emorynlp_{n}_final.csv", part)]
        else:
            self.ABOUT.require(folder)
            turns = [t for n, part in PARTS.items() for t in _scenes(folder / f"json/emotion-detection-{n}.json", part)]
        super().__init__(turns, tuple(NAMES.values()))


def _scenes(path: Path, part: str) -> Iterator[Turn]:
    try:
        episodes: Any = json.loads(read_text(path))["episodes"]
        scenes = [scene for episode in episodes for scene in episode["scenes"]]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no JSON of episodes and scenes ({error}); copy it again") from error
    for scene in scenes:
        for said in scene.get("utterances", ()):
            where = f"{path}, utterance {said.get('utterance_id')} of scene {scene.get('scene_id')}"
            known = {"scene_id": scene.get("scene_id"), **said}
            if missing := [key for key in _KEYS if not known.get(key)]:
                raise ValueError(f"{where} has no {', '.join(missing)}; is it emotion detection 1.0 as shipped?")
            turn = whole_number(said["utterance_id"].rpartition("_u")[2], "the end of utterance_id", where)
            emotion = renamed(said["emotion"], NAMES, where)
            yield Turn(said["transcript"], emotion, scene["scene_id"], turn, ", ".join(said["speakers"]), part)


def _table(path: Path, part: str) -> Iterator[Turn]:
    for row in read_table(path, _COLUMNS):
        where = f"{path}, utterance {row['Utterance_ID']} of scene {row['Scene_ID']}"
        season, episode, scene, turn = (
            whole_number(row[name], name, where) for name in ("Season", "Episode", "Scene_ID", "Utterance_ID")
        )
        dialogue = f"s{season:02}_e{episode:02}_c{scene:02}"
        speaker = ", ".join(_speakers(row["Speaker"], where))
        yield Turn(row["Utterance"], renamed(row["Emotion"], NAMES, where), dialogue, turn, speaker, part)


def _speakers(listed: str, where: str) -> list[str]:
    """Names from a list as Python writes it."""
    try:
        return [str(name) for name in ast.literal_eval(listed)]
    except (ValueError, SyntaxError, TypeError) as error:
        raise ValueError(f"{where}: the speaker is {listed!r}; wanted a list such as ['Rachel Green']") from error
