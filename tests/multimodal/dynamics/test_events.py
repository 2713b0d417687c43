import json

import numpy as np
import pytest

from affectstream.multimodal.dynamics.events import Disagreement, Event, Rules, Watch, watch

RULES = Rules(on=0.3, off=0.15, likely=0.8, dwell=0.5, quarrel=0.5)
QUARREL = Disagreement(0.001, ("face", "text"), 0, -4.0)


def run(valence, sd=0.01, hz: float = 10.0, disagreement=None, rules: Rules = RULES) -> list[Event]:
    """Events of a valence curve; ``disagreement`` is said at every instant."""
    memory, out = Watch(), []
    for k, value in enumerate(valence):
        mean = np.array([value, 0.0, 0.0])
        quarrel = disagreement[k] if disagreement else None
        memory, found = watch(memory, k / hz, mean, np.full(3, sd), disagreement=quarrel, rules=rules)
        out += found
    return out


def test_an_episode_is_one_onset_and_one_offset_at_their_times() -> None:
    found = run([0.0] * 10 + [0.6] * 20 + [0.0] * 20)
    assert [(e.kind, e.time, e.found, e.direction) for e in found] == [("onset", 1.0, 1.5, 1), ("offset", 3.0, 3.5, 1)]
    assert found[0].magnitude == pytest.approx(0.6) and found[0].p > 0.99


def test_what_wavers_between_the_bounds_neither_ends_nor_begins_anew() -> None:
    wavering = [0.4, 0.2] * 10
    assert [e.kind for e in run([0.0] * 5 + [0.4] * 8 + wavering)] == ["onset"]


def test_too_short_is_nothing() -> None:
    assert run([0.0] * 10 + [0.9] * 5 + [0.0] * 10) == []


def test_too_unsure_is_nothing() -> None:
    assert run([0.35] * 50, sd=0.2) == []
    assert [e.kind for e in run([0.35] * 50, sd=0.02)] == ["onset"]


def test_negative_valence_that_ends_is_a_recovery() -> None:
    assert [e.kind for e in run([-0.7] * 10 + [0.0] * 10)] == ["onset", "offset", "recovery"]
    assert [e.kind for e in run([0.7] * 10 + [0.0] * 10)] == ["onset", "offset"]


def test_the_other_side_soon_after_is_a_shift_and_long_after_is_not() -> None:
    soon = [e.kind for e in run([0.7] * 10 + [0.0] * 10 + [-0.7] * 10)]
    late = [e.kind for e in run([0.7] * 10 + [0.0] * 60 + [-0.7] * 10)]
    assert "shift" in soon and "shift" not in late


def test_discord_is_told_once_with_the_higher_source_first() -> None:
    found = run([0.0] * 30, disagreement=[None] * 5 + [QUARREL] * 10 + [None] * 15)
    assert [(e.kind, e.time, e.found, e.sources) for e in found] == [("discord", 0.5, 1.0, ("text", "face"))]
    assert found[0].phrase() == "discord: text shows more valence than face"
    again = run([0.0] * 40, disagreement=([QUARREL] * 10 + [None] * 10) * 2)
    assert len(again) == 2
    assert run([0.0] * 30, disagreement=[QUARREL, None] * 15) == []


@pytest.mark.parametrize("hz", [5.0, 25.0, 50.0])
def test_the_rate_changes_little(hz: float) -> None:
    curve = np.repeat([0.0, 0.6, 0.0, -0.6, 0.0], round(3 * hz))
    assert [e.kind for e in run(curve, hz=hz)] == ["onset", "offset", "onset", "shift", "offset", "recovery"]


def test_memory_survives_json() -> None:
    memory = Watch()
    for k in range(8):
        memory, _ = watch(
            memory, k / 10, np.array([0.6, -0.6, 0.0]), np.full(3, 0.01), disagreement=QUARREL, rules=RULES
        )
    assert Watch.from_dict(json.loads(json.dumps(memory.to_dict()))) == memory
    event = run([0.0] * 10 + [0.6] * 20)[0]
    assert Event.from_dict(json.loads(json.dumps(event.to_dict()))) == event


@pytest.mark.parametrize("bad", [{"on": 0.1, "off": 0.2}, {"on": 1.2}, {"likely": 1.0}, {"dwell": -1.0}])
def test_impossible_rules_are_refused(bad: dict) -> None:
    with pytest.raises(ValueError, match="wanted"):
        Rules(**bad)
