"""Files in the exact form in which the audio-visual corpora are published: folders, names, lines, keys, order of axes.

Only their videos and sounds are small, and noise. Every writer returns what it wrote.
"""

import csv
import gzip
import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from scipy.io import savemat

PARTS = ("train", "val", "test")


def write_video(
    path: Path, rng: np.random.Generator, frames: int = 10, rate: int = 25, size: tuple[int, int] = (64, 48)
) -> None:
    """An MP4 of ``frames`` pictures of one random colour each, ``size`` wide and high, with a sound of the same
    length."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as file:
        picture = file.add_stream("mpeg4", rate=rate)
        picture.width, picture.height, picture.pix_fmt = *size, "yuv420p"
        sound = file.add_stream("aac", rate=16000, options={"aac_coder": "fast"})
        for _ in range(frames):
            colour = np.broadcast_to(rng.integers(0, 256, 3, np.uint8), (size[1], size[0], 3))
            file.mux(picture.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(colour), format="rgb24")))
        noise = rng.normal(0, 0.1, (1, 16000 * frames // rate)).astype(np.float32)
        heard = av.AudioFrame.from_ndarray(noise, format="fltp", layout="mono")
        heard.sample_rate, heard.time_base = 16000, Fraction(1, 16000)
        file.mux(sound.encode(heard))
        for stream in (picture, sound):
            file.mux(stream.encode(None))


def write_sound(path: Path, rng: np.random.Generator, seconds: float = 0.5) -> None:
    """A WAV, 16 kHz, mono, 16 bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(rng.integers(-3000, 3000, int(16000 * seconds)).astype("<i2").tobytes())


def write_omg_empathy(
    folder: Path, rng: np.random.Generator, subjects: int = 10, frames: int = 10
) -> dict[tuple[str, int, int], NDArray[np.float64]]:
    """``Training/Videos/Subject_1_Story_2.mp4`` and ``Annotations/Subject_1_Story_2.csv``: valences by part, subject,
    story."""
    written: dict[tuple[str, int, int], NDArray[np.float64]] = {}
    for name, stories in (("Training", (2, 4, 5, 8)), ("Validation", (1,)), ("Testing", (3, 6, 7))):
        for subject in range(1, subjects + 1):
            for story in stories:
                stem = f"Subject_{subject}_Story_{story}"
                write_video(folder / name / "Videos" / f"{stem}.mp4", rng, frames)
                valence = np.clip(rng.normal(0, 0.5) + np.cumsum(rng.normal(0, 0.1, frames)), -1, 1)
                path = folder / name / "Annotations" / f"{stem}.csv"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("\n".join(["valence", *map(repr, valence.tolist())]) + "\n")
                written[name, subject, story] = valence
    return written


def write_bah(
    folder: Path, rng: np.random.Generator, people: int = 4, questions: int = 6, frames: int = 10
) -> list[tuple[str, str, int, str]]:
    """``data/Videos/82555/Visite_1/82555_Question_1_2024-...mp4`` and ``data/split/train.txt``: part, video, label,
    speech.

    Some names have a space or end in the name of a computer, and the speech has commas and quotation marks.
    """
    written: list[tuple[str, str, int, str]] = []
    for k, part in enumerate(PARTS):
        lines = []
        for person in range(82555 + 100 * k, 82555 + 100 * k + people):
            for question in range(1, questions + 1):
                between = " " if person % 2 else "_"
                end = "-DESKTOP-NQ55E0P" if question == 3 else ""
                name = f"{person}_Question_{question}_2024-10-02{between}16-03-2{question}_Video{end}.mp4"
                video = f"Videos/{person}/Visite_1/{name}"
                write_video(folder / "data" / video, rng, frames)
                label = int(rng.integers(2))
                said = f'Well, um, "yes", I would say {question}, or so.' if question % 2 else "I don't know."
                lines.append(f"{video},{label},{said}")
                written.append((part, video, label, said))
        path = folder / "data" / "split" / f"{part}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + ("\n" if part != "val" else ""), encoding="utf-8")
    return written


def write_eav(
    folder: Path, rng: np.random.Generator, subjects: int = 4, samples: int = 12, frames: int = 10
) -> dict[str, tuple[NDArray[np.float64], list[tuple[str, str]]]]:
    """``subject1/Video``, ``Audio`` and ``EEG``: EEG (samples, 30, 200), and task and emotion of the 200, by subject.

    Subjects of even number have their EEG under "seg" and not "seg1". Films of a person, task and emotion are copies of
    one.
    """
    emotions = ("Neutral", "Sadness", "Anger", "Happiness", "Calmness")
    written: dict[str, tuple[NDArray[np.float64], list[tuple[str, str]]]] = {}
    for subject in range(1, subjects + 1):
        home = folder / f"subject{subject}"
        order = rng.permutation(np.repeat(np.arange(5), 20))  # of the 100 exchanges
        said = [(task, emotions[k]) for k in order for task in ("Listening", "Speaking")]
        films: dict[tuple[str, str], bytes] = {}
        label = np.zeros((10, 200))
        for k, (task, emotion) in enumerate(said):
            film = home / "Video" / f"{k + 1:03}_Trial_{k % 20 + 1:02}_{task}_{emotion}.mp4"
            if (task, emotion) not in films:
                write_video(film, rng, frames, 30)
                films[task, emotion] = film.read_bytes()
            film.write_bytes(films[task, emotion])
            if task == "Speaking":
                write_sound(
                    home / "Audio" / f"{k + 1:03}_Trial_{k // 2 % 10 + 1:02}_{task}_{emotion}_Aud.wav", rng, 0.2
                )
            label[2 * emotions.index(emotion) + (task == "Speaking"), k] = 1
        eeg = rng.normal(0, 10, (samples, 30, 200))
        (home / "EEG").mkdir()
        keys: dict[str, Any] = {"seg1": eeg} if subject % 2 else {"seg": eeg, "seg1": np.zeros((0, 0))}
        savemat(home / "EEG" / f"subject{subject}_eeg.mat", keys)
        savemat(home / "EEG" / f"subject{subject}_eeg_label.mat", {"label": label})
        written[str(subject)] = eeg, said
    return written


def write_cremad_votes(folder: Path, rng: np.random.Generator, actors: int = 4, clips: int = 6) -> list[dict[str, Any]]:
    """``cremad_votes.csv.gz``, about ten votes in each way on every clip of ``actors`` in each split: its rows."""
    letters = "ADFHNS"
    codes = ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
    rows: list[dict[str, Any]] = []
    for k, role in enumerate(PARTS):
        for actor in range(1001 + k * actors, 1001 + (k + 1) * actors):
            for clip in range(clips):
                intended = clip % 6
                row: dict[str, Any] = {"clip": f"{actor}_IEO_{codes[intended]}_X{clip}", "actor": actor, "role": role}
                row |= {"sentence": "IEO", "intended": letters[intended], "level": "X"}
                for way, share in (("voice", 0.4), ("face", 0.7), ("av", 0.8)):
                    belief = np.full(6, (1 - share) / 5)
                    belief[intended] = share
                    votes = rng.multinomial(int(rng.integers(8, 12)), belief)
                    row |= {f"{way}_{letter}": int(n) for letter, n in zip(letters, votes, strict=True)}
                rows.append(row)
    folder.mkdir(parents=True, exist_ok=True)
    with gzip.open(folder / "cremad_votes.csv.gz", "wt", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return rows
