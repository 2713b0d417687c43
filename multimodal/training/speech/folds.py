"""Speakers left out one by one: what a speech network says of those it never heard, under every recipe of the table.

    python -m affectstream.multimodal.training.speech.folds --data FOLDER --run FOLDER [--workers 2]

``FOLDER`` of ``--data`` holds ``emodb`` and ``nemo``. Every fold is kept in the run folder, so that a broken-off run goes
on, and ``speech.export`` makes the tables of them.
"""

import argparse
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from affectstream.datasets import emodb, nemo
from affectstream.datasets.clips import Clips
from affectstream.datasets.emodb import EmoDB
from affectstream.datasets.nemo import Nemo
from affectstream.encoders.network import Affect
from affectstream.encoders.speech.backbone import Backbone, WhisperBackbone
from affectstream.encoders.speech.encoder import ALONE, NAME
from affectstream.encoders.speech.features import WINDOW
from affectstream.encoders.speech.network import joined, shares
from affectstream.multimodal.terms import expected_vad
from affectstream.multimodal.training.speech.augment import CONDITIONS
from affectstream.multimodal.training.speech.linear import LinearRecipe, features, fit_linear, lessons
from affectstream.multimodal.training.speech.member import Recipe, answers, train_member
from affectstream.multimodal.training.speech.prepared import Prepared, copies, prepare

BOTH = Recipe()
VOICE = replace(BOTH, backbone=False)
UNTAUGHT = replace(VOICE, taught=0.0)

# The rows of the ablation table.
RECIPES: dict[str, Recipe] = {
    "both": BOTH,
    "both, not aligned": replace(BOTH, contrast=0.0, taught=0.0),
    "backbone alone": replace(BOTH, voice=False),
    "voice": VOICE,
    "voice, not aligned": UNTAUGHT,
    "voice, not aligned, real": replace(UNTAUGHT, algebra="real"),
    "voice, not aligned, amplitude": replace(UNTAUGHT, part="amplitude"),
    "voice, not aligned, phase": replace(UNTAUGHT, part="phase"),
}
LINEAR: dict[str, LinearRecipe] = {
    "linear, backbone": LinearRecipe("states", ridge=0.1),
    "linear, voice": LinearRecipe("functionals", ridge=0.03, stretched=10),
}


@dataclass(frozen=True)
class Blend:
    """What is shipped: networks of the recipe ``deep`` and one of ``linear``, which has ``linear_share`` in their answer."""

    deep: str
    linear: str
    linear_share: float


# Checkpoint to what it is made of. The shares were chosen on EmoDB's folds.
SHIPPED = {NAME: Blend("both", "linear, backbone", 1 / 3), ALONE: Blend("voice", "linear, voice", 2 / 3)}
MEMBERS = 2  # deep networks in each that is shipped
LOOK = "one look"  # what is said of the two seconds in the middle of a recording, as the runtime looks
STEPS = {"emodb": BOTH.steps, "nemo": 160}  # of training; nEMO only serves the table
TERMS = {"emodb": expected_vad(np.eye(7), emodb.EMOTIONS), "nemo": expected_vad(np.eye(6), nemo.EMOTIONS)}  # (K, 3)
COPIES = {"emodb": 4, "nemo": 1}  # varied copies to train on beside the recordings as they are


@dataclass(frozen=True)
class Fold:
    """One network to train, on ``corpus`` without ``speaker`` and, if ``half`` is 0 or 1, without that half of the sentences."""

    corpus: str
    recipe: str
    speaker: str
    half: int | None = None
    seed: int = 0

    @property
    def file(self) -> str:
        """What its answers are called on disk."""
        name = self.recipe.replace(", ", "_").replace(" ", "-")
        half = "" if self.half is None else f".half{self.half}"
        return f"{self.corpus}.{name}.{self.speaker}{half}.seed{self.seed}.npz"


@dataclass(frozen=True, eq=False)
class Corpus:
    """A corpus with its frames: ``sets`` to train on, the first as it is; ``tests`` condition to what is tested on."""

    clips: Clips
    sets: list[Prepared]
    tests: dict[str, Prepared]


