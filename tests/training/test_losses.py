"""Each loss against its formula written out or torch's own, what is unknown left out, and papers' losses as weights."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from affectstream.encoders.network import Affect, AffectHead
from affectstream.multimodal import metrics
from affectstream.multimodal.terms import EXPRESSIONS, expected_vad
from affectstream.multimodal.training.losses import (
    Weights,
    affect_loss,
    beta_nll,
    concordance,
    concordance_loss,
    marks_loss,
    soft_cross_entropy,
    weighted_cross_entropy,
    weighted_loss,
)
from affectstream.multimodal.training.matching import (
    FLOOR,
    term_matching,
    term_table,
    unit_matching,
    unit_prior,
)

NAN = torch.nan
CAGE_WEIGHTS = torch.tensor([0.015605, 0.008709, 0.046078, 0.083078, 0.185434, 0.305953, 0.046934, 0.30821])
ABAW_UNITS = [f"AU{n}" for n in (1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26)]


def answer(batch: int = 12, labels: int = 8, marks: int = 0, seed: int = 0) -> Affect:
    draw = torch.Generator().manual_seed(seed)
    mean, log_var = torch.randn(2, batch, 3, generator=draw)
    logits, questions = torch.randn(batch, labels, generator=draw), torch.randn(batch, marks, generator=draw)
    parts = [p.requires_grad_() for p in (mean.tanh(), log_var, logits, questions)]
    return Affect(parts[0], parts[1], parts[2] if labels else None, torch.zeros(batch, 1), parts[3] if marks else None)


def ratings(batch: int = 12, seed: int = 1) -> Tensor:
    return torch.rand(batch, 3, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def classes(batch: int = 12, count: int = 8, seed: int = 2) -> Tensor:
    return torch.randint(0, count, (batch,), generator=torch.Generator().manual_seed(seed))


def test_concordance_is_the_metric_with_unknown_targets_left_out() -> None:
    rng = np.random.default_rng(0)
    prediction, target = rng.normal(size=(50, 3)), rng.normal(size=(50, 3))
    target[rng.random((50, 3)) < 0.3] = np.nan
    got = concordance(torch.from_numpy(prediction), torch.from_numpy(target)).numpy()
    np.testing.assert_allclose(got, metrics.ccc(prediction, target), atol=1e-6)


def test_likelihood_is_torchs_own_for_beta_zero_and_has_the_gradient_of_squared_error_for_one() -> None:
    mean, target = torch.randn(20, 3, requires_grad=True), torch.randn(20, 3)
    log_var = torch.randn(20, 3)
    ours = beta_nll(mean, log_var, target, beta=0.0)
    theirs = nn.functional.gaussian_nll_loss(mean, target, log_var.exp())
    assert float(ours.detach()) == pytest.approx(float(theirs.detach()), abs=1e-6)
    (slope,) = torch.autograd.grad(beta_nll(mean, log_var, target, beta=1.0), mean)
    torch.testing.assert_close(slope, (mean - target).detach() / mean.numel())


def test_cross_entropy_is_torchs_own_and_a_sample_without_labels_does_not_count() -> None:
    logits, labels = torch.randn(6, 8), torch.rand(6, 8).softmax(1)
    theirs = nn.functional.cross_entropy(logits, labels)
    unknown = torch.cat([labels, torch.full((2, 8), torch.nan)])
    ours = soft_cross_entropy(torch.cat([logits, torch.randn(2, 8)]), unknown)
    torch.testing.assert_close(ours, theirs)


def test_a_batch_without_any_target_has_no_loss_and_no_gradient_of_nan() -> None:
    network = AffectHead(5, 8)
    loss = affect_loss(network(torch.randn(4, 5)), torch.full((4, 3), torch.nan), torch.full((4, 8), torch.nan))
    loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


def test_disagreement_is_the_mean_over_dimensions_that_are_known() -> None:
    said, vad = answer(), ratings()
    vad[torch.rand(12, 3, generator=torch.Generator().manual_seed(3)) < 0.3] = NAN
    each = metrics.ccc(said.mean.detach().numpy(), vad.numpy())
    assert float(concordance_loss(said.mean, vad)) == pytest.approx(1 - each.mean(), abs=1e-5)
    vad[:, 2] = NAN
    assert float(concordance_loss(said.mean, vad)) == pytest.approx(1 - each[:2].mean(), abs=1e-5)
    vad[1:, 1] = NAN  # one rating has no correlation
    assert float(concordance_loss(said.mean, vad)) == pytest.approx(1 - each[0], abs=1e-5)
    nothing = concordance_loss(said.mean, torch.full((12, 3), NAN))
    (slope,) = torch.autograd.grad(nothing, said.mean)
    assert float(nothing) == 0 and not slope.any()


def test_weighted_cross_entropy_is_torchs_own_with_a_weight() -> None:
    logits, label = torch.randn(9, 8), classes(9)
    share = functional.one_hot(label, 8).float()
    with_unknown = torch.cat([share, torch.full((3, 8), NAN)])
    got = weighted_cross_entropy(torch.cat([logits, torch.randn(3, 8)]), with_unknown, CAGE_WEIGHTS)
    torch.testing.assert_close(got, nn.CrossEntropyLoss(CAGE_WEIGHTS)(logits, label))
    assert float(weighted_cross_entropy(logits, torch.full((9, 8), NAN), CAGE_WEIGHTS)) == 0


def test_weighted_cross_entropy_of_votes_is_that_of_the_voters() -> None:
    votes = torch.tensor([[3, 1, 0], [0, 2, 2], [1, 1, 2]])
    logits, weight = torch.randn(3, 3), torch.tensor([0.2, 1.0, 3.0])
    voter = torch.cat([torch.arange(3).repeat_interleave(row) for row in votes])
    wanted = nn.CrossEntropyLoss(weight)(logits.repeat_interleave(4, 0), voter)
    torch.testing.assert_close(weighted_cross_entropy(logits, votes / 4, weight), wanted)


def test_marks_are_weighed_cross_entropies_of_yes_and_no_where_known() -> None:
    logits, yes = torch.randn(7, 5), torch.randint(0, 2, (7, 5)).float()
    yes[torch.rand(7, 5, generator=torch.Generator().manual_seed(0)) < 0.4] = NAN
    positive = torch.tensor([1.0, 2.0, 5.0, 0.5, 9.0])
    total, count = 0.0, 0
    for b in range(7):
        for m in range(5):
            if not math.isnan(yes[b, m]):
                p = 1 / (1 + math.exp(-float(logits[b, m])))
                total -= float(positive[m]) * math.log(p) if yes[b, m] else math.log(1 - p)
                count += 1
    assert float(marks_loss(logits, yes, positive)) == pytest.approx(total / count, rel=1e-5)
    known = torch.isfinite(yes)
    torch.testing.assert_close(marks_loss(logits, yes), nn.BCEWithLogitsLoss()(logits[known], yes[known]))
    assert float(marks_loss(logits, torch.full((7, 5), NAN))) == 0


def test_the_prior_is_the_published_table() -> None:
    prior = unit_prior(("happiness", "sadness", "neutral", "other"), ["AU12", "AU6", "AU17", "AU14"])
    wanted = [[1, 0.51, 0, NAN], [0, 0.50, 0.67, NAN], [0, 0, 0, NAN], [NAN] * 4]
    torch.testing.assert_close(prior, torch.tensor(wanted), equal_nan=True)
    assert torch.isfinite(unit_prior(EXPRESSIONS[:7], ABAW_UNITS)).all()
    with pytest.raises(ValueError, match="a mark is 'Happiness'; wanted action units, such as 'AU12'"):
        unit_prior(EXPRESSIONS, ["AU1", "Happiness"])


def test_unit_matching_is_the_formula_written_out_and_teaches_both_sides() -> None:
    names = (*EXPRESSIONS[:7], "other")
    prior = unit_prior(names, ABAW_UNITS)
    said = answer(6, 8, 12)
    assert said.logits is not None and said.marks is not None
    chance, p = said.logits.softmax(1).detach().double().numpy(), said.marks.sigmoid().detach().double().numpy()
    total = weight = 0.0
    for b in range(6):
        known = 1 - chance[b, 7]
        for m in range(12):
            q = sum(chance[b, e] * float(prior[e, m]) for e in range(7)) / known
            q = min(max(q, FLOOR), 1 - FLOOR)
            total -= known * (p[b, m] * math.log(q) + (1 - p[b, m]) * math.log(1 - q))
            weight += known
    loss = unit_matching(said.marks, said.logits, prior)
    assert float(loss) == pytest.approx(total / weight, rel=1e-5)
    assert all(slope.any() for slope in torch.autograd.grad(loss, [said.logits, said.marks]))
    # A unit that the table never names is not learnt from.
    further = torch.cat([prior, torch.full((8, 1), NAN)], 1)
    more = unit_matching(torch.cat([said.marks, torch.randn(6, 1)], 1), said.logits, further)
    torch.testing.assert_close(more, loss)
    assert float(unit_matching(said.marks, said.logits, torch.full((8, 12), NAN))) == 0


def test_a_smile_is_expected_of_who_is_happy() -> None:
    prior = unit_prior(EXPRESSIONS, ABAW_UNITS)
    happy = torch.tensor([[-9.0, 9, -9, -9, -9, -9, -9, -9]])
    smile, frown = (
        torch.tensor([[5.0 if unit in shown else -5.0 for unit in ABAW_UNITS]])
        for shown in (["AU6", "AU12", "AU25"], ["AU4", "AU15"])
    )
    assert unit_matching(smile, happy, prior) < 0.3
    assert unit_matching(frown, happy, prior) > 1


def test_term_matching_is_towards_the_expected_term_where_nobody_rated() -> None:
    names = (*EXPRESSIONS, "other")
    terms = term_table(names)
    said, vad = answer(6, 9), ratings(6)
    vad[:, 2] = NAN
    vad[0] = NAN
    assert said.logits is not None
    chance = said.logits.softmax(1).detach().double().numpy()
    wanted = expected_vad(chance[:, :8])  # of those that have a term
    total = weight = 0.0
    for b, d in [(0, 0), (0, 1), *((b, 2) for b in range(6))]:
        known = 1 - chance[b, 8]
        total += known * (float(said.mean[b, d]) - wanted[b, d]) ** 2
        weight += known
    loss = term_matching(said.mean, said.logits, terms, torch.isnan(vad))
    assert float(loss) == pytest.approx(total / weight, rel=1e-5)
    slope, _ = torch.autograd.grad(loss, [said.mean, said.logits])
    assert not slope[1:, :2].any() and slope[:, 2].all()
    assert float(term_matching(said.mean, said.logits, terms, torch.zeros(6, 3, dtype=torch.bool))) == 0


def cage_ccc(x: Tensor, y: Tensor) -> Tensor:
    mx, my = x.mean(), y.mean()
    return 2 * ((x - mx) * (y - my)).mean() / (x.var(correction=0) + y.var(correction=0) + (mx - my) ** 2)


def test_cage_for_expressions_is_weighted_cross_entropy_and_five_times_the_squared_error() -> None:
    said, label, vad = answer(), classes(), ratings()
    vad[:, 2] = NAN
    share = functional.one_hot(label, 8).float()
    weights = Weights(cross_entropy=1, squared=5, beta_nll=0, disagreement=0)
    assert said.logits is not None
    wanted = nn.CrossEntropyLoss(CAGE_WEIGHTS)(said.logits, label) + 5 * nn.MSELoss()(said.mean[:, :2], vad[:, :2])
    torch.testing.assert_close(weighted_loss(said, vad, share, None, weights, CAGE_WEIGHTS), wanted)
    plain = functional.cross_entropy(said.logits, label) + 5 * nn.MSELoss()(said.mean[:, :2], vad[:, :2])
    torch.testing.assert_close(weighted_loss(said, vad, share, None, weights), plain)


def test_cage_for_ratings_is_disagreement_and_three_times_the_squared_error() -> None:
    said, vad = answer(labels=0), ratings()
    vad[:, 2] = NAN
    weights = Weights(cross_entropy=0, beta_nll=0, disagreement=1, squared=3)
    v, a = said.mean[:, 0], said.mean[:, 1]
    agreement = cage_ccc(v, vad[:, 0]) + cage_ccc(a, vad[:, 1])
    squared = 3 * nn.MSELoss()(v, vad[:, 0]) + 3 * nn.MSELoss()(a, vad[:, 1])
    got = weighted_loss(said, vad, None, None, weights)
    torch.testing.assert_close(got, 1 - agreement / 2 + squared / 2, atol=1e-6, rtol=1e-5)


def test_cage_for_emotic_is_weighed_yes_and_no_and_five_times_the_squared_error() -> None:
    said, vad = answer(labels=0, marks=26), ratings()
    yes, positive = torch.randint(0, 2, (12, 26)).float(), torch.rand(26) * 20
    weights = Weights(beta_nll=0, disagreement=0, squared=5)
    assert said.marks is not None
    wanted = nn.BCEWithLogitsLoss(pos_weight=positive)(said.marks, yes) + 5 * nn.MSELoss()(said.mean, vad)
    torch.testing.assert_close(weighted_loss(said, vad, None, yes, weights, marks_weight=positive), wanted)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("weight", "agreement"), [(1.0, 0.5), (0.3, 1.7)])
def test_our_loss_is_to_the_last_bit_what_it_was_with_its_gradient(seed: int, weight: float, agreement: float) -> None:
    said, vad = answer(64, seed=seed), ratings(64, seed=seed)
    share = torch.rand(64, 8, generator=torch.Generator().manual_seed(seed)).softmax(1)
    vad[::3], share[::4] = NAN, NAN
    assert said.logits is not None
    before = beta_nll(said.mean, said.log_var, vad)
    before = before + agreement * (1 - concordance(said.mean, vad)).mean()
    before = before + weight * soft_cross_entropy(said.logits, share)
    now = affect_loss(said, vad, share, classes=weight, agreement=agreement)
    assert torch.equal(now, before)
    parts = [said.mean, said.log_var, said.logits]
    for old, new in zip(torch.autograd.grad(before, parts), torch.autograd.grad(now, parts), strict=True):
        assert torch.equal(old, new)


def test_our_loss_does_not_count_a_dimension_that_nobody_rated() -> None:
    said, vad = answer(labels=0), ratings()
    vad[:, 2] = NAN
    two = 1 - (cage_ccc(said.mean[:, 0], vad[:, 0]) + cage_ccc(said.mean[:, 1], vad[:, 1])) / 2
    wanted = beta_nll(said.mean[:, :2], said.log_var[:, :2], vad[:, :2]) + 0.5 * two
    torch.testing.assert_close(affect_loss(said, vad), wanted)


def test_matching_is_added_by_its_weight_and_a_batch_without_targets_learns_from_it_alone() -> None:
    said, nothing = answer(6, 8, 12), torch.full((6, 3), NAN)
    prior, terms = unit_prior(EXPRESSIONS, ABAW_UNITS), term_table(EXPRESSIONS)
    assert said.logits is not None and said.marks is not None
    got = weighted_loss(
        said,
        nothing,
        torch.full((6, 8), NAN),
        torch.full((6, 12), NAN),
        Weights(matching=0.25),
        units=prior,
        terms=terms,
    )
    both = unit_matching(said.marks, said.logits, prior) + term_matching(
        said.mean, said.logits, terms, torch.ones(6, 3, dtype=torch.bool)
    )
    torch.testing.assert_close(got, 0.25 * both)
    without = weighted_loss(said, nothing, torch.full((6, 8), NAN), torch.full((6, 12), NAN), Weights())
    slopes = torch.autograd.grad(without, [said.mean, said.log_var, said.logits, said.marks])
    assert float(without) == 0 and not any(slope.any() for slope in slopes)


@pytest.mark.parametrize(
    ("labels", "marks", "units", "terms"),
    [(8, 12, None, None), (8, 0, True, None), (0, 12, True, True), (0, 0, None, True)],
)
def test_matching_without_what_it_matches_is_refused(
    labels: int, marks: int, units: bool | None, terms: bool | None
) -> None:
    prior = unit_prior(EXPRESSIONS, ABAW_UNITS) if units else None
    with pytest.raises(
        ValueError, match=r"matching is weighed, of a network that tells .*; wanted logits, and marks with units"
    ):
        weighted_loss(
            answer(3, labels, marks),
            ratings(3),
            None,
            None,
            Weights(matching=1),
            units=prior,
            terms=term_table(EXPRESSIONS) if terms else None,
        )


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_a_weight_that_is_none_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=rf"the weight squared is {value}; wanted 0"):
        Weights(squared=value)
