"""The large face network against torchvision's own, its heads, how deep its parameters lie, and files it can start from."""

import copy
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torchvision.models import maxvit_t
from torchvision.ops import StochasticDepth

from affectstream.encoders.checkpoint import checkpoint_folder
from affectstream.encoders.face.network import FaceNetwork, PublishedHead, Size
from affectstream.encoders.network import LOG_VAR_RANGE, AffectHead
from affectstream.encoders.text.features import FEATURES
from affectstream.encoders.text.network import TextNetwork
from affectstream.multimodal.training.export import largest_difference, to_onnx
from affectstream.multimodal.training.face.torchvision_weights import begin, load_maxvit_t


def published(outputs: int, *, dropout: bool = False) -> nn.Module:
    """torchvision's network with CAGE's head, as a paper's script would build it, with weights that leave nothing at rest:
    at initialisation batch norms are the identity and position biases nearly zero."""
    network = maxvit_t()
    drop = [nn.Dropout(0.3)] if dropout else []
    network.classifier = nn.Sequential(
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.LayerNorm(512),
        nn.Linear(512, 512),
        nn.Tanh(),
        *drop,
        nn.Linear(512, outputs, bias=False),
    )
    draw = torch.Generator().manual_seed(outputs)
    for name, value in network.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.3, 2, generator=draw)
        elif name.endswith(("running_mean", "bias_table")):
            value.normal_(0, 0.5, generator=draw)
        elif value.ndim > 1 and value.is_floating_point():
            value.normal_(0, value[0].numel() ** -0.5, generator=draw)
        elif value.is_floating_point():
            value += 0.2 * torch.randn(value.shape, generator=draw)
    return network.eval()


def light(**further: Tensor) -> dict[str, Tensor]:
    """A state dict as of :func:`published`, of zeros that take no room, with ``further`` tensors or others (names with "/"
    for ".")."""
    with torch.device("meta"):
        names = {n: v.shape for n, v in maxvit_t().state_dict().items() if not n.startswith("classifier.5")}
    zeros = {name: torch.zeros(()).expand(shape) for name, shape in names.items()}
    return zeros | {"classifier.5.weight": torch.zeros(10, 512)} | {n.replace("/", "."): v for n, v in further.items()}


@pytest.fixture(scope="module")
def theirs() -> nn.Module:
    return published(10)


@pytest.fixture(scope="module")
def file(theirs: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "combined.pt"
    torch.save(theirs.state_dict(), path)
    return path


def pictures() -> Tensor:
    draw = torch.Generator().manual_seed(0)
    return nn.functional.interpolate(torch.rand(2, 3, 9, 9, generator=draw), 224)


def test_the_large_network_is_torchvisions_with_the_papers_head(theirs: nn.Module, file: Path) -> None:
    network = FaceNetwork("cage", head="published_va").eval()
    assert sum(p.numel() for p in network.parameters()) == sum(p.numel() for p in theirs.parameters()) == 30_412_744
    begin(network, file)
    colours = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 3, 1, 1)
    precisions = [(torch.float32, 1e-4), (torch.float64, 1e-9)]  # the second leaves no room for another formula
    for precision, tolerance in precisions:
        crops, (mean, sd) = pictures().to(precision), colours.to(precision)
        with torch.inference_mode():
            wanted = copy.deepcopy(theirs).to(precision)((crops - mean) / sd)
            answer = network.to(precision)(crops)
        assert (wanted[0] - wanted[1]).abs().max() > 0.1  # they look at the pictures
        assert answer.logits is not None
        told = torch.cat([answer.logits, answer.mean[:, :2]], 1)
        torch.testing.assert_close(told, wanted, rtol=0, atol=tolerance)


def test_what_only_training_sees_is_torchvisions_too(theirs: nn.Module) -> None:
    network = FaceNetwork("cage", drop_path=0.2)
    momenta = {m.momentum for m in network.modules() if isinstance(m, nn.BatchNorm2d)}
    assert momenta == {m.momentum for m in theirs.modules() if isinstance(m, nn.BatchNorm2d)}
    wanted = sorted({m.p for m in theirs.modules() if isinstance(m, StochasticDepth) and m.p})
    skipped = sorted({float(getattr(m, "drop_prob", 0)) for m in network.modules() if getattr(m, "drop_prob", 0)})
    np.testing.assert_allclose(skipped, wanted, atol=1e-6)


def test_a_head_of_other_shape_begins_anew_as_from_expressions_to_ratings(file: Path) -> None:
    network = FaceNetwork("cage", labels=0, head="published_va")
    before = {name: value.clone() for name, value in network.head.state_dict().items()}
    begin(network, file)
    source = torch.load(file, weights_only=True)
    assert torch.equal(network.state_dict()["trunk.stem.conv1.weight"], source["stem.0.0.weight"])
    for name, value in network.head.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_a_head_with_dropout_is_found_one_place_further(tmp_path: Path) -> None:
    source = light() | {"classifier.6.weight": torch.randn(2, 512)}
    del source["classifier.5.weight"]
    torch.save(source, tmp_path / "va.pt")
    network = FaceNetwork("cage", labels=0, head="published_va", dropout=0.3)
    begin(network, tmp_path / "va.pt")
    assert torch.equal(network.head.out.weight, source["classifier.6.weight"])


