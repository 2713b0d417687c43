"""Corpora of EEG as windows to train on: the band entropies of every electrode, and what the person said of the trial."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from affectstream.datasets import eav, faced
from affectstream.datasets.annotated import Annotated
from affectstream.datasets.dasps import Dasps
from affectstream.datasets.deap import Deap
from affectstream.datasets.dreamer import Dreamer
from affectstream.datasets.eav import EavEeg
from affectstream.datasets.eeg import Trial, Trials, high_or_low, window_groups
from affectstream.datasets.faced import Faced
from affectstream.datasets.seed import Seed
from affectstream.datasets.seed4 import Seed4
from affectstream.encoders.eeg.electrodes import positions
from affectstream.encoders.eeg.entropy import DEFAULT, RBTRANSFORMER, Entropy, entropy
from affectstream.encoders.eeg.network import ElectrodeTransformer
from affectstream.multimodal.montages import DEAP32, EPOC14, SEED62
from affectstream.multimodal.training.data import AffectData, Split
from affectstream.multimodal.training.eeg.export import export_eeg
from affectstream.multimodal.training.export import run_card
from affectstream.multimodal.training.samples import Index, Rows
from affectstream.multimodal.types import DIMENSIONS, Facts, SignalError
from affectstream.multimodal.whole import save_arrays

Corpus = Literal["dreamer", "deap", "seed", "seed4", "faced", "dasps", "eav", "annotated"]
Learnt = Literal["valence", "arousal", "dominance", "label", "vad"]

CORPORA: dict[Corpus, tuple[Callable[[Path], Trials], tuple[str, ...]]] = {
    "dreamer": (Dreamer, EPOC14),
    "deap": (Deap, DEAP32),
    "seed": (Seed, SEED62),
    "seed4": (Seed4, SEED62),
    "faced": (Faced, faced.ELECTRODES),
    "dasps": (Dasps, EPOC14),
    "eav": (EavEeg, eav.ELECTRODES),
    "annotated": (Annotated, ()),
}
DEFINITIONS = {"default": DEFAULT, "rbtransformer": RBTRANSFORMER}
VERSION = 1  # of what a file of features holds


class EEGData(AffectData):
    """Windows of a ``corpus`` in the folder or file ``root``.

    Inputs are ``entropy`` (B, E, bands) by the ``definition`` of this name, less that of the rest before the trial if
    ``baseline`` says so (:func:`rest`), and ``present`` (B, E), 1 throughout: electrodes in the order that
    :mod:`affectstream.multimodal.montages` has. With ``places`` also their ``positions`` (B, E, 3), for a network that
    knows electrodes by where they sit, and so can be fed from other headsets later.

    The corpus "annotated" is recordings of yours (:class:`affectstream.datasets.annotated.Annotated`); ``electrodes`` says which
    channels are read of them, in which order, and ``ratings`` where their ratings are, if they have any.

    ``learnt``: high or low "valence", "arousal" or "dominance" (:func:`affectstream.datasets.eeg.high_or_low`), the corpus's
    "label", or all three ratings as numbers, "vad". Windows of which it is unknown are left out.

    ``split`` by name (:mod:`affectstream.datasets.splits`), into ``parts`` where it has parts, shuffled by ``seed``. A network is
    chosen by a validation part, one in ``parts_to_choose_by`` of the training part by subject, or by trial where there is one
    subject; 0 for none: the last epoch counts.
    """

    def __init__(
        self,
        corpus: Corpus,
        root: Path,
        learnt: Learnt,
        split: Split = "leave_one_subject_out",
        definition: Literal["default", "rbtransformer"] = "default",
        baseline: Literal["none", "rbtransformer"] = "none",
        places: bool = False,
        middle_is_high: bool = False,
        electrodes: Sequence[str] = (),
        ratings: Path | None = None,
        parts: int = 5,
        parts_to_choose_by: int = 5,
        batch: int = 256,
        seed: int = 23,
    ) -> None:
        super().__init__(split=split, folds_of=parts, parts_to_choose_by=parts_to_choose_by, batch=batch, seed=seed)
        if baseline == "rbtransformer" and definition != "rbtransformer":
            raise ValueError(f"baseline rbtransformer with the definition {definition}; wanted both from one paper")
        if (corpus == "annotated") != bool(electrodes) or (ratings is not None and corpus != "annotated"):
            raise ValueError(
                f"corpus {corpus} with {len(electrodes)} electrodes; wanted data.electrodes, such as [F3, F4, T7, T8], for the corpus "
                "annotated, and neither these nor data.ratings for others"
            )
        self.electrodes, self.ratings = tuple(electrodes) or CORPORA[corpus][1], ratings
        self.corpus: Corpus = corpus
        self.root, self.learnt = root, learnt
        self.definition, self.baseline = definition, baseline
        self.places, self.middle_is_high = places, middle_is_high

    def read(self, cache: Path) -> None:
        """The windows' features, computed or found in ``cache``, and their targets.

        Raises FileNotFoundError where the corpus is not in ``root``, ValueError for files that are not as published or where
        nothing that could be learnt is known, SignalError for a trial too short for a window.
        """
        found = load_windows(
            self.corpus, self.root, DEFINITIONS[self.definition], self.baseline, cache, self.electrodes, self.ratings
        )
        vad, label = found["vad"], found["label"]
        target = np.full(len(vad), -1)
        self.classes = ("low", "high")
        known: NDArray[np.bool_]
        if self.learnt == "vad":
            self.classes = ()
            known = np.asarray(np.isfinite(vad).any(1))
        elif self.learnt == "label":
            self.classes = tuple(sorted({str(name) for name in label if name}))
            target = np.array([self.classes.index(name) if name else -1 for name in label.tolist()], np.int64)
            known = target >= 0
        else:
            rated = vad[:, DIMENSIONS.index(self.learnt)]
            target = high_or_low(rated, middle_is_high=self.middle_is_high)
            known = target >= 0
        if not known.any():
            raise ValueError(f"{self.corpus} has no {self.learnt}; learn something else (data.learnt)")
        kept = np.flatnonzero(known[found["trial"]])
        of = found["trial"][kept]
        one_hot = np.eye(len(self.classes), dtype=np.float32)[target[of]] if self.classes else np.empty((len(of), 0))
        rated = vad[of] if self.learnt == "vad" else np.full((len(of), 3), np.nan)
        values = torch.from_numpy(found["entropy"][kept])
        inputs = {"entropy": values, "present": torch.ones(values.shape[:2])}
        if self.places:
            where = torch.from_numpy(positions(self.electrodes).astype(np.float32))
            inputs["positions"] = where.expand(len(values), -1, -1)
        self.samples = Rows(
            inputs,
            torch.from_numpy(rated.astype(np.float32)),
            torch.from_numpy(one_hot.astype(np.float32)),
        )
        counts = np.bincount(of, minlength=len(vad))
        self.groups = window_groups([tuple(where) for where in found["where"].tolist()], counts.tolist())
        self.part = np.full(len(self.groups), "")

    def features(self, index: Index) -> NDArray[np.floating]:
        return self.samples.inputs(index, None)["entropy"].flatten(1).numpy()

    def check(self, network: nn.Module) -> None:
        """Raises ValueError for a network that lists other electrodes, or the same in another order; or that knows them by
        position, and is not given any."""
        names = () if self.places else self.electrodes
        if not isinstance(network, ElectrodeTransformer) or network.shape.electrodes != names:
            got = network.shape.electrodes if isinstance(network, ElectrodeTransformer) else type(network).__name__
            wanted = "no electrodes of its own, as data.places is true" if self.places else f"{names}, in this order"
            raise ValueError(
                f"the network has the electrodes {got}; {self.corpus} wants an ElectrodeTransformer with {wanted}"
            )

    def export(self, network: nn.Module, held: str, path: Path, figures: dict[str, Any]) -> None:
        """As :func:`export_eeg` writes it."""
        assert isinstance(network, ElectrodeTransformer)  # check has seen to it
        definition = DEFINITIONS[self.definition]
        facts = Facts(
            name=path.stem,
            modality="eeg",
            window=definition.window,
            hop=definition.hop,
            rate=0.0,
            channels=len(network.shape.electrodes),
            contract={"entropy": definition.contract(), "baseline": self.baseline},
            labels=self.classes,
            value_range=(-1.0, 1.0),
            training_data=f"{self.corpus}, but for {held}",
            licence=f"that of {self.corpus}, which allows no passing on; look before you share weights made of it",
            extra=self.about(),
        )
        export_eeg(network, run_card(facts, self.split, held, figures), path.parent)

    def describe(self) -> dict[str, Any]:
        return {
            "corpus": self.corpus,
            "learnt": self.learnt,
            "middle_is_high": self.middle_is_high,
            "definition": DEFINITIONS[self.definition].contract(),
            "baseline": self.baseline,
            "electrodes": list(self.electrodes),
        }


def load_windows(
    corpus: Corpus,
    root: Path,
    definition: Entropy,
    baseline: str,
    cache: Path,
    electrodes: tuple[str, ...] = (),
    ratings: Path | None = None,
) -> dict[str, NDArray[Any]]:
    """Features of all windows of all trials, from ``cache`` if they were computed before from the same files.

    "entropy" (n, E, bands) float32 and "trial" (n,), the number of its trial; of T trials "where" (T, 3), subject, session
    and trial, "vad" (T, 3) and "label" (T,), "" where there is none. ``electrodes`` and ``ratings`` are as in :class:`EEGData`.
    """
    files = sorted(path for path in root.rglob("*") if path.is_file()) if root.is_dir() else [root]
    files += [ratings] if ratings is not None else []
    stamps = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files if path.exists()]
    key = json.dumps([VERSION, corpus, electrodes, definition.contract(), baseline, stamps])
    path = cache / f"{corpus}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.npz"
    if path.exists():
        with np.load(path) as file:
            return dict(file)
    read, names = CORPORA[corpus]
    if corpus == "annotated":
        read, names = partial(Annotated, electrodes=electrodes, ratings=ratings), electrodes
    trials = read(root)
    parts: list[NDArray[np.float32]] = []
    about: list[tuple[tuple[str, str, str], NDArray[np.float32], str]] = []
    for trial in tqdm(trials, desc=f"{corpus}, features", unit="trial", leave=False, disable=None):
        parts.append(trial_entropy(trial, names, definition, baseline))
        about.append((trial.where, trial.vad, trial.label or ""))
    where, vad, label = zip(*about, strict=True)
    found: dict[str, NDArray[Any]] = {
        "entropy": np.concatenate(parts),
        "trial": np.repeat(np.arange(len(parts)), [len(part) for part in parts]),
        "where": np.array(where, np.str_),
        "vad": np.stack(vad),
        "label": np.array(label, np.str_),
    }
    save_arrays(path, found)
    return found


def trial_entropy(trial: Trial, names: tuple[str, ...], definition: Entropy, baseline: str) -> NDArray[np.float32]:
    """Entropy (windows, E, bands) of a trial, electrodes in the order of ``names``, less its :func:`rest` if asked for.

    Raises SignalError that names the trial where it is too short, or has no rest to take off.
    """
    order = [trial.names.index(name) for name in names]
    try:
        values = entropy(trial.signal[:, order], trial.rate, definition)
        if baseline == "rbtransformer":
            if trial.baseline is None:
                raise SignalError("there is no baseline in this corpus; set data.baseline to none")
            values = values - rest(trial.baseline[:, order], trial.rate, definition)
    except SignalError as error:
        raise SignalError("subject {}, session {}, trial {}: {}".format(*trial.where, error)) from error
    return values.astype(np.float32)


def rest(baseline: NDArray[np.floating], rate: float, definition: Entropy) -> NDArray[np.float64]:
    """Entropy (E, bands) of the rest ``baseline`` (m, E) V before a trial, as RBTransformer (arXiv 2511.13954) has it.

    Its whole seconds are averaged sample by sample, and the entropy of that one second counts. This is odd: what is
    not locked to the second cancels, so that the variance falls as 1 / seconds, by 0.8 bit for DEAP's 3 and 3.0 bit for DREAMER's
    61, and the bands that are left are not those of a rest. The normalisation of windows hides the size of this, but
    not its shape; and a filter's transient fills more of one second than of a window of four. For parity only.
    Raises SignalError for less than a second.
    """
    second = round(rate)
    whole = len(baseline) // second
    if not whole:
        raise SignalError(f"the baseline lasts {len(baseline) / rate:.3g} s; wanted 1 s or more")
    mean = baseline[: whole * second].astype(np.float64).reshape(whole, second, -1).mean(0)
    return entropy(mean, rate, replace(definition, window=1.0, hop=1.0))[0]
