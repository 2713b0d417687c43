"""Layers whose channels are quaternions: Hamilton product, convolution, batch normalisation (torch).

A tensor (B, 4 C, ...) holds C quaternions in four consecutive blocks of C channels: real, i, j, k. Gaudet and Maida
2018, "Deep Quaternion Networks" (arXiv 1712.04604), after Trabelsi et al. 2018 (arXiv 1705.09792) for complex
numbers; Parcollet et al. 2019, "Quaternion Recurrent Neural Networks" (arXiv 1806.04418), for speech.
"""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional


def left_matrix(p: Tensor) -> Tensor:
    """Quaternions (4, ...) to the real matrices (4, 4, ...) by which they multiply from the left."""
    r, i, j, k = p.unbind(0)
    rows = ((r, -i, -j, -k), (i, r, -k, j), (j, k, r, -i), (k, -j, i, r))
    return torch.stack([torch.stack(row) for row in rows])


def hamilton(p: Tensor, q: Tensor, dim: int = -1) -> Tensor:
    """The product p q of quaternions whose components real, i, j, k lie along axis ``dim`` of length 4; broadcasts.

    For channels in blocks, ``x.unflatten(1, (4, -1))`` has them along axis 1.

    >>> _, i, j, k = torch.eye(4)
    >>> hamilton(i, j).equal(k), hamilton(j, i).equal(-k)
    (True, True)
    """
    p, q = (part.movedim(dim, 0) for part in torch.broadcast_tensors(p, q))
    return (left_matrix(p) * q).sum(1).movedim(0, dim)


class QuaternionConv(nn.Module):
    """The base of both convolutions: y = w x, summed over the quaternions that come in and over the taps.

    ``weight`` (4, out, in, taps...) holds quaternions, a quarter of the numbers of the real convolution between as
    many channels; ``bias`` (4 out,) starts at 0. The weight multiplies from the left, as published. So if there is no
    bias, multiplying every input by one quaternion from the right multiplies every output by it too.

    Weights are drawn from torch's global generator: four independent normal components of variance 1 / (2 n), with n
    quaternions coming in times taps (He et al. 2015, arXiv 1502.01852). The modulus then follows the published chi
    distribution with four degrees of freedom, E|w|^2 = 2 / n, and every direction in four dimensions is as likely.
    Both papers draw the direction in polar form instead, cos t + u sin t with t uniform in [-pi, pi] and u a random
    unit imaginary. That favours the real axis (variance 1 / n, of each imaginary one 1 / (3 n) if u is isotropic),
    and nothing here asks for it.
    """

    axes: ClassVar[int]

    def __init__(
        self,
        in_quaternions: int,
        out_quaternions: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] = 0,
        bias: bool = True,
    ) -> None:
        super().__init__()
        taps = (kernel_size,) * self.axes if isinstance(kernel_size, int) else kernel_size
        if len(taps) != self.axes:
            raise ValueError(f"kernel_size is {kernel_size}; wanted one number or {self.axes}")
        sigma = 1 / math.sqrt(2 * in_quaternions * math.prod(taps))
        self.weight = nn.Parameter(sigma * torch.randn(4, out_quaternions, in_quaternions, *taps))
        self.bias = nn.Parameter(torch.zeros(4 * out_quaternions)) if bias else None
        self.stride, self.padding = stride, padding

    def forward(self, x: Tensor) -> Tensor:
        """(B, 4 in, ...) to (B, 4 out, ...), by one real convolution."""
        real = left_matrix(self.weight).transpose(1, 2).flatten(2, 3).flatten(0, 1)
        convolve = functional.conv1d if self.axes == 1 else functional.conv2d
        return convolve(x, real, self.bias, self.stride, self.padding)


class QuaternionConv1d(QuaternionConv):
    """(B, 4 in, T) to (B, 4 out, T'); stride and padding are those of ``nn.Conv1d``.

    >>> QuaternionConv1d(2, 5, 3, padding=1)(torch.zeros(1, 8, 10)).shape
    torch.Size([1, 20, 10])
    """

    axes = 1