def test_our_weights_are_a_start_without_their_calibration() -> None:
    path = checkpoint_folder() / "face-small.safetensors"
    shipped = load_file(path)
    network = FaceNetwork()
    begin(network, path)
    assert not torch.equal(shipped["head.gain"], torch.ones(3))
    for name, value in network.state_dict().items():
        fitted = name.split(".")[-1] in ("gain", "bias", "widen", "sharpen", "log_prior") and name.count(".") == 1
        fresh = (
            torch.zeros_like(value) if name.split(".")[-1] in ("bias", "widen", "log_prior") else torch.ones_like(value)
        )
        assert torch.equal(value, fresh if fitted else shipped[name]), name


def test_a_name_that_promises_a_hash_is_held_to_it(tmp_path: Path) -> None:
    torch.save(light(), tmp_path / "weights.pt")
    digest = sha256((tmp_path / "weights.pt").read_bytes()).hexdigest()[:8]
    right, wrong = tmp_path / f"maxvit_t-{digest}.pth", tmp_path / "maxvit_t-bc5ab103.pth"
    right.symlink_to(tmp_path / "weights.pt")
    wrong.symlink_to(tmp_path / "weights.pt")
    assert set(load_maxvit_t(right)) == set(FaceNetwork("cage", head="published_va").state_dict()) - {"mean", "std"}
    with pytest.raises(ValueError, match=rf"maxvit_t-bc5ab103.pth has sha256 {digest}.*promises bc5ab103"):
        load_maxvit_t(wrong)


def _cut(path: Path) -> None:
    torch.save(light(), path)
    path.write_bytes(path.read_bytes()[:-2000])


def _without(path: Path) -> None:
    tensors = light()
    del tensors["stem.1.0.bias"]
    torch.save(tensors, path)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_cut, "no state dict that torch can read"),
        (lambda path: path.write_bytes(b""), "no state dict that torch can read"),
        (lambda path: torch.save(nn.Linear(2, 2), path), "no state dict that torch can read"),
        (lambda path: torch.save({"state_dict": light(), "epoch": 3}, path), "holds a dict; wanted a state dict"),
        (lambda path: torch.save(torch.ones(2), path), "holds a Tensor; wanted a state dict"),
        (_without, r"by our names, 1 missing, such as trunk.stem.conv2.bias\); wanted a MaxViT"),
        (lambda path: torch.save(light(neck=torch.ones(3)), path), r"by our names, 1 too many, such as neck\)"),
        (
            lambda path: torch.save(light(**{"stem/1/0/bias": torch.ones(32)}), path),
            r"trunk.stem.conv2.bias has shape \(32,\); wanted \(64,\)",
        ),
    ],
)
def test_another_file_is_one_clear_error(tmp_path: Path, spoil: Callable[[Path], object], message: str) -> None:
    path = tmp_path / "weights.pt"
    spoil(path)
    with pytest.raises(ValueError, match=f"weights.pt.*{message}"):
        load_maxvit_t(path)


