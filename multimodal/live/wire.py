"""affect-live/1, what goes over the socket: JSON both ways, and pictures and sound behind a head of 16 bytes.

The head, little-endian: kind (1 picture, 2 sound), three bytes of 0, rate in Hz (u32, 0 for a picture), time in seconds of the
session (f64). A picture is a JPEG; sound is mono, 16-bit.
"""

import json
import math
import struct
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

VERSION = "affect-live/1"
HEAD = struct.Struct("<BxxxId")
PICTURE, SOUND = 1, 2
LARGEST = 2_000_000  # bytes of a message
PIXELS = 1920 * 1088  # of a picture
LONGEST = 2.0  # s of sound in a message
TEXT = 2000  # characters of an utterance
RATES = 8000, 192_000  # Hz


class WireError(ValueError):
    """A message that cannot be read; says what was got and what was wanted."""


class Media(NamedTuple):
    """A picture or some sound: its ``time`` in s, ``rate`` in Hz (0 for a picture) and ``payload``."""

    kind: Literal["picture", "sound"]
    time: float
    rate: int
    payload: bytes


def read_media(message: bytes) -> Media:
    """The binary ``message`` as :class:`Media`; raises WireError if it is not one, or too large."""
    if not HEAD.size < len(message) <= LARGEST:
        raise WireError(f"a message of {len(message)} bytes; wanted {HEAD.size + 1} to {LARGEST}")
    kind, rate, time = HEAD.unpack_from(message)
    payload = message[HEAD.size :]
    if not math.isfinite(time):
        raise WireError(f"media of second {time}; wanted a finite time")
    if kind == PICTURE:
        width, height = jpeg_size(payload)
        if width * height > PIXELS:
            raise WireError(
                f"a picture of {width} x {height} pixels; wanted at most {PIXELS} in all; send smaller ones"
            )
        return Media("picture", time, 0, payload)
    if kind == SOUND:
        if not RATES[0] <= rate <= RATES[1] or len(payload) % 2 or len(payload) > 2 * rate * LONGEST:
            raise WireError(
                f"{len(payload)} bytes of sound at {rate} Hz; wanted 16-bit mono, at most {LONGEST:g} s, at {RATES[0]} to {RATES[1]} Hz"
            )
        return Media("sound", time, rate, payload)
    raise WireError(f"media of kind {kind}; wanted {PICTURE} (picture) or {SOUND} (sound)")


def write_picture(time: float, jpeg: bytes) -> bytes:
    """The message that shows ``jpeg``, of the second ``time``."""
    return HEAD.pack(PICTURE, 0, time) + jpeg


def samples_of(sound: Media) -> NDArray[np.float32]:
    """Sound as float32 (n,) in [-1, 1)."""
    return np.frombuffer(sound.payload, "<i2").astype(np.float32) / np.float32(32768)


def read_words(message: str) -> dict[str, Any]:
    """A JSON ``message`` as a dictionary with a "type"; raises WireError if it is not one."""
    if len(message) > 10_000:
        raise WireError(f"{len(message)} characters of JSON; wanted at most 10000")
    try:
        words = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise WireError(f"not JSON ({error}); wanted an object with a type") from error
    if not isinstance(words, dict) or not isinstance(words.get("type"), str):
        raise WireError("JSON without a type; wanted an object with one, such as hello")
    return words


def number(words: dict[str, Any], name: str, low: float = -math.inf, high: float = math.inf) -> float:
    """The finite number ``name`` of a message, from ``low`` to ``high``; raises WireError if it is not there."""
    value = words.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise WireError(f"{words['type']}: {name} is {value!r}; wanted a finite number")
    if not low <= value <= high:
        raise WireError(f"{words['type']}: {name} is {value}; wanted {low} to {high}")
    return float(value)


def jpeg_size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels that the JPEG ``data`` promises, without decoding it; raises WireError if it is none.

    >>> jpeg_size(b"no picture at all")
    Traceback (most recent call last):
    ...
    affectstream.multimodal.live.wire.WireError: a picture that is no JPEG; wanted one
    """
    at = 2
    while data[:2] == b"\xff\xd8" and at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            if width and height:
                return width, height
            break
        at += 2 + struct.unpack_from(">H", data, at + 2)[0]
    raise WireError("a picture that is no JPEG; wanted one")


def decode_jpeg(data: bytes) -> NDArray[np.uint8]:
    """The JPEG ``data`` as (H, W, 3) uint8 RGB, as a film of such pictures is decoded; raises WireError if it is damaged."""
    from av.codec.context import CodecContext
    from av.error import FFmpegError
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.reformatter import VideoReformatter

    context = CodecContext.create("mjpeg", "r")
    context.thread_count = 1
    context.options = {"err_detect": "explode"}  # half a face is none
    try:
        frames = [frame for frame in context.decode(Packet(data)) if isinstance(frame, VideoFrame)]
    except FFmpegError as error:
        raise WireError(f"a picture that cannot be decoded ({error}); wanted a whole JPEG") from error
    if not frames:
        raise WireError("a picture that cannot be decoded; wanted a whole JPEG")
    frame = frames[0]
    rgb = VideoReformatter().reformat(frame, frame.width, frame.height, "rgb24", threads=1).to_ndarray()
    return rgb.astype(np.uint8, copy=False)
