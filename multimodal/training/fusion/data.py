"""CREMA-D votes as data to train the learned fusion on: simulated encoders to learn from, the votes themselves to be tested by."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from affectstream.datasets.cremad_votes import EMOTION_VAD, EMOTIONS, CremadVotes
from affectstream.datasets.splits import Fold
from affectstream.multimodal.fusion.learned import RATE, contract
from affectstream.multimodal.fusion.network import FusionNetwork, Parts
from affectstream.multimodal.training.corpus_data import CorpusData
from affectstream.multimodal.training.data import Split
from affectstream.multimodal.training.export import run_card, to_onnx, write_checkpoint
from affectstream.multimodal.training.fusion.export import INPUTS as EXPORTED
from affectstream.multimodal.training.fusion.train import Aims, calibrate, expect, in_order, parts_loss, walk
from affectstream.multimodal.training.fusion.votes import Said, Simulation, exact, simulate
from affectstream.multimodal.training.samples import Batch, Index, Samples
from affectstream.multimodal.types import Facts

INPUTS = ("mean", "log_var", "expression", "presence")


class Judgement(NamedTuple):
    """The answer for n instants.

    ``mean`` (n, 3) in [-1, 1], ``log_var`` (n, 3), ``logits`` (n, 6), logarithms of the shares of people who see and hear,
    ``embedding`` (n, N), what is remembered; and what training looks at besides: the ``parts``, and the ``presence`` (n, 2).
    """

    mean: Tensor
    log_var: Tensor
    logits: Tensor
    embedding: Tensor
    parts: Parts
    presence: Tensor


class VotesNetwork(nn.Module):
    """A :class:`FusionNetwork`, ``fusion``, as the one module trains it: on sequences (B, T, ...), or single instants (B, ...).

    It answers sequences with T B instants, the first of every sequence first. Its loss is that of
    :mod:`affectstream.multimodal.training.fusion.train`, with its ``aims``.
    """

    def __init__(self, width: int = 64, memory: int = 24, members: int = 4, aims: Aims = Aims()) -> None:  # noqa: B008
        super().__init__()
        self.fusion = FusionNetwork(width=width, memory=memory, members=members)
        self.fusion.terms.copy_(torch.from_numpy(EMOTION_VAD))
        self.aims = aims

    def expect(self, vad: Tensor) -> None:
        """Take the judgements ``vad`` (n, 3) of the training part for what is believed of a clip that nobody has seen."""
        expect(self.fusion, vad)

    def forward(self, mean: Tensor, log_var: Tensor, expression: Tensor, presence: Tensor) -> Judgement:
        inputs = [mean, log_var, expression, presence]
        if presence.ndim == 2:
            inputs = [part[:, None] for part in inputs]
        parts = walk(self.fusion, inputs, self.aims.restart if self.training else 0.0)
        told = parts.joint.logsumexp(0) - math.log(len(parts.joint))
        answer = parts.answer
        return Judgement(answer.mean, answer.log_var, told, answer.memory, parts, in_order(inputs[3]))

    def loss(
        self, answer: Judgement, vad: Tensor, labels: Tensor, marks: Tensor | None = None, *, beta: float = 0.5
    ) -> Tensor:
        """The loss () of an ``answer`` for judgements (B, 3) or (B, T, 3) and shares likewise."""
        if vad.ndim == 3:
            vad, labels = in_order(vad), in_order(labels)
        return parts_loss(answer.parts, answer.presence, vad, labels, self.aims, beta=beta)

    def calibrate(self, val: Batch) -> None:
        """Fit the intervals on instants that were not trained on, with both modalities and with each alone."""
        calibrate(self.fusion, Said(**{name: val.inputs[name] for name in INPUTS}, vad=val.vad, share=val.labels))


class VotedClips(Samples):
    """Clips of ``votes``: as they were voted on, or, to learn from, as the beginnings of simulated sequences (B, T, ...), which meet
    none but the clips ``among`` (m,), ascending. A batch follows from ``seed``, the epoch and its clips."""

    among: Index | None = None

    def __init__(self, votes: CremadVotes, simulation: Simulation, seed: int) -> None:
        super().__init__(torch.from_numpy(votes.vad), torch.from_numpy(votes.share))
        self.votes, self.simulation, self.seed = votes, simulation, seed
        self.said = exact(votes)

    def inputs(self, index: Index, epoch: int | None) -> dict[str, Tensor]:
        return self.batch(index, epoch).inputs

    def batch(self, index: Index, epoch: int | None) -> Batch:
        if epoch is None:
            at = torch.from_numpy(np.asarray(index))
            said = Said(*(part[at] for part in self.said))
        else:
            rng = np.random.default_rng([self.seed, epoch, *np.asarray(index).tolist()])
            said = simulate(self.votes, self.simulation, np.asarray(index), rng, self.among)
        return Batch({name: getattr(said, name) for name in INPUTS}, said.vad, said.share, torch.empty(len(index), 0))


class VotesData(CorpusData):
    """CREMA-D's votes in the folder ``root``: from those of who only saw and who only heard, to those of who did both.

    The official split is by actor. Training sequences are simulated (:class:`Simulation`), of training clips alone; validation and
    test are single instants, the votes as they are. The other settings are those of
    :class:`affectstream.multimodal.training.data.AffectData`.
    """

    samples: VotedClips

    def __init__(
        self,
        root: Path,
        simulation: Simulation = Simulation(),  # noqa: B008 (frozen)
        split: Split = "official",
        parts: int = 5,
        parts_to_choose_by: int = 5,
        batch: int = 512,
        seed: int = 0,
        workers: int = 0,
    ) -> None:
        super().__init__(
            CremadVotes,
            root,
            ("labels", "vad"),
            split=split,
            folds_of=parts,
            parts_to_choose_by=parts_to_choose_by,
            batch=batch,
            seed=seed,
            workers=workers,
            rare=0.0,
        )
        if simulation.steps < 2 or not 1 <= simulation.fewest <= simulation.most:
            raise ValueError(
                f"simulation of {simulation.steps} steps with {simulation.fewest} to {simulation.most} voters; wanted 2 steps or "
                "more, and 1 voter or more"
            )
        self.simulation = simulation

    def make_samples(self, vad: Tensor, labels: Tensor, marks: Tensor, cache: Path) -> VotedClips:
        assert isinstance(self.corpus, CremadVotes)
        return VotedClips(self.corpus, self.simulation, self.seed)

    def choose(self, fold: Fold) -> None:
        super().choose(fold)
        self.samples.among = fold.train

    def features(self, index: Index) -> NDArray[np.floating]:
        return self.samples.batch(index, None).inputs["expression"].flatten(1).numpy()

    def check(self, network: nn.Module) -> None:
        """Raises ValueError for a network that is no VotesNetwork."""
        if not isinstance(network, VotesNetwork):
            raise ValueError(f"the network is a {type(network).__name__}; VotesData wants a VotesNetwork")  # noqa: TRY004

    def export(self, network: nn.Module, held: str, path: Path, figures: dict[str, Any]) -> None:
        """As :class:`affectstream.multimodal.fusion.learned.LearnedFusion` reads it, if it is called fusion-cremad.onnx."""
        assert isinstance(network, VotesNetwork)  # check has seen to it
        fusion, batch = network.fusion.eval(), self.samples.batch(self.index("test")[:200], None)
        real = {exported: batch.inputs[name] for exported, name in EXPORTED.items()}
        real["past"] = fusion.initial(len(batch.vad))
        to_onnx(fusion, {name: value[:3] for name, value in real.items()}, {name: {0: "batch"} for name in real}, path)
        facts = Facts(
            name=path.stem,
            modality="fusion",
            window=0.0,
            hop=1 / RATE,
            rate=RATE,
            channels=batch.inputs["presence"].shape[1],
            contract=contract(),
            labels=EMOTIONS,
            value_range=(-1.0, 1.0),
            training_data=f"{self.corpus.ABOUT.name}, but for {held}; VAD derived from votes",
            licence=f"that of the data: {self.corpus.ABOUT.licence}",
            extra=self.about()
            | {
                "memory": real["past"].shape[1],
                "members": len(fusion.members),
                "parameters": sum(p.numel() for p in fusion.parameters()),
                "prior_mean": fusion.prior_mean.tolist(),
                "prior_variance": fusion.prior_log_var.exp().tolist(),
            },
        )
        tensors = {name: value.contiguous().numpy() for name, value in fusion.state_dict().items()}
        checks = [{name: value.numpy() for name, value in real.items()}]
        write_checkpoint(fusion, tensors, path, run_card(facts, self.split, held, figures), checks)
