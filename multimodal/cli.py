"""The command ``affectstream``: a table of verbs, each imported only when it is called."""

import argparse
import os
import sys
from importlib import import_module
from importlib.metadata import version

VERBS = {
    "score": ("affectstream.multimodal.commands.score", "score recordings: traces, a state, a summary and a picture"),
    "calibrate": (
        "affectstream.multimodal.commands.calibrate",
        "learn a person's EEG from rated stretches of a recording",
    ),
    "fit": ("affectstream.multimodal.training.fit", "train networks on a corpus, fold by fold, as a preset says"),
    "datasets": ("affectstream.multimodal.commands.datasets", "list the corpora: terms, where to ask, which are here"),
    "dynamics": ("affectstream.multimodal.commands.dynamics", "replay a quarrel of 25 turns with and without a state"),
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
    command = import_module(VERBS[chosen[0].verb][0])
    try:
        code = command.run(rest)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read, as `head` does, has read enough; what is left goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
