"""Mel filters and Whisper's spectrogram, against librosa."""

import librosa
import numpy as np
import pytest

from affectstream.encoders.speech.backbone import DEPTH, LOUDEST, log_mel
from affectstream.encoders.speech.mel import hertz, mel, mel_filters


@pytest.mark.parametrize(("bands", "size", "low", "high"), [(80, 400, 0.0, None), (40, 512, 60.0, 7600.0)])
def test_filters_are_librosas(bands: int, size: int, low: float, high: float | None) -> None:
    theirs = librosa.filters.mel(sr=16000, n_fft=size, n_mels=bands, fmin=low, fmax=high, dtype=np.float64)
    np.testing.assert_allclose(mel_filters(bands, size, 16000, low, high), theirs, atol=1e-8)


def test_the_scale_goes_there_and_back() -> None:
    f = np.linspace(0, 8000, 100)
    np.testing.assert_allclose(hertz(mel(f)), f, atol=1e-9)


def test_log_mel_is_whispers_but_for_the_level() -> None:
    samples = np.random.default_rng(0).standard_normal(8000).astype(np.float32) * np.linspace(
        0, 1, 8000, dtype=np.float32
    )
    power = librosa.feature.melspectrogram(
        y=samples, sr=16000, n_fft=400, hop_length=160, n_mels=80, pad_mode="reflect", power=2.0
    )[:, :-1]
    log = np.log10(np.maximum(power, 1e-10))
    log = np.maximum(log, log.max() - DEPTH)
    ours = log_mel(samples)
    assert ours.shape == (80, 50)
    np.testing.assert_allclose(ours, (log - log.max() + LOUDEST + 4) / 4, atol=2e-4)
    np.testing.assert_allclose(log_mel(samples * 0.03), ours, atol=1e-3)
    assert np.isfinite(log_mel(np.zeros(3200))).all()