class QuaternionConv2d(QuaternionConv):
    """(B, 4 in, H, W) to (B, 4 out, H', W'); stride and padding are those of ``nn.Conv2d``.

    >>> QuaternionConv2d(2, 5, 3, bias=False).weight.numel() / nn.Conv2d(8, 20, 3, bias=False).weight.numel()
    0.25
    """

    axes = 2


def whitening_matrix(covariance: Tensor, eps: float) -> Tensor:
    """The lower triangular W (C, 4, 4) with W (V + eps) W^T = 1 for covariances V (C, 4, 4).

    W is the inverse of the Cholesky factor of V + eps, by elimination in [V + eps, 1]; all channels at once, in
    operations that ONNX has. Every pivot is at least eps but for rounding, so holding it there keeps W finite where
    components depend on each other. The paper takes the factor of the inverse of V, which differs by a rotation.
    """
    unit = torch.eye(4, dtype=covariance.dtype, device=covariance.device).expand_as(covariance)
    rest = torch.cat([covariance + eps * unit, unit], 2)
    rows: list[Tensor] = []
    for column in range(4):
        head = rest[:, :1]
        pivot = head[:, :, column, None].clamp(min=eps)
        rows.append(head[:, :, 4:] * pivot.rsqrt())
        rest = rest[:, 1:] - rest[:, 1:, column, None] * (head / pivot)
    return torch.cat(rows, 1)


_SYMMETRIC = [0, 1, 2, 3, 1, 4, 5, 6, 2, 5, 7, 8, 3, 6, 8, 9]  # where a 4x4 matrix has the ten numbers of its half


class QuaternionBatchNorm(nn.Module):
    """(B, 4 C, ...) to the same: y = gamma W (x - mean) + beta, W whitening the four components of each quaternion.

    Published: mean (4,) and covariance (4, 4) are each quaternion channel's own, over batch and space; ``gamma``
    (C, 10) is the upper half of a symmetric matrix and starts at 1/2 on the diagonal, so that E|y|^2 = 1; ``beta``
    (C, 4, 1) starts at 0. Chosen here: Cholesky as in :func:`whitening_matrix`, and running statistics as torch's
    batch norms keep them (new = ``momentum`` batch + (1 - ``momentum``) old, covariance over n - 1), which start at
    0 and 1. In evaluation they stand for the batch's, and the layer is one 4x4 affine map per channel.

    >>> norm = QuaternionBatchNorm(2)
    >>> quaternions = norm(torch.randn(16, 8, 10)).unflatten(1, (4, 2))
    >>> round(quaternions.square().sum(1).mean().item(), 2)
    1.0
    """

    running_mean: Tensor
    running_covariance: Tensor

    def __init__(self, quaternions: int, momentum: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__()
        self.momentum, self.eps = momentum, eps
        half = torch.eye(4)[torch.triu(torch.ones(4, 4)) > 0] / 2
        self.gamma = nn.Parameter(half.repeat(quaternions, 1))
        self.beta = nn.Parameter(torch.zeros(quaternions, 4, 1))
        self.register_buffer("running_mean", torch.zeros(quaternions, 4, 1))
        self.register_buffer("running_covariance", torch.eye(4).repeat(quaternions, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Raises ValueError in training if there is one value per channel, which has no covariance."""
        parts = x.unflatten(1, (4, -1)).transpose(0, 2)  # (C, 4, B, ...)
        values = parts.flatten(2)
        mean, covariance = self._learn(values) if self.training else (self.running_mean, self.running_covariance)
        matrix = self.gamma[:, _SYMMETRIC].unflatten(1, (4, 4)) @ whitening_matrix(covariance, self.eps)
        normal = torch.baddbmm(self.beta - matrix @ mean, matrix, values)
        return normal.view_as(parts).transpose(0, 2).flatten(1, 2)

    def _learn(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (C, 4, 1) and covariance (C, 4, 4) of ``values`` (C, 4, N), which also move the running ones."""
        count = values.shape[2]
        if count < 2:
            raise ValueError(f"got {count} value per channel; wanted two or more to train on, or call eval() first")
        mean = values.mean(2, keepdim=True)
        centred = values - mean
        covariance = centred @ centred.transpose(1, 2) / count
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_covariance.lerp_(covariance * (count / (count - 1)), self.momentum)
        return mean, covariance
