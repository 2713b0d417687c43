"""Small corpora of text in the exact form in which theirs are published: names, heads, quoting, line ends, known traps.

Every writer returns what it wrote, part by part, under the names and labels of the corpus. Texts have words of their
emotion in them, so that a network can learn something from them.
"""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

WORDS = [
    "we",
    "they",
    "you",
    "the",
    "a",
    "coffee",
    "door",
    "train",
    "letter",
    "phone",
    "house",
    "never",
    "always",
    "maybe",
    "really",
    "today",
    "again",
]
TELLING = {
    "neutral": "table paper",
    "joy": "great love",
    "surprise": "what suddenly",
    "sadness": "miss cry",
    "anger": "hate shout",
    "disgust": "rotten gross",
    "fear": "afraid dark",
    "peaceful": "calm rest",
    "powerful": "strong win",
}
GO_EMOTIONS = [
    "admiration",
    "amusement",
    "anger",
    "annoyance",
    "approval",
    "caring",
    "confusion",
    "curiosity",
    "desire",
    "disappointment",
    "disapproval",
    "disgust",
    "embarrassment",
    "excitement",
    "fear",
    "gratitude",
    "grief",
    "joy",
    "love",
    "nervousness",
    "optimism",
    "pride",
    "realization",
    "relief",
    "remorse",
    "sadness",
    "surprise",
    "neutral",
]
MELD = ("neutral", "joy", "surprise", "sadness", "anger", "disgust", "fear")
EMORY = {
    "Neutral": "neutral",
    "Joyful": "joy",
    "Sad": "sadness",
    "Mad": "anger",
    "Scared": "fear",
    "Peaceful": "peaceful",
    "Powerful": "powerful",
}
DAILY = ("neutral", "anger", "disgust", "fear", "joy", "sadness", "surprise")
TWEETS = [
    "anger",
    "anticipation",
    "disgust",
    "fear",
    "joy",
    "love",
    "optimism",
    "pessimism",
    "sadness",
    "surprise",
    "trust",
]
ROLES = {
    "Chandler": "[0.648, 0.375, 0.386, 0.58, 0.477]",
    "Joey": "[0.574, 0.614, 0.297, 0.545, 0.455]",
    "Monica": "[0.713, 0.457, 0.457, 0.66, 0.511]",
    "Phoebe": "[0.6, 0.48, 0.31, 0.46, 0.56]",
    "Rachel": "[0.635, 0.354, 0.521, 0.552, 0.469]",
    "Ross": "[0.722, 0.489, 0.6, 0.533, 0.356]",
}

Rows = list[dict[str, Any]]


def sentence(rng: np.random.Generator, emotion: str = "neutral", words: int = 6) -> str:
    """A few words, one or two of which tell the emotion, with a comma, and at times quotes."""
    said = [str(word) for word in rng.choice(WORDS, words)] + [str(rng.choice(TELLING[emotion].split()))]
    said = [str(word) for word in rng.permutation(said)]
    text = f"{said[0].capitalize()}, {' '.join(said[1:])}."
    return f'"{text}" he said' if rng.random() < 0.2 else text


def table(path: Path, rows: Sequence[dict[str, Any]], **form: Any) -> None:
    """``rows`` as CSV, quoted where they must be, lines ended by LF unless ``form`` says otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), **{"lineterminator": "\n", **form})
        writer.writeheader()
        writer.writerows(rows)


def lines(path: Path, rows: Iterable[Sequence[Any]], end: str = "\n") -> None:
    """``rows`` joined by tabs, nothing quoted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join("\t".join(map(str, row)) + end for row in rows).encode())


def write_emobank(folder: Path, rng: np.random.Generator, each: int = 24) -> Rows:
    """``emobank.csv``, the parts mixed, one sentence NaN; ``reader.csv`` and ``writer.csv``, the latter without the first."""
    rows: Rows = []
    for k, split in enumerate(rng.permutation(["train", "dev", "test"] * each)):
        vad = {name: round(float(rng.uniform(1.5, 4.5)), 2) for name in "VAD"}
        text = sentence(rng, "joy" if vad["V"] > 3 else "sadness") if k else "NaN"
        rows.append({"id": f"doc{k % 7}_{k}", "split": str(split), **vad, "text": text})
    table(folder / "emobank.csv", rows)
    for name, shift, left in (("reader", 0.25, rows), ("writer", -0.25, rows[1:])):
        kept = [
            {"id": r["id"], **{d: r[d] + shift for d in "VAD"}, "stdV": 0.4, "stdA": 0.4, "stdD": 0.4, "N": 5}
            for r in left
        ]
        table(folder / f"{name}.csv", kept, quoting=csv.QUOTE_ALL)
    return rows


