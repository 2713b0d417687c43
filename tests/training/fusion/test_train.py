"""Simulated encoders keep their promises, the product is the textbook's, and training finds what is there."""

import csv
import dataclasses
import gzip
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from affectstream.datasets.cremad_votes import LETTERS, WAYS, CremadVotes
from affectstream.encoders.checkpoint import checkpoint_folder
from affectstream.multimodal.fusion.network import FusionNetwork
from affectstream.multimodal.metrics import ccc
from affectstream.multimodal.training.export import largest_difference
from affectstream.multimodal.training.fusion.baselines import BASELINES, predictions, rows, table
from affectstream.multimodal.training.fusion.export import export_fusion, feed
from affectstream.multimodal.training.fusion.train import (
    Recipe,
    agreement,
    batch_loss,
    calibrate,
    draw,
    fit,
    look,
    start,
    train,
)
from affectstream.multimodal.training.fusion.votes import exact

SMALL = Recipe(updates=60, batch=48, steps=3, rate=0.01, average=0.9)


def votes_folder(folder: Path, clips: int = 240) -> Path:
    """A made-up table in which face and voice each see the acted emotion through noise, and both together see it best."""
    rng = np.random.default_rng(0)
    columns = ["clip", "actor", "role"] + [f"{way}_{letter}" for way in WAYS for letter in LETTERS]
    with gzip.open(folder / "cremad_votes.csv.gz", "wt", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for i in range(clips):
            acted = np.eye(6)[i % 6]
            counts = [rng.multinomial(10, clear * acted + (1 - clear) / 6) for clear in (0.4, 0.7, 0.9)]
            role = ("train", "train", "val", "test")[i // 12 % 4]
            writer.writerow([f"clip{i}", str(i // 12), role, *np.concatenate(counts)])
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return votes_folder(tmp_path_factory.mktemp("votes"))


@pytest.fixture(scope="module")
def votes(folder: Path) -> CremadVotes:
    return CremadVotes(folder, "train")


def test_simulated_sequences_are_never_without_anyone_and_mostly_as_often_away_as_said(votes: CremadVotes) -> None:
    recipe = dataclasses.replace(SMALL, batch=4000, steps=5)
    said = draw(votes, recipe, np.random.default_rng(1))
    here = said.presence.numpy() > 0
    assert here.any(2).all()
    away = ~here
    whole = away.all(1).sum(1) > 0
    # A stretch of a span may be the whole sequence: its begin is uniform, and so is its end after it.
    spans_whole = recipe.span / recipe.steps / recipe.steps
    assert whole.mean() == pytest.approx(recipe.whole + spans_whole, abs=0.03)
    assert away.any((1, 2)).mean() == pytest.approx(recipe.whole + recipe.span, abs=0.03)
    edges = np.diff(away.any(2).astype(int), axis=1, prepend=0, append=0)
    assert (abs(edges).sum(1) <= 2).all(), "a stretch is in one piece"


def test_an_exact_simulation_is_the_votes_and_a_noisy_one_is_right_on_average(votes: CremadVotes) -> None:
    certain = {"change": 0.0, "doubtful": 0.0, "unnamed": 0.0, "whole": 0.0, "span": 0.0}
    plain = dataclasses.replace(SMALL, batch=3000, steps=2, exact=1.0, **certain)
    said = draw(votes, plain, np.random.default_rng(2))
    known = {row.tobytes() for row in exact(votes).expression.numpy().reshape(len(votes), -1)}
    assert {row.tobytes() for row in said.expression[:, 0].numpy().reshape(3000, -1)} <= known
    noisy = draw(votes, dataclasses.replace(plain, exact=0.0), np.random.default_rng(2))
    torch.testing.assert_close(noisy.vad, said.vad)
    error = (noisy.mean - said.mean)[:, 0].numpy()
    assert abs(error.mean(0)).max() < 0.02 and error.std() > 0.1


def test_lasting_errors_last_and_a_change_brings_the_same_actors_clip(votes: CremadVotes) -> None:
    recipe = dataclasses.replace(SMALL, batch=2000, steps=4, exact=0.0, change=1.0)
    said = draw(votes, recipe, np.random.default_rng(3))
    same = torch.isclose(said.expression[:, 1:], said.expression[:, :-1]).all(-1).float().mean()
    assert 0.2 < float(same) < 0.5, "an error is kept with chance .475 on average, but not over a change"
    by_vad = {row.tobytes(): set() for row in votes.share}
    for row, actor in zip(votes.share, votes.actor, strict=True):
        by_vad[row.tobytes()].add(str(actor))
    share = said.share.numpy()
    assert (share[:, 0] != share[:, -1]).any()
    for first, last in zip(share[:, 0], share[:, -1], strict=True):
        assert by_vad[first.tobytes()] & by_vad[last.tobytes()]


def test_without_the_residual_it_is_a_product_of_gaussians_with_the_prior_once(votes: CremadVotes) -> None:
    network = start(votes, width=8, memory=4, members=1)
    said = exact(votes)
    both = look(network, said)
    prior_mean, prior = network.prior_mean.double(), (-network.prior_log_var.double()).exp()
    precision = (-both.alone_log_var.double()).exp()
    wanted_precision = precision.sum(1) - prior
    product = (both.answer.mean - both.answer.residual).double()
    wanted = ((precision * both.alone_mean.double()).sum(1) - prior * prior_mean) / wanted_precision
    torch.testing.assert_close(product, wanted, atol=1e-5, rtol=1e-4)
    alone = look(network, exact(votes, ("speech",))).answer
    torch.testing.assert_close(alone.mean, both.alone_mean[:, 1])
    assert not alone.residual.any() and both.answer.residual.any()


def test_what_an_absent_modality_holds_reaches_neither_answer_nor_gradient(votes: CremadVotes) -> None:
    network = start(votes, width=8, memory=4, members=2)
    said = draw(votes, SMALL, np.random.default_rng(4))
    away = said.presence == 0
    spoiled = said._replace(
        mean=said.mean.masked_fill(away[..., None], torch.nan),
        log_var=said.log_var.masked_fill(away[..., None], torch.inf),
        expression=said.expression.masked_fill(away[..., None], 7.0),
    )
    torch.testing.assert_close(
        look(network, spoiled.at(1)).answer.mean, look(network, said.at(1)).answer.mean, rtol=0, atol=0
    )
    batch_loss(network, spoiled, SMALL).backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


def test_training_is_the_same_for_a_seed_and_beats_one_modality(folder: Path, tmp_path: Path) -> None:
    network = train(folder, tmp_path / "run", SMALL, width=16, memory=4, members=2)
    again = fit(CremadVotes(folder, "train", "val"), SMALL, width=16, memory=4, members=2)
    for name, value in again.state_dict().items():
        if not name.endswith("widen"):
            torch.testing.assert_close(network.state_dict()[name], value, rtol=0, atol=0, msg=name)
    val = CremadVotes(folder, "val")
    scores = {name: np.mean(values) for name, values in agreement(network, val).items()}
    assert scores["both"] > scores["face alone"] > scores["speech alone"] > 0.3


def test_the_card_says_what_was_measured(folder: Path, tmp_path: Path) -> None:
    train(folder, tmp_path / "run", dataclasses.replace(SMALL, updates=3), width=16, memory=4, members=2)
    card = export_fusion(folder, tmp_path / "run", tmp_path)
    again = FusionNetwork(width=16, memory=4, members=2)
    again.load_state_dict(load_file(tmp_path / "fusion-cremad.safetensors"))
    test = CremadVotes(folder, "test")
    measured = ccc(look(again, exact(test)).answer.mean.numpy(), test.vad)
    np.testing.assert_allclose([v[0] for v in card["metrics"]["test"]["both"]["ccc"].values()], measured, atol=1e-3)
    assert card["metrics"]["test"]["both"]["n"] == 60 and card["onnx_difference"] <= 1e-4
    assert "CREMA-D" in (tmp_path / "fusion-cremad.md").read_text()


def test_calibrated_intervals_cover_alone_and_together(folder: Path, votes: CremadVotes) -> None:
    val = CremadVotes(folder, "val")
    network = fit(votes, SMALL, width=16, memory=4, members=2)
    calibrate(network, exact(val))
    for present in (("face",), ("speech",), ("face", "speech")):
        answer = look(network, exact(val, present)).answer
        covered = (abs(val.vad - answer.mean.numpy()) <= 1.645 * np.exp(answer.log_var.numpy() / 2)).mean(0)
        assert (abs(covered - 0.9) <= 0.02).all(), (present, covered)
    with pytest.raises(ValueError, match="calibrated already"):
        calibrate(network, exact(val))


def test_baselines_are_ordered_as_what_they_know(folder: Path, votes: CremadVotes) -> None:
    test = CremadVotes(folder, "test")
    guesses = predictions(votes, test)
    scores = {name: np.mean([row[0] for row in values]) for name, values in rows(guesses, test).items()}
    assert scores["linear"] > scores["face alone, affine"] > scores["speech alone, affine"]
    assert set(BASELINES) <= set(scores) and min(scores[name] for name in BASELINES) > 0.5
    errors = {name: np.square(guess - test.vad).mean() for name, guess in guesses.items()}
    assert errors["face alone, matched"] >= errors["face alone, shares"] * 0.95
    assert table(rows({"linear": guesses["linear"]}, test)).count("|") == 15


def test_the_shipped_network_and_its_onnx_agree_on_real_votes(shared_data: Path) -> None:
    if not (shared_data / "av" / "cremad_votes.csv.gz").exists():
        pytest.skip(f"no CREMA-D votes in {shared_data}")
    network = FusionNetwork()
    network.load_state_dict(load_file(checkpoint_folder() / "fusion-cremad.safetensors"))
    whole = feed(exact(CremadVotes(shared_data / "av", "val")), network.initial().shape[1])
    batches = [{name: value[i : i + 20] for name, value in whole.items()} for i in range(0, 200, 20)]
    assert largest_difference(network, checkpoint_folder() / "fusion-cremad.onnx", batches) <= 1e-4
