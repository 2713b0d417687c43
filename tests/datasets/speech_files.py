"""Folders in the exact form in which corpora of speech are published: names, tables, rates of sampling, known traps.

Only their sounds are short: a buzz whose pitch tells the emotion and whose loudness the speaker, in some noise. Every
writer returns a row for each recording that a reader should find, in the reader's order.
"""

import csv
import itertools
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

Row = dict[str, Any]
LETTERS = {"anger": "A", "disgust": "D", "fear": "F", "happiness": "H", "neutral": "N", "sadness": "S"}


def write_sound(path: Path, rng: np.random.Generator, pitch: int = 0, loud: int = 0, rate: int = 16000) -> None:
    """0.3 s of a buzz, 16 bit, mono; ``pitch`` and ``loud`` are steps from 0."""
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(int(0.3 * rate)) / rate
    buzz = sum(np.sin(2 * np.pi * k * 90 * 1.2**pitch * time) / k for k in range(1, 8))
    soundfile.write(path, buzz * 0.1 * 1.1**loud + rng.normal(0, 0.005, len(time)), rate, format="WAV")


def write_emodb(folder: Path, rng: np.random.Generator) -> list[Row]:
    """``wav/03a01Fa.wav``, 16 kHz, and our table of what listeners recognised; 4 speakers, 28 recordings."""
    german = {
        "F": "happiness",
        "W": "anger",
        "T": "sadness",
        "A": "fear",
        "E": "disgust",
        "L": "boredom",
        "N": "neutral",
    }
    rows = [
        {
            "path": folder / "wav" / f"{speaker}{sentence}{letter}a.wav",
            "speaker": speaker,
            "sentence": sentence,
            "emotion": emotion,
            "recognised": int(rng.integers(80, 101)) / 100,
        }
        for speaker, (sentence, (letter, emotion)) in itertools.product(
            ("03", "08", "09", "10"),
            zip(("a01", "a02", "a04", "a05", "b01", "b02", "b10"), german.items(), strict=True),
        )
    ]
    _write_sounds(rows, rng, 16000)
    lines = [f"wav/{row['path'].name},{row['recognised'] * 100:g}" for row in rows]
    (folder / "index.csv").write_text("\n".join(["file,recog", *lines, ""]))
    return rows


def write_nemo(folder: Path, rng: np.random.Generator) -> list[Row]:
    """``samples/WR0_surprised_64.wav``, 24 kHz; 4 speakers, 24 recordings."""
    spoken = ("anger", "fear", "happiness", "neutral", "sadness", "surprised")
    rows = [
        {
            "path": folder / "samples" / f"{speaker}_{name}_{sentence}.wav",
            "speaker": speaker,
            "sentence": str(sentence),
            "emotion": "surprise" if name == "surprised" else name,
        }
        for speaker, (sentence, name) in itertools.product(("AN0", "KR1", "WR0", "ZL2"), enumerate(spoken, 1))
    ]
    _write_sounds(rows, rng, 24000)
    return rows


def write_ravdess(folder: Path, rng: np.random.Generator) -> list[Row]:
    """``Actor_01/03-01-01-01-01-01-01.wav``, 48 kHz; 4 actors, 32 recordings; and what must not count.

    That is a song, the sound of a video, the videos, and one actor's folder a second time within another, as an archive
    in circulation has it.
    """
    emotions = ("neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise")
    rows = []
    for actor, (code, emotion) in itertools.product((1, 2, 13, 24), enumerate(emotions, 1)):
        sentence, strength = 1 + (code + actor) % 2, 1 if emotion == "neutral" else 1 + actor % 2
        name = f"03-01-{code:02}-{strength:02}-{sentence:02}-{1 + code % 2:02}-{actor:02}.wav"
        path = folder / f"Actor_{actor:02}" / name
        rows.append({"path": path, "speaker": f"{actor:02}", "sentence": f"{sentence:02}", "emotion": emotion})
    _write_sounds(rows, rng, 48000)
    shutil.copytree(folder / "Actor_24", folder / "audio_speech_actors_01-24" / "Actor_24")
    for name in ("03-02-03-01-01-01-01.wav", "01-01-03-01-01-01-01.wav"):
        write_sound(folder / "Actor_01" / name, rng, rate=48000)
    for name in ("01-01-03-01-01-01-01.mp4", "02-01-03-01-01-01-01.mp4"):
        (folder / "Actor_01" / name).write_bytes(b"")
    return sorted(rows, key=lambda row: row["path"].name)


