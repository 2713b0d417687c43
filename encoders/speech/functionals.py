"""What a stretch of quartets comes to as a whole: utterance functionals (numpy, scipy).

As eGeMAPS has them (Eyben et al. 2016, IEEE Trans. Affective Computing 7(2)), but of amplitude and phase alike: each of the
eight components is taken to its cosine transform over the bands, so that neighbours are told apart and pitch blurs
into few numbers; of each of the 20 first coefficients, over the frames with a voice, the moments and percentiles; of
its course through the stretch, how much it moves at the pace of phrases, syllables and trembling (modulation spectrum,
Wu, Falk and Chan 2011, Speech Communication 53(5)).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from affectstream.encoders.speech.spectrum import COMPONENTS, HOP, RATE

COEFFICIENTS = 20  # of 40: the cosine transform of a component over its bands
VOICED = 0.3  # chance of a voice from which a frame counts
LEAST = 10  # voiced frames; where there are fewer, all count
PERCENTILES = (5, 25, 75, 95)
MODULATIONS = ((0.4, 2.0), (2.0, 5.0), (5.0, 10.0), (10.0, 20.0))  # Hz
NAMES = ("mean", "sd", "change", "jitter", *(f"p{p}" for p in PERCENTILES), *(f"{a:g} Hz" for a, _ in MODULATIONS))
COUNT = len(NAMES) * len(COMPONENTS) * COEFFICIENTS


def functionals(quartets: NDArray[np.floating], presence: NDArray[np.floating]) -> NDArray[np.float32]:
    """The functionals (1920,) of ``quartets`` (T, 8, 40) with the chance ``presence`` (T,) of a voice in each frame.

    :data:`NAMES` one after the other, each of 8 x 20 coefficients: mean and standard deviation; mean size and standard
    deviation of the change over three frames; percentiles; and the log-power in each of :data:`MODULATIONS`. The level is
    measured against the voice's own mean, so that gain does not count. What comes before the first and after the last
    voiced frame does not either. Raises ValueError for fewer than 4 frames.
    """
    if len(quartets) < 4:
        raise ValueError(f"got {len(quartets)} frames; wanted at least 4, 80 ms; take a longer stretch")
    weight = presence.astype(np.float32) + 1e-3
    frames = quartets.astype(np.float32)
    frames[:, 0] -= (frames[:, 0].mean(1) * weight).sum() / weight.sum()
    voiced = presence > VOICED
    if voiced.sum() < LEAST:
        voiced = np.ones(len(frames), bool)
    first, last = np.flatnonzero(voiced)[[0, -1]]
    spectrum = np.asarray(dct(frames[first : last + 1], axis=2, norm="ortho"), np.float32)
    course = spectrum[:, :, :COEFFICIENTS].reshape(len(spectrum), -1)
    heard = course[voiced[first : last + 1]]
    change = (course[3:] - course[:-3]) / 3
    ranked = np.sort(heard, axis=0)
    parts = [heard.mean(0), heard.std(0), np.abs(change).mean(0), change.std(0)]
    parts += [_percentile(ranked, p) for p in PERCENTILES]
    return np.concatenate([*parts, *_modulations(course)]).astype(np.float32)


def _percentile(ranked: NDArray[np.float32], percent: float) -> NDArray[np.float32]:
    """Linear between the ranks of sorted rows, as ``np.percentile`` has it, at a third of its cost for four of them."""
    at = percent / 100 * (len(ranked) - 1)
    low = int(at)
    high = min(low + 1, len(ranked) - 1)
    return ranked[low] + (at - low) * (ranked[high] - ranked[low])


def _modulations(course: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """For each of :data:`MODULATIONS` the log of the mean power of ``course`` (T, C) there, (C,)."""
    size = 256 if len(course) <= 256 else 1024
    if len(course) > size:  # a stretch longer than 20 s: its end
        course = course[-size:]
    window = np.hanning(len(course))[:, None].astype(np.float32)
    spectrum = np.fft.rfft((course - course.mean(0)) * window, n=size, axis=0)
    power = (spectrum.real**2 + spectrum.imag**2) / len(course)
    f = np.fft.rfftfreq(size, HOP / RATE)
    return [np.log(power[(f >= a) & (f < b)].mean(0) + 1e-4) for a, b in MODULATIONS]
