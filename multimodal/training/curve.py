"""How the losses went, drawn."""

from collections.abc import Sequence
from pathlib import Path

from affectstream.multimodal.training.whole import draft

COLOURS = {"train_loss": "#8a8a8a", "val_loss": "#2f6690"}


def draw_curve(curve: Sequence[dict[str, float]], best: int, path: Path) -> None:
    """Write the losses of ``curve``, an entry an epoch with "epoch" from 0, to ``path`` (.png), the epoch ``best`` marked if
    it is one."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
    for name, colour in COLOURS.items():
        points = [(entry["epoch"] + 1, entry[name]) for entry in curve if name in entry]
        if points:
            axes.plot(*zip(*points, strict=True), color=colour, marker="." if len(points) < 30 else "")
            label = {"train_loss": "training", "val_loss": "validation"}[name]
            axes.annotate(label, points[-1], (4, 0), textcoords="offset points", va="center", color=colour, fontsize=9)
    if best >= 0:
        axes.axvline(best + 1, color="0.35", linewidth=1, linestyle=(0, (4, 3)), zorder=0)
        axes.annotate(
            "chosen",
            (best + 1, 1),
            (3, -3),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            va="top",
            color="0.35",
            fontsize=9,
        )
    axes.set(xlabel="epoch", ylabel="loss")
    axes.margins(x=0.12)
    axes.spines[["top", "right"]].set_visible(False)
    with draft(path) as name:
        figure.savefig(name, dpi=120)
    plt.close(figure)
