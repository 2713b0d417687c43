"""What the network is fed, block by block: quartets and trunk states of 20 ms frames (numpy, ONNX Runtime).

A block is 0.4 s of a gapless run, counted from the run's first sample, and is looked at with the 1.2 s before it. So
the features of a frame depend on where its run began, but neither on how the run came in chunks nor on what comes
later, and training sees what scoring sees.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from affectstream.encoders.speech.backbone import Backbone
from affectstream.encoders.speech.spectrum import BEFORE, HOP, RATE, quartets

BLOCK = 20  # frames of 20 ms
BLOCK_SAMPLES = BLOCK * HOP
PAST_SAMPLES = 60 * HOP  # what a block is looked at with
WINDOW = 5 * BLOCK  # frames that the network judges together, 2 s: longer ones tell more, and of more than one feeling
HOP_SECONDS = BLOCK_SAMPLES / RATE
WINDOW_SECONDS = WINDOW * HOP / RATE


class Frames(NamedTuple):
    """T frames of 20 ms: ``quartets`` (T, 8, 40), and ``states`` (T, depth, width) or None without a backbone."""

    quartets: NDArray[np.float32]
    states: NDArray[np.float32] | None


def frames_of_block(past: NDArray[np.floating], block: NDArray[np.floating], backbone: Backbone | None) -> Frames:
    """The 20 frames of ``block`` (6400,), given the samples ``past`` (up to 19,200) of the run before it.

    What the run had not yet is silence. A constant offset is taken away.
    """
    both = np.concatenate([past[-PAST_SAMPLES:], block])
    both = np.pad(both - both.mean(), (PAST_SAMPLES + BLOCK_SAMPLES - len(both), 0))
    states = None if backbone is None else backbone.states(both)[-BLOCK:]
    return Frames(quartets(both[PAST_SAMPLES - BEFORE :]), states)


def join(before: Frames, new: Frames) -> Frames:
    """The last 100 frames of ``before`` and, after them, ``new``."""
    states = None
    if before.states is not None and new.states is not None:
        states = np.concatenate([before.states, new.states])[-WINDOW:]
    return Frames(np.concatenate([before.quartets, new.quartets])[-WINDOW:], states)


def frames_of(samples: NDArray[np.floating], backbone: Backbone | None) -> Frames:
    """The n // 320 frames of a whole run ``samples`` (n,), as its blocks give them, silence after its end."""
    count = -(-len(samples) // BLOCK_SAMPLES)
    blocks = np.pad(samples, (0, count * BLOCK_SAMPLES - len(samples))).reshape(count, BLOCK_SAMPLES)
    past = np.empty(0, np.float32)
    parts: list[Frames] = []
    for block in blocks:
        parts.append(frames_of_block(past, block, backbone))
        past = np.concatenate([past, block])[-PAST_SAMPLES:]
    states = [part.states for part in parts if part.states is not None]
    whole = len(samples) // HOP
    return Frames(
        np.concatenate([part.quartets for part in parts])[:whole], np.concatenate(states)[:whole] if states else None
    )
