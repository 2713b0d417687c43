import numpy as np
import pytest

from affectstream.multimodal.combine import combine
from affectstream.multimodal.dynamics.simulate import simulate
from affectstream.multimodal.types import Trace


def steady(
    source: str, value: float, *, rate: float = 10.0, seconds: float = 6.0, sd: float = 0.1, span: float = 0.1
) -> Trace:
    time = np.arange(round(rate * seconds)) / rate + span / 2
    mean = np.full((len(time), 3), value)
    return Trace(source, time=time, mean=mean, variance=np.full(mean.shape, sd**2), quality=1.0, span=span)


def test_the_state_does_not_depend_on_the_rate_it_is_written_at() -> None:
    traces = simulate(4, 20.0)[2]
    coarse, fine = (combine(traces, hz) for hz in (5.0, 60.0))
    np.testing.assert_allclose(
        fine.state.mean[np.isin(fine.state.time.round(9), coarse.state.time.round(9))], coarse.state.mean, atol=1e-9
    )
    assert [e.to_dict() for e in coarse.events] == [e.to_dict() for e in fine.events]


def test_causal_knows_nothing_of_what_comes_later() -> None:
    traces = simulate(4, 20.0)[2]
    cut = {
        s: Trace(
            s,
            time=t.time[t.time + t.span / 2 < 10],
            **{n: getattr(t, n)[t.time + t.span / 2 < 10] for n in ("mean", "variance", "quality", "span")},
        )
        for s, t in traces.items()
    }
    whole, half = combine(traces, 10.0, causal=True), combine(cut, 10.0, causal=True)
    shared = half.state.time < 9.5
    at = np.searchsorted(whole.state.time, half.state.time[shared])
    np.testing.assert_allclose(whole.state.mean[at], half.state.mean[shared], atol=1e-9)
    np.testing.assert_allclose(whole.fused.mean[at], half.fused.mean[shared], atol=1e-9)
    later = combine(traces, 10.0)
    assert not np.allclose(later.state.mean[at], half.state.mean[shared], atol=1e-3)


def test_sources_that_disagree_make_the_state_less_sure_and_an_event() -> None:
    at_odds = combine({"face/0": steady("face/0", 0.7), "text": steady("text", -0.4, rate=0.5, span=2.0)}, 10.0)
    at_one = combine({"face/0": steady("face/0", 0.7), "text": steady("text", 0.6, rate=0.5, span=2.0)}, 10.0)
    assert [e.sources for e in at_odds.events if e.kind == "discord"] == [("face/0", "text")]
    assert not [e for e in at_one.events if e.kind == "discord"]
    assert at_odds.state.sd.mean() > 1.5 * at_one.state.sd.mean()


def test_same_input_same_bytes() -> None:
    traces = simulate(4, 10.0)[2]
    one, two = combine(traces, 10.0), combine(traces, 10.0)
    assert one.state.mean.tobytes() == two.state.mean.tobytes() and one.events == two.events


@pytest.mark.parametrize("causal", [False, True])
def test_what_is_reported_stays_in_range(causal: bool) -> None:
    got = combine({"face/0": steady("face/0", 1.0, sd=0.02)}, 10.0, causal=causal)
    assert abs(got.state.mean).max() <= 1 and got.state.mean[-1].min() > 0.9
    assert ((got.state.quality >= 0) & (got.state.quality <= 1)).all()
