"""Readers against files made here: each frame carries its number in its pixels, each sound a known onset."""

import itertools
import os
import struct
import subprocess
import sys
import warnings
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition
from numpy.typing import NDArray

from affectstream.multimodal.signals import SignalWarning, probe, read_audio, read_video
from affectstream.multimodal.types import SignalError

REGULAR = [i / 30 for i in range(60)]
# Three rates in one file, as a phone makes them when the light goes.
VARIABLE = list(itertools.accumulate([1 / 30] * 25 + [1 / 24] * 20 + [1 / 10] * 14, initial=0.0))
ONE = 65536  # 1.0 in a display matrix


def card(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """A picture whose top half shows ``number`` as ten black or white bars; its bottom half is dark grey."""
    picture = np.full((height, width, 3), 40, np.uint8)
    bar = width // 10
    for bit in range(10):
        picture[: height // 2, bit * bar : (bit + 1) * bar] = 255 * (number >> bit & 1)
    return picture


def number_on(picture: NDArray[np.uint8]) -> int:
    height, width = picture.shape[:2]
    bar = width // 10
    return sum(int(picture[height // 4, bit * bar + bar // 2].mean() > 128) << bit for bit in range(10))


def film(
    path: Path,
    times: list[float],
    *,
    codec: str = "libx264",
    size: tuple[int, int] = (100, 64),
    pixels: str = "yuv420p",
    clock: int = 90000,
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
) -> Path:
    with av.open(str(path), "w", options=container or {}) as file:
        stream: Any = file.add_stream(codec, rate=30, options=options or {})
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        stream.time_base = stream.codec_context.time_base = Fraction(1, clock)
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(card(number, *size), format="rgb24")
            frame.pts, frame.time_base = round(time * clock), Fraction(1, clock)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def sound(
    path: Path,
    codec: str,
    rate: int,
    *,
    channels: int = 1,
    first: float = 0.0,
    hole: tuple[float, float] = (0, 0),
    wave: Callable[[NDArray[np.float64]], NDArray[np.float64]] = lambda t: (
        0.5 * np.sin(880 * np.pi * (t - 1)) * (t >= 1)
    ),
) -> Path:
    """Three seconds of ``wave`` in every channel, from ``first`` on, without the seconds in ``hole``."""
    layout = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}[channels]
    samples = wave(np.arange(rate * 3) / rate).astype(np.float32)
    with av.open(str(path), "w") as file:
        stream: Any = file.add_stream(codec, rate=rate, layout=layout)
        for begin in range(0, len(samples), 1024):
            if hole[0] <= begin / rate < hole[1]:
                continue
            packed = np.repeat(samples[begin : begin + 1024], channels)[None]
            frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
            frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
            frame.pts = begin + round(first * rate)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def with_matrix(path: Path, matrix: list[int]) -> Path:
    """``path`` with the display matrix of its track header overwritten."""
    data = bytearray(path.read_bytes())
    place = data.find(b"tkhd") + 4 + 4 + 20 + 16
    data[place : place + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(data)
    return path


def seen(path: Path, frames: int = 7) -> tuple[list[int], NDArray[np.float64]]:
    """(number on each picture, time of each picture)."""
    chunks = list(read_video(path, frames=frames))
    assert all(len(chunk) == frames for chunk in chunks[:-1])
    assert all(chunk.start == chunk.times[0] and chunk.modality == "face" for chunk in chunks)
    return [number_on(picture) for chunk in chunks for picture in chunk.data], np.concatenate([c.times for c in chunks])


def heard(path: Path, rate: int = 16000) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """(samples, time of each sample)."""
    chunks = list(read_audio(path, rate=rate))
    assert all(chunk.data.dtype == np.float32 and chunk.modality == "speech" for chunk in chunks)
    return np.concatenate([c.data for c in chunks]), np.concatenate([c.times for c in chunks])


@pytest.mark.parametrize(
    ("name", "times", "options"),
    [
        ("regular.mp4", REGULAR, {}),
        ("variable.mp4", VARIABLE, {}),
        ("variable.mkv", VARIABLE, {}),
        ("variable.ts", VARIABLE, {}),
        ("late.mp4", [2.5 + t for t in VARIABLE], {}),
        ("late.mkv", [2.5 + t for t in VARIABLE], {}),
        ("fragments.mp4", VARIABLE, {"container": {"movflags": "frag_keyframe+empty_moov"}}),
        ("no_b_frames.mp4", VARIABLE, {"options": {"bf": "0"}}),
        ("open_gop.mp4", REGULAR, {"options": {"x264-params": "open-gop=1:keyint=10:scenecut=0"}}),
        ("odd.mp4", REGULAR, {"size": (101, 67), "pixels": "yuv444p"}),
        (
            "odd.webm",
            REGULAR,
            {"size": (101, 67), "codec": "libvpx-vp9", "options": {"deadline": "realtime", "cpu-used": "8"}},
        ),
        (
            "late.webm",
            [1.25 + t for t in VARIABLE],
            {"codec": "libvpx", "options": {"deadline": "realtime", "cpu-used": "16"}},
        ),
        ("hevc.mp4", VARIABLE, {"codec": "libx265", "options": {"x265-params": "log-level=none:pools=none"}}),
        ("old.avi", REGULAR, {"codec": "mpeg4", "clock": 30, "options": {"bf": "2"}}),
        ("pictures.mov", REGULAR, {"codec": "mjpeg", "pixels": "yuvj420p"}),
        ("moving.gif", [i / 10 for i in range(20)], {"codec": "gif", "pixels": "rgb8", "clock": 100}),
    ],
)
def test_every_frame_has_its_own_time(tmp_path: Path, name: str, times: list[float], options: dict[str, Any]) -> None:
    codec = options.get("codec", "libx264")
    if codec not in av.codecs_available:
        pytest.skip(f"this PyAV has no {codec} encoder")
    path = film(tmp_path / name, times, **options)
    numbers, when = seen(path)
    assert numbers == list(range(len(times)))
    width, height = options.get("size", (100, 64))
    assert next(read_video(path)).data.shape[1:] == (height, width, 3)
    shift = when[0] - times[0]  # ts and fragments move the whole file later, to make room for B-frames
    assert 0 <= shift < 0.11
    np.testing.assert_allclose(when, np.array(times) + shift, atol=0.0011)  # mkv rounds to 1 ms
    if name.endswith((".mkv", ".webm")) or name in ("late.mp4", "variable.mp4"):
        assert shift < 0.001


def test_edit_list_hides_frames_and_keeps_times(tmp_path: Path) -> None:
    path = film(tmp_path / "edited.mp4", REGULAR, options={"bf": "0"})
    data = bytearray(path.read_bytes())
    place = data.find(b"elst") + 12
    length, begin = struct.unpack_from(">Ii", data, place)
    struct.pack_into(">Ii", data, place, length - 333, begin + 30000)  # the first third of a second is cut
    path.write_bytes(data)
    numbers, when = seen(path)
    assert numbers == list(range(10, 60))
    np.testing.assert_allclose(when, REGULAR[:50], atol=0.001)


@pytest.mark.parametrize(
    ("matrix", "degrees", "back"),
    [
        ([ONE, 0, 0, 0, ONE, 0, 0, 0], 0, lambda p: p),
        ([0, ONE, 0, -ONE, 0, 0, 64 * ONE, 0], 90, lambda p: np.rot90(p, 1)),
        ([-ONE, 0, 0, 0, -ONE, 0, 100 * ONE, 64 * ONE], 180, lambda p: np.rot90(p, 2)),
        ([0, -ONE, 0, ONE, 0, 0, 0, 100 * ONE], 270, lambda p: np.rot90(p, -1)),
        ([-ONE, 0, 0, 0, ONE, 0, 100 * ONE, 0], 0, lambda p: p[:, ::-1]),
        ([0, ONE, 0, ONE, 0, 0, 0, 0], 270, lambda p: p.swapaxes(0, 1)),
    ],
)
def test_frames_are_upright(tmp_path: Path, matrix: list[int], degrees: int, back: Callable[[Any], Any]) -> None:
    path = with_matrix(film(tmp_path / "phone.mp4", REGULAR[:10]), [*matrix, 1 << 30])
    pictures = next(read_video(path)).data
    assert [number_on(back(picture)) for picture in pictures] == list(range(10))
    video = probe(path).video
    assert video is not None and video.rotation == degrees
    assert pictures.shape[1:3] == (video.height, video.width)


def test_narrow_pixels_are_made_square(tmp_path: Path) -> None:
    path = tmp_path / "camcorder.mkv"
    with av.open(str(path), "w") as file:
        stream: Any = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 72, 58, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(16, 11)
        file.mux(stream.encode(av.VideoFrame.from_ndarray(card(5, 72, 58), format="rgb24")))
        file.mux(stream.encode())
    assert next(read_video(path)).data.shape == (1, 58, 105, 3)
    video = probe(path).video
    assert video is not None and (video.width, video.height) == (105, 58)


@pytest.mark.parametrize("container", ["mkv", "mp4", "fragments"])
def test_a_cut_file_gives_its_good_part_and_one_warning(tmp_path: Path, container: str) -> None:
    movflags = {"mkv": {}, "mp4": {"movflags": "faststart"}, "fragments": {"movflags": "frag_keyframe+empty_moov"}}
    name = tmp_path / f"cut.{'mkv' if container == 'mkv' else 'mp4'}"
    path = film(name, VARIABLE, options={"g": "12"}, container=movflags[container])
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"mdat") + 40 if container == "fragments" else len(data) * 7 // 10])
    with pytest.warns(SignalWarning, match="cut short or damaged") as caught:
        numbers, when = seen(path)
    assert len(caught) == 1
    assert numbers[:10] == list(range(10)) and len(numbers) < len(VARIABLE)
    shift = when[0] - VARIABLE[0]
    np.testing.assert_allclose(when, np.array(VARIABLE)[numbers] + shift, atol=0.0011)
    if container != "fragments":  # whose length is written nowhere but in what is lost
        promised = {"mkv": "3.10", "mp4": "2.97"}[container]
        assert f"read {when[-1]:.2f} s of video of {promised} s promised" in str(caught[0].message)


def test_damage_in_the_middle_moves_no_frame(tmp_path: Path) -> None:
    path = film(tmp_path / "hurt.mp4", REGULAR, options={"g": "10"}, container={"movflags": "faststart"})
    data = bytearray(path.read_bytes())
    place = (data.index(b"mdat") + len(data)) // 2
    data[place : place + 300] = np.random.default_rng(0).bytes(300)
    path.write_bytes(data)
    with pytest.warns(SignalWarning, match=r"\d damaged packets? left out") as caught:
        numbers, when = seen(path)
    assert len(caught) == 1
    assert numbers[:10] == list(range(10)) and numbers[-5:] == [55, 56, 57, 58, 59]
    np.testing.assert_allclose(when[-5:], REGULAR[-5:], atol=0.001)


def test_times_that_stand_still_or_run_back_are_mended(tmp_path: Path) -> None:
    path = film(tmp_path / "stutter.mkv", [i / 100 for i in range(12)], clock=1000, options={"bf": "0"})
    data, place = bytearray(path.read_bytes()), 0
    stuttering = [0, 10, 20, 20, 10, 50, 60, 60, 80, 90, 100, 110]
    for number, wanted in enumerate(stuttering):  # a block is its track (1), then its millisecond
        place = data.index(b"\x81" + struct.pack(">h", number * 10), place) + 1
        struct.pack_into(">h", data, place, wanted)
    path.write_bytes(data)
    with pytest.warns(SignalWarning, match="3 of 12 frames") as caught:
        numbers, when = seen(path)
    assert len(caught) == 1 and numbers == list(range(12))
    np.testing.assert_allclose(when * 1000, np.maximum.accumulate(stuttering), atol=0.01)


def test_a_whole_file_warns_of_nothing(tmp_path: Path) -> None:
    # Its video ends two seconds before its audio: that is no loss.
    path = tmp_path / "uneven.mkv"
    with av.open(str(path), "w") as file:
        video: Any = file.add_stream("libx264", rate=30)
        video.width, video.height, video.pix_fmt = 100, 64, "yuv420p"
        audio: Any = file.add_stream("flac", rate=8000, layout="mono")
        for number in range(30):
            file.mux(video.encode(av.VideoFrame.from_ndarray(card(number, 100, 64), format="rgb24")))
        for begin in range(0, 24000, 1000):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1000), np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 8000, begin, Fraction(1, 8000)
            file.mux(audio.encode(frame))
        file.mux([*video.encode(), *audio.encode()])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert seen(path)[0] == list(range(30))
        samples, _ = heard(path, 8000)
    assert len(samples) == 24000 and not samples.any()
    media = probe(path)
    assert media.video and media.audio
    assert (media.video.codec, media.audio.codec, media.audio.rate, media.audio.channels) == ("h264", "flac", 8000, 1)
    assert media.duration == pytest.approx(3, abs=0.01)


@pytest.mark.parametrize(
    ("name", "codec", "rate", "channels"),
    [
        ("a.wav", "pcm_s16le", 44100, 2),
        ("a.wav", "pcm_u8", 22050, 1),
        ("a.wav", "pcm_s24le", 44100, 6),
        ("a.wav", "pcm_f32le", 16000, 8),
        ("a.wav", "pcm_s16le", 8000, 1),
        ("a.flac", "flac", 96000, 2),
        ("a.mp3", "libmp3lame", 44100, 2),
        ("a.m4a", "aac", 44100, 2),
        ("a.mp4", "aac", 48000, 1),
        ("a.mka", "aac", 44100, 1),
        ("a.webm", "libopus", 48000, 2),
    ],
)
def test_an_onset_stays_within_a_millisecond(tmp_path: Path, name: str, codec: str, rate: int, channels: int) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"this PyAV has no {codec} encoder")
    path = sound(tmp_path / name, codec, rate, channels=channels)
    samples, when = heard(path)
    assert when[0] == 0
    assert when[np.argmax(abs(samples) > 0.05)] == pytest.approx(1, abs=0.001)
    assert abs(samples[24000:40000]).max() == pytest.approx(0.5, abs=0.03)
    assert len(samples) == pytest.approx(48000, abs=330)  # the last AAC frame is padded
    audio = probe(path).audio
    assert audio is not None and (audio.rate, audio.channels) == (rate, channels)


def test_resampling_keeps_the_wave_and_folds_nothing(tmp_path: Path) -> None:
    low = sound(tmp_path / "low.wav", "pcm_f32le", 44100, wave=lambda t: 0.5 * np.sin(2 * np.pi * 440 * t))
    samples, when = heard(low)
    error = samples - 0.5 * np.sin(2 * np.pi * 440 * when)
    assert abs(error[200:-200]).max() < 0.002
    high = sound(tmp_path / "high.wav", "pcm_f32le", 44100, wave=lambda t: 0.5 * np.sin(2 * np.pi * 12000 * t))
    assert abs(heard(high)[0][200:-200]).max() < 0.002


def test_channels_are_averaged_and_chunks_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "two.wav"
    left = np.linspace(-1, 1, 5000, dtype=np.float32)
    with av.open(str(path), "w") as file:
        stream: Any = file.add_stream("pcm_f32le", rate=16000, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.stack([left, 0 * left], 1).reshape(1, -1), format="flt", layout="stereo")
        frame.sample_rate = 16000
        file.mux([*stream.encode(frame), *stream.encode()])
    samples, _ = heard(path)
    np.testing.assert_allclose(samples, left / 2, atol=1e-6)
    short = list(read_audio(path, seconds=0.01))
    assert [len(c) for c in short] == [160] * 31 + [40]
    np.testing.assert_array_equal(np.concatenate([c.data for c in short]), samples)
    np.testing.assert_allclose([c.start for c in short], np.arange(32) * 0.01)


@pytest.mark.parametrize(("name", "codec"), [("late.m4a", "aac"), ("late.mka", "flac")])
def test_audio_that_starts_late_is_late(tmp_path: Path, name: str, codec: str) -> None:
    path = sound(tmp_path / name, codec, 44100, first=1.7)
    samples, when = heard(path)
    assert when[0] == pytest.approx(1.7, abs=0.03)  # AAC puts 23 ms of silence first
    assert when[np.argmax(abs(samples) > 0.05)] == pytest.approx(2.7, abs=0.001)


@pytest.mark.parametrize("rate", [16000, 44100])
def test_after_a_gap_the_next_chunk_starts_where_the_sound_does(tmp_path: Path, rate: int) -> None:
    path = sound(tmp_path / "hole.mka", "pcm_s16le", 44100, hole=(1.5, 2.0))
    chunks = list(read_audio(path, rate=rate))
    first, after = -(-1.5 * 44100 // 1024) * 1024 / 44100, -(-2.0 * 44100 // 1024) * 1024 / 44100
    assert [c.start for c in chunks] == pytest.approx([0, 1, after], abs=0.001)
    assert len(chunks[1]) / rate == pytest.approx(first - 1, abs=0.001)
    assert chunks[-1].times[-1] == pytest.approx(3, abs=0.001)


def test_a_cut_recording_warns(tmp_path: Path) -> None:
    path = sound(tmp_path / "cut.wav", "pcm_s16le", 16000)
    path.write_bytes(path.read_bytes()[:50000])
    with pytest.warns(SignalWarning, match=r"read 1\.\d\d s of audio; 1 damaged packet left out"):
        samples, _ = heard(path)
    assert len(samples) == pytest.approx(25000, abs=4200)


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "words.mp4").write_text("not a film\n" * 20)
    (tmp_path / "notes.txt").write_text("not a film either\n")
    (tmp_path / "empty.mp4").touch()
    whole = film(tmp_path / "whole.mp4", REGULAR)
    data = whole.read_bytes()
    (tmp_path / "unfinished.mp4").write_bytes(data[: data.find(b"moov") - 4])
    place = data.index(b"avc1", data.index(b"stsd"))
    (tmp_path / "unknown.mp4").write_bytes(data[:place] + b"zzzz" + data[place + 4 :])
    for name, reason in [
        ("unknown.mp4", "track that can be decoded"),
        ("missing.mp4", "does not exist"),
        ("", "is a folder"),
        ("empty.mp4", "is empty"),
        ("words.mp4", "is text"),
        ("notes.txt", "is text"),
        ("unfinished.mp4", "never finished and lacks its index"),
    ]:
        for read in (probe, lambda path: next(read_video(path)), lambda path: next(read_audio(path))):
            with pytest.raises(SignalError, match=reason) as caught:
                read(tmp_path / name)
            assert str(tmp_path / name) in str(caught.value) and "wanted" in str(caught.value)
    with pytest.raises(SignalError, match="no audio track"):
        next(read_audio(whole))
    with pytest.raises(SignalError, match="no video track"):
        next(read_video(sound(tmp_path / "voice.wav", "pcm_s16le", 8000)))
    with pytest.raises(ValueError, match="wanted at least 1 frame"):
        next(read_video(whole, frames=0))
    with pytest.raises(ValueError, match="wanted chunks of at least one sample"):
        next(read_audio(whole, seconds=0))


def test_a_cover_picture_is_no_film(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as file:
        voice: Any = file.add_stream("aac", rate=16000, layout="mono")
        cover: Any = file.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 100, 64, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        file.mux(cover.encode(av.VideoFrame.from_ndarray(card(1, 100, 64), format="rgb24")))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="flt", layout="mono")
        frame.sample_rate = 16000
        file.mux([*cover.encode(), *voice.encode(frame), *voice.encode()])
    assert probe(path).video is None and probe(path).audio is not None
    with pytest.raises(SignalError, match="no video track"):
        next(read_video(path))


@pytest.mark.skipif(os.name == "nt", reason="rights are another matter there")
def test_a_forbidden_file_says_so(tmp_path: Path) -> None:
    path = film(tmp_path / "secret.mp4", REGULAR[:3])
    path.chmod(0)
    root = os.geteuid() == 0
    try:
        if root:  # who may read everything
            os.seteuid(65534)
        with pytest.raises(SignalError, match=r"cannot be read \(Permission denied\)"):
            probe(path)
    finally:
        if root:
            os.seteuid(0)


def test_closing_a_reader_closes_its_file(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", REGULAR)
    opened = Path("/proc/self/fd")
    if not opened.exists():
        pytest.skip("needs /proc to see open files")
    count = lambda: sum(os.path.realpath(fd) == str(path.resolve()) for fd in opened.iterdir())
    reader = read_video(path)
    next(reader)
    assert count() == 1
    reader.close()  # pyright: ignore[reportAttributeAccessIssue]
    assert count() == 0
    assert sum(len(chunk) for chunk in read_video(path)) == 60
    assert count() == 0


def test_importing_the_readers_opens_no_heavy_library() -> None:
    code = "import sys, affectstream.multimodal.signals; sys.exit(bool({'av', 'cv2', 'decord'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_memory_does_not_grow_with_the_film(tmp_path: Path) -> None:
    path = tmp_path / "long.mp4"
    with av.open(str(path), "w") as file:  # as many frames as two minutes have
        stream: Any = file.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        frame = av.VideoFrame.from_ndarray(card(0, 160, 120), format="rgb24").reformat(format="yuv420p")
        for number in range(3600):
            frame.pts, frame.time_base = number, Fraction(1, 30)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    code = (
        "import resource, sys; from affectstream.multimodal.signals import read_video\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        "for i, chunk in enumerate(read_video(sys.argv[1])):\n"
        "    if i == 50: early = peak()\n"
        "print(peak() - early)"
    )
    grown = subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True).stdout
    assert int(grown) < 3  # MB; an hour is thirty times as long
