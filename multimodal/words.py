"""What is said in a recording that has no subtitles: sound in, timed utterances out.

Whisper in CTranslate2, by way of faster-whisper, without torch and without the network. Whisper makes words up where
nobody speaks, so it listens only where Silero's detector, which faster-whisper carries, hears speech, and
what it writes is kept only if it believes it and if somebody could have said it.
"""

import importlib.util
import itertools
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from affectstream.encoders.checkpoint import CheckpointError, sha256_of
from affectstream.multimodal.types import Chunk
from affectstream.multimodal.words_model import BASE, check_folder, installed_model

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

RATE = 16000  # Hz
LONGEST = 30.0  # s, what Whisper hears at once
ABSENT = "speech recognition is not installed (pip install 'affectstream[words]')"

_LAPSE = 1.0  # s; a longer gap in the sound ends a stretch, a shorter one is heard as silence
_HUSH = 0.3  # s; a stretch is cut in the middle of its quietest such time
_PAUSE = 0.8  # s; a longer pause ends an utterance

# What is dropped. All numbers but the pace are from Radford et al. 2022 (arXiv 2212.04356), section 4.5, where the first
# two must come together; here either will do, since a word made up is worse than a word missed.
_NO_SPEECH = 0.6  # Whisper finds it likelier than this that nobody speaks
_LOG_PROBABILITY = -1.0  # its mean log probability of a token is less than this: a guess
_PACE = 40.0  # more characters a second than this: nobody speaks so fast
_REPETITION = 2.4  # zlib makes it smaller by more than this: a decoder caught in a loop

# A full stop after a title or an initial does not end a sentence.
_END = re.compile(
    r"(?:[?!…。？！]|(?<!\bMr)(?<!\bMrs)(?<!\bMs)(?<!\bDr)(?<!\bSt)(?<!\b[A-HJ-Z])\.)[\"'”’»)]*$"  # noqa: RUF001
)


