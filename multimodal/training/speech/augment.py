"""Recordings as the world might have made them: other speakers, rooms, noise, lines and codecs (numpy, scipy, PyAV).

Every change is drawn from the generator that is handed in; samples are (n,) float32 mono at 16 kHz. The same functions,
with fixed strengths, make the robustness table.
"""

import io
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, resample_poly, sosfiltfilt

from affectstream.encoders.speech.spectrum import RATE

Samples = NDArray[np.float32]


def varied(samples: Samples, others: Sequence[Samples], rng: np.random.Generator) -> Samples:
    """``samples`` as another speaker in another place might have given them.

    Always at 0.85 to 1.18 of its speed, which moves pitch and formants as another vocal tract would; with some
    chance each: a coloured response, a room, noise (white, pink, or up to four of ``others`` talking), chords, a
    telephone line, MP3 at 32 kbit/s, clipping. Gain is free of meaning to the front-ends and only moved a little.
    """

    def chance(p: float) -> bool:
        return bool(rng.random() < p)

    out = faster(samples, float(rng.uniform(0.85, 1.18)))
    if chance(0.5):
        out = coloured(out, rng)
    if chance(0.3):
        out = in_room(out, float(rng.uniform(0.15, 0.7)), float(rng.uniform(0, 12)), rng)
    if chance(0.6):
        kind = rng.integers(3)
        noise = babble(len(out), others, rng) if kind == 0 and others else hiss(len(out), float(kind == 1), rng)
        out = with_noise(out, noise, float(rng.uniform(3, 35)))
    if chance(0.08):
        out = with_noise(out, chords(len(out), rng), float(rng.uniform(3, 20)))
    if chance(0.15):
        out = telephone(out)
    if chance(0.12):
        out = through_mp3(out, 32)
    if chance(0.08):
        out = clipped(out, float(rng.uniform(0.02, 0.15)))
    return (out * 10 ** rng.uniform(-1, 0)).astype(np.float32)


def faster(samples: Samples, factor: float) -> Samples:
    """Played ``factor`` times as fast, pitch and formants with it."""
    ratio = Fraction(factor).limit_denominator(60)
    return resample_poly(samples, ratio.denominator, ratio.numerator).astype(np.float32)


def with_noise(samples: Samples, noise: NDArray[np.floating], snr: float) -> Samples:
    """``samples`` and ``noise`` (both (n,)) at ``snr`` dB, mean power against mean power."""
    power, other = float(np.mean(samples**2)), float(np.mean(noise**2))
    return (samples + noise * np.sqrt(power / max(other, 1e-20) * 10 ** (-snr / 10))).astype(np.float32)


