"""A made-up person is led through the calibration: what is in the EEG is found, what is not is not."""

import re
import time as clock
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from affectstream.encoders.eeg.encoder import EEGEncoder
from affectstream.encoders.eeg.features import Windows
from affectstream.encoders.eeg.personal import PersonalModel
from affectstream.multimodal.live.brain import LiveBrain
from affectstream.multimodal.live.guide import Guide
from affectstream.multimodal.live.steps import CLOSED, MEMORIES, OPEN, RECALL, alpha_rise, told_rise
from affectstream.multimodal.types import Chunk, Observation

RATE = 128.0
NAMES = ("F3", "F4", "O1", "O2")
FELT = (0.9, -0.9, 0.5, -0.5, -0.7, 0.7, -0.3, 0.3)  # valence of the memories
Gain = Callable[[dict[str, Any]], NDArray[np.float64]]


class Session:
    """One person at one headset, on a clock of its own; ``gain`` (C,) is what the page's step makes of the waves."""

    def __init__(self, gain: Gain, seed: int = 0, model: PersonalModel | None = None) -> None:
        self.rng = np.random.default_rng(seed)
        size = round(400 * RATE)
        hertz = np.fft.rfftfreq(size, 1 / RATE)
        shape = np.divide(1, np.sqrt(hertz), out=np.zeros_like(hertz), where=hertz > 0.5)
        wave = self.rng.standard_normal((4, len(hertz))) + 1j * self.rng.standard_normal((4, len(hertz)))
        noise = np.fft.irfft(shape * wave, size)
        self.data = (12e-6 * noise / noise.std(1, keepdims=True)).T
        self.gain, self.at = gain, 0
        self.brain = LiveBrain(NAMES, RATE, model=model)
        self.guide = Guide(self.brain)
        self.rows: list[Observation] = []
        self.pages: list[dict[str, Any]] = []

    @property
    def time(self) -> float:
        return self.at / RATE

    def tick(self) -> dict[str, Any]:
        """Half a second."""
        page = self.guide.tick(self.time)
        assert page is not None
        self.pages.append(page)
        part = self.data[self.at : self.at + 64] * self.gain(page)
        self.rows += self.brain.observe(Chunk("eeg", self.time, RATE, part.astype(np.float32)))
        self.at += 64
        return page

    def go(self, *, rate: bool = True) -> dict[str, Any]:
        """From begin to the outcome."""
        self.guide.begin(self.time)
        while True:
            page = self.tick()
            if page["verdict"] is not None:
                return page
            if page["step"] in ("open", "closed", "recall") and page["left"] == page["seconds"]:
                self.guide.next(self.time)
            elif page["step"] == "rate" and rate:
                self.guide.rate(self.time, [FELT[page["number"] - 3], *self.rng.uniform(-1, 1, 2)])
            elif page["step"] == "rate":
                self.guide.next(self.time)
            elif page["step"] == "done":
                clock.sleep(0.02)


def coded(page: dict[str, Any]) -> NDArray[np.float64]:
    """All that O2 gives goes with the valence of the memory, and the back is stronger with closed eyes."""
    if page["step"] == "closed":
        return np.array([1.0, 1.0, 2.0, 2.0])
    return np.array([1.0, 1.0, 1.0, 3.0 ** FELT[page["number"] - 3] if page["step"] == "recall" else 1.0])


def nothing(page: dict[str, Any]) -> NDArray[np.float64]:
    return np.ones(4)


def test_a_person_whose_ratings_are_in_the_eeg_gets_a_model_and_only_of_what_is_there(tmp_path: Path) -> None:
    session = Session(coded)
    page = session.go()
    assert {name: verdict["kept"] for name, verdict in page["verdict"].items()} == {
        "valence": True,
        "arousal": False,
        "dominance": False,
    }
    assert page["verdict"]["valence"]["ccc"] > 0.6 and page["verdict"]["valence"]["p"] < 0.01
    assert "From now on valence is told by a model of you" in page["text"]
    rise = re.search(r"rose by (\d\.\d) dB at O1, O2", page["text"])
    assert rise is not None and float(rise[1]) == pytest.approx(20 * np.log10(2), abs=0.6)
    assert page["file"] is None and list(tmp_path.iterdir()) == []
    assert session.brain.model is not None and session.brain.model.learnt == ("valence",)
    assert len(session.brain.kept().time) == 0

    (tmp_path / "eeg-model.safetensors").write_text("another's")
    path = session.guide.save(tmp_path)
    assert path == tmp_path / "eeg-model-2.safetensors" == session.guide.save(tmp_path)
    assert session.tick()["file"] == str(path)
    assert path is not None
    loaded = PersonalModel.load(path)
    np.testing.assert_array_equal(loaded.weights, session.brain.model.weights)
    assert (tmp_path / "eeg-model.safetensors").read_text() == "another's"


def test_a_person_whose_eeg_is_noise_keeps_the_baseline_of_the_rest() -> None:
    session = Session(nothing, seed=3)
    page = session.go()
    assert not any(verdict["kept"] for verdict in page["verdict"].values()) and len(page["verdict"]) == 3
    assert "Nothing was found in your EEG" in page["text"] and "baseline is that of your rest" in page["text"]
    assert "did not rise at O1, O2" in page["text"]
    assert session.brain.model is None and session.guide.save(Path("nowhere")) is None and not Path("nowhere").exists()

    # what it says from then on is what somebody says who knew of the rest beforehand, on the same samples
    encoder = EEGEncoder(NAMES, RATE, rest=[(1.0, 1.0 + OPEN)], causal=True)
    state, known = encoder.initial(), []
    for at in range(0, session.at, 999):
        part = session.data[at : min(at + 999, session.at)].astype(np.float32)
        state, rows = encoder.observe(state, Chunk("eeg", at / RATE, RATE, part))
        known += rows
    expected, online = Observation.join(known), Observation.join(session.rows)
    np.testing.assert_allclose(online.mean[-100:], expected.mean[-100:], atol=1e-9)
    assert np.isfinite(online.mean[-100:, :2]).all()


