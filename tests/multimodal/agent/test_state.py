import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from pydantic import ValidationError

from affectstream.multimodal.agent.state import AffectState, Tracker
from affectstream.multimodal.dynamics.events import Disagreement
from affectstream.multimodal.dynamics.filter import Look
from affectstream.multimodal.dynamics.looks import looks_of
from affectstream.multimodal.dynamics.process import DampedOscillator
from affectstream.multimodal.dynamics.simulate import simulate


def look(value: float, source: str = "face/0", variance: float = 0.02) -> Look:
    return Look(source, np.full(3, value), np.full(3, variance), 0.5)


def followed(seconds: float = 8.0, value: float = 0.6, **settings) -> Tracker:
    """A face that shows ``value`` from 2 s on, and a tick after every frame."""
    tracker = Tracker(**settings)
    for k in range(1, round(seconds * 10)):
        tracker.add(k / 10, look(value if k > 20 else 0.0))
        tracker.tick(k / 10)
    return tracker


def test_the_page_says_what_was_seen() -> None:
    state = followed().state(7.9)
    assert state.vad.valence == pytest.approx(0.6, abs=0.1) and 0 < state.sd.valence < 0.2
    assert state.label == "happiness" and state.label_p == max(state.labels.values())
    assert sum(state.labels.values()) == pytest.approx(1)
    assert state.modalities["face/0"].present and state.modalities["face/0"].share.valence > 0.8
    assert state.age == pytest.approx(0.0, abs=1e-9) and state.confidence > 0.8
    assert [e.kind for e in state.events if e.dimension == "valence"] == ["onset"]
    assert 0 < state.mood.valence < 0.02 and state.discord is None


def test_trend_and_velocity_follow_the_course() -> None:
    tracker = Tracker()
    for k in range(1, 60):
        tracker.add(k / 10, look(k / 75))
        tracker.tick(k / 10)
    rising = tracker.state(5.9)
    assert rising.trend == "rising" and 0.05 < rising.velocity.valence < 0.3
    assert followed(12.0).state(11.9).trend == "steady"
    assert followed(3.2, -0.8).state(3.1).trend == "falling"


def test_an_oscillator_tells_its_own_velocity() -> None:
    tracker = followed(3.0, process=DampedOscillator(lag=(2.0, 2.0, 2.0)))
    assert tracker.state(2.9).velocity.valence == pytest.approx(tracker.estimator.at(2.9).mean[3])


def test_silence_is_told() -> None:
    later = followed().state(60.0)
    assert later.age == pytest.approx(60 - 7.9)
    assert not later.modalities["face/0"].present and later.confidence < 0.2
    nothing = Tracker().state(1.0)
    assert nothing.age is None and nothing.modalities == {} and nothing.label == "neutral"


def test_discord_is_told_with_the_higher_first() -> None:
    tracker = followed()
    found = [e for k in range(8) for e in tracker.tick(8 + k / 10, Disagreement(0.001, ("face/0", "text"), 0, -5.0))]
    state = tracker.state(8.7)
    assert [e.kind for e in found] == ["discord"]
    assert state.discord is not None and (state.discord.higher, state.discord.lower) == ("text", "face/0")
    assert [e.sources for e in state.events if e.kind == "discord"] == [["text", "face/0"]]


def test_asking_changes_nothing_and_is_the_same_every_time() -> None:
    tracker = followed()
    before = json.dumps(tracker.snapshot())
    pages = {tracker.state(7.9).to_json() for _ in range(3)}
    tracker.state(30.0)
    assert len(pages) == 1 and json.dumps(tracker.snapshot()) == before


def test_a_snapshot_gives_the_same_bits_back() -> None:
    looks = looks_of(simulate(2, 15.0, episodes=6)[2])
    tracker, arrived = Tracker(subject="guest"), 0
    for k in range(140):
        while arrived < len(looks) and looks.arrival[arrived] <= k / 10:
            tracker.add(float(looks.time[arrived]), looks.look(arrived))
            arrived += 1
        tracker.tick(k / 10, Disagreement(0.001, ("face", "text"), 1, 3.0) if k > 130 else None)
    text = json.dumps(tracker.snapshot())
    again = Tracker.restore(json.loads(text))
    assert json.dumps(again.snapshot()) == text
    assert again.state(13.9).to_json() == tracker.state(13.9).to_json()
    assert again.tick(14.0) == tracker.tick(14.0)


def test_the_page_fits_its_schema_and_comes_back() -> None:
    page, schema = followed().state(7.9), AffectState.schema_page()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(page.to_json()), schema)
    assert json.loads(page.to_json())["schema"] == "affect-state/1"
    assert AffectState.model_validate_json(page.to_json()) == page
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**json.loads(page.to_json()), "confidence": 2.0}, schema)
    with pytest.raises(ValidationError):
        page.subject = "someone else"  # pyright: ignore[reportAttributeAccessIssue]


def test_the_example_of_the_readme_runs() -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    (example,) = [code for code in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "Tracker" in code]
    done = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, check=True)
    page = json.loads(done.stdout)
    assert page["schema"] == "affect-state/1" and set(page["modalities"]) == {"face", "text"}


def test_time_must_not_go_back_and_snapshots_must_be_ones() -> None:
    tracker = followed()
    with pytest.raises(ValueError, match="never decrease"):
        tracker.tick(1.0)
    for bad in ({}, {"schema": "affect-tracker/9"}, {"schema": "affect-tracker/1"}):
        with pytest.raises(ValueError, match="not a snapshot"):
            Tracker.restore(bad)