def write_tess(folder: Path, rng: np.random.Generator) -> list[Row]:
    """``OAF_angry/OAF_back_angry.wav``, 24,414 Hz; its 2 speakers, 28 recordings, in folders named as they are.

    With the name that lacks an F, a file that is AIFF within, and a folder that is there twice.
    """
    folders = {
        ("OAF", "anger"): ("OAF_angry", "angry"),
        ("OAF", "disgust"): ("OAF_disgust", "disgust"),
        ("OAF", "fear"): ("OAF_Fear", "fear"),
        ("OAF", "happiness"): ("OAF_happy", "happy"),
        ("OAF", "neutral"): ("OAF_neutral", "neutral"),
        ("OAF", "surprise"): ("OAF_Pleasant_surprise", "ps"),
        ("OAF", "sadness"): ("OAF_Sad", "sad"),
        ("YAF", "anger"): ("YAF_angry", "angry"),
        ("YAF", "disgust"): ("YAF_disgust", "disgust"),
        ("YAF", "fear"): ("YAF_fear", "fear"),
        ("YAF", "happiness"): ("YAF_happy", "happy"),
        ("YAF", "neutral"): ("YAF_neutral", "neutral"),
        ("YAF", "surprise"): ("YAF_pleasant_surprised", "ps"),
        ("YAF", "sadness"): ("YAF_sad", "sad"),
    }
    rows = []
    for ((speaker, emotion), (place, word)), sentence in itertools.product(folders.items(), ("bite", "germ")):
        typo = (speaker, sentence, emotion) == ("OAF", "bite", "neutral")
        path = folder / place / f"{'OA' if typo else speaker}_{sentence}_{word}.wav"
        rows.append({"path": path, "speaker": speaker, "sentence": sentence, "emotion": emotion})
    _write_sounds(rows, rng, 24414)
    inside_out = folder / "YAF_angry" / "YAF_germ_angry.wav"
    samples, rate = soundfile.read(inside_out)
    soundfile.write(inside_out, samples, rate, format="AIFF")
    shutil.copytree(folder / "YAF_sad", folder / "TESS Toronto emotional speech set data" / "YAF_sad")
    return sorted(rows, key=lambda row: row["path"].name)


def write_savee(folder: Path, rng: np.random.Generator, flat: bool = False) -> list[Row]:
    """``AudioData/DC/a01.wav``, or ``DC_a01.wav``, 44.1 kHz; its 4 speakers, 28 recordings."""
    letters = {
        "a": "anger",
        "d": "disgust",
        "f": "fear",
        "h": "happiness",
        "n": "neutral",
        "sa": "sadness",
        "su": "surprise",
    }
    rows = []
    for k, (speaker, (letter, emotion)) in enumerate(itertools.product(("DC", "JE", "JK", "KL"), letters.items())):
        sentence = f"{letter}{1 + k % 15:02}"
        path = folder / f"{speaker}_{sentence}.wav" if flat else folder / "AudioData" / speaker / f"{sentence}.wav"
        rows.append({"path": path, "speaker": speaker, "sentence": sentence, "emotion": emotion})
    _write_sounds(rows, rng, 44100)
    if not flat:
        shutil.copytree(folder / "AudioData" / "DC", folder / "AudioData" / "AudioData" / "DC")
    return sorted(rows, key=lambda row: (row["path"].stem, row["path"]))


