"""What an agent reads: one person's affect now, how sure it is, and what has happened; and what keeps it.

:class:`AffectState` is a page of JSON with a schema. :class:`Tracker` is fed looks as they come and can be asked
for the state at any time; asking changes nothing.
"""

from dataclasses import asdict
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from affectstream.multimodal.dynamics.estimator import Estimator, LateError
from affectstream.multimodal.dynamics.events import Disagreement, Event, Rules, Watch, watch
from affectstream.multimodal.dynamics.filter import Look, Posterior
from affectstream.multimodal.dynamics.process import DampedOscillator, OrnsteinUhlenbeck
from affectstream.multimodal.terms import EXPRESSIONS, term_posterior
from affectstream.multimodal.types import DIMENSIONS

MOOD = 600.0  # s, time constant of the mood
BACK = 2.0  # s over which velocity and trend are taken
STALE = 10.0  # s without a look after which a modality is no longer present
RECENT = 30.0  # s for which an event is told


class Page(BaseModel):
    """What cannot be changed and holds nothing but what its schema names."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    def to_json(self) -> str:
        """The page as JSON, keys as in the schema."""
        return self.model_dump_json(by_alias=True)

    @classmethod
    def schema_page(cls) -> dict[str, Any]:
        """The JSON Schema of such a page."""
        return cls.model_json_schema(by_alias=True)


class Vad(Page):
    """Valence, arousal, dominance."""

    valence: float
    arousal: float
    dominance: float

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Self:
        """The three ``values`` (3,)."""
        return cls(**dict(zip(DIMENSIONS, values.tolist(), strict=True)))


class Heard(Page):
    """One modality: its ``share`` of what is known in each dimension, 0 to 1; ``age``, seconds since it was heard; and
    whether that is recent (``present``)."""

    share: Vad
    age: float = Field(ge=0)
    present: bool


class Discord(Page):
    """Sources that disagree: ``higher`` says more of ``dimension`` than ``lower``, by ``z`` standard deviations; ``p`` is
    the chance of that by their errors alone."""

    higher: str
    lower: str
    dimension: Literal["valence", "arousal", "dominance"]
    z: float
    p: float = Field(ge=0, le=1)


class Happening(Page):
    """One event: see :class:`affectstream.multimodal.dynamics.events.Event`."""

    kind: Literal["onset", "offset", "shift", "recovery", "discord"]
    time: float
    found: float
    dimension: Literal["valence", "arousal", "dominance"]
    direction: Literal[-1, 0, 1]
    magnitude: float
    p: float
    sources: list[str]


class AffectState(Page):
    """A person's affect at ``time``, as it is estimated; an estimate of what shows, not of what is felt.

    ``vad`` in [-1, 1] with standard deviations ``sd``; ``velocity`` in 1/s and ``trend`` (of valence) over the
    last two seconds; ``mood``, the slow part; ``label``, the likeliest of ``labels``; ``confidence`` in [0, 1],
    the share of what is not known in advance that has been found out; ``age`` (s) since anything was heard,
    null if nothing ever was; ``events`` of the last half minute, the latest last.
    """

    version: Literal["affect-state/1"] = Field("affect-state/1", alias="schema")
    subject: str
    time: float
    age: float | None
    vad: Vad
    sd: Vad
    velocity: Vad
    trend: Literal["rising", "falling", "steady"]
    mood: Vad
    label: str
    label_p: float = Field(ge=0, le=1)
    labels: dict[str, float]
    confidence: float = Field(ge=0, le=1)
    modalities: dict[str, Heard]
    discord: Discord | None
    events: list[Happening]


class Tracker:
    """Keeps one person's state.

    Looks are added in any order (:meth:`add`); :meth:`tick` moves mood and events on and must be called with times
    that never decrease, say ten times a second.
    """

    def __init__(
        self,
        *,
        subject: str = "user",
        process: OrnsteinUhlenbeck | DampedOscillator | None = None,
        rules: Rules | None = None,
        start: float = 0.0,
    ) -> None:
        self.subject, self.rules = subject, rules or Rules()
        self.estimator = Estimator(process or OrnsteinUhlenbeck(), start=start)
        self._mood = np.array(self.estimator.process.baseline, np.float64)
        self._ticked = start
        self._watch = Watch()
        self._events: list[Event] = []
        self._discord: Disagreement | None = None

    def add(self, time: float, look: Look) -> None:
        """Take in ``look`` of the second ``time``; errors as :meth:`Estimator.add`."""
        self.estimator.add(time, look)

    def tick(self, time: float, disagreement: Disagreement | None = None) -> list[Event]:
        """Move on to ``time`` (s), at which the sources disagree so; returns what has happened.

        Raises ValueError if ``time`` lies before the last tick.
        """
        if not time >= self._ticked:
            raise ValueError(
                f"tick at {time:.3f} s after one at {self._ticked:.3f} s; wanted times that never decrease"
            )
        belief = self.estimator.at(time)
        fade = np.exp(-(time - self._ticked) / MOOD)
        self._mood = belief.mean[:3] + (self._mood - belief.mean[:3]) * fade
        self._ticked, self._discord = time, disagreement
        self._watch, found = watch(
            self._watch, time, belief.mean[:3], np.sqrt(belief.variance),
            baseline=self.estimator.process.baseline, disagreement=disagreement, rules=self.rules,
        )  # fmt: skip
        self._events = [event for event in self._events if time - event.found <= RECENT] + found
        return found

    def state(self, time: float, estimator: Estimator | None = None) -> AffectState:
        """The state at ``time`` (s), from all looks up to then; raises LateError for a time that is forgotten.

        ``estimator`` is one that knows more than the tracker's own, in place of it.
        """
        known = estimator or self.estimator
        belief = known.at(time)
        mean, sd = np.clip(belief.mean[:3], -1, 1), np.sqrt(belief.variance)
        velocity, change = _course(belief, known)
        chance = term_posterior(mean, belief.variance)
        likeliest = int(chance.argmax())
        ages = {source: belief.age(source) for source in belief.heard}
        resolved = 1 - float((belief.variance / np.square(self.estimator.process.sd)).mean())
        return AffectState(
            subject=self.subject,
            time=time,
            age=min(ages.values(), default=None),
            vad=Vad.of(mean),
            sd=Vad.of(sd),
            velocity=Vad.of(velocity),
            trend="rising" if change > 1 else "falling" if change < -1 else "steady",
            mood=Vad.of(np.clip(self._mood, -1, 1)),
            label=EXPRESSIONS[likeliest],
            label_p=float(chance[likeliest]),
            labels=dict(zip(EXPRESSIONS, chance.tolist(), strict=True)),
            confidence=min(max(resolved, 0.0), 1.0),
            modalities={
                source: Heard(share=Vad.of(share), age=ages[source], present=ages[source] <= STALE)
                for source, share in belief.shares.items()
                if np.isfinite(ages[source])
            },
            discord=self._quarrel(),
            events=[Happening(**event.to_dict()) for event in self._events if event.found <= time],
        )  # pyright: ignore[reportCallIssue]

    def snapshot(self) -> dict[str, Any]:
        """All that is known, as plain JSON values; :meth:`restore` gives the same bits back."""
        return {
            "schema": "affect-tracker/1",
            "subject": self.subject,
            "rules": asdict(self.rules),
            "estimator": self.estimator.snapshot(),
            "mood": self._mood.tolist(),
            "ticked": self._ticked,
            "watch": self._watch.to_dict(),
            "events": [event.to_dict() for event in self._events],
            "discord": None if self._discord is None else asdict(self._discord),
        }

    @classmethod
    def restore(cls, snapshot: dict[str, Any]) -> Self:
        """The tracker that :meth:`snapshot` was taken of; raises ValueError if it is not such a snapshot."""
        try:
            if snapshot["schema"] != "affect-tracker/1":
                raise ValueError(f"schema {snapshot['schema']!r}")
            tracker = cls(subject=snapshot["subject"], rules=Rules(**snapshot["rules"]))
            tracker.estimator = Estimator.restore(snapshot["estimator"])
            tracker._mood = np.array(snapshot["mood"], np.float64)
            tracker._ticked = snapshot["ticked"]
            tracker._watch = Watch.from_dict(snapshot["watch"])
            tracker._events = [Event.from_dict(event) for event in snapshot["events"]]
            quarrel = snapshot["discord"]
            tracker._discord = None if quarrel is None else Disagreement(**(quarrel | {"pair": tuple(quarrel["pair"])}))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a snapshot of a tracker ({error!r}); wanted what snapshot() gave") from error
        return tracker

    def _quarrel(self) -> Discord | None:
        found = self._discord
        if found is None or found.p >= self.rules.discordant:
            return None
        higher, lower = found.pair if found.z > 0 else found.pair[::-1]
        return Discord(higher=higher, lower=lower, dimension=DIMENSIONS[found.dimension], z=abs(found.z), p=found.p)


def _course(belief: Posterior, known: Estimator) -> tuple[NDArray[np.float64], float]:
    """Velocity (3,), 1/s, and the change of valence in standard deviations, over the last seconds."""
    try:
        before, unsure = known.smoothed(belief.time - BACK)
    except LateError:
        return np.zeros(3), 0.0
    change = belief.mean[:3] - before[:3]
    velocity = belief.mean[3:6] if len(belief.mean) >= 6 else change / BACK
    return velocity, float(change[0] / np.sqrt(belief.variance[0] + unsure[0, 0]))
