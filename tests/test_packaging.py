"""What pip would install is what is in the repository, and nobody else's modules are hidden or replaced."""

import hashlib
import json
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("multimodal", "encoders", "datasets", "configs", "checkpoints")
LIMIT = 100_000_000  # bytes of weights, all together
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
SETUPTOOLS: dict[str, Any] = PROJECT["tool"]["setuptools"]


def code_folders() -> set[str]:
    """Every folder that holds a Python file, under its import name."""
    files = (path for top in FOLDERS for path in (ROOT / top).rglob("*.py"))
    return {".".join(("affectstream", *path.parent.relative_to(ROOT).parts)) for path in files}


def test_every_code_folder_is_listed_and_every_listed_one_exists() -> None:
    assert code_folders() == set(SETUPTOOLS["packages"])


def test_a_package_lies_in_the_folder_of_its_name() -> None:
    wanted = {name: name.removeprefix("affectstream.").replace(".", "/") for name in SETUPTOOLS["packages"]}
    assert SETUPTOOLS["package-dir"] == wanted


def test_every_package_but_datasets_has_an_init() -> None:
    without = {name for name in code_folders() if not (ROOT / SETUPTOOLS["package-dir"][name] / "__init__.py").exists()}
    assert without == {"affectstream.datasets"}, "an __init__.py in datasets/ would hide Hugging Face's `datasets`"


def test_types_are_marked_as_checked() -> None:
    assert all((ROOT / top / "py.typed").exists() for top in ("multimodal", "encoders", "datasets"))


def test_checkpoints_are_small() -> None:
    size = sum(path.stat().st_size for path in (ROOT / "checkpoints").rglob("*") if path.is_file())
    assert size < LIMIT


def test_every_weight_has_a_card() -> None:
    weights = [p for p in (ROOT / "checkpoints").iterdir() if p.suffix in (".onnx", ".safetensors")]
    assert weights
    lacking = [p.name for p in weights if not (p.with_suffix(".md").exists() and p.with_suffix(".json").exists())]
    assert not lacking


@pytest.mark.parametrize(
    "card", sorted(path.name for path in (ROOT / "checkpoints").glob("*.json") if path.name.count(".") == 1)
)
def test_a_card_names_the_files_beside_it(card: str) -> None:
    files = json.loads((ROOT / "checkpoints" / card).read_text())["files"]
    found = {name: hashlib.sha256((ROOT / "checkpoints" / name).read_bytes()).hexdigest() for name in files}
    assert files and found == files


def test_scoring_needs_no_training_library() -> None:
    core = " ".join(PROJECT["project"]["dependencies"])
    assert not [name for name in ("torch", "lightning", "timm", "librosa", "scikit") if name in core]


@pytest.mark.slow
def test_the_wheel_holds_the_packages_and_nothing_else(tmp_path: Path) -> None:
    try:
        enough = int(version("setuptools").split(".")[0]) >= 77
    except PackageNotFoundError:
        enough = False
    if not enough:
        pytest.skip("no setuptools>=77 here to build a wheel with")
    source = tmp_path / "source"
    copytree(ROOT, source, ignore=ignore_patterns(".*", "build", "dist", "runs", "*.egg-info", "__pycache__"))
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("affectstream-*.whl")
    names = {Path(name) for name in zipfile.ZipFile(wheel).namelist()}
    assert {name.parts[0] for name in names} == {"affectstream", wheel.name.split("-py3")[0] + ".dist-info"}
    kinds = (".py", ".typed", ".yaml", ".onnx", ".json", ".md", ".html", ".js", ".css", ".svg")
    wanted = {
        Path("affectstream") / path.relative_to(ROOT)
        for top in FOLDERS
        for path in (ROOT / top).rglob("*")
        if path.suffix in kinds or path.name == "py.typed"
    }
    assert {name for name in names if name.parts[0] == "affectstream"} >= wanted
