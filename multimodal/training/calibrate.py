"""Make a trained head honest: fitted on a validation split, stored in the head's buffers.

Means get a gain and a shift (before their tanh), because a regression on noisy targets shrinks; variances
get a factor, so that a 90 % interval covers 90 %; class logits get a temperature and a prior.
"""

from collections.abc import Callable
from statistics import NormalDist

import torch
from torch import Tensor

from affectstream.encoders.network import Affect, Calibrated
from affectstream.multimodal.training.losses import concordance, soft_cross_entropy, squared_error


@torch.no_grad()
def calibrate(
    head: Calibrated, output: Affect, vad: Tensor, labels: Tensor | None = None, *, prior: bool = True
) -> None:
    """Fit ``head``'s calibration to its ``output`` on a validation split.

    ``vad`` (n, 3), NaN where unknown; ``labels`` (n, K) distributions. Without ``prior`` logits are only sharpened, because
    how often a class occurs in the split says nothing of how often it will be met. What the head has of a scale or a
    calibration already, with which it gave ``output``, stays, and this comes on top: done twice, the second changes nothing.
    """
    raw = torch.atanh(output.mean.clamp(-0.9999, 0.9999))
    spread = _spread(vad)  # so that ratings that hardly vary count as others do
    gain, bias = _fit(
        lambda g, b: (
            (1 - concordance(torch.tanh(raw * g + b), vad)).mean()
            + squared_error(torch.tanh(raw * g + b) / spread, vad / spread)
        ),
        torch.ones(3),
        torch.zeros(3),
    )
    head.gain.mul_(gain)
    head.bias.mul_(gain).add_(bias)
    head.widen.add_(widening(torch.tanh(raw * gain + bias), output.log_var, vad))
    if output.logits is not None and labels is not None:
        logits = output.logits
        sharpen, shift = _fit(
            lambda s, p: soft_cross_entropy(logits * s + (p if prior else 0 * p), labels) + 1e-3 * p.square().sum(),
            torch.ones(()),
            torch.zeros(logits.shape[1]),
        )
        head.sharpen.mul_(sharpen)
        head.log_prior.mul_(sharpen).add_(shift if prior else 0)


def _spread(values: Tensor) -> Tensor:
    """The standard deviation (3,) of the known values of each column (n, 3); 1 where there are none, or all are one."""
    known = torch.isfinite(values)
    count = known.sum(0).clamp(min=1)
    off = torch.where(known, values - torch.where(known, values, 0).sum(0) / count, 0)
    spread = (off.square().sum(0) / count).sqrt()
    return torch.where(spread > 1e-6, spread, 1.0)


def widening(mean: Tensor, log_var: Tensor, target: Tensor, level: float = 0.9) -> Tensor:
    """What to add to ``log_var`` (n, 3) so that the central ``level`` interval covers ``level`` of ``target``, per column (3,);
    0 for a column of which nothing is known."""
    score = (target - mean).abs() / (0.5 * log_var).exp()
    known = [column[torch.isfinite(column)] for column in score.unbind(1)]
    as_it_is = torch.tensor(NormalDist().inv_cdf(0.5 + level / 2))
    reach = torch.stack([column.quantile(level) if len(column) else as_it_is for column in known])
    return 2 * (reach / NormalDist().inv_cdf(0.5 + level / 2)).log()


def _fit(loss: Callable[..., Tensor], *starts: Tensor) -> list[Tensor]:
    """The values from ``starts`` on at which ``loss`` is least (L-BFGS)."""
    values = [start.clone().requires_grad_() for start in starts]
    optimizer = torch.optim.LBFGS(values, max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        with torch.enable_grad():
            value = loss(*values)
            value.backward()
        return value

    optimizer.step(closure)  # pyright: ignore[reportArgumentType]
    return [value.detach() for value in values]
