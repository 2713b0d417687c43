"""Dependencies point one way (docs of the rule: CONTRIBUTING.md), and the way in stays light.

The first half reads the source; the second imports it in a fresh interpreter.
"""

import ast
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = ("multimodal", "encoders", "datasets", "configs", "checkpoints")
FILES = {
    path.relative_to(ROOT).as_posix(): path.read_text() for top in CODE for path in sorted((ROOT / top).rglob("*.py"))
}


@dataclass(frozen=True)
class Import:
    """One imported module, absolute; ``top`` if importing the file imports it."""

    module: str
    top: bool
    line: int


@cache
def imports_of(source: str) -> list[Import]:
    """Every import in ``source``; a relative one begins with its dots."""
    found: list[Import] = []

    def walk(node: ast.AST, top: bool) -> None:
        if isinstance(node, ast.Import):
            found.extend(Import(alias.name, top, node.lineno) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            deeper = base.startswith("affectstream")  # "from affectstream.multimodal import types"
            names = [f"{base}.{alias.name}" for alias in node.names] if deeper else [base]
            found.extend(Import(name, top, node.lineno) for name in names)
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            top = False  # for the type checker's eyes
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            walk(child, top and not inside)

    walk(ast.parse(source), True)
    return found


def within(module: str, *names: str) -> bool:
    """Is ``module`` one of ``names``, or inside one?"""
    return any(module == name or module.startswith(name + ".") for name in names)


@dataclass(frozen=True)
class Rule:
    """Files that match ``files`` but not ``but`` must not import ``banned``, save ``allowed``."""

    why: str
    files: str
    banned: tuple[str, ...]
    but: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    top_only: bool = False


OURS = "affectstream"
MULTIMODAL = "affectstream.multimodal"
VOCABULARY = tuple(f"affectstream.multimodal.{name}" for name in ("types", "timeline", "metrics", "terms", "montages"))
ENTRANCES = tuple(f"{MULTIMODAL}.{name}" for name in ("cli", "score", "live", "report", "training"))
TRAINING = "multimodal/training/*"
MODALITIES = sorted({file.split("/")[2] for file in FILES if fnmatch(file, "multimodal/training/*/*.py")})

RULES = [
    Rule(
        "torch is for networks and training",
        "*",
        ("torch", "torchvision", "torchaudio", "timm"),
        but=("*/network.py", "encoders/speech/quaternion.py", "encoders/speech/trunk.py", TRAINING),
    ),
    Rule("Lightning is for training", "*", ("lightning", "pytorch_lightning"), but=(TRAINING,)),
    Rule(
        "cv2 is for faces and where a signal is opened", "*", ("cv2",), but=("encoders/face/*", TRAINING), top_only=True
    ),
    Rule(
        "heavy libraries are imported where they are used",
        "*",
        ("decord", "av", "mne", "mne_lsl", "matplotlib", "pyarrow", "faster_whisper", "ctranslate2", "soundfile"),
        top_only=True,
    ),
    Rule(
        "encoders know only the vocabulary",
        "encoders/*",
        (MULTIMODAL, "affectstream.datasets"),
        allowed=(*VOCABULARY[:2], VOCABULARY[4]),
    ),
    Rule("datasets know only the vocabulary", "datasets/*", (MULTIMODAL, "affectstream.encoders"), allowed=VOCABULARY),
    *(
        Rule("the vocabulary knows only types", f"multimodal/{name}.py", (OURS,), allowed=VOCABULARY[:1])
        for name in ("types", "timeline", "metrics", "terms", "montages")
    ),
    *(
        Rule("nothing imports its users", f"multimodal/{name}/*", (*ENTRANCES, "affectstream.datasets"))
        for name in ("fusion", "dynamics")
    ),
    Rule("the agent surface does not import its users", "multimodal/agent/*", ENTRANCES),
    Rule("only a command calls the command line", "*", (f"{MULTIMODAL}.cli",), but=("multimodal/__main__.py",)),
    Rule(
        "training is reached from the command line",
        "*",
        (f"{MULTIMODAL}.training",),
        but=(TRAINING, "multimodal/cli.py"),
    ),
    *(
        Rule(
            "a modality is trained without another",
            f"multimodal/training/{name}/*",
            tuple(f"{MULTIMODAL}.training.{other}" for other in MODALITIES if other != name),
        )
        for name in MODALITIES
        if name != "fusion"
    ),
    Rule(
        "what modalities share in training knows none of them: a preset names the classes",
        TRAINING,
        tuple(f"{MULTIMODAL}.training.{name}" for name in MODALITIES),
        but=tuple(f"multimodal/training/{name}/*" for name in MODALITIES),
    ),
]


def broken(rule: Rule, file: str, source: str) -> list[str]:
    """What in ``file`` goes against ``rule``."""
    if not fnmatch(file, rule.files) or any(fnmatch(file, pattern) for pattern in rule.but):
        return []
    return [
        f"{file}:{i.line} imports {i.module}: {rule.why}"
        for i in imports_of(source)
        if within(i.module, *rule.banned) and not within(i.module, *rule.allowed) and (i.top or not rule.top_only)
    ]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.files}: {rule.why}")
