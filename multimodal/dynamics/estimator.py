"""The live estimator: looks in any order, belief at any time.

Text arrives seconds after it was begun, and a slow network's answer after a fast one's. Looks of the last
seconds are therefore kept; a late one goes to its place and what came after it is taken in again, so that
the belief is the one that punctual looks would have given.
"""

import bisect
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.dynamics.batch import between, smooth_beliefs
from affectstream.multimodal.dynamics.filter import GATE, Anchor, Heard, Look, Posterior
from affectstream.multimodal.dynamics.looks import Looks
from affectstream.multimodal.dynamics.process import DampedOscillator, OrnsteinUhlenbeck, Process

HORIZON = 10.0  # s that a look may come late
PROCESSES = {"OrnsteinUhlenbeck": OrnsteinUhlenbeck, "DampedOscillator": DampedOscillator}


class LateError(ValueError):
    """A look that is older than the estimator remembers."""


@dataclass(frozen=True, eq=False)
class _Moment:
    """All looks of one ``time`` and the belief after them."""

    time: float
    looks: tuple[Look, ...]
    belief: Posterior


class Estimator:
    """Belief about one person's affect, fed live.

    ``horizon`` (s) is how late a look may be; ``gate`` as in :meth:`Posterior.update`. Asking changes nothing.
    """

    def __init__(
        self,
        process: OrnsteinUhlenbeck | DampedOscillator,
        *,
        start: float = 0.0,
        horizon: float = HORIZON,
        gate: float = GATE,
    ) -> None:
        if not 0 < horizon < np.inf:
            raise ValueError(f"horizon is {horizon} s; wanted a finite time above 0")
        self.process, self.horizon, self.gate = process, horizon, gate
        self._moments = [_Moment(start, (), Posterior.rest(process, start))]

    @property
    def time(self) -> float:
        """The second of the latest look (or the start)."""
        return self._moments[-1].time

    @property
    def oldest(self) -> float:
        """The earliest second that can still be asked for or added to."""
        return self._moments[0].time

    def add(self, time: float, look: Look) -> None:
        """Take in ``look`` of the second ``time``; one that knows nothing is passed over.

        Raises LateError if it is older than the horizon allows, ValueError if ``time`` is not finite; the
        belief is then as it was. A jump forward is not an error: the belief has gone back to rest meanwhile.
        """
        if not np.isfinite(time):
            raise ValueError(f"{look.source}: time is {time}; wanted finite seconds")
        if np.isnan(look.mean).all():
            return
        if len(self._moments) == 1 and not self._moments[0].belief.heard and time <= self.oldest:
            before = time - 1.0  # nothing was heard yet, so the start may as well have been earlier
            self._moments = [_Moment(before, (), Posterior.rest(self.process, before))]
        if time < self.oldest:
            raise LateError(
                f"{look.source}: a look at {time:.3f} s is {self.time - time:.3f} s behind the latest; the estimator "
                f"remembers back to {self.oldest:.3f} s; drop it, or give the estimator a longer horizon"
            )
        at = bisect.bisect_left(self._moments, time, key=lambda moment: moment.time)
        if at < len(self._moments) and self._moments[at].time == time:
            if at == 0:  # what lies before the first moment is forgotten, so nothing can be put before it
                raise LateError(f"{look.source}: a look at {time:.3f} s is at the edge of what is remembered; drop it")
            changed = [(time, (*self._moments[at].looks, look))]
            rest = self._moments[at + 1 :]
        else:
            changed, rest = [(time, (look,))], self._moments[at:]
        changed += [(moment.time, moment.looks) for moment in rest]
        self._moments[at:] = self._replay(self._moments[at - 1].belief, changed)
        keep = bisect.bisect_right(self._moments, self.time - self.horizon, key=lambda moment: moment.time) - 1
        del self._moments[: max(keep, 0)]

    def _replay(self, belief: Posterior, moments: Iterable[tuple[float, tuple[Look, ...]]]) -> list[_Moment]:
        out: list[_Moment] = []
        for time, looks in moments:
            belief = belief.until(time).update(looks, gate=self.gate)
            out.append(_Moment(time, looks, belief))
        return out

    def copy(self) -> Self:
        """Another that knows the same; what is added to one is not added to the other."""
        other = type(self)(self.process, horizon=self.horizon, gate=self.gate)
        other._moments = list(self._moments)  # which never change
        return other

    def at(self, time: float) -> Posterior:
        """The belief at ``time`` from all looks up to it; raises LateError for a time that is forgotten."""
        if not time >= self.oldest:
            raise LateError(f"asked for {time:.3f} s; wanted a time from {self.oldest:.3f} s on")
        k = bisect.bisect_right(self._moments, time, key=lambda moment: moment.time) - 1
        return self._moments[k].belief.until(time)

    def smoothed(self, time: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and covariance at ``time`` from the looks after it too: a little late but better (a fixed-lag smoother)."""
        k = bisect.bisect_right(self._moments, time, key=lambda moment: moment.time)
        if k == len(self._moments):
            belief = self.at(time)
            return belief.mean, belief.covariance
        if k == 0:
            raise LateError(f"asked for {time:.3f} s; wanted a time from {self.oldest:.3f} s on")
        before, after, *_ = smooth_beliefs([moment.belief for moment in self._moments[k - 1 :]])
        return between(self.process, before, after, time)

    def snapshot(self) -> dict[str, Any]:
        """All that is known, as plain JSON values; :meth:`restore` gives the same bits back."""
        first = self._moments[0].belief
        return {
            "process": {"kind": type(self.process).__name__, **asdict(self.process)},
            "horizon": self.horizon,
            "gate": self.gate,
            "belief": _plain(first),
            "looks": [
                [m.time, look.source, *_listed((look.mean, look.variance)), look.lasting]
                for m in self._moments[1:]
                for look in m.looks
            ],
        }

    @classmethod
    def restore(cls, snapshot: dict[str, Any]) -> Self:
        """The estimator that :meth:`snapshot` was taken of; raises ValueError if it is not such a snapshot."""
        try:
            settings = dict(snapshot["process"])
            kind = PROCESSES[settings.pop("kind")]
            estimator = cls(
                kind(**{name: tuple(value) for name, value in settings.items()}),
                horizon=snapshot["horizon"],
                gate=snapshot["gate"],
            )
            belief = _belief(estimator.process, snapshot["belief"])
            moments: dict[float, tuple[Look, ...]] = {}
            for time, source, mean, variance, lasting in snapshot["looks"]:
                moments[time] = (*moments.get(time, ()), Look(source, _array(mean), _array(variance), lasting))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a snapshot of an estimator ({error!r}); wanted what snapshot() gave") from error
        estimator._moments = [_Moment(belief.time, (), belief), *estimator._replay(belief, moments.items())]
        return estimator


def causal_beliefs(
    looks: Looks, times: NDArray[np.float64], process: OrnsteinUhlenbeck | DampedOscillator, *, horizon: float = HORIZON
) -> list[Posterior]:
    """The beliefs a live run would have held at ``times`` (G,): each from the looks that had arrived by then.

    A look whose window is longer than twice the ``horizon`` is taken at the horizon's edge.
    """
    begin = min([float(t[0]) for t in (looks.time, times) if len(t)], default=0.0) - 1.0
    estimator = Estimator(process, start=begin, horizon=horizon)
    beliefs: list[Posterior] = []
    order = np.argsort(looks.arrival, kind="stable")
    arrived = 0
    for time in times.tolist():
        while arrived < len(order) and looks.arrival[order[arrived]] <= time + 1e-9:
            _add_at_edge(estimator, looks, order[arrived])
            arrived += 1
        beliefs.append(estimator.at(time))
    return beliefs


def add_in_order(estimator: Estimator, looks: Looks) -> None:
    """Add all ``looks`` in the order of their arrival, those that come too late at the horizon's edge."""
    for i in np.argsort(looks.arrival, kind="stable").tolist():
        _add_at_edge(estimator, looks, i)


def _add_at_edge(estimator: Estimator, looks: Looks, i: int) -> None:
    try:
        estimator.add(float(looks.time[i]), looks.look(i))
    except LateError:
        estimator.add(float(np.nextafter(estimator.oldest, np.inf)), looks.look(i))


def _plain(belief: Posterior) -> dict[str, Any]:
    """A belief as JSON values."""
    return {
        "time": belief.time,
        "mean": belief.mean.tolist(),
        "covariance": belief.covariance.tolist(),
        "anchor": _listed(belief.anchor),
        "past": None if belief.past is None else _listed(belief.past),
        "held": {source: part.tolist() for source, part in belief.held.items()},
        "heard": {source: _listed(last) for source, last in belief.heard.items()},
    }


def _belief(process: Process, values: dict[str, Any]) -> Posterior:
    """The inverse of :func:`_plain`."""
    return Posterior(
        process,
        values["time"],
        _array(values["mean"]),
        _array(values["covariance"]),
        Anchor(*_arrays(values["anchor"])),
        {source: _array(part) for source, part in values["held"].items()},
        {source: Heard(*_arrays(last)) for source, last in values["heard"].items()},
        None if values["past"] is None else Anchor(*_arrays(values["past"])),
    )


def _listed(parts: Iterable[float | NDArray[np.float64]]) -> list[Any]:
    """Numbers and arrays as lists; NaN, which JSON has not, as null."""
    return [_nulled(np.asarray(part).tolist()) for part in parts]


def _nulled(values: Any) -> Any:
    if isinstance(values, list):
        return [_nulled(value) for value in values]
    return None if np.isnan(values) else values


def _arrays(parts: list[Any]) -> list[Any]:
    return [_array(part) if isinstance(part, list) else part for part in parts]


def _array(values: list[Any]) -> NDArray[np.float64]:
    return np.array(values, np.float64)  # null becomes NaN
