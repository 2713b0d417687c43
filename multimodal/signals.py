"""Readers: a media file becomes Chunks of one modality, in order, in bounded memory, on the file's own clock.

Video, audio and text of one file share one clock, the container's presentation clock in seconds: no reader
re-zeroes its track, so an audio track that starts late is late. Frame number divided by frame rate is never used.
"""

import itertools
import operator
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.media import (
    AudioTrack,
    Media,
    SignalWarning,
    VideoTrack,
    audio_stream,
    decode,
    open_media,
    orientation,
    probe,
    square_width,
    upright,
    video_stream,
)
from affectstream.multimodal.resample import Resampler
from affectstream.multimodal.subtitles import read_subtitles
from affectstream.multimodal.types import Chunk, SignalError

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = [
    "AudioTrack",
    "Media",
    "SignalWarning",
    "VideoTrack",
    "probe",
    "read_audio",
    "read_subtitles",
    "read_video",
]

# Containers round times to a millisecond, and live recorders jitter by a few: less than this is no gap.
_GAP = 0.01


def read_video(path: str | Path, *, frames: int = 16) -> Iterator[Chunk]:
    """The pictures of ``path``, up to ``frames`` a chunk: ``data`` (n, H, W, 3) uint8 RGB, ``time`` (n,) seconds.

    Pictures are upright and have square pixels; a chunk ends early where the picture size changes. ``rate`` is
    the nominal frame rate. Times are the container's; where they are missing, repeat or run backwards they are
    mended so that they never decrease, with a SignalWarning after the last frame; so is a file that is cut short
    or damaged, of which the good part is read. The file is closed when the iterator ends or is closed. Raises
    SignalError, at the first chunk, if the file cannot be read or has no video.
    """
    if frames < 1:
        raise ValueError(f"frames is {frames}; wanted at least 1 frame a chunk")
    with open_media(path) as container:
        stream = video_stream(container)
        if stream is None:
            raise SignalError(
                f"{path} has no video track that can be decoded; wanted a file with pictures; read only its audio"
            )
        rate = float(stream.average_rate or 0)
        pictures = cast("Iterator[VideoFrame]", decode(container, stream, path))
        times = _mended(pictures, rate, path)
        yield from _gather(times, stream, rate, frames)


def read_audio(path: str | Path, *, rate: int = 16000, seconds: float = 1.0) -> Iterator[Chunk]:
    """The sound of ``path``, ``seconds`` a chunk: ``data`` (n,) float32, the mean of all channels at ``rate`` Hz.

    ``start`` is the container time of a chunk's first sample. Where the track has a gap (longer than 10 ms) the
    chunk ends early and the next one starts after the gap: nothing is made up, and times stay right. Samples
    that come twice are dropped. A file that is cut short or damaged gives its good part and a SignalWarning after
    it. The file is closed when the iterator ends or is closed. Raises SignalError, at the first chunk, if the
    file cannot be read or has no audio.
    """
    size = round(rate * seconds)
    if rate < 1 or size < 1:
        raise ValueError(f"rate is {rate} Hz and seconds {seconds}; wanted chunks of at least one sample")
    with open_media(path) as container:
        stream = audio_stream(container)
        if stream is None:
            raise SignalError(
                f"{path} has no audio track that can be decoded; wanted a file with sound; read only its video"
            )
        # MP3 has no clock: FFmpeg counts the silence that the encoder put first, and then leaves it out.
        silence = 0.0
        if container.format.name == "mp3" and stream.start_time is not None and stream.time_base is not None:
            silence = float(stream.start_time * stream.time_base)
        sounds = cast("Iterator[AudioFrame]", decode(container, stream, path))
        runs = itertools.groupby(_runs(sounds, silence), key=operator.itemgetter(0, 1))
        for (start, source_rate), run in runs:
            yield from _cut(start, rate, size, _resampled((samples for _, _, samples in run), source_rate, rate))


