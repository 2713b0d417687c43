import contextlib
import json
import struct

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectstream.multimodal.live import wire
from affectstream.multimodal.live.wire import HEAD, PICTURE, SOUND, WireError


def picture(height: int = 48, width: int = 64) -> bytes:
    return cv2.imencode(".jpg", np.full((height, width, 3), 90, np.uint8))[1].tobytes()


@given(st.integers(8, 300), st.integers(8, 300))
def test_a_jpeg_says_its_size_before_it_is_decoded(height: int, width: int) -> None:
    assert wire.jpeg_size(picture(height, width)) == (width, height)


def test_a_picture_comes_out_as_it_went_in() -> None:
    rows = np.linspace(0, 255, 48, dtype=np.uint8)[:, None, None]
    image = np.broadcast_to(rows, (48, 64, 3)).copy()
    image[..., 2] = 40
    message = wire.write_picture(
        1.25, cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes()
    )
    media = wire.read_media(message)
    assert (media.kind, media.time) == ("picture", 1.25)
    assert abs(wire.decode_jpeg(media.payload).astype(int) - image).max() <= 6  # RGB, not BGR


def test_sound_comes_out_as_it_went_in() -> None:
    samples = np.array([0.0, 0.5, -1.0, 0.25], np.float32)
    media = wire.read_media(HEAD.pack(SOUND, 48000, 2.0) + (samples * 32768).astype("<i2").tobytes())
    assert media.rate == 48000
    np.testing.assert_array_equal(wire.samples_of(media), samples)


def bomb() -> bytes:
    """A JPEG that promises 60000 x 60000 pixels."""
    data = bytearray(picture())
    at = data.index(b"\xff\xc0")
    struct.pack_into(">HH", data, at + 5, 60000, 60000)
    return bytes(data)


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (b"", "0 bytes"),
        (b"x" * 10, "10 bytes"),
        (HEAD.pack(PICTURE, 0, 1.0) + b"x" * wire.LARGEST, "wanted 17 to"),
        (HEAD.pack(9, 0, 1.0) + b"xx", "kind 9"),
        (HEAD.pack(PICTURE, 0, float("nan")) + picture(), "second nan"),
        (HEAD.pack(PICTURE, 0, 1.0) + b"\x89PNG and so on", "no JPEG"),
        (HEAD.pack(PICTURE, 0, 1.0) + picture()[:20], "no JPEG"),
        (HEAD.pack(PICTURE, 0, 1.0) + bomb(), "60000 x 60000"),
        (HEAD.pack(SOUND, 0, 1.0) + b"xx", "at 0 Hz"),
        (HEAD.pack(SOUND, 16000, 1.0) + b"xxx", "3 bytes"),
        (HEAD.pack(SOUND, 8000, 1.0) + b"x" * 40000, "at most 2 s"),
    ],
)
def test_media_that_is_none_is_refused(message: bytes, says: str) -> None:
    with pytest.raises(WireError, match=says):
        wire.read_media(message)


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_but_be_read_or_refused(message: bytes) -> None:
    with contextlib.suppress(WireError):
        wire.read_media(message)


def test_a_damaged_picture_is_refused_when_it_is_decoded() -> None:
    with pytest.raises(WireError, match="decoded"):
        wire.decode_jpeg(picture()[: len(picture()) // 4])


@pytest.mark.parametrize(
    "message", ["", "garbage", "[1]", "{}", '{"type": 3}', "[" * 9000, '{"type":"' + "x" * 10001 + '"}', "NaN"]
)
def test_words_that_are_none_are_refused(message: str) -> None:
    with pytest.raises(WireError):
        wire.read_words(message)


@pytest.mark.parametrize("value", [None, True, "1", [1], float("inf"), 2.0])
def test_a_number_is_a_finite_number_in_its_range(value: object) -> None:
    with pytest.raises(WireError, match="valence"):
        wire.number({"type": "calibrate", "valence": value}, "valence", -1, 1)
    assert wire.number(json.loads('{"type":"x","valence":-0.5}'), "valence", -1, 1) == -0.5
