"""EEG from a stream, a file and a board, each against ``score`` of a file that holds the same samples."""

import json
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mne
import numpy as np
import pytest
from numpy.typing import NDArray

from affectstream.encoders.eeg.entropy import DEFAULT
from affectstream.encoders.eeg.personal import PersonalModel
from affectstream.multimodal.eeg import lsl
from affectstream.multimodal.eeg.scoring import score_brain
from affectstream.multimodal.live.brain import LiveBrain
from affectstream.multimodal.live.eeg_sources import EEGSource, Replay, Synthetic, open_eeg
from affectstream.multimodal.types import Chunk, Observation, SignalError

RATE = 128.0
NAMES = ("Fp1", "Fp2", "F3", "F4", "C3", "C4", "O1", "O2")


def waves(seconds: float, seed: int = 0) -> NDArray[np.float32]:
    """Volts (n, C): noise of 15 uV and alpha that waxes and wanes."""
    rng = np.random.default_rng(seed)
    at = np.arange(round(seconds * RATE))[:, None] / RATE
    noise = np.cumsum(rng.standard_normal((len(at), 8)), 0)
    noise -= np.cumsum(noise, 0) / (1 + np.arange(len(at))[:, None])
    alpha = 5e-6 * np.sin(20 * np.pi * at) * (1 + np.sin(2 * np.pi * at / rng.uniform(9, 31, 8)))
    return (15e-6 * noise / noise.std(0) + alpha + 1e-6 * rng.standard_normal(noise.shape)).astype(np.float32)


def recorded(
    path: Path, data: NDArray[np.float32], names: tuple[str, ...] = NAMES, rate: float = RATE, mark: str = ""
) -> Path:
    """``data`` as a FIF file at ``path``, of which 2 to 50 s have a ``mark``."""
    raw: Any = mne.io.RawArray(data.T.astype(np.float64), mne.create_info(list(names), rate, "eeg"), verbose="error")
    if mark:
        raw.set_annotations(mne.Annotations([2.0], [48.0], [mark]))
    raw.save(path, fmt="double", verbose="error")
    return path


def model_of(names: tuple[str, ...]) -> PersonalModel:
    """Somebody's model, made up, which answers from the first window on."""
    table = (len(names), len(DEFAULT.bands))
    weights = 0.01 * np.random.default_rng(5).standard_normal((*table, 3))
    contract = json.loads(json.dumps(DEFAULT.contract()))
    mean, sd = np.full(table, -23.0), np.ones(table)
    return PersonalModel(names, contract, mean, sd, weights, np.zeros(3), np.full(3, 0.1), {"trials": 8})


def heard(source: EEGSource, chunks: Iterator[Chunk], model: PersonalModel | None) -> tuple[list[Chunk], Observation]:
    """The ``chunks`` of ``source`` and what was observed of them as they came."""
    brain, rows, kept = LiveBrain(source.names, source.rate, rest=source.rest, model=model), [], []
    for chunk in chunks:
        rows += brain.observe(chunk)
        kept.append(chunk)
    return kept, Observation.join(rows)


def same(online: Observation, offline: Any, begin: float = 0.0, known: tuple[int, ...] = (0, 1)) -> None:
    """Both within 1e-5, if the offline clock is 0 at the online one's ``begin`` s, and of the dimensions ``known`` not in vain."""
    np.testing.assert_allclose(online.time - begin, offline.time, atol=1e-5)
    for name in ("mean", "variance", "quality", "span"):
        np.testing.assert_allclose(getattr(online, name), getattr(offline, name), atol=1e-5, err_msg=name)
    assert np.isfinite(online.mean[-1, known]).all() and np.nanstd(online.mean[:, known]) > 0.005


def for_seconds(source: EEGSource, seconds: float) -> Iterator[Chunk]:
    """What ``source`` gives until it holds ``seconds``; then it is closed."""
    for chunk in source.chunks():
        yield chunk
        if chunk.start + len(chunk) / chunk.rate >= seconds:
            source.close()


# ---- a file


def test_a_file_is_observed_as_it_is_scored(tmp_path: Path) -> None:
    path = recorded(tmp_path / "a_raw.fif", waves(64), mark="eyes open")
    brain, offline = score_brain(path, causal=True)
    with Replay(path, speed=float("inf")) as source:
        assert (source.name, source.names, source.rate, source.notes) == ("a_raw.fif", NAMES, RATE, ())
        assert source.rest == brain.rest == ((2.0, 50.0),)
        chunks, online = heard(source, source.chunks(), None)
    assert max(map(len, chunks)) <= 13
    same(online, offline)


def test_a_file_takes_its_time_and_can_be_stopped(tmp_path: Path) -> None:
    path = recorded(tmp_path / "a_raw.fif", waves(10))
    with Replay(path, speed=20.0) as source:
        late = [time.monotonic() - source.opened - (c.start + len(c) / RATE) / 20 for c in source.chunks()]
    assert len(late) == pytest.approx(100, abs=2) and min(late) >= -1e-6 and np.median(late) < 0.05
    with open_eeg(str(path)) as source:
        threading.Timer(0.5, source.close).start()
        begun = time.monotonic()
        given = sum(len(chunk) for chunk in source.chunks())
    assert time.monotonic() - begun < 3 and 0.1 * RATE <= given <= 0.8 * RATE
    assert list(source.chunks()) == []


