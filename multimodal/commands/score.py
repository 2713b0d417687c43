"""``affectstream score``: files and folders in, one result each out."""

import argparse
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from affectstream.encoders.checkpoint import CheckpointError
from affectstream.multimodal.eeg.recordings import ENDINGS, is_recording
from affectstream.multimodal.report.table import FORMATS, check_formats
from affectstream.multimodal.score import MODALITIES, Encoders, Result, open_encoders, score
from affectstream.multimodal.types import DIMENSIONS, SignalError

VIDEO = {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".flv", ".mpg", ".mpeg", ".ts", ".wmv", ".gif"}
AUDIO = {".wav", ".flac", ".mp3", ".m4a", ".aac", ".ogg", ".oga", ".opus", ".wma", ".aiff", ".aif"}


@dataclass(frozen=True)
class Job:
    """One input and where its results go: ``folder`` / ``name``.*"""

    path: Path
    folder: Path
    name: str


def run(arguments: list[str]) -> int:
    """Score what ``arguments`` name; 0 if every input gave a result, 1 if some did not, 2 if the call was wrong."""
    options = _parser().parse_args(arguments)
    modalities = tuple(options.modalities.split(","))
    formats = tuple(options.format.split(","))
    try:
        check_formats(formats)
        if not options.hz > 0:
            raise ValueError(f"--hz is {options.hz:g}; wanted more than 0, say 10")
        jobs = list_jobs(options.inputs, options.out)
        if options.subtitles is not None and len(jobs) > 1:
            raise ValueError(f"--subtitles names one file but there are {len(jobs)} inputs; score them one by one")
        if all(is_recording(job.path) for job in jobs) and "eeg" in modalities:
            modalities = ("eeg",)  # no other network is needed
        encoders = open_encoders(modalities, options.words_model, options.eeg_model)
    except (ValueError, CheckpointError) as error:
        print(f"affectstream score: {error}", file=sys.stderr)
        return 2
    failed = [job for job in jobs if not _score_one(job, encoders, options, formats, len(jobs))]
    if failed and len(jobs) > 1:
        print(f"\n{len(failed)} of {len(jobs)} inputs gave no result:", file=sys.stderr)
        for job in failed:
            print(f"  {job.path}", file=sys.stderr)
    return 1 if failed else 0


def list_jobs(inputs: list[Path], out: Path) -> list[Job]:
    """One job for each file of ``inputs``; a folder stands for the media files and EEG recordings below it, its structure kept under ``out``.

    Raises ValueError if a folder holds neither or if two inputs would write the same results.
    """
    jobs: list[Job] = []
    for path in inputs:
        if not path.is_dir():
            jobs.append(Job(path, out, path.stem))
            continue
        found = sorted(f for f in path.rglob("*") if _is_input(f) and f.is_file())
        if not found:
            wanted = ", ".join(sorted({*VIDEO, *AUDIO, *ENDINGS}))
            raise ValueError(f"no media file and no EEG in the folder {path}; wanted files ending in {wanted}")
        jobs += [Job(f, out / f.parent.relative_to(path), f.stem) for f in found]
    taken: dict[tuple[Path, str], Path] = {}
    for job in jobs:
        names = [job.name, f"{job.name}.eeg"] if is_recording(job.path) else [job.name]  # an EEG has two tables
        others = [taken.setdefault((job.folder, name), job.path) for name in names]
        if other := next((path for path in others if path is not job.path), None):
            raise ValueError(
                f"{other} and {job.path} would both be written to {job.folder / job.name}.*; rename one or score them apart"
            )
    return jobs


def _is_input(path: Path) -> bool:
    return path.suffix.lower() in VIDEO | AUDIO or is_recording(path)


