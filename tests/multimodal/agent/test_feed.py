import itertools
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectstream.multimodal.agent.feed import Feed, thinned
from affectstream.multimodal.agent.notice import KEPT
from affectstream.multimodal.agent.pages import Snapshot, history, settle, snapshot, turn
from affectstream.multimodal.agent.state import AffectState, Happening, Tracker, Vad
from affectstream.multimodal.types import Trace

BLANK = Tracker().state(0.0)


def state(
    at: float, valence: float = 0.5, *, sd: float = 0.1, age: float = 0.0, events: tuple[Happening, ...] = ()
) -> AffectState:
    vad, spread = Vad(valence=valence, arousal=-valence, dominance=0.0), Vad(valence=sd, arousal=sd, dominance=2 * sd)
    told = {"time": at, "vad": vad, "sd": spread, "age": age, "confidence": 0.75, "events": list(events)}
    return BLANK.model_copy(update=told)


def happening(at: float, kind: str = "onset") -> Happening:
    page = {"kind": kind, "time": at - 0.3, "found": at, "dimension": "valence", "direction": 1, "magnitude": 0.4}
    return Happening.model_validate(page | {"p": 0.9, "sources": []})


def opened(*times: float) -> Feed:
    feed = Feed("a test")
    feed.begin(time.time())
    for at in times:
        feed.put(state(at))
    return feed


@given(st.lists(st.floats(0, 20), max_size=60))
def test_at_most_ten_states_a_second_and_never_back(times: list[float]) -> None:
    feed = opened()
    kept: list[float] = []
    for at in times:
        feed.put(state(at))
        if not kept or int(at * 10 + 1e-9) > int(kept[-1] * 10 + 1e-9):
            kept.append(at)
    told = feed.told()
    assert [one.time for one in told] == kept
    assert [one.number for one in told] == list(range(1, len(kept) + 1))
    assert feed.trace(-1, 21).time.tolist() == kept


def test_what_is_older_than_ten_minutes_is_forgotten() -> None:
    feed = opened()
    for k in range(7000):
        feed.put(state(k / 10, events=(happening(k / 10),) if k % 500 == 0 else ()))
    times = [one.time for one in feed.told()]
    assert times[0] == pytest.approx(699.9 - KEPT) and times[-1] == 699.9 and len(times) == 6001
    assert len(feed.trace(0, 700)) == 6001
    assert [event.found for event in feed.happenings(0, 700)] == [100.0 + 50 * k for k in range(12)]


def test_the_trace_is_the_states() -> None:
    feed = opened()
    states = [state(k / 10, k / 100, sd=0.1 + k / 1000) for k in range(40)]
    for one in states:
        feed.put(one)
    trace = feed.trace(1.0, 2.0)
    wanted = [one for one in states if 1.0 <= one.time <= 2.0]
    assert trace.source == "state" and len(trace) == len(wanted) == 11
    for k, one in enumerate(wanted):
        np.testing.assert_allclose(trace.mean[k], [value for _, value in one.vad])
        np.testing.assert_allclose(trace.sd[k], [value for _, value in one.sd])
        assert trace.quality[k] == one.confidence
    assert feed.history(1.0, 2.0, 100) == wanted and feed.latest() == states[-1]
    assert [one.time for one in feed.history(0.0, 3.9, 4)] == [0.0, 1.3, 2.6, 3.9]


@given(st.integers(0, 500), st.integers(1, 60))
def test_thinning_is_even_and_keeps_the_latest(count: int, most: int) -> None:
    rows = thinned(count, most)
    assert len(rows) == min(count, most) and rows == sorted(set(rows)) and (not rows or rows[-1] == count - 1)
    if len(rows) > 1:
        assert rows[0] == 0 and np.ptp(np.diff(rows)) <= 1


def test_an_event_is_told_once_however_often_states_tell_it() -> None:
    feed = opened()
    first, second = happening(1.0), happening(1.0, "shift")
    for k in range(30):
        feed.put(state(1 + k / 10, events=(first, second) if k else (first,)))
    assert feed.happenings(0, 10) == [first, second]
    assert feed.happenings(1.1, 10) == []


def test_what_is_known_later_changes_the_trace_and_not_what_was_told() -> None:
    feed = opened(0.1, 0.2, 0.3)
    before = feed.told()
    feed.amend(
        Trace("state", time=[0.2, 0.25], mean=[[-0.9, 0.1, 0.2]] * 2, variance=np.full((2, 3), 0.04), quality=0.5)
    )
    trace = feed.trace(0, 1)
    assert trace.time.tolist() == [0.1, 0.2, 0.3] and trace.mean[:, 0].tolist() == [0.5, -0.9, 0.5]
    assert trace.sd[1].tolist() == pytest.approx([0.2] * 3) and trace.quality.tolist() == [0.75, 0.5, 0.75]
    assert feed.told() == before


