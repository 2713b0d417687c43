"""``affectstream dynamics``: the 25-turn experiment, from utterances to a figure, with a language model or without."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affectstream.encoders.checkpoint import CheckpointError
from affectstream.encoders.text.encoder import TextEncoder
from affectstream.multimodal.agent.own.answers import Answer, Llm, ModelError, Talk, talk
from affectstream.multimodal.commands.callables import callable_named
from affectstream.multimodal.dynamics.turns import OWN, Experiment, read_dialogue, replay, verdicts
from affectstream.multimodal.report.answers import tone_summary, write_talk
from affectstream.multimodal.report.turns import summary, write_experiment
from affectstream.multimodal.types import Chunk

KEPT = "answers.jsonl"


def run(arguments: list[str]) -> int:
    """Run the experiment as ``arguments`` say; 0 if it was written, 1 if it could not be, 2 if the call was wrong."""
    options = _parser().parse_args(arguments)
    try:
        turns = read_dialogue(options.dialogue)
        llm = None if options.llm is None else callable_named(options.llm)
        encoder = TextEncoder.load()
        experiment = replay(turns, lambda texts: rate(encoder, texts), alpha=options.alpha)
    except (ValueError, OSError, CheckpointError) as error:
        print(f"affectstream dynamics: {error}", file=sys.stderr)
        return 2
    try:
        files = write_experiment(experiment, options.out)
        said = None if llm is None else _talk(experiment, llm, encoder, options.out / KEPT)
        if said is not None:
            files += [options.out / KEPT, *write_talk(experiment, said, options.out)]
    except ModelError as error:
        print(f"affectstream dynamics: {error}; the answers before it are in {options.out / KEPT}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"affectstream dynamics: cannot write to {options.out}: {error.strerror or error}", file=sys.stderr)
        return 1
    _show(summary(experiment), experiment)
    if said is not None:
        print("\nthe tone of the answers")
        _show(tone_summary(experiment, said), said.tone)
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


def _talk(experiment: Experiment, llm: Llm, encoder: TextEncoder, path: Path) -> Talk:
    """The model's talk, each answer written to ``path`` as it comes."""
    with path.open("w", encoding="utf-8") as file:

        def keep(answer: Answer) -> None:
            print(json.dumps(asdict(answer), ensure_ascii=False), file=file, flush=True)

        return talk(experiment, llm, lambda texts: rate(encoder, texts), keep)


def _show(rows: list[list[str]], experiment: Experiment) -> None:
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    for row in rows:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    for verdict in verdicts(experiment):
        print(f"{'shown:       ' if verdict.shown else 'contradicted:'} {verdict.claim} ({verdict.because})")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="affectstream dynamics",
        description="Replay a quarrel of 25 turns and its reconciliation, with and without an affective state, after "
        "arXiv 2601.16087: a table, a figure and a page.",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the results go; made if missing")
    parser.add_argument("--dialogue", type=Path, default=OWN, metavar="FILE", help="another dialogue (.json)")
    parser.add_argument("--alpha", type=float, default=0.15, help="how much of each turn is taken in (default 0.15)")
    parser.add_argument(
        "--llm",
        metavar="MODULE:CALLABLE",
        help="a language model that answers every turn, told its own state: takes a list of messages "
        '({"role", "content"}), gives a text; from the current folder or installed',
    )
    return parser
