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
from scipy.io import savemat

from affectstream.multimodal.montages import EPOC14


def _module(name: str) -> Any:
    """A file of generators beside the tests of the corpora."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / "datasets" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_dreamer(eeg_files: Any, folder: Path) -> None:
    """DREAMER as published, of three people, a window or two of each clip."""
    folder.mkdir()
    people = eeg_files.dreamer(folder / "DREAMER.mat", subjects=3)
    rng = np.random.default_rng(1)
    for person in people:
        person["EEG"] = {
            "baseline": eeg_files.cells([rng.normal(4200, 20, (320, 14)) for _ in range(18)]),
            "stimuli": eeg_files.cells([rng.normal(4200, 20, (512 + 117 * (k % 3), 14)) for k in range(18)]),
        }
    whole = {"Data": eeg_files.cells(people).T, "EEG_SamplingRate": 128.0}
    savemat(folder / "DREAMER.mat", {"DREAMER": whole | {"EEG_Electrodes": eeg_files.cells(list(EPOC14)).T}})


SHORT = (
    *("--trainer.max_epochs", "3", "--trainer.accelerator", "cpu", "--data.batch", "4", "--data.workers", "0"),
    *("--data.gentle_from", "2", "--calibrate", "false"),
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ferplus")
    _module("face_files").write_ferplus(folder, np.random.default_rng(0))
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
    run = start(corpus, tmp_path, "--save_every", "0" if ending == signal.SIGKILL else "0.5")
    last = tmp_path / "fold-00" / "last.ckpt"
    began = time.monotonic()
    while run.poll() is None and time.monotonic() - began < 120:
        time.sleep(0.02)
        if last.exists():
            time.sleep(0.7)  # some batches later, anywhere between two places
            run.send_signal(ending)
            break
    run.wait(60)
    wanted = -signal.SIGKILL if ending == signal.SIGKILL else 128 + signal.SIGTERM
    assert run.returncode == wanted, "it was done before it could be stopped"
    assert last.exists() and not (tmp_path / "fold-00" / "answers.npz").exists()
    assert "going on" in finish(start(corpus, tmp_path))
    ours, theirs = weights(tmp_path), weights(whole)
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)
    assert (tmp_path / "results.json").read_bytes() == (whole / "results.json").read_bytes()
    assert not last.exists()


def test_two_processes_train_as_one_with_batches_twice_as_large(tmp_path: Path) -> None:
    """gloo, on the CPU; a network and a loss that are means over samples, and no dropout."""
    eeg_files = _module("eeg_files")
    write_dreamer(eeg_files, tmp_path / "dreamer")
    words = ["fit", "--config", "eeg/rbtransformer_dreamer.yaml", "--data.root", str(tmp_path / "dreamer"),
             "--trainer.max_epochs", "2", "--trainer.accelerator", "cpu", "--model.network.shape.dropout", "0"]  # fmt: skip
    command = [sys.executable, "-P", "-m", "affectstream.multimodal.cli"]
    one = [*words, "--out", str(tmp_path / "one"), "--data.batch", "32"]
    two = [*words, "--out", str(tmp_path / "two"), "--data.batch", "16", "--trainer.devices", "2",
           "--trainer.strategy", "ddp"]  # fmt: skip
    for arguments in (one, two):
        done = subprocess.run(
            [*command, *arguments], check=False, capture_output=True, text=True, timeout=240,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert "MEMBER: 2/2" in done.stderr, "there were two"
    for k in range(3):
        ours, theirs = (load_file(tmp_path / name / f"fold-0{k}" / "weights.safetensors") for name in ("two", "one"))
        for name, value in theirs.items():
            np.testing.assert_allclose(ours[name], value, atol=2e-5)
