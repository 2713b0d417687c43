"""Shifts in a conversation, against the estimator and the events that they are made of."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectstream.multimodal.agent.shifts import PROCESS, RULES, SUSTAINED, Shift, Shifts
from affectstream.multimodal.dynamics.events import Watch, watch
from affectstream.multimodal.dynamics.filter import Look, Posterior

SURE = np.full(3, 0.02)
GLAD, SAD, LOST, CALM = (0.8, 0.4, 0.4), (-0.6, -0.3, -0.3), (-0.85, 0.2, -0.7), (0.0, 0.0, 0.0)


def told(*moods: tuple[float, float, float], tracker: Shifts | None = None, speaker: str = "client") -> list[Shift]:
    tracker = tracker or Shifts()
    return [s for k, mood in enumerate(moods) for s in tracker.hear(speaker, 10.0 * k, mood, SURE)]


def test_a_turn_from_glad_to_sad_is_a_shift_with_words_and_turns() -> None:
    found = [s for s in told(GLAD, GLAD, SAD, SAD, SAD) if s.event.kind == "shift" and s.event.dimension == "valence"]
    assert [(s.before, s.after) for s in found] == [("happiness", "sadness")]
    assert (found[0].from_turn, found[0].event.direction) == (2, -1)  # passing through neutral is no state of its own
    assert found[0].phrase().startswith("client, turn ") and "happiness to sadness" in found[0].phrase()


def test_turns_count_all_speakers_and_states_do_not_mix() -> None:
    tracker, alone = Shifts(), Shifts()
    mixed: list[Shift] = []
    single: list[Shift] = []
    for k, mood in enumerate((GLAD, GLAD, SAD, SAD)):
        mixed += tracker.hear("client", 10.0 * k, mood, SURE)
        assert not tracker.hear("counsellor", 10.0 * k + 5, CALM, SURE)
        single += alone.hear("client", 10.0 * k, mood, SURE)
    assert [(s.event, s.before, s.after) for s in mixed] == [(s.event, s.before, s.after) for s in single]
    assert [(2 * s.turn - 1) for s in single] == [s.turn for s in mixed]
    assert all(s.from_turn % 2 == 1 for s in mixed if s.from_turn)


@given(st.lists(st.tuples(*[st.floats(-1, 1)] * 3), max_size=12), st.floats(0.01, 0.3))
def test_events_are_those_of_the_filter(moods: list[tuple[float, float, float]], variance: float) -> None:
    tracker, memory, belief = Shifts(), Watch(), Posterior.rest(PROCESS, 0.0)
    for k, mood in enumerate(moods):
        got = tracker.hear("x", 7.0 * k, mood, np.full(3, variance))
        look = Look("text", np.array(mood), np.full(3, variance))
        belief = belief.advance(7.0 * k - belief.time).update((look,))
        memory, wanted = watch(memory, 7.0 * k, belief.mean[:3], np.sqrt(belief.variance), rules=RULES)
        assert [(s.event.kind, s.event.dimension, s.event.direction) for s in got] == [
            (e.kind, e.dimension, e.direction) for e in wanted
        ]
        assert [s.event.magnitude for s in got] == pytest.approx([e.magnitude for e in wanted], abs=1e-9)


def test_what_is_uncertain_is_no_shift() -> None:
    tracker = Shifts()
    unsure = np.full(3, 1.0)
    assert not [s for k in range(4) for s in tracker.hear("x", 10.0 * k, GLAD if k % 2 else SAD, unsure)]


def test_a_lasting_low_is_reported_once_and_again_after_it_ended() -> None:
    seen: list[Shift] = []
    tracker = Shifts(risk=seen.append)
    told(*[LOST] * 7, *[GLAD] * 4, *[LOST] * 7, tracker=tracker)
    assert len(seen) == 2
    assert all(s.event.dimension == "valence" and s.event.direction == -1 and s.event.p >= 0.8 for s in seen)
    assert all(s.event.found - s.event.time == 10.0 * (SUSTAINED - 1) for s in seen)
    assert all(a.turn + 4 < b.turn for a, b in pairwise(seen))


@pytest.mark.parametrize("mood", [GLAD, CALM, SAD, (-0.9, 0.6, 0.6)])
def test_other_states_are_not_reported(mood: tuple[float, float, float]) -> None:
    """Not mild sadness, and not anger, which is negative but high in dominance."""
    seen: list[Shift] = []
    told(*[mood] * 12, tracker=Shifts(risk=seen.append))
    assert not seen


def test_a_low_that_does_not_last_is_not_reported() -> None:
    seen: list[Shift] = []
    told(LOST, LOST, GLAD, LOST, LOST, GLAD, tracker=Shifts(risk=seen.append))
    assert not seen


def test_reporting_changes_nothing() -> None:
    moods = [GLAD, *[LOST] * 6, GLAD]
    assert told(*moods, tracker=Shifts(risk=lambda shift: None)) == told(*moods)


@pytest.mark.parametrize(
    ("time", "mean", "variance", "message"),
    [
        (-1.0, CALM, SURE, "wanted times that never decrease"),
        (np.nan, CALM, SURE, "wanted times that never decrease"),
        (2.0, (0.0, 0.0), SURE, "wanted three values"),
        (2.0, (0.0, 0.0, 1.5), SURE, "wanted three values"),
        (2.0, CALM, np.zeros(3), "wanted positive finite values"),
    ],
)
def test_what_cannot_be_changes_nothing(time, mean, variance, message: str) -> None:
    tracker, other = Shifts(), Shifts()
    for one in (tracker, other):
        one.hear("x", 0.0, GLAD, SURE)
    with pytest.raises(ValueError, match=message):
        tracker.hear("x", time, mean, variance)
    assert tracker.hear("x", 3.0, SAD, SURE) == other.hear("x", 3.0, SAD, SURE)


def test_an_utterance_without_words_says_nothing() -> None:
    tracker = Shifts()
    told(GLAD, GLAD, tracker=tracker)
    assert not tracker.hear("client", 20.0, np.full(3, np.nan), np.full(3, np.nan))
