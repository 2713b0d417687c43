"""How far a voice can be heard: speech, noise, clipping, music and loss in 16 kHz sound, and a quality of them.

:func:`listen` folds over one gapless run of samples and is causal; how the run is cut makes no difference. It
measures every frame of 20 ms, and :func:`sum_up` says what the last seconds of frames come to:

- speech: Silero VAD (:mod:`affectstream.encoders.speech.silero`).
- signal-to-noise ratio: power above 80 Hz. The floor is the 5 % quantile over the last 6 s of whole frames (the
  minimum statistics of Martin 2001 with a quantile in place of the minimum); what lies above it where there is
  speech is voice.
- clipping: samples in flat runs of three or more at the highest or lowest level of the window, so that it is
  still found after a clipped recording was turned down; not after it was resampled or coded with losses.
- music: peaks of the spectrum below 4 kHz that stay where they are for 120 ms. The partials of a voice glide;
  those of most instruments are constant from note to note.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.signal import butter, sosfilt, sosfilt_zi
from scipy.signal.windows import hann

from affectstream.encoders.quality import ramp
from affectstream.encoders.speech.silero import SIGHT, voice_chance

RATE = 16000  # Hz
HOP = 320  # samples of a frame, 20 ms
MEMORY = 300  # frames remembered, 6 s
LOOK = 500  # samples from one look of the voice network to the next; it was trained with 512, which agrees in 99 of 100
SNR_RANGE = (-20.0, 60.0)  # dB
LOUDEST = 100.0  # a sample beyond it is no sound
_TAIL = 2048  # samples kept: more than a window of peaks, two frames and a look
_PIECE = 16000  # samples worked on at once
_WINDOW, _LOW, _HIGH = 1024, 7, 257  # samples, first and past last bin in which peaks are sought: 109 to 4000 Hz
_STAY, _NEAR = 3, 0.2  # earlier peaks, 40 ms apart, that a steady one has; bins (of 15.6 Hz) that it may move
_NONE = -9.0  # the position of no peak

# What is known of a frame: the probability of speech; the mean square above 80 Hz; the highest level and how many
# samples lie flat on it, the lowest likewise; the mean; lost samples; the sizes of all its peaks and of the steady ones.
_FACTS = ("speech", "power", "top", "tops", "bottom", "bottoms", "mean", "lost", "peaks", "steady")
_FRAME = np.dtype([(name, np.float64) for name in _FACTS])


@dataclass(frozen=True, eq=False)
class Hearing:
    """What is remembered of a run between blocks; the same size however long the run. Never changed in place."""

    count: int = 0  # samples heard
    tail: NDArray[np.float32] = field(default_factory=lambda: np.zeros((3, _TAIL), np.float32))  # sound, high, lost
    filter: NDArray[np.float64] | None = None  # (2, 2), of the high-pass
    memory: NDArray[np.float32] = field(default_factory=lambda: np.zeros((2, 128), np.float32))  # of the LSTM
    chance: float = 0.0  # of speech, at the last look
    peaks: NDArray[np.float32] = field(default_factory=lambda: np.full((_STAY, _HIGH - _LOW), _NONE, np.float32))
    frames: NDArray[Any] = field(default_factory=lambda: np.zeros(0, _FRAME))  # (up to MEMORY,), the last

    @property
    def known(self) -> int:
        """Frames measured since the run began: all complete ones where whole 0.25 s were heard, else up to two fewer."""
        return _known(self.count)


@dataclass(frozen=True, eq=False)
class Heard:
    """Frames that became known: ``speech`` (k,) in [0, 1] is the probability that there is speech.

    Frame ``first`` + i covers samples [320 (first + i), 320 (first + i + 1)) of the run.
    """

    first: int
    speech: NDArray[np.float64]


@dataclass(frozen=True)
class Voice:
    """What a window comes to.

    ``speech``, the mean probability of speech; ``snr`` in dB, in [-20, 60]; ``clipped`` and ``lost``, shares of
    samples; ``music``, the share of the spectrum's peaks, by amplitude, that stay where they are: a tone about
    0.9, most music 0.3 to 0.7, speech below 0.06, noise 0; ``offset``, the mean of the samples.
    """

    speech: float = 0.0
    snr: float = SNR_RANGE[0]
    clipped: float = 0.0
    music: float = 0.0
    lost: float = 0.0
    offset: float = 0.0


def voice_quality(voice: Voice) -> float:
    """Product of five factors in [0, 1]: is there speech, does it stand out, is it whole, unclipped, without music?

    >>> voice_quality(Voice(speech=0.9, snr=30)), voice_quality(Voice(speech=0.9, snr=5)), voice_quality(Voice())
    (1.0, 0.5, 0.0)
    """
    return (
        ramp(voice.speech, 0.1, 0.5)
        * ramp(voice.snr, -5, 15)
        * ramp(-voice.clipped, -0.1, -0.003)
        * ramp(-voice.music, -0.4, -0.08)
        * ramp(-voice.lost, -0.25, 0)
    )


def listen(state: Hearing, block: NDArray[np.floating]) -> tuple[Hearing, Heard]:
    """Take in the run's next samples, ``block`` (n,) in [-1, 1]; returns the new state and the frames now known.

    Samples that are not finite, or absurd, are taken as 0 and counted as lost. Raises ValueError for other shapes
    and for whole numbers.
    """
    if block.ndim != 1 or not np.issubdtype(block.dtype, np.floating):
        raise ValueError(f"hearing got {block.dtype} samples {block.shape}; wanted float (n,) in [-1, 1], mono, 16 kHz")
    first, speech = state.known, [np.empty(0)]
    for at in range(0, len(block), _PIECE):
        state, frames = _listen(state, block[at : at + _PIECE])
        speech.append(frames["speech"])
    return state, Heard(first, np.concatenate(speech))


def latest_speech(state: Hearing, count: int) -> NDArray[np.float64]:
    """The probability of speech in the last ``count`` frames that were heard; of those not looked at yet, the last known."""
    pending = state.count // HOP - state.known
    known = np.concatenate([state.frames["speech"], np.full(pending, state.chance)])
    return known[len(known) - count :]


def sum_up(state: Hearing, seconds: float) -> Voice:
    """What the last ``seconds`` that were heard come to, at most 6 and as many as there are; ``Voice()`` without any.

    The noise floor is sought in all 6 s. In white noise the ratio is right to 1 dB from 0 to 20 dB where the voice
    pauses, up to 3 dB too low at 20 dB where it never does, and 2 dB too high at -5 dB, as noise is taken for speech.
    Where a run begins with speech, the floor is that of the softest sounds until a pause comes. Noise that swells
    with the voice is not seen, nor are other voices, nor noise that a gate took from the pauses.
    """
    count = round(seconds * RATE / HOP)
    if count < 1:
        raise ValueError(f"window is {seconds} s; wanted at least one frame, {HOP / RATE} s")
    frames = state.frames[-count:]
    if not len(frames):
        return Voice()
    samples, peaks = len(frames) * HOP, float(frames["peaks"].sum())
    return Voice(
        speech=float(frames["speech"].mean()),
        snr=_snr(frames, state.frames),
        clipped=_flat(frames) / samples,
        music=float(frames["steady"].sum()) / peaks if peaks > 0 else 0.0,
        lost=float(frames["lost"].sum()) / samples,
        offset=float(frames["mean"].mean()),
    )


def _known(count: int) -> int:
    """Frames whose every sample was looked at, of ``count`` samples heard."""
    return count // LOOK * LOOK // HOP


def _listen(state: Hearing, block: NDArray[np.floating]) -> tuple[Hearing, NDArray[Any]]:
    """:func:`listen` for a block that is not long; returns the frames instead."""
    good = np.abs(block) <= LOUDEST
    sound = np.where(good, block, 0)
    high, rest = _high(sound, state.filter)
    heard = np.concatenate([state.tail, np.stack([sound, high, ~good]).astype(np.float32)], 1)
    count = state.count + len(block)
    begin = state.count - _TAIL  # the run's sample at which heard begins

    looks = np.arange(state.count // LOOK, count // LOOK)
    chances, memory = voice_chance(_before(heard[1], (looks + 1) * LOOK - begin, SIGHT), state.memory)
    chances = np.concatenate([[state.chance], chances])
    judged = np.repeat(chances, LOOK)[state.known * HOP - (state.count // LOOK - 1) * LOOK :]  # sample by sample

    index = np.arange(state.known, _known(count))
    ends, odd = (index + 1) * HOP - begin, index % 2 == 1
    frames = np.zeros(len(index), _FRAME)
    frames["speech"] = judged[: len(index) * HOP].reshape(-1, HOP).mean(1)
    frames["power"] = (_before(heard[1], ends, HOP).astype(np.float64) ** 2).mean(1)
    frames["lost"] = _before(heard[2], ends, HOP).sum(1)
    _levels(frames, _before(heard[0], ends, HOP + 3))
    peaks, frames["peaks"][odd], frames["steady"][odd] = _steady(_before(heard[1], ends[odd], _WINDOW), state.peaks)
    kept = np.concatenate([state.frames, frames])[-MEMORY:].copy()
    return Hearing(count, heard[:, -_TAIL:].copy(), rest, memory, float(chances[-1]), peaks, kept), frames


def _before(samples: NDArray[np.float32], ends: NDArray[np.integer], size: int) -> NDArray[np.float32]:
    """The ``size`` samples before each of ``ends``, (len(ends), size)."""
    return sliding_window_view(samples, size)[ends - size]


def _high(
    sound: NDArray[np.floating], memory: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """``sound`` without what lies below 80 Hz, and the filter's memory; a constant is never let through."""
    if not len(sound):
        return np.empty(0), memory
    sections, rest = _high_pass()
    return sosfilt(sections, sound.astype(np.float64), zi=rest * float(sound[0]) if memory is None else memory)