def write_cremad(folder: Path, rng: np.random.Generator) -> list[Row]:
    """``AudioWAV/1001_DFA_ANG_XX.wav``, 16 kHz, and both tables of votes as R wrote them; 4 actors, 25 recordings.

    With the clip whose name lacks an X, and one that the owners advise to leave out.
    """
    codes = {"anger": "ANG", "disgust": "DIS", "fear": "FEA", "happiness": "HAP", "neutral": "NEU", "sadness": "SAD"}
    names = [
        (f"{actor}_IEO_{code}_{'XX' if emotion == 'neutral' else level}", emotion)
        for (actor, level), (emotion, code) in itertools.product(
            (("1001", "LO"), ("1040", "MD"), ("1064", "HI"), ("1076", "LO")), codes.items()
        )
    ]
    names += [("1040_ITH_SAD_XX", "sadness"), ("1076_MTI_SAD_XX", "sadness")]
    rows = []
    for name, emotion in names:
        path = folder / "AudioWAV" / f"{name.replace('ITH_SAD_XX', 'ITH_SAD_X')}.wav"
        votes = rng.integers(0, 6, (3, 6)) + np.eye(3, 6, dtype=int)  # who only heard, only saw, did both
        rows.append(
            {
                "path": path,
                "name": name,
                "speaker": name[:4],
                "sentence": name[5:8],
                "emotion": emotion,
                "votes": votes.tolist(),
            }
        )
    _write_sounds(rows, rng, 16000)
    (folder / "processedResults").mkdir()
    with (folder / "processedResults" / "tabulatedVotes.csv").open("w", newline="") as file:
        table = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC)
        table.writerow(["", *LETTERS.values(), "fileName", "numResponses", "agreement", "emoVote"])
        for way in range(3):
            for k, row in enumerate(rows, 1):
                votes = row["votes"][way]
                best = [letter for letter, n in zip(LETTERS.values(), votes, strict=True) if n == max(votes)]
                row.setdefault("most", []).append(best)
                key = f"{way + 1}{k:05}"
                table.writerow([key, *votes, row["name"], sum(votes), max(votes) / sum(votes), ":".join(best)])
    with (folder / "processedResults" / "summaryTable.csv").open("w", newline="") as file:
        table = csv.writer(file, quoting=csv.QUOTE_ALL)
        table.writerow(
            ["", "FileName", "VoiceVote", "VoiceLevel", "FaceVote", "FaceLevel", "MultiModalVote", "MultiModalLevel"]
        )
        for k, row in enumerate(rows, 1):
            votes = itertools.chain(*((":".join(best), ":".join("50" for _ in best)) for best in row["most"]))
            table.writerow([k, row["name"], *votes])
    return sorted((row for row in rows if row["name"] != "1076_MTI_SAD_XX"), key=lambda row: row["path"].name)


def write_iemocap(folder: Path, rng: np.random.Generator) -> list[Row]:
    """``Session1`` to ``Session5`` with two dialogues each, 16 kHz; 10 speakers, 120 turns, ratings to a quarter.

    With turns of no agreement and of rare emotions, ratings beyond the scale, the raters' own lines and folders beside the
    labels, and a file of macOS.
    """
    codes = ("ang", "hap", "exc", "neu", "sad", "fru", "xxx", "sur", "neu", "ang", "sad", "oth")
    rows = []
    for session, dialogue in itertools.product(range(1, 6), ("F_impro01", "M_script01_1b")):
        name = f"Ses0{session}{dialogue}"
        labels = folder / f"Session{session}" / "dialog" / "EmoEvaluation"
        (labels / "Categorical").mkdir(parents=True, exist_ok=True)
        (labels / "Categorical" / f"{name}_e1_cat.txt").write_text(f"{name}_F000 :Neutral; ()\n")
        (labels / f"._{name}.txt").write_bytes(b"\x00\x05\x16\x07")
        lines = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""]
        for k, code in enumerate(codes):
            letter = "FM"[k % 2]
            turn = f"{name}_{letter}{k // 2:03}"
            rating = (rng.integers(4, 21, 3) / 4).tolist()
            if not rows:
                rating = [5.5, 5.0, 0.5]
            lines += [
                f"[{k + 6.2901:.4f} - {k + 8.2357:.4f}]\t{turn}\t{code}\t[{', '.join(f'{x:.4f}' for x in rating)}]",
                "C-E2:\tNeutral;\t()",
                "A-E3:\tval 3; act 2; dom  2;\t(d\xe9j\xe0 vu)",
                "",
            ]
            rows.append(
                {
                    "path": folder / f"Session{session}" / "sentences" / "wav" / name / f"{turn}.wav",
                    "speaker": f"Ses0{session}{letter}",
                    "sentence": name,
                    "code": code,
                    "emotion": code,
                    "rating": rating,
                    "session": str(session),
                }
            )
        (labels / f"{name}.txt").write_bytes("\n".join(lines).encode("latin-1"))
    _write_sounds(rows, rng, 16000)
    return rows