class Spoken(NamedTuple):
    """Some words, and when they are said in seconds."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, eq=False)
class Transcriber:
    """An opened recogniser: its ``model``, its ``name``, and the ``sha256`` of its weights."""

    model: "WhisperModel"
    name: str
    sha256: str


def open_transcriber(folder: Path | None = None) -> Transcriber | None:
    """The Whisper model in ``folder`` (CTranslate2's format), or that of the extra "words"; None if it is not installed.

    Raises CheckpointError if ``folder`` is given but cannot be used, or if the installed model is not the
    published one.
    """
    if importlib.util.find_spec("faster_whisper") is None:
        if folder is None:
            return None
        raise CheckpointError(
            f"{folder} cannot be opened: faster-whisper is not installed; pip install 'affectstream[words]'"
        )
    name, place = (BASE, installed_model()) if folder is None else (folder.resolve().name, check_folder(folder))
    if place is None:
        return None
    return Transcriber(_open(place), name, sha256_of(place / "model.bin"))


def _open(folder: Path) -> "WhisperModel":
    """The model in ``folder`` on one thread, in whole numbers of eight bits: twice as quick as floats, and as right."""
    from faster_whisper import WhisperModel

    try:
        model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)
    except (RuntimeError, ValueError) as error:
        raise CheckpointError(f"{folder} is not a Whisper model: {error}; get its files again") from error
    bands = len(model.feature_extractor.mel_filters)
    if bands != model.model.n_mels:
        raise CheckpointError(
            f"{folder} wants {model.model.n_mels} mel bands but would be fed {bands}; "
            "put the preprocessor_config.json that belongs to the model there"
        )
    return model


def transcribe(
    transcriber: Transcriber, sound: Iterable[Chunk], progress: Callable[[float], None] | None = None
) -> Chunk:
    """All utterances of ``sound`` in one Chunk: ``data`` (n,) str, ``time`` and ``duration`` (n,) s, sorted by time.

    ``sound`` is what ``read_audio`` yields: mono, 16 kHz, in order. No more than about 30 s of it is held. Times are on
    its clock. An utterance is about a sentence, in the language it is spoken in, which is found anew in each stretch of
    up to 30 s. The same sound gives the same words: nothing is drawn at random. ``progress`` is told the second up to
    which all is heard. Raises ValueError if the sound comes at another rate.
    """
    spoken: list[Spoken] = []
    for start, samples in stretches(sound):
        spoken += [Spoken(start + s.start, start + s.end, s.text) for s in _heard(transcriber.model, samples)]
        if progress:
            progress(start + len(samples) / RATE)
    spoken.sort(key=lambda s: s.start)
    begin, end = (np.array([getattr(s, name) for s in spoken], np.float64) for name in ("start", "end"))
    texts = np.array([s.text for s in spoken], np.str_)
    return Chunk("text", spoken[0].start if spoken else 0.0, 0.0, texts, time=begin, duration=end - begin)


def stretches(sound: Iterable[Chunk]) -> Iterator[tuple[float, NDArray[np.float32]]]:
    """``sound`` in stretches of up to 30 s: the second at which each begins, and its samples (n,).

    What is longer is cut in the quietest moment of its last third. A stretch ends early where more than a second
    of sound is missing; shorter gaps are filled with silence, so that time runs evenly in it.
    """
    longest = round(LONGEST * RATE)
    start, held = 0.0, np.empty(0, np.float32)
    for chunk in sound:
        if chunk.rate != RATE:
            raise ValueError(f"the sound comes at {chunk.rate:g} Hz; wanted {RATE} Hz; read it with read_audio(path)")
        gap = round((chunk.start - start) * RATE) - len(held)
        if len(held) and not 0 <= gap <= _LAPSE * RATE:
            yield start, held
            held = held[:0]
        if not len(held):
            start, gap = chunk.start, 0
        held = np.concatenate([held, np.zeros(gap, np.float32), chunk.data])
        while len(held) > longest:
            cut = _quietest(held[:longest])
            yield start, held[:cut]
            start, held = start + cut / RATE, held[cut:]
    if len(held):
        yield start, held


def _quietest(samples: NDArray[np.float32]) -> int:
    """The middle of the quietest 0.3 s in the last third of ``samples`` (n,); of equals, the last."""
    first, width = len(samples) * 2 // 3, round(_HUSH * RATE)
    energy = np.concatenate([[0.0], np.cumsum(samples[first:].astype(np.float64) ** 2)])
    power = energy[width:] - energy[:-width]
    return first + len(power) - 1 - int(power[::-1].argmin()) + width // 2


def _heard(model: "WhisperModel", samples: NDArray[np.float32]) -> list[Spoken]:
    """The utterances in ``samples`` (n,), up to 30 s at 16 kHz, in seconds from the first sample."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(min_speech_duration_ms=100, min_silence_duration_ms=200, speech_pad_ms=0)
    voice = [(span["start"] / RATE, span["end"] / RATE) for span in get_speech_timestamps(samples, options)]
    if not voice:
        return []
    segments, _ = model.transcribe(
        samples,
        language="en",  # for a model that knows no other; with ``multilingual`` each window's own is found
        multilingual=model.model.is_multilingual,
        beam_size=5,
        temperature=0.0,
        condition_on_previous_text=False,
        word_timestamps=True,
        vad_filter=True,
    )
    words: list[Spoken] = []
    for segment in segments:
        if segment.no_speech_prob <= _NO_SPEECH and segment.avg_logprob >= _LOG_PROBABILITY:
            said = [Spoken(float(word.start), float(word.end), word.word) for word in segment.words or ()]
            words += [trimmed(word, voice) for word in unlooped(said)]
    return [utterance for utterance in utterances(words) if sayable(utterance, voice)]


def unlooped(words: Sequence[Spoken]) -> list[Spoken]:
    """``words`` without those for which a decoder caught in a loop found no time; none if they are half of all.

    One short word by itself may well have been given no time.

    >>> heard = [Spoken(0, 1, "It"), Spoken(1, 1, "is"), Spoken(1, 2, "I"), Spoken(2, 2, "is"), Spoken(2, 2, "I")]
    >>> [word.text for word in unlooped(heard)]
    ['It', 'is', 'I']
    """
    runs = [list(run) for _, run in itertools.groupby(words, key=lambda word: word.end > word.start)]
    kept = [word for run in runs if run[0].end > run[0].start or len(run) == 1 for word in run]
    return kept if len(kept) > len(words) / 2 else []


def trimmed(word: Spoken, voice: Sequence[tuple[float, float]]) -> Spoken:
    """``word`` without the pause before it, which Whisper counts as part of it; ``voice`` holds each (start s, end s) of speech.

    >>> trimmed(Spoken(0.5, 2.0, "Oh"), [(0.0, 0.7), (1.6, 4.0)])
    Spoken(start=1.6, end=2.0, text='Oh')
    """
    for start, end in reversed(voice):
        if start < word.end and end > word.start:
            return Spoken(max(start, word.start), min(end, word.end), word.text)
    return word


def utterances(words: Sequence[Spoken]) -> list[Spoken]:
    """``words`` gathered: an utterance ends with a sentence and before a pause.

    >>> heard = [Spoken(0.1, 0.4, " Mr."), Spoken(0.4, 0.8, " Kay!"), Spoken(0.9, 1.1, " Oh"), Spoken(2.5, 2.9, " no")]
    >>> [utterance.text for utterance in utterances(heard)]
    ['Mr. Kay!', 'Oh', 'no']
    """
    groups: list[list[Spoken]] = []
    for word in words:
        last = groups[-1][-1] if groups else None
        if last is None or word.start - last.end > _PAUSE or _END.search(last.text):
            groups.append([])
        groups[-1].append(word)
    return [Spoken(g[0].start, g[-1].end, "".join(word.text for word in g).strip()) for g in groups]


def sayable(utterance: Spoken, voice: Sequence[tuple[float, float]]) -> bool:
    """Can somebody have said ``utterance``: has it letters, is there a ``voice`` meanwhile, is it no loop and not too fast?

    >>> sayable(Spoken(0.0, 0.5, "Thank you."), [(0.1, 0.4)]), sayable(Spoken(0.0, 0.5, "Thank you."), [(7.0, 8.0)])
    (True, False)
    """
    start, end, text = utterance
    raw = text.encode()
    return (
        any(character.isalnum() for character in text)
        and any(begins < end and ends > start for begins, ends in voice)
        and len(text) <= _PACE * (end - start + _HUSH)
        and len(raw) <= _REPETITION * len(zlib.compress(raw))
    )
