import os
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affectstream.encoders.face.encoder import FaceEncoder
from affectstream.multimodal.live.clock import TickClock
from affectstream.multimodal.live.session import AffectSession, Update
from affectstream.multimodal.live.sound import Sound
from affectstream.multimodal.live.worker import Worker
from affectstream.multimodal.media import probe
from affectstream.multimodal.score import Encoders, Result, open_encoders, score
from affectstream.multimodal.signals import read_audio, read_video
from affectstream.multimodal.subtitles import read_subtitles
from affectstream.multimodal.types import Trace

ROOT = Path(__file__).parents[2]
FILM, WORDS = ROOT / "examples/six_emotions.mp4", ROOT / "examples/six_emotions.srt"


@pytest.fixture(scope="module")
def encoders() -> Encoders:
    return open_encoders()


@pytest.fixture(scope="module")
def offline(encoders: Encoders) -> Result:
    return score(FILM, causal=True, subtitles=WORDS, encoders=encoders)


def pushes(film: Path, words: Path, piece: float) -> list[tuple[float, str, Any]]:
    """What the film has, each thing at the time at which it is over."""
    out: list[tuple[float, str, Any]] = []
    for chunk in read_video(film):
        out += [(float(t), "frame", image) for t, image in zip(chunk.times, chunk.data, strict=True)]
    for chunk in read_audio(film, seconds=piece):
        out.append((chunk.start + len(chunk) / chunk.rate, "audio", chunk))
    said = read_subtitles(words)
    assert said.duration is not None
    for start, length, text in zip(said.times.tolist(), said.duration.tolist(), said.data.tolist(), strict=True):
        out.append((start + length, "text", (start, start + length, text)))
    return sorted(out, key=lambda push: push[:2])


def push(session: AffectSession, time: float, kind: str, what: Any) -> None:
    if kind == "frame":
        session.push_frame(time, what)
    elif kind == "audio":
        session.push_audio(what.start, what.data, int(what.rate))
    else:
        session.push_text(*what)


def through(encoders: Encoders, *, piece: float, drain: bool) -> list[Update]:
    """Everything the film has, pushed as fast as it is heard; with ``drain`` one thing at a time."""
    updates: list[Update] = []
    media = probe(FILM)
    assert media.video is not None
    with AffectSession(encoders, frame_rate=media.video.rate, listener=updates.append) as session:
        for k, (time_, kind, what) in enumerate(pushes(FILM, WORDS, piece)):
            push(session, time_, kind, what)
            if drain or kind == "frame" or k % 8 == 0:  # a picture that waits would be let go
                session.drain()
        session.end("speech")
        session.drain()
        updates.append(Update("clock", 20.0, ticks=session.advance(20.0)))
    return updates


def check(updates: list[Update], offline: Result) -> None:
    assert not [update.trouble for update in updates if update.trouble]
    parts: dict[str, list[Trace]] = {}
    for update in updates:
        for row in update.rows:
            parts.setdefault(row.source, []).append(row)
    assert set(parts) == {"face/0", "speech", "text"}
    for source, rows in parts.items():
        got, want = Trace.join(rows), offline.traces[source]
        np.testing.assert_allclose(got.time, want.time, atol=1e-9)
        np.testing.assert_allclose(got.mean, want.mean, atol=1e-5)
        np.testing.assert_allclose(got.sd, want.sd, atol=1e-5)
        np.testing.assert_allclose(got.quality, want.quality, atol=1e-5)
    ticks = [
        tick for update in sorted(updates, key=lambda u: u.ticks[0].time if u.ticks else 0) for tick in update.ticks
    ]
    state = offline.traces["state"]
    assert len(ticks) >= len(state)
    ticks = ticks[: len(state)]
    np.testing.assert_allclose([tick.time for tick in ticks], state.time, atol=1e-9)
    np.testing.assert_allclose(np.clip([tick.mean for tick in ticks], -1, 1), state.mean, atol=1e-6)
    np.testing.assert_allclose([tick.variance for tick in ticks], state.variance, atol=1e-6)
    events = [event for tick in ticks for event in tick.events]
    assert [(e.kind, e.dimension, round(e.time, 6)) for e in events] == [
        (e.kind, e.dimension, round(e.time, 6)) for e in offline.events
    ]