def open_corpus(name: str, data: Path, run: Path, backbone: Backbone | None = None) -> Corpus:
    """The corpus "emodb" or "nemo" with its frames, computed if they are not in ``run`` yet.

    ``backbone`` is the shipped one by default.
    """
    clips = EmoDB(data / "emodb") if name == "emodb" else Nemo(data / "nemo")
    backbone = backbone or WhisperBackbone.load()
    sets = copies(clips, backbone, run / "frames", name=name, count=COPIES[name])
    tests = {"clean": sets[0]}
    if name == "emodb":
        tests |= {
            condition: prepare(
                clips, backbone, run / "frames", name=f"emodb, {condition}".replace("/", " "), alter=alter
            )
            for condition, alter in CONDITIONS.items()
            if condition != "clean"
        }
    return Corpus(clips, sets, tests)


def folds(corpora: dict[str, Corpus]) -> Iterator[Fold]:
    """All folds of the tables, the most wanted first."""
    speakers = {name: np.unique(corpus.clips.speaker).tolist() for name, corpus in corpora.items()}
    for recipe in RECIPES:
        yield from (Fold("emodb", recipe, speaker) for speaker in speakers["emodb"])
    for seed in range(1, MEMBERS):
        for blend in SHIPPED.values():
            yield from (Fold("emodb", blend.deep, speaker, seed=seed) for speaker in speakers["emodb"])
    for recipe in RECIPES:
        yield from (Fold("nemo", recipe, speaker) for speaker in speakers["nemo"])
    yield from (Fold("emodb", "both", speaker, half=0) for speaker in speakers["emodb"])  # one half tells enough


