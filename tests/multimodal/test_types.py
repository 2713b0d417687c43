"""Chunk, Trace and Facts: what they hold, what they refuse, and that it cannot be changed afterwards."""

import dataclasses
import itertools
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from affectstream.multimodal.types import DIMENSIONS, Chunk, Facts, Observation, Trace


def a_trace(rows: int = 3, source: str = "face/0", begin: float = 0.0, **changed: Any) -> Trace:
    fields: dict[str, Any] = {
        "time": begin + np.arange(rows),
        "mean": np.zeros((rows, 3)),
        "variance": np.full((rows, 3), 0.1),
        "quality": np.ones(rows),
    }
    return Trace(source, **(fields | changed))


def test_dimensions_come_in_the_order_of_the_columns() -> None:
    assert DIMENSIONS == ("valence", "arousal", "dominance")
    assert Observation is Trace


def test_chunk_times_follow_its_rate() -> None:
    chunk = Chunk("speech", 2.0, 4.0, np.zeros(5, np.float32))
    assert len(chunk) == 5
    assert chunk.times.tolist() == [2.0, 2.25, 2.5, 2.75, 3.0]


def test_chunk_times_are_those_given() -> None:
    chunk = Chunk("text", 1.0, 0.0, np.array(["so", "it goes"]), np.array([1.0, 7.5]), np.array([2.0, 1.0]))
    assert chunk.times.tolist() == [1.0, 7.5]


def test_chunk_cannot_be_rebound() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Chunk("speech", 0.0, 1.0, np.zeros(1)).start = 1.0  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan")])
def test_chunk_without_times_needs_a_rate(rate: float) -> None:
    with pytest.raises(ValueError, match=f"rate is {rate} Hz; wanted a positive rate"):
        Chunk("eeg", 0.0, rate, np.zeros((4, 2)))


@pytest.mark.parametrize("name", ["time", "duration"])
def test_chunk_wants_one_value_for_each_sample(name: str) -> None:
    with pytest.raises(ValueError, match=rf"chunk {name} has shape \(3,\); wanted one value for each of 2 samples"):
        Chunk("text", 0.0, 1.0, np.array(["a", "b"]), **{name: np.zeros(3)})


def test_trace_copies_what_it_is_given_and_cannot_be_written() -> None:
    mean = np.zeros((3, 3))
    trace = a_trace(mean=mean, embedding=np.zeros((3, 5)), labels=np.ones((3, 1)), label_names=["calm"])
    mean[0, 0] = 0.7
    assert trace.mean[0, 0] == 0
    for field in dataclasses.fields(trace):
        value = getattr(trace, field.name)
        if isinstance(value, np.ndarray):
            with pytest.raises(ValueError, match="read-only"):
                value[...] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        trace.source = "other"  # pyright: ignore[reportAttributeAccessIssue]


def test_trace_spreads_one_quality_and_span_over_all_rows() -> None:
    trace = a_trace(quality=0.5, span=2.0)
    assert trace.quality.tolist() == [0.5] * 3 and trace.span.tolist() == [2.0] * 3
    assert a_trace().span.tolist() == [0.0] * 3


def test_trace_tells_sd_and_what_was_observed() -> None:
    nan = float("nan")
    trace = a_trace(mean=[[0, nan, nan], [nan] * 3, [0.1] * 3], variance=np.full((3, 3), 0.25))
    assert trace.sd.tolist() == [[0.5] * 3] * 3
    assert trace.observed.tolist() == [True, False, True]


def test_trace_shows_its_size_and_never_its_data() -> None:
    assert repr(a_trace(begin=1.0)) == "Trace('face/0', 3 rows, 1.000 to 3.000 s)"
    assert repr(a_trace(0)) == "Trace('face/0', 0 rows, nan to nan s)"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"time": [0.0, 2.0, 1.0]}, "times must be finite and never decrease"),
    ({"time": [0.0, 1.0, float("inf")]}, "times must be finite"),
    ({"time": [0.0, 1.0, float("nan")]}, "times must be finite"),
    ({"mean": np.full((3, 3), 1.01)}, r"mean reaches 1.01; wanted \[-1, 1\] or NaN"),
    ({"mean": np.full((3, 3), -2.0)}, "mean reaches 2;"),
    ({"variance": np.zeros((3, 3))}, "variance must be finite and above 0"),
    ({"variance": np.full((3, 3), float("nan"))}, "variance must be finite"),
    ({"variance": np.full((3, 3), float("inf"))}, "variance must be finite"),
    ({"quality": [0.0, 1.0, 1.1]}, r"quality must lie in \[0, 1\]"),
    ({"quality": [0.0, 1.0, float("nan")]}, "quality must lie in"),
    ({"embedding": np.zeros((2, 4))}, r"embedding has shape \(2, 4\); wanted \(3, D\)"),
    ({"embedding": np.zeros(3)}, r"embedding has shape \(3,\); wanted \(3, D\)"),
    ({"labels": np.ones((3, 2)), "label_names": ["calm"]}, r"labels has shape \(3, 2\); wanted \(3, 1\)"),
    ({"labels": np.ones((3, 2))}, r"labels has shape \(3, 2\); wanted \(3, 0\)"),
]


