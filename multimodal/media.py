"""Opening media files: what a file has, whether it can be read, and its decoded frames with damage told.

Everything goes through PyAV. decord was measured against it and not used: it re-zeroes the first frame, counts
frames that an edit list hides (so that pictures and times part), turns mirrored pictures upside down, refuses MPEG-TS,
GIF, AV1 and most damaged files, and grows by 1.2 kB a frame (130 MB an hour). Decoding costs the same in both.
"""

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.types import SignalError

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_PLAYABLE = "wanted a video or audio file that plays, such as mp4, mkv, webm, mov, flv, wav, flac or mp3"
# Formats without a length of their own: FFmpeg guesses one from the bit rate, which promises nothing.
_NO_PROMISE = {"mp3", "aac", "ac3", "eac3"}


class SignalWarning(UserWarning):
    """A signal that could be read only in part, or whose times had to be mended."""


@dataclass(frozen=True)
class VideoTrack:
    """A video track: upright ``width`` and ``height`` in square pixels, as frames will come; nominal ``rate`` in Hz
    (0 where the file names none); ``codec``; ``rotation``, degrees clockwise by which stored frames are turned."""

    width: int
    height: int
    rate: float
    codec: str
    rotation: int


@dataclass(frozen=True)
class AudioTrack:
    """An audio track: sampling ``rate`` in Hz, number of ``channels`` and ``codec``."""

    rate: int
    channels: int
    codec: str


@dataclass(frozen=True)
class Media:
    """What a media file has: ``duration`` in seconds (None where the file does not say), its first video and audio
    track or None, and the codecs of its ``text`` tracks."""

    duration: float | None
    video: VideoTrack | None
    audio: AudioTrack | None
    text: tuple[str, ...]


def probe(path: str | Path) -> Media:
    """What ``path`` has, without reading it through. Raises SignalError if it is no media file or has no track."""
    with open_media(path) as container:
        text = tuple(text_streams(container))
        picture, sound = video_stream(container), audio_stream(container)
        if picture is None and sound is None and not text:
            raise SignalError(
                f"{path} has no video, audio or text track that can be decoded; {_PLAYABLE}; choose another file"
            )
        names = tuple(_codec(container.streams[index]) for index in text)
        span = _span(container)
        audio = sound and AudioTrack(sound.rate, sound.channels, _codec(sound))
        return Media(span and span[1] - span[0], picture and _video_track(container, picture), audio, names)


def open_media(path: str | Path) -> "InputContainer":
    """``path`` opened by PyAV; the caller closes it. Raises SignalError with the reason if it cannot be."""
    import av
    from av.error import FFmpegError

    path = Path(path)
    beginning = read_beginning(path)
    try:
        container = av.open(str(path))
    except (FFmpegError, ValueError) as error:
        got = "is text" if _is_text(beginning) else "is no media file, or was never finished and lacks its index"
        raise SignalError(
            f"{path} {got} ({error.__class__.__name__}); {_PLAYABLE}; play or convert it first"
        ) from error
    if container.format.name == "tty":  # FFmpeg would draw any text file as a film of a terminal
        container.close()
        raise SignalError(f"{path} is text; {_PLAYABLE}; choose another file")
    return container


def read_beginning(path: Path) -> bytes:
    """The first 512 bytes of ``path``. Raises SignalError if there is no such file or it cannot be read or is empty."""
    try:
        if path.is_dir():
            raise SignalError(f"{path} is a folder; wanted a file; name one of the files in it")
        with path.open("rb") as file:
            beginning = file.read(512)
    except FileNotFoundError as error:
        raise SignalError(f"{path} does not exist; wanted a media file; check the spelling and the folder") from error
    except OSError as error:
        raise SignalError(
            f"{path} cannot be read ({error.strerror}); wanted a readable file; check its rights"
        ) from error
    if not beginning:
        raise SignalError(f"{path} is empty (0 bytes); {_PLAYABLE}; copy or record it again")
    return beginning


def video_stream(container: "InputContainer") -> "VideoStream | None":
    """The first video track that is not a cover picture and that can be decoded."""
    from av.stream import Disposition

    tracks = [s for s in container.streams.video if s.codec_context is not None]
    return next((s for s in tracks if not s.disposition & Disposition.attached_pic), None)


def audio_stream(container: "InputContainer") -> "AudioStream | None":
    """The first audio track that can be decoded."""
    return next((s for s in container.streams.audio if s.codec_context is not None), None)


def text_streams(container: "InputContainer") -> list[int]:
    """The indices of subtitle tracks that hold text, not pictures of text."""
    from av.codec.codec import Codec, Properties

    streams = [s for s in container.streams.subtitles if s.codec_context is not None]
    return [s.index for s in streams if Codec(s.codec_context.name).properties & Properties.TEXT_SUB.value]


