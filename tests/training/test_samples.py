"""The order samples are trained in: laws for every size, seed and number of processes."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from affectstream.multimodal.training.samples import InOrder, Order, Rows, loader, some_of

SIZES = {"n": st.integers(1, 40), "batch": st.integers(1, 9), "seed": st.integers(0, 99), "epoch": st.integers(0, 9)}


@given(**SIZES, world=st.integers(1, 4))
def test_every_sample_is_drawn_once_an_epoch_among_all_processes(
    n: int, batch: int, seed: int, epoch: int, world: int
) -> None:
    index = np.arange(100, 100 + n)
    orders = [Order(index, batch, seed, lambda: (epoch, 0), rank=rank, world=world) for rank in range(world)]
    drawn = [[part for _, part in order] for order in orders]
    assert len({len(parts) for parts in drawn}) == 1 and len(drawn[0]) == len(orders[0]), "all make as many steps"
    for step in zip(*drawn, strict=True):
        assert len({len(part) for part in step}) == 1 and 1 <= len(step[0]) <= batch
    every = np.concatenate([part for parts in drawn for part in parts])
    assert set(every) == set(index) and len(every) == n + -n % world, "and only what fills the last up comes twice"


@given(**SIZES, done=st.integers(0, 12))
def test_it_goes_on_where_it_was(n: int, batch: int, seed: int, epoch: int, done: int) -> None:
    whole = list(Order(np.arange(n), batch, seed, lambda: (epoch, 0)))
    rest = list(Order(np.arange(n), batch, seed, lambda: (epoch, done)))
    assert len(rest) == max(len(whole) - done, 0)
    for (e, ours), (f, theirs) in zip(rest, whole[done:], strict=True):
        assert e == f == epoch and np.array_equal(ours, theirs)


def test_epochs_and_seeds_differ_and_nothing_else_does() -> None:
    def first(seed: int, epoch: int) -> list[int]:
        return next(iter(Order(np.arange(50), 50, seed, lambda: (epoch, 0))))[1].tolist()

    assert first(0, 0) == first(0, 0)
    assert len({tuple(first(seed, epoch)) for seed in range(3) for epoch in range(3)}) == 9


def test_samples_are_drawn_by_their_chance() -> None:
    chance = np.array([0.7, 0.2, 0.1, 0.0])
    order = Order(np.arange(4), 4, 0, lambda: (place[0], 0), chance=chance)
    drawn = []
    for epoch in range(3000):
        place = (epoch,)
        drawn += [part for _, part in order]
    share = np.bincount(np.concatenate(drawn), minlength=4) / 12000
    np.testing.assert_allclose(share, chance, atol=4 * np.sqrt(0.25 / 12000))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_gives_whole_batches_of_what_was_drawn(workers: int) -> None:
    n = 11
    rows = {"x": torch.arange(n * 2.0).reshape(n, 2)}
    samples = Rows(rows, torch.rand(n, 3), torch.rand(n, 2), torch.rand(n, 1))
    order = Order(np.arange(2, n), 4, 0, lambda: (3, 0))
    batches = list(loader(samples, order, workers))
    at = [part for _, part in order]
    assert [len(batch.vad) for batch in batches] == [4, 4, 1]
    for batch, index in zip(batches, at, strict=True):
        torch.testing.assert_close(batch.inputs["x"], rows["x"][index])
        for got, whole in zip(batch[1:], (samples.vad, samples.labels, samples.marks), strict=True):
            torch.testing.assert_close(got, whole[index])
    plain = [batch.inputs["x"] for batch in loader(samples, InOrder(np.arange(n), 4), workers)]
    torch.testing.assert_close(torch.cat(plain), rows["x"])


@given(st.integers(1, 30), st.integers(1, 40), st.integers(0, 5))
def test_a_look_at_a_part_is_a_part(n: int, most: int, seed: int) -> None:
    some = some_of(np.arange(n), most, seed)
    assert len(some) == min(n, most) == len(set(some.tolist())) and (np.diff(some) > 0).all()