def test_imports_point_one_way(rule: Rule) -> None:
    assert not [line for file, source in FILES.items() for line in broken(rule, file, source)]


def test_imports_are_absolute() -> None:
    relative = [file for file, source in FILES.items() for i in imports_of(source) if i.module.startswith(".")]
    assert not relative


@pytest.mark.parametrize(
    "name", [name for name in ("types", "timeline", "metrics", "terms") if f"multimodal/{name}.py" in FILES]
)
def test_the_vocabulary_is_numpy_and_the_standard_library(name: str) -> None:
    tops = {i.module.split(".")[0] for i in imports_of(FILES[f"multimodal/{name}.py"])}
    assert tops <= sys.stdlib_module_names | {"numpy", OURS}


def test_the_walk_sees_every_form_of_import() -> None:
    source = """
import torch.nn as nn
from affectstream.multimodal import cli
from . import neighbour
if True:
    import cv2
if TYPE_CHECKING:
    import av
class C:
    import mne
def f():
    async def g():
        from decord import VideoReader
"""
    found = {(i.module, i.top) for i in imports_of(source)}
    assert found == {
        ("torch.nn", True),
        ("affectstream.multimodal.cli", True),
        (".", True),
        ("cv2", True),
        ("av", False),
        ("mne", True),
        ("decord", False),
    }