# ---- a stream


def over_lsl(
    api: Any, chunks: list[Chunk], names: tuple[str, ...], model: PersonalModel | None
) -> tuple[list[Chunk], Observation]:
    """What comes of ``chunks`` that somebody sends in microvolts, and what is observed of it."""
    called, rate = f"cap {uuid.uuid4()}", chunks[0].rate
    info = api.StreamInfo(called, "EEG", len(names), rate, "float32", called)
    info.set_channel_names(list(names))
    info.set_channel_units(["microvolts"] * len(names))
    outlet = api.StreamOutlet(info)
    with open_eeg(f"lsl:{called}") as source:
        assert (source.name, source.names, source.rate, source.rest) == (f"lsl:{called}", names, rate, ())
        begin = api.local_clock()
        for chunk in chunks:
            outlet.push_chunk(np.ascontiguousarray(chunk.data * 1e6), np.ascontiguousarray(begin + chunk.times))
        threading.Timer(1.0, source.close).start()
        return heard(source, source.chunks(), model)


def test_a_file_over_lsl_is_observed_as_it_is_scored(
    lsl_api: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(lsl, "LOOK", 0.4)
    path = recorded(tmp_path / "a_raw.fif", waves(60))
    _, offline = score_brain(path, causal=True)
    with Replay(path, speed=float("inf")) as file:
        chunks, online = over_lsl(lsl_api, list(file.chunks()), NAMES, None)
    assert sum(map(len, chunks)) == 60 * RATE
    same(online, offline, chunks[0].start)


# ---- a board


@pytest.fixture
def board() -> Iterator[Synthetic]:
    pytest.importorskip("brainflow", reason="brainflow is not installed: pip install 'affectstream[live]'")
    with Synthetic() as source:
        yield source


def written(chunks: list[Chunk], source: EEGSource, path: Path) -> Path:
    """What was received, as one gapless file."""
    times, data = (np.concatenate([getattr(chunk, name) for chunk in chunks]) for name in ("times", "data"))
    np.testing.assert_allclose(np.diff(times), 1 / source.rate, atol=1e-6)
    return recorded(path, data, source.names, source.rate)


def test_a_board_is_observed_as_a_file_of_its_samples_is_scored_also_over_lsl(
    board: Synthetic, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(SignalError, match="open already"):
        Synthetic()
    model = model_of(board.names)
    chunks, online = heard(board, for_seconds(board, 5.5), model)
    assert time.monotonic() - board.opened == pytest.approx(chunks[-1].start + len(chunks[-1]) / 250, abs=0.5)
    assert chunks[0].data.dtype == np.float32 and 0 <= chunks[0].start < 0.3
    _, offline = score_brain(written(chunks, board, tmp_path / "board_raw.fif"), causal=True, model=model)
    same(online, offline, chunks[0].start)

    monkeypatch.setattr(lsl, "LOOK", 0.4)
    sent, online = over_lsl(request.getfixturevalue("lsl_api"), chunks, board.names, model)
    same(online, offline, sent[0].start)


def test_the_board_is_what_it_is_known_to_be_and_can_be_opened_again(board: Synthetic) -> None:
    """As was measured of brainflow's by itself, electrode k = 1, 2, ... is a sine of 5 k Hz, the first with an sd of 10 k uV."""
    assert len(board.names) == 16 and "F3" in board.names and board.rate == 250
    assert board.notes[0].startswith("the EEG is synthetic")
    data = np.concatenate([chunk.data for chunk in for_seconds(board, 2.2)])[:500].astype(np.float64)
    peak = np.abs(np.fft.rfft(data - data.mean(0), axis=0)).argmax(0) * 250 / len(data)
    np.testing.assert_allclose(peak, 5 * np.arange(1, 17), atol=0.51)
    np.testing.assert_allclose(data.std(0)[:6], 1e-5 * np.arange(1, 7), rtol=0.1)
    with open_eeg("synthetic") as again:
        assert next(again.chunks()).data.shape[1] == 16


@pytest.mark.slow
def test_a_board_is_observed_by_the_textbook_signs_as_it_is_scored(board: Synthetic, tmp_path: Path) -> None:
    chunks, online = heard(board, for_seconds(board, 50.0), None)
    _, offline = score_brain(written(chunks, board, tmp_path / "board_raw.fif"), causal=True)
    same(online, offline, chunks[0].start, (1,))  # its frontal electrodes hum at 45 Hz and more: no valence


def test_without_brainflow_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['brainflow'] = None; from affectstream.multimodal.live.eeg_sources import open_eeg; "
        "from affectstream.multimodal.types import SignalError\n"
        "try: open_eeg('synthetic')\nexcept SignalError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], check=False, capture_output=True, text=True)
    assert "pip install 'affectstream[live]'" in done.stdout, done.stderr


def test_what_cannot_be_opened_is_said(tmp_path: Path) -> None:
    for what in ("muse", "", "talk.mp4", "LSL:cap"):
        with pytest.raises(SignalError, match=r"wanted lsl:NAME .*'synthetic', or the path of a recording"):
            open_eeg(what)
    with pytest.raises(SignalError, match="does not exist"):
        open_eeg(str(tmp_path / "gone.edf"))
    path = recorded(tmp_path / "a_raw.fif", waves(2))
    for speed in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="wanted a positive number"):
            Replay(path, speed=speed)