@pytest.mark.parametrize("piece", [0.05, 0.33])
def test_a_film_pushed_through_gives_what_causal_scoring_gives(
    encoders: Encoders, offline: Result, piece: float
) -> None:
    check(through(encoders, piece=piece, drain=True), offline)


def test_and_so_it_does_with_all_encoders_at_once(encoders: Encoders, offline: Result) -> None:
    check(through(encoders, piece=0.1, drain=False), offline)


def test_a_fresher_picture_takes_the_place_of_one_that_waits(encoders: Encoders) -> None:
    updates: list[Update] = []
    looked, go = threading.Event(), threading.Event()

    def slow() -> np.ndarray:
        looked.set()
        go.wait(5)
        return np.zeros((48, 64, 3), np.uint8)

    with AffectSession(encoders, listener=updates.append) as session:
        session.push_frame(0.0, slow)
        looked.wait(5)
        for k in range(1, 6):
            session.push_frame(k / 10, np.zeros((48, 64, 3), np.uint8))
        go.set()
        assert session.drain(10)
    assert [u.frame for u in updates if u.let_go] == [0.1, 0.2, 0.3, 0.4]
    assert [u.frame for u in updates if not u.let_go] == [0.0, 0.5]


def test_sound_is_never_dropped_and_a_pusher_waits_instead() -> None:
    done, go = [], threading.Event()

    def work(item: int) -> None:
        go.wait(5)
        done.append(item)

    worker = Worker("test", work, lambda *_: None, room=2)
    for k in range(3):
        worker.put(k)
    assert worker.full()
    pushing = threading.Thread(target=lambda: [worker.put(k) for k in range(3, 8)])
    pushing.start()
    pushing.join(0.1)
    assert pushing.is_alive()
    go.set()
    pushing.join(5)
    assert worker.drain(5) and done == list(range(8))
    worker.close()
    assert not worker.put(9)


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no niceness of their own here")
def test_who_is_waited_for_goes_first() -> None:
    nice: dict[bool, int] = {}

    def work(fresh: bool) -> None:
        nice[fresh] = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    for fresh in (True, False):
        worker = Worker("test", work, lambda *_: None, room=1, fresh=fresh)
        worker.put(fresh)
        assert worker.drain(5)
        worker.close()
    assert nice[True] == os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert nice[True] < nice[False] or nice[True] == 19


def test_an_encoder_that_raises_is_told_of_and_others_go_on(encoders: Encoders) -> None:
    class Raising(FaceEncoder):
        def observe(self, state: Any, chunk: Any) -> Any:
            raise ZeroDivisionError("on purpose")

    broken = object.__new__(Raising)
    updates: list[Update] = []
    with AffectSession(replace(encoders, face=broken), listener=updates.append) as session:
        for k in range(7):
            session.push_frame(k / 10, np.zeros((48, 64, 3), np.uint8))
            session.drain()
        session.push_text(0.0, 1.0, "I am very happy about that!")
        session.drain()
        state = session.state(1.0)
    troubles = [u for u in updates if u.trouble]
    assert len(troubles) == 5 and all("ZeroDivisionError: on purpose" in (u.trouble or "") for u in troubles)
    assert [u.ended for u in troubles] == [False] * 4 + [True]  # and then it is given up
    assert state.vad.valence > 0.1


