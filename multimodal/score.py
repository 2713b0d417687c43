"""Score a recording: a file in, one trace per source, a fused trace and a state out."""

import time as clock
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from affectstream.encoders.eeg.personal import PersonalModel
from affectstream.encoders.face.encoder import FaceEncoder, FaceState
from affectstream.encoders.speech.encoder import SpeechEncoder
from affectstream.encoders.text.encoder import TextEncoder
from affectstream.multimodal.combine import combine, reach_of
from affectstream.multimodal.dynamics.events import Event
from affectstream.multimodal.eeg.recordings import is_recording
from affectstream.multimodal.eeg.scoring import Brain, score_brain
from affectstream.multimodal.media import Media, probe
from affectstream.multimodal.signals import read_audio, read_video
from affectstream.multimodal.subtitles import read_subtitles
from affectstream.multimodal.types import Chunk, Observation, SignalError, Trace
from affectstream.multimodal.words import ABSENT, Transcriber, open_transcriber, transcribe

MODALITIES = ("face", "speech", "text", "eeg")

Progress = Callable[[float, float], None]  # seconds done, seconds in all


@dataclass(frozen=True, eq=False)
class Result:
    """What one recording gave.

    ``traces`` source to :class:`Trace`: "face/0", "face/1"..., "speech", "text", "eeg", "fused", "state"; ``events`` onsets, offsets,
    shifts, recoveries and discord in the state; ``media`` what the file holds;
    ``words`` the utterances, (start s, end s, text), and ``recognised`` whether they were taken from the sound;
    ``faces`` what was seen of each face; ``brain`` what an EEG recording held, None for others; ``missing``
    modality to the reason it gave nothing; ``notes`` what went wrong without stopping the run; ``main_face``
    the track that is fused, or None (``causal``: the one that was there most in all; at each moment that of late is fused); ``weights`` checkpoint name to sha256; ``seconds`` the time it took.
    """

    path: Path
    media: Media
    hz: float
    causal: bool
    traces: dict[str, Trace]
    events: list[Event]
    words: list[tuple[float, float, str]]
    recognised: bool
    faces: FaceState
    brain: Brain | None
    main_face: int | None
    missing: dict[str, str]
    notes: list[str]
    weights: dict[str, str]
    seconds: float

    @property
    def duration(self) -> float:
        """Length in seconds, as the file says; where it does not, to the end of the last row."""
        ends = [float(t.time[-1] + t.span[-1] / 2) for t in self.traces.values() if len(t)]
        return max(ends, default=0.0) if self.media.duration is None else self.media.duration


@dataclass(frozen=True, eq=False)
class Encoders:
    """The networks a run needs, opened once for all its files; None where a modality was not asked for.

    ``words_model`` is a folder with the user's own speech recogniser, or None for the one that the extra "words" brings;
    ``eeg_model`` a person's own model for EEG recordings.
    """

    face: FaceEncoder | None
    speech: SpeechEncoder | None
    text: TextEncoder | None
    words_model: Path | None = None
    eeg: bool = False
    eeg_model: PersonalModel | None = None

    @cached_property
    def transcriber(self) -> Transcriber | None:
        """The speech recogniser, opened when the first file without subtitles asks for it; None if it is not installed."""
        return open_transcriber(self.words_model)


def open_encoders(
    modalities: Sequence[str] = MODALITIES, words_model: Path | None = None, eeg_model: Path | None = None
) -> Encoders:
    """Open the shipped networks of ``modalities``; raises ValueError for one that does not exist.

    ``words_model`` is a folder with a speech recogniser of the user's own, for files without subtitles; ``eeg_model`` a
    file made by ``affectstream calibrate`` (CheckpointError if it is none).
    """
    unknown = sorted(set(modalities) - set(MODALITIES))
    if unknown or not modalities:
        raise ValueError(f"modalities are {', '.join(modalities) or 'none'}; wanted some of {', '.join(MODALITIES)}")
    return Encoders(
        FaceEncoder.load() if "face" in modalities else None,
        SpeechEncoder.load() if "speech" in modalities else None,
        TextEncoder.load() if "text" in modalities else None,
        words_model,
        "eeg" in modalities,
        None if eeg_model is None else PersonalModel.load(eeg_model),
    )


