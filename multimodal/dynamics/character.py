"""How an agent's own affect should move: with a delay, with inertia, towards a baseline, under a mood.

Not an estimator: nothing here says what a person feels. Each dimension obeys

    drift = c (u - x) / lag + (1 - c) (b - x) / settle,    b = baseline + mood gain * m
    first order:   x' = drift
    second order:  x' = v,  v' = r (drift - v),  r = 4 damping^2 / lag
    mood:          m' = (x - baseline - m) / mood lag

for a target u held over the step and a confidence c in it: c = 1 follows the target, c = 0 (or an unknown target)
goes back to b. All of it is linear, so a step of any length is one matrix exponential: exact, the same however
time is cut, stable for every step. For c = 1 the second order is the damped spring of frequency w = 2
damping / lag. Where rising and falling differ, the step is cut where x meets u.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Triple = tuple[float, float, float]
SPENT = 40.0  # a motion that has faded by e^-40 turns nothing back
NOISE = 1e-12  # nearer to its target than this, affect is on it: rounding is no crossing


@dataclass(frozen=True)
class Character:
    """How one agent's affect moves.

    ``lag`` (s), the delay with which slow changes are followed, when rising; ``lag_falling`` (s) when falling, None for
    the same; ``damping`` of the second order (below 1 overshoots), None for the first order; ``settle`` (s), the time
    constant of the way back, infinite to stay; ``baseline`` in [-1, 1]; ``gain`` by which targets are multiplied;
    ``mood_lag`` (s) and ``mood_gain``, in [0, 1).
    """

    lag: float = 2.0
    lag_falling: float | None = None
    damping: float | None = 0.8
    settle: float = 30.0
    baseline: Triple = (0.0, 0.0, 0.0)
    gain: Triple = (1.0, 1.0, 1.0)
    mood_lag: float = 600.0
    mood_gain: float = 0.0

    def __post_init__(self) -> None:
        for name in ("lag", "lag_falling", "damping", "mood_lag"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{name} is {value}; wanted a finite value above 0")
        if not self.settle > 0:
            raise ValueError(f"settle is {self.settle} s; wanted more than 0, or infinity to stay")
        if not all(abs(b) <= 1 for b in self.baseline):
            raise ValueError(f"baseline is {self.baseline}; wanted values in [-1, 1]")
        if not all(math.isfinite(g) for g in self.gain):
            raise ValueError(f"gain is {self.gain}; wanted finite values")
        if not 0 <= self.mood_gain < 1:
            raise ValueError(f"mood gain is {self.mood_gain}; wanted at least 0 and below 1, or moods feed themselves")

    @classmethod
    def of_personality(
        cls,
        *,
        openness: float = 0.0,
        conscientiousness: float = 0.0,
        extraversion: float = 0.0,
        agreeableness: float = 0.0,
        neuroticism: float = 0.0,
        **rest: Any,
    ) -> Self:
        """A character of the Big Five, each in [-1, 1], 0 the average person.

        The baseline is Mehrabian's regression (1996, Australian Journal of Psychology 48, 86-92) in the form in which it is
        commonly used (ALMA, Gebhard 2005; not checked against the print), which takes emotional *stability*, the opposite
        of neuroticism. How strongly targets
        act and how slowly they fade with neuroticism and extraversion is our choice.

        >>> Character.of_personality(neuroticism=1.0).baseline
        (-0.19, 0.57, 0.0)
        """
        traits = (openness, conscientiousness, extraversion, agreeableness, neuroticism)
        if max(map(abs, traits)) > 1:
            raise ValueError(f"traits are {traits}; wanted values in [-1, 1]")
        o, c, e, a, stable = openness, conscientiousness, extraversion, agreeableness, -neuroticism
        pad = (
            0.21 * e + 0.59 * a + 0.19 * stable,
            0.15 * o + 0.30 * a - 0.57 * stable,
            0.25 * o + 0.17 * c + 0.60 * e - 0.32 * a,
        )
        baseline = (_clip(pad[0]), _clip(pad[1]), _clip(pad[2]))
        strength = 1 + 0.25 * neuroticism
        slow = 1 + 0.2 * neuroticism - 0.1 * extraversion
        base = cls(**rest)
        return replace(
            base,
            baseline=baseline,
            gain=(strength, strength, 1.0),
            lag=base.lag * slow,
            lag_falling=None if base.lag_falling is None else base.lag_falling * slow,
        )

    def at_rest(self, time: float = 0.0) -> "Affect":
        """At the baseline, without velocity or mood."""
        return Affect(time, np.array(self.baseline, np.float64))


@dataclass(frozen=True, eq=False)
class Affect:
    """An agent's own affect at ``time`` (s): ``value``, ``velocity`` (1/s) and ``mood`` (3,), the mood relative to the
    baseline. The value is not clipped, what is :attr:`reported` is."""

    time: float
    value: NDArray[np.float64]
    velocity: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))
    mood: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))

    @property
    def reported(self) -> NDArray[np.float64]:
        """The value (3,) in [-1, 1]."""
        return np.clip(self.value, -1, 1)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; :meth:`from_dict` gives the same bits back."""
        return {
            "time": self.time,
            "value": self.value.tolist(),
            "velocity": self.velocity.tolist(),
            "mood": self.mood.tolist(),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`."""
        return cls(values["time"], *(np.array(values[name], np.float64) for name in ("value", "velocity", "mood")))


def step(character: Character, affect: Affect, time: float, target: ArrayLike, *, confidence: float = 1.0) -> Affect:
    """``affect`` at ``time`` (s), after the ``target`` (3,), NaN where unknown, was held since, with ``confidence`` in it.

    Raises ValueError if time goes back or the confidence is not in [0, 1].

    >>> calm = Character(lag=2.0, damping=None)
    >>> after = step(calm, calm.at_rest(), 2 * np.log(2), [1.0, 0.0, np.nan])
    >>> after.value.round(12).tolist()
    [0.5, 0.0, 0.0]
    """
    return step_together([character], [affect], time, [target], [confidence], np.zeros((1, 1)))[0]


def step_together(
    characters: Sequence[Character],
    affects: Sequence[Affect],
    time: float,
    targets: Sequence[ArrayLike],
    confidences: Sequence[float],
    contagion: ArrayLike,
) -> list[Affect]:
    """Several agents at once, each drawn to the others: ``contagion`` (n, n) in 1/s, [i, j] how fast i goes towards j;
    (3, n, n) where that differs with the dimension.

    To the drift of each is added the sum over j of contagion[i, j] (x_j - x_i) (emotional contagion as a linear coupling).
    All ``affects`` must be of one time.
    """
    start = affects[0].time
    pull = np.asarray(contagion, np.float64)
    if any(affect.time != start for affect in affects) or not time >= start:
        raise ValueError(
            f"affects are of {sorted({a.time for a in affects})} s and go on to {time} s; wanted one time, and none back"
        )
    square = (len(affects),) * 2
    if not all(0 <= c <= 1 for c in confidences) or pull.shape not in (square, (3, *square)) or not (pull >= 0).all():
        raise ValueError(
            f"confidences {list(confidences)}, contagion {pull.tolist()}; wanted values in [0, 1], and (n, n) rates of at least 0"
        )
    pull = np.broadcast_to(pull, (3, *square))
    moved = [np.empty((3, 3)) for _ in affects]
    for d in range(3):
        aims = [
            float(np.asarray(target, np.float64)[d]) * c.gain[d] for target, c in zip(targets, characters, strict=True)
        ]
        heed = [0.0 if math.isnan(aim) else c for aim, c in zip(aims, confidences, strict=True)]
        aims = [0.0 if math.isnan(aim) else aim for aim in aims]
        state = np.array([part[d] for a in affects for part in (a.value, a.velocity, a.mood)] + [1.0])
        state = _advance(characters, d, state, time - start, aims, heed, pull[d])
        for i, own in enumerate(moved):
            own[:, d] = state[3 * i : 3 * i + 3]
    return [Affect(time, own[0], own[1], own[2]) for own in moved]


def _advance(
    characters: Sequence[Character],
    d: int,
    state: NDArray[np.float64],
    dt: float,
    aims: list[float],
    heed: list[float],
    pull: NDArray[np.float64],
) -> NDArray[np.float64]:
    """One dimension ``dt`` seconds on; ``state`` is x, v, m of each agent and a 1."""
    from scipy.linalg import expm

    uneven = [i for i, c in enumerate(characters) if c.lag_falling not in (None, c.lag) and heed[i] > 0]
    if not uneven:
        whole = _matrix(characters, d, aims, heed, [True] * len(characters), pull)
        return np.asarray(expm(whole * dt)) @ state if dt > 0 else state
    while dt > 0:
        law = _matrix(characters, d, aims, heed, [True] * len(characters), pull)
        course = [law @ state, law @ law @ state, law @ law @ law @ state]  # the state's derivatives
        rising = [  # a target that is not heeded has no side
            not heed[i] or _rises(state[3 * i], aims[i], [part[3 * i] for part in course])
            for i in range(len(characters))
        ]
        matrix = _matrix(characters, d, aims, heed, rising, pull)
        until = _first_meeting(matrix, state, dt, [(3 * i, aims[i], rising[i]) for i in uneven])
        state = np.asarray(expm(matrix * until)) @ state
        for i in uneven:  # set on the target exactly, so that the next stretch is on its other side
            if until < dt and abs(state[3 * i] - aims[i]) < 1e-9:
                state[3 * i] = aims[i]
        dt -= until
    return state


def _rises(x: float, aim: float, leaving: Sequence[float]) -> bool:
    """Is the target above? On the target itself, the side to which x is ``leaving`` decides: its first derivative
    that is not 0."""
    if x != aim:
        return aim > x
    return next((way < 0 for way in leaving if abs(way) > 1e-15), False)


def _first_meeting(
    matrix: NDArray[np.float64], state: NDArray[np.float64], dt: float, watched: list[tuple[int, float, bool]]
) -> float:
    """The first time (s), at most ``dt``, at which an agent meets its target from the side it was on."""
    from scipy.linalg import expm
    from scipy.optimize import brentq

    if not watched:
        return dt
    rates = np.linalg.eigvals(matrix)
    now, since, hop, jump = state, 0.0, 0.0, np.eye(len(state))
    while since < dt:
        alive = abs(rates[(abs(rates) > 1e-12) & (-rates.real * since < SPENT)])
        if not len(alive):  # everything has settled
            return dt
        wanted = min(0.125 / float(alive.max()), dt - since)  # short against what still moves
        if wanted != hop:
            hop, jump = wanted, np.asarray(expm(matrix * wanted))
        then = jump @ now
        met = [
            float(
                brentq(  # pyright: ignore[reportArgumentType]
                    lambda t, row=row, aim=aim, now=now: float((expm(matrix * t) @ now)[row]) - aim, 0, hop, xtol=1e-13
                )
            )
            for row, aim, rising in watched
            if now[row] != aim
            and (now[row] < aim) == rising
            and (then[row] > aim) == rising
            and abs(then[row] - aim) > NOISE
        ]
        if met:
            return min(since + min(met), dt)
        now, since = then, since + hop
    return dt


def _matrix(
    characters: Sequence[Character],
    d: int,
    aims: list[float],
    heed: list[float],
    rising: list[bool],
    pull: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The law as one matrix on x, v, m of each agent and a 1."""
    size = 3 * len(characters) + 1
    matrix = np.zeros((size, size))
    for i, c in enumerate(characters):
        lag = c.lag if rising[i] or c.lag_falling is None else c.lag_falling
        drift = np.zeros(size)
        x, v, m = 3 * i, 3 * i + 1, 3 * i + 2
        follow, back = heed[i] / lag, (1 - heed[i]) / c.settle
        drift[x] = -follow - back - pull[i].sum() + pull[i, i]
        drift[m] = back * c.mood_gain
        drift[-1] = follow * aims[i] + back * c.baseline[d]
        for j in range(len(characters)):
            if j != i:
                drift[3 * j] += pull[i, j]
        if c.damping is None:
            matrix[x] = drift
        else:
            inertia = 4 * c.damping**2 / lag
            matrix[x, v] = 1
            matrix[v] = inertia * drift
            matrix[v, v] = -inertia
        matrix[m, [x, m, -1]] = np.array([1, -1, -c.baseline[d]]) / c.mood_lag
    return matrix


def _clip(value: float) -> float:
    return min(max(round(value, 12), -1.0), 1.0) + 0.0
