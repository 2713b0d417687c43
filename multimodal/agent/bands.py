"""Bands that hold still: a number becomes one of a few, and stays that one until it has clearly left it."""

from bisect import bisect_right
from collections.abc import Sequence

LEVELS = (-0.75, -0.45, -0.15, 0.15, 0.45, 0.75)  # of affect: three bands below the middle one and three above
MARGIN = (
    0.05  # by which a bound must be passed: the middle band is left at .20, entered at .10, as in dynamics.events.Rules
)
WIDEST = 0.15  # the same for what is unsure: half of a band


class Bands:
    """Remembers in which band each named number was last, and nothing else (a Schmitt trigger for each).

    :meth:`start` begins a round; a name that is not asked for in a round is forgotten with it.

    >>> bands = Bands()
    >>> [bands.of("x", value, (0.5,), 0.1) for value in (0.45, 0.55, 0.65, 0.55, 0.45, 0.35)]
    [0, 0, 1, 1, 1, 0]
    """

    def __init__(self) -> None:
        self._before: dict[str, int] = {}
        self._now: dict[str, int] = {}

    def start(self) -> None:
        """Begin a round: what was said in the last one is what holds."""
        self._before, self._now = self._now, {}

    def of(self, name: str, value: float, bounds: Sequence[float], margin: float) -> int:
        """How many of the rising ``bounds`` lie at or below ``value``; a band is left only ``margin`` beyond its bound."""
        last = self._now.get(name, self._before.get(name))
        if last is None:
            band = bisect_right(bounds, value)
        else:
            stays = (last == 0 or value >= bounds[last - 1] - margin) and (
                last == len(bounds) or value <= bounds[last] + margin
            )
            band = last if stays else bisect_right(bounds, value)
        self._now[name] = band
        return band

    def to_grid(self, name: str, value: float, step: float) -> int:
        """``value`` as a whole number of ``step``; the number stays until it is off by four fifths of a step."""
        last = self._now.get(name, self._before.get(name))
        near = round(value / step) if last is None or abs(value - last * step) > 0.8 * step else last
        self._now[name] = near
        return near