def test_a_session_begins_with_nothing_and_the_end_forgets_all() -> None:
    feed = opened(0.1, 0.2)
    told: list[tuple[float | None, int]] = []
    leave = feed.subscribe(lambda: told.append((feed.look()[0].opened, len(feed.told()))))
    feed.put(state(0.3))
    feed.set_baseline(Vad(valence=0.2, arousal=0.0, dominance=0.0))
    feed.begin(5.0, "another")
    feed.put(state(0.1))
    assert feed.look()[0] == (5.0, "another") and feed.baseline is None
    feed.begin(None)
    assert feed.latest() is None and feed.now() is None
    with pytest.raises(RuntimeError, match="before a session"):
        feed.put(state(0.4))
    feed.close()
    feed.put(state(0.5))  # who was late to hear of it
    assert feed.closed and not feed.told() and len(feed.trace(0, 1)) == 0
    assert [count for _, count in told] == [3, 0, 1, 0, 0] and told[1][0] == 5.0
    leave()
    leave()
    assert feed.subscribers == 0


def test_the_clock_is_that_of_the_session() -> None:
    feed = Feed()
    feed.begin(time.time() - 100.0)
    now = feed.now()
    assert now is not None and now == pytest.approx(100.0, abs=0.5)


def test_many_threads_put_and_read_at_once() -> None:
    feed, over, seen = opened(), threading.Event(), []

    def read() -> None:
        while not over.is_set():
            told, trace = feed.told(), feed.trace(0, 1e9)
            seen.append(all(b.number == a.number + 1 for a, b in itertools.pairwise(told)) and len(trace) >= len(told))
            feed.subscribe(lambda: None)()

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for k in range(300):
        feed.put(state(k / 10))
    over.set()
    for reader in readers:
        reader.join()
    assert seen and all(seen) and len(feed.told()) == 300 and feed.subscribers == 0


def test_a_snapshot_says_when_it_is_stale() -> None:
    feed = Feed("a test")
    assert snapshot(feed) == Snapshot(state=None, opened=None, words="", stale=True, source="a test")  # pyright: ignore[reportCallIssue]
    feed.begin(time.time() - 5.0)
    feed.put(state(4.9))
    page = snapshot(feed)
    assert not page.stale and "positive" in page.words and page.state == feed.latest() and "prohibited" in page.notice
    feed.begin(time.time() - 20.0)
    feed.put(state(4.9))
    assert feed.latest() is None  # a reader who is handed this is told of nobody who has left
    feed.begin(time.time() - 5.0)
    feed.put(state(4.9, age=12.0))
    assert snapshot(feed).stale and snapshot(feed).words == ""
    feed.begin(time.time() - 50.0)  # nothing came for 45 s, though the last state was fresh when it came
    feed.put(state(5.0))
    assert snapshot(feed).stale and snapshot(feed).words == ""


def test_a_baseline_changes_the_words_and_not_the_estimate() -> None:
    feed = Feed()
    feed.begin(time.time() - 3.0)
    for k in range(30):
        feed.put(state(k / 10, 0.4))
    before = snapshot(feed)
    page = settle(feed, seconds=2.0)
    assert page.baseline == Vad(valence=0.4, arousal=-0.4, dominance=0.0) == feed.baseline
    after = snapshot(feed)
    assert after.words != before.words and after.state == before.state
    assert settle(feed, clear=True).baseline is None and snapshot(feed).words == before.words
    given_ = Vad(valence=-0.5, arousal=0.0, dominance=0.0)
    assert settle(feed, vad=given_).baseline == given_
    for asked in ({}, {"seconds": 1.0, "clear": True}):
        with pytest.raises(ValueError, match="just one of"):
            settle(feed, **asked)
    for vad in (Vad(valence=1.5, arousal=0, dominance=0), Vad(valence=float("nan"), arousal=0, dominance=0)):
        with pytest.raises(ValueError, match=r"wanted values in"):
            settle(feed, vad=vad)
    assert feed.baseline == given_
    with pytest.raises(ValueError, match="nothing was seen"):
        settle(opened(), seconds=5.0)


def test_a_history_is_the_trace_in_rows() -> None:
    feed = opened()
    for k in range(100):
        feed.put(state(k / 10, k / 200, events=(happening(5.0),) if k > 50 else ()))
    page = history(feed, 5.0, 11)
    assert [row[0] for row in page.rows] == pytest.approx(np.linspace(4.9, 9.9, 11))
    for row in page.rows:
        assert row[1:] == pytest.approx((row[0] / 20, -row[0] / 20, 0.0, 0.1, 0.1, 0.2, 0.75), abs=1e-3)
    assert page.happenings == [happening(5.0)] and history(opened(), 60, 10).rows == []


def test_a_turn_is_of_its_rows_and_events() -> None:
    feed = opened()
    for k in range(100):
        feed.put(state(k / 10, 0.5 if k < 50 else -0.5, events=(happening(5.5),) if k > 55 else ()))
    page = turn(feed, 5.0, 9.9)
    assert page.mean is not None and page.mean.valence == pytest.approx(-0.5, abs=1e-6)
    assert [event.found for event in page.events] == [5.5]
    with pytest.raises(ValueError):
        turn(feed, 5.0, 4.0)
