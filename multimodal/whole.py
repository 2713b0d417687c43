"""Files that are there whole or not at all, so that a run that is broken off leaves nothing half written."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@contextmanager
def draft(path: Path) -> Iterator[Path]:
    """A name beside ``path``, of the same ending, to write to; it becomes ``path`` if nothing is raised, and is gone if it is.

    The folder is made if missing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    name = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield name
        name.replace(path)
    finally:
        name.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path``."""
    with draft(path) as name:
        name.write_text(text, encoding="utf-8")


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write ``arrays`` to ``path`` (.npz)."""
    with draft(path) as name:
        np.savez(name, **arrays)  # pyright: ignore[reportArgumentType]
