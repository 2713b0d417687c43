"""Every example in a docstring runs, and every file that the documents name is there."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("multimodal", "encoders", "datasets", "configs", "checkpoints", "tests", "docs", "examples", "benchmarks")
EXTRAS = ("torch", "timm", "torchvision", "torchaudio", "pytorch_lightning", "librosa", "sklearn", "scipy", "onnx")
WITH_EXAMPLES = sorted(
    path.relative_to(ROOT).as_posix()
    for top in ("multimodal", "encoders", "datasets")
    for path in (ROOT / top).rglob("*.py")
    if ">>> " in path.read_text()
)
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/*.md", "checkpoints/*.md", "examples/*.md")
    for path in ROOT.glob(pattern)
)


@pytest.mark.parametrize("file", WITH_EXAMPLES)
def test_docstring_examples(file: str) -> None:
    name = "affectstream." + file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in EXTRAS:
            raise
        pytest.skip(f"{name} needs {error.name}: pip install 'affectstream[train]'")
    result = doctest.testmod(module)
    assert result.attempted > 0, "the examples are not in a docstring"
    assert result.failed == 0


def links_of(text: str) -> list[str]:
    """Targets of the Markdown links and pictures in ``text`` that are not addresses or anchors."""
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)
    return [t.split("#")[0] for t in targets if not re.match(r"[a-z]+:|#", t)]


def files_of(text: str) -> list[str]:
    """Paths in ``text`` that begin with one of our folders and end in a suffix, such as ``docs/DATASETS.md``."""
    return re.findall(rf"(?<![\w/.:-])((?:{'|'.join(FOLDERS)})/(?:[\w.-]+/)*[\w-]+\.[a-z]\w*)", text)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    here = ROOT / document
    links = links_of(here.read_text())
    assert not [link for link in links if not (here.parent / link).exists()]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_named_exist(document: str) -> None:
    assert not [name for name in files_of((ROOT / document).read_text()) if not (ROOT / name).exists()]


def test_the_search_finds_links_and_files() -> None:
    text = (
        '[a](docs/A.md#part) ![b](b.png) [c](https://x.org/docs/c.md) [d](#here) <img src="e.png"> '
        "`multimodal/types.py`, encoders/face/crop.py: https://x.org/tests/f.py, affectstream/multimodal/g.py, docs/*.md"
    )
    assert links_of(text) == ["docs/A.md", "b.png", "e.png"]
    assert files_of(text) == ["docs/A.md", "multimodal/types.py", "encoders/face/crop.py"]


def test_documents_name_no_machine() -> None:
    """No path of the machine this was written on."""
    for document in DOCUMENTS:
        assert not re.search(r"(?<![\w.])/(?:work|home|root|Users)/", (ROOT / document).read_text()), document