def decode(
    container: "InputContainer", stream: "VideoStream | AudioStream", path: str | Path
) -> "Iterator[VideoFrame | AudioFrame]":
    """The frames of ``stream`` in the order of presentation, decoded in one thread.

    Damaged packets are left out. If there were any, or the file ends before the time it promised, one
    SignalWarning says so after the last frame. Raises SignalError if no frame could be decoded.
    """
    from av.error import FFmpegError

    if stream.type == "video":
        # Frame threads keep one picture each, and cost CPU time that a busy machine does not have.
        stream.codec_context.thread_type, stream.codec_context.thread_count = "NONE", 1
    damaged, count, end = 0, 0, 0.0
    reached = -math.inf  # the end of the last packet of any track: a short track in a whole file is not a loss
    # Every track is demuxed, and only one decoded.
    packets = container.demux()
    while True:
        try:
            packet = next(packets, None)
        except FFmpegError:
            damaged += 1
            break
        if packet is None:
            break
        if packet.is_corrupt:
            damaged += packet.stream.index == stream.index
            continue
        if packet.pts is not None and packet.time_base is not None:
            reached = max(reached, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        if packet.stream.index != stream.index:
            continue
        try:
            frames = cast("list[VideoFrame | AudioFrame]", packet.decode())
        except FFmpegError:
            damaged += 1
            continue
        for frame in frames:
            count += 1
            end = frame.time or end
            yield frame
    if not count:
        raise SignalError(f"{path}: none of its {stream.type} could be decoded; {_PLAYABLE}; play or convert it first")
    _warn_of_loss(container, path, stream.type, end, reached, damaged)


def orientation(frame: "VideoFrame") -> tuple[bool, int, int, int]:
    """How to set ``frame`` upright: (swap rows and columns first, step over rows, step over columns, degrees).

    From the display matrix, not from PyAV's ``rotation``, which calls a mirrored selfie a half turn. The matrix
    takes a stored point (x, y) to the shown (a x + c y, b x + d y); degrees are clockwise, after any mirroring.
    Ask it of one frame only: a frame whose side data were touched lives on until the garbage collector comes.
    """
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return False, 1, 1, 0
    a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].astype(float)
    swap = abs(b) > abs(a)
    rows, columns = (b, c) if swap else (d, a)
    mirror = -1 if a * d - b * c < 0 else 1
    turn = round(math.degrees(math.atan2(mirror * b, mirror * a)) / 90) * 90 % 360
    return swap, -1 if rows < 0 else 1, -1 if columns < 0 else 1, turn


def square_width(stream: "VideoStream", width: int) -> int:
    """``width`` in stored pixels as square pixels: old camcorders store them narrow, which would narrow faces."""
    aspect = stream.sample_aspect_ratio
    return round(width * aspect) if aspect else width


def upright(picture: NDArray[np.uint8], how: tuple[bool, int, int, int]) -> NDArray[np.uint8]:
    """A view of ``picture`` (H, W, 3) set upright as :func:`orientation` says."""
    swap, rows, columns, _ = how
    return (picture.swapaxes(0, 1) if swap else picture)[::rows, ::columns]


def _video_track(container: "InputContainer", stream: "VideoStream") -> VideoTrack:
    from av.error import FFmpegError

    context = stream.codec_context
    how = False, 1, 1, 0
    try:
        frame = next(container.decode(stream), None)
    except FFmpegError:
        frame = None
    if frame is not None:
        how = orientation(frame)
    size = square_width(stream, context.width), context.height
    width, height = size[::-1] if how[0] else size
    return VideoTrack(width, height, float(stream.average_rate or 0), _codec(stream), how[3])


def _codec(stream: "Stream") -> str:
    return stream.codec_context.codec.canonical_name  # "av1" whichever library decodes it


def _span(container: "InputContainer") -> tuple[float, float] | None:
    """The first and last second that the file promises, or None where it promises nothing."""
    if container.duration is None:
        return None
    begin, length = (container.start_time or 0) / 1e6, container.duration / 1e6
    # Matroska counts its length from zero, not from the first frame.
    return (begin, length) if "matroska" in container.format.name else (begin, begin + length)


def _warn_of_loss(
    container: "InputContainer", path: str | Path, kind: str, end: float, reached: float, damaged: int
) -> None:
    span = None if container.format.name in _NO_PROMISE else _span(container)
    short = span is not None and reached < span[1] - 0.25
    if not damaged and not short:
        return
    begin = (container.start_time or 0) / 1e6
    of = f" of {span[1] - begin:.2f} s promised" if span and short else ""
    parts = f"; {damaged} damaged packet{'s' if damaged > 1 else ''} left out" if damaged else ""
    text = f"{path}: read {end - begin:.2f} s of {kind}{of}{parts}; the file is cut short or damaged"
    warnings.warn(text, SignalWarning, stacklevel=2)


def _is_text(beginning: bytes) -> bool:
    return not any(byte < 9 or 13 < byte < 27 for byte in beginning)
