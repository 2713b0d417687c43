import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectstream.multimodal.causal import Attention, Unfolding, attend, attended
from affectstream.multimodal.combine import combine, reach_of
from affectstream.multimodal.dynamics.simulate import simulate
from affectstream.multimodal.timeline import grid, read_heard
from affectstream.multimodal.types import Trace


def rows(source: str, time: list[float], *, span: float = 0.1, quality: float = 1.0) -> Trace:
    mean = np.linspace(-0.5, 0.5, len(time))[:, None] * [1.0, 0.5, -1.0]
    return Trace(source, time=time, mean=mean, variance=np.full(mean.shape, 0.04), quality=quality, span=span)


def as_they_come(traces: dict[str, Trace]) -> list[tuple[float, Trace]]:
    """Every row of the ``traces`` at the end of its window, in order of time."""
    rows = [(float(t.time[k] + t.span[k] / 2), t.take([k])) for t in traces.values() for k in range(len(t))]
    return sorted(rows, key=lambda row: row[0])


@pytest.mark.parametrize(("seed", "early"), [(0, 0.0), (1, 0.0), (2, 0.4)])
def test_a_live_run_says_what_causal_scoring_says(seed: int, early: float) -> None:
    traces = simulate(seed, 20.0)[2]
    uneven = np.flatnonzero(np.random.default_rng(seed).random(len(traces["eeg"])) < 0.7)
    traces["eeg"] = traces["eeg"].take(uneven)  # it has gaps
    ahead = {source: early * k for k, source in enumerate(traces)}  # s before it is due that a row is told
    offline = combine(traces, 10.0, causal=True)
    live = Unfolding(start=0.0)
    ticks, events, state, fused = offline.state.time, [], [], []
    waiting = sorted((time - ahead[row.source], k, row) for k, (time, row) in enumerate(as_they_come(traces)))
    for time in ticks.tolist():
        while waiting and waiting[0][0] <= time + 1e-9:
            live.hear([waiting.pop(0)[2]])
        tick = live.tick(time)
        events += tick.events
        state.append((tick.mean, tick.variance))
        fused.append((tick.fused.mean[0], tick.fused.variance[0], tick.fused.quality[0]))
    mean, variance = (np.array(column) for column in zip(*state, strict=True))
    np.testing.assert_allclose(np.clip(mean, -1, 1), offline.state.mean, atol=1e-9)
    np.testing.assert_allclose(variance, offline.state.variance, atol=1e-9)
    for got, want in zip(
        zip(*fused, strict=True), (offline.fused.mean, offline.fused.variance, offline.fused.quality), strict=True
    ):
        np.testing.assert_allclose(np.array(got), want, atol=1e-9)
    assert [e.kind for e in events] == [e.kind for e in offline.events]
    np.testing.assert_allclose([e.time for e in events], [e.time for e in offline.events], atol=1e-9)


def test_a_late_answer_is_taken_in_at_its_own_time() -> None:
    face, text = rows("face/0", [0.1 * k for k in range(1, 40)]), rows("text", [1.0], span=1.0)
    punctual, late = Unfolding(), Unfolding()
    punctual.hear([face])
    punctual.hear([text])
    late.hear([face])
    for k in range(30):
        late.tick(k / 10)
    without = late.state(3.9)
    late.hear([text])
    want, got = punctual.state(3.9), late.state(3.9)
    assert "text" in got.modalities and "text" not in without.modalities
    ours, theirs, before = (np.array([s.vad.valence, s.vad.arousal, s.vad.dominance]) for s in (got, want, without))
    # the faces between had been believed before it was known whether the words agree
    assert abs(ours - theirs).max() < abs(before - theirs).max() and abs(ours - theirs).max() < 0.02


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.sampled_from(["face/0", "speech", "eeg"]), max_size=25),
    st.fixed_dictionaries({source: st.floats(0.0, 0.5) for source in ("face/0", "speech", "eeg")}),
)
def test_asking_changes_nothing(told: list[str], late: dict[str, float]) -> None:
    """However rows come, punctual or late, and whether or not they were asked about in between."""
    asked, unasked = Unfolding(), Unfolding()
    for k, source in enumerate(told):
        row = rows(source, [k / 20 - late[source]], span=2.0 if source == "speech" else 0.1)
        for live in (asked, unasked):
            live.hear([row])
            if k % 4 == 0:
                live.tick(k / 20)
        asked.state(k / 20)
    assert asked.state(3.0) == unasked.state(3.0)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.0, 5.0), min_size=1, max_size=20), st.floats(0.01, 2.0), st.floats(0.02, 1.0))
