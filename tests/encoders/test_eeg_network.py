"""The EEG network: the published sizes, what must not matter to it does not, and its parts are what they say."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import sph_harm_y
from torch import Tensor, nn
from torch.nn import functional

from affectstream.encoders.eeg.electrodes import CENTRE, positions
from affectstream.encoders.eeg.network import (
    HEAD_WIDTH,
    HEADS,
    ORDER,
    PUBLISHED,
    Block,
    ElectrodeTransformer,
    Shape,
    harmonics,
)
from affectstream.encoders.network import LOG_VAR_RANGE, Affect, AffectHead
from affectstream.multimodal.montages import DEAP32, EPOC14, MUSE4, SEED62
from affectstream.multimodal.training.losses import affect_loss

SMALL = Shape(bands=5, labels=3, width=32, depth=2)


def network(shape: Shape = SMALL, seed: int = 0) -> ElectrodeTransformer:
    torch.manual_seed(seed)
    return ElectrodeTransformer(shape).eval()


def inputs(names: tuple[str, ...] = DEAP32, batch: int = 3, bands: int = 5, seed: int = 0) -> tuple[Tensor, ...]:
    """Random entropies, presence of about two in three electrodes, and where they sit."""
    generator = torch.Generator().manual_seed(seed)
    entropy = torch.randn(batch, len(names), bands, generator=generator)
    present = (torch.rand(batch, len(names), generator=generator) > 0.3).float()
    return entropy, present, torch.tensor(positions(names), dtype=torch.float32)[None]


def agree(one: Affect, other: Affect) -> None:
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, atol=2e-5, rtol=1e-4)


def test_electrodes_are_where_mne_puts_them() -> None:
    mne = pytest.importorskip("mne")
    name = "colin27_1005" if "colin27_1005" in mne.channels.get_builtin_montages() else "standard_1005"
    info = mne.create_info(["Fp1", "Cz", "T7", "P10"], 128, "eeg").set_montage(mne.channels.make_standard_montage(name))
    wanted = [channel["loc"][:3] for channel in info["chs"]]
    np.testing.assert_allclose(positions(["FP1", "cz", "T3", "P10"]), wanted, atol=1e-7)
    montage = mne.channels.make_standard_montage(name)
    everywhere = positions(montage.ch_names)
    fit = np.linalg.lstsq(np.c_[2 * everywhere, np.ones(len(everywhere))], (everywhere**2).sum(1), rcond=None)[0]
    np.testing.assert_allclose(CENTRE, fit[:3], atol=0.0015)


def test_the_orders_have_the_published_sizes_and_known_places() -> None:
    for names, size, unknown in ((DEAP32, 32, 0), (EPOC14, 14, 0), (SEED62, 62, 2), (MUSE4, 4, 0)):
        assert len(names) == len(set(names)) == size
        assert np.isnan(positions(names)).all(1).sum() == unknown
    left = positions([name for name in DEAP32 if name[-1] in "13579"])
    right = positions([name for name in DEAP32 if name[-1] in "02468"])
    assert (left[:, 0] < 0).all() and (right[:, 0] > 0).all()
    assert positions([]).shape == (0, 3)


@pytest.mark.parametrize(
    ("name", "count"),
    [("seed", 668_803), ("deap", 664_834), ("deap-9", 665_737), ("dreamer", 662_530), ("dreamer-5", 662_917)],
)
def test_the_published_models_have_as_many_weights(name: str, count: int) -> None:
    net = ElectrodeTransformer(PUBLISHED[name])
    assert sum(p.numel() for p in net.parameters()) == count
    assert sum(p.numel() for p in net.blocks.parameters()) == 527_872


def test_the_published_network_is_its_description_written_out() -> None:
    net = network(PUBLISHED["dreamer"])
    entropy = torch.randn(2, 14, 4, generator=torch.Generator().manual_seed(1))
    w = net.state_dict()

    def linear(x: Tensor, name: str) -> Tensor:
        return functional.linear(x, w[f"{name}.weight"], w.get(f"{name}.bias"))

    def norm(x: Tensor, name: str) -> Tensor:
        return functional.layer_norm(x, (128,), w[f"{name}.weight"], w[f"{name}.bias"])

    x = linear(entropy, "project") + w["identity"]
    for b in range(4):
        y = linear(norm(x, f"blocks.{b}.before_attention"), f"blocks.{b}.query_key_value")
        heads = []
        for h in range(6):
            q, k, v = (y[..., 192 * part + 32 * h : 192 * part + 32 * (h + 1)] for part in range(3))
            heads.append(functional.scaled_dot_product_attention(q, k, v))
        x = x + linear(torch.cat(heads, 2), f"blocks.{b}.back")
        y = functional.gelu(linear(norm(x, f"blocks.{b}.before_layers"), f"blocks.{b}.layers.0"))
        x = x + linear(y, f"blocks.{b}.layers.3")
    x = norm(x.mean(1), "head.norm")
    for layer in (0, 3, 6):
        x = functional.gelu(linear(x, f"head.hidden.{layer}"))
    answer = net(entropy, torch.ones(2, 14, dtype=torch.bool))
    torch.testing.assert_close(answer.embedding, x, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(answer.logits, linear(x, "head.out"), atol=1e-5, rtol=1e-5)


def test_a_block_is_torchs_own_layer_where_that_can_be_as_wide() -> None:
    torch.manual_seed(0)
    width = HEADS * HEAD_WIDTH
    block = Block(width, 0.0)
    layer = nn.TransformerEncoderLayer(width, HEADS, width, 0.0, "gelu", batch_first=True, norm_first=True)
    own = block.state_dict()
    pairs = {"self_attn.out_proj": "back", "linear1": "layers.0", "linear2": "layers.3"}
    pairs |= {"norm1": "before_attention", "norm2": "before_layers"}
    copied = {f"{to}.{part}": own[f"{of}.{part}"] for to, of in pairs.items() for part in ("weight", "bias")}
    copied["self_attn.in_proj_weight"] = own["query_key_value.weight"]
    copied["self_attn.in_proj_bias"] = torch.zeros(3 * width)
    layer.load_state_dict(copied)
    tokens, mask = torch.randn(2, 7, width), torch.log(torch.rand(2, 7))
    mask[0, 2], mask[1, 4:] = -torch.inf, -torch.inf
    found, _ = block(tokens, mask.clamp(min=-1e9))
    torch.testing.assert_close(found, layer(tokens, src_key_padding_mask=mask), atol=1e-5, rtol=1e-5)


def test_harmonics_are_scipys() -> None:
    rng = np.random.default_rng(0)
    direction = rng.standard_normal((20, 3))
    polar = np.arccos(direction[:, 2] / np.linalg.norm(direction, axis=1))
    around = np.arctan2(direction[:, 1], direction[:, 0])
    wanted: list[np.ndarray] = []
    for degree in range(ORDER + 1):
        for m in range(degree + 1):
            value = sph_harm_y(degree, m, polar, around) * math.sqrt(4 * math.pi)
            wanted += [value.real] if m == 0 else [math.sqrt(2) * value.real, math.sqrt(2) * value.imag]
    np.testing.assert_allclose(harmonics(torch.tensor(direction), ORDER).numpy(), np.transpose(wanted), atol=1e-9)
    nowhere = torch.tensor([[torch.nan, 0.0, 0.0], [0.0, 0.0, 0.0]])
    assert (harmonics(nowhere, ORDER)[0] == 0).all() and torch.isfinite(harmonics(nowhere, ORDER)).all()


@pytest.mark.parametrize("names", [DEAP32, EPOC14, MUSE4])
def test_positions_can_tell_electrodes_apart_as_well_as_names_do(names: tuple[str, ...]) -> None:
    """Any table of identities that could have been learnt is a linear map of the harmonics: they have full rank."""
    features = harmonics(torch.tensor(positions(names) - CENTRE), ORDER).numpy()
    assert np.linalg.cond(features.T) < 10


@given(st.integers(0, 10_000))
def test_the_order_of_electrodes_does_not_count(seed: int) -> None:
    net = network()
    entropy, present, where = inputs(seed=seed)
    order = torch.randperm(32, generator=torch.Generator().manual_seed(seed))
    agree(net(entropy, present, where), net(entropy[:, order], present[:, order], where[:, order]))


@pytest.mark.parametrize("there", [MUSE4, EPOC14, DEAP32])
def test_a_missing_electrode_is_as_if_it_were_not_in_the_list(there: tuple[str, ...]) -> None:
    net = network()
    names = tuple(dict.fromkeys((*SEED62, *there)))
    entropy, _, where = inputs(names)
    at = [names.index(name) for name in there]
    present = torch.zeros(3, len(names), dtype=torch.bool)
    present[:, at] = True
    entropy[:, [i for i in range(len(names)) if i not in at][::2]] = torch.nan
    agree(net(entropy, present, where), net(entropy[:, at], torch.ones(3, len(at)), where[:, at]))


def test_a_missing_electrode_of_a_fixed_montage_says_nothing() -> None:
    net = network(PUBLISHED["dreamer"])
    entropy, present, _ = inputs(EPOC14, bands=4)
    other = torch.where(present[..., None] > 0, entropy, 100 * entropy)
    assert torch.equal(net(entropy, present).logits, net(other, present).logits)
    assert (net(entropy, present).logits - net(other, torch.ones(3, 14)).logits).abs().max() > 0.01


@given(st.integers(0, 10_000), st.floats(0.01, 0.99))
def test_presence_is_how_often_an_electrode_counts(seed: int, part: float) -> None:
    net = network()
    entropy, present, where = inputs(MUSE4, seed=seed)
    present[:, 0] = 1
    parts = torch.cat([present * part, present * (1 - part)], 1)
    agree(net(entropy, present, where), net(entropy.repeat(1, 2, 1), parts, where.repeat(1, 2, 1)))


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_an_entropy_that_is_no_number_is_a_missing_electrode(value: float) -> None:
    net = network()
    entropy, _, where = inputs()
    present = torch.ones(3, 32)
    broken, less = entropy.clone(), present.clone()
    broken[1, 5, 2], less[1, 5] = value, 0
    agree(net(broken, present, where), net(entropy, less, where))
    assert (net(broken, present, where).mean - net(entropy, present, where).mean)[1].abs().max() > 1e-4


@pytest.mark.parametrize("shape", [SMALL, Shape(DEAP32, bands=5, labels=3, width=32, depth=2)])
def test_a_window_without_electrodes_says_that_it_knows_nothing(shape: Shape) -> None:
    net = network(shape)
    assert isinstance(net.head, AffectHead)
    net.head.log_prior.copy_(torch.tensor([0.1, 0.2, 0.3]))
    entropy, _, where = inputs()
    present = torch.ones(3, 32)
    present[1], entropy[1] = 0, torch.nan
    places = () if shape.electrodes else (where,)
    answer = net(entropy, present, *places)
    assert answer.mean[1].tolist() == [0, 0, 0] and answer.log_var[1].tolist() == [LOG_VAR_RANGE[1]] * 3
    torch.testing.assert_close(answer.logits[1], net.head.log_prior)
    assert torch.isfinite(answer.embedding).all() and (answer.mean[[0, 2]] != 0).all()
    answer.mean.sum().backward()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in net.parameters())


def test_an_answer_is_that_of_the_window_alone_and_places_matter() -> None:
    net = network()
    entropy, present, where = inputs()
    whole = net(entropy, present, where)
    alone = [net(entropy[i : i + 1], present[i : i + 1], where) for i in range(3)]
    torch.testing.assert_close(torch.cat([a.mean for a in alone]), whole.mean, atol=1e-5, rtol=1e-4)
    agree(whole, net(entropy, present, where.expand(3, -1, -1)))
    assert (whole.mean - net(entropy, present, where * torch.tensor([-1.0, 1.0, 1.0])).mean).abs().max() > 1e-3


def test_an_electrode_whose_place_is_unknown_is_there_but_anywhere() -> None:
    net = network()
    entropy, _, where = inputs(("CB1", *MUSE4))
    present = torch.ones(3, 5)
    moved, louder = torch.cat([where[:, 1:], where[:, :1]], 1), entropy.clone()
    louder[:, 0] += 1
    agree(net(entropy, present, where), net(torch.cat([entropy[:, 1:], entropy[:, :1]], 1), present, moved))
    assert (net(entropy, present, where).mean - net(louder, present, where).mean).abs().max() > 1e-3


@pytest.mark.parametrize("electrodes", [(), MUSE4])
def test_inputs_are_standardised_by_those_that_are_there(electrodes: tuple[str, ...]) -> None:
    net = network(Shape(electrodes, bands=2, width=32, depth=1))
    rng = np.random.default_rng(2)
    entropy = rng.normal([3.0, -1.0], [2.0, 0.5], (50, 4, 2)).astype(np.float32)
    present = rng.random((50, 4)) > 0.4
    if electrodes:
        present[:, 3] = False
    entropy[~present] = np.nan
    net.standardise(torch.tensor(entropy), torch.tensor(present))
    if electrodes:
        np.testing.assert_allclose(net.entropy_mean[:3], np.nanmean(entropy[:, :3], 0), rtol=1e-5)
        np.testing.assert_allclose(net.entropy_sd[:3], np.nanstd(entropy[:, :3], 0), rtol=1e-5)
        assert net.entropy_mean[3].tolist() == [0, 0] and net.entropy_sd[3].tolist() == [1, 1]
    else:
        np.testing.assert_allclose(net.entropy_mean, np.nanmean(entropy, (0, 1)), rtol=1e-5)
        np.testing.assert_allclose(net.entropy_sd, np.nanstd(entropy, (0, 1)), rtol=1e-5)
        fed: list[Tensor] = []
        net.project.register_forward_hook(lambda module, args, output: fed.append(args[0][torch.tensor(present)]))
        net(torch.tensor(entropy), torch.tensor(present), inputs(MUSE4)[2])
        torch.testing.assert_close(fed[0].mean(0), torch.zeros(2), atol=1e-5, rtol=0)
        torch.testing.assert_close(fed[0].std(0, correction=0), torch.ones(2), atol=1e-5, rtol=0)


def test_the_rollout_is_the_papers_written_out() -> None:
    net = network(Shape(bands=5, width=32, depth=3))
    entropy, present, where = inputs(batch=2)
    present[1] = 0
    rollout, weights = net.attention(entropy, present, where)
    assert weights.shape == (2, 3, HEADS, 32, 32)
    there = present[0].numpy() > 0
    torch.testing.assert_close(weights[0].sum(3), torch.ones(3, HEADS, 32))
    assert (weights[0].numpy()[..., ~there] == 0).all()
    joined = np.eye(32)
    for layer in weights[0].numpy().mean(1):
        joined = (0.5 * layer + 0.5 * np.eye(32)) @ joined
    np.testing.assert_allclose(rollout[0].numpy(), joined[there].mean(0), atol=1e-6)
    assert rollout[0].sum() == pytest.approx(1, abs=1e-5) and (rollout[0][~torch.tensor(there)] == 0).all()
    assert (rollout[1] == 0).all()


def test_shapes_that_do_not_fit_are_refused() -> None:
    entropy, present, where = inputs()
    fixed = network(Shape(MUSE4, bands=5, width=32, depth=1))
    for net, given_, match in (
        (network(), (entropy[..., :4], present, where), r"\(3, 32, 4\); wanted \(B, E, 5\)"),
        (network(), (entropy, present[:, :1], where), r"present has shape \(3, 1\); wanted \(3, 32\)"),
        (network(), (entropy, present), "no positions; wanted"),
        (network(), (entropy, present, where[0]), r"positions of shape \(32, 3\); wanted \(1, 32, 3\)"),
        (fixed, (entropy, present), r"wanted \(B, 4, 5\)"),
        (fixed, (entropy[:, :4], present[:, :4], where[:, :4]), "leave them out"),
    ):
        with pytest.raises(ValueError, match=match):
            net(*given_)
    with pytest.raises(ValueError, match="at least 2"):
        Shape(head="classes")


@pytest.mark.parametrize("shape", [Shape((), 4, 0, "affect", 32, 1, 0.0), Shape(DEAP32, 4, 3, "classes", 32, 1, 0.0)])
def test_it_learns_64_windows_by_heart_and_the_same_each_time(shape: Shape) -> None:
    generator = torch.Generator().manual_seed(3)
    entropy, where = torch.randn(64, 32, 4, generator=generator), inputs()[2]
    vad, classes = torch.rand(64, 3, generator=generator) * 1.6 - 0.8, torch.arange(64) % 3
    present = torch.ones(64, 32)
    places = () if shape.electrodes else (where,)

    def learn(steps: int) -> ElectrodeTransformer:
        net = network(shape, seed=7).train()
        optimizer = torch.optim.AdamW(net.parameters(), 3e-3)
        for _ in range(steps):
            answer = net(entropy, present, *places)
            loss = functional.cross_entropy(answer.logits, classes) if shape.electrodes else affect_loss(answer, vad)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return net.eval()

    one, other = learn(2).state_dict(), learn(2).state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    net = learn(100)
    answer = net(entropy, present, *places)
    if shape.electrodes:
        assert functional.cross_entropy(answer.logits, classes) < 0.02
    else:
        assert (answer.mean - vad).square().mean() < 0.01
