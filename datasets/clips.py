"""Short recordings of speech: each of one speaker saying one sentence, in an emotion that was acted or rated."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affectstream.datasets.base import Corpus, one_hot
from affectstream.multimodal.terms import EXPRESSIONS, FURTHER_MEAN, expected_vad

RATE = 16000  # Hz, of every clip as it is read
ENDINGS = (".wav", ".flac")
CHUNKS: dict[bytes, tuple[Literal["little", "big"], bytes]] = {  # WAV and AIFF: byte order, and the chunk of samples
    b"RIFF": ("little", b"data"),
    b"FORM": ("big", b"SSND"),
}
UNTOLD = 0xFFFFFFFF  # the length in the header of a WAV that was written to a pipe


@dataclass(frozen=True)
class Clip:
    """One recording: its ``path``, who speaks, which sentence, and the emotion acted or heard, "" if none was agreed."""

    path: Path
    speaker: str
    sentence: str
    emotion: str


class Clips(Corpus):
    """Recordings as a :class:`Corpus`: (n,) float32 at 16 kHz, the speaker as subject, the sentence as trial.

    ``emotions`` are the label names; ``share`` (n, K) is how far each clip is each of them, by default wholly the one in
    its name. ``vad`` (n, 3) are human ratings in [-1, 1] where the corpus has them; else it is derived
    (``vad_derived``): a re-expression of the shares by term means and no rating, NaN for an emotion without one.
    ``files`` (n,) are the recordings' paths, ``speaker``, ``sentence`` and ``emotion`` (n,) are names, ``label`` (n,) the emotion's place among the label names,
    -1 where it is "".
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        emotions: tuple[str, ...],
        share: NDArray[np.floating] | None = None,
        *,
        vad: NDArray[np.floating] | None = None,
        session: ArrayLike | None = None,
        part: ArrayLike | None = None,
    ) -> None:
        self.clips = tuple(clips)
        self.files = [clip.path for clip in clips]
        self.emotions = emotions
        self.vad_derived = vad is None
        named = one_hot([clip.emotion for clip in clips], emotions)
        share = named if share is None else share
        super().__init__(
            [clip.speaker for clip in clips],
            trial=[clip.sentence for clip in clips],
            session=session,
            part=part,
            vad=derived_vad(share, emotions) if vad is None else vad,
            labels=emotions,
            share=share,
        )
        self.speaker: NDArray[np.str_] = self.subject
        self.sentence: NDArray[np.str_] = self.trial
        self.emotion: NDArray[np.str_] = np.array([clip.emotion for clip in clips])
        self.label: NDArray[np.int64] = np.where(np.isnan(named).any(1), -1, named.argmax(1))

    def signal(self, index: int) -> NDArray[np.float32]:
        """Sample ``index``: (n,) float32 in [-1, 1] at 16 kHz; raises what :func:`read_clip` raises."""
        return read_clip(self.clips[index].path)


def derived_vad(share: NDArray[np.floating], emotions: Sequence[str]) -> NDArray[np.float64]:
    """Expected term VAD (n, 3) of shares (n, K); NaN where any part goes to an emotion whose term has no mean here.

    >>> derived_vad(np.array([[1.0, 0.0], [0.0, 1.0]]), ("sadness", "calm")).tolist()
    [[-0.63, -0.27, -0.33], [nan, nan, nan]]
    """
    rated = np.array([name in EXPRESSIONS or name in FURTHER_MEAN for name in emotions])
    vad = expected_vad(share[:, rated], [name for name in emotions if name in EXPRESSIONS or name in FURTHER_MEAN])
    vad[(share[:, ~rated] != 0).any(1)] = np.nan
    return vad


def recordings(folder: Path, wanted: str) -> list[Path]:
    """The sound files below ``folder``, in order of their names; FileNotFoundError says what was ``wanted`` there."""
    every = (p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS and not p.name.startswith("._"))
    found = sorted(every, key=lambda p: (p.stem, p))
    if not found:
        raise FileNotFoundError(f"no recordings in {folder}; wanted {wanted}")
    return found


def without_copies(paths: Iterable[Path], name: Callable[[Path], Hashable]) -> list[Path]:
    """``paths`` without those that are there again: unpacked archives of some corpora hold the same folder twice.

    ``name`` says what the corpus calls a file. Raises ValueError for two of one name and different sizes.
    """
    first: dict[Hashable, Path] = {}
    for path in paths:
        same = first.setdefault(name(path), path)
        if same.stat().st_size != path.stat().st_size:
            raise ValueError(
                f"{same} and {path} are one recording by name, but differ; keep the one that was published"
            )
    return list(first.values())


