"""What MNE does not say of EDF and BDF files: how each channel is sampled, and where a discontinuous file has gaps.

The header is that of Kemp et al. (1992), the times of records are those of EDF+ (Kemp and Olivan 2003); BDF differs in
having samples of three bytes.
"""

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from affectstream.multimodal.eeg.signal import Mark, Run, in_order

ANNOTATIONS = ("EDF Annotations", "BDF Annotations")  # labels of channels that hold text
_LINE = re.compile(rb"([+-]\d+(?:\.\d*)?)(?:\x15(\d+(?:\.\d*)?))?\x14(.*)\x14", re.DOTALL)  # onset, duration, texts


@dataclass(frozen=True)
class Header:
    """Of each channel its label, its unit and its samples in a record; and how the records lie in the file."""

    labels: tuple[str, ...]
    units: tuple[str, ...]
    counts: tuple[int, ...]
    seconds: float  # of a record
    offset: int  # bytes before the first record
    width: int  # bytes of a sample
    broken: bool  # a record need not follow on the one before (EDF+D, BDF+D)


def read_header(path: Path) -> Header:
    """The header of ``path``; raises ValueError if it is none."""
    with path.open("rb") as file:
        fixed = file.read(256)
        offset, seconds, channels = int(fixed[184:192]), float(fixed[244:252]), int(fixed[252:256])
        rest = file.read(256 * max(0, channels))
    if channels < 1 or len(rest) < 256 * channels:
        raise ValueError(f"the header ends after {len(fixed) + len(rest)} bytes, with {channels} channels")

    def column(before: int, width: int) -> tuple[str, ...]:
        """The field of ``width`` bytes that has ``before`` bytes of others before it, of every channel."""
        start = before * channels
        cells = [rest[at : at + width] for at in range(start, start + width * channels, width)]
        return tuple(cell.strip().decode("latin-1") for cell in cells)

    return Header(
        labels=column(0, 16),
        units=column(96, 8),
        counts=tuple(int(cell) for cell in column(216, 8)),
        seconds=seconds,
        offset=offset,
        width=3 if fixed[0] == 0xFF else 2,
        broken=fixed[192:197] in (b"EDF+D", b"BDF+D"),
    )


def pieces(path: Path, header: Header, records: int, count: int) -> tuple[tuple[Run, ...], tuple[Mark, ...]]:
    """The gapless stretches of a discontinuous file of ``records`` with ``count`` samples a channel, and its marks.

    The first channel of text begins, in every record, with the record's time. A record without one follows on the last.
    """
    ends = np.cumsum(header.counts) * header.width  # of the channels, in bytes from the record's beginning
    texts = [k for k, label in enumerate(header.labels) if label in ANNOTATIONS]
    times: list[float] = []
    marks: list[Mark] = []
    with path.open("rb") as file:
        for record in range(records):
            found: list[tuple[float, float, list[str]]] = []
            for k in texts:
                size = header.counts[k] * header.width
                file.seek(header.offset + record * int(ends[-1]) + int(ends[k]) - size)
                found += _texts(file.read(size))
            follows = times[-1] + header.seconds if times else 0.0
            times.append(next((time for time, _, words in found if words[:1] == [""]), follows))
            marks += [Mark(time, length, word) for time, length, words in found for word in words if word]
    starts, rate = np.array(times) - times[0], count / header.seconds
    jumps = np.flatnonzero(abs(np.diff(starts) - header.seconds) * rate > 1) + 1
    stretches = pairwise([0, *jumps.tolist(), records])
    runs = in_order((Run(float(starts[a]), a * count, (b - a) * count) for a, b in stretches), rate)
    return runs, tuple(replace(mark, time=mark.time - times[0]) for mark in marks)


def _texts(held: bytes) -> list[tuple[float, float, list[str]]]:
    """(onset s, duration s, texts) of what a record's channel of text holds; the record's own time has no text."""
    found = []
    for line in held.split(b"\0"):
        match = _LINE.fullmatch(line)
        if match:
            onset, duration, words = match.groups()
            try:
                text = words.decode()
            except UnicodeDecodeError:  # it should be UTF-8, and of older programs is Latin 1
                text = words.decode("latin-1")
            found.append((float(onset), float(duration or 0), text.split("\x14")))
    return found
