"""AffectNet's hundreds of thousands of one-value label files, read once."""

import hashlib
import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def numbered_labels(annotations: Path, cache: Path | None = None) -> NDArray[np.float64]:
    """Number, expression code, valence and arousal of every face, (n, 4), by number.

    Read from ``<n>_exp.npy``, ``<n>_val.npy`` and ``<n>_aro.npy``, each a single number or the text of one; or from the index
    that an earlier call left in ``cache``, if no file was added to ``annotations`` or removed from it since. It is
    written under another name and then renamed, so that whoever reads it at that time gets all of it or nothing.

    Raises FileNotFoundError for a file that is missing, ValueError for one that is broken or out of its range: codes 0
    to 10, valence and arousal -1 to 1, or -2 for none.
    """
    if cache is None:
        return _read(annotations)
    key = hashlib.blake2b(str(annotations.resolve()).encode(), digest_size=8).hexdigest()
    path = cache / f"{annotations.parent.name}_{key}.npz"
    stamp = annotations.stat().st_mtime_ns
    if path.is_file():
        table = _indexed(path, stamp)
        if table is not None:
            return table
    table = _read(annotations)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=cache, suffix=".part", delete=False) as file:
        np.savez(file, table=table, stamp=np.array(stamp))
    Path(file.name).replace(path)
    return table


def _indexed(path: Path, stamp: int) -> NDArray[np.float64] | None:
    """The table, or None if the files have changed since."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return file["table"] if int(file["stamp"]) == stamp else None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} is no index of AffectNet's labels ({error}); delete it, and it is made again"
        ) from error


def _read(annotations: Path) -> NDArray[np.float64]:
    ending = "_exp.npy"
    with os.scandir(annotations) as entries:
        names = [entry.name.removesuffix(ending) for entry in entries if entry.name.endswith(ending)]
    if wrong := [name for name in names if not name.isdecimal()]:
        raise ValueError(f"{annotations / wrong[0]}{ending} is not numbered; wanted such as 0{ending}")
    if not names:
        raise FileNotFoundError(f"{annotations} has no labels; wanted 0{ending} and so on; get the corpus again")
    numbers = sorted(int(name) for name in names)
    return np.array([[n, *_labels(annotations / str(n))] for n in numbers], np.float64)


def _labels(stem: Path) -> tuple[float, float, float]:
    path = stem.with_name(f"{stem.name}_exp.npy")
    code = _value(path)
    if code not in range(11):
        raise ValueError(f"{path} is {code:g}; wanted an expression's code, 0 to 10; get it again")
    return (
        code,
        read_rating(stem.with_name(f"{stem.name}_val.npy")),
        read_rating(stem.with_name(f"{stem.name}_aro.npy")),
    )


def read_rating(path: Path) -> float:
    """A valence or arousal, -1 to 1 or -2 for none; FileNotFoundError if the file is missing, ValueError if it is no such."""
    rating = _value(path)
    if rating != -2 and not -1 <= rating <= 1:
        raise ValueError(f"{path} is {rating:g}; wanted -1 to 1, or -2 for none; get it again")
    return rating


def _value(path: Path) -> float:
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing; each picture has an _exp, a _val and an _aro; get the corpus again"
        )
    try:
        return float(np.load(path, allow_pickle=False).item())
    except (OSError, EOFError, ValueError) as error:
        raise ValueError(
            f"{path} holds no single number ({error}); wanted one, or the text of one; get it again"
        ) from error
