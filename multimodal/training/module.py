"""The one Lightning module, for every modality: any affect network, partial targets, and one loss with masks."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from affectstream.encoders.network import Affect
from affectstream.multimodal.training.losses import Weights, soft_cross_entropy, weighted_cross_entropy, weighted_loss
from affectstream.multimodal.training.matching import term_table, unit_prior
from affectstream.multimodal.training.samples import Batch


class AffectModule(LightningModule):
    """Any network that answers with :class:`affectstream.encoders.network.Affect`, or with ``logits`` alone, in training.

    The loss is :func:`affectstream.multimodal.training.losses.weighted_loss` of what is known of each sample, its terms weighted by
    ``weights``; a network of its own mind (``loss(answer, vad, labels, marks, beta=)``) has the last word. Labels may be smoothed
    (``label_smoothing``), and classes weighted: by ``class_weights`` as a paper gives them, or with ``balanced`` by how rare
    each is in training, and marks likewise.

    AdamW with ``lr`` and ``weight_decay`` (on matrices and kernels only if ``decay_vectors`` is false); with ``layer_decay`` below 1
    a layer's rate is that power of its distance from the head, as the network's ``depth(name)`` tells it. The rate rises
    over ``warmup`` epochs and falls along a cosine to ``eta_min``, a step an "epoch" or a step a batch ("step"), until the trainer's
    ``max_epochs``. With ``average`` the answers are those of an exponential moving average of the weights, of that decay
    per step of the optimizer. The defaults are RBTransformer's (arXiv 2511.13954).

    The random numbers of a training step follow from ``seed``, the epoch and the step alone, so that a run that was broken off comes
    to the same weights. Raises ValueError for settings out of their range.
    """

    class_weight: Tensor
    marks_weight: Tensor
    units: Tensor | None
    terms: Tensor | None

    def __init__(
        self,
        network: nn.Module,
        lr: float = 1e-3,
        weight_decay: float = 1e-3,
        decay_vectors: bool = True,
        layer_decay: float = 1.0,
        eta_min: float = 1e-6,
        warmup: float = 0.0,
        fall: Literal["epoch", "step"] = "epoch",
        average: float = 0.0,
        weights: Weights = Weights(),  # noqa: B008 (frozen)
        label_smoothing: float = 0.0,
        class_weights: Sequence[float] | None = None,
        balanced: bool = False,
    ) -> None:
        super().__init__()
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing is {label_smoothing:g}; wanted 0 to less than 1, such as 0.12")
        if not 0 <= average < 1 or not 0 < layer_decay <= 1:
            raise ValueError(f"average {average:g}, layer_decay {layer_decay:g}; wanted [0, 1) and (0, 1]")
        if warmup and fall == "epoch":
            raise ValueError(f"warmup is {warmup:g} epochs with fall by epoch; wanted fall: step")
        if balanced and class_weights is not None:
            raise ValueError("balanced and class_weights; wanted one of them, as either weighs the classes")
        self.network = network
        self.averaged: AveragedModel | None = None
        if average:
            self.averaged = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(average), use_buffers=True)
            self.averaged.requires_grad_(False)
        self.lr, self.weight_decay, self.eta_min = lr, weight_decay, eta_min
        self.decay_vectors, self.layer_decay = decay_vectors, layer_decay
        self.warmup, self.fall, self.seed = warmup, fall, 0
        self.weights, self.label_smoothing, self.balanced = weights, label_smoothing, balanced
        given = torch.ones(()) if class_weights is None else torch.tensor(list(class_weights), dtype=torch.float32)
        self.register_buffer("class_weight", given, persistent=False)
        self.register_buffer("marks_weight", torch.ones(()), persistent=False)
        self.register_buffer("units", None, persistent=False)
        self.register_buffer("terms", None, persistent=False)

    @property
    def answering(self) -> nn.Module:
        """The network whose answers count: the average, where there is one."""
        return self.network if self.averaged is None else self.averaged.module

    def prepare(self, train: Batch, classes: Sequence[str] = (), marks: Sequence[str] = ()) -> None:
        """Fit on training samples what is not learnt by gradient: the network's standardisation, if it has one
        (``standardise``, called with the inputs), its prior (``expect``, called with the ratings), and the weights of ``classes``
        and ``marks``; and look up what these have to do with each other, if that is to be learnt
        (:mod:`affectstream.multimodal.training.matching`).

        Raises ValueError if the network's answer does not fit the samples, before a step is lost on it.
        """
        ours = self.weights != Weights() or self.label_smoothing or self.balanced or self.class_weight.ndim
        if ours and hasattr(self.network, "loss"):
            raise ValueError(
                f"{type(self.network).__name__} has a loss of its own, which knows no weights, label_smoothing, class_weights and "
                "balanced; leave them out"
            )
        standardise = getattr(self.network, "standardise", None)
        if standardise is not None:
            standardise(**train.inputs)
        expect = getattr(self.network, "expect", None)
        if expect is not None:
            expect(train.vad)
        self.network.eval()
        with torch.no_grad():
            answer = self.network(**train.take(slice(1)).inputs)
        self.network.train()
        told = 0 if answer.logits is None else answer.logits.shape[1]
        if train.labels.shape[1] != told:
            raise ValueError(
                f"the network tells {told} classes and the data has {train.labels.shape[1]}; set the network's labels to "
                "as many as are learnt (0, with the head affect, for ratings)"
            )
        said = getattr(answer, "marks", None)
        asked, marked = train.marks.shape[1], 0 if said is None else said.shape[1]
        if asked != marked:
            raise ValueError(
                f"the network tells {marked} marks and the data has {asked}; set the network's marks to {asked}"
            )
        if not told and not marked and not isinstance(answer, Affect):
            raise ValueError("the network tells no ratings, and ratings are to be learnt; give it the head affect")
        if self.class_weight.ndim and len(self.class_weight) != told:
            raise ValueError(
                f"there are {len(self.class_weight)} class_weights for {told} classes; wanted one for each"
            )
        if self.balanced and told:
            share = torch.nanmean(train.labels, 0)
            self.class_weight = 1 / (told * share.clamp(min=1 / len(train.labels)))
        if self.balanced and asked:
            share = torch.nanmean(train.marks, 0).clamp(1 / len(train.marks), 1 - 1 / len(train.marks))
            self.marks_weight = (1 - share) / share
        if self.weights.matching:
            self.units = unit_prior(classes, marks) if marks and marks[0].startswith("AU") else None
            self.terms = term_table(classes)
        if self.averaged is not None:
            self.averaged.module.load_state_dict(self.network.state_dict())

    def loss(
        self, answer: Any, vad: Tensor, labels: Tensor, marks: Tensor | None = None, *, beta: float = 0.5
    ) -> Tensor:
        """The loss () of the network's ``answer`` for targets as in :class:`Batch`; with ``beta`` 0 as networks are compared by."""
        own = getattr(self.network, "loss", None)
        if own is not None:
            return own(answer, vad, labels, marks, beta=beta)
        wanted = None
        if labels.shape[1]:
            wanted = (1 - self.label_smoothing) * labels + self.label_smoothing / labels.shape[1]
        weight = self.class_weight if self.class_weight.ndim else None
        if isinstance(answer, Affect):
            return weighted_loss(
                answer,
                vad,
                wanted,
                marks if marks is not None and marks.shape[1] else None,
                self.weights,
                weight,
                self.marks_weight if self.marks_weight.ndim else None,
                units=self.units,
                terms=self.terms,
                beta=beta,
            )
        assert wanted is not None  # prepare has seen to it
        if weight is None:
            return soft_cross_entropy(answer.logits, wanted)
        return weighted_cross_entropy(answer.logits, wanted, weight)

    def forward(self, inputs: Mapping[str, Tensor]) -> Any:
        return self.answering(**inputs)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        place = [self.seed, self.trainer.current_epoch, batch_idx, self.trainer.global_rank]
        torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1)[0]))

    def training_step(self, batch: Batch, _: int) -> Tensor:
        return self._logged("train", batch, self.network(**batch.inputs))

    def optimizer_step(self, *arguments: Any, **settings: Any) -> None:
        super().optimizer_step(*arguments, **settings)
        if self.averaged is not None:
            self.averaged.update_parameters(self.network)

    def validation_step(self, batch: Batch, _: int) -> None:
        self._logged("val", batch, self(batch.inputs))

    def predict_step(self, batch: Batch, _: int) -> dict[str, Tensor]:
        """The answer's parts by name, in float32 on the CPU; the embedding is left out."""
        answer = self(batch.inputs)._asdict()
        kept = {name: answer.get(name) for name in ("mean", "log_var", "logits", "marks")}
        return {name: value.float().cpu() for name, value in kept.items() if value is not None}

    def configure_optimizers(self) -> Any:
        epochs = self.trainer.max_epochs
        if epochs is None or epochs < 1:
            raise ValueError(f"trainer.max_epochs is {epochs}; wanted 1 or more, along which the rate falls")
        optimizer = torch.optim.AdamW(self._groups(), self.lr, weight_decay=self.weight_decay)
        if self.fall == "epoch":
            return [optimizer], [CosineAnnealingLR(optimizer, epochs, self.eta_min)]
        steps = int(self.trainer.estimated_stepping_batches)
        rise, low = max(self.warmup * steps / epochs, 1e-9), self.eta_min / self.lr

        def factor(step: int) -> float:
            if step < rise:
                return (step + 1e-3 * rise) / rise
            return low + (1 - low) * (0.5 + 0.5 * math.cos(math.pi * min((step - rise) / max(steps - rise, 1), 1.0)))

        return [optimizer], [{"scheduler": LambdaLR(optimizer, factor), "interval": "step"}]

    def _groups(self) -> list[dict[str, Any]]:
        """Parameters by their rate and their decay."""
        named = [(name, p) for name, p in self.network.named_parameters() if p.requires_grad]
        depth: Any = getattr(self.network, "depth", None)
        if self.layer_decay < 1 and depth is None:
            raise ValueError(
                f"layer_decay is {self.layer_decay:g}, and {type(self.network).__name__} does not tell the depth of its layers; "
                "wanted 1"
            )
        depths = {name: depth(name) if self.layer_decay < 1 else 0 for name, _ in named}
        deepest, groups = max(depths.values(), default=0), {}
        for name, p in named:
            decays = self.decay_vectors or p.ndim > 1
            groups.setdefault((deepest - depths[name], decays), []).append(p)
        return [
            {
                "params": members,
                "lr": self.lr * self.layer_decay**below,
                "weight_decay": self.weight_decay if decays else 0.0,
            }
            for (below, decays), members in sorted(groups.items(), key=lambda item: item[0])
        ]

    def _logged(self, part: str, batch: Batch, answer: Any) -> Tensor:
        beta = 0.5 if part == "train" else 0.0
        loss = self.loss(answer, batch.vad, batch.labels, batch.marks, beta=beta)
        self.log(f"{part}_loss", loss, on_step=False, on_epoch=True, prog_bar=True, batch_size=len(batch.vad))
        return loss


def concatenated(parts: Iterator[Any] | Sequence[Any]) -> dict[str, NDArray[np.float32]]:
    """What :meth:`AffectModule.predict_step` gave, batch after batch, as one array by name."""
    listed = list(parts)
    return {name: torch.cat([part[name] for part in listed]).numpy() for name in listed[0]}
