"""Samples with stamps that jitter become gapless runs, as they come: what xdf.py does of a whole stream."""

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.eeg.signal import stays_late
from affectstream.multimodal.eeg.xdf import JITTER, LOST
from affectstream.multimodal.types import SignalError

APART = 0.1  # s by which a run's even count and the clock may come apart before a new run begins
SHORT = 5.0  # s; a run that is shorter holds hardly a window of EEG
_TRIES = 3  # so many short runs one after another, and the rate is wrong


class Runs:
    """The runs of a stream of ``rate`` Hz. Holds the last second of stamps, and the samples that cannot be placed yet."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._second = max(2, round(rate))
        self._late = np.empty(0)  # by how much stamps lie behind an even count: of the run's last second, and of _data
        self._data: NDArray[np.float32] | None = None  # (n, channels), not placed yet
        self._first = 0  # which sample of the stream _data begins with
        self._begun: int | None = None  # the run's first sample
        self._offset = 0.0  # s; sample i of the stream lies at i / rate + _offset while the run lasts
        self._due: float | None = None  # the time after the last sample that was given
        self._short = 0
        self._gaps, self._missing, self._torn = 0, 0.0, 0.0
        self._twice = 0

    @property
    def notes(self) -> list[str]:
        """What was lost or left out up to now."""
        notes = []
        if self._gaps:
            count = f"{self._gaps} gap{'s' if self._gaps > 1 else ''}"
            notes.append(
                f"{count} of {self._missing:.1f} s in all, the last after {self._torn:.1f} s; nothing was put there"
            )
        if self._twice:
            notes.append(f"left out, as their times lie in what was received before: {self._twice} samples")
        return notes

    def take(
        self, stamps: NDArray[np.float64], data: NDArray[np.float32], *, ended: bool = False
    ) -> list[tuple[float, NDArray[np.float32]]]:
        """What can be placed once ``data`` (n, channels), stamped ``stamps`` (n,) s, has come: (start s, samples) each.

        How a stream is cut makes no difference to where its samples lie, unless its clock drifts. A sample that is late
        waits for the second that follows it, which tells whether samples were lost. ``ended``: nothing will follow.
        Raises SignalError for stamps that are not finite, and where three runs in a row drift off within 5 s.
        """
        if not np.isfinite(stamps).all():
            raise SignalError("the stream stamps its samples with NaN or infinity; wanted seconds; mend what sends it")
        return [
            part
            for at in range(0, max(1, len(stamps)), self._second)
            for part in self._take(
                stamps[at : at + self._second], data[at : at + self._second], ended and at + self._second >= len(stamps)
            )
        ]

    def _take(
        self, stamps: NDArray[np.float64], data: NDArray[np.float32], ended: bool
    ) -> list[tuple[float, NDArray[np.float32]]]:
        self._data = data if self._data is None else np.concatenate([self._data, data])
        index = self._first + len(self._data) - len(stamps) + np.arange(len(stamps))
        self._late = np.concatenate([self._late, stamps - index / self.rate])
        given = []
        while len(self._data):
            end, torn = self._reach(ended)
            if self._begun is None:
                if end < self._second and not (torn or ended):
                    break
                self._begun, self._offset = self._first, float(np.median(self._late[: min(end, self._second)]))
            given += self._give(end)
            if not torn and not self._adrift(end):
                kept = max(0, end - self._second)
                self._late = self._late[kept:]
                break
            self._short = 0 if torn else self._short
            self._late, self._begun = self._late[end:], None
        return given

    def _reach(self, ended: bool) -> tuple[int, bool]:
        """Up to which of ``_late`` the run surely goes on, and whether it ends there."""
        late, second = self._late, self._second
        placed = len(late) - (0 if self._data is None else len(self._data))
        for at in (int(at) + 1 for at in np.flatnonzero(abs(np.diff(late)) > LOST / self.rate)):
            usual = late[max(0, at - second) : max(at, second)]
            jitter = 1.4826 * float(np.median(abs(usual - np.median(usual))))
            least = max(LOST / self.rate, JITTER * jitter)
            if at < placed or abs(late[at] - late[at - 1]) <= least:
                continue
            if at + second > len(late) and not ended:
                return at, False
            if stays_late(late, at, 0, second, least):
                return at, True
        return len(late), False

    def _give(self, end: int) -> list[tuple[float, NDArray[np.float32]]]:
        """The samples up to ``end`` of ``_late``, at their places; not those whose time is past."""
        assert self._data is not None
        count = end - (len(self._late) - len(self._data))
        start = self._first / self.rate + self._offset
        samples, self._data = self._data[:count], self._data[count:]
        self._first += count
        if self._due is not None:
            past = min(count, max(0, int(np.ceil((self._due - start) * self.rate - 0.5))))
            self._twice += past
            samples, start = samples[past:], start + past / self.rate
        if not len(samples):
            return []
        if self._due is not None and start - self._due > 0.5 / self.rate:
            self._gaps, self._missing, self._torn = self._gaps + 1, self._missing + start - self._due, self._due
        self._due = start + len(samples) / self.rate
        return [(start, samples)]

    def _adrift(self, end: int) -> bool:
        """Are the run and the clock apart?"""
        assert self._begun is not None
        off = float(np.median(self._late[max(0, end - self._second) : end])) - self._offset
        if end < self._second or abs(off) <= APART:
            return False
        lasted = (self._first - self._begun) / self.rate
        self._short = self._short + 1 if lasted < SHORT else 0
        between = lasted - self._second / self.rate  # of the middles of the run's first second and its last
        if self._short >= _TRIES:
            raise SignalError(
                f"the stream calls its rate {self.rate:g} Hz, but by its clock it is about "
                f"{self.rate * between / (between + off):.1f} Hz; wanted them within 2 %; set the rate in the app that "
                "sends it, or look why samples are lost"
            )
        return True
