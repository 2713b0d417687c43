"""What a speech network must be better than, on the same folds: guessing, a neighbour, and openSMILE with a linear SVM."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.clips import Clips, read_clip
from affectstream.encoders.speech.spectrum import RATE
from affectstream.multimodal import metrics
from affectstream.multimodal.training.speech.prepared import Prepared


def baselines(clips: Clips, part: Prepared, run: Path) -> dict[str, Any]:
    """UAR of each baseline with every speaker left out, statistics from the training speakers only; None for what is not
    installed (opensmile: pip install 'affectstream[peers]')."""
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.svm import SVC

    plain = np.stack([mean_quartets(part, clip) for clip in range(len(clips))])
    smile = _egemaps(clips, run)
    return {
        "majority": round(1 / len(clips.emotions), 4),
        "nearest neighbour, mean quartets": _left_out(clips, plain, KNeighborsClassifier(1)),
        "linear SVM, mean quartets": _left_out(clips, plain, SVC(kernel="linear", C=0.003, class_weight="balanced")),
        "eGeMAPS and a linear SVM": None
        if smile is None
        else _left_out(clips, smile, SVC(kernel="linear", C=0.1, class_weight="balanced")),
    }


def _left_out(clips: Clips, features: NDArray[np.floating], model: Any) -> float:
    guess = np.empty(len(clips), np.int64)
    for speaker in np.unique(clips.speaker):
        own = clips.speaker == speaker
        mean, sd = features[~own].mean(0), features[~own].std(0) + 1e-9
        guess[own] = model.fit((features[~own] - mean) / sd, clips.label[~own]).predict((features[own] - mean) / sd)
    return round(metrics.uar(guess, clips.label), 4)


def mean_quartets(part: Prepared, clip: int) -> NDArray[np.float32]:
    """Mean and standard deviation of a recording's quartets, the level relative."""
    frames = part.quartets[part.offset[clip] : part.offset[clip + 1]].astype(np.float32)
    frames[:, 0] -= frames[:, 0].mean()
    return np.concatenate([frames.mean(0).ravel(), frames.std(0).ravel()])


def _egemaps(clips: Clips, run: Path) -> NDArray[np.float32] | None:
    """The 88 eGeMAPS functionals (Eyben et al. 2016) of each recording, kept in ``run``."""
    kept = run / f"egemaps-{len(clips)}.npy"
    if not kept.exists():
        try:
            import opensmile  # pyright: ignore[reportMissingImports]
        except ImportError:
            return None
        smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
        rows = [smile.process_signal(read_clip(clip.path), RATE).to_numpy()[0] for clip in clips.clips]
        np.save(kept, np.array(rows, np.float32))
    return np.load(kept)
