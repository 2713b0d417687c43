"""Corpora of videos as data to train a fusion on: what the shipped encoders say of each, and how it was felt or marked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from affectstream.multimodal.fusion.learned import EMOTIONS
from affectstream.multimodal.training.corpus_data import CorpusData, Learnt, Opener
from affectstream.multimodal.training.data import Split
from affectstream.multimodal.training.export import run_card, to_onnx, write_checkpoint
from affectstream.multimodal.training.fusion.av_network import StretchFusion
from affectstream.multimodal.training.fusion.av_scores import HZ, Said, Scorer, View, on_grid
from affectstream.multimodal.training.fusion.votes import away
from affectstream.multimodal.training.samples import Index, Samples
from affectstream.multimodal.types import Facts, SignalError

INPUTS = {"said_mean": "mean", "said_log_var": "log_var", "emotions": "emotions", "presence": "presence"}


@runtime_checkable
class Traced(Protocol):
    """A corpus that knows ratings moment by moment: their time (T,) in s, and valence, arousal and dominance (T, 3), NaN where
    unknown, of video ``index``."""

    def trace(self, index: int) -> tuple[NDArray[np.floating], NDArray[np.floating]]: ...


@dataclass(frozen=True)
class Dropout:
    """Chances that, in training, one source is away all the time (``whole``), or for a ``span``; never all that there are."""

    whole: float = 0.3
    span: float = 0.3


class Stretches(Samples):
    """Stretches of ``steps`` instants of what was ``said`` of several videos, G instants in all.

    Sample k ends at the instant ``last`` (n,)[k], its video begins at ``first`` (n,)[k]; before that everything is silent. In
    training sources are dropped, as follows from ``seed``, the epoch and the batch's samples.
    """

    def __init__(
        self,
        said: Said,
        first: Index,
        last: Index,
        steps: int,
        targets: tuple[Tensor, Tensor, Tensor],
        dropout: Dropout,
        seed: int,
    ) -> None:
        super().__init__(*targets)
        self.said, self.first, self.last, self.steps = said, first, last, steps
        self.dropout, self.seed = dropout, seed

    def inputs(self, index: Index, epoch: int | None) -> dict[str, Tensor]:
        at = self.last[index][:, None] + np.arange(1 - self.steps, 1)
        inside = at >= self.first[index][:, None]
        parts = {name: part[np.maximum(at, 0)] for name, part in self.said._asdict().items()}
        here = parts["presence"] * inside[..., None]
        if epoch is not None:
            rng = np.random.default_rng([self.seed, epoch, *np.asarray(index).tolist()])
            size, steps, count = here.shape
            gone = away(size, steps, count, rng, whole=self.dropout.whole, span=self.dropout.span)
            left = np.where(gone, 0, here)
            here = np.where((left > 0).any((1, 2), keepdims=True), left, here)
        parts["presence"] = here.astype(np.float32)
        return {name: torch.from_numpy(parts[part]) for name, part in INPUTS.items()}


class RecordingsData(CorpusData):
    """Videos of a ``corpus`` (:class:`affectstream.multimodal.training.corpus_data.CorpusData`) as the shipped encoders score them.

    A corpus with ratings moment by moment (:class:`Traced`), of which "vad" is learnt, has a sample at every instant with one, two
    a second; others have one sample a video, at its end. A sample is what was said in the ``seconds`` before; if a video is longer than
    that and has one sample, its beginning is not looked at. ``views`` are the parts of the picture in which a face is looked for, each a
    source, followed by the voice and the words. Scoring takes a sixth to a third of the videos' length on one core, and is
    done once for each file; a video that cannot be read is named and left out.
    """

    samples: Stretches
    _of: Index  # the video, of those kept, of each sample

    def __init__(
        self,
        corpus: Opener,
        root: Path,
        learnt: Sequence[Learnt] = ("vad",),
        views: Sequence[View] = ("whole",),
        seconds: float = 30.0,
        dropout: Dropout = Dropout(),
        split: Split = "official",
        parts: int = 5,
        parts_to_choose_by: int = 5,
        batch: int = 64,
        seed: int = 0,
        workers: int = 0,
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
            rare=0.0,
        )
        if not views or len(set(views)) < len(views):
            raise ValueError(
                f"views are {', '.join(views) or 'none'}; wanted one or more of whole, left, right, each once"
            )
        if seconds * HZ < 1 or min(dropout.whole, dropout.span) < 0 or dropout.whole + dropout.span > 1:
            raise ValueError(
                f"seconds {seconds:g}, dropout {dropout.whole:g} and {dropout.span:g}; wanted {1 / HZ:g} s or more, and chances that "
                "add up to 1 at most"
            )
        self.views, self.steps, self.dropout = tuple(views), round(seconds * HZ), dropout
        self.left_out: list[str] = []

    @property
    def sources(self) -> tuple[str, ...]:
        """What a sample's M sources are."""
        return (*(f"face, {view}" for view in self.views), "speech", "text")

    def read(self, cache: Path) -> None:
        """As :meth:`CorpusData.read`; raises ValueError too if none of the videos can be read."""
        self.left_out = []
        super().read(cache)
        of = self._of
        self.kept, self.groups, self.part = self.kept[of], self.groups.take(of), self.part[of]
        for line in self.left_out:
            print(f"left out: {line}", flush=True)

    def make_samples(self, vad: Tensor, labels: Tensor, marks: Tensor, cache: Path) -> Stretches:
        scorer = Scorer(self.views, cache)
        traced = self.corpus if isinstance(self.corpus, Traced) and "vad" in self.learnt else None
        found: list[Said] = []
        of, first, last, rated = [], [], [], []
        begin = 0
        for k, number in enumerate(tqdm(self.kept.tolist(), "scoring videos", unit=" videos", disable=None)):
            said = self._said(scorer, number)
            if said is None:
                continue
            size = len(said.presence)
            at, values = np.array([size - 1]), vad[k : k + 1].numpy()
            if traced is not None:
                grid = on_grid(*traced.trace(number), size)
                at = np.flatnonzero(np.isfinite(grid).any(1))
                values = grid[at]
            found.append(said)
            of.append(np.full(len(at), k))
            first.append(np.full(len(at), begin))
            last.append(begin + at)
            rated.append(values)
            begin += size
        if not sum(map(len, of)):
            raise ValueError(
                f"none of {len(self.kept)} videos of {self.corpus.ABOUT.name} could be used; {next(iter(self.left_out), 'none is rated')}"
            )
        self._of = np.concatenate(of)
        rows = torch.from_numpy(self._of)
        targets = (torch.from_numpy(np.concatenate(rated).astype(np.float32)), labels[rows], marks[rows])
        whole = Said(*(np.concatenate(part) for part in zip(*found, strict=True)))
        return Stretches(
            whole, np.concatenate(first), np.concatenate(last), self.steps, targets, self.dropout, self.seed
        )

    def _said(self, scorer: Scorer, number: int) -> Said | None:
        """What is said of video ``number`` of the corpus; None, and a line in ``left_out``, if it cannot be read."""
        transcripts: Sequence[str] = getattr(self.corpus, "transcript", ())
        try:
            path = Path(str(self.corpus.signal(number)))
        except (FileNotFoundError, ValueError) as error:
            self.left_out.append(str(error))
            return None
        try:
            said = scorer(path, transcripts[number] if transcripts else "")
        except (SignalError, OSError) as error:
            self.left_out.append(str(error))
            return None
        if not len(said.presence):
            self.left_out.append(f"{path} lasts less than {1 / HZ:g} s")
            return None
        return said

    def features(self, index: Index) -> NDArray[np.floating]:
        def summary(part: Index) -> NDArray[np.floating]:
            inputs = self.samples.inputs(part, None)
            here = inputs["presence"][..., None]
            spoken = torch.where(here > 0, inputs["said_mean"], 0).sum(1) / (here > 0).sum(1).clamp(min=1)
            return torch.cat([spoken, here.mean(1)], -1).flatten(1).numpy()

        parts = np.array_split(index, range(512, len(index), 512))
        return np.concatenate([summary(part) for part in parts])

    def check(self, network: nn.Module) -> None:
        """Raises ValueError for a network that is no StretchFusion, or one of another number of sources."""
        if not isinstance(network, StretchFusion):
            raise ValueError(f"the network is a {type(network).__name__}; RecordingsData wants a StretchFusion")  # noqa: TRY004
        if network.sources != len(self.sources):
            raise ValueError(
                f"the network takes {network.sources} sources and the data has {len(self.sources)} ({'; '.join(self.sources)}); set "
                "model.network or data.views"
            )

    def describe(self) -> dict[str, Any]:
        return super().describe() | {
            "sources": list(self.sources),
            "seconds": self.steps / HZ,
            "videos": len(np.unique(self._of)),
            "left_out": self.left_out,
        }

    def export(self, network: nn.Module, held: str, path: Path, figures: dict[str, Any]) -> None:
        assert isinstance(network, StretchFusion)  # check has seen to it
        real = self.samples.inputs(self.index("test")[:200], None)
        to_onnx(network, {name: value[:3] for name, value in real.items()}, {name: {0: "batch"} for name in real}, path)
        facts = Facts(
            name=path.stem,
            modality="fusion",
            window=self.steps / HZ,
            hop=1 / HZ,
            rate=HZ,
            channels=len(self.sources),
            contract={"sources": list(self.sources), "emotions": list(EMOTIONS), "steps": self.steps},
            labels=(),
            value_range=(-1.0, 1.0),
            training_data=f"{self.corpus.ABOUT.name}, but for {held}",
            licence=f"that of the data: {self.corpus.ABOUT.licence}",
            extra=self.about() | {"parameters": sum(p.numel() for p in network.parameters())},
        )
        tensors = {name: value.numpy() for name, value in network.state_dict().items()}
        checks = [{name: value.numpy() for name, value in real.items()}]
        write_checkpoint(network, tensors, path, run_card(facts, self.split, held, figures), checks)
