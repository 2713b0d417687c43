"""A model's tone over the turns on paper: answers.csv, answers.png and answers.md."""

import csv
import io
import tempfile
from pathlib import Path

import numpy as np

from affectstream.multimodal.agent.own.answers import Talk
from affectstream.multimodal.dynamics.turns import Course, Experiment, verdicts
from affectstream.multimodal.report.turns import shade, summary
from affectstream.multimodal.types import DIMENSIONS

TONE, TOLD = "#d1495b", "#3182bd"


def write_talk(states: Experiment, talk: Talk, folder: Path) -> list[Path]:
    """Write answers.csv, answers.png and answers.md into ``folder``, all or none; returns their paths.

    ``states`` is what the model was told. Raises OSError if it cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".answers.") as part:
        draft = Path(part)
        (draft / "answers.csv").write_text(answers_table(talk), encoding="utf-8")
        draw_talk(states, talk, draft / "answers.png")
        (draft / "answers.md").write_text(talk_page(states, talk), encoding="utf-8")
        return [path.replace(folder / path.name) for path in sorted(draft.iterdir())]


def answers_table(talk: Talk) -> str:
    """One row for each answer: what was told, what was said, and its tone, as CSV."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["turn", "phase", "condition", "told", "said", *(f"{d}_tone" for d in DIMENSIONS)])
    turns = talk.tone.turns
    tones = [row for course in (talk.untold, *talk.tone.courses) for row in course.affect]
    for answer, tone in zip(talk.answers, tones, strict=True):
        phase = turns[answer.turn - 1].phase
        row = [answer.turn, phase, answer.condition, answer.told, answer.said, *(f"{v:.6f}" for v in tone)]
        writer.writerow(row)
    return out.getvalue()


def tone_summary(states: Experiment, talk: Talk) -> list[list[str]]:
    """The table of measures of the tone, its head first, the model that was told nothing second. Its last column is the
    correlation of the tone's valence with that of the state that was told, "-" where one of them does not change."""
    rows = summary(Experiment(talk.tone.turns, talk.tone.ratings, [talk.untold, *talk.tone.courses]))
    follows = [_r(tone, told) for tone, told in zip(talk.tone.courses, states.courses, strict=True)]
    return [[*row, last] for row, last in zip(rows, ["r with the state", "-", *follows], strict=True)]


def _r(tone: Course, told: Course) -> str:
    a, b = tone.affect[:, 0], told.affect[:, 0]
    return f"{np.corrcoef(a, b)[0, 1]:.2f}" if np.ptp(a) > 0 and np.ptp(b) > 0 else "-"


def talk_page(states: Experiment, talk: Talk) -> str:
    """What was done and what it shows, as Markdown."""
    head, *rows = tone_summary(states, talk)
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)]
    claims = [
        f"| {v.claim} | **{'shown' if v.shown else 'contradicted'}** | {v.because} |" for v in verdicts(talk.tone)
    ]
    return f"""# The tone of the answers

![Valence of the answers in each condition](answers.png)

The model answered every turn, its own state told in words before the latest one; each answer was rated by itself.
"{talk.untold.name.capitalize()}" is the model without a state; "stateless" is told the rating of what was just said.

{chr(10).join(lines)}

Recovery: the turn of the reconciliation from which the tone stays within .1 of its own mean in the opening. The other measures are those
of the states, with the tone in place of the state; the rating of the other side's words is what drives both.

| finding of arXiv 2601.16087 | in the tone | numbers |
| --- | --- | --- |
{chr(10).join(claims)}
"""


def draw_talk(states: Experiment, talk: Talk, path: Path) -> None:
    """The figure: a row for each condition, the state that was told as a line, the tone of each answer as a dot."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    turns = range(1, len(states.turns) + 1)
    rows = [(talk.untold, None), *zip(talk.tone.courses, states.courses, strict=True)]
    with plt.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure, grid = plt.subplots(len(rows), figsize=(9, 1.5 * len(rows)), sharex=True, layout="constrained")
        for axes, (tone, told) in zip(grid, rows, strict=True):
            shade(axes, states.turns, named=axes is grid[0])
            axes.axhline(0, color="#999999", linewidth=0.7)
            if told is not None:
                axes.plot(turns, told.affect[:, 0], color=TOLD, linewidth=1.6, label="state that it was told")
            axes.plot(
                turns, tone.affect[:, 0], "o-", color=TONE, markersize=4, linewidth=0.7, label="tone of its answer"
            )
            axes.set_ylim(-1.05, 1.05)
            axes.set_title(tone.name, loc="left", fontsize=9, pad=14 if axes is grid[0] else 3)
        named = grid[1].get_legend_handles_labels()
        figure.legend(*named, frameon=False, fontsize=9, ncols=2, loc="outside lower right")
        grid[-1].set_xlim(0.5, len(turns) + 0.5)
        grid[-1].set_xlabel("turn")
        figure.supylabel("valence", fontsize=9)
        figure.savefig(path, dpi=130, format="png", metadata={"Software": None})
        plt.close(figure)