def score(
    path: Path | str,
    *,
    hz: float = 10.0,
    causal: bool = False,
    modalities: Sequence[str] = MODALITIES,
    subtitles: Path | str | None = None,
    encoders: Encoders | None = None,
    progress: Progress | None = None,
) -> Result:
    """Score the recording at ``path``.

    Every frame of the video, every stretch of voice and every utterance is looked at, each at its own time; ``fused`` and ``state``
    come ``hz`` times a second; with ``causal`` as a live run would have given them, else with what comes later
    known too. The words come from ``subtitles`` (.srt, .vtt), from a text track in the
    file or, if the extra "words" is installed, from its sound. ``progress`` is told how many seconds of how many are done.

    Raises SignalError, with one sentence that says what to do, if nothing in the file can be scored.
    """
    began = clock.monotonic()
    path = Path(path)
    if encoders is None:  # of what was asked for, only what the file may need
        encoders = open_encoders([m for m in modalities if (m == "eeg") == is_recording(path)] or modalities)
    if is_recording(path):
        return _score_recording(path, hz, causal, encoders, progress)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        media = probe(path)
        traces: dict[str, Trace] = {}
        missing: dict[str, str] = {}
        words: list[tuple[float, float, str]] = []
        recognised = False
        faces = FaceState()
        if encoders.face is not None:
            if media.video is None:
                missing["face"] = "the file has no video stream"
            else:
                faces, found = _score_face(encoders.face, read_video(path), media.duration, progress)
                traces |= found
                if not faces.people:
                    missing["face"] = "no face was found in any frame"
        if encoders.speech is not None:
            if media.audio is None:
                missing["speech"] = "the file has no audio track"
            else:
                try:
                    found = _score_speech(encoders.speech, read_audio(path, seconds=10.0), media.duration, progress)
                except SignalError as error:  # the pictures may still be good
                    found, missing["speech"] = {}, str(error)
                traces |= found
                if not any(trace.observed.any() for trace in found.values()):
                    missing.setdefault("speech", "no voice was heard")
        if encoders.text is not None:
            spoken, where = _spoken(encoders, path, media, subtitles, progress)
            words, found = _score_text(encoders.text, spoken)
            traces |= found
            recognised = bool(words) and subtitles is None and not media.text
            if not words:
                missing["text"] = f"no words{where}"
    if not traces:
        reasons = "; ".join(f"{modality}: {why}" for modality, why in missing.items())
        raise SignalError(f"{path}: nothing to score ({reasons}); wanted a face, a voice, or words as --subtitles FILE")
    main = main_face(traces)
    fused = traces if causal else of_one_person(traces, main)  # who is there most, a live run finds as it goes
    combined = combine(fused, hz, reach=reach_of(traces.values()), causal=causal)
    traces |= {"fused": combined.fused, "state": combined.state}
    return Result(
        path=path,
        media=media,
        hz=hz,
        causal=causal,
        traces=traces,
        events=combined.events,
        words=words,
        recognised=recognised,
        faces=faces,
        brain=None,
        main_face=main,
        missing=missing,
        notes=[str(w.message) for w in caught],
        weights=weights_of(encoders, recognised=recognised),
        seconds=clock.monotonic() - began,
    )


def _score_recording(path: Path, hz: float, causal: bool, encoders: Encoders, progress: Progress | None) -> Result:
    """Score an EEG file."""
    began = clock.monotonic()
    if not encoders.eeg:
        raise SignalError(f"{path} is an EEG recording; wanted eeg among the modalities; add it to --modalities")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        brain, trace = score_brain(path, causal=causal, model=encoders.eeg_model, progress=progress)
    if trace is None:
        raise SignalError(
            f"{path}: nothing to score: {brain.recording.duration:.1f} s of EEG hold no stretch of 4 s without a gap; "
            "record for longer"
        )
    missing = {}
    if not trace.observed.any():
        missing["eeg"] = brain.unread
    combined = combine({"eeg": trace}, hz, reach=reach_of([trace]), causal=causal)
    return Result(
        path=path,
        media=Media(brain.recording.duration, None, None, ()),
        hz=hz,
        causal=causal,
        traces={"eeg": trace, "fused": combined.fused, "state": combined.state},
        events=combined.events,
        words=[],
        recognised=False,
        faces=FaceState(),
        brain=brain,
        main_face=None,
        missing=missing,
        notes=[*brain.recording.notes, *(str(w.message) for w in caught)],
        weights={} if brain.model is None else {"eeg-person": brain.model.sha256},
        seconds=clock.monotonic() - began,
    )


