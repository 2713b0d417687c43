"""A scored recording, as every format that can hold one sees it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from pydantic import ValidationError

from affectstream.multimodal.agent.state import Happening
from affectstream.multimodal.dynamics.events import Event
from affectstream.multimodal.types import Trace

UNSAID_SD = float(np.sqrt(1 / 3))  # of a number anywhere in [-1, 1]: what is meant where nobody says how sure they are


class Utterance(NamedTuple):
    """Words that were said from ``start`` to ``end`` (s)."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, eq=False)
class Recorded:
    """The ``traces`` by source, the ``events``, the ``words``, and the name or URI of the recording (``media``, "" if unknown).

    ``notes`` are sentences of whoever read it from a file: what was there and is not here.
    """

    traces: Mapping[str, Trace]
    events: tuple[Event, ...] = ()
    words: tuple[Utterance, ...] = ()
    media: str = ""
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of all traces."""
        return sum(len(trace) for trace in self.traces.values())

    def lost(self, where: str, *, quality: bool = False, unobserved: bool = False) -> list[str]:
        """Sentences that say what of this is not written to ``where``: labels, and the rest as asked."""
        said = []
        if labelled := [source for source, trace in self.traces.items() if trace.labels is not None]:
            said.append(f"labels are not written to {where}: those of {', '.join(labelled)}")
        if quality:
            said.append(f"quality and windows are not written to {where}: a value holds for its stretch")
        silent = {source: int((~trace.observed).sum()) for source, trace in self.traces.items()}
        if unobserved and any(silent.values()):
            count = ", ".join(f"{rows} of {source}" for source, rows in silent.items() if rows)
            said.append(f"rows in which nothing was observed are not written to {where}: {count}")
        return said


def checked_event(values: Mapping[str, Any]) -> Event:
    """The event that ``values`` from a file describe; raises ValueError if they describe none."""
    try:
        page = Happening.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"an event's {name} is {first['input']!r:.60}; {first['msg'].lower()}") from error
    event = Event.from_dict(page.model_dump())
    if not np.isfinite([event.time, event.found, event.magnitude]).all() or (
        len(event.sources) != 2 and event.kind == "discord"
    ):
        raise ValueError(f"an event is {event!r:.120}; wanted finite numbers, and two sources of a discord")
    return event
