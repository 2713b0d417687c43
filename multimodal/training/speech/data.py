"""Corpora of recorded voices as windows to train on: random stretches of the recordings and of varied copies of them."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from affectstream.datasets.clips import Clips
from affectstream.datasets.labelled_files import LabelledFiles
from affectstream.encoders.speech.backbone import WhisperBackbone
from affectstream.encoders.speech.encoder import contract
from affectstream.encoders.speech.features import HOP_SECONDS, WINDOW, WINDOW_SECONDS
from affectstream.encoders.speech.network import STRIDE, WIDTH
from affectstream.encoders.speech.spectrum import RATE
from affectstream.multimodal.training.corpus_data import CorpusData, Learnt, Opener
from affectstream.multimodal.training.data import Split
from affectstream.multimodal.training.export import run_card, to_onnx, write_checkpoint
from affectstream.multimodal.training.samples import Batch, Index, Samples, some_of
from affectstream.multimodal.training.speech.alignment import AlignedSpeech
from affectstream.multimodal.training.speech.baselines import mean_quartets
from affectstream.multimodal.training.speech.export import ELSEWHERE_SD, PRIOR_SD
from affectstream.multimodal.training.speech.prepared import (
    Pick,
    Prepared,
    beginning,
    copies,
    middle,
    random_windows,
    windows,
)
from affectstream.multimodal.types import Facts

BEGINNINGS = 500  # of recordings, which statistics are taken from: 0.7 MB each


class Voices(Samples):
    """The recordings ``kept`` as inputs of a SpeechNetwork, of which ``sets`` are the frames: as they are, then varied copies.

    In training a random stretch of at most ``length`` frames, with chance ``plain`` of the recording as it is, by ``seed``,
    epoch and sample; else the ``longest`` frames in its middle. Stretches lie at the end of their window, after silence.
    """

    def __init__(
        self,
        sets: Sequence[Prepared],
        kept: Index,
        targets: tuple[Tensor, Tensor, Tensor],
        *,
        length: int,
        longest: int,
        plain: float,
        seed: int,
    ) -> None:
        super().__init__(*targets)
        self.sets, self.kept = sets, kept
        self.length, self.longest, self.plain, self.seed = length, longest, plain, seed

    def inputs(self, index: Index, epoch: int | None) -> dict[str, Tensor]:
        if epoch is None:
            whole = [middle(self.sets[0], clip, self.longest) for clip in self.kept[index].tolist()]
            return self.windows(whole, self.longest)
        alone = len(np.unique(index)) == 1  # so that there is something to normalise a batch by
        drawn = [self._drawn(int(k), epoch, row if alone else 0) for row, k in enumerate(index)]
        return self.windows(drawn, self.length)

    def batch(self, index: Index, epoch: int | None) -> Batch:
        if epoch is not None and len(index) == 1:  # the last of an epoch; batch normalisation wants two
            index = np.repeat(index, 2)
        return super().batch(index, epoch)

    def beginnings(self, index: Index) -> Batch:
        """The first 2 s of the recordings ``index``."""
        pick = [beginning(self.sets[0], clip, WINDOW) for clip in self.kept[index].tolist()]
        at = torch.from_numpy(index)
        return Batch(self.windows(pick, WINDOW), self.vad[at], self.labels[at], self.marks[at])

    def windows(self, pick: Sequence[Pick], length: int) -> dict[str, Tensor]:
        """Stretches, as :func:`affectstream.multimodal.training.speech.prepared.windows` has them, by input."""
        return {name: value for name, value in windows(self.sets, pick, length)._asdict().items() if value is not None}

    def _drawn(self, k: int, epoch: int, again: int) -> Pick:
        rng = np.random.default_rng([self.seed, epoch, k, again])
        return random_windows(self.sets, self.kept[[k]], self.length, self.plain, rng)[0]


class SpeechData(CorpusData):
    """Recordings of a ``corpus`` of sounds (:class:`affectstream.multimodal.training.corpus_data.CorpusData`) as windows for an
    :class:`affectstream.multimodal.training.speech.alignment.AlignedSpeech`.

    Their frames are computed once: of the recordings, and of ``copies`` varied ones of each (other speakers, rooms, noise,
    lines, codecs), with the states of the shipped ``backbone``, unless it is false. Training draws a stretch of at most ``length``
    frames of 20 ms, with chance ``plain`` of the recording as it is; validation and test look at the ``longest`` frames in the
    middle of each recording. Both are multiples of 4.
    """

    samples: Voices

    def __init__(
        self,
        corpus: Opener,
        root: Path,
        learnt: Sequence[Learnt] = ("labels", "vad"),
        backbone: bool = True,
        copies: int = 4,
        plain: float = 0.6,
        length: int = WINDOW,
        longest: int = 400,
        split: Split = "leave_one_subject_out",
        parts: int = 5,
        parts_to_choose_by: int = 5,
        batch: int = 32,
        seed: int = 0,
        workers: int = 0,
        rare: float = 0.5,
    ) -> None:
        super().__init__(
            corpus,
            root,
            learnt,
            split=split,
            folds_of=parts,
            parts_to_choose_by=parts_to_choose_by,
            batch=batch,
            seed=seed,
            workers=workers,
            rare=rare,
        )
        if copies < 0 or not 0 <= plain <= 1:
            raise ValueError(f"copies {copies}, plain {plain:g}; wanted 0 or more, and a chance from 0 to 1")
        for name, frames in (("length", length), ("longest", longest)):
            if frames < STRIDE or frames % STRIDE:
                raise ValueError(
                    f"{name} is {frames} frames; wanted a multiple of {STRIDE}, such as {WINDOW} for {WINDOW_SECONDS:g} s"
                )
        self.backbone, self.copies, self.plain = backbone, copies, plain
        self.length, self.longest = length, longest

    def read(self, cache: Path) -> None:
        """Raises ValueError for marks, which no speech network tells, and a corpus that is none of sounds."""
        if "marks" in self.learnt:
            raise ValueError("learnt has marks; a speech network tells labels and vad; wanted one of these, or both")
        super().read(cache)

    def make_samples(self, vad: Tensor, labels: Tensor, marks: Tensor, cache: Path) -> Voices:
        corpus = self.corpus
        if not isinstance(corpus, Clips) and not (isinstance(corpus, LabelledFiles) and corpus.kind == "sound"):
            raise ValueError(f"{corpus.ABOUT.name} in {self.root} is no corpus of sounds; wanted one such as EmoDB")
        backbone = WhisperBackbone.load() if self.backbone else None
        name = re.sub(r"\W+", "-", corpus.ABOUT.name).lower()
        return Voices(
            copies(corpus, backbone, cache, name=name, count=self.copies),
            self.kept,
            (vad, labels, marks),
            length=self.length,
            longest=self.longest,
            plain=self.plain,
            seed=self.seed,
        )

    def look(self) -> Batch:
        return self.samples.beginnings(some_of(self.index("train"), BEGINNINGS, self.seed))

    def features(self, index: Index) -> NDArray[np.floating]:
        return np.stack([mean_quartets(self.samples.sets[0], clip) for clip in self.kept[index].tolist()])

    def describe(self) -> dict[str, Any]:
        backbone = WhisperBackbone.name if self.backbone else "none"
        return super().describe() | {"backbone": backbone, "varied_copies": self.copies}

    def check(self, network: nn.Module) -> None:
        """Raises ValueError for a network that is none of speech, or wants other states than there are."""
        if not isinstance(network, AlignedSpeech):
            raise ValueError(f"the network is a {type(network).__name__}; SpeechData wants an AlignedSpeech")  # noqa: TRY004
        got = WhisperBackbone.axes if self.backbone else None
        if network.states != got:
            raise ValueError(
                f"the network learns with {_states(network.states)} and the data has {_states(got)}; set data.backbone, or the "
                "states and state_width of the network's shape and its taught"
            )

    def export(self, network: nn.Module, held: str, path: Path, figures: dict[str, Any]) -> None:
        assert isinstance(network, AlignedSpeech)  # check has seen to it
        shipped = network.network.eval()
        backbone = WhisperBackbone.load() if shipped.shape.states else None
        inputs = self.samples.beginnings(self.index("test")[:200]).inputs
        if backbone is None:
            inputs.pop("states", None)  # they were but lessons
        to_onnx(
            shipped,
            {name: value[:2] for name, value in inputs.items()},
            {name: {0: "batch"} for name in inputs},
            path,
            fold=False,
        )
        facts = Facts(
            name=path.stem,
            modality="speech",
            window=WINDOW_SECONDS,
            hop=HOP_SECONDS,
            rate=RATE,
            channels=1,
            contract=contract(backbone) | ({"functionals": "none"} if backbone is None else {}),
            labels=self.classes,
            value_range=(-1.0, 1.0),
            training_data=f"{self.corpus.ABOUT.name}, but for {held}",
            licence=f"that of the data: {self.corpus.ABOUT.licence}",
            extra=self.about() | {"prior_sd": PRIOR_SD, "elsewhere_sd": ELSEWHERE_SD, "embedding": WIDTH},
        )
        real = [{name: value[k : k + 20].numpy() for name, value in inputs.items()} for k in range(0, 200, 20)]
        tensors = {name: value.numpy() for name, value in shipped.state_dict().items()}
        card = run_card(facts, self.split, held, figures)
        write_checkpoint(shipped, tensors, path, card, [part for part in real if len(part["presence"])])


def _states(axes: tuple[int, int] | None) -> str:
    return "no states of a backbone" if axes is None else f"{axes[0]} states of {axes[1]}"
