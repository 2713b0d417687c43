"""Make the two demo clips from six clips of CREMA-D: one actor, one sentence, six acted emotions.

    python examples/make_demo.py --data FOLDER

``FOLDER/clips/cremad`` holds ``1001_DFA_*_XX.flv``. Written beside this file, each with the timeline of what is acted
when (``.timeline.json``) and the words (``.srt``): ``six_emotions.mp4``, the six clips one after the other, and
``smile_angry_voice.mp4``, the happy face over the angry voice. Run twice, it writes the same bytes.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.signals import read_audio, read_video

SENTENCE = "Don't forget a jacket."
EMOTIONS = {"NEU": "neutral", "HAP": "happiness", "SAD": "sadness", "ANG": "anger", "FEA": "fear", "DIS": "disgust"}
STEP = Fraction(1001, 30000)  # s a frame: the clips were filmed at 29.97 Hz
RATE = 44100


@dataclass(frozen=True)
class Clip:
    """One acted sentence: ``pictures`` (n, H, W, 3), ``sound`` (m,) of the same length from the same moment on, and
    ``speech``, the (first, last) second in which the voice is heard."""

    name: str
    emotion: str
    pictures: NDArray[np.uint8]
    sound: NDArray[np.float32]
    speech: tuple[float, float]


def load(path: Path) -> Clip:
    """A clip from its first picture to its last; its sound is cut or filled with silence to the same length."""
    video = list(read_video(path))
    audio = list(read_audio(path, rate=RATE))
    pictures = np.concatenate([chunk.data for chunk in video])
    sound = np.concatenate([chunk.data for chunk in audio])
    late = round((video[0].start - audio[0].start) * RATE)
    sound = fit(sound[late:] if late >= 0 else np.pad(sound, (-late, 0)), samples(len(pictures)))
    return Clip(path.name, EMOTIONS[path.stem.split("_")[2]], pictures, sound, heard(sound))


def samples(frames: int) -> int:
    """How many samples last as long as ``frames``."""
    return round(frames * STEP * RATE)


def fit(sound: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """``sound`` cut, or filled with silence, to ``length`` samples; 5 ms at either end are faded, so that no join clicks."""
    out = np.zeros(length, np.float32)
    out[: len(sound)] = sound[:length]
    fade = np.linspace(0, 1, RATE // 200, dtype=np.float32)
    out[: len(fade)] *= fade
    out[-len(fade) :] *= fade[::-1]
    return out


def heard(sound: NDArray[np.float32]) -> tuple[float, float]:
    """The first and last second of speech: where the level is nearer, in decibels, to the loud parts than to the room."""
    hop = RATE // 100
    power = (sound[: len(sound) // hop * hop].reshape(-1, hop) ** 2).mean(1)
    level = 10 * np.log10(np.convolve(power, np.ones(3) / 3, "same") + 1e-9)
    loud = np.flatnonzero(level > np.percentile(level, [10, 95]).mean())
    return int(loud[0]) / 100, int(loud[-1] + 1) / 100


def write_clip(path: Path, pictures: NDArray[np.uint8], sound: NDArray[np.float32]) -> None:
    """H.264 and AAC in an mp4 that starts to play before it has loaded; one thread, so that its bytes never change."""
    import av

    with av.open(str(path), "w", options={"movflags": "faststart"}) as file:
        video: Any = file.add_stream("h264", rate=1 / STEP, options={"crf": "23", "preset": "slow"})
        video.height, video.width = pictures.shape[1:3]
        video.pix_fmt = "yuv420p"
        video.codec_context.thread_count = 1
        voice: Any = file.add_stream("aac", rate=RATE, layout="mono", bit_rate=64000)
        done = 0
        for number, picture in enumerate(pictures):  # sound and pictures by turns, as a player needs them
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, STEP
            file.mux(video.encode(frame))
            due = samples(number + 1)
            tone = av.AudioFrame.from_ndarray(sound[None, done:due], format="flt", layout="mono")
            tone.sample_rate, tone.pts, tone.time_base = RATE, done, Fraction(1, RATE)
            file.mux(voice.encode(tone))
            done = due
        file.mux([*video.encode(), *voice.encode()])


def write_words(path: Path, spoken: Sequence[tuple[float, float]]) -> None:
    """The sentence as an .srt file, once for each (first, last) second."""
    blocks = [f"{n}\n{stamp(first)} --> {stamp(last)}\n{SENTENCE}\n" for n, (first, last) in enumerate(spoken, 1)]
    path.write_text("\n".join(blocks), encoding="utf-8", newline="\n")


def stamp(seconds: float) -> str:
    """Seconds as SubRip writes them.

    >>> stamp(62.5)
    '00:01:02,500'
    """
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02},{milliseconds:03}"


def write_timeline(path: Path, segments: Sequence[dict[str, Any]]) -> None:
    """What is acted when; ``start`` and ``end`` are seconds on the clip's clock."""
    path.write_text(json.dumps(list(segments), indent=2) + "\n", encoding="utf-8", newline="\n")


def six_emotions(clips: Sequence[Clip], folder: Path) -> None:
    """The clips one after the other."""
    segments, spoken, first = [], [], 0
    for clip in clips:
        start, end = (round(float(n * STEP), 6) for n in (first, first + len(clip.pictures)))
        segments.append({"start": start, "end": end, "acted": clip.emotion, "source": clip.name})
        spoken.append((start + clip.speech[0], start + clip.speech[1]))
        first += len(clip.pictures)
    pictures = np.concatenate([clip.pictures for clip in clips])
    # Each sound is as long as its pictures to the nearest sample; together they may miss a sample or two.
    sound = fit(np.concatenate([clip.sound for clip in clips]), samples(first))
    write_clip(folder / "six_emotions.mp4", pictures, sound)
    write_timeline(folder / "six_emotions.timeline.json", segments)
    write_words(folder / "six_emotions.srt", spoken)


def smile_angry_voice(face: Clip, voice: Clip, folder: Path) -> None:
    """The pictures of ``face`` with the sound of ``voice``, moved so that both begin to speak at the same time."""
    late = round((voice.speech[0] - face.speech[0]) * RATE)
    sound = voice.sound[late:] if late >= 0 else np.pad(voice.sound, (-late, 0))
    write_clip(folder / "smile_angry_voice.mp4", face.pictures, fit(sound, len(face.sound)))
    end = round(float(len(face.pictures) * STEP), 6)
    segment = {"start": 0.0, "end": end, "acted_face": face.emotion, "acted_voice": voice.emotion}
    segment |= {"source_face": face.name, "source_voice": voice.name}
    write_timeline(folder / "smile_angry_voice.timeline.json", [segment])
    write_words(folder / "smile_angry_voice.srt", [(face.speech[0], min(voice.speech[1] - late / RATE, end))])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder that holds clips/cremad/1001_DFA_*_XX.flv")
    source: Path = parser.parse_args().data / "clips" / "cremad"
    folder = Path(__file__).parent
    clips = {name: load(source / f"1001_DFA_{short}_XX.flv") for short, name in EMOTIONS.items()}
    six_emotions(list(clips.values()), folder)
    smile_angry_voice(clips["happiness"], clips["anger"], folder)


if __name__ == "__main__":
    main()
