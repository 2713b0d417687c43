"""A turn of a conversation in one page: how the person was, where it went, what happened, and how sure that is."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from affectstream.multimodal.agent.bands import Bands
from affectstream.multimodal.agent.errors import KNOWN, change_variance, sum_variance
from affectstream.multimodal.agent.phrases import MORE, discord_words, state_words
from affectstream.multimodal.agent.state import Discord, Happening, Page, Vad
from affectstream.multimodal.agent.telling import KNOWN_SD, level_of, source_word
from affectstream.multimodal.types import DIMENSIONS, Trace

EDGE = 1.0  # s at either end of a turn between which its shift is taken
CLEAR = 2.0  # standard deviations from which a shift is told


class Shift(Page):
    """The ``dimension`` that changed most, in standard deviations ``z``, from a turn's first second to its last, by ``change``."""

    dimension: Literal["valence", "arousal", "dominance"]
    change: float
    z: float


class TurnSummary(Page):
    """A person's affect from ``start`` to ``end`` (s), as it was estimated; null where nothing was known.

    ``covered``, the share of that time in which something was known; ``mean``, ``least`` and ``most`` over it, the ``first``
    and the ``last`` values; ``sd``, the standard deviation of the mean: the root of the mean variance, not divided by the root of the
    number of rows, for neighbouring rows err by the same error; ``slope`` in 1/s, by least squares weighted with
    1 / variance, and ``slope_sd``, for errors that last (:mod:`.errors`); ``events`` found in the turn; ``discord``, the
    strongest of them; ``shift``, null for a turn of less than two seconds and where either of its ends was not seen.
    """

    version: Literal["affect-turn/1"] = Field("affect-turn/1", alias="schema")
    start: float
    end: float
    covered: float = Field(ge=0, le=1)
    mean: Vad | None
    sd: Vad | None
    least: Vad | None
    most: Vad | None
    first: Vad | None
    last: Vad | None
    slope: Vad | None
    slope_sd: Vad | None
    shift: Shift | None
    discord: Discord | None
    events: list[Happening]


def summarise_turn(states: Trace, happenings: Sequence[Happening], start: float, end: float) -> TurnSummary:
    """The turn from ``start`` up to but not including ``end`` (s), of the trace "state" and what ``happenings`` there were.

    Rows that say no more than was known in advance are left out (quality below :data:`.errors.KNOWN`). An event belongs to the turn in
    which it was found. Raises ValueError for times that are not finite or do not rise.
    """
    if not (np.isfinite([start, end]).all() and start < end):
        raise ValueError(f"turn from {start} to {end} s; wanted finite times, the end after the start")
    events = [event for event in happenings if start <= event.found < end]
    seen = np.isfinite(states.mean).all(1) & (states.quality >= KNOWN)
    rows = np.flatnonzero(seen & (states.time >= start) & (states.time < end))
    if not len(rows):
        nothing: dict[str, Any] = dict.fromkeys(name for name, f in TurnSummary.model_fields.items() if f.is_required())
        known = {"start": start, "end": end, "covered": 0.0, "discord": _discord(events), "events": events}
        return TurnSummary(**{**nothing, **known})
    time, mean, variance = states.time[rows], states.mean[rows], states.variance[rows]
    slope, slope_sd = _slope(time, mean, variance)
    return TurnSummary(
        start=start,
        end=end,
        covered=_covered(states, seen, start, end),
        mean=Vad.of(mean.mean(0)),
        sd=Vad.of(np.sqrt(variance.mean(0))),
        least=Vad.of(mean.min(0)),
        most=Vad.of(mean.max(0)),
        first=Vad.of(mean[0]),
        last=Vad.of(mean[-1]),
        slope=slope,
        slope_sd=slope_sd,
        shift=_shift(time, mean, variance, start, end),
        discord=_discord(events),
        events=events,
    )  # pyright: ignore[reportCallIssue]


def tell_turn(summary: TurnSummary) -> str:
    """``summary`` in one or two sentences, without a word of anybody's: sources are named as in :mod:`.phrases`."""
    discord = summary.discord
    pair = None
    if discord is not None:
        pair = (source_word(discord.higher), source_word(discord.lower), discord.dimension)
    contradiction = discord_words(pair, past=True)
    also = f" {contradiction[0].upper()}{contradiction[1:]}." if contradiction else ""
    if summary.mean is None or summary.sd is None:
        return f"Nothing is known of how the person was in this turn.{also}"
    told = DIMENSIONS if summary.sd.dominance < KNOWN_SD else DIMENSIONS[:2]
    v, a, d = (level_of(Bands(), name, getattr(summary.mean, name)) if name in told else 0 for name in DIMENSIONS)
    half = ", in the smaller part of it that was seen" if summary.covered < 0.5 else ""
    shift = summary.shift
    became = ""
    if shift is not None and abs(shift.z) >= CLEAR and shift.dimension in told:
        became = f"; became {MORE[shift.dimension][shift.change > 0]} by its end"
    return f"In this turn the person seemed {state_words((v, a, d))}{half}{became}.{also}"


def _covered(states: Trace, seen: NDArray[np.bool_], start: float, end: float) -> float:
    """Share of the turn that the windows of the rows ``seen`` (T,) cover; rows without a window reach halfway to the next."""
    gaps = np.diff(states.time)
    width = np.where(states.span > 0, states.span, np.median(gaps) if len(gaps) else 0.0)[seen]
    begin = np.clip(states.time[seen] - width / 2, start, end)
    stop = np.maximum.accumulate(np.clip(states.time[seen] + width / 2, start, end))
    begin = np.maximum(begin, np.concatenate([[start], stop[:-1]]))
    return min(round(float(np.maximum(stop - begin, 0).sum() / (end - start)), 6), 1.0)


def _slope(
    time: NDArray[np.float64], mean: NDArray[np.float64], variance: NDArray[np.float64]
) -> tuple[Vad | None, Vad | None]:
    if time[0] == time[-1]:
        return None, None
    weight = 1 / variance
    off = time[:, None] - (weight * time[:, None]).sum(0) / weight.sum(0)
    part = weight * off / (weight * off**2).sum(0)
    return Vad.of((part * mean).sum(0)), Vad.of(np.sqrt(sum_variance(time, part, variance)))


def _shift(
    time: NDArray[np.float64], mean: NDArray[np.float64], variance: NDArray[np.float64], start: float, end: float
) -> Shift | None:
    first, last = time < start + EDGE, time >= end - EDGE
    if end - start < 2 * EDGE or not first.any() or not last.any():
        return None
    change = mean[last].mean(0) - mean[first].mean(0)
    apart = float(time[last].mean() - time[first].mean())
    z = change / np.sqrt(change_variance(variance[first].mean(0), variance[last].mean(0), apart))
    most = int(np.abs(z).argmax())
    return Shift(dimension=DIMENSIONS[most], change=float(change[most]), z=float(z[most]))


def _discord(events: list[Happening]) -> Discord | None:
    found = [event for event in events if event.kind == "discord" and len(event.sources) == 2]
    if not found:
        return None
    most = max(found, key=lambda event: event.magnitude)
    higher, lower = most.sources
    return Discord(higher=higher, lower=lower, dimension=most.dimension, z=most.magnitude, p=most.p)
