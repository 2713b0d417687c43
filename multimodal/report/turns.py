"""The 25-turn experiment on paper: a table (.csv), a figure (.png) and a page (.md)."""

import csv
import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from affectstream.multimodal.dynamics.turns import MOMENTA, PHASES, Course, Experiment, Turn, verdicts
from affectstream.multimodal.types import DIMENSIONS

SHADES = {"opening": "#f2f2f2", "adversarial": "#f6dcd6", "pause": "#f2f2f2", "reconciliatory": "#d9e8ee"}
FIRST = "#222222"
SECOND = ("#9ecae1", "#6baed6", "#3182bd", "#08306b")  # one hue, darker with momentum: readable without colour vision


def write_experiment(experiment: Experiment, folder: Path) -> list[Path]:
    """Write dynamics.csv, dynamics.png and dynamics.md into ``folder``, all or none; returns their paths.

    Raises OSError if it cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".dynamics.") as part:
        draft = Path(part)
        (draft / "dynamics.csv").write_text(table(experiment), encoding="utf-8")
        draw(experiment, draft / "dynamics.png")
        (draft / "dynamics.md").write_text(page(experiment), encoding="utf-8")
        return [path.replace(folder / path.name) for path in sorted(draft.iterdir())]


def table(experiment: Experiment) -> str:
    """One row for each turn and condition, as CSV."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["turn", "phase", "condition", *DIMENSIONS, *(f"{d}_rating" for d in DIMENSIONS)])
    for course in experiment.courses:
        for k, turn in enumerate(experiment.turns):
            values = [f"{v:.6f}" for v in (*course.affect[k], *experiment.ratings[k])]
            writer.writerow([k + 1, turn.phase, course.name, *values])
    return out.getvalue()


def summary(experiment: Experiment) -> list[list[str]]:
    """The table of measures, its head first."""
    head = [
        "condition",
        "damping",
        "recovered from turn",
        "lag, turns",
        "hysteresis",
        "change a turn",
        "reversals",
        "overshoot",
    ]
    return [head, *([*_row(course)] for course in experiment.courses)]


def page(experiment: Experiment) -> str:
    """What was done and what it shows, as Markdown."""
    head, *rows = summary(experiment)
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)]
    claims = [
        f"| {v.claim} | **{'shown' if v.shown else 'contradicted'}** | {v.because} |" for v in verdicts(experiment)
    ]
    return f"""# A quarrel and its end: affect with and without a state

![Valence of each condition over the turns](dynamics.png)

After "Controlling Long-Horizon Behavior in Language Model Agents with Explicit State Dynamics" (arXiv 2601.16087).
The paper's turns, parameters and definitions are not public: the dialogue and the definitions are ours, and one dialogue is
one dialogue: which way hysteresis goes with momentum depends on the pace of the turns. Every turn is rated by itself; the agent's valence is that rating (stateless) or follows it.

{chr(10).join(lines)}

Recovery: the turn of the reconciliation from which valence stays within .1 of the opening's mean rating. Lag: the
shift of greatest correlation. Hysteresis: area of the loop (rating, valence), in the most a first-order lag can have on a
sine. Second order: x <- a u + (1 - a) (x + momentum (x - x before)), as a continuous process with the same poles.

| finding of the paper | here | numbers |
| --- | --- | --- |
{chr(10).join(claims)}
"""


def draw(experiment: Experiment, path: Path) -> None:
    """The figure: ratings as dots, each condition's valence as a line, phases shaded."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    turns = range(1, len(experiment.turns) + 1)
    with plt.rc_context({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}):
        figure, axes = plt.subplots(figsize=(11, 5), layout="constrained")
        shade(axes, experiment.turns)
        axes.axhline(0, color="#999999", linewidth=0.7)
        axes.plot(
            turns, experiment.ratings[:, 0], "o", color="#d1495b", markersize=5, label="each turn's rating (stateless)"
        )
        for course in experiment.courses[1:]:
            first = course.momentum is None
            colour = FIRST if first else SECOND[MOMENTA.index(course.momentum or 0)]
            axes.plot(
                turns,
                course.affect[:, 0],
                color=colour,
                linestyle="--" if first else "-",
                linewidth=1.8,
                label=course.name,
            )
        axes.set_xlim(0.5, len(turns) + 0.5)
        axes.set_ylim(-1.05, 1.05)
        axes.set_xlabel("turn")
        axes.set_ylabel("valence")
        axes.legend(frameon=False, fontsize=9, loc="upper left", ncols=2)
        figure.savefig(path, dpi=130, format="png", metadata={"Software": None})
        plt.close(figure)


def shade(axes: Any, turns: Sequence[Turn], *, named: bool = True) -> None:
    """Shade the phases of ``turns`` on matplotlib's ``axes``, and write their names above."""
    for phase in PHASES:
        at = [k for k, turn in enumerate(turns, start=1) if turn.phase == phase]
        if at:
            axes.axvspan(at[0] - 0.5, at[-1] + 0.5, color=SHADES[phase], linewidth=0)
        if at and named:
            axes.text((at[0] + at[-1]) / 2, 1.02, phase, ha="center", transform=axes.get_xaxis_transform(), fontsize=9)


def _row(course: Course) -> list[str]:
    return [
        course.name,
        "-" if course.damping is None else f"{course.damping:.2f}",
        "never" if course.recovers is None else str(course.recovers),
        f"{course.lag:.1f}",
        f"{course.hysteresis:.2f}",
        f"{course.jitter:.2f}",
        str(course.reversals),
        f"{course.overshoot:.2f}",
    ]
