"""What happened: onsets, offsets, shifts, recoveries and discord, found once and said with their certainty.

A threshold on a noisy trace fires a hundred times a minute. Here something is an event when the estimate makes
it likely enough (probability), for long enough (dwell), and it ends at a lower bound than it began (hysteresis).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from affectstream.multimodal.types import DIMENSIONS

Kind = Literal["onset", "offset", "shift", "recovery", "discord"]


@dataclass(frozen=True)
class Rules:
    """When something counts as an event.

    ``on`` and ``off`` are distances from the baseline; ``likely`` the least probability that affect is beyond
    ``on`` (or back within ``off``); ``dwell`` (s) how long that must hold; ``reversal`` (s) within which an
    onset on the other side is also a shift; ``discordant`` the greatest chance of a disagreement by errors
    alone that counts as discord, and ``quarrel`` (s) how long it must last. The defaults were
    chosen on simulated episodes, for few false alarms and little delay (benchmarks/dynamics_calibration.py).
    """

    on: float = 0.20
    off: float = 0.10
    likely: float = 0.85
    dwell: float = 0.1
    reversal: float = 3.0
    discordant: float = 0.01
    quarrel: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.off <= self.on <= 1:
            raise ValueError(f"off is {self.off}, on is {self.on}; wanted 0 <= off <= on <= 1")
        if not (0 < self.likely < 1 and self.dwell >= 0):
            raise ValueError(f"likely is {self.likely}, dwell {self.dwell} s; wanted 0 < likely < 1 and dwell >= 0")


@dataclass(frozen=True)
class Event:
    """One event: ``time`` (s) is when it began, ``found`` (s) when it was certain enough to be said.

    ``dimension`` and ``direction`` (+1, -1) say where; ``magnitude`` is the distance from the baseline (for
    discord, the difference in standard deviations) and ``p`` its probability (for discord, of the errors
    alone); ``sources`` the pair that disagrees, the one with the higher value first.
    """

    kind: Kind
    time: float
    found: float
    dimension: str
    direction: int
    magnitude: float
    p: float
    sources: tuple[str, ...] = ()

    def phrase(self) -> str:
        """The event in words.

        >>> Event("onset", 1.0, 1.5, "valence", -1, 0.4, 0.9).phrase()
        'onset of low valence'
        >>> Event("discord", 1.0, 1.5, "valence", 0, 3.0, 0.002, ("face", "text")).phrase()
        'discord: face shows more valence than text'
        """
        if self.kind == "discord":
            return f"discord: {self.sources[0]} shows more {self.dimension} than {self.sources[1]}"
        side = "high" if self.direction > 0 else "low"
        words = {"onset": "onset of", "offset": "end of", "shift": "shift to", "recovery": "recovery from"}
        return f"{words[self.kind]} {side} {self.dimension}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**vars(self), "sources": list(self.sources)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`."""
        return cls(**{**values, "sources": tuple(values["sources"])})


@dataclass(frozen=True)
class _Side:
    """One dimension in one direction: ``on`` between onset and offset; ``since`` (s) the next change has been likely."""

    on: bool = False
    since: float | None = None
    ended: float = -np.inf  # s of the last offset


@dataclass(frozen=True)
class Watch:
    """What is remembered between two instants; nothing at first. :func:`watch` gives the next."""

    sides: tuple[_Side, ...] = field(default_factory=lambda: (_Side(),) * 6)
    discord: _Side = field(default_factory=_Side)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"sides": [_plain(s) for s in self.sides], "discord": _plain(self.discord)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`."""
        return cls(tuple(_side(s) for s in values["sides"]), _side(values["discord"]))


@dataclass(frozen=True)
class Disagreement:
    """The sources' disagreement at one instant: chance ``p`` by errors alone, the ``pair``, ``dimension`` and ``z``."""

    p: float
    pair: tuple[str, str]
    dimension: int
    z: float


def watch(
    memory: Watch,
    time: float,
    mean: NDArray[np.float64],
    sd: NDArray[np.float64],
    *,
    baseline: Sequence[float] = (0.0, 0.0, 0.0),
    disagreement: Disagreement | None = None,
    rules: Rules | None = None,
) -> tuple[Watch, list[Event]]:
    """Take in the estimate ``mean`` and ``sd`` (3,) of the second ``time``; the new memory and what has happened."""
    rules = rules or Rules()
    away = np.asarray(mean) - baseline
    out = np.stack([away, -away], 1).ravel()  # valence up, valence down, arousal up...
    width = np.repeat(sd, 2)
    beyond, within = ndtr((out - rules.on) / width), ndtr((rules.off - out) / width)
    sides, events = list(memory.sides), []
    for k, side in enumerate(memory.sides):
        chance = float(within[k] if side.on else beyond[k])
        now, changed = _turn(side, time, chance >= rules.likely, rules.dwell)
        sides[k] = now
        if not changed:
            continue
        began = side.since if side.since is not None else time
        dimension, direction = DIMENSIONS[k // 2], 1 - 2 * (k % 2)
        event = Event("onset" if now.on else "offset", began, time, dimension, direction, float(out[k]), chance)
        events.append(event)
        other = sides[k ^ 1]
        if now.on and (other.on or began - other.ended <= rules.reversal):
            events.append(replace(event, kind="shift"))
        if not now.on and k == 1:
            events.append(replace(event, kind="recovery"))
    quarrel = disagreement is not None and disagreement.p < rules.discordant
    side, changed = _turn(memory.discord, time, quarrel != memory.discord.on, rules.quarrel)
    if changed and side.on and disagreement is not None:
        pair = disagreement.pair if disagreement.z > 0 else disagreement.pair[::-1]
        began = memory.discord.since if memory.discord.since is not None else time
        name = DIMENSIONS[disagreement.dimension]
        events.append(Event("discord", began, time, name, 0, abs(disagreement.z), disagreement.p, pair))
    return Watch(tuple(sides), side), events


def _turn(side: _Side, time: float, likely: bool, dwell: float) -> tuple[_Side, bool]:
    """``side`` after an instant at which its change is ``likely`` or not; True if it changed now."""
    if not likely:
        return (side if side.since is None else replace(side, since=None)), False
    since = time if side.since is None else side.since
    if time - since < dwell - 1e-9:
        return replace(side, since=since), False
    return _Side(not side.on, None, since if side.on else side.ended), True


def _plain(side: _Side) -> dict[str, Any]:
    return {"on": side.on, "since": side.since, "ended": None if np.isinf(side.ended) else side.ended}


def _side(values: dict[str, Any]) -> _Side:
    return _Side(values["on"], values["since"], -np.inf if values["ended"] is None else values["ended"])
