"""A recording in one picture: traces with their bands over time, the faces found, the words said."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from affectstream.encoders.face.encoder import Person
from affectstream.multimodal.dynamics.events import Event
from affectstream.multimodal.report.brain import NAMED, draw_bands, draw_electrodes
from affectstream.multimodal.score import Result
from affectstream.multimodal.types import DIMENSIONS, Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 1500  # a line holds no more than a screen can show
FACES = 6
GAP = 5.0  # s without a word of a source, across which no line is drawn
COLOURS = {
    "face": "#d1495b",
    "text": "#3f7cac",
    "speech": "#66a182",
    "eeg": "#8d6a9f",
    "state": "#222222",
    "discord": "#8a5a00",
}
ENDS = {
    "valence": ("unpleasant", "pleasant"),
    "arousal": ("calm", "aroused"),
    "dominance": ("controlled", "in control"),
}


def draw(result: Result, path: Path) -> None:
    """Write the picture of ``result`` to ``path`` (.png)."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    people = sorted(result.faces.people.items(), key=lambda item: -item[1].frames)[:FACES]
    brain = result.brain if result.brain is not None and len(result.brain.time) else None
    heights = [1.0] * bool(people) + [1.5, 1.5, 1.5] + [0.5] * bool(result.words)
    if brain is not None:
        heights += [1.5, 0.8 + 0.05 * min(len(brain.recording.names), NAMED)]
    with plt.rc_context(
        {"font.size": 9, "font.family": "DejaVu Sans", "axes.spines.top": False, "axes.spines.right": False}
    ):
        figure = plt.figure(figsize=(11, 1.25 * sum(heights) + 0.6), layout="constrained")
        rows = figure.add_gridspec(len(heights), 1, height_ratios=heights)
        row = 0
        if people:
            _faces(figure.add_subplot(rows[0]), people, result.main_face)
            row = 1
        state = result.traces["state"]
        reach = (float(state.time[0]), float(state.time[-1])) if len(state) > 1 else (0.0, max(result.duration, 1.0))
        panels = [figure.add_subplot(rows[row])]
        panels += [figure.add_subplot(rows[row + d], sharex=panels[0]) for d in (1, 2)]
        for d, (axes, dimension) in enumerate(zip(panels, DIMENSIONS, strict=True)):
            _dimension(axes, result, d, dimension)
            _events(axes, result.events, dimension)
        panels[0].set_xlim(*reach)
        if result.words:
            panels.append(figure.add_subplot(rows[row + 3], sharex=panels[0]))
            _words(panels[3], result.words, reach)
        if brain is not None:
            panels += [figure.add_subplot(rows[row + k], sharex=panels[0]) for k in (3, 4)]
            draw_bands(panels[3], brain)
            draw_electrodes(panels[4], brain)
        for axes in panels[:-1]:
            axes.tick_params(labelbottom=False)
        panels[-1].set_xlabel("seconds")
        figure.suptitle(f"{result.path.name}: affect over {result.duration:.1f} s", x=0.01, ha="left", weight="bold")
        handles, names = panels[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="upper right", ncols=len(names), frameon=False)
        figure.savefig(path, dpi=130, format="png", metadata={"Software": None})
        plt.close(figure)


def _faces(axes: "Axes", people: list[tuple[int, Person]], main: int | None) -> None:
    axes.set_axis_off()
    axes.set_xlim(0, FACES * 1.15)
    axes.set_ylim(0, 1.0)
    axes.set_aspect("equal", anchor="W")
    for k, (track, person) in enumerate(people):
        axes.imshow(person.portrait, extent=(1.15 * k, 1.15 * k + 1, 0, 1), interpolation="bilinear")
        fused = " (fused)" if track == main else ""
        axes.text(
            1.15 * k + 1.03, 0.05, f"face/{track}{fused}", rotation=90, va="bottom", fontsize=7, color=COLOURS["face"]
        )