def require_files(clips: Sequence[Clip]) -> None:
    """Raise FileNotFoundError that names the first of ``clips`` whose file is missing, and says how many are."""
    there = {
        folder: {p.name for p in folder.iterdir()} if folder.is_dir() else set()
        for folder in {clip.path.parent for clip in clips}
    }
    if missing := [clip.path for clip in clips if clip.path.name not in there[clip.path.parent]]:
        raise FileNotFoundError(
            f"{missing[0]} is missing, and {len(missing) - 1} more of the {len(clips)} recordings the labels name; unpack "
            "the corpus's sound again"
        )


def read_clip(path: Path) -> NDArray[np.float32]:
    """The mean of all channels of a sound file, or of a Flash video's sound, (n,) in [-1, 1] at 16 kHz.

    What a file is, is told by what it holds, not by its ending. Raises FileNotFoundError if it is missing, ValueError if
    it holds no sound, less of it than its header promises, or samples that are no numbers.
    """
    from scipy.signal import resample_poly

    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; wanted a recording; copy it from the corpus again")
    samples, rate = _soundtrack(path) if path.suffix.lower() == ".flv" else _sound(path)
    if not len(samples) or not np.isfinite(samples).all():
        wrong = "samples that are no numbers" if len(samples) else "no samples"
        raise ValueError(f"{path} holds {wrong}; wanted a recording; copy it again")
    mono = samples.mean(1)
    return mono if rate == RATE else resample_poly(mono, RATE, rate).astype(np.float32)


def _sound(path: Path) -> tuple[NDArray[np.float32], int]:
    """Samples (n, channels) and their rate in Hz."""
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            promised = max(_promised(path), file.frames)
            samples, rate = np.asarray(file.read(dtype="float32", always_2d=True), np.float32), file.samplerate
    except soundfile.SoundFileError as error:
        raise ValueError(f"{path} is no whole sound file ({_reason(path, error)}); copy it again") from error
    if len(samples) < promised:
        raise ValueError(f"{path} is cut short: {len(samples)} of {promised} samples are there; copy it again")
    return samples, rate


def _promised(path: Path) -> int:
    """Frames that the header of a WAV or AIFF promises, which soundfile trims to what is there; 0 if it says none."""
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] not in CHUNKS:
            return 0
        order, wanted = CHUNKS[head[:4]]
        whole, frame = path.stat().st_size, 0
        while len(chunk := file.read(8)) == 8:
            name, size = chunk[:4], int.from_bytes(chunk[4:], order)
            if name == wanted:
                cut = size != UNTOLD and file.tell() + size > whole
                return -(-size // frame) if cut and frame else 0
            body = file.read(size + size % 2)
            if name == b"fmt ":
                frame = int.from_bytes(body[12:14], order)
            if name == b"COMM":
                frame = int.from_bytes(body[:2], order) * int.from_bytes(body[6:8], order) // 8
    return 0


def _soundtrack(path: Path) -> tuple[NDArray[np.float32], int]:
    """The first sound track of a video, (n, channels), and its rate in Hz."""
    import av

    try:
        with av.open(str(path)) as video:
            if not video.streams.audio:
                raise ValueError("it has no sound track")
            track = video.streams.audio[0]
            whole = av.AudioResampler(format="fltp")
            parts = [part.to_ndarray().T for frame in video.decode(track) for part in whole.resample(frame)]
            length, rate = (video.duration or 0) / av.time_base, track.rate
    except ValueError as error:  # PyAV's errors of data are ValueErrors
        raise ValueError(f"{path} is no whole video with sound ({_reason(path, error)}); copy it again") from error
    samples = np.concatenate(parts or [np.empty((0, 1), np.float32)]).astype(np.float32)
    if len(samples) / rate < 0.9 * length:
        raise ValueError(f"{path} is cut short: {len(samples) / rate:.2f} of {length:.2f} s are there; copy it again")
    return samples, rate


def _reason(path: Path, error: Exception) -> str:
    with path.open("rb") as file:
        pointer = file.read(40).startswith(b"version https://git-lfs")
    return "a pointer of Git LFS, not the recording: run git lfs pull" if pointer else str(error)