def write_msp_podcast(folder: Path, rng: np.random.Generator) -> list[Row]:
    """``Labels/labels_consensus.csv`` and ``Audios/``, 16 kHz; 24 turns of 4 speakers in Train, Development, Test1, Test2.

    Some speakers of Train are unknown, one turn of each part lacks a rating; Test3 has turns without labels.
    """
    letters = "ASHUFDCNOX"
    rows = []
    for p, split in enumerate(("Train", "Development", "Test1", "Test2")):
        for k in range(24):
            name = f"MSP-PODCAST_{10 * p + k // 6:04}_{k:04}.wav"
            rating = [f"{x:g}" for x in (rng.integers(5, 36, 3) / 5).tolist()]  # arousal, valence, dominance
            rows.append(
                {
                    "path": folder / "Audios" / name,
                    "speaker": "Unknown" if split == "Train" and k % 6 == 5 else str(100 * p + k % 4),
                    "sentence": name[:16],
                    "emotion": letters[(k + p) % 10],
                    "rating": rating if k != 7 else [rating[0], "", rating[2]],
                    "split": split,
                }
            )
    _write_sounds(rows, rng, 16000)
    write_sound(folder / "Audios" / "MSP-PODCAST_test3_0001.wav", rng)
    (folder / "Labels").mkdir()
    with (folder / "Labels" / "labels_consensus.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["FileName", "EmoClass", "EmoAct", "EmoVal", "EmoDom", "SpkrID", "Gender", "Split_Set"])
        for r in rows:
            table.writerow([r["path"].name, r["emotion"], *r["rating"], r["speaker"], "Female", r["split"]])
        table.writerow(["MSP-PODCAST_test3_0001.wav", "", "", "", "", "", "", "Test3"])
    return rows


def write_labelled_files(folder: Path, rng: np.random.Generator) -> list[Row]:
    """``labels.csv`` and sounds of 12 people, 24 in each of train, val and test; every fifth without a label."""
    rows = []
    for p, part in enumerate(("train", "val", "test")):
        for k in range(24):
            rows.append(
                {
                    "path": folder / "sounds" / f"{part}{k}.wav",
                    "speaker": f"{part}-{k % 4}",
                    "part": part,
                    "emotion": "" if k % 5 == 0 else ("joy", "anger")[k % 2],
                    "rating": [round(x, 2) for x in rng.uniform(-1, 1, 3).tolist()],
                    "loud": (p + k) % 2,
                }
            )
    _write_sounds(rows, rng, 16000)
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8-sig") as file:
        table = csv.writer(file)
        table.writerow(["file", "subject", "part", "label", "valence", "arousal", "dominance", "mark:loud"])
        for r in rows:
            table.writerow([f"sounds/{r['path'].name}", r["speaker"], r["part"], r["emotion"], *r["rating"], r["loud"]])
    return rows


def _write_sounds(rows: list[Row], rng: np.random.Generator, rate: int) -> None:
    emotions, speakers = (sorted({row[key] for row in rows}) for key in ("emotion", "speaker"))
    for row in rows:
        write_sound(row["path"], rng, emotions.index(row["emotion"]), speakers.index(row["speaker"]), rate)