def _dimension(axes: "Axes", result: Result, d: int, dimension: str) -> None:
    axes.axhline(0, color="#bbbbbb", linewidth=0.7)
    for source, trace in result.traces.items():
        kind = source.partition("/")[0]
        if kind == "fused" or not trace.observed.any():
            continue
        shown = _thin(trace)
        if kind == "text":
            _utterances(axes, trace, d)
        elif kind == "state":
            time, mean, sd = shown
            axes.fill_between(
                time,
                mean[:, d] - 1.645 * sd[:, d],
                mean[:, d] + 1.645 * sd[:, d],
                color=COLOURS["state"],
                alpha=0.13,
                linewidth=0,
                label="90 % interval",
            )
            axes.plot(time, mean[:, d], color=COLOURS["state"], linewidth=1.8, label="state")
        else:
            faint = kind == "face" and source != f"face/{result.main_face}"
            axes.plot(
                *_torn(shown[0], shown[1][:, d]),
                color=COLOURS.get(kind, "#777777"),
                linewidth=0.9,
                alpha=0.35 if faint else 0.85,
                label="_" if faint else kind,
            )
    low, high = ENDS[dimension]
    axes.set_ylim(-1, 1)
    axes.set_yticks([-1, -0.5, 0, 0.5, 1], [low, "", "0", "", high])
    axes.set_ylabel(dimension, weight="bold")


def _events(axes: "Axes", events: list[Event], dimension: str) -> None:
    """Onsets and offsets as triangles at the edge they belong to, filled at the onset; discord as a rule with its pair."""
    for event in events:
        if event.dimension != dimension:
            continue
        if event.kind in ("onset", "offset"):
            axes.plot(
                [event.found],
                [0.93 * event.direction],
                marker="^" if event.direction > 0 else "v",
                markersize=6,
                color=COLOURS["state"],
                fillstyle="full" if event.kind == "onset" else "none",
                linestyle="none",
            )
        elif event.kind == "discord":
            axes.axvline(event.found, color=COLOURS["discord"], linewidth=1.2, linestyle=":")
            note = f"{event.sources[0]} above {event.sources[1]}"
            axes.text(event.found, -0.97, f" {note}", color=COLOURS["discord"], fontsize=7, va="bottom", clip_on=True)


def _utterances(axes: "Axes", trace: Trace, d: int) -> None:
    """Each utterance as a bar as long as it lasts, with its one-standard-deviation box."""
    half = trace.span / 2
    for i in np.flatnonzero(np.isfinite(trace.mean[:, d])):
        begin, end = trace.time[i] - half[i], trace.time[i] + half[i]
        mean, sd = trace.mean[i, d], trace.sd[i, d]
        axes.fill_between([begin, end], mean - sd, mean + sd, color=COLOURS["text"], alpha=0.12, linewidth=0)
        axes.plot([begin, end], [mean, mean], color=COLOURS["text"], linewidth=2.2, label="text" if i == 0 else "_")


def _words(axes: "Axes", words: list[tuple[float, float, str]], reach: tuple[float, float]) -> None:
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    per_second = 140 / max(reach[1] - reach[0], 1e-6)  # letters that fit
    following = [begin for begin, _, _ in words[1:]] + [reach[1]]
    for (begin, end, text), until in zip(words, following, strict=True):
        room = max(int((max(until, end) - begin) * per_second), 1)
        line = " ".join(text.split())
        axes.plot([begin, end], [0.1, 0.1], color=COLOURS["text"], linewidth=2.2, solid_capstyle="butt")
        if room >= 4:
            axes.text(begin, 0.3, line if len(line) <= room else line[: room - 1] + "…", fontsize=8, clip_on=True)


def _torn(time: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A line (P,) with a point that is not drawn wherever two are more than :data:`GAP` apart, and than is usual."""
    if len(time) < 2:
        return time, values
    steps = np.diff(time)
    gaps = 1 + np.flatnonzero(steps > max(GAP, 2 * float(np.median(steps))))
    return np.insert(time, gaps, time[gaps]), np.insert(values, gaps, np.nan)


def _thin(trace: Trace) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """At most :data:`POINTS` points of ``trace``: time (P,), mean and sd (P, 3) averaged over equal runs of rows."""
    rows = len(trace)
    if rows <= POINTS:
        return trace.time, trace.mean, trace.sd
    cuts = np.linspace(0, rows, POINTS + 1).astype(int)
    first, count = cuts[:-1], np.diff(cuts)

    def average(values: NDArray[np.float64]) -> NDArray[np.float64]:
        known = np.isfinite(values)
        number = np.add.reduceat(known.astype(float), first)
        with np.errstate(invalid="ignore"):
            return np.add.reduceat(np.where(known, values, 0), first) / np.where(number > 0, number, np.nan)

    return np.add.reduceat(trace.time, first) / count, average(trace.mean), average(trace.sd)
