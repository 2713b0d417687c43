"""Subtitles as they are found in the wild."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectstream.multimodal.signals import SignalWarning, probe, read_subtitles
from affectstream.multimodal.types import SignalError

PLAIN = "1\n00:00:01,000 --> 00:00:02,500\nHello there.\n\n2\n00:00:03,000 --> 00:00:04,000\nGood\nbye.\n"
EXPECTED = [(1.0, 1.5, "Hello there."), (3.0, 1.0, "Good bye.")]


def cues(path: Path, content: str | bytes) -> list[tuple[float, float, str]]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return rows(path)


def rows(path: Path) -> list[tuple[float, float, str]]:
    chunk = read_subtitles(path)
    assert chunk.modality == "text" and chunk.rate == 0 and chunk.time is not None and chunk.duration is not None
    assert chunk.data.dtype.kind == "U" and chunk.start == (chunk.time[0] if len(chunk) else 0)
    return list(zip(chunk.time.round(6).tolist(), chunk.duration.round(6).tolist(), chunk.data.tolist(), strict=True))


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        "\ufeff" + PLAIN,
        PLAIN.encode("utf-16"),
        PLAIN.replace(",", "."),
        PLAIN.replace("00:00:0", "00:0"),  # no hours
        PLAIN.replace("00:00:0", "0:0:"),
        PLAIN.replace("\n\n", "\n"),  # no blank line between cues
        PLAIN.replace("\n\n", "\n\n\n \n"),
        PLAIN.replace("1\n", "").replace("2\n", ""),  # no numbers
        PLAIN.replace(" --> ", "-->"),
        PLAIN.replace("500\n", "500  X1:40 X2:600 Y1:20 Y2:50\n"),
        PLAIN.replace("Hello there.", "{\\an8}<i>Hello</i> <font color='red'>there.</font>"),
        PLAIN + "\n3\n00:00:09,000 --> 00:00:09,500\n \n",
    ],
)
def test_srt(tmp_path: Path, content: str | bytes) -> None:
    assert cues(tmp_path / "a.srt", content) == EXPECTED


def test_vtt(tmp_path: Path) -> None:
    content = (
        "\ufeffWEBVTT - a title\nKind: captions\n\nSTYLE\n::cue { color: red }\n\nNOTE a remark\nthat goes on\n\n"
        "first\n00:01.000 --> 00:02.500 align:start position:0%\n<v Ann>Hello <c.loud>there.</c>\n\n"
        "NOTE 00:07 is later\n\n00:00:03.000 --> 00:00:04.000\nGood<00:00:03.500>\nbye &amp; <b>thanks</b>.\n\nNOTE the end\n"
    )
    assert cues(tmp_path / "a.vtt", content) == [EXPECTED[0], (3.0, 1.0, "Good bye & thanks.")]


def test_words_that_look_like_markup_stay(tmp_path: Path) -> None:
    content = "1\n00:00:01,000 --> 00:00:02,000\nI <3 you & 2 < 3 > 1 {really}\n42\n"
    assert cues(tmp_path / "a.srt", content) == [(1.0, 1.0, "I <3 you & 2 < 3 > 1 {really} 42")]


def test_latin_1_and_its_accents(tmp_path: Path) -> None:
    assert cues(tmp_path / "a.srt", PLAIN.replace("there", "José").encode("latin-1"))[0][2] == "Hello José."
    assert cues(tmp_path / "b.srt", PLAIN.replace("there", "José 你好"))[0][2] == "Hello José 你好."


def test_cues_are_sorted_and_may_overlap(tmp_path: Path) -> None:
    content = (
        "00:00:05,0 --> 00:00:06,0\nlast\n\n100:00:01,5 --> 100:00:09,25\nfar\n\n00:00:01,0 --> 00:00:07,0\nfirst\n"
    )
    assert cues(tmp_path / "a.srt", content) == [(1.0, 6.0, "first"), (5.0, 1.0, "last"), (360001.5, 7.75, "far")]


def test_a_cue_that_ends_before_it_starts_is_left_out(tmp_path: Path) -> None:
    with pytest.warns(SignalWarning, match="1 of 3 cues end before they start"):
        assert cues(tmp_path / "a.srt", PLAIN + "\n3\n00:00:09,000 --> 00:00:08,000\nno\n") == EXPECTED


@pytest.mark.parametrize(
    ("name", "content"), [("a.srt", ""), ("a.srt", "\ufeff\r\n"), ("a.vtt", "WEBVTT\n\nNOTE none\n")]
)
def test_a_file_without_words_is_empty_and_warns(tmp_path: Path, name: str, content: str) -> None:
    with pytest.warns(SignalWarning, match="has no utterance"):
        assert cues(tmp_path / name, content) == []


def test_what_is_no_subtitle_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(SignalError, match=r"has no line such as 00:00:01,000 --> 00:00:02,500; wanted"):
        cues(tmp_path / "a.srt", "Dear diary,\n")
    with pytest.raises(SignalError, match="does not exist"):
        read_subtitles(tmp_path / "b.srt")
    with pytest.raises(SignalError, match="is a folder"):
        read_subtitles(tmp_path)
    with pytest.raises(SignalError, match="is text"):
        cues(tmp_path / "a.txt", PLAIN[:20])


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "mov_text"), ("a.mkv", "subrip"), ("b.mkv", "webvtt"), ("a.webm", "webvtt")]
)
def test_text_track_of_a_media_file(tmp_path: Path, name: str, codec: str) -> None:
    path = tmp_path / name
    with av.open(str(path), "w") as file:
        stream = file.add_mux_stream(codec)
        for start, text in [(1.0, "<i>Hello</i> there."), (3.0, "Good\nbye, José.")]:
            words = text.replace("<i>", "").replace("</i>", "") if codec == "mov_text" else text
            data = words.encode()
            packet = av.Packet(len(data).to_bytes(2, "big") + data if codec == "mov_text" else data)
            packet.stream, packet.time_base = stream, Fraction(1, 1000)
            packet.pts = packet.dts = round(start * 1000)
            packet.duration = 1500
            file.mux(packet)
    assert rows(path) == [(1.0, 1.5, "Hello there."), (3.0, 1.5, "Good bye, José.")]
    assert len(probe(path).text) == 1


def test_no_text_track(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        file.mux([*stream.encode(frame), *stream.encode()])
    with pytest.raises(SignalError, match="no text track; wanted"):
        read_subtitles(path)


def clock(milliseconds: int, comma: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{comma}{rest:03}"


words = st.text(st.characters(categories=["L", "N", "P", "S"], exclude_characters="<>{}&"), min_size=1, max_size=12)
line = st.lists(words, min_size=1, max_size=4).map(" ".join)
cue = st.tuples(st.integers(0, 10**7), st.integers(0, 10**5), st.lists(line, min_size=1, max_size=3))


@given(st.lists(cue, min_size=1, max_size=8, unique_by=lambda c: c[0]), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, written: list[tuple[int, int, list[str]]], newline: str, vtt: bool
) -> None:
    blocks = [
        f"{number}\n{clock(start, ',.'[vtt])} --> {clock(start + length, ',.'[vtt])}\n" + "\n".join(lines) + "\n"
        for number, (start, length, lines) in enumerate(written, 1)
    ]
    content = ("WEBVTT\n\n" if vtt else "") + "\n".join(blocks)
    path = tmp_path_factory.getbasetemp() / ("trip.vtt" if vtt else "trip.srt")
    expected = [(start / 1000, length / 1000, " ".join(lines)) for start, length, lines in sorted(written)]
    assert cues(path, content.replace("\n", newline)) == expected