def test_the_rules_can_be_broken() -> None:
    """Each file of the left, with the import of the middle, breaks just the rule of the right."""
    cases = [
        ("encoders/face/crop.py", "import torch.nn", "torch is for networks and training"),
        ("multimodal/score.py", "def f():\n import timm", "torch is for networks and training"),
        ("encoders/network.py", "import torch", None),
        ("multimodal/training/loop.py", "import torch, lightning", None),
        ("encoders/face/network.py", "import lightning", "Lightning is for training"),
        ("encoders/face/crop.py", "import cv2", None),
        ("multimodal/live.py", "import cv2", "cv2 is for faces and where a signal is opened"),
        ("multimodal/live.py", "def f():\n import cv2", None),
        ("multimodal/signals.py", "import av", "heavy libraries are imported where they are used"),
        ("multimodal/signals.py", "import avro", None),
        ("encoders/text.py", "from affectstream.multimodal import metrics", "encoders know only the vocabulary"),
        ("encoders/text.py", "from affectstream.multimodal.types import Chunk", None),
        ("encoders/text.py", "from affectstream.datasets.base import Sample", "encoders know only the vocabulary"),
        ("datasets/a.py", "import affectstream.encoders.runtime", "datasets know only the vocabulary"),
        ("multimodal/metrics.py", "from affectstream.multimodal import fusion", "the vocabulary knows only types"),
        ("multimodal/fusion/a.py", "from affectstream.multimodal.score import score", "nothing imports its users"),
        (
            "multimodal/agent/a.py",
            "from affectstream.multimodal import live",
            "the agent surface does not import its users",
        ),
        ("multimodal/score.py", "from affectstream.multimodal import cli", "only a command calls the command line"),
        ("multimodal/score.py", "import affectstream.multimodal.training", "training is reached from the command line"),
        (
            "multimodal/training/face/data.py",
            "from affectstream.multimodal.training import text",
            "a modality is trained without another",
        ),
        ("multimodal/training/face/data.py", "import affectstream.multimodal.training.losses", None),
        ("multimodal/training/face/data.py", "import affectstream.multimodal.training.face.metrics", None),
        ("multimodal/training/fusion/data.py", "import affectstream.multimodal.training.speech.folds", None),
        (
            "multimodal/training/verbs.py",
            "def f():\n from affectstream.multimodal.training.eeg.data import EEGData",
            "what modalities share in training knows none of them: a preset names the classes",
        ),
    ]
    assert {why for _, _, why in cases} == {rule.why for rule in RULES} | {None}
    for file, source, why in cases:
        assert [rule.why for rule in RULES if broken(rule, file, source)] == ([why] if why else []), (file, source)


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DISTRIBUTION = {
    "agents": "openai-agents",
    "claude_agent_sdk": "claude-agent-sdk",
    "cv2": "opencv-python-headless",
    "faster_whisper": "faster-whisper",
    "langchain_core": "langchain-core",
    "livekit": "livekit-agents",
    "mne_lsl": "mne-lsl",
    "pipecat": "pipecat-ai",
    "pytorch_lightning": "pytorch-lightning",
    "sklearn": "scikit-learn",
}
TRAINS = (
    "*/network.py",
    "encoders/speech/quaternion.py",
    "encoders/speech/trunk.py",
    "multimodal/training/*",
    "checkpoints/make_*.py",
)


def undeclared(requirements: list[str], top_only: bool, but: tuple[str, ...] = ()) -> list[str]:
    """Imports of our code, save in files that match ``but``, of distributions that ``requirements`` do not name."""
    declared = {re.split(r"[^\w-]", requirement)[0].lower() for requirement in requirements}
    return [
        f"{file}:{i.line} imports {i.module}"
        for file, source in FILES.items()
        if not any(fnmatch(file, pattern) for pattern in but)
        for i in imports_of(source)
        if (i.top or not top_only)
        and (top := i.module.split(".")[0]) not in sys.stdlib_module_names | {OURS, ""}
        and DISTRIBUTION.get(top, top).lower() not in declared
    ]


def test_scoring_imports_only_what_a_plain_install_brings() -> None:
    assert not undeclared(PROJECT["dependencies"], top_only=True, but=TRAINS)


def test_whatever_is_imported_is_declared() -> None:
    extras = [r for group in PROJECT["optional-dependencies"].values() for r in group]
    assert not undeclared(PROJECT["dependencies"] + extras, top_only=False)


HEAVY = (
    "torch",
    "cv2",
    "decord",
    "av",
    "matplotlib",
    "onnxruntime",
    "mne",
    "mne_lsl",
    "pyarrow",
    "pytorch_lightning",
    "timm",
    "faster_whisper",
)


@pytest.mark.parametrize(
    "module",
    ["multimodal", "multimodal.cli", "multimodal.types", "multimodal.metrics", "multimodal.eeg.lsl", "datasets.base"],
)
def test_importing_it_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, affectstream.{module}; print(*sorted(set(sys.modules) & set({HEAVY})))"
    done = subprocess.run([sys.executable, "-P", "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


def test_help_is_shown() -> None:
    command = [sys.executable, "-P", "-c", "from affectstream.multimodal.cli import main; main()", "--help"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "score" in done.stdout
