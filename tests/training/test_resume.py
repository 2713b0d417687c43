"""A run that is killed in mid-epoch comes to the same weights; and two processes train as one."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

_spec = importlib.util.spec_from_file_location("face_files", Path(__file__).parents[1] / "datasets" / "face_files.py")
assert _spec is not None and _spec.loader is not None
face_files: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(face_files)

SHORT = (
    *("--trainer.max_epochs", "3", "--trainer.accelerator", "cpu", "--data.batch", "4", "--data.workers", "0"),
    *("--data.gentle_from", "2", "--calibrate", "false"),
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ferplus")
    face_files.write_ferplus(folder, np.random.default_rng(0))
    return folder


def start(corpus: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    words = ["fit", "--config", "face/ferplus_small.yaml", "--data.root", str(corpus), "--out", str(out), *SHORT, *more]
    code = "import sys; from affectstream.multimodal.cli import main; sys.exit(main())"
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-P", "-c", code, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def finish(run: subprocess.Popen[str]) -> str:
    out, err = run.communicate(timeout=240)
    assert run.returncode == 0, err
    return out


def weights(out: Path) -> dict[str, Any]:
    return load_file(out / "fold-00" / "weights.safetensors")


@pytest.fixture(scope="module")
def whole(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole")
    finish(start(corpus, out))
    return out


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_killed_in_mid_epoch_it_comes_to_the_same_weights(
    ending: signal.Signals, whole: Path, corpus: Path, tmp_path: Path
) -> None:
    run = start(corpus, tmp_path, "--save_every", "0" if ending == signal.SIGKILL else "1000")
    last = tmp_path / "fold-00" / "last.ckpt"
    began = time.monotonic()
    while run.poll() is None and time.monotonic() - began < 120:
        time.sleep(0.02)
        tried = (tmp_path / "fold-00").exists() and any((tmp_path / "fold-00").iterdir())
        if last.exists() if ending == signal.SIGKILL else tried:
            time.sleep(0.7)  # some batches later, anywhere between two places
            run.send_signal(ending)
            break
    run.wait(60)
    assert run.returncode != 0, "it was done before it could be stopped"
    assert last.exists() and not (tmp_path / "fold-00" / "answers.npz").exists()
    assert "going on" in finish(start(corpus, tmp_path))
    ours, theirs = weights(tmp_path), weights(whole)
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)
    assert (tmp_path / "results.json").read_bytes() == (whole / "results.json").read_bytes()
    assert not last.exists()
