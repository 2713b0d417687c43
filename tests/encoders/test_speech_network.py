"""The speech network: what must not matter to it does not, and its parts are what they say."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from affectstream.encoders.speech.network import (
    LinearNetwork,
    Pooling,
    Shape,
    SpeechEnsemble,
    SpeechNetwork,
    Statistics,
    VoiceBranch,
)

SMALL = Shape(labels=7, states=2, state_width=16)


def inputs(batch: int = 3, frames: int = 40, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    quartets = torch.randn(batch, 8, 40, frames, generator=generator)
    presence = torch.rand(batch, frames, generator=generator)
    return quartets, presence, torch.randn(batch, frames, 2, 16, generator=generator)


def network(shape: Shape = SMALL, seed: int = 0) -> SpeechNetwork:
    torch.manual_seed(seed)
    net = SpeechNetwork(shape)
    net(*inputs(16))  # so that running statistics are not those of nothing
    return net.eval()


def test_the_real_twin_has_as_many_weights_and_its_layers_four_times_as_many_for_a_width() -> None:
    def weights(branch: nn.Module) -> int:
        return sum(p.numel() for name, p in branch.named_parameters() if name.endswith("weight") and p.ndim > 1)

    quaternion, real = VoiceBranch(8, "quaternion", 0.0), VoiceBranch(8, "real", 0.0)
    # The first layer hears as much in both, so only the layers after it are exactly equal.
    assert weights(quaternion) - 8 * 16 * 25 // 4 == weights(real) - 8 * 8 * 25
    assert quaternion.width == 2 * real.width


@pytest.mark.parametrize("part", ["all", "amplitude", "phase"])
def test_gain_does_not_count(part: str) -> None:
    net = network(Shape(7, part=part, states=2, state_width=16))  # pyright: ignore[reportArgumentType]
    quartets, presence, states = inputs()
    louder = quartets.clone()
    louder[:, 0] += 2.5
    for one, other in zip(net(quartets, presence, states), net(louder, presence, states), strict=True):
        torch.testing.assert_close(one, other, atol=2e-5, rtol=1e-4)


def test_what_came_before_the_signal_does_not_count() -> None:
    net = network()
    quartets, presence, states = inputs()
    presence[:, :16] = 0
    other = [part.clone() for part in (quartets, presence, states)]
    other[0][..., :16] = 0
    other[2][:, :16] = 0
    one, two = net(quartets, presence, states), net(*other)
    assert (one.mean - two.mean).abs().max() < 5e-3


def test_an_answer_is_that_of_the_sample_alone() -> None:
    net = network()
    whole = net(*inputs())
    for i in range(3):
        alone = net(*(part[i : i + 1] for part in inputs()))
        torch.testing.assert_close(alone.mean, whole.mean[i : i + 1], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(alone.log_var, whole.log_var[i : i + 1], atol=1e-5, rtol=1e-4)


def test_the_voice_branch_answers_alone() -> None:
    net = network(Shape(7, states=0))
    quartets, presence, _ = inputs()
    answer = net(quartets, presence)
    assert answer.mean.shape == (3, 3) and answer.logits is not None and answer.logits.shape == (3, 7)
    assert not any(name.startswith("latent") for name, _ in net.named_parameters())


def test_statistics_are_those_of_numpy() -> None:
    torch.manual_seed(0)
    features = torch.randn(2, 3, 50)
    layer = Statistics(3).eval()
    seen: list[Tensor] = []
    layer.norm.register_forward_hook(lambda module, args, output: seen.append(args[0]))
    layer(features, torch.ones(2, 50))
    mean, spread, high, low, size, jitter = seen[0].reshape(2, 6, 3).transpose(0, 1).numpy()
    x = features.numpy()
    np.testing.assert_allclose(mean, x.mean(2), atol=1e-5)
    np.testing.assert_allclose(spread, x.std(2), atol=1e-4)
    assert (high > mean).all() and (high <= x.max(2)).all() and (low < mean).all() and (low >= x.min(2)).all()
    smooth = np.stack([np.convolve(row, np.ones(3) / 3, "valid") for row in x.reshape(6, 50)]).reshape(2, 3, 48)
    np.testing.assert_allclose(size, abs(np.diff(smooth)).mean(2), atol=1e-5)
    np.testing.assert_allclose(jitter, np.diff(smooth).std(2), atol=1e-4)


def test_frames_without_a_voice_hardly_count_in_pooling() -> None:
    torch.manual_seed(0)
    pool = Pooling(8)
    frames = torch.randn(1, 8, 30)
    presence = torch.ones(1, 30)
    presence[:, 20:] = 0
    changed = frames.clone()
    changed[..., 20:] = 3
    torch.testing.assert_close(pool(frames, presence), pool(changed, presence), atol=5e-3, rtol=0)


@pytest.mark.parametrize("backbone", [True, False])
def test_an_ensemble_is_the_mixture_of_its_members(backbone: bool) -> None:
    shape = SMALL if backbone else Shape(7, states=0)
    members = [network(shape, seed) for seed in range(2)]
    terms = torch.rand(7, 3, generator=torch.Generator().manual_seed(5)) * 2 - 1
    torch.manual_seed(9)
    linear = LinearNetwork(32 if backbone else 12, terms)
    quartets, presence, states = inputs()
    beside = states if backbone else torch.randn(3, 12)
    together = SpeechEnsemble(members, linear, terms, 0.5).eval()(quartets, presence, beside)
    weight = presence.numpy() + 1e-3
    mean_state = np.einsum("bt,btkd->bkd", weight / weight.sum(1, keepdims=True), states.numpy()).reshape(3, -1)
    said = [member(quartets, presence, states if backbone else None) for member in members]
    said.append(linear(torch.from_numpy(mean_state).float() if backbone else beside))
    share = np.array([0.25, 0.25, 0.5])[:, None, None]
    means = np.stack([a.mean.detach().numpy() for a in said])
    chance = (np.stack([a.logits.softmax(1).detach().numpy() for a in said if a.logits is not None]) * share).sum(0)
    mean = (means * share).sum(0)
    hesitating = np.stack([np.cov(terms.numpy().T, aweights=row, ddof=0).diagonal() for row in chance])
    spread = np.exp(np.stack([a.log_var.detach().numpy() for a in said])) + (means - mean) ** 2
    np.testing.assert_allclose(together.mean.detach().numpy(), mean, atol=1e-5)
    np.testing.assert_allclose(
        np.exp(together.log_var.detach().numpy()), (spread * share).sum(0) + hesitating, rtol=1e-4
    )
    assert together.logits is not None
    np.testing.assert_allclose(together.logits.softmax(1).detach().numpy(), chance, atol=1e-4)


def test_a_linear_network_says_what_its_terms_say() -> None:
    terms = torch.tensor([[0.8, 0.5, 0.4], [-0.6, -0.3, -0.3]])
    linear = LinearNetwork(4, terms)
    with torch.no_grad():
        linear.linear.weight.zero_()
        linear.linear.bias.copy_(torch.tensor([2.0, 0.0]))
    answer = linear(torch.randn(5, 4))
    chance = 1 / (1 + np.exp(-2.0))
    np.testing.assert_allclose(
        answer.mean.detach().numpy(), np.tile(chance * terms[0] + (1 - chance) * terms[1], (5, 1)), atol=1e-6
    )
