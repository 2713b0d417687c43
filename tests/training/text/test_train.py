"""The text network is BERT, its data are cut as said, and training lowers the loss."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from affectstream.encoders.checkpoint import checkpoint_folder
from affectstream.encoders.text.encoder import NAME
from affectstream.encoders.text.network import HEADS, WIDTH, Block, TextNetwork, load_minilm, load_text
from affectstream.multimodal.metrics import pcc
from affectstream.multimodal.training.text.prepared import Prepared, open_tokenizer, padded, prepare, similar_lengths
from affectstream.multimodal.training.text.teacher import teach
from affectstream.multimodal.training.text.train import (
    Material,
    Recipe,
    Student,
    average,
    calibrate,
    is_frozen,
    predict,
    rated_loss,
    scale_outputs,
    unrated_loss,
)

GOOD = ["I love this, thank you!", "What a wonderful day.", "We are happy to help.", "Great news for all of us!"]
BAD = ["I hate it.", "He was killed in the war.", "What a horrible, sad story.", "The attack left many dead."]


@pytest.fixture(scope="module")
def network() -> TextNetwork:
    return load_text(checkpoint_folder() / f"{NAME}.safetensors")


@pytest.fixture(scope="module")
def material(network: TextNetwork, tmp_path_factory: pytest.TempPathFactory) -> Material:
    tokenizer = open_tokenizer(checkpoint_folder() / f"{NAME}.tokenizer.json")
    part = prepare(GOOD + BAD, network, tokenizer, tmp_path_factory.mktemp("text") / "states.npz")
    rng = np.random.default_rng(0)
    z = np.repeat([[1.0, 0.3, 0.5], [-1.0, 0.1, -0.5]], 4, 0) + rng.normal(0, 0.2, (8, 3))
    rating = torch.from_numpy(z.astype(np.float32))
    middle, spread = torch.tensor([0.0, 0.02, 0.03]), torch.tensor([0.17, 0.13, 0.1])
    vad = (rating * spread + middle).numpy()
    emotions = torch.eye(2).repeat_interleave(4, 0)
    return Material(part, rating, rating.repeat(1, 2), rating, part, rating, emotions, part, vad, middle, spread)


def test_one_layer_is_the_published_arithmetic() -> None:
    """Against torch's own encoder layer, which is another implementation of the same equations."""
    torch.manual_seed(0)
    ours = Block(0.0).eval()
    theirs = nn.TransformerEncoderLayer(
        WIDTH, HEADS, 4 * WIDTH, dropout=0.0, activation="gelu", layer_norm_eps=1e-12, batch_first=True
    ).eval()
    attention = theirs.self_attn
    with torch.no_grad():
        parts = (ours.query, ours.key, ours.value)
        attention.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        attention.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
    pairs = (
        (attention.out_proj, ours.attended),
        (theirs.linear1, ours.wide),
        (theirs.linear2, ours.narrow),
        (theirs.norm1, ours.attended_norm),
        (theirs.norm2, ours.narrow_norm),
    )
    for copy, original in pairs:
        copy.load_state_dict(original.state_dict())
    states, present = torch.randn(2, 5, WIDTH), torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    with torch.no_grad():
        got = ours(states, (1 - present[:, None, None, :].float()) * -1e9)
        wanted = theirs(states, src_key_padding_mask=~present)
    torch.testing.assert_close(got[present], wanted[present], atol=1e-5, rtol=1e-5)


def test_the_whole_encoder_is_transformers_bert(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="transformers is not needed and not installed")
    from safetensors.torch import save_file

    config = transformers.BertConfig(
        hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536
    )
    torch.manual_seed(0)
    bert = transformers.BertModel(config, add_pooling_layer=False).eval()
    save_file({name: value.contiguous() for name, value in bert.state_dict().items()}, tmp_path / "model.safetensors")
    ours = TextNetwork().eval()
    load_minilm(ours, tmp_path)
    tokens = torch.randint(1000, 20000, (3, 12))
    tokens[1, 7:] = 0
    with torch.inference_mode():
        theirs = bert(tokens, attention_mask=(tokens != 0).long(), output_hidden_states=True).hidden_states
        lower = ours.lower(tokens)
    torch.testing.assert_close(lower.states[tokens != 0], theirs[3][tokens != 0], atol=1e-5, rtol=1e-5)


