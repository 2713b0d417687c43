"""Quaternion layers against complex matrices, rotations, loops and numpy's linear algebra."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from scipy.stats import chi, kstest
from torch import Tensor, nn

from affectstream.encoders.speech.quaternion import (
    QuaternionBatchNorm,
    QuaternionConv1d,
    QuaternionConv2d,
    hamilton,
    whitening_matrix,
)

Floats = NDArray[np.float64]
QUATERNIONS = arrays(np.float64, 4, elements=st.floats(-10, 10))
UNITS = QUATERNIONS.filter(lambda q: bool(np.linalg.norm(q) > 0.1)).map(lambda q: q / np.linalg.norm(q))


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def product(p: Floats, q: Floats) -> Floats:
    return hamilton(torch.from_numpy(p), torch.from_numpy(q)).numpy()


def complex_matrix(q: Floats) -> NDArray[np.complex128]:
    """Quaternions (..., 4) as 2x2 complex matrices, whose product is theirs."""
    r, i, j, k = np.moveaxis(q, -1, 0)
    return np.stack([np.stack([r + 1j * i, j + 1j * k], -1), np.stack([-j + 1j * k, r - 1j * i], -1)], -2)


def from_complex(matrix: NDArray[np.complex128]) -> Floats:
    first, second = matrix[..., 0, 0], matrix[..., 0, 1]
    return np.stack([first.real, first.imag, second.real, second.imag], -1)


def split(x: Tensor) -> Floats:
    """Channels (B, 4 C, ...) to quaternions (B, C, ..., 4)."""
    channels = x.shape[1] // 4
    return np.stack([x.detach().numpy()[:, n * channels : (n + 1) * channels] for n in range(4)], -1)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def mixed(batch: int, quaternions: int, *space: int, seed: int = 0) -> Tensor:
    """Values (B, 4 C, ...) whose components depend on each other, differently for each of C quaternions."""
    rng = np.random.default_rng(seed)
    mix, shift = rng.normal(size=(quaternions, 4, 4)), 3 * rng.normal(size=(4, quaternions))
    values = np.einsum("cab,nbc...->nac...", mix, rng.normal(size=(batch, 4, quaternions, *space)))
    values += shift.reshape(4, quaternions, *(1 for _ in space))
    return torch.from_numpy(values.reshape(batch, 4 * quaternions, *space))


def test_i_j_and_k_multiply_as_hamilton_carved_it() -> None:
    one, i, j, k = np.eye(4)
    for square in (product(i, i), product(j, j), product(k, k), product(product(i, j), k)):
        np.testing.assert_array_equal(square, -one)
    np.testing.assert_array_equal(product(i, j), k)
    np.testing.assert_array_equal(product(j, i), -k)


@given(QUATERNIONS, QUATERNIONS, QUATERNIONS)
def test_the_product_is_associative_and_multiplies_lengths(p: Floats, q: Floats, r: Floats) -> None:
    np.testing.assert_allclose(product(product(p, q), r), product(p, product(q, r)), atol=1e-6)
    length = np.linalg.norm(p) * np.linalg.norm(q)
    np.testing.assert_allclose(np.linalg.norm(product(p, q)), length, atol=1e-6)


@given(QUATERNIONS, QUATERNIONS)
def test_the_product_is_that_of_complex_matrices(p: Floats, q: Floats) -> None:
    np.testing.assert_allclose(product(p, q), from_complex(complex_matrix(p) @ complex_matrix(q)), atol=1e-6)


@given(UNITS, UNITS)
def test_the_product_of_units_is_one_rotation_after_the_other(p: Floats, q: Floats) -> None:
    after = Rotation.from_quat(np.roll(p, -1)) * Rotation.from_quat(np.roll(q, -1))  # scipy has the real part last
    ours = Rotation.from_quat(np.roll(product(p, q), -1))
    np.testing.assert_allclose(ours.as_matrix(), after.as_matrix(), atol=1e-6)


def test_the_product_broadcasts_along_the_axis_asked_for() -> None:
    p, q = random(4, 3, seed=1), random(2, 4, 3, 5, seed=2)
    ours = hamilton(p[None, :, :, None], q, dim=1)
    theirs = product(p.T[None, :, None].numpy().copy(), q.permute(0, 2, 3, 1).numpy().copy())
    np.testing.assert_allclose(ours.permute(0, 2, 3, 1).numpy(), theirs, atol=1e-12)


def looped(conv: QuaternionConv2d, x: Tensor, stride: int, padding: int) -> Floats:
    """The convolution of ``x`` (B, 4 C, H, W) as sums of products of complex matrices: (B, C', H', W', 4)."""
    weight = complex_matrix(np.moveaxis(conv.weight.detach().numpy(), 0, -1))
    space = ((0, 0), (0, 0), (padding, padding), (padding, padding), (0, 0))
    values = complex_matrix(np.pad(split(x), space))
    outputs, inputs, high, wide = weight.shape[:4]
    rows, columns = ((size - tap) // stride + 1 for size, tap in zip(values.shape[2:4], (high, wide), strict=True))
    out = np.zeros((len(x), outputs, rows, columns, 2, 2), complex)
    for n, o, row, column in np.ndindex(*out.shape[:4]):
        for c, a, b in np.ndindex(inputs, high, wide):
            out[n, o, row, column] += weight[o, c, a, b] @ values[n, c, stride * row + a, stride * column + b]
    return from_complex(out)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [((1, 1), 1, 0), ((3, 3), 1, 1), ((3, 2), 1, 0), ((2, 3), 2, 1)]
)
def test_convolution_is_a_loop_of_products(kernel: tuple[int, int], stride: int, padding: int) -> None:
    conv = QuaternionConv2d(2, 3, kernel, stride, padding).double()
    assert conv.bias is not None
    nn.init.normal_(conv.bias)
    x = random(2, 8, 4, 5)
    wanted = looped(conv, x, stride, padding) + split(conv.bias[None])[:, :, None, None]
    np.testing.assert_allclose(split(conv(x)), wanted, atol=1e-6)


def test_one_tap_is_one_hamilton_product() -> None:
    conv = QuaternionConv2d(1, 1, 1, bias=False).double()
    x = random(2, 4, 3, 3)
    np.testing.assert_allclose(conv(x).detach(), hamilton(conv.weight.detach()[None, :, 0, 0], x, 1), atol=1e-12)


def test_one_axis_is_two_of_which_one_is_short() -> None:
    conv, flat = QuaternionConv2d(2, 3, (1, 5), (1, 2), (0, 1)), QuaternionConv1d(2, 3, 5, 2, 1)
    flat.load_state_dict({"weight": conv.weight[:, :, :, 0], "bias": torch.ones(12)})
    x = torch.randn(2, 8, 11)
    torch.testing.assert_close(flat(x) - 1, conv(x[:, :, None])[:, :, 0])


def test_a_kernel_of_too_many_axes_is_refused() -> None:
    with pytest.raises(ValueError, match="wanted one number or 1"):
        QuaternionConv1d(1, 1, (3, 3))


@given(UNITS, st.integers(0, 99))
def test_convolution_commutes_with_a_product_from_the_right(unit: Floats, number: int) -> None:
    torch.manual_seed(number)
    conv = QuaternionConv2d(2, 3, 3, padding=1, bias=False).double()
    x, turn = random(1, 8, 4, 4, seed=number), torch.from_numpy(unit)[None, :, None, None, None]

    def turned(values: Tensor) -> Tensor:
        return hamilton(values.unflatten(1, (4, -1)), turn, 1).flatten(1, 2)

    torch.testing.assert_close(conv(turned(x)), turned(conv(x)), atol=1e-6, rtol=0)


def test_but_not_with_one_from_the_left() -> None:
    conv = QuaternionConv2d(2, 3, 3, bias=False).double()
    x, i = random(1, 8, 4, 4), torch.eye(4, dtype=torch.float64)[1, None, :, None, None, None]

    def turned(values: Tensor) -> Tensor:
        return hamilton(i, values.unflatten(1, (4, -1)), 1).flatten(1, 2)

    assert (conv(turned(x)) - turned(conv(x))).abs().max() > 0.1


def test_a_quarter_of_the_weights_and_all_of_the_bias() -> None:
    ours, real = QuaternionConv2d(4, 6, (3, 5)), nn.Conv2d(16, 24, (3, 5))
    assert ours.bias is not None and real.bias is not None
    assert 4 * ours.weight.numel() == real.weight.numel()
    assert ours.bias.shape == real.bias.shape
    assert sum(p.numel() for p in ours.parameters()) == ours.weight.numel() + ours.bias.numel()


def test_weights_are_drawn_as_he_wants_them() -> None:
    before = np.random.get_state(legacy=False)
    first, second = QuaternionConv2d(32, 64, 3), QuaternionConv2d(32, 64, 3)
    after = np.random.get_state(legacy=False)
    np.testing.assert_equal(after, before)
    assert (first.weight != second.weight).any()
    torch.manual_seed(0)
    assert QuaternionConv2d(32, 64, 3).weight.equal(first.weight)

    weight, variance = first.weight.detach().numpy(), 1 / (2 * 32 * 9)
    np.testing.assert_allclose(weight.var((1, 2, 3, 4)), variance, rtol=0.03)
    modulus = np.linalg.norm(weight, axis=0).ravel()
    assert kstest(modulus, chi(4, scale=variance**0.5).cdf).pvalue > 0.01
    assert kstest(modulus, chi(4, scale=1.05 * variance**0.5).cdf).pvalue < 1e-6


def test_what_leaves_has_twice_the_mean_square_of_what_comes() -> None:
    """So that a ReLU, which halves it, keeps it: the aim of He et al."""
    conv = QuaternionConv2d(64, 64, 3, bias=False)
    assert conv(torch.randn(4, 256, 10, 10)).square().mean().item() == pytest.approx(2, rel=0.1)


def test_gradients_of_convolution_and_norm() -> None:
    conv, norm = QuaternionConv2d(2, 2, 2).double(), QuaternionBatchNorm(2).double()
    nn.init.normal_(norm.gamma)

    def layers(x: Tensor, *parameters: Tensor) -> Tensor:
        weight, bias, gamma, beta = parameters
        y = torch.func.functional_call(conv, {"weight": weight, "bias": bias}, x)
        return torch.func.functional_call(norm, {"gamma": gamma, "beta": beta}, y)

    inputs = [random(2, 8, 3, 3), *(p.detach() for p in (*conv.parameters(), *norm.parameters()))]
    assert torch.autograd.gradcheck(layers, [part.requires_grad_() for part in inputs])


def identity(norm: QuaternionBatchNorm) -> QuaternionBatchNorm:
    """The same with gamma the identity, so that whitened values come out."""
    with torch.no_grad():
        norm.gamma.mul_(2)
    return norm


def test_whitened_values_have_unit_covariance() -> None:
    x = mixed(6, 3, 5, 4)
    assert max(abs(np.cov(split(x)[:, c].reshape(-1, 4).T) - np.eye(4)).max() for c in range(3)) > 1
    y = split(identity(QuaternionBatchNorm(3, eps=1e-12).double())(x))
    for c in range(3):
        values = y[:, c].reshape(-1, 4).T
        np.testing.assert_allclose(values.mean(1), 0, atol=1e-9)
        np.testing.assert_allclose(np.cov(values, ddof=0), np.eye(4), atol=1e-9)


def test_training_whitens_with_the_cholesky_factor_of_the_batch() -> None:
    x = mixed(6, 2, 7)
    values = split(x).transpose(1, 0, 2, 3).reshape(2, -1, 4).transpose(0, 2, 1)
    wanted = [
        np.linalg.solve(np.linalg.cholesky(np.cov(v, ddof=0) + 0.1 * np.eye(4)), v - v.mean(1, keepdims=True))
        for v in values
    ]
    ours = split(identity(QuaternionBatchNorm(2, eps=0.1).double())(x))
    np.testing.assert_allclose(ours.transpose(1, 3, 0, 2).reshape(2, 4, -1), wanted, atol=1e-9)


def test_a_new_norm_gives_quaternions_of_mean_square_one() -> None:
    y = split(QuaternionBatchNorm(3).double()(mixed(6, 3, 5, 4)))
    np.testing.assert_allclose((y**2).sum(-1).mean((0, 2, 3)), 1, atol=1e-3)


def test_running_statistics_are_those_of_torch_and_converge() -> None:
    ours, theirs = QuaternionBatchNorm(2, momentum=0.3).double(), nn.BatchNorm2d(8, momentum=0.3).double()
    for seed in range(3):
        x = mixed(4, 2, 3, 5, seed=seed)
        ours(x)
        theirs(x)
    assert theirs.running_mean is not None and theirs.running_var is not None
    torch.testing.assert_close(ours.running_mean[:, :, 0].T.flatten(), theirs.running_mean)
    torch.testing.assert_close(ours.running_covariance.diagonal(dim1=1, dim2=2).T.flatten(), theirs.running_var)

    x = mixed(4, 2, 3, 5, seed=9)
    for _ in range(70):
        ours(x)
    for c in range(2):
        values = split(x)[:, c].reshape(-1, 4).T
        np.testing.assert_allclose(ours.running_mean[c, :, 0], values.mean(1), atol=1e-9)
        np.testing.assert_allclose(ours.running_covariance[c], np.cov(values), atol=1e-9)


def learned(quaternions: int) -> QuaternionBatchNorm:
    """A norm in evaluation, with statistics and scales unlike those it starts with."""
    norm = QuaternionBatchNorm(quaternions, momentum=0.5).double()
    norm(mixed(5, quaternions, 6, 6, seed=3))
    with torch.no_grad():
        norm.gamma.copy_(random(quaternions, 10, seed=4))
        norm.beta.copy_(random(quaternions, 4, 1, seed=5))
    return norm.eval()


def test_evaluation_is_the_affine_map_of_the_running_statistics() -> None:
    norm, x = learned(3), mixed(2, 3, 4, 5)
    y = split(norm(x))
    for c in range(3):
        gamma = np.zeros((4, 4))
        gamma[np.triu_indices(4)] = norm.gamma.detach()[c]
        gamma += np.triu(gamma, 1).T
        factor = np.linalg.cholesky(norm.running_covariance[c].numpy() + 1e-5 * np.eye(4))
        centred = split(x)[:, c] - norm.running_mean[c, :, 0].numpy()
        wanted = centred @ (gamma @ np.linalg.inv(factor)).T + norm.beta[c, :, 0].detach().numpy()
        np.testing.assert_allclose(y[:, c], wanted, atol=1e-9)


def test_evaluation_treats_each_of_a_batch_alone_and_learns_nothing() -> None:
    norm, x = learned(2), mixed(3, 2, 4, 5)
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    together = norm(x)
    torch.testing.assert_close(torch.cat([norm(part[None]) for part in x]), together)
    assert norm(x).equal(together)
    assert all(value.equal(before[name]) for name, value in norm.state_dict().items())


def test_space_may_have_any_number_of_axes() -> None:
    x = mixed(5, 2, 6, 4)
    whole = QuaternionBatchNorm(2).double()(x)
    torch.testing.assert_close(QuaternionBatchNorm(2).double()(x.flatten(2)).view(x.shape), whole)
    flat = QuaternionBatchNorm(2).double()(x.permute(0, 2, 3, 1).flatten(0, 2))
    torch.testing.assert_close(flat.view(5, 6, 4, 8).permute(0, 3, 1, 2), whole)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_constant_and_dependent_components_stay_finite(size: float) -> None:
    one = size * torch.randn(4, 1, 6, 6)
    constant = torch.full_like(one, size)
    # quaternions: constant, all four the same, one live component, two pairs
    components = [(constant,) * 4, (one, one, one, one), (constant, one, constant, constant), (one, -one, one, one * 2)]
    x = torch.cat([torch.cat([quaternion[n] for quaternion in components], 1) for n in range(4)], 1).requires_grad_()
    norm = QuaternionBatchNorm(4)
    y = norm(x)
    y.square().sum().backward()
    assert x.grad is not None and norm.gamma.grad is not None
    assert all(bool(part.isfinite().all()) for part in (y, x.grad, norm.gamma.grad, *norm.buffers()))
    assert y[:, ::4].abs().max() < 1e-3 * max(size, 1)


def test_whitening_is_the_inverse_of_numpys_cholesky_factor() -> None:
    root = random(5, 4, 4)
    covariance = root @ root.transpose(1, 2)
    wanted = np.linalg.inv(np.linalg.cholesky(covariance.numpy() + 0.01 * np.eye(4)))
    np.testing.assert_allclose(whitening_matrix(covariance, 0.01), wanted, atol=1e-9)


def test_one_value_has_no_covariance() -> None:
    with pytest.raises(ValueError, match="got 1 value per channel"):
        QuaternionBatchNorm(2)(torch.zeros(1, 8, 1, 1))


@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torch_and_onnx_agree_at_any_size(tmp_path: Path, axes: int) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    conv = QuaternionConv1d(2, 3, 3, padding=1) if axes == 1 else QuaternionConv2d(2, 3, 3, padding=1)
    network = nn.Sequential(conv, learned(3).float(), nn.ReLU()).eval()
    free = {0: "batch", **{axis + 2: f"space{axis}" for axis in range(axes)}}
    torch.onnx.export(
        network,
        (torch.randn(2, 8, *(6, 5)[:axes]),),
        str(tmp_path / "a.onnx"),
        input_names=["x"],
        output_names=["y"],
        dynamic_axes={"x": free, "y": free},
        opset_version=17,
        dynamo=False,
    )
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx", providers=["CPUExecutionProvider"])
    for shape in ((1, 8, 3, 9), (3, 8, 7, 4)):
        x = torch.randn(shape[: axes + 2])
        [theirs] = session.run(["y"], {"x": x.numpy()})
        np.testing.assert_allclose(theirs, network(x).detach(), atol=1e-5)
