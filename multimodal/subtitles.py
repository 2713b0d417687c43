"""Spoken words with their times: SubRip and WebVTT files, and text tracks inside media files.

Small on purpose: subtitle files in the wild break every rule of their formats except one, the line with the
arrow. So the arrow lines are found first, and what stands between two of them is text.
"""

import html
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from affectstream.multimodal.media import SignalWarning, open_media, read_beginning, text_streams
from affectstream.multimodal.types import Chunk, SignalError

if TYPE_CHECKING:
    from av.subtitles.subtitle import AssSubtitle

_MOMENT = r"(?:(\d+):)?(\d{1,2}):(\d{1,2})(?:[.,](\d+))?"
_ARROW = re.compile(rf"\s*{_MOMENT}\s*-->\s*{_MOMENT}(?!\d)")
_TAG = re.compile(r"</?(?:[bius]|c|v|lang|ruby|rt|font)(?:[ .][^>]*)?>|<[\d:.]+>|\{\\[^}]*\}", re.IGNORECASE)
_WANTED = "wanted .srt, .vtt, or a media file with a text track"


class _Cue(NamedTuple):
    start: float
    end: float
    text: str


def read_subtitles(path: str | Path) -> Chunk:
    """All utterances of ``path`` in one Chunk: ``data`` (n,) str, ``time`` and ``duration`` (n,) s, sorted by time.

    ``path`` is an .srt or .vtt file, taken to be on the media's clock as it stands, or a media file, of which the
    first text track is read. Markup is removed and the lines of a cue are joined by a space; cues may overlap; cues
    without words are left out. A file with no utterance gives an empty chunk and a SignalWarning, and so does each
    file in which cues end before they start: those are left out. Raises SignalError if the file cannot be read, is
    not a subtitle file, or has no text track.
    """
    path = Path(path)
    cues = _of_file(path) if path.suffix.lower() in (".srt", ".vtt") else _of_media(path)
    sound = [cue for cue in cues if cue.end >= cue.start]
    if len(sound) < len(cues):
        _warn(f"{path}: {len(cues) - len(sound)} of {len(cues)} cues end before they start; they were left out")
    spoken = sorted((cue for cue in sound if cue.text), key=lambda cue: cue.start)
    if not spoken:
        _warn(f"{path} has no utterance")
    start, end = (np.array([getattr(cue, name) for cue in spoken], np.float64) for name in ("start", "end"))
    words = np.array([cue.text for cue in spoken], np.str_)
    return Chunk("text", spoken[0].start if spoken else 0.0, 0.0, words, time=start, duration=end - start)


def _of_file(path: Path) -> list[_Cue]:
    try:
        read_beginning(path)
    except SignalError:
        if path.is_file() and path.stat().st_size == 0:
            return []  # nobody spoke
        raise
    text = _text(path.read_bytes())
    vtt = text.startswith("WEBVTT")
    lines = re.split(r"\r\n|\r|\n", text)
    arrows = [(number, match) for number, line in enumerate(lines) if (match := _ARROW.match(line))]
    if not arrows and text.strip() and not vtt:
        raise SignalError(f"{path} has no line such as 00:00:01,000 --> 00:00:02,500; {_WANTED}; check the file")
    cues = []
    ends = [number for number, _ in arrows[1:]] + [len(lines)]
    for (number, match), following in zip(arrows, ends, strict=False):
        body = lines[number + 1 : following]
        # Where the blank line before the next cue is missing, only its number stands between.
        if following < len(lines) and body and body[-1].strip().isdigit():
            body.pop()
        blank = next((i for i, line in enumerate(body) if not line.strip()), len(body))
        words = _plain(body[:blank])
        cues.append(
            _Cue(_seconds(match.groups()[:4]), _seconds(match.groups()[4:]), html.unescape(words) if vtt else words)
        )
    return cues


def _of_media(path: Path) -> list[_Cue]:
    cues = []
    with open_media(path) as container:
        tracks = text_streams(container)
        if not tracks:
            raise SignalError(f"{path} has no text track; {_WANTED}; give the words as an .srt file")
        for packet in container.demux(container.streams[tracks[0]]):
            if packet.pts is None or packet.time_base is None:
                continue
            start = float(packet.pts * packet.time_base)
            end = start + float((packet.duration or 0) * packet.time_base)
            for line in cast("list[AssSubtitle]", packet.decode()):
                words = line.dialogue.decode("utf-8", "replace")
                cues.append(_Cue(start, end, _plain(words.replace("\\N", "\n").replace("\\h", " ").split("\n"))))
    return cues


def _text(data: bytes) -> str:
    """``data`` as text: UTF-8 or UTF-16 if it says so, else what old Western European editors wrote."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _plain(lines: list[str]) -> str:
    return " ".join(words for line in lines if (words := _TAG.sub("", line).strip()))


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = (part or "0" for part in parts)
    return int(hours) * 3600 + int(minutes) * 60 + float(f"{seconds}.{fraction}")


def _warn(text: str) -> None:
    warnings.warn(text, SignalWarning, stacklevel=3)
