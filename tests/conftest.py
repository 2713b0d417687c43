"""Fixtures for all tests, and one thread for everything: two spinning threads on busy cores are slower than one."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


@pytest.fixture(scope="session")
def lsl_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """mne_lsl.lsl, which reads its configuration once: on this machine, and deaf to other sessions."""
    path = tmp_path_factory.mktemp("lsl") / "lsl_api.cfg"
    path.write_text(
        "[multicast]\nResolveScope=machine\n[ports]\nIPv6=disable\n[log]\nlevel=-3\n"
        "[tuning]\nMulticastMinRTT=0.1\nUnicastMinRTT=0.1\n"
        f"[lab]\nKnownPeers={{127.0.0.1}}\nSessionID={uuid.uuid4()}\n"
    )
    before = os.environ.get("LSLAPICFG")
    os.environ["LSLAPICFG"] = str(path)
    try:
        api = pytest.importorskip("mne_lsl.lsl", reason="mne-lsl is not installed: pip install 'affectstream[live]'")
        trial = api.StreamOutlet(api.StreamInfo("trial", "EEG", 1, 128, "float32", "trial"))
        if not api.resolve_streams(5.0, name="trial"):
            pytest.skip("LSL finds no stream on this machine's loopback")
        del trial
        yield api
    finally:
        os.environ.pop("LSLAPICFG")
        if before is not None:
            os.environ["LSLAPICFG"] = before