def of_one_person(traces: dict[str, Trace], main_face: int | None) -> dict[str, Trace]:
    """The face ``main_face`` and every source that is not a face."""
    return {s: t for s, t in traces.items() if not s.startswith("face/") or s == f"face/{main_face}"}


def _score_face(
    encoder: FaceEncoder, chunks: Iterable[Chunk], duration: float | None, progress: Progress | None
) -> tuple[FaceState, dict[str, Trace]]:
    """Fold the face encoder over the video; embeddings are let go so that long files stay small."""
    state, parts = encoder.initial(), {}
    for chunk in chunks:
        state, observations = encoder.observe(state, chunk)
        for observation in observations:
            parts.setdefault(observation.source, []).append(observation.without_embedding())
        if progress:
            done = float(chunk.times[-1])
            progress(done, duration or done)
    return state, _joined(parts)


def _score_speech(
    encoder: SpeechEncoder, chunks: Iterable[Chunk], duration: float | None, progress: Progress | None
) -> dict[str, Trace]:
    """Fold the speech encoder over the sound."""
    state, rows = encoder.initial(), []
    for chunk in chunks:
        state, observations = encoder.observe(state, chunk)
        rows += observations
        if progress:
            done = float(chunk.start + len(chunk) / chunk.rate)
            progress(done, duration or done)
    _, observations = encoder.finish(state)
    rows = [row.without_embedding() for row in rows + observations]
    return {rows[0].source: Trace.join(rows)} if rows else {}


def _spoken(
    encoders: Encoders, path: Path, media: Media, subtitles: Path | str | None, progress: Progress | None
) -> tuple[Chunk | None, str]:
    """What is said, from ``subtitles``, the file's text track or its sound; and where it was not found, should it be nothing."""
    if subtitles is not None:
        return read_subtitles(subtitles), " in the subtitles"
    if media.text:
        return read_subtitles(path), " in the file's text track"
    if media.audio is None:
        return None, ": the file has no text track and no sound, and no --subtitles were given"
    transcriber = encoders.transcriber
    if transcriber is None:
        return None, f": the file has no text track, no --subtitles were given, and {ABSENT}"

    def show(done: float) -> None:
        if progress:
            progress(done, media.duration or done)

    try:
        return transcribe(transcriber, read_audio(path), show), " were recognised in the sound"
    except SignalError as error:
        return None, f": {error}"


def _score_text(encoder: TextEncoder, chunk: Chunk | None) -> tuple[list[tuple[float, float, str]], dict[str, Trace]]:
    """Score the utterances of ``chunk``, if there is one."""
    if chunk is None:
        return [], {}
    lasting = chunk.duration if chunk.duration is not None else np.zeros(len(chunk))
    words = [(float(t), float(t + d), str(s)) for t, d, s in zip(chunk.times, lasting, chunk.data, strict=True)]
    _, observations = encoder.observe(encoder.initial(), chunk)
    return words, {o.source: o.without_embedding() for o in observations if len(o)}


def _joined(parts: dict[str, list[Observation]]) -> dict[str, Trace]:
    return {source: Trace.join(parts[source]) for source in sorted(parts, key=_order)}


def _order(source: str) -> tuple[str, int]:
    """Sort key that puts "face/10" after "face/9"."""
    kind, _, number = source.partition("/")
    return kind, int(number or 0)


def main_face(traces: dict[str, Trace]) -> int | None:
    """The face seen longest and best: the greatest sum of quality over time; the lower id of two equals."""
    faces = {
        s: float((t.quality * t.span).sum()) for s, t in traces.items() if s.startswith("face/") and t.observed.any()
    }
    return int(max(faces, key=lambda s: faces[s]).partition("/")[2]) if faces else None


def weights_of(encoders: Encoders, *, recognised: bool) -> dict[str, str]:
    """Checkpoint name to sha256 of all that ``encoders`` opened, and of the speech recogniser if words were ``recognised``."""
    opened = [encoder.checkpoint for encoder in (encoders.face, encoders.text) if encoder is not None]
    opened += [] if encoders.speech is None else encoders.speech.checkpoints
    used = {checkpoint.facts.name: checkpoint.sha256 for checkpoint in opened}
    transcriber = encoders.transcriber if recognised else None
    return used if transcriber is None else used | {transcriber.name: transcriber.sha256}
