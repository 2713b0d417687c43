"""What the one module does beside the loss: rates by depth and by step, averages, and what it refuses."""

from typing import Any

import numpy as np
import pytest
import torch
from pytorch_lightning import Trainer
from torch import Tensor, nn

from affectstream.encoders.face.network import FaceNetwork
from affectstream.encoders.network import Affect, AffectHead
from affectstream.multimodal.training.losses import Weights
from affectstream.multimodal.training.module import AffectModule
from affectstream.multimodal.training.samples import Batch, InOrder, Rows, loader


class Tiny(nn.Module):
    """A network of two layers that tells the depth of its parameters."""

    def __init__(self, labels: int = 2, marks: int = 0) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.head = AffectHead(4, labels, marks=marks)

    def forward(self, x: Tensor) -> Affect:
        return self.head(self.first(x))

    def depth(self, name: str) -> int:
        return 0 if name.startswith("first") else 1


def batch(n: int = 6, labels: int = 2, marks: int = 0) -> Batch:
    draw = torch.Generator().manual_seed(0)
    share = torch.eye(max(labels, 1))[torch.arange(n) % max(labels, 1)][:, :labels]
    yes = (torch.rand(n, marks, generator=draw) > 0.7).float()
    return Batch({"x": torch.randn(n, 4, generator=draw)}, torch.rand(n, 3, generator=draw), share, yes)


def fitted(module: AffectModule, epochs: int = 2, **trainer: Any) -> Trainer:
    samples = Rows({"x": batch(12).inputs["x"]}, batch(12).vad, batch(12).labels)
    run = Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0, **trainer,
    )  # fmt: skip
    run.fit(module, loader(samples, InOrder(np.arange(12), 4), 0))
    return run


def test_a_layers_rate_is_a_power_of_its_distance_from_the_head() -> None:
    module = AffectModule(Tiny(), lr=1e-2, layer_decay=0.5, weight_decay=0.1, decay_vectors=False)
    found = {id(p): (g["lr"], g["weight_decay"]) for g in module._groups() for p in g["params"]}
    for name, p in module.network.named_parameters():
        wanted = 1e-2 * (0.5 if name.startswith("first") else 1), 0.1 if p.ndim > 1 else 0.0
        assert found[id(p)] == pytest.approx(wanted), name
    network = FaceNetwork()
    rates = {id(p): g["lr"] for g in AffectModule(network, layer_decay=0.8)._groups() for p in g["params"]}
    assert rates[id(network.head.out.weight)] == 1e-3
    assert rates[id(network.trunk.stem.conv1.weight)] == pytest.approx(1e-3 * 0.8**6), (
        "five blocks and the head above it"
    )


def test_the_average_is_that_of_the_weights_after_every_step() -> None:
    torch.manual_seed(0)
    module = AffectModule(Tiny(), lr=0.05, average=0.6)
    module.prepare(batch())
    seen: list[Tensor] = []
    step = module.optimizer_step

    def spied(*arguments: Any, **settings: Any) -> None:
        step(*arguments, **settings)
        seen.append(module.network.get_parameter("first.weight").detach().clone())

    module.optimizer_step = spied  # pyright: ignore[reportAttributeAccessIssue]
    fitted(module, accumulate_grad_batches=2)
    assert len(seen) == 4, "three batches an epoch are two steps"
    wanted = seen[0]  # torch's average begins with the first weights it is shown
    for weight in seen[1:]:
        wanted = 0.6 * wanted + 0.4 * weight
    torch.testing.assert_close(module.answering.get_parameter("first.weight"), wanted)
    assert module.answering is not module.network
    assert not torch.equal(wanted, seen[-1])


def test_the_rate_rises_over_the_warmup_and_falls_along_one_cosine() -> None:
    rates: list[float] = []
    module = AffectModule(Tiny(), lr=0.1, eta_min=0.01, warmup=2, fall="step")
    step = module.optimizer_step

    def spied(*arguments: Any, **settings: Any) -> None:
        rates.append(arguments[2].param_groups[0]["lr"])
        step(*arguments, **settings)

    module.optimizer_step = spied  # pyright: ignore[reportAttributeAccessIssue]
    fitted(module, epochs=5)
    rise, steps = 6, 15
    wanted = [0.1 * (k + 0.006) / rise for k in range(rise)]
    wanted += [0.01 + 0.09 * (1 + np.cos(np.pi * (k - rise) / (steps - rise))) / 2 for k in range(rise, steps)]
    np.testing.assert_allclose(rates, wanted, rtol=1e-6)


def test_classes_weigh_as_a_paper_gives_them_and_marks_by_how_rare_they_are() -> None:
    module = AffectModule(Tiny(), class_weights=[0.2, 0.6], weights=Weights(beta_nll=0, disagreement=0))
    one = batch()
    module.prepare(one)
    answer = module.network(**one.inputs)
    wanted = nn.functional.cross_entropy(answer.logits, one.labels.argmax(1), weight=torch.tensor([0.2, 0.6]))
    torch.testing.assert_close(module.loss(answer, one.vad, one.labels, one.marks), wanted)
    module = AffectModule(Tiny(0, 3), balanced=True, weights=Weights(beta_nll=0, disagreement=0))
    one = batch(40, 0, 3)
    module.prepare(one)
    answer = module.network(**one.inputs)
    rare = (1 - one.marks.mean(0)) / one.marks.mean(0)
    wanted = nn.functional.binary_cross_entropy_with_logits(answer.marks, one.marks, pos_weight=rare)
    torch.testing.assert_close(module.loss(answer, one.vad, one.labels, one.marks), wanted)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"average": 1.0}, r"average 1, layer_decay 1; wanted \[0, 1\)"),
        ({"layer_decay": 0.0}, r"layer_decay 0; wanted \[0, 1\) and \(0, 1\]"),
        ({"warmup": 1.0}, "wanted fall: step"),
        ({"balanced": True, "class_weights": [1.0, 2.0]}, "wanted one of them"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        AffectModule(Tiny(), **settings)


@pytest.mark.parametrize(
    ("labels", "marks", "named"),
    [
        (3, 0, "tells 2 classes and the data has 3"),
        (2, 4, "tells 0 marks and the data has 4; set the network's marks to 4"),
    ],
)
def test_a_network_that_tells_something_else_is_refused_before_the_first_step(
    labels: int, marks: int, named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        AffectModule(Tiny()).prepare(batch(6, labels, marks))
    with pytest.raises(ValueError, match=r"3 class_weights for 2 classes"):
        AffectModule(Tiny(), class_weights=[1.0, 1, 1]).prepare(batch())
    plain = nn.Module()
    with pytest.raises(ValueError, match=r"does not tell the depth of its layers; wanted 1"):
        AffectModule(plain, layer_decay=0.5)._groups()
