"""The command ``affectstream``: a table of verbs, each imported only when it is called."""

import argparse
import os
import sys
from importlib import import_module
from importlib.metadata import version

TRAINING = "affectstream.multimodal.training.fit"
VERBS = {  # where the verb is done, and a line about it
    "score": (
        "affectstream.multimodal.commands.score:run",
        "score recordings: traces, a state, a summary and a picture",
    ),
    "convert": (
        "affectstream.multimodal.commands.convert:run",
        "make EmotionML, ELAN, JSON Lines or a table of a scored recording",
    ),
    "live": (
        "affectstream.multimodal.commands.live:run",
        "open a page that shows the state of whoever sits before the camera",
    ),
    "serve": ("affectstream.multimodal.commands.serve:run", "tell agents the state over HTTP, as it happens"),
    "mcp": (
        "affectstream.multimodal.commands.mcp:run",
        "tell agents the state as a server of the Model Context Protocol",
    ),
    "calibrate": (
        "affectstream.multimodal.commands.calibrate:run",
        "learn a person's EEG from rated stretches of a recording",
    ),
    "fit": (f"{TRAINING}:fit", "train networks on a corpus, fold by fold, as a preset says"),
    "validate": (f"{TRAINING}:validate", "measure a run on what its networks were chosen by"),
    "test": (f"{TRAINING}:test", "measure a run on what was held out, beside what knows nothing"),
    "predict": (f"{TRAINING}:predict", "write what a run's networks say of every sample"),
    "export": (f"{TRAINING}:export", "make a checkpoint of a run's network"),
    "datasets": (
        "affectstream.multimodal.commands.datasets:run",
        "list the corpora: their terms, where to ask for them, which are here",
    ),
    "dynamics": (
        "affectstream.multimodal.commands.dynamics:run",
        "replay a quarrel of 25 turns with and without a state",
    ),
}


def main(arguments: list[str] | None = None) -> int:
    """Run the verb named first in ``arguments`` (default: the command line); returns the exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(
        prog="affectstream",
        description="Faces, voices, words and brain waves in; one Valence-Arousal-Dominance trace with honest uncertainty out.",
        epilog="`affectstream VERB --help` says more.",
    )
    parser.add_argument("--version", action="version", version=f"affectstream {version('affectstream')}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb, (_, line) in VERBS.items():
        verbs.add_parser(verb, help=line, add_help=False)
    chosen, rest = parser.parse_known_args(words[:1]), words[1:]
    module, name = VERBS[chosen[0].verb][0].split(":")
    command = getattr(import_module(module), name)
    try:
        code = command(rest)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read, as `head` does, has read enough; what is left goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