@cache
def _high_pass() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    sections = np.asarray(butter(4, 80, "high", fs=RATE, output="sos"))
    return sections, sosfilt_zi(sections)


def _levels(frames: NDArray[Any], sound: NDArray[np.float32]) -> None:
    """Fill in the extremes and the flat runs of ``frames`` from ``sound`` (k, 3 + 320), three samples of it earlier."""
    own = sound[:, 3:]
    same = sound[:, 1:] == sound[:, :-1]
    third = same[:, 1:] & same[:, :-1]  # the third, or later, sample of a run
    flat = third[:, 1:] + 2 * (third[:, 1:] & ~third[:, :-1])
    frames["mean"] = own.mean(1)
    for level, samples, extreme in (("top", "tops", own.max(1)), ("bottom", "bottoms", own.min(1))):
        frames[level] = extreme
        frames[samples] = (flat * (own == extreme[:, None])).sum(1)


def _steady(
    sound: NDArray[np.float32], before: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Peaks of the spectra of ``sound`` (k, 1024), 40 ms apart; ``before`` (3, bins) holds the places of earlier ones.

    Returns the last three places, and of each spectrum the sizes of all peaks and of the steady ones, (k,).
    """
    size = np.abs(np.fft.rfft(sound * hann(_WINDOW, sym=False).astype(np.float32), axis=1))[:, _LOW - 1 : _HIGH + 1]
    left, here, right = (np.log(size[:, k : k + _HIGH - _LOW] + 1e-12) for k in range(3))
    size = size[:, 1:-1]
    peak = (here > left) & (here >= right) & (size > 1.5 * uniform_filter1d(size, 25, axis=1))
    shift = 0.5 * (left - right) / np.minimum(left - 2 * here + right, -1e-6)  # top of the parabola through the three
    place = np.concatenate([before, np.where(peak, np.arange(_HIGH - _LOW) + shift, _NONE)]).astype(np.float32)
    wide = np.pad(place, ((0, 0), (1, 1)), constant_values=_NONE)
    steady = peak.copy()
    for k in range(_STAY):
        near = [abs(wide[k : k + len(peak), j : j + place.shape[1]] - place[_STAY:]) < _NEAR for j in range(3)]
        steady &= near[0] | near[1] | near[2]
    return place[-_STAY:].copy(), (size * peak).sum(1), (size * steady).sum(1)


def _snr(window: NDArray[Any], memory: NDArray[Any]) -> float:
    """Power of the speech in ``window`` over the noise floor of ``memory``, in dB; frames with lost sound left out."""

    def whole(frames: NDArray[Any]) -> NDArray[Any]:
        return frames[(frames["lost"] == 0) & (frames["top"] > frames["bottom"])]  # a gate's silence is no floor

    window, memory = whole(window), whole(memory)
    speech = float(window["speech"].sum())
    if speech < 1e-3:
        return SNR_RANGE[0]
    floor = max(float(np.quantile(memory["power"], 0.05)), 1e-20)
    voice = float(window["speech"] @ window["power"]) / speech - floor
    return float(np.clip(10 * np.log10(max(voice / floor, 1e-9)), *SNR_RANGE))


def _flat(frames: NDArray[Any]) -> float:
    """Samples of the window ``frames`` that lie flat at its highest or lowest level."""
    top, bottom = frames["top"].max(), frames["bottom"].min()
    slack = 1e-3 * (top - bottom)
    at_top, at_bottom = frames["top"] >= top - slack, frames["bottom"] <= bottom + slack
    return float(frames["tops"][at_top].sum() + frames["bottoms"][at_bottom].sum()) if slack > 0 else 0.0
