"""``affectstream dynamics``: the 25-turn experiment, from utterances to a figure."""

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affectstream.encoders.checkpoint import CheckpointError
from affectstream.encoders.text.encoder import TextEncoder
from affectstream.multimodal.dynamics.turns import OWN, read_dialogue, replay, verdicts
from affectstream.multimodal.report.turns import summary, write_experiment
from affectstream.multimodal.types import Chunk


def run(arguments: list[str]) -> int:
    """Run the experiment as ``arguments`` say; 0 if it was written, 1 if it could not be, 2 if the call was wrong."""
    options = _parser().parse_args(arguments)
    try:
        turns = read_dialogue(options.dialogue)
        encoder = TextEncoder.load()
        experiment = replay(turns, lambda texts: rate(encoder, texts), alpha=options.alpha)
    except (ValueError, OSError, CheckpointError) as error:
        print(f"affectstream dynamics: {error}", file=sys.stderr)
        return 2
    try:
        files = write_experiment(experiment, options.out)
    except OSError as error:
        print(f"affectstream dynamics: cannot write to {options.out}: {error.strerror or error}", file=sys.stderr)
        return 1
    rows = summary(experiment)
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    for row in rows:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    for verdict in verdicts(experiment):
        print(f"{'shown:       ' if verdict.shown else 'contradicted:'} {verdict.claim} ({verdict.because})")
    for file in files:
        print(f"  {file}")
    return 0


def rate(encoder: TextEncoder, texts: list[str]) -> NDArray[np.float64]:
    """Valence, arousal, dominance (n, 3) of each of ``texts`` by itself."""
    when = np.arange(len(texts), dtype=np.float64)
    chunk = Chunk("text", 0.0, 0.0, np.array(texts), time=when, duration=np.ones(len(texts)))
    _, observations = encoder.observe(encoder.initial(), chunk)
    mean = observations[0].mean
    if len(mean) != len(texts) or np.isnan(mean).any():
        raise ValueError("some turns of the dialogue hold no words to rate; wanted a sentence in each")
    return mean


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="affectstream dynamics",
        description="Replay a quarrel of 25 turns and its reconciliation, with and without an affective state, after "
        "arXiv 2601.16087: a table, a figure and a page.",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the results go; made if missing")
    parser.add_argument("--dialogue", type=Path, default=OWN, metavar="FILE", help="another dialogue (.json)")
    parser.add_argument("--alpha", type=float, default=0.15, help="how much of each turn is taken in (default 0.15)")
    return parser
