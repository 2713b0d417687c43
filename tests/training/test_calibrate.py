"""Calibration against its promise."""

import numpy as np
import torch

from affectstream.encoders.network import Affect, AffectHead
from affectstream.multimodal import metrics
from affectstream.multimodal.training.calibrate import calibrate
from affectstream.multimodal.training.losses import concordance


def test_calibration_undoes_shrinkage_and_covers_nine_of_ten() -> None:
    truth = torch.from_numpy(np.random.default_rng(0).uniform(-0.8, 0.8, (4000, 3))).float()
    noisy = torch.atanh((truth + 0.15 * torch.randn(4000, 3)).clamp(-0.95, 0.95))
    head = AffectHead(4, 0)
    output = Affect(torch.tanh(0.4 * noisy + 0.1), torch.full((4000, 3), -9.0), None, torch.empty(0))
    before = concordance(output.mean, truth)
    calibrate(head, output, truth)
    mean = torch.tanh(torch.atanh(output.mean) * head.gain + head.bias)
    assert (concordance(mean, truth) > before + 0.05).all()
    covered = metrics.coverage(mean.numpy(), (output.log_var + head.widen).exp().numpy(), truth.numpy())
    np.testing.assert_allclose(covered, 0.9, atol=0.002)
    once = {name: value.clone() for name, value in head.state_dict().items()}
    calibrate(head, Affect(mean, output.log_var + head.widen, None, torch.empty(0)), truth)
    for name in ("gain", "bias", "widen"):
        torch.testing.assert_close(head.state_dict()[name], once[name], atol=0.01, rtol=0.01)