def test_the_steps_follow_one_another_and_the_time_runs_down() -> None:
    session = Session(nothing)
    session.go()
    steps = [(page["step"], page["number"]) for page in session.pages]
    order = list(dict.fromkeys(steps))
    memories = [(step, 3 + k) for k in range(8) for step in ("recall", "rate")]
    assert order == [("open", 1), ("closed", 2), *memories, ("done", 10)]
    for step, seconds in (("open", OPEN), ("closed", CLOSED), ("recall", RECALL)):
        left = [page["left"] for page in session.pages if (page["step"], page["number"] < 4) == (step, True)]
        running = [value for value in left if value < seconds]
        np.testing.assert_allclose(running, np.arange(seconds - 0.5, 0, -0.5))
    told = {page["text"] for page in session.pages}
    assert all(any(memory in text for text in told) for memory in MEMORIES)
    for page in session.pages:
        assert page["type"] == "calibration" and page["of"] == 10 and page["title"] and page["text"]
        assert 0 <= page["left"] <= page["seconds"] and page["file"] is None


def test_memories_without_a_rating_are_not_learnt_from() -> None:
    page = Session(coded).go(rate=False)
    assert page["verdict"] == {} and "Nothing could be learnt" in page["text"] and "at least 8" in page["text"]


def test_a_rest_that_cannot_be_read_is_said_and_a_model_from_before_stays() -> None:
    def lost(page: dict[str, Any]) -> NDArray[np.float64]:
        return np.full(4, np.nan if page["step"] in ("open", "closed") else 1.0)

    page = Session(lost).go()
    assert "Too little of your rest" in page["text"] and "No electrode could be read" in page["text"]
    before = Session(coded)
    before.go()
    again = Session(nothing, seed=3, model=before.brain.model)
    assert "model of you that was there before stays" in again.go()["text"] and again.brain.model is before.brain.model


def test_presses_that_come_twice_too_early_or_too_late() -> None:
    session = Session(nothing)
    guide = session.guide
    assert guide.tick(0.0) is None and not guide.running
    guide.next(0.0)
    with pytest.raises(ValueError, match="no memory to rate now"):
        guide.rate(0.0, [0, 0, 0])
    guide.cancel()
    assert guide.tick(0.0) is None

    def step(time: float) -> tuple[str, float]:
        page = guide.tick(time)
        assert page is not None
        return page["step"], page["left"]

    guide.begin(1.0)
    guide.next(1.5)  # the same press
    assert step(20.0) == ("open", OPEN)
    guide.next(20.0)
    guide.next(40.0)  # a rest is not cut short
    assert step(50.0) == ("open", OPEN - 30)
    assert step(20.0 + OPEN) == ("closed", CLOSED)
    guide.next(100.0)
    assert step(300.0) == ("recall", RECALL)
    guide.next(300.0)
    guide.next(300.9)
    assert step(305.0) == ("recall", RECALL - 5)
    guide.next(310.0)  # a memory may end early
    assert step(310.0) == ("rate", 0)
    for wrong in ([0, 0], [0, 0, 1.5], [0, float("nan"), 0]):
        with pytest.raises(ValueError, match="wanted valence, arousal and dominance"):
            guide.rate(311.0, wrong)
    guide.rate(311.0, [0, 1, -1])
    guide.cancel()
    page = guide.tick(312.0)
    assert page is not None and page["step"] == "off" and guide.tick(313.0) is None and not guide.running
    guide.begin(400.0)
    assert step(500.0) == ("open", OPEN) and guide.running


def test_the_rise_of_alpha_is_that_of_the_medians_at_the_back() -> None:
    rng = np.random.default_rng(1)
    time = np.linspace(2, 101.5, 200)
    power = rng.uniform(0.5, 1.5, (200, 4, 5)) * 1e-11
    power[:, 2:, 2] *= np.where(time > 52, 10.0, 1.0)[:, None]
    quality = np.ones((200, 4))
    quality[::3, 3] = 0.1
    windows = Windows(time, np.zeros_like(power), power, quality)
    rise, where = alpha_rise(windows, NAMES, (0.0, 50.0), (54.0, 102.0))
    medians = []
    for electrode in (2, 3):
        good = quality[:, electrode] >= 0.2
        early, late = good & (time + 2 <= 50), good & (time - 2 >= 54) & (time + 2 <= 102)
        ratio = np.median(power[late, electrode, 2]) / np.median(power[early, electrode, 2])
        medians.append(10 * np.log10(ratio))
    assert where == ("O1", "O2") and rise == pytest.approx(np.mean(medians), abs=1e-9) and 9 < rise < 11
    assert "rose" in told_rise(rise, where) and "did not rise" in told_rise(0.4, where)
    quality[:] = 0
    assert np.isnan(alpha_rise(windows, NAMES, (0.0, 50.0), (54.0, 102.0))[0])
    # without an electrode at the back it is of all
    quality[:] = 1
    assert alpha_rise(windows, ("F3", "F4", "C3", "C4"), (0.0, 50.0), (54.0, 102.0))[1] == ("F3", "F4", "C3", "C4")
