"""Sources of what is not seen by a camera: a table that was scored, played again, and words that are written."""

import threading
import time as clock
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from affectstream.multimodal.agent.feed import Feed
from affectstream.multimodal.agent.state import AffectState
from affectstream.multimodal.causal import Unfolding
from affectstream.multimodal.combine import reach_of
from affectstream.multimodal.live.run import LiveRun
from affectstream.multimodal.report.table import read_table
from affectstream.multimodal.timeline import ROUNDING, TICK, grid
from affectstream.multimodal.types import SignalError, Trace

DERIVED = ("fused", "state")  # what the table's other sources are put together to


class Replay:
    """The table at ``path``, of ``affectstream score``, played once in real time: what its sources saw, and what is known from that.

    The states are those that ``affectstream score --causal`` gives, to the table's six decimals. Raises SignalError if the
    file cannot be read, ValueError if it is no such table.
    """

    kind = "table"
    frame_rate = 30.0

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.name
        try:
            table = read_table(path)
        except OSError as error:
            raise SignalError(
                f"{path} cannot be read ({error.strerror or error}); wanted a table of affectstream score"
            ) from error
        self.traces = {source: trace for source, trace in table.items() if source not in DERIVED and len(trace)}
        if not self.traces:
            raise ValueError(
                f"{path} holds no source but {', '.join(table) or 'none'}; wanted faces, speech, text or eeg"
            )

    def states(self) -> Iterator[AffectState]:
        """The state at every tick, ten a second."""
        ticks = grid(*reach_of(self.traces.values()), TICK)
        waiting = {source: _heard_at(trace) for source, trace in self.traces.items()}
        given = dict.fromkeys(waiting, 0)
        unfolding = Unfolding(start=float(ticks[0]) - 1.0 if len(ticks) else 0.0)
        for tick in ticks.tolist():
            heard: list[Trace] = []
            for source, at in waiting.items():
                until = int(np.searchsorted(at, tick + ROUNDING, side="right"))
                heard.append(self.traces[source].take(range(given[source], until)))
                given[source] = until
            unfolding.hear(heard)
            unfolding.tick(tick)
            yield unfolding.state(tick)

    def play(self, feed: Feed, over: threading.Event) -> None:
        """Put each state into ``feed`` at its time, until the table ends or ``over`` is set."""
        begin: float | None = None
        for state in self.states():
            if begin is None:
                begin = clock.monotonic() - state.time
                feed.begin(clock.time() - state.time)
            if over.wait(max(begin + state.time - clock.monotonic(), 0)):
                return
            feed.put(state)


class Written:
    """Nothing to see or hear: the words are those that somebody hands over."""

    kind, name = "text", "what is written"
    frame_rate = 30.0

    def play(self, run: LiveRun, over: threading.Event) -> None:
        """Nothing is played."""


def _heard_at(trace: Trace) -> np.ndarray:
    """When each row is heard of, s: at its window's end, or with a later row whose window ended before it."""
    over = trace.time + trace.span / 2
    return np.minimum.accumulate(over[::-1])[::-1]
