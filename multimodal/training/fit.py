"""``affectstream fit``, ``validate``, ``test``, ``predict`` and ``export``: the verbs of training.

Nothing heavy is imported until one of them runs, so that without torch there is an answer and no traceback.
"""

import sys
from collections.abc import Callable

NEEDS = "training needs what pip install 'affectstream[train]' brings"


def fit(arguments: list[str]) -> int:
    """Train as ``arguments`` say; 0 if it was done, 1 if the data could not be used or written, 2 if the call was wrong."""
    return _run("fit", arguments)


def validate(arguments: list[str]) -> int:
    """Measure a run on what its networks were chosen by; codes as of :func:`fit`."""
    return _run("validate", arguments)


def test(arguments: list[str]) -> int:
    """Measure a run on what was held out; codes as of :func:`fit`."""
    return _run("test", arguments)


def predict(arguments: list[str]) -> int:
    """Write what a run's networks say of every sample; codes as of :func:`fit`."""
    return _run("predict", arguments)


def export(arguments: list[str]) -> int:
    """Make a checkpoint of a run's network; codes as of :func:`fit`."""
    return _run("export", arguments)


def _run(verb: str, arguments: list[str]) -> int:
    try:
        from affectstream.multimodal.training import verbs
        from affectstream.multimodal.training.asked import guarded
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("affectstream"):
            raise
        print(f"affectstream {verb}: there is no {error.name} here; {NEEDS}", file=sys.stderr)
        return 2
    work: Callable[[list[str]], int] = getattr(verbs, verb)
    return guarded(verb, work, arguments)
