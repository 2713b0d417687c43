"""The speech encoder: features that depend on the run alone, a fold that any cut leaves the same, and what it makes of
signals that are no voice."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from affectstream.datasets.clips import read_clip
from affectstream.datasets.emodb import EmoDB
from affectstream.encoders.checkpoint import CheckpointError
from affectstream.encoders.speech.backbone import WhisperBackbone
from affectstream.encoders.speech.encoder import SpeechEncoder
from affectstream.encoders.speech.features import BLOCK_SAMPLES, frames_of
from affectstream.encoders.speech.spectrum import RATE
from affectstream.multimodal.signals import read_audio
from affectstream.multimodal.types import Chunk, Observation, SignalError, Trace

DEMO = Path(__file__).parents[2] / "examples" / "six_emotions.mp4"


@pytest.fixture(scope="module")
def encoder() -> SpeechEncoder:
    return SpeechEncoder.load()


@pytest.fixture(scope="module")
def voice() -> NDArray[np.float32]:
    return np.concatenate([chunk.data for chunk in read_audio(DEMO)])


def heard(
    encoder: SpeechEncoder, samples: NDArray[np.floating], cuts: list[int] | None = None, start: float = 0.0
) -> Trace:
    """``samples`` from second ``start`` on, cut into chunks at ``cuts``, as one trace."""
    state, rows = encoder.initial(), []
    edges = [0, *sorted(cuts or []), len(samples)]
    for a, b in itertools.pairwise(edges):
        state, new = encoder.observe(state, Chunk("speech", start + a / RATE, RATE, samples[a:b]))
        rows += new
    rows += encoder.finish(state)[1]
    return Observation.join(rows)


@settings(max_examples=6)
@given(st.lists(st.integers(0, 5 * RATE), max_size=6))
def test_any_cut_gives_the_same(encoder: SpeechEncoder, voice: NDArray[np.float32], cuts: list[int]) -> None:
    samples = voice[: 5 * RATE]
    whole, parts = heard(encoder, samples), heard(encoder, samples, cuts)
    for name in ("time", "mean", "variance", "quality", "span", "labels"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), atol=1e-5, err_msg=name)


def test_no_row_depends_on_what_comes_after_its_window(encoder: SpeechEncoder, voice: NDArray[np.float32]) -> None:
    half = 10 * BLOCK_SAMPLES
    one, other = heard(encoder, voice[: 2 * half]), heard(encoder, np.concatenate([voice[:half], -voice[:half] * 0.1]))
    np.testing.assert_array_equal(one.mean[:10], other.mean[:10])
    assert abs(one.mean[10:] - other.mean[10:]).max() > 1e-3


def test_rows_lie_in_the_middle_of_what_was_judged(encoder: SpeechEncoder, voice: NDArray[np.float32]) -> None:
    trace = heard(encoder, voice[: 5 * RATE + 100], start=7.0)
    ends = trace.time + trace.span / 2
    np.testing.assert_allclose(ends[:-1], 7 + 0.4 * np.arange(1, len(trace)), atol=1e-9)
    assert ends[-1] == pytest.approx(12, abs=0.02)
    np.testing.assert_allclose(trace.span[:5], 0.4 * np.arange(1, 6), atol=1e-9)
    assert trace.span.max() == pytest.approx(2.0)


def test_frames_do_not_depend_on_what_is_forgotten(voice: NDArray[np.float32]) -> None:
    """A block looks back 1.2 s: the same sound after two different pasts gives the same frames from then on."""
    backbone = WhisperBackbone.load()
    tail, pause = voice[: 3 * BLOCK_SAMPLES], voice[BLOCK_SAMPLES : 4 * BLOCK_SAMPLES]
    one = frames_of(np.concatenate([voice[: 2 * BLOCK_SAMPLES], pause, tail]), backbone)
    other = frames_of(np.concatenate([voice[-2 * BLOCK_SAMPLES :], pause, tail]), backbone)
    assert one.states is not None and other.states is not None
    np.testing.assert_array_equal(one.states[-60:], other.states[-60:])
    np.testing.assert_array_equal(one.quartets[-60:], other.quartets[-60:])


def test_gain_and_offset_hardly_count(encoder: SpeechEncoder, voice: NDArray[np.float32]) -> None:
    samples = voice[: 6 * RATE]
    plain = heard(encoder, samples)
    for changed in (samples * 0.2, samples * 0.5 + np.float32(0.2)):
        trace = heard(encoder, changed.astype(np.float32))
        both = plain.quality > 0.9
        assert both.sum() > 8 and trace.quality[both].min() > 0.5
        both &= trace.quality > 0.9
        assert abs(trace.mean - plain.mean)[both].max() < 0.2
        assert abs(trace.mean - plain.mean)[both].mean() < 0.03


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(3 * RATE, np.float32),
        np.random.default_rng(0).normal(0, 0.1, 3 * RATE).astype(np.float32),
        np.sin(2 * np.pi * 220 * np.arange(3 * RATE) / RATE).astype(np.float32) * 0.3,
        np.full(3 * RATE, np.nan, np.float32),
        np.full(3 * RATE, 0.5, np.float32),
    ],
    ids=["silence", "noise", "tone", "nan", "offset"],
)
def test_what_is_no_voice_is_not_judged(encoder: SpeechEncoder, samples: NDArray[np.float32]) -> None:
    trace = heard(encoder, samples)
    assert len(trace) == 8
    assert not trace.observed.any()
    assert not trace.quality.any()


def test_a_lost_stretch_does_not_spread(encoder: SpeechEncoder, voice: NDArray[np.float32]) -> None:
    broken = voice[: 6 * RATE].copy()
    broken[RATE : RATE + 500] = np.nan
    trace = heard(encoder, broken)
    assert np.isfinite(trace.mean[trace.quality > 0]).all()
    assert trace.observed.mean() > 0.8


def test_noise_widens(encoder: SpeechEncoder, voice: NDArray[np.float32]) -> None:
    samples = voice[: 6 * RATE]
    noise = np.random.default_rng(0).normal(0, float(samples.std()), len(samples)).astype(np.float32)
    clean, noisy = heard(encoder, samples), heard(encoder, samples + noise)
    both = clean.observed & noisy.observed
    assert np.median(noisy.variance[both]) > 1.3 * np.median(clean.variance[both])


def test_a_gap_begins_a_new_run(encoder: SpeechEncoder, voice: NDArray[np.float32]) -> None:
    state, first = encoder.observe(encoder.initial(), Chunk("speech", 0.0, RATE, voice[: 2 * RATE + 400]))
    state, second = encoder.observe(state, Chunk("speech", 60.0, RATE, voice[: 2 * RATE]))
    alone = heard(encoder, voice[: 2 * RATE], start=60.0)
    rows = Observation.join(second)
    assert rows.time[0] < 10 < rows.time[1]  # what waited was judged first
    np.testing.assert_array_equal(rows.mean[1:], alone.mean[: len(rows) - 1])
    assert Observation.join(first).time[-1] < 2


@pytest.mark.parametrize("count", [0, 10, 160, 319])
def test_less_than_a_frame_gives_no_row(encoder: SpeechEncoder, count: int) -> None:
    state, rows = encoder.observe(encoder.initial(), Chunk("speech", 0.0, RATE, np.zeros(count, np.float32)))
    assert rows == [] == encoder.finish(state)[1]


@pytest.mark.parametrize(
    ("chunk", "message"),
    [
        (Chunk("speech", 0.0, 8000, np.zeros(100, np.float32)), "at 8000 Hz; wanted float"),
        (Chunk("speech", 0.0, RATE, np.zeros((100, 2), np.float32)), r"\(100, 2\)"),
        (Chunk("speech", 0.0, RATE, np.zeros(100, np.int16)), "int16"),
        (Chunk("eeg", 0.0, RATE, np.zeros(100, np.float32)), "got a eeg chunk; wanted speech"),
    ],
)
def test_other_signals_are_refused(encoder: SpeechEncoder, chunk: Chunk, message: str) -> None:
    with pytest.raises(SignalError, match=message):
        encoder.observe(encoder.initial(), chunk)


def test_memory_does_not_grow(encoder: SpeechEncoder, voice: NDArray[np.float32]) -> None:
    def size(value: Any) -> int:
        if isinstance(value, np.ndarray):
            return value.nbytes
        fields = getattr(value, "__dict__", None) or (value._asdict() if hasattr(value, "_asdict") else {})
        return sum(size(part) for part in fields.values())

    state, sizes = encoder.initial(), []
    for k in range(20):
        chunk = np.roll(voice, k)[: 2 * RATE]
        state, _ = encoder.observe(state, Chunk("speech", 2.0 * k, RATE, chunk))
        sizes.append(size(state))
    assert max(sizes[5:]) <= 1.05 * sizes[5]


def test_the_voice_branch_works_without_a_backbone(voice: NDArray[np.float32]) -> None:
    alone = SpeechEncoder.load(alone=True)
    trace = heard(alone, voice[: 5 * RATE])
    assert trace.observed.mean() > 0.7
    assert [c.facts.name for c in alone.checkpoints] == ["speech-voice"]


def test_weights_for_another_input_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no .*whisper-base-3\.onnx"):
        SpeechEncoder.load(tmp_path)


def test_emotions_of_the_corpus_it_learnt(encoder: SpeechEncoder, shared_data: Path) -> None:
    """It has heard these speakers in training: that it is plumbed as it was trained, not how good it is."""
    corpus = EmoDB(shared_data / "speech" / "emodb")
    right = []
    for i in range(0, len(corpus), 25):
        trace = heard(encoder, read_clip(corpus.clips[i].path))
        assert trace.labels is not None
        right.append(trace.label_names[int(np.nansum(np.log(trace.labels), 0).argmax())] == corpus.emotion[i])
    assert np.mean(right) > 0.85
