"""``affectstream fit``: a preset and a corpus in; a network for every fold, and a table of what they are worth, out.

Nothing heavy is imported until it runs, so that without torch there is an answer and no traceback.
"""

import json
import sys
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affectstream.multimodal.training.whole import write_text
from affectstream.multimodal.types import SignalError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

CONFIG = "config.yaml"
PLACES = ("config", "out", "folds")  # of a call, not of a run: these may differ when it is continued
OURS = (  # options of Lightning's Trainer that the run sets, or that would leave samples out
    *("logger", "callbacks", "enable_checkpointing", "enable_model_summary", "enable_progress_bar", "default_root_dir"),
    *("num_sanity_val_steps", "fast_dev_run", "barebones"),
    *("limit_val_batches", "limit_test_batches", "limit_predict_batches"),
    *("devices", "num_nodes", "strategy", "use_distributed_sampler", "sync_batchnorm"),
)


def run(arguments: list[str]) -> int:
    """Train as ``arguments`` say; 0 if it was done, 1 if the data could not be used or written, 2 if the call was wrong."""
    try:
        from jsonargparse import ArgumentError
        from pytorch_lightning.utilities.exceptions import (
            MisconfigurationException,  # pyright: ignore[reportPrivateImportUsage]
        )

        from affectstream.multimodal.training.fit_picture import draw
        from affectstream.multimodal.training.fit_table import LEAKY, lines, results
        from affectstream.multimodal.training.folds import Plan, train_folds
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("affectstream"):
            raise
        print(
            f"affectstream fit: there is no {error.name} here; training needs what pip install 'affectstream[train]' brings",
            file=sys.stderr,
        )
        return 2
    try:
        parser = _parser()
        asked = parser.parse_args(arguments)
        built = parser.instantiate(asked)
        data, config = built["data"], settings(parser, asked)
        refuse_another(asked.out, config)
        if data.leaky:
            print(LEAKY)
        data.read(asked.out / "features")
        write_text(asked.out / CONFIG, config)
        plan = Plan(lambda: parser.instantiate(asked)["model"], asked.trainer.as_dict(), asked.out, asked.patience)
        folds, done = train_folds(data, plan, asked.folds)
        found = results(data, folds, done)
        write_text(asked.out / "results.json", json.dumps(found, indent=1) + "\n")
        draw(found, asked.out / "results.png")
    except (ArgumentError, MisconfigurationException, ValueError, FileNotFoundError) as error:
        print(f"affectstream fit: {getattr(error, 'message', None) or error}", file=sys.stderr)
        return 2
    except (SignalError, OSError) as error:
        print(f"affectstream fit: {error}", file=sys.stderr)
        return 1
    for line in lines(found):
        print(line)
    for name in ("results.json", "results.png"):
        print(f"  {asked.out / name}")
    return 0


def find_config(name: str) -> Traversable:
    """A configuration: the file ``name``, or the preset of that name in :mod:`affectstream.configs`.

    Raises ValueError that lists the presets if there is neither.

    >>> find_config("eeg/rbtransformer_dreamer.yaml").name
    'rbtransformer_dreamer.yaml'
    """
    presets = files("affectstream.configs")
    for place in (Path(name), presets.joinpath(name)):
        if place.is_file():
            return place
    listed = sorted(
        f"{folder.name}/{file.name}"
        for folder in presets.iterdir()
        if folder.is_dir()
        for file in folder.iterdir()
        if file.name.endswith(".yaml")
    )
    raise ValueError(f"there is no configuration {name}; wanted a file, or one of {', '.join(listed)}")


def settings(parser: "ArgumentParser", asked: "Namespace") -> str:
    """All that a run depends on, as YAML that can be given to ``--config`` again."""
    kept = asked.clone()
    for name in PLACES:
        kept.pop(name, None)
    return parser.dump(kept, skip_validation=True)


def refuse_another(out: Path, config: str) -> None:
    """Raise ValueError if the folder ``out`` holds folds of other :func:`settings` than ``config``."""
    path = out / CONFIG
    if not any(out.glob("fold-*/answers.npz")) or not path.exists():
        return  # nothing that would be mixed up
    before = path.read_text(encoding="utf-8").splitlines()
    if before != config.splitlines():
        changed = [line.strip() for line in config.splitlines() if line not in before]
        what = "; ".join(changed[:3]) or "something left out"
        raise ValueError(f"{out} holds a run of another configuration (now: {what}); wanted the same, or another --out")


def _parser() -> "ArgumentParser":
    from jsonargparse import ActionConfigFile, ArgumentParser  # pyright: ignore[reportPrivateImportUsage]
    from pytorch_lightning import Trainer

    from affectstream.multimodal.training.module import AffectModule, FoldData

    class Preset(ActionConfigFile):
        """A configuration by path, or by its name among the presets."""

        def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
            super().__call__(parser, namespace, str(find_config(values)), option_string)

    parser = ArgumentParser(
        prog="affectstream fit",
        description="Train a network on every fold of a split, as a preset says, and print what it is worth on what was held "
        "out. A run that was broken off goes on where it stopped.",
        exit_on_error=False,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--config", action=Preset, metavar="FILE", help="a preset, such as eeg/rbtransformer_dreamer.yaml"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the run goes; made if missing")
    parser.add_argument("--folds", type=int, nargs="+", metavar="K", help="only these folds, from 0 (default: all)")
    parser.add_argument(
        "--patience", type=int, default=20, help="epochs without a lower validation loss before it stops"
    )
    parser.add_argument("--data", type=FoldData, required=True, help="what to learn from, a class and its arguments")
    parser.add_class_arguments(AffectModule, "model")
    parser.add_class_arguments(Trainer, "trainer", instantiate=False, skip=set(OURS))
    return parser
