"""When it can be said what was: a tick is due once every modality that is being heard has been heard up to it."""

import math

from affectstream.multimodal.timeline import TICK

PATIENCE = 1.0  # s by which a modality may lag before the others go on without it
LEAP = 60.0  # s; after a longer time without a tick those between are left out


class TickClock:
    """Ten ticks a second of the session's time, in order, each once."""

    def __init__(self) -> None:
        self._reached: dict[str, float] = {}
        self._next: int | None = None
        self.now = -math.inf

    def begin(self, time: float) -> None:
        """Something of ``time`` s was pushed; ticks are due from the first on."""
        if self._next is None:
            self._next = math.ceil(time * TICK - 1e-9)

    def reach(self, modality: str, time: float) -> None:
        """``modality`` was heard up to ``time`` s."""
        self._reached[modality] = max(time, self._reached.get(modality, -math.inf))
        self.now = max(self.now, time)

    @property
    def first(self) -> float:
        """The second of the first tick that has not been given; 0 before anything was pushed."""
        return 0.0 if self._next is None else self._next / TICK

    def end(self, modality: str) -> None:
        """``modality`` will not be heard again, or not soon; nobody waits for it."""
        self._reached.pop(modality, None)

    def advance(self, time: float) -> None:
        """The clock stands at ``time`` s, whether anything was heard or not."""
        self.now = max(self.now, time)

    def due(self) -> list[float]:
        """The ticks, in seconds, that have become due since the last call."""
        if self._next is None:
            return []
        waited = self.now - PATIENCE
        heard = [time for time in self._reached.values() if time >= waited]
        bound = min(heard, default=waited)
        last = math.floor(bound * TICK + 1e-9)
        if last - self._next > LEAP * TICK:
            self._next = last
        ticks = [k / TICK for k in range(self._next, last + 1)]
        self._next = max(self._next, last + 1)
        return ticks
