"""What came of a run, drawn: the network beside what knows nothing, and which classes it takes for which."""

from pathlib import Path
from typing import Any

import numpy as np

from affectstream.multimodal.training.fit_table import NAMES
from affectstream.multimodal.training.whole import draft
from affectstream.multimodal.types import DIMENSIONS

BLUE, GREY, RED = "#2f6690", "#8a8a8a", "#b3402e"


def draw(found: dict[str, Any], path: Path) -> None:
    """Write ``found``, as :func:`affectstream.multimodal.training.fit_table.results` has it, to ``path`` (.png).

    Balanced accuracy with its interval, network and floors, and the share of each true class that was taken for each; of ratings
    the CCC of each dimension.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    about, classes = found["data"], found["data"]["classes"]
    figure, panels = plt.subplots(
        1, 2 if classes else 3, figsize=(9, 3.2), layout="constrained", width_ratios=(1.7, 1) if classes else None
    )
    if classes:
        rows = {name: row["balanced_accuracy"] for name, row in found["figures"].items()}
        _intervals(panels[0], rows, 1 / len(classes), "balanced accuracy", about["leaky"])
        panels[0].set_xlim(0, 1)
        _confusion(panels[1], found["confusion"], classes)
    else:
        for d, dimension in enumerate(DIMENSIONS):
            rows = {name: [value[d] for value in row["ccc"]] for name, row in found["figures"].items()}
            _intervals(panels[d], rows, 0, f"{dimension}, CCC", about["leaky"])
            panels[d].set_xlim(-1, 1)
            panels[d].tick_params(labelleft=d == 0)
    what = f"{about['corpus']}, {about['learnt']}, {about['split']}, {found['windows']} windows of {found['subjects']} subjects"
    figure.suptitle(
        f"LEAKY: measures memory of trials, not affect\n{what}" if about["leaky"] else what,
        fontsize=10,
        color=RED if about["leaky"] else "black",
    )
    with draft(path) as name:
        figure.savefig(name, dpi=150)
    plt.close(figure)


def _intervals(panel: Any, rows: dict[str, list[float | None]], chance: float, label: str, leaky: bool) -> None:
    """Each figure as a dot on its interval, and chance as a line; a figure that is not known is left out."""
    for y, (name, (value, low, high)) in enumerate(rows.items()):
        colour = GREY if name != "network" else RED if leaky else BLUE
        if low is not None and high is not None:
            panel.plot([low, high], [y, y], color=colour, linewidth=3, alpha=0.5, solid_capstyle="butt")
        if value is not None:
            panel.plot(value, y, "o", color=colour)
            where = {"textcoords": "offset points", "ha": "center", "fontsize": 8}
            box = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
            panel.annotate(f"{value:.2f}", (value, y), (0, 7), bbox=box, **where)
    panel.axvline(chance, color="0.35", linewidth=1, linestyle=(0, (4, 3)), zorder=0)
    panel.set_yticks(range(len(rows)), [NAMES[name] for name in rows])
    panel.set(ylim=(len(rows) - 0.5, -0.7), xlabel=f"{label} (dashed: chance)")
    panel.tick_params(axis="y", length=0)
    panel.spines[["top", "right", "left"]].set_visible(False)


def _confusion(panel: Any, counts: list[list[int]], classes: list[str]) -> None:
    share = np.array(counts) / np.maximum(np.sum(counts, 1, keepdims=True), 1)
    panel.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (i, j), value in np.ndenumerate(share):
        panel.text(j, i, f"{100 * value:.0f} %", ha="center", va="center", color="white" if value > 0.6 else "black")
    panel.set_xticks(range(len(classes)), classes)
    panel.set_yticks(range(len(classes)), classes)
    panel.set(xlabel="the network says", ylabel="true")
