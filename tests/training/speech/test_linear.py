"""The linear speech network: trained to the optimum that another library finds, on voices as others would have them."""

from types import SimpleNamespace
from typing import cast

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from affectstream.datasets.clips import Clips
from affectstream.multimodal.training.speech.linear import LinearRecipe, fit_linear, moved


def test_the_optimum_is_sklearns() -> None:
    rng = np.random.default_rng(0)
    label = rng.choice(3, 120, p=[0.6, 0.3, 0.1])
    copies = [(rng.standard_normal((120, 6)) + np.eye(3, 6)[label]).astype(np.float32) for _ in range(2)]
    clips = cast(Clips, SimpleNamespace(label=label, emotions=("a", "b", "c")))
    train = np.arange(0, 120, 2)
    network = fit_linear(copies, clips, train, torch.zeros(3, 3), LinearRecipe("functionals", ridge=0.01))
    x, y = np.concatenate([copy[train] for copy in copies]), np.tile(label[train], 2)
    z = (x - x.mean(0)) / (x.std(0, ddof=1) + 1e-3)
    # Its objective is C times the sum of weighted errors and half the squared weights; ours is their mean and the ridge.
    theirs = LogisticRegression(C=1 / (2 * 0.01 * len(y)), class_weight="balanced", max_iter=2000, tol=1e-8).fit(z, y)
    logits = network(torch.from_numpy(x)).logits
    assert logits is not None
    np.testing.assert_allclose(logits.softmax(1).detach().numpy(), theirs.predict_proba(z), atol=2e-3)


def test_a_voice_is_moved_along_bands_and_time() -> None:
    quartets = np.random.default_rng(0).standard_normal((60, 8, 40)).astype(np.float32)
    presence = np.linspace(0, 1, 60, dtype=np.float32)
    same, there = moved(quartets, presence, 0.0, 1.0)
    np.testing.assert_allclose(same, quartets, atol=1e-6)
    np.testing.assert_array_equal(there, presence)
    up, _ = moved(quartets, presence, 2.0, 1.0)
    np.testing.assert_allclose(up[:, :, :38], quartets[:, :, 2:], atol=1e-6)
    ramp = np.broadcast_to(np.arange(60, dtype=np.float32)[:, None, None], quartets.shape)
    fast, there = moved(ramp, presence, 0.0, 1.5)
    assert len(fast) == len(there) == 40
    np.testing.assert_allclose(fast[:, 0, 0], np.linspace(0, 59, 40), atol=1e-4)