def test_what_is_heard_is_an_average_of_windows_that_are_over(time: list[float], span: float, cell: float) -> None:
    trace = rows("face/0", sorted(time), span=span)
    moments = grid(0.0, 8.0, 10)
    reading = read_heard(trace, moments, cell)
    over = trace.time + span / 2
    for k, moment in enumerate(moments.tolist()):
        clear = (abs(over - moment) > 1e-6) & (abs(over + span + cell - moment) > 1e-6)
        if not clear.all():
            continue
        speaking = (over < moment) & (moment < over + span + cell)
        if not speaking.any():
            assert np.isnan(reading.mean[k]).all() and reading.quality[k] == 0
        else:
            np.testing.assert_allclose(reading.mean[k], trace.mean[speaking].mean(0), atol=1e-12)
            np.testing.assert_allclose(reading.variance[k], 0.04, atol=1e-12)


def test_the_face_that_is_there_is_fused_and_a_passer_by_is_not() -> None:
    long = rows("face/0", [0.1 * k for k in range(100)])
    passing = rows("face/1", [4.0 + 0.1 * k for k in range(10)])
    _, picked = attend(Attention(), {"face/0": long, "face/1": passing})
    assert list(picked) == ["face/0"] and len(picked["face/0"]) == 100


def test_who_stays_takes_the_place_of_who_left() -> None:
    left = rows("face/0", [0.1 * k for k in range(100)])
    stays = rows("face/1", [10.0 + 0.1 * k for k in range(300)])
    attention, picked = attend(Attention(), {"face/0": left, "face/1": stays})
    assert attention.main == "face/1"
    # 0 has 10 s, faded; 1 has as much when 1.2 * (1 - e^-1) e^-t/10 = 1 - e^-t/10
    taken = 10 * np.log1p(1.2 * (1 - np.exp(-1.0)))
    assert picked["face/1"].time[0] - 10.0 == pytest.approx(taken, abs=0.2)


def test_how_faces_come_in_pieces_makes_no_difference() -> None:
    rng = np.random.default_rng(1)
    traces = {
        f"face/{k}": rows(f"face/{k}", np.sort(rng.choice(100, 60, replace=False) / 10).tolist(), quality=0.5 + 0.1 * k)
        for k in range(3)
    }
    whole = attended(traces)
    attention, parts = Attention(), {source: [] for source in traces}
    for begin in np.arange(0, 10, 0.5).tolist():
        now = {
            source: trace.take(np.flatnonzero((trace.time >= begin - 1e-9) & (trace.time < begin + 0.5 - 1e-9)))
            for source, trace in traces.items()
        }
        attention, picked = attend(attention, {source: trace for source, trace in now.items() if len(trace)})
        for source, trace in picked.items():
            parts[source] += trace.time.tolist()
    assert {source: times for source, times in parts.items() if times} == {
        source: trace.time.tolist() for source, trace in whole.items()
    }


def test_what_is_remembered_does_not_grow() -> None:
    live = Unfolding()
    for k in range(1500):
        live.hear([rows("face/0", [k / 25], span=1 / 25)])
        live.tick(k / 25)
    assert sum(map(len, live._known.values())) < 700
    assert reach_of(live._known.values())[0] > 1500 / 25 - 30
