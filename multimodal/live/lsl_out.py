"""The state and the events as two streams of the Lab Streaming Layer, so that others can record them beside their own."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from affectstream.multimodal.agent.state import AffectState, Happening
from affectstream.multimodal.closing import Closing
from affectstream.multimodal.types import DIMENSIONS, SignalError

CHANNELS = (*DIMENSIONS, *(f"{dimension} sd" for dimension in DIMENSIONS), "confidence")


class StateOutlet(Closing):
    """Two LSL streams: ``name`` of type "Affect", and ``name`` + " events" of type "Markers".

    The first has a float32 sample of :data:`CHANNELS` for each state: valence, arousal and dominance in [-1, 1], their
    standard deviations in the same unit, and the confidence in [0, 1]. The second has a string for each event. Both come at no
    even rate and are stamped, on LSL's clock, with the moment they are of. ``opened`` is the second of
    ``time.monotonic()`` at which the states' time is 0. Raises SignalError if MNE-LSL is not installed.
    """

    def __init__(self, name: str = "affectstream", *, opened: float, source_id: str = "affectstream") -> None:
        try:
            from mne_lsl.lsl import StreamInfo, StreamOutlet, local_clock
        except ImportError as missing:
            raise SignalError(
                "the state cannot be sent over LSL, as MNE-LSL is not installed; pip install 'affectstream[live]'"
            ) from missing
        self._zero = local_clock() - (time.monotonic() - opened)  # LSL's time of the states' 0
        info = StreamInfo(name, "Affect", len(CHANNELS), 0.0, "float32", source_id)
        info.set_channel_names(list(CHANNELS))
        info.set_channel_types(["affect"] * len(CHANNELS))
        info.set_channel_units(["-1 to 1"] * 3 + ["sd of -1 to 1"] * 3 + ["0 to 1"])
        markers = StreamInfo(f"{name} events", "Markers", 1, 0.0, "string", f"{source_id} events")
        markers.set_channel_names(["event"])
        self._states: StreamOutlet | None = StreamOutlet(info)
        self._events: StreamOutlet | None = StreamOutlet(markers)

    def push(self, state: AffectState, events: Sequence[Happening] = ()) -> None:
        """Send ``state`` and the ``events`` that are new with it; after :meth:`close` nothing is sent."""
        if self._states is None or self._events is None:
            return
        vad, sd = ([getattr(values, dimension) for dimension in DIMENSIONS] for values in (state.vad, state.sd))
        values: Any = np.array([*vad, *sd, state.confidence], np.float32)
        self._states.push_sample(values, self._zero + state.time)
        for event in events:
            self._events.push_sample([marker(event)], self._zero + event.time)

    def close(self) -> None:
        """End both streams."""
        self._states = self._events = None


def marker(event: Happening) -> str:
    """``event`` in a few words: its kind and dimension, then its direction, or the sources that disagree.

    >>> from affectstream.multimodal.agent.state import Happening
    >>> told = {"time": 1.0, "found": 1.5, "dimension": "valence", "magnitude": 0.4, "p": 0.9}
    >>> marker(Happening(kind="onset", direction=-1, sources=[], **told))
    'onset valence -1'
    >>> marker(Happening(kind="discord", direction=0, sources=["face", "text"], **told))
    'discord valence face>text'
    """
    side = ">".join(event.sources) if event.kind == "discord" else f"{event.direction:+d}"
    return f"{event.kind} {event.dimension} {side}"
