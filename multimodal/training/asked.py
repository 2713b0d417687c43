"""What a call of ``fit``, ``validate``, ``test``, ``predict`` or ``export`` asks for: LightningCLI, with folds and presets."""

import re
import signal
import sys
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pytorch_lightning import Trainer
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI

from affectstream.multimodal.training.data import AffectData
from affectstream.multimodal.training.folds import Plan
from affectstream.multimodal.training.module import AffectModule

CONFIG = "config.yaml"
FORM = 1  # of a configuration; it changes when old ones would mean something else
PLACES = ("config", "out", "folds", "save_every")  # of a call, not of a run: these may differ when it is continued
OURS: set[str | int] = {  # options of Lightning's Trainer that a run sets, or that would leave samples out
    *("logger", "callbacks", "enable_checkpointing", "enable_model_summary", "enable_progress_bar", "default_root_dir"),
    *("num_sanity_val_steps", "fast_dev_run", "barebones", "use_distributed_sampler"),
    *("limit_val_batches", "limit_test_batches", "limit_predict_batches"),
}


class Asked(LightningCLI):
    """A parsed call: ``data``, ``out``, ``folds`` and the ``plan`` by which each fold is trained.

    ``more`` are further arguments of the verb, as (name, settings of argparse). Without ``--config`` a run's own is taken, if
    ``--out`` has one. Raises ArgumentError that names a key that is not known or a value that does not fit, ValueError for a
    configuration of another form.
    """

    def __init__(
        self, verb: str, line: str, arguments: Sequence[str], more: Sequence[tuple[str, dict[str, Any]]] = ()
    ) -> None:
        self.more = more
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="LightningCLI's args parameter")  # we give both on purpose
            super().__init__(
                AffectModule,
                AffectData,
                save_config_callback=None,
                seed_everything_default=False,
                parser_kwargs={
                    "prog": f"affectstream {verb}",
                    "description": line,
                    "exit_on_error": False,
                    "allow_abbrev": False,
                    "dump_header": [f"affectstream=={version('affectstream')}"],
                },
                subclass_mode_data=True,
                args=_with_presets(arguments, verb != "fit"),
                run=False,
                auto_configure_optimizers=False,
                load_from_checkpoint_support=False,
            )

    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_class_arguments(Trainer, "trainer", instantiate=False, skip=OURS)
        parser.add_lightning_class_args(AffectModule, "model")
        parser.add_lightning_class_args(AffectData, "data", subclass_mode=True)

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the run's folder; made if missing")
        parser.add_argument("--folds", type=int, nargs="+", metavar="K", help="only these folds, from 0 (default: all)")
        parser.add_argument(
            "--patience", type=int, default=20, help="epochs without a lower validation loss before it stops"
        )
        parser.add_argument(
            "--start", type=Path | None, default=None, metavar="FILE", help="weights to start from (.safetensors)"
        )
        parser.add_argument(
            "--calibrate", type=bool, default=False, help="fit gains, intervals and certainty on the validation part"
        )
        parser.add_argument(
            "--save_every", type=float, default=60.0, help="seconds between places that a broken-off run can go on from"
        )
        parser.add_argument("--form", type=int, default=FORM, help="the form of this configuration")
        for name, settings in self.more:
            parser.add_argument(name, **settings)

    def instantiate_classes(self) -> None:
        if self.config["form"] != FORM:
            raise ValueError(
                f"the configuration is of form {self.config['form']}; this affectstream ({version('affectstream')}) reads form "
                f"{FORM}; begin with a preset of this version"
            )
        self.config_init = self.parser.instantiate(self.config)
        self.data: AffectData = self.config_init["data"]
        self.out: Path = self.config["out"]
        self.folds: list[int] | None = self.config["folds"]
        kept = {name: self.config[name] for name in ("patience", "start", "calibrate", "save_every")}
        self.plan = Plan(self.module, self.make_trainer, self.out, **kept)

    def module(self) -> AffectModule:
        """The module anew, with fresh weights."""
        return self.parser.instantiate(self.config)["model"]

    def make_trainer(self, **settings: Any) -> Trainer:
        """A trainer as asked for, with ``settings``."""
        return Trainer(**{**self.config["trainer"].as_dict(), **settings})

    def settings(self) -> str:
        """All that a run depends on, as YAML that can be given to ``--config`` again."""
        kept = self.config.clone()
        for name in (*PLACES, *(name.removeprefix("--") for name, _ in self.more)):
            kept.pop(name, None)
        return self.parser.dump(kept, skip_validation=True)


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


def refuse_another(out: Path, config: str) -> None:
    """Raise ValueError if the folder ``out`` holds folds of other settings (:meth:`Asked.settings`) than ``config``."""
    path = out / CONFIG
    if next(out.glob("fold-*/*"), None) is None or not path.exists():
        return  # nothing that would be mixed up
    before = path.read_text(encoding="utf-8").splitlines()
    if before != config.splitlines():
        changed = [line.strip() for line in config.splitlines() if line not in before]
        what = "; ".join(changed[:3]) or "something left out"
        raise ValueError(f"{out} holds a run of another configuration (now: {what}); wanted the same, or another --out")


def _with_presets(arguments: Sequence[str], of_run: bool) -> list[str]:
    """``arguments`` with presets' names as paths; with the run's own configuration first if there is none and ``of_run``."""
    found, named, out = [], False, None
    for k, word in enumerate(arguments):
        before = arguments[k - 1] if k else ""
        if before in ("-c", "--config"):
            found.append(str(find_config(word)))
        elif word.startswith("--config="):
            found.append(f"--config={find_config(word.removeprefix('--config='))}")
        else:
            found.append(word)
        named = named or word in ("-c", "--config") or word.startswith("--config=")
        out = word if before == "--out" else word.removeprefix("--out=") if word.startswith("--out=") else out
    if not of_run or named or out is None:
        return found
    own = Path(out) / CONFIG
    if not own.is_file():
        raise FileNotFoundError(f"there is no run in {out} (no {CONFIG}); wanted the folder of one, or --config too")
    return ["--config", str(own), *found]


def guarded(verb: str, work: Any, arguments: list[str]) -> int:
    """``work(arguments)``, with what a user can mend said in one line: 2 for a wrong call, 1 for data that cannot be used,
    143 if the machine asked it to go (SIGTERM)."""
    from jsonargparse import ArgumentError
    from pytorch_lightning.utilities.exceptions import (
        MisconfigurationException,  # pyright: ignore[reportPrivateImportUsage]
        SIGTERMException,
    )

    from affectstream.multimodal.types import SignalError

    try:
        return work(arguments)
    except SIGTERMException:
        print(f"affectstream {verb}: stopped as asked; the same command goes on from here", file=sys.stderr)
        return 128 + signal.SIGTERM
    except (ArgumentError, MisconfigurationException, ValueError, FileNotFoundError) as error:
        print(f"affectstream {verb}: {_said(error)}", file=sys.stderr)
        return 2
    except (SignalError, OSError) as error:
        print(f"affectstream {verb}: {_said(error)}", file=sys.stderr)
        return 1


def _said(error: BaseException) -> str:
    """The message of ``error``; of one from a loader's worker, which arrives with its traceback, what it said there."""
    text = str(getattr(error, "message", None) or error)
    if "Original Traceback" not in text:
        return text
    lines = text.rstrip().splitlines()
    last = max(k for k, line in enumerate(lines) if re.match(r"\w+(\.\w+)*(Error|Exception): ", line))
    return "\n".join(lines[last:]).split(": ", 1)[1]