def _gather(
    times: "Iterable[tuple[float, VideoFrame]]", stream: "VideoStream", rate: float, frames: int
) -> Iterator[Chunk]:
    """Chunks of ``frames`` pictures of equal size."""
    from av.video.reformatter import VideoReformatter

    convert = VideoReformatter()  # one for all frames: it keeps the conversion tables
    buffer, moments, how = np.empty((0, 0, 0, 3), np.uint8), [], None
    for time, frame in times:
        width = square_width(stream, frame.width)
        how = how or orientation(frame)
        rgb = convert.reformat(frame, width, frame.height, "rgb24", threads=1).to_ndarray()
        picture = upright(cast(NDArray[np.uint8], rgb), how)
        if moments and picture.shape != buffer.shape[1:]:
            yield Chunk("face", moments[0], rate, buffer[: len(moments)], time=np.array(moments))
            moments = []
        if not moments:
            buffer = np.empty((frames, *picture.shape), np.uint8)
        buffer[len(moments)] = picture
        moments.append(time)
        if len(moments) == frames:
            yield Chunk("face", moments[0], rate, buffer, time=np.array(moments))
            moments = []
    if moments:
        yield Chunk("face", moments[0], rate, buffer[: len(moments)], time=np.array(moments))


def _mended(pictures: "Iterator[VideoFrame]", rate: float, path: str | Path) -> "Iterator[tuple[float, VideoFrame]]":
    """Each frame with its time in seconds, which never decreases; warns once if times had to be mended."""
    last, mended, count = -np.inf, 0, 0
    for frame in pictures:
        ticks = frame.dts if frame.pts is None else frame.pts
        time = None if ticks is None or frame.time_base is None else float(ticks * frame.time_base)
        if time is None:
            time = last + (1 / rate if rate else 0.04) if count else 0.0
            mended += 1
        elif time <= last:
            time = last
            mended += 1
        last, count = time, count + 1
        yield time, frame
    if mended:
        text = f"{path}: {mended} of {count} frames had no time, or one not after the frame before; times were mended"
        warnings.warn(text, SignalWarning, stacklevel=2)


def _runs(sounds: "Iterator[AudioFrame]", origin: float) -> Iterator[tuple[float, int, NDArray[np.float32]]]:
    """(second at which the gapless run begins, its rate in Hz, mono samples), piece by piece."""
    start, rate, count = 0.0, 0, 0
    for frame in sounds:
        samples = _mono(frame)
        due = start + count / rate if rate else 0.0
        time = due if frame.time is None else frame.time - origin
        if rate and time < due - _GAP:  # heard already
            twice = round((due - time) * frame.sample_rate)
            samples, time = samples[twice:], due
        if not len(samples):
            continue
        if not rate or frame.sample_rate != rate or abs(time - due) > _GAP:
            start, rate, count = time, frame.sample_rate, 0
        count += len(samples)
        yield start, rate, samples


def _mono(frame: "AudioFrame") -> NDArray[np.float32]:
    """The mean of a frame's channels, (n,) in [-1, 1]."""
    data = cast(NDArray[Any], frame.to_ndarray())  # planar: (channels, n); packed: (1, n x channels)
    if not frame.format.is_planar:
        data = data.reshape(-1, frame.layout.nb_channels).T
    if data.dtype == np.uint8:
        samples = (data.mean(0) - 128) / 128
    elif np.issubdtype(data.dtype, np.integer):
        samples = data.mean(0) / -float(np.iinfo(data.dtype).min)
    else:
        samples = np.nan_to_num(data.mean(0, dtype=np.float64), posinf=1, neginf=-1)
    return samples.astype(np.float32)


def _resampled(pieces: Iterable[NDArray[np.float32]], source_rate: int, rate: int) -> Iterator[NDArray[np.float32]]:
    """``pieces`` at ``rate`` Hz, band-limited; the first sample stays where it is in time."""
    resampler = Resampler(source_rate, rate)
    for piece in pieces:
        yield resampler.push(piece)
    yield resampler.finish()


def _cut(start: float, rate: int, size: int, pieces: Iterable[NDArray[np.float32]]) -> Iterator[Chunk]:
    """``pieces`` as chunks of ``size`` samples, the last one shorter."""
    held, done = np.empty(0, np.float32), 0
    for piece in pieces:
        held = np.concatenate([held, piece])
        while len(held) >= size:
            yield Chunk("speech", start + done / rate, rate, np.clip(held[:size], -1, 1))
            held, done = held[size:], done + size
    if len(held):
        yield Chunk("speech", start + done / rate, rate, np.clip(held, -1, 1))