def write_goemotions(folder: Path, rng: np.random.Generator, each: int = 24) -> dict[str, Rows]:
    """``data/original``: no head, no quoting; a comment may hold a quote or a line separator; one to three labels."""
    lines(folder / "data/original/labels.txt", [[name] for name in GO_EMOTIONS])
    written: dict[str, Rows] = {}
    for part in ("train", "dev", "test"):
        rows: Rows = []
        for k in range(each):
            given = sorted(rng.choice(len(GO_EMOTIONS), rng.integers(1, 4), replace=False).tolist())
            text = sentence(rng) + ('\u2028so "there' if k == 0 else "")
            rows.append({"text": text, "labels": given, "id": f"e{part[0]}{k:05}"})
        written[part] = rows
        cells = [(row["text"], ",".join(map(str, row["labels"])), row["id"]) for row in rows]
        lines(folder / f"data/original/{part}.tsv", cells)
    return written


def write_meld(
    folder: Path, rng: np.random.Generator, dialogues: int = 4, turns: int = 6, *, raw: bool = False
) -> dict[str, Rows]:
    """``train_sent_emo.csv`` and so on, CRLF; dialogues numbered from 0 in each part, one number of an utterance left out.

    The texts returned have right quotes and dots. They are written as control characters in train, as they once were;
    as UTF-8 read as cp1252 in test. With ``raw`` the training table lies below ``train``, as in MELD.Raw.tar.gz.
    """
    written: dict[str, Rows] = {}
    for part in ("train", "dev", "test"):
        rows: Rows = []
        for dialogue in range(dialogues):
            for turn in range(turns):
                emotion = str(rng.choice(MELD))
                rows.append(
                    {
                        "Sr No.": len(rows) + 1,
                        "Utterance": f"{sentence(rng, emotion)} It\u2019s\u2026",
                        "Speaker": str(rng.choice([*ROLES, "The Fireman"])),
                        "Emotion": emotion,
                        "Sentiment": str(rng.choice(["positive", "neutral", "negative"])),
                        "Dialogue_ID": dialogue,
                        "Utterance_ID": turn + (turn > 2),
                        "Season": 3,
                        "Episode": 19,
                        "StartTime": f"00:14:{turn:02},127",
                        "EndTime": f"00:14:{turn:02},927",
                    }
                )
        written[part] = rows
        path = folder / ("train" if raw and part == "train" else ".") / f"{part}_sent_emo.csv"
        table(path, [{**row, "Utterance": _spoilt(row["Utterance"], part)} for row in rows], lineterminator="\r\n")
    return written


def _spoilt(text: str, part: str) -> str:
    if part == "train":
        return "".join(c.encode("cp1252").decode("latin-1") for c in text)
    return text.encode().decode("cp1252") if part == "test" else text