def hiss(count: int, slope: float, rng: np.random.Generator) -> Samples:
    """Gaussian noise (count,) whose power falls as 1 / f^``slope``: 0 white, 1 pink."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    f = np.maximum(np.arange(len(spectrum)), 1)
    return np.fft.irfft(spectrum * f ** (-slope / 2), count).astype(np.float32)


def babble(count: int, others: Sequence[Samples], rng: np.random.Generator) -> Samples:
    """One to four of ``others`` talking at once, (count,)."""
    total = np.zeros(count, np.float32)
    for _ in range(int(rng.integers(1, 5))):
        voice = others[int(rng.integers(len(others)))]
        total += np.resize(np.roll(voice, int(rng.integers(len(voice)))), count)
    return total


def chords(count: int, rng: np.random.Generator) -> Samples:
    """Four-note chords of harmonic tones that change every half second or so, (count,): what music is to a voice."""
    time, out, at = np.arange(count) / RATE, np.zeros(count), 0
    while at < count:
        end = min(at + int(rng.uniform(0.3, 0.9) * RATE), count)
        root = 110 * 2 ** (rng.integers(0, 24) / 12)
        for step in (0, *rng.choice([3, 4, 5, 7, 9, 10, 12], 3)):
            for harmonic in range(1, 6):
                out[at:end] += np.sin(2 * np.pi * root * 2 ** (step / 12) * harmonic * time[at:end]) / harmonic**1.5
        at = end
    return out.astype(np.float32)


def in_room(samples: Samples, decay: float, direct: float, rng: np.random.Generator) -> Samples:
    """In a room that takes ``decay`` s to fall by 60 dB, the direct sound ``direct`` dB above its echoes."""
    time = np.arange(int(decay * RATE)) / RATE
    echoes = rng.standard_normal(len(time)) * np.exp(-np.log(1000) / decay * time)
    echoes[: int(0.003 * RATE)] = 0
    echoes *= 10 ** (-direct / 20) / np.sqrt((echoes**2).sum())
    echoes[0] = 1
    return fftconvolve(samples, echoes)[: len(samples)].astype(np.float32)


def coloured(samples: Samples, rng: np.random.Generator) -> Samples:
    """Through a smooth response of a few dB, as microphones have."""
    spectrum = np.fft.rfft(samples)
    knots = np.linspace(0, 1, 6) ** 2 * len(spectrum)
    gain = np.interp(np.arange(len(spectrum)), knots, rng.normal(0, 4, 6))
    return np.fft.irfft(spectrum * 10 ** (gain / 20), len(samples)).astype(np.float32)


def telephone(samples: Samples) -> Samples:
    """The band of a telephone line, 300 to 3400 Hz, and its eight mu-law bits."""
    band = sosfiltfilt(butter(4, (300, 3400), "band", fs=RATE, output="sos"), samples)
    peak = max(float(abs(band).max()), 1e-9)
    bits = np.round(np.sign(band) * np.log1p(255 * abs(band) / peak) / np.log(256) * 127) / 127
    return (np.sign(bits) * (256 ** abs(bits) - 1) / 255 * peak).astype(np.float32)


def clipped(samples: Samples, share: float) -> Samples:
    """The loudest ``share`` of the samples cut off."""
    limit = float(np.quantile(abs(samples), 1 - share))
    return np.clip(samples, -limit, limit)


def through_mp3(samples: Samples, kilobits: int) -> Samples:
    """Coded as MP3 at ``kilobits`` kbit/s and decoded again, the encoder's delay taken away."""
    import av
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream

    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as out:
        stream = out.add_stream("libmp3lame", rate=RATE, layout="mono")
        assert isinstance(stream, AudioStream)
        stream.bit_rate = kilobits * 1000
        frame = AudioFrame.from_ndarray(np.clip(samples, -1, 1)[None].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate = RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            out.mux(packet)
    file.seek(0)
    with av.open(file, "r") as coded:
        decoded = np.concatenate([f.to_ndarray()[0] for f in coded.decode(audio=0)])
    shift = int(np.argmax(fftconvolve(decoded[: len(samples)], samples[::-1])[len(samples) - 1 :][:4000]))
    return np.pad(decoded[shift:], (0, len(samples)))[: len(samples)].astype(np.float32)


# What the robustness table asks for, by the name it has there; each draws from a generator of its own.
CONDITIONS: dict[str, Callable[[Samples, np.random.Generator], Samples]] = {
    "clean": lambda x, rng: x,
    "noise 20 dB": lambda x, rng: with_noise(x, hiss(len(x), 1, rng), 20),
    "noise 10 dB": lambda x, rng: with_noise(x, hiss(len(x), 1, rng), 10),
    "noise 5 dB": lambda x, rng: with_noise(x, hiss(len(x), 1, rng), 5),
    "noise 0 dB": lambda x, rng: with_noise(x, hiss(len(x), 1, rng), 0),
    "telephone": lambda x, rng: telephone(x),
    "mp3 32 kbit/s": lambda x, rng: through_mp3(x, 32),
    "gain -30 dB": lambda x, rng: (np.round(x * 10**-1.5 * 32768) / 32768).astype(np.float32),  # and 16 bits
    "clipped": lambda x, rng: clipped(x, 0.1),
}
