"""What an agent is answered: the state with its words, the last minutes as a table, a turn, and the baseline."""

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from pydantic import Field

from affectstream.multimodal.agent.feed import Feed, thinned
from affectstream.multimodal.agent.notice import KEPT, NOTICE
from affectstream.multimodal.agent.state import STALE, AffectState, Happening, Page, Vad
from affectstream.multimodal.agent.turn import TurnSummary, summarise_turn
from affectstream.multimodal.timeline import ROUNDING
from affectstream.multimodal.types import DIMENSIONS, Trace

HearText = Callable[
    [str, float, float], None
]  # text, said from one second of the session to another; raises ValueError
LONGEST = 2000  # characters of what was said
SAID = 0.5  # s before they are handed over in which words were said of which no more is known: what was typed is of now
COLUMNS = ("time", *DIMENSIONS, *(f"{name}_sd" for name in DIMENSIONS), "confidence")


class Snapshot(Page):
    """The state now. An estimate of what shows, not of what is felt."""

    version: Literal["affect-snapshot/1"] = Field("affect-snapshot/1", alias="schema")
    state: AffectState | None = Field(description="the latest state; null before the first, and while there is nobody")
    opened: float | None = Field(
        description="seconds since 1970 at which the session's time is 0; null while there is none"
    )
    words: str = Field(description="the state as a block for a prompt; empty where too little is known, or it is stale")
    stale: bool = Field(description="whether nothing was heard of the person for ten seconds")
    notice: str = Field(NOTICE, description="what whoever uses this must know")
    source: str = Field(description="where the state comes from")


class History(Page):
    """The last minutes as a table, evenly thinned, and what happened in them. Nothing is kept for more than ten minutes."""

    version: Literal["affect-history/1"] = Field("affect-history/1", alias="schema")
    opened: float | None = Field(description="seconds since 1970 at which the session's time is 0")
    columns: tuple[str, ...] = Field(COLUMNS, description="what the numbers of a row are: s; [-1, 1]; their sd; [0, 1]")
    rows: list[tuple[float, float, float, float, float, float, float, float]] = Field(description="the latest last")
    happenings: list[Happening] = Field(description="onsets, offsets, shifts, recoveries and discord, the latest last")


class Baseline(Page):
    """What the words take for the person's usual affect; null for anybody's."""

    version: Literal["affect-baseline/1"] = Field("affect-baseline/1", alias="schema")
    baseline: Vad | None


def snapshot(feed: Feed) -> Snapshot:
    """The state of ``feed`` now."""
    session, told = feed.look()
    now = feed.now()
    state = None if told is None else AffectState.model_validate_json(told.page)
    late = math.inf if state is None or state.age is None or now is None else now - state.time + state.age
    stale = late > STALE
    words = "" if stale or told is None else told.words
    return Snapshot(state=state, opened=session.opened, words=words, stale=stale, source=session.source)  # pyright: ignore[reportCallIssue]


def history(feed: Feed, seconds: float, most: int) -> History:
    """The last ``seconds`` of ``feed`` in at most ``most`` rows."""
    session = feed.look()[0]
    trace, begin = _last(feed, seconds)
    table = np.column_stack([trace.time, trace.mean, trace.sd, trace.quality])[thinned(len(trace), most)]
    return History(opened=session.opened, rows=table.round(3).tolist(), happenings=feed.happenings(begin, math.inf))  # pyright: ignore[reportCallIssue]


def bounds(feed: Feed, start: float | None, end: float | None, seconds: float) -> tuple[float, float]:
    """``start`` and ``end`` of a turn, in the session's seconds; by default it ends now, and lasts for ``seconds``.

    Raises ValueError while there is no session.
    """
    now = feed.now()
    if now is None:
        raise ValueError("nobody is there, so there is no turn to tell; wait until a session begins")
    end = now if end is None else end
    return (end - seconds if start is None else start), end


def turn(feed: Feed, start: float, end: float) -> TurnSummary:
    """What showed from ``start`` to ``end`` s of the session; raises ValueError for a turn that does not end after it begins."""
    return summarise_turn(feed.trace(start, end), feed.happenings(start, end), start, end)


def settle(feed: Feed, seconds: float | None = None, vad: Vad | None = None, *, clear: bool = False) -> Baseline:
    """Take the mean of the last ``seconds``, or ``vad``, for the person's usual affect, or ``clear`` it.

    Each row of the mean counts by its confidence. Raises ValueError unless just one of them is given, for values beyond [-1, 1], and if
    nothing was seen in the last ``seconds``.
    """
    if (seconds is not None) + (vad is not None) + clear != 1:
        raise ValueError("wanted just one of: seconds to take the mean of, values, or clear")
    if seconds is not None:
        if not 0 < seconds <= KEPT:
            raise ValueError(f"seconds is {seconds}; wanted more than 0 and at most {KEPT:g}")
        vad = _mean(feed, seconds)
    feed.set_baseline(vad)
    return Baseline(baseline=vad)  # pyright: ignore[reportCallIssue]


def _mean(feed: Feed, seconds: float) -> Vad:
    trace, _ = _last(feed, seconds)
    if not trace.quality.sum() > 0:
        raise ValueError(f"nothing was seen in the last {seconds:g} s; wait until something is, or give values")
    mean = np.average(trace.mean, axis=0, weights=trace.quality)
    return Vad.of(mean.round(3))


def _last(feed: Feed, seconds: float) -> tuple[Trace, float]:
    """The last ``seconds`` of what was told, and when they begin."""
    told = feed.look()[1]
    begin = math.inf if told is None else told.time - seconds - ROUNDING
    return feed.trace(begin, math.inf), begin
