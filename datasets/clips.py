"""Acted speech: a folder of short recordings, each of one speaker saying one sentence in one emotion."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.base import Sample, Target
from affectstream.multimodal.terms import expected_vad

RATE = 16000  # Hz, of every clip as it is read
ENDINGS = (".wav", ".flac")


@dataclass(frozen=True)
class Clip:
    """One recording: its ``path``, who speaks, which sentence, and the emotion acted."""

    path: Path
    speaker: str
    sentence: str
    emotion: str


class Clips:
    """Recordings as a sequence of :class:`Sample`: (n,) float32 at 16 kHz, the target, the speaker as subject.

    ``emotions`` are the label names; ``share`` (n, K) is how far each clip is each of them, and ``vad`` (n, 3) its
    derived VAD, a re-expression of the emotion by term means and no rating (``vad_derived``). ``speaker``, ``sentence``
    and ``emotion`` (n,) are names, ``label`` (n,) the emotion's place among the label names.
    """

    def __init__(self, clips: Sequence[Clip], emotions: tuple[str, ...], share: NDArray[np.floating]) -> None:
        self.clips = tuple(clips)
        self.emotions = emotions
        self.share: NDArray[np.float32] = np.asarray(share, np.float32)
        self.vad: NDArray[np.float32] = expected_vad(share, emotions).astype(np.float32)
        self.speaker: NDArray[np.str_] = np.array([clip.speaker for clip in clips])
        self.sentence: NDArray[np.str_] = np.array([clip.sentence for clip in clips])
        self.emotion: NDArray[np.str_] = np.array([clip.emotion for clip in clips])
        self.label: NDArray[np.int64] = np.array([emotions.index(clip.emotion) for clip in clips])

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> Sample:
        return Sample(
            read_clip(self.clips[index].path), Target(self.vad[index], self.share[index]), self.clips[index].speaker
        )


def one_hot(emotion: Sequence[str], emotions: tuple[str, ...]) -> NDArray[np.float64]:
    """Names (n,) as shares (n, K)."""
    return np.array([[float(name == other) for other in emotions] for name in emotion])


def recordings(folder: Path, wanted: str) -> list[Path]:
    """The sound files below ``folder``, in order of their names; FileNotFoundError says what was ``wanted`` there."""
    found = sorted((p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS), key=lambda p: p.stem)
    if not found:
        raise FileNotFoundError(f"no recordings in {folder}; wanted {wanted}")
    return found


def read_clip(path: Path) -> NDArray[np.float32]:
    """The mean of all channels of a sound file, (n,) in [-1, 1] at 16 kHz."""
    import soundfile
    from scipy.signal import resample_poly

    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = samples.mean(1)
    return mono if rate == RATE else resample_poly(mono, RATE, rate).astype(np.float32)
