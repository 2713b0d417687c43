"""How the losses went, drawn."""

from collections.abc import Sequence
from pathlib import Path

from affectstream.multimodal.whole import draft

COLOURS = {"train_loss": "#8a8a8a", "val_loss": "#2f6690"}


def draw_curve(curve: Sequence[dict[str, float]], best: int, path: Path) -> None:
    """Write the losses of ``curve``, an entry an epoch with "epoch" from 0, to ``path`` (.png), the epoch ``best`` marked if
    it is one."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
    for name, colour in COLOURS.items():
        points = [(entry["epoch"] + 1, entry[name]) for entry in curve if name in entry]
        if points:
            label = {"train_loss": "training", "val_loss": "validation"}[name]
            axes.plot(*zip(*points, strict=True), color=colour, marker="." if len(points) < 30 else "", label=label)
    if best >= 0:
        axes.axvline(best + 1, color="0.35", linewidth=1, linestyle=(0, (4, 3)), zorder=0, label="chosen")
    axes.set(xlabel="epoch", ylabel="loss")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    with draft(path) as name:
        figure.savefig(name, dpi=120)
    plt.close(figure)