def _score_one(job: Job, encoders: Encoders, options: argparse.Namespace, formats: tuple[str, ...], total: int) -> bool:
    """Score and write one input; says what happened and returns whether there is a result."""
    from affectstream.multimodal.report.write import write_result

    began = time.monotonic()
    try:
        with _Progress(job.path.name) as progress:
            result = score(
                job.path,
                hz=options.hz,
                causal=options.causal,
                subtitles=options.subtitles,
                encoders=encoders,
                progress=progress.show,
            )
        files = write_result(result, job.folder, job.name, formats)
    except (SignalError, CheckpointError) as error:
        print(f"affectstream score: {error}", file=sys.stderr)
        return False
    except OSError as error:
        what = error.strerror or str(error)
        print(f"affectstream score: cannot write the results of {job.path} to {job.folder}: {what}", file=sys.stderr)
        return False
    for note in result.notes:
        print(f"affectstream score: {note}", file=sys.stderr)
    table = next(file for file in files if file.stem == job.name)
    for line in _report(result, files, time.monotonic() - began) if total == 1 else [f"{job.path}: {table}"]:
        print(line)
    return True


def _report(result: Result, files: list[Path], seconds: float) -> Iterator[str]:
    """What a person wants to read first."""
    length = result.duration
    yield f"{result.path.name}: {length:.1f} s scored in {seconds:.1f} s ({length / max(seconds, 1e-9):.1f} x real time)"
    for source, trace in result.traces.items():
        seen = trace.observed
        if not seen.any():
            continue
        mean, sd = trace.mean[seen].mean(0), trace.mean[seen].std(0)
        values = "  ".join(
            f"{name} {m:+.2f} ± {s:.2f}" if math.isfinite(m) else f"{name} not known   "
            for name, m, s in zip(DIMENSIONS, mean, sd, strict=True)
        )
        yield f"  {source:<8} {values}  ({seen.sum()} of {len(trace)} rows)"
    for event in result.events:
        yield f"  {event.found:6.1f} s {event.phrase()}"
    if result.brain is not None:
        yield f"  eeg: {result.brain.how}"
    for modality, why in result.missing.items():
        yield f"  {modality:<8} nothing: {why}"
    for file in files:
        yield f"  {file}"


class _Progress:
    """A bar with the time left, on a terminal only."""

    def __init__(self, name: str) -> None:
        from tqdm import tqdm

        self._bar = tqdm(
            total=0, desc=name, unit="s", leave=False, disable=None,
            bar_format="{desc} {percentage:3.0f} %|{bar}| {n:.0f} of {total:.0f} s, {remaining} left",
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def show(self, done: float, total: float) -> None:
        """``done`` of ``total`` seconds of the recording are scored."""
        self._bar.total = max(total, done)
        self._bar.n = done
        self._bar.refresh()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="affectstream score",
        description="Score recordings. For talk.mp4: a table (talk.parquet), talk.summary.json, talk.events.json and a "
        "picture (talk.png).",
    )
    parser.add_argument(
        "inputs", nargs="+", type=Path, metavar="INPUT", help="a media file, an EEG recording, or a folder of them"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the results go; made if missing")
    parser.add_argument(
        "--hz", type=float, default=10.0, help="how often fused and state come, per second (default 10)"
    )
    parser.add_argument("--modalities", default=",".join(MODALITIES), metavar="LIST", help="some of: %(default)s")
    parser.add_argument(
        "--causal", action="store_true", help="the state as a live run would have given it, from the past alone"
    )
    parser.add_argument("--subtitles", type=Path, metavar="FILE", help="the words, as .srt or .vtt")
    parser.add_argument(
        "--words-model",
        type=Path,
        metavar="DIR",
        help="a Whisper model in CTranslate2's format, for files without subtitles (default: that of affectstream[words])",
    )
    parser.add_argument(
        "--eeg-model", type=Path, metavar="FILE", help="the person's own model, made by `affectstream calibrate`"
    )
    parser.add_argument(
        "--format", default="parquet", metavar="LIST", help=f"some of: {','.join(FORMATS)} (default parquet)"
    )
    return parser