def write_emorynlp(folder: Path, rng: np.random.Generator, scenes: int = 4, turns: int = 6) -> dict[str, Rows]:
    """``json/emotion-detection-trn.json`` and so on: two episodes a part, scenes numbered anew in each, one of two speakers."""
    written: dict[str, Rows] = {}
    for part, season in (("trn", 1), ("dev", 2), ("tst", 3)):
        rows: Rows = []
        episodes = []
        for episode in (f"s{season:02}_e01", f"s{season:02}_e02"):
            of_it = []
            for scene in range(1, scenes // 2 + 1):
                said = []
                for turn in range(1, turns + 1):
                    emotion = str(rng.choice([*EMORY]))
                    text = sentence(rng, EMORY[emotion])
                    speakers = (
                        ["Rachel Green", "Ross Geller"] if turn == 2 else [str(rng.choice(["Joey Tribbiani", "Celia"]))]
                    )
                    said.append(
                        {
                            "utterance_id": f"{episode}_c{scene:02}_u{turn:03}",
                            "speakers": speakers,
                            "transcript": text,
                            "tokens": [text.split()],
                            "emotion": emotion,
                        }
                    )
                of_it.append({"scene_id": f"{episode}_c{scene:02}", "utterances": said})
                rows += said
            episodes.append({"episode_id": episode, "scenes": of_it})
        written[part] = rows
        path = folder / f"json/emotion-detection-{part}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"season_id": part, "episodes": episodes}, indent=2), encoding="utf-8")
    return written


def write_emorynlp_tables(folder: Path, written: dict[str, Rows]) -> None:
    """What :func:`write_emorynlp` returned, as ``emorynlp_train_final.csv`` and so on."""
    for name, part in (("train", "trn"), ("dev", "dev"), ("test", "tst")):
        rows: Rows = []
        for said in written[part]:
            season, episode, scene, turn = (int(place[1:]) for place in said["utterance_id"].split("_"))
            rows.append(
                {
                    "Utterance": said["transcript"],
                    "Speaker": str(said["speakers"]),
                    "Emotion": said["emotion"],
                    "Scene_ID": scene,
                    "Utterance_ID": turn,
                    "Season": season,
                    "Episode": episode,
                    "Start_Time": "00:00:03.795",
                    "End_Time": "00:00:05.004",
                }
            )
        table(folder / f"emorynlp_{name}_final.csv", rows)


def write_dailydialog(
    folder: Path, rng: np.random.Generator, dialogues: int = 5, turns: int = 5, *, unaligned: bool = False
) -> dict[str, list[list[tuple[str, int]]]]:
    """``train/dialogues_train.txt`` and so on; the last of test is the first of train, but for case and a comma.

    With ``unaligned`` one number is left out of the second dialogue of validation.
    """
    written: dict[str, list[list[tuple[str, int]]]] = {}
    for part in ("train", "validation", "test"):
        of_it: list[list[tuple[str, int]]] = []
        for k in range(dialogues):
            if part == "test" and k == dialogues - 1:
                of_it.append([(text.replace(" ,", "").lower(), number) for text, number in written["train"][0]])
                continue
            numbers = rng.choice(7, turns, p=[0.4, *[0.1] * 6]).tolist()
            of_it.append(
                [(sentence(rng, DAILY[number]).replace(",", " ,").replace(".", " ."), number) for number in numbers]
            )
        written[part] = of_it
        (folder / part).mkdir(parents=True, exist_ok=True)
        said = "".join(" __eou__ ".join(text for text, _ in one) + " __eou__\n" for one in of_it)
        felt = ["".join(f"{number} " for _, number in one) for one in of_it]
        if unaligned and part == "validation":
            felt[1] = felt[1][2:]
        (folder / part / f"dialogues_{part}.txt").write_text(said, encoding="utf-8")
        (folder / part / f"dialogues_emotion_{part}.txt").write_text("\n".join(felt) + "\n", encoding="utf-8")
    return written


def write_peld(folder: Path, rng: np.random.Generator, dialogues: int = 6, turns: int = 6) -> Rows:
    """``data/Dyadic_PELD.tsv``: each dialogue of two friends slides by one; after these one row that quotes the first one's end."""
    rows: Rows = []
    names = [*ROLES]
    for dialogue in range(dialogues):
        pair = names[dialogue % 6], names[(dialogue + 1) % 6]
        felt = [str(name) for name in rng.choice(MELD, turns)]
        said = [sentence(rng, emotion) for emotion in felt]
        rows += [_three(pair[k % 2], pair[(k + 1) % 2], said[k : k + 3], felt[k : k + 3]) for k in range(turns - 2)]
    again = [sentence(rng, "joy"), "Hi.", rows[0]["Utterance_3"]]
    rows.append(_three("Ross", "The Interviewer", again, ["joy", "neutral", "surprise"]))
    table(folder / "data/Dyadic_PELD.tsv", rows, delimiter="\t")
    return rows


def _three(main: str, other: str, said: list[str], felt: list[str]) -> dict[str, Any]:
    row = {"Speaker_1": main, "Speaker_2": other, "Personality": ROLES[main]}
    row |= {f"Utterance_{k}": text for k, text in enumerate(said, 1)}
    row |= {f"Emotion_{k}": emotion for k, emotion in enumerate(felt, 1)}
    return row | {f"Sentiment_{k}": "positive" for k in (1, 2, 3)}


def write_semeval2018(folder: Path, rng: np.random.Generator, each: int = 24) -> dict[str, Rows]:
    """``English``: V-reg of the first half of each part's tweets, E-c of all but the first, EI-reg of every fourth for each emotion.

    The intensities are kept by emotion under "intensity". EI-reg's training files lack the year in their names.
    """
    written: dict[str, Rows] = {}
    for part, where in (("train", "training"), ("dev", "development"), ("test-gold", "test-gold")):
        rows: Rows = []
        for k in range(each):
            marks = (rng.random(11) < 0.2).astype(int).tolist()
            text = f'{sentence(rng)} #{TWEETS[k % 11]} "and {k}\\n'
            row: dict[str, Any] = {"id": f"2018-En-{part[:2]}{k:03}", "text": text, "marks": marks if k else None}
            row["valence"] = round(float(rng.uniform()), 3) if k < each // 2 else None
            row["intensity"] = {("anger", "fear", "joy", "sadness")[k % 4]: round(float(rng.uniform()), 3)}
            rows.append(row)
        written[part] = rows
        head = ("ID", "Tweet", "Affect Dimension", "Intensity Score")
        valence = [(r["id"], r["text"], "valence", r["valence"]) for r in rows if r["valence"] is not None]
        lines(folder / f"English/V-reg/2018-Valence-reg-En-{part}.txt", [head, *valence])
        marked = [(r["id"], r["text"], *r["marks"]) for r in rows if r["marks"] is not None]
        lines(folder / f"English/E-c/2018-E-c-En-{part}.txt", [("ID", "Tweet", *TWEETS), *marked], "\r\n")
        for emotion in ("anger", "fear", "joy", "sadness"):
            scored = [(r["id"], r["text"], emotion, r["intensity"][emotion]) for r in rows if emotion in r["intensity"]]
            year = "" if part == "train" else "2018-"
            lines(folder / f"English/EI-reg/{where}/{year}EI-reg-En-{emotion}-{part}.txt", [head, *scored])
    return written
