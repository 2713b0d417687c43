"""Fixtures for all tests, and one thread for everything: two spinning threads on busy cores are slower than one."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # read by torch and numpy when they are first imported

settings.register_profile("house", max_examples=40, deadline=None)  # shared machines stall; a stall is no failure
settings.load_profile("house")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Hold OpenCV, which reads no environment variable, to one thread."""
    import cv2

    cv2.setNumThreads(1)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of corpora described in docs/DATASETS.md; a test that asks for it is skipped where there is none."""
    named = os.environ.get("AFFECTSTREAM_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no corpora: set AFFECTSTREAM_DATA to a folder laid out as docs/DATASETS.md says")
    return folder