def split(clips: Clips, fold: Fold) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices to train on and to test on: never the same speaker nor, where sentences are held out, the same sentence."""
    own = clips.speaker == fold.speaker
    if fold.half is None:
        return np.flatnonzero(~own), np.flatnonzero(own)
    sentences = np.unique(clips.sentence)
    held = np.isin(clips.sentence, sentences[fold.half :: 2])
    return np.flatnonzero(~own & ~held), np.flatnonzero(own & held)


def run_fold(fold: Fold, corpus: Corpus, run: Path) -> None:
    """Train and test ``fold``, and keep its answers."""
    train, test = split(corpus.clips, fold)
    recipe = replace(RECIPES[fold.recipe], steps=STEPS[fold.corpus])
    network = train_member(corpus.sets, corpus.clips, train, recipe, fold.seed)
    wide = fold.recipe in {blend.deep for blend in SHIPPED.values()} and fold.half is None and fold.seed == 0
    said = {LOOK: answers(network, corpus.tests["clean"], test, WINDOW)}
    for condition, part in corpus.tests.items() if wide else [("clean", corpus.tests["clean"])]:
        said[condition] = answers(network, part, test)
    _keep(fold, test, said, run)


def run_linear(name: str, corpus: Corpus, recipe: str, run: Path) -> None:
    """Train and test the linear ``recipe`` on the corpus called ``name`` with each speaker left out, and keep the answers.

    With half of the sentences left out too where the deep networks have such folds.
    """
    every = [
        Fold(name, recipe, speaker, half)
        for speaker in np.unique(corpus.clips.speaker).tolist()
        for half in ((None, 0) if name == "emodb" else (None,))
    ]
    wanted = [fold for fold in every if not (run / "folds" / fold.file).exists()]
    if not wanted:
        return
    source = LINEAR[recipe].source
    terms = torch.from_numpy(TERMS[name]).float()
    taught = lessons(corpus.sets, LINEAR[recipe])
    asked = {LOOK: features(corpus.tests["clean"], source, longest=WINDOW)}
    asked |= {condition: features(part, source) for condition, part in corpus.tests.items()}
    for fold in wanted:
        train, test = split(corpus.clips, fold)
        network = fit_linear(taught, corpus.clips, train, terms, LINEAR[recipe])
        with torch.inference_mode():
            said = {condition: network(torch.from_numpy(rows[test])) for condition, rows in asked.items()}
        _keep(fold, test, said, run)


def _keep(fold: Fold, test: NDArray[np.integer], said: dict[str, Affect], run: Path) -> None:
    """Write what was ``said`` of the recordings ``test`` under each condition."""
    kept: dict[str, NDArray[np.generic]] = {"clip": test}
    for condition, answer in said.items():
        parts = {name: part for name, part in answer._asdict().items() if part is not None and name != "embedding"}
        kept |= {f"{condition}: {name}": part.numpy() for name, part in parts.items()}
    place = run / "folds" / fold.file
    place.parent.mkdir(parents=True, exist_ok=True)
    with (partial := place.with_suffix(".part")).open("wb") as file:
        np.savez(file, **kept)  # pyright: ignore[reportArgumentType]
    partial.replace(place)


def read_folds(
    run: Path,
    corpus: str,
    what: str | Blend,
    condition: str = "clean",
    *,
    halves: bool = False,
    members: int = MEMBERS,
) -> tuple[NDArray[np.int64], Affect]:
    """The recordings (n,) of all folds, and the answers to them, of networks that heard neither.

    ``what`` is a recipe, of which the first seed's network answers, or a blend with so many ``members``; the answers are joined
    as :func:`joined` has it. Raises FileNotFoundError if a fold that is needed is not there.
    """
    if isinstance(what, str):
        parts, share = [(what, 0)], [1.0]
    else:
        parts = [*((what.deep, seed) for seed in range(members)), (what.linear, 0)]
        share = shares(members, what.linear_share)
    terms = torch.from_numpy(TERMS[corpus]).float()
    pattern = Fold(corpus, parts[0][0], "*").file
    first = [path for path in sorted((run / "folds").glob(pattern)) if (".half" in path.name) == halves]
    if not first:
        raise FileNotFoundError(f"no folds {pattern} in {run / 'folds'}; run training.speech.folds first")
    clips: list[NDArray[np.int64]] = []
    together: list[tuple[torch.Tensor, ...]] = []
    for path in first:
        speaker, half = path.name.split(".")[2], 0 if halves else None
        read = [_read(run, Fold(corpus, recipe, speaker, half, seed), condition) for recipe, seed in parts]
        clips.append(read[0][0])
        together.append(joined([said for _, said in read], terms, share))
    mean, log_var, logits = (torch.cat(column) for column in zip(*together, strict=True))
    return np.concatenate(clips), Affect(mean, log_var, logits, torch.empty(len(mean), 0))


def _read(run: Path, fold: Fold, condition: str) -> tuple[NDArray[np.int64], Affect]:
    with np.load(run / "folds" / fold.file, allow_pickle=False) as file:
        mean, log_var, logits = (
            torch.from_numpy(file[f"{condition}: {name}"]) for name in ("mean", "log_var", "logits")
        )
        return file["clip"], Affect(mean, log_var, logits, torch.empty(len(mean), 0))


_opened: dict[str, Corpus] = {}  # in a worker, so that frames are opened once


def _work(fold: Fold, data: Path, run: Path) -> Fold:
    torch.set_num_threads(1)
    if fold.corpus not in _opened:
        _opened[fold.corpus] = open_corpus(fold.corpus, data, run)
    run_fold(fold, _opened[fold.corpus], run)
    return fold


def main() -> None:
    parser = argparse.ArgumentParser(description="Train and test every recipe with each speaker left out")
    parser.add_argument("--data", type=Path, required=True, help="folder with emodb and nemo")
    parser.add_argument("--run", type=Path, required=True, help="folder for frames and folds")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    corpora = {name: open_corpus(name, arguments.data, arguments.run) for name in COPIES}
    wanted = [fold for fold in folds(corpora) if not (arguments.run / "folds" / fold.file).exists()]
    with ProcessPoolExecutor(arguments.workers) as pool:
        done = [pool.submit(_work, fold, arguments.data, arguments.run) for fold in wanted]
        for k, future in enumerate(as_completed(done), 1):
            print(f"{k} of {len(wanted)}: {future.result()}", flush=True)
    for name, corpus in corpora.items():
        for recipe in LINEAR:
            run_linear(name, corpus, recipe, arguments.run)
            print(f"{recipe} on {name}", flush=True)


if __name__ == "__main__":
    main()
