"""Mood-congruent recall against its definition, written out."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectstream.multimodal.agent.memory import SHORTLIST, WIDTH, recall
from affectstream.multimodal.terms import EXPRESSIONS, TERM_MEAN

SIZES = st.integers(0, 40)
SEEDS = st.integers(0, 10_000)


def drawn(n: int, seed: int) -> tuple[list[float], list[list[float]], list[float]]:
    """Similarities, some of them equal, memories, some not known, and a state."""
    rng = np.random.default_rng(seed)
    felt = rng.uniform(-1, 1, (n, 3))
    felt[rng.random(n) < 0.1] = np.nan
    return rng.uniform(-1, 1, n).round(1).tolist(), felt.tolist(), rng.uniform(-1, 1, 3).tolist()


def alike(a: list[float], b: list[float]) -> float:
    squared = sum((x - y) ** 2 for x, y in zip(a, b, strict=True))
    return 0.0 if math.isnan(squared) else math.exp(-squared / (2 * WIDTH**2))


@given(SIZES, SEEDS, st.floats(0, 2), st.integers(1, 9))
def test_combined_is_the_sum(n: int, seed: int, weight: float, most: int) -> None:
    meaning, felt, now = drawn(n, seed)
    scores = {i: meaning[i] + weight * alike(felt[i], now) for i in range(n)}
    got = recall(meaning, np.reshape(felt, (n, 3)), now, weight=weight, most=most)
    assert len(got.indices) == min(n, most) == len(set(got.indices.tolist()))
    assert got.scores == pytest.approx([scores[i] for i in got.indices.tolist()])
    left = [scores[i] for i in range(n) if i not in got.indices]
    assert list(got.scores) == sorted(got.scores, reverse=True)
    assert not left or got.scores[-1] >= max(left) - 1e-12


@given(SIZES, SEEDS, st.integers(1, 9))
def test_sequential_sorts_a_shortlist_by_affect(n: int, seed: int, most: int) -> None:
    meaning, felt, now = drawn(n, seed)
    shortlist = sorted(sorted(range(n), key=lambda i: (-meaning[i], i))[: SHORTLIST * most])
    got = recall(meaning, np.reshape(felt, (n, 3)), now, how="sequential", most=most)
    assert set(got.indices.tolist()) <= set(shortlist) and len(got.indices) == min(n, most)
    assert got.scores == pytest.approx([alike(felt[i], now) for i in got.indices.tolist()])
    left = [alike(felt[i], now) for i in shortlist if i not in got.indices]
    assert not left or got.scores[-1] >= max(left) - 1e-12


@given(SIZES, SEEDS)
def test_without_weight_it_is_similarity_in_its_order(n: int, seed: int) -> None:
    meaning, felt, now = drawn(n, seed)
    got = recall(meaning, np.reshape(felt, (n, 3)), now, weight=0, most=n + 1)
    assert got.indices.tolist() == sorted(range(n), key=lambda i: (-meaning[i], i))


@pytest.mark.parametrize("how", ["combined", "sequential"])
@pytest.mark.parametrize("k", range(len(EXPRESSIONS)), ids=EXPRESSIONS)
def test_a_mood_recalls_its_own(k: int, how) -> None:
    """Also neutral, at the origin, where an angle would be undefined."""
    assert recall(np.zeros(len(EXPRESSIONS)), TERM_MEAN, TERM_MEAN[k], how=how, most=2).indices[0] == k


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        (([1, 2], np.zeros((3, 3)), np.zeros(3)), {}, r"shapes \(2,\), \(3, 3\), \(3,\)"),
        (([1.0], np.zeros((1, 2)), np.zeros(3)), {}, "wanted"),
        (([1.0], np.zeros((1, 3)), np.zeros(2)), {}, "wanted"),
        (([np.nan], np.zeros((1, 3)), np.zeros(3)), {}, "not finite"),
        (([1.0], np.zeros((1, 3)), [0, 0, np.nan]), {}, "not finite"),
        (([1.0], np.full((1, 3), np.inf), np.zeros(3)), {}, "not finite"),
        (([1.0], np.zeros((1, 3)), np.zeros(3)), {"how": "other"}, "how is 'other'"),
        (([1.0], np.zeros((1, 3)), np.zeros(3)), {"weight": -1}, "weight -1"),
        (([1.0], np.zeros((1, 3)), np.zeros(3)), {"most": 0}, "most 0"),
    ],
)
def test_what_cannot_be_is_refused(arguments, settings, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        recall(*arguments, **settings)
