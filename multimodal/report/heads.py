"""Values of electrodes drawn on heads seen from above: where attention went, where the power of a band lies."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affectstream.encoders.eeg.electrodes import CENTRE, positions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = "cividis"  # as good for the colour-blind as for others, and grows in lightness
COLUMNS = 5
RIM = 100.0  # degrees from the vertex to the outline: all of the 10-20 system is inside
ENOUGH = 4  # electrodes between which values can be guessed
LABELLED = 40  # electrodes at most whose names have room


def draw_heads(values: Mapping[str, ArrayLike], names: Sequence[str], *, unit: str = "") -> "Figure":
    """A picture of one head, seen from above, for each title of ``values`` {title: (C,)} of the electrodes ``names``.

    Every electrode is a dot of its own value's colour. Between them, and to the outline, values are interpolated by
    MNE's topomap, linearly, because its cubic one shows peaks that nobody measured; not where fewer than four places
    have a value. Electrodes whose value is NaN are crossed out; those whose place is not known are only named, below
    the heads. All heads share a scale; ``unit`` names what its bar shows. Save the figure with ``savefig``.

    Raises ValueError if there are no heads, if a title has not one value for each name, or holds infinity.
    """
    from matplotlib import rc_context
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    heads = {title: np.asarray(each, np.float64) for title, each in values.items()}
    if not heads:
        raise ValueError("got no values; wanted at least one title with a value for each electrode")
    for title, each in heads.items():
        if each.shape != (len(names),) or np.isinf(each).any():
            infinite = " and infinities" if np.isinf(each).any() else ""
            wanted = f"one value for each of {len(names)} electrodes, NaN where there is none"
            raise ValueError(f"{title!r} has shape {each.shape}{infinite}; wanted {wanted}")
    place = on_paper(positions(names))
    known = np.isfinite(place).all(axis=1)
    labels, lost = ([str(name) for name in np.array(names)[which]] for which in (known, ~known))
    span = _range(np.stack(list(heads.values()))[:, known])
    columns = min(len(heads), COLUMNS)
    rows = -(-len(heads) // columns)
    with rc_context({"font.size": 9, "font.family": "DejaVu Sans"}):
        figure = Figure(figsize=(2.6 * columns + 0.9, 2.7 * rows + 0.3), layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, (title, each) in zip(panels, heads.items(), strict=False):
            _head(axes, each[known], place[known], labels, span)
            axes.set_title(title, weight="bold")
        for axes in panels[len(heads) :]:
            axes.set_axis_off()
        bar = ScalarMappable(Normalize(*span), COLOURS)
        figure.colorbar(bar, ax=list(panels), label=unit, shrink=0.7, aspect=25)
        if lost:
            figure.supxlabel(f"place not known: {', '.join(lost)}", fontsize=8)
    return figure


def on_paper(position: NDArray[np.float64]) -> NDArray[np.float64]:
    """``position`` (C, 3), m in the head frame, seen from above: (C, 2), x to the right ear, y to the nose.

    The azimuthal equidistant map of directions from the middle of the head: the distance from the vertex is the angle
    from it, 1 at :data:`RIM`, where the outline of the head is drawn; what lies lower, as behind the ears, is outside.

    >>> on_paper(np.array([[0.0, 0.015, 0.139], [0.1, 0.015, 0.039]])).round(6).tolist()
    [[0.0, 0.0], [0.9, 0.0]]
    """
    x, y, z = (position - CENTRE).T
    level = np.hypot(x, y)
    angle = np.arctan2(level, z) / np.radians(RIM)
    return np.stack([x, y], 1) * (angle / np.where(level > 0, level, 1))[:, None]


def _head(
    axes: "Axes",
    values: NDArray[np.float64],
    place: NDArray[np.float64],
    names: list[str],
    span: tuple[float, float],
) -> None:
    """One head; ``values`` (C,) and ``place`` (C, 2) of electrodes whose places are known, in the colours of ``span``."""
    from matplotlib.patches import Circle
    from matplotlib.patheffects import withStroke

    there = np.isfinite(values)
    spots, at = np.unique(place[there].round(6), axis=0, return_inverse=True)
    if len(spots) >= ENOUGH:
        from mne.viz import plot_topomap

        image, _ = plot_topomap(
            np.bincount(at.ravel(), values[there]) / np.bincount(at.ravel()),  # T3 and T7 are one place
            spots,
            axes=axes,
            show=False,
            sensors=False,
            outlines=None,  # pyright: ignore[reportArgumentType]
            contours=0,
            cmap=COLOURS,
            vlim=span,
            sphere=(0, 0, 0, 1),
            image_interp="linear",
            extrapolate="local",
            res=128,
        )
        image.set_clip_path(Circle((0, 0), 1, transform=axes.transData))
    _outline(axes)
    axes.scatter(
        *place[there].T, s=24, c=values[there], cmap=COLOURS, vmin=span[0], vmax=span[1], edgecolors="#aaaaaa", zorder=5
    )
    axes.scatter(*place[~there].T, s=26, c="#c0392b", marker="x", zorder=5)
    if len(names) <= LABELLED:
        halo = [withStroke(linewidth=1.5, foreground="white")]
        for name, (x, y) in zip(names, place, strict=True):
            axes.annotate(
                name,
                (x, y),
                (0, 4),
                textcoords="offset points",
                ha="center",
                fontsize=6,
                path_effects=halo,
                zorder=6,
            )
    axes.set(xlim=(-1.3, 1.3), ylim=(-1.3, 1.3), aspect="equal")
    axes.set_axis_off()


def _outline(axes: "Axes") -> None:
    around = np.linspace(0, 2 * np.pi, 200)
    line = {"color": "#444444", "linewidth": 1.0, "zorder": 4}
    axes.plot(np.cos(around), np.sin(around), **line)
    axes.plot([-0.14, 0, 0.14], [0.99, 1.15, 0.99], **line)
    for side in (-1, 1):
        axes.plot(side * (1 + 0.09 * np.sin(around[:100])), 0.2 * np.cos(around[:100]), **line)


def _range(values: NDArray[np.float64]) -> tuple[float, float]:
    """From the least value to the greatest; a unit about it where there is but one, 0 to 1 where there is none."""
    found = values[np.isfinite(values)]
    if not len(found):
        return 0.0, 1.0
    low, high = float(found.min()), float(found.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)
