"""One person's states as they come, for whoever subscribes.

A feed holds numbers and words about the last ten minutes, never pictures, sound or brain waves. It forgets what is older, and
all of it when another session begins or the feed is closed; nothing is written anywhere.
"""

import bisect
import math
import threading
import time as clock
from collections import deque
from collections.abc import Callable
from operator import attrgetter, itemgetter
from typing import NamedTuple

import numpy as np

from affectstream.multimodal.agent.notice import KEPT
from affectstream.multimodal.agent.prompt import Teller
from affectstream.multimodal.agent.state import STALE, AffectState, Happening, Vad
from affectstream.multimodal.closing import Closing
from affectstream.multimodal.timeline import ROUNDING, TICK
from affectstream.multimodal.types import DIMENSIONS, Trace


class Told(NamedTuple):
    """One state as it was told: its ``number``, from 1 in its session, its ``time`` (s), its ``page`` of JSON, and in ``words``
    (:class:`affectstream.multimodal.agent.prompt.Teller`)."""

    number: int
    time: float
    page: str
    words: str


class Session(NamedTuple):
    """Whose states these are: ``opened``, the second since 1970 of their time 0, None while there is nobody; and their ``source``."""

    opened: float | None
    source: str


class Feed(Closing):
    """The states of one session after another, at most ten a second, each encoded once for all who read it.

    ``source`` says in words where they come from. Any thread may call.
    """

    def __init__(self, source: str = "nothing") -> None:
        self._lock = threading.Lock()
        self._subscribers: dict[object, Callable[[], None]] = {}
        self.closed = False
        self._forget(None, source)

    def begin(self, opened: float | None, source: str | None = None) -> None:
        """Forget all: a session begins whose time 0 is ``opened`` s since 1970, or none does; subscribers are told."""
        with self._lock:
            self._forget(opened, source or self._session.source)
        self._tell()

    def put(self, state: AffectState) -> None:
        """Take in ``state``; one that is not of a later tenth of a second than the last is passed over.

        Raises RuntimeError if no session has begun.
        """
        tick = math.floor(state.time * TICK + ROUNDING)
        with self._lock:
            if self.closed or (self._told and tick <= self._tick):
                return
            if self._session.opened is None:
                raise RuntimeError("a state before a session; call begin first")
            number = self._told[-1].number + 1 if self._told else 1
            self._tick = tick
            self._told.append(Told(number, state.time, state.to_json(), self._teller.block(state)))
            self._rows.append(_row(state))
            for event in state.events:
                self._happened.setdefault((event.kind, event.dimension, event.direction, event.found), event)
            while self._told[0].time < state.time - KEPT:
                self._told.popleft()
                self._rows.popleft()
            while self._happened and next(iter(self._happened.values())).found < state.time - KEPT:
                del self._happened[next(iter(self._happened))]
        self._tell()

    @property
    def baseline(self) -> Vad | None:
        """What a reader takes for this person's usual affect, None for that of anybody."""
        return self._teller.baseline

    def set_baseline(self, usual: Vad | None) -> None:
        """From now on words tell the difference from ``usual``; what is estimated stays as it is.

        Raises ValueError for values beyond [-1, 1].
        """
        teller = Teller(baseline=usual)
        with self._lock:
            self._teller = teller
            if self._told:
                last = self._told[-1]
                words = teller.block(AffectState.model_validate_json(last.page))
                self._told[-1] = last._replace(words=words)

    def amend(self, known: Trace) -> None:
        """Let :meth:`trace` say from now on what is ``known`` by now of moments told already; what was told stays as it was."""
        columns = (known.time, *known.mean.T, *known.variance.T, known.quality)
        with self._lock:
            for row in zip(*(column.tolist() for column in columns), strict=True):
                at = bisect.bisect_left(self._rows, row[0], key=itemgetter(0))
                if at < len(self._rows) and self._rows[at][0] == row[0]:
                    self._rows[at] = row

    def look(self) -> tuple[Session, Told | None]:
        """The session, and the latest state of it as it was told, None before the first."""
        with self._lock:
            return self._session, self._told[-1] if self._told else None

    def latest(self) -> AffectState | None:
        """The latest state as it was told; None before the first of a session, and where nothing was told for :data:`STALE` s."""
        told, now = self.look()[1], self.now()
        if told is None or now is None or now - told.time > STALE:
            return None
        return AffectState.model_validate_json(told.page)

    def told(self, *, since: float = -math.inf, after: int = 0) -> list[Told]:
        """What was told from ``since`` s on, after the one with the number ``after``."""
        with self._lock:
            first = bisect.bisect_left(self._told, since, key=attrgetter("time"))
            begin = bisect.bisect_right(self._told, after, key=attrgetter("number"))
            return list(self._told)[max(first, begin) :]

    def history(self, since: float, until: float, most: int) -> list[AffectState]:
        """The states from ``since`` to ``until`` s as they were told; of more than ``most``, that many, evenly, with the latest."""
        told = [one for one in self.told(since=since) if one.time <= until]
        return [AffectState.model_validate_json(told[k].page) for k in thinned(len(told), most)]

    def trace(self, start: float, end: float) -> Trace:
        """The states from ``start`` to ``end`` s as the trace "state", with all that is known of them by now."""
        with self._lock:
            rows = [row for row in self._rows if start <= row[0] <= end]
        table = np.array(rows, np.float64).reshape(-1, 8)
        time, mean, variance, confidence = np.split(table, [1, 4, 7], axis=1)
        return Trace("state", time=time, mean=mean, variance=variance, quality=confidence.ravel(), span=1 / TICK)

    def happenings(self, start: float, end: float) -> list[Happening]:
        """What was found from ``start`` to ``end`` s, in that order."""
        with self._lock:
            return [event for event in self._happened.values() if start <= event.found <= end]

    def now(self) -> float | None:
        """The second of the session it is now; None while there is none."""
        with self._lock:
            return None if self._session.opened is None else clock.monotonic() - self._zero

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback``, which must not take its time, whenever there is something new; returns what ends that.

        It is told that, not what, so that who is slow finds the latest and never a queue.
        """
        key = object()
        with self._lock:
            self._subscribers[key] = callback

        def unsubscribe() -> None:
            with self._lock:
                self._subscribers.pop(key, None)

        return unsubscribe

    @property
    def subscribers(self) -> int:
        """How many subscribe."""
        return len(self._subscribers)

    def close(self) -> None:
        """Forget all; subscribers are told, and nothing more is taken in."""
        with self._lock:
            self._forget(None, self._session.source)
            self.closed = True
        self._tell()

    def _forget(self, opened: float | None, source: str) -> None:
        self._session = Session(opened, source)
        self._zero = math.nan if opened is None else clock.monotonic() - (clock.time() - opened)
        self._teller = Teller()
        self._tick = 0
        self._told: deque[Told] = deque()
        self._rows: deque[tuple[float, ...]] = deque()  # time, mean (3), variance (3), confidence; one for each told
        self._happened: dict[tuple[str, str, int, float], Happening] = {}

    def _tell(self) -> None:
        with self._lock:
            callbacks = list(self._subscribers.values())
        for callback in callbacks:
            callback()


def thinned(count: int, most: int) -> list[int]:
    """At most ``most`` indices of ``count`` things, evenly spread, the last among them.

    >>> thinned(10, 4), thinned(3, 10), thinned(5, 1), thinned(0, 5)
    ([0, 3, 6, 9], [0, 1, 2], [4], [])
    """
    if count <= most:
        return list(range(count))
    return np.linspace(count - 1, 0, most).round().astype(int)[::-1].tolist()


def _row(state: AffectState) -> tuple[float, ...]:
    mean = [getattr(state.vad, dimension) for dimension in DIMENSIONS]
    variance = [getattr(state.sd, dimension) ** 2 for dimension in DIMENSIONS]
    return (state.time, *mean, *variance, state.confidence)