def test_a_start_that_is_not_there_or_of_another_size_is_named(file: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no weights at .*none.pth; nothing is downloaded"):
        load_maxvit_t(tmp_path / "none.pth")
    with pytest.raises(FileNotFoundError, match=r"no weights at .*none.safetensors"):
        begin(FaceNetwork(), tmp_path / "none.safetensors")
    with pytest.raises(
        ValueError, match=r"combined.pt has the tensors of another network \(by our names, \d+ missing, .*too many"
    ):
        begin(FaceNetwork("small"), file)
    with pytest.raises(ValueError, match=r"face-small.safetensors has the tensors of another network"):
        begin(FaceNetwork("cage"), checkpoint_folder() / "face-small.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"no header")
    with pytest.raises(ValueError, match=r"broken.safetensors is no whole"):
        begin(FaceNetwork(), tmp_path / "broken.safetensors")
    save_file({"head.x": torch.ones(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match=r"other.safetensors has the tensors of another"):
        begin(FaceNetwork(), tmp_path / "other.safetensors")


def by_hand(head: AffectHead | PublishedHead, features: Tensor) -> tuple[Tensor, Tensor]:
    """The embedding and all columns of a head without calibration, written out."""
    centred = features - features.mean(1, keepdim=True)
    normed = centred / (centred.square().mean(1, keepdim=True) + 1e-5).sqrt()
    embedding = torch.tanh(normed @ head.hidden.weight.T + head.hidden.bias)
    bias = 0 if head.out.bias is None else head.out.bias
    return embedding, embedding @ head.out.weight.T + bias


@torch.inference_mode()
def test_columns_of_our_head_are_labels_means_variances_and_marks() -> None:
    head, features = AffectHead(16, 4, marks=5).eval(), torch.randn(6, 16)
    nn.init.normal_(head.out.weight, std=2)
    embedding, columns = by_hand(head, features)
    answer = head(features)
    assert answer.logits is not None and answer.marks is not None
    torch.testing.assert_close(answer.logits, columns[:, :4])
    torch.testing.assert_close(answer.mean, columns[:, 4:7].tanh())
    torch.testing.assert_close(answer.log_var, columns[:, 7:10].clamp(*LOG_VAR_RANGE))
    torch.testing.assert_close(answer.marks, columns[:, 10:])
    torch.testing.assert_close(answer.embedding, embedding)
    assert AffectHead(16, 0)(features).logits is None and AffectHead(16, 4)(features).marks is None


@pytest.mark.parametrize(("ratings", "labels", "marks"), [(0, 7, 0), (2, 8, 0), (2, 0, 0), (3, 0, 26), (2, 8, 12)])
@torch.inference_mode()
def test_columns_of_the_papers_head_are_labels_marks_and_ratings_that_nothing_bounds(
    ratings: int, labels: int, marks: int
) -> None:
    head, features = PublishedHead(16, labels, ratings=ratings, marks=marks).eval(), torch.randn(6, 16)
    nn.init.normal_(head.out.weight, std=2)
    _, columns = by_hand(head, features)
    assert columns.shape == (6, labels + marks + ratings)
    answer = head(features)
    told = torch.cat([part for part in (answer.logits, answer.marks, answer.mean[:, :ratings]) if part is not None], 1)
    torch.testing.assert_close(told, columns)
    assert (answer.logits is None) == (not labels) and (answer.marks is None) == (not marks)
    assert not answer.mean[:, ratings:].any() and not answer.log_var.any()
    assert answer.mean.shape == answer.log_var.shape == (6, 3)
    assert not ratings or answer.mean.abs().max() > 1


def test_a_network_with_the_papers_head_and_marks_runs_without_torch_as_with_it(tmp_path: Path) -> None:
    network, path = FaceNetwork(labels=3, marks=4, head="published_va").eval(), tmp_path / "face.onnx"
    to_onnx(network, {"crops": torch.rand(2, 1, 64, 64)}, {"crops": {0: "batch"}}, path)
    crops = np.random.default_rng(0).random((3, 1, 64, 64), np.float32)
    assert largest_difference(network, path, [{"crops": crops}]) <= 1e-4


def entered(network: nn.Module, *inputs: Tensor) -> list[str]:
    """Names of the modules with parameters of their own, in the order in which ``network`` calls them."""
    order: list[str] = []
    for name, module in network.named_modules():
        if next(module.parameters(recurse=False), None) is not None:
            module.register_forward_pre_hook(lambda *_, name=name: order.append(name))
    with torch.inference_mode():
        network.eval()(*inputs)
    return order


@pytest.mark.parametrize(("size", "side", "deepest"), [("small", 64, 6), ("cage", 224, 12)])
def test_depth_never_falls_along_the_face_network(size: Size, side: int, deepest: int) -> None:
    network = FaceNetwork(size)
    along = [
        network.depth(f"{name}.weight")
        for name in entered(network, torch.rand(1, 1 if size == "small" else 3, side, side))
    ]
    assert along == sorted(along) and set(along) == set(range(deepest + 1))
    of_each = {name: network.depth(name) for name, _ in network.named_parameters()}
    assert min(of_each.values()) == of_each["trunk.stem.conv1.weight"] == 0
    assert {name for name, depth in of_each.items() if depth == deepest} >= {
        f"head.{n}" for n, _ in network.head.named_parameters()
    }
    with pytest.raises(ValueError, match=r"'trunk.head.weight' is no parameter"):
        network.depth("trunk.head.weight")


def test_depth_never_falls_along_the_text_network() -> None:
    network = TextNetwork()
    along = [
        network.depth(f"{n}.weight")
        for n in entered(network, torch.ones(1, 5, dtype=torch.long), torch.ones(1, len(FEATURES)))
    ]
    assert along == sorted(along) and set(along) == set(range(8))
    of_each = {name: network.depth(name) for name, _ in network.named_parameters()}
    assert of_each["words.weight"] == of_each["positions.weight"] == 0 and of_each["head.out.bias"] == 7
    with pytest.raises(ValueError, match=r"'tail.weight' is no parameter"):
        network.depth("tail.weight")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": "large"}, "size is 'large'; wanted 'small' or 'cage'"),
        ({"head": "va"}, "head is 'va'; wanted 'affect' or one of published"),
        ({"head": "published", "labels": 0}, "no labels and no marks"),
    ],
)
def test_a_network_that_there_is_not_is_refused(settings: dict[str, str | int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FaceNetwork(**settings)  # pyright: ignore[reportArgumentType]