def test_a_modality_that_stalls_does_not_hold_the_others() -> None:
    clock = TickClock()
    clock.begin(0.0)
    clock.reach("speech", 0.5)
    clock.reach("face", 0.95)
    assert clock.due() == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    clock.reach("face", 1.45)
    assert clock.due() == []
    clock.reach("face", 1.6)
    assert clock.due()[-1] == 1.6
    clock.end("face")
    assert clock.due() == []
    clock.advance(3.05)
    assert clock.due()[-1] == 2.0
    clock.advance(10_000.0)
    assert clock.due() == [9999.0]


def test_how_sound_is_cut_and_at_what_rate_makes_no_difference() -> None:
    time_ = np.arange(48000 * 2) / 48000
    tone = (0.5 * np.sin(2 * np.pi * 300 * time_)).astype(np.float32)

    def heard(size: int) -> np.ndarray:
        sound = Sound()
        chunks = [
            c
            for k in range(0, len(tone), size)
            for c in sound.push(5 + k / 48000 + 0.01 * (k % 3), tone[k : k + size], 48000)
        ]
        chunks += sound.finish()
        begin = [c.start for c in chunks]
        np.testing.assert_allclose(begin, 5 + (np.cumsum([0, *map(len, chunks)])[:-1]) / 16000, atol=1e-9)
        return np.concatenate([c.data for c in chunks])

    whole, cut = heard(len(tone)), heard(777)
    np.testing.assert_allclose(cut, whole, atol=1e-6)
    want = 0.5 * np.sin(2 * np.pi * 300 * np.arange(len(whole)) / 16000)
    np.testing.assert_allclose(whole[200:-200], want[200:-200], atol=5e-3)


def test_a_gap_in_the_sound_begins_a_new_run() -> None:
    sound = Sound()
    first = sound.push(0.0, np.zeros(1600, np.float32), 16000)
    second = sound.push(0.15, np.zeros(1600, np.float32), 16000)
    third = sound.push(1.0, np.zeros(1600, np.float32), 16000)
    assert [c.start for c in first + second + third] == [0.0, 0.1, 1.0]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda s: s.push_frame(np.nan, np.zeros((4, 4, 3), np.uint8)), "frame at nan"),
        (lambda s: s.push_audio(0.0, np.zeros((2, 2)), 16000), "mono"),
        (lambda s: s.push_audio(0.0, np.zeros(2), 10), "10 Hz"),
        (lambda s: s.push_eeg(0.0, np.zeros((5, 2)), 250.0, ["Fz"]), r"wanted \(n, 1\)"),
        (lambda s: s.push_text(2.0, 1.0, "x"), "before its start"),
        (lambda s: s.push_eeg(0.0, np.zeros((5, 1)), 250.0, ["Fz"]), "whose encoder is not open"),
    ],
)
def test_what_cannot_be_pushed_is_refused_at_once(encoders: Encoders, wrong: Any, says: str) -> None:
    with AffectSession(replace(encoders, eeg=False)) as session, pytest.raises(ValueError, match=says):
        wrong(session)


def test_a_closed_session_takes_nothing_and_leaves_no_thread(encoders: Encoders) -> None:
    before = threading.active_count()
    session = AffectSession(encoders)
    session.push_text(0.0, 1.0, "hello")
    session.push_audio(0.0, np.zeros(1600), 16000)
    session.close()
    time.sleep(0.05)
    assert threading.active_count() == before
    with pytest.raises(RuntimeError, match="closed"):
        session.push_text(0.0, 1.0, "hello")


def test_the_state_can_be_asked_for_before_anything_came(encoders: Encoders) -> None:
    with AffectSession(encoders, subject="somebody") as session:
        state = session.state()
    assert state.subject == "somebody" and state.age is None and state.confidence == 0


def test_a_first_picture_without_a_face_is_no_trouble(encoders: Encoders) -> None:
    updates: list[Update] = []

    def told(update: Update) -> None:
        updates.append(update)
        session.state(update.time)

    with AffectSession(encoders, listener=told) as session:
        session.push_frame(0.033, np.zeros((48, 64, 3), np.uint8))
        session.drain()
    assert [update.trouble for update in updates] == [None]