@pytest.mark.parametrize(
    ("changed", "message"), REFUSED, ids=[f"{message[:24]}{i}" for i, (_, message) in enumerate(REFUSED)]
)
def test_trace_refuses(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="trace 'face/0': " + message):
        a_trace(**changed)


def test_trace_wants_no_variance_where_nothing_was_observed() -> None:
    nothing = np.full((3, 3), np.nan)
    assert not a_trace(mean=nothing, variance=nothing).observed.any()


def test_two_rows_may_share_a_time() -> None:
    assert a_trace(time=[0.0, 1.0, 1.0]).time.tolist() == [0.0, 1.0, 1.0]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_join_undoes_a_cut(sizes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = sum(sizes)
    fields: dict[str, Any] = {
        "time": np.sort(rng.uniform(0, 9, n)),
        "mean": rng.uniform(-1, 1, (n, 3)),
        "variance": rng.uniform(0.1, 1, (n, 3)),
        "quality": rng.uniform(0, 1, n),
        "span": rng.uniform(0, 1, n),
        "embedding": rng.normal(size=(n, 2)),
        "labels": rng.uniform(0, 1, (n, 2)),
    }
    ends = np.cumsum([0, *sizes])
    parts = [
        Trace("text", **{k: v[a:b] for k, v in fields.items()}, label_names=("calm", "glad"))
        for a, b in itertools.pairwise(ends)
    ]
    joined = Trace.join(parts)
    assert joined.label_names == ("calm", "glad")
    for name, value in fields.items():
        np.testing.assert_array_equal(getattr(joined, name), value.astype(getattr(joined, name).dtype))


def test_join_keeps_absent_things_absent_and_checks_again() -> None:
    assert Trace.join([a_trace(), a_trace(begin=3.0)]).embedding is None
    with pytest.raises(ValueError, match="never decrease"):
        Trace.join([a_trace(), a_trace()])
    with pytest.raises(ValueError, match=r"cannot join 2 traces of \['face/0', 'face/1'\]; wanted some, of one source"):
        Trace.join([a_trace(), a_trace(source="face/1", begin=3.0)])


words = st.text(max_size=12)
numbers = st.floats(allow_nan=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | numbers | words,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(words, inside, max_size=3),
    max_leaves=6,
)
facts = st.builds(
    Facts,
    name=words,
    modality=st.sampled_from(["face", "speech", "text", "eeg"]),
    window=numbers,
    hop=numbers,
    rate=numbers,
    channels=st.integers(),
    contract=st.dictionaries(words, json_values, max_size=3),
    labels=st.lists(words, max_size=3).map(tuple),
    value_range=st.tuples(numbers, numbers),
    training_data=words,
    licence=words,
    weights=words,
    extra=st.dictionaries(words, json_values, max_size=3),
)


@given(facts)
def test_facts_come_back_from_json(fact: Facts) -> None:
    line = fact.to_json()
    assert "\n" not in line
    assert list(json.loads(line)) == sorted(json.loads(line))
    assert Facts.from_json(line) == fact


SOME_FACTS = Facts("net", "face", 0, 0, 0, 1, {"side": 64}, ("calm",), (-1.0, 1.0), "none", "MIT")


@pytest.mark.parametrize("change", [{"weights": None}, {"colour": "blue"}], ids=["missing", "unknown"])
def test_facts_with_other_keys_are_refused(change: dict[str, str | None]) -> None:
    values = json.loads(SOME_FACTS.to_json()) | change
    line = json.dumps({key: value for key, value in values.items() if value is not None})
    with pytest.raises(ValueError, match=r"wanted .*'channels'.*export the weights again"):
        Facts.from_json(line)


@given(arrays(np.float64, (3, 3), elements=st.floats(-1, 1)))
def test_trace_keeps_every_mean_in_range(mean: np.ndarray) -> None:
    np.testing.assert_array_equal(a_trace(mean=mean).mean, mean)
