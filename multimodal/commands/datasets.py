"""``affectstream datasets``: which corpora can be read, under what terms, where to ask for them, and which are here."""

import argparse
import json
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

from affectstream.datasets.base import About, Modality
from affectstream.datasets.register import corpora

HEAD = ("corpus", "what", "licence", "weights", "ask or get it at")


@dataclass(frozen=True)
class Found:
    """A ``folder`` that holds a corpus, if nothing is ``missing``, or holds a part of it; None if none holds any."""

    folder: Path | None
    missing: tuple[str, ...]


def run(arguments: list[str]) -> int:
    """List the corpora as ``arguments`` say; 0 if it was done, 2 for a wrong call."""
    options = _parser().parse_args(arguments)
    root: Path | None = options.root
    if root is not None and not root.is_dir():
        print(f"affectstream datasets: {root} is no folder; wanted one that holds corpora", file=sys.stderr)
        return 2
    known = {key: about for key, about in corpora().items() if options.modality in (None, about.modality)}
    places = [] if root is None else folders(root)
    found = {key: find(about, places) for key, about in known.items()} if places else {}
    if options.json:
        print(json.dumps({key: _record(about, found.get(key)) for key, about in known.items()}, indent=2))
        return 0
    for line in _lines(known, found, shutil.get_terminal_size((120, 24)).columns):
        print(line)
    return 0


def folders(root: Path) -> list[Path]:
    """``root`` and the folders directly below it, which come first: a corpus is found in the smallest that holds it."""
    return [*sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")), root]


def find(about: About, places: Iterable[Path]) -> Found:
    """The first of ``places`` that lacks least of the corpus; one that lacks all of it is none."""
    best = Found(None, about.holds)
    for place in places:
        missing = about.missing(place)
        if len(missing) < len(best.missing):
            best = Found(place, missing)
        if not missing:
            break
    return best


def _record(about: About, found: Found | None) -> dict[str, object]:
    record: dict[str, object] = asdict(about)
    if found is not None:
        record |= {
            "held": found.folder is not None and not found.missing,
            "folder": None if found.folder is None else str(found.folder),
            "missing": list(found.missing),
        }
    return record


def _lines(known: Mapping[str, About], found: Mapping[str, Found], width: int) -> Iterator[str]:
    rows = [
        (about.modality, (about.name, about.what, about.licence, "yes" if about.shipped else "no", about.access))
        for about in known.values()
    ]
    name = max(len(row[0]) for row in (HEAD, *(row for _, row in rows)))
    rest = max(width, 80) - name - len("weights") - 2 * (len(HEAD) - 1)
    widths = (name, rest * 2 // 5, rest // 5, len("weights"), rest - rest * 2 // 5 - rest // 5)
    yield from _cells(HEAD, widths)
    modality = ""
    for key, (kind, row) in zip(known, rows, strict=True):
        if kind != modality:
            modality = kind
            yield f"\n{kind}"
        yield from _cells(row, widths)
        if key in found:
            yield f"{'':{name}}  {_here(found[key])}"
    yield "\nweights: whether those trained on it may be passed on"
    if found:
        held = sum(one.folder is not None and not one.missing for one in found.values())
        yield f"{held} of {len(found)} are here"


def _here(found: Found) -> str:
    if found.folder is None:
        return "- not here"
    if found.missing:
        return f"~ nearly: {found.folder} has no {', no '.join(found.missing)}"
    return f"+ here: {found.folder}"


def _cells(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    """One row, its cells broken to ``widths``, as lines."""
    whole = textwrap.TextWrapper(break_long_words=False, break_on_hyphens=False)  # an address is for copying
    columns: list[list[str]] = []
    for cell, width in zip(row, widths, strict=True):
        whole.width = width
        columns.append(whole.wrap(cell) or [""])
    for k in range(max(map(len, columns))):
        cells = (column[k] if k < len(column) else "" for column in columns)
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="affectstream datasets",
        description="The corpora that can be trained on: what each is, its licence, whether weights trained on it may be passed "
        "on, and where to ask for it. None is downloaded.",
    )
    parser.add_argument(
        "--root", type=Path, metavar="DIR", help="say also which of them DIR, or a folder directly below it, holds"
    )
    parser.add_argument("--modality", choices=get_args(Modality), help="only those of one kind")
    parser.add_argument("--json", action="store_true", help="as JSON, by the key that names a corpus")
    return parser