def test_padding_makes_no_difference(network: TextNetwork) -> None:
    tokens, spelling = torch.tensor([[101, 2204, 2851, 102]]), torch.zeros(1, 18)
    with torch.inference_mode():
        alone = network(tokens, spelling)
        beside = network(nn.functional.pad(tokens, (0, 9)), spelling)
    torch.testing.assert_close(alone.mean, beside.mean, atol=1e-6, rtol=0)
    assert alone.logits is None


def test_minilm_weights_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="all-MiniLM-L6-v2"):
        load_minilm(TextNetwork(), tmp_path)


def test_prepared_batches_are_the_whole_network(network: TextNetwork, material: Material) -> None:
    part: Prepared = material.rated
    mean, _ = predict(network, part)
    with torch.inference_mode():
        whole = network(padded(part.tokens), torch.from_numpy(part.spelling)).mean.numpy()
    np.testing.assert_allclose(mean, whole, atol=2e-3)  # the frozen states are kept in float16


def test_similar_lengths_gives_each_text_once() -> None:
    length = np.random.default_rng(1).integers(3, 60, 1000)
    batches = list(similar_lengths(length, 32, np.random.default_rng(0)))
    assert sorted(np.concatenate(batches).tolist()) == list(range(1000))
    assert np.mean([np.ptp(length[at]) for at in batches]) < 8


def test_twenty_steps_lower_the_loss(material: Material) -> None:
    torch.manual_seed(0)
    recipe = Recipe()
    network = load_text(checkpoint_folder() / f"{NAME}.safetensors")
    nn.init.normal_(network.head.out.weight, std=0.05)
    scale_outputs(network, material)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(not is_frozen(name))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    student = Student(network, emotions=2)
    optimizer = torch.optim.AdamW([p for p in student.parameters() if p.requires_grad], lr=3e-4)
    at = np.arange(8)
    losses = []
    for _ in range(20):
        loss = rated_loss(student, material, at, recipe) + unrated_loss(student, material, at, recipe)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]
    frozen = [name for name in before if is_frozen(name)]
    assert all(torch.equal(network.state_dict()[name], before[name]) for name in frozen)
    assert not torch.equal(network.state_dict()["blocks.5.wide.weight"], before["blocks.5.wide.weight"])


def test_calibration_undoes_a_wrong_scale(material: Material) -> None:
    network = load_text(checkpoint_folder() / f"{NAME}.safetensors")
    mean, _ = predict(network, material.dev)
    noise = np.random.default_rng(0).normal(0, 0.05, mean.shape)
    truth = (2 * mean + 0.1 + noise).astype(np.float32)
    calibrate(network, material.dev, truth)
    after, log_var = predict(network, material.dev)
    assert abs(after - truth).mean() < abs(mean - truth).mean()
    inside = (abs(after - truth) / np.exp(log_var / 2) <= 1.645 * 1.001).mean(0)
    assert ((inside >= 0.75) & (inside <= 1)).all()


def test_average_of_weights() -> None:
    ones, threes = {"a": np.ones(2, np.float32)}, {"a": np.full(2, 3, np.float32)}
    assert average([ones, threes])["a"].tolist() == [2.0, 2.0]


def test_the_teacher_answers_for_what_it_has_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("affectstream.multimodal.training.text.teacher.EPOCHS", 4)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(640, 6)).astype(np.float32)
    noise = rng.normal(size=(640, 3)).astype(np.float32)
    known = teach(x, (x[:, :3] + 0.1 * noise).astype(np.float32), [x, x, x], seeds=1)
    unknowable = teach(x, noise, [x, x, x], seeds=1)
    assert pcc(known.train, x[:, :3])[0] > 0.8
    assert abs(pcc(unknowable.train, noise)).max() < 0.2, "a fold's own ratings leak into its lessons"
