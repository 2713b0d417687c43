"""What came of a run, drawn: the network beside what knows nothing, and which classes it takes for which."""

from pathlib import Path
from typing import Any

import numpy as np

from affectstream.multimodal.training.fit_table import NAMES
from affectstream.multimodal.types import DIMENSIONS
from affectstream.multimodal.whole import draft

BLUE, GREY, RED = "#2f6690", "#8a8a8a", "#b3402e"
SHADES = ("#2f6690", "#c17f24", "#5c8a4a")


def draw(found: dict[str, Any], path: Path) -> None:
    """Write ``found``, as :func:`affectstream.multimodal.training.fit_table.results` has it, to ``path`` (.png).

    Of classes, balanced accuracy with its interval, network and floors, the share of each true class that was taken for each, and
    how often the network was right when it was so sure; of ratings, the CCC of each dimension, and how many intervals of
    each level hold the truth; of marks, macro-F1.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    about = found["data"]
    tasks = {"classes": _draw_classes, "numbers": _draw_numbers, "marks": _draw_marks}
    asked = [name for name in tasks if name in found]
    figure = plt.figure(figsize=(11, 3.4 * len(asked) + 0.4), layout="constrained")
    parts: Any = figure.subfigures(len(asked), 1, squeeze=False)
    for name, part in zip(asked, parts[:, 0], strict=True):
        tasks[name](part, found[name], about)
    what = f"{about['corpus']}, {about['learnt']}, {about['split']}, {found['samples']} samples of {found['subjects']} subjects"
    figure.suptitle(
        f"LEAKY: measures memory of trials, not affect\n{what}" if about["leaky"] else what,
        fontsize=10,
        color=RED if about["leaky"] else "black",
    )
    with draft(path) as name:
        figure.savefig(name, dpi=150)
    plt.close(figure)


def _draw_classes(part: Any, found: dict[str, Any], about: dict[str, Any]) -> None:
    panels = part.subplots(1, 3, width_ratios=(1.5, 1, 1))
    rows = {name: row["balanced_accuracy"] for name, row in found["figures"].items()}
    _intervals(panels[0], rows, 1 / len(about["classes"]), "balanced accuracy", about["leaky"])
    panels[0].set_xlim(0, 1)
    _confusion(panels[1], found["confusion"], about["classes"])
    points = [(entry["certainty"], entry["right"]) for entry in found["reliability"]]
    share = np.array([entry["samples"] for entry in found["reliability"]]) / found["samples"]
    _against_truth(panels[2], points, "the network's certainty", "how often it is right")
    panels[2].scatter(*zip(*points, strict=True), s=12 + 200 * share, color=BLUE, alpha=0.5, clip_on=False)


def _draw_numbers(part: Any, found: dict[str, Any], about: dict[str, Any]) -> None:
    panels = part.subplots(1, 4, width_ratios=(1, 1, 1, 1.1))
    for d, dimension in enumerate(DIMENSIONS):
        rows = {
            name: [None if value is None else value[d] for value in row["ccc"]]
            for name, row in found["figures"].items()
        }
        _intervals(panels[d], rows, 0, f"{dimension}, CCC", about["leaky"])
        lowest = min((value for row in rows.values() for value in row if value is not None), default=0.0)
        panels[d].set_xlim(min(-0.2, lowest - 0.05), 1)
        panels[d].tick_params(labelleft=d == 0)
    for d, dimension in enumerate(DIMENSIONS):
        covered = [(float(level), values[d]) for level, values in found["coverage"].items() if values[d] is not None]
        if covered:
            _against_truth(panels[3], covered, "intervals of this level", "hold the truth", dimension, SHADES[d])
    if panels[3].get_legend_handles_labels()[1]:
        panels[3].legend(fontsize=7, frameon=False, loc="lower right")


def _draw_marks(part: Any, found: dict[str, Any], about: dict[str, Any]) -> None:
    panels = part.subplots(1, 2)
    for panel, key in zip(panels, ("macro_f1", "mean_average_precision"), strict=True):
        rows = {name: row[key] for name, row in found["figures"].items()}
        _intervals(panel, rows, None, f"{key.replace('_', ' ')} of {len(about['marks'])} marks", about["leaky"])
        panel.set_xlim(0, 1)


def _against_truth(
    panel: Any, points: list[tuple[float, float]], x: str, y: str, label: str | None = None, colour: str = BLUE
) -> None:
    """What was promised and what was kept; on the dashed line both are the same."""
    panel.plot([0, 1], [0, 1], color="0.35", linewidth=1, linestyle=(0, (4, 3)), zorder=0)
    panel.plot(*zip(*points, strict=True), marker="o", markersize=4, color=colour, label=label)
    panel.set(xlim=(0, 1), ylim=(0, 1), xlabel=x, ylabel=y)
    panel.set_aspect("equal")
    panel.spines[["top", "right"]].set_visible(False)


def _intervals(panel: Any, rows: dict[str, list[float | None]], chance: float | None, label: str, leaky: bool) -> None:
    """Each figure as a dot on its interval, and chance as a line; a figure that is not known is left out."""
    for y, (name, (value, low, high)) in enumerate(rows.items()):
        colour = GREY if name != "network" else RED if leaky else BLUE
        if low is not None and high is not None:
            panel.plot([low, high], [y, y], color=colour, linewidth=3, alpha=0.5, solid_capstyle="butt")
        if value is not None:
            panel.plot(value, y, "o", color=colour, clip_on=False)
            where = {"textcoords": "offset points", "ha": "center", "fontsize": 8}
            box = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
            panel.annotate(f"{round(value, 2) + 0:.2f}", (value, y), (0, 7), bbox=box, **where)
    if chance is not None:
        panel.axvline(chance, color="0.35", linewidth=1, linestyle=(0, (4, 3)), zorder=0)
    panel.set_yticks(range(len(rows)), [NAMES[name] for name in rows])
    panel.set(ylim=(len(rows) - 0.5, -0.7), xlabel=label + (" (dashed: chance)" if chance else ""))
    panel.tick_params(axis="y", length=0)
    panel.spines[["top", "right", "left"]].set_visible(False)


def _confusion(panel: Any, counts: list[list[int]], classes: list[str]) -> None:
    share = np.array(counts) / np.maximum(np.sum(counts, 1, keepdims=True), 1)
    panel.imshow(share, cmap="Blues", vmin=0, vmax=1)
    many = len(classes) > 4
    for (i, j), value in np.ndenumerate(share):
        said = f"{100 * value:.0f}" if many else f"{100 * value:.0f} %"
        colour = "white" if value > 0.6 else "black"
        panel.text(j, i, said, ha="center", va="center", color=colour, fontsize=6 if many else 10)
    panel.set_xticks(range(len(classes)), classes, rotation=60 if many else 0, fontsize=7 if many else 9)
    panel.set_yticks(range(len(classes)), classes, fontsize=7 if many else 9)
    panel.set(xlabel="the network says", ylabel="true")
