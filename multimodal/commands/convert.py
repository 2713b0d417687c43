"""``affectstream convert``: a scored recording from one format to another, or a folder of them."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from affectstream.multimodal.agent.formats.elan import read_elan, write_elan
from affectstream.multimodal.agent.formats.emotionml import write_emotionml
from affectstream.multimodal.agent.formats.emotionml_reader import read_emotionml
from affectstream.multimodal.agent.formats.jsonlines import read_jsonlines, write_jsonlines
from affectstream.multimodal.agent.formats.recorded import Recorded
from affectstream.multimodal.report.recorded import read_recorded, write_recorded
from affectstream.multimodal.types import SignalError

ENDINGS = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".emotionml": "emotionml",
    ".xml": "emotionml",
    ".eaf": "eaf",
    ".jsonl": "jsonl",
}
FORMATS = tuple(dict.fromkeys(ENDINGS.values()))
READERS: dict[str, Callable[[Path], Recorded]] = {
    "parquet": read_recorded,
    "csv": read_recorded,
    "emotionml": read_emotionml,
    "eaf": read_elan,
    "jsonl": read_jsonlines,
}
WRITERS: dict[str, Callable[[Recorded, Path], list[str]]] = {
    "parquet": write_recorded,
    "csv": write_recorded,
    "emotionml": write_emotionml,
    "eaf": write_elan,
    "jsonl": write_jsonlines,
}


class Job(NamedTuple):
    """One file to read, and where it goes."""

    source: Path
    reads: str
    target: Path
    writes: str


def run(arguments: list[str]) -> int:
    """Convert what ``arguments`` name; 0 if all of it was, 1 if some was not, 2 if the call was wrong."""
    options = _parser().parse_args(arguments)
    try:
        jobs = list_jobs(options.input, options.output, options.reads, options.writes)
    except ValueError as error:
        print(f"affectstream convert: {error}", file=sys.stderr)
        return 2
    failed = [job for job in jobs if not _convert(job)]
    if failed and len(jobs) > 1:
        print(f"\n{len(failed)} of {len(jobs)} files were not converted:", file=sys.stderr)
        for job in failed:
            print(f"  {job.source}", file=sys.stderr)
    return 1 if failed else 0


def list_jobs(source: Path, target: Path, reads: str | None = None, writes: str | None = None) -> list[Job]:
    """One job for a file, one for each file of a folder, whose structure is kept below ``target``.

    Formats that are not named are those of the endings; of a folder, the score tables are read unless ``reads`` names another
    format. Raises ValueError if a format is not known, nothing is there to read, or two files would become one.
    """
    if source.is_dir():
        return _jobs_of_folder(source, target, reads, writes)
    if target.is_dir():
        if writes is None:
            raise ValueError(
                f"{target} is a folder, which has no ending; name the format with --to, one of {', '.join(FORMATS)}"
            )
        target /= f"{source.stem}.{writes}"
    job = Job(source, reads or _format(source, "--from"), target, writes or _format(target, "--to"))
    _check_table(job)
    if target.resolve() == source.resolve():
        raise ValueError(f"{source} would be written over itself; name another file")
    return [job]


def _jobs_of_folder(source: Path, target: Path, reads: str | None, writes: str | None) -> list[Job]:
    if writes is None:
        raise ValueError(f"{source} is a folder; name what to make of its files with --to, one of {', '.join(FORMATS)}")
    if target.exists() and not target.is_dir():
        raise ValueError(f"{source} is a folder but {target} is a file; name a folder")
    wanted = {reads} if reads else {"parquet", "csv"} - {writes}
    found = [
        file for file in sorted(source.rglob("*")) if ENDINGS.get(file.suffix.lower()) in wanted and file.is_file()
    ]
    found = [file for file in found if not file.stem.endswith(".eeg")]  # the tables of electrodes
    if reads is None:  # of two tables of one recording, the one that says its recording
        found = [file for file in found if file.suffix.lower() != ".csv" or file.with_suffix(".parquet") not in found]
    if not found:
        kinds = " or ".join(f"*{ending}" for ending, kind in ENDINGS.items() if kind in wanted)
        raise ValueError(f"no {kinds} in the folder {source}; name another folder, or another format with --from")
    jobs: dict[Path, Job] = {}
    for file in found:
        to = target / file.parent.relative_to(source) / f"{file.stem}.{writes}"
        job = Job(file, ENDINGS[file.suffix.lower()], to, writes)
        if (other := jobs.setdefault(to, job)) is not job:
            raise ValueError(f"{other.source} and {file} would both be written to {to}; rename one")
    return list(jobs.values())


def _format(path: Path, option: str) -> str:
    """The format of ``path`` by its ending; ``option`` is how to say it otherwise."""
    if (kind := ENDINGS.get(path.suffix.lower())) is None:
        wanted = f"wanted {', '.join(ENDINGS)}; or name the format with {option}"
        raise ValueError(f"{path} has the ending {path.suffix!r}; {wanted}")
    return kind


def _check_table(job: Job) -> None:
    """Raise ValueError for a table whose ending is not that of its format, by which it is read and written."""
    for path, kind in ((job.source, job.reads), (job.target, job.writes)):
        if kind in ("parquet", "csv") and path.suffix != f".{kind}":
            raise ValueError(f"{path} is to be a table in {kind}; wanted the ending .{kind}; rename it")


def _convert(job: Job) -> bool:
    """Read and write one file; says what happened and returns whether it is there."""
    try:
        recorded = READERS[job.reads](job.source)
        if not recorded.rows:
            raise ValueError(f"{job.source} has no row of valence, arousal or dominance; nothing was written")
        lost = WRITERS[job.writes](recorded, job.target)
    except (ValueError, SignalError) as error:
        print(f"affectstream convert: {error}", file=sys.stderr)
        return False
    except OSError as error:
        what = error.strerror or str(error)
        print(f"affectstream convert: {job.source} cannot become {job.target}: {what}", file=sys.stderr)
        return False
    for note in (*recorded.notes, *lost):
        print(f"affectstream convert: {job.source.name}: {note}", file=sys.stderr)
    rows = "1 row" if recorded.rows == 1 else f"{recorded.rows} rows"
    parts = [f"{rows} of {', '.join(recorded.traces)}"]
    parts += [f"{len(found)} {what}" for what in ("events", "words") if (found := getattr(recorded, what))]
    print(f"{job.target}: {'; '.join(parts)}")
    return True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="affectstream convert",
        description="Convert a scored recording: tables (.parquet, .csv; with name.events.json and name.srt beside them), EmotionML "
        "(.emotionml, .xml), ELAN (.eaf) and JSON Lines (.jsonl), each to each. Says what the target cannot hold.",
    )
    parser.add_argument("input", type=Path, metavar="IN", help="a file, or a folder of them")
    parser.add_argument("output", type=Path, metavar="OUT", help="a file, or the folder where they go; made if missing")
    parser.add_argument(
        "--from",
        dest="reads",
        choices=FORMATS,
        help="what IN is (default: what its ending says; of a folder, its tables)",
    )
    parser.add_argument("--to", dest="writes", choices=FORMATS, help="what OUT is (default: what its ending says)")
    return parser
