"""An EEG recording in two panels: the power of each band over time, and how well each electrode could be read."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from affectstream.encoders.eeg.physiology import READABLE
from affectstream.multimodal.eeg.scoring import Brain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 800  # columns that a panel can show
NAMED = 40  # electrodes whose names fit beside the panel
NOTHING = "#d9e4ee"
COLOURS = ("#440154", "#3b528b", "#21918c", "#5ec962", "#c8b900")  # viridis, slow to fast, the last one darker


def draw_bands(axes: "Axes", brain: Brain) -> None:
    """Each band's power in dB against its own median over time, the median over the electrodes that can be read."""
    readable = np.where((brain.quality >= READABLE)[:, :, None], brain.power, np.nan)
    level = 10 * np.log10(np.maximum(readable, 1e-30))
    for b, band in enumerate(brain.bands):
        course = _median(level[:, :, b])
        time, course = on_a_clock(brain.time, (course - _median(course[None])[0])[:, None])
        axes.plot(time, course[:, 0], color=COLOURS[b % len(COLOURS)], linewidth=1.0, label=band)
    axes.axhline(0, color="#bbbbbb", linewidth=0.7)
    axes.set_ylabel("power, dB", weight="bold")
    axes.legend(loc="upper right", ncols=len(brain.bands), frameon=False, fontsize=7, borderaxespad=0.1)


def draw_electrodes(axes: "Axes", brain: Brain) -> None:
    """Quality by electrode and time: white where it could be read, dark where it could not, blue where nothing is."""
    names = brain.recording.names
    time, quality = on_a_clock(brain.time, brain.quality)
    half = (time[1] - time[0]) / 2 if len(time) > 1 else 2.0
    axes.set_facecolor(NOTHING)
    axes.imshow(
        quality.T,
        aspect="auto",
        interpolation="nearest",
        cmap="Greys_r",
        vmin=0,
        vmax=1,
        extent=(time[0] - half, time[-1] + half, len(names) - 0.5, -0.5),
    )
    shown = range(0, len(names), -(-len(names) // NAMED))
    axes.set_yticks(list(shown), [names[k] for k in shown], fontsize=5)
    axes.set_ylabel("electrodes", weight="bold")
    axes.set_title("dark: could not be read; blue: nothing recorded", loc="right", fontsize=7, pad=2)


def on_a_clock(
    time: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows ``values`` (n, k) at ``time`` (n,) s as at most :data:`POINTS` columns of equal length: their middles and medians.

    NaN where a column has no row, as in a gap.
    """
    step = float(np.median(np.diff(time))) if len(time) > 1 else 4.0
    begin, reach = time[0] - step / 2, time[-1] - time[0] + step
    columns = int(np.clip(reach / step + 1e-6, 1, POINTS))
    at = np.clip(((time - begin) * columns / reach).astype(int), 0, columns - 1)
    out = np.full((columns, values.shape[1]), np.nan)
    for column in np.unique(at):
        out[column] = _median(values[at == column].T)
    return begin + (np.arange(columns) + 0.5) * reach / columns, out


def _median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median (n,) over the last axis of those that are known; NaN where none is."""
    known = np.isfinite(values).any(-1)
    out = np.full(len(values), np.nan)
    out[known] = np.nanmedian(values[known], -1)
    return out
