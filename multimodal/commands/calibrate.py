"""``affectstream calibrate``: a rated EEG recording in, a model of this person out, or the reason why there is none."""

import argparse
import csv
import itertools
import math
import sys
from collections.abc import Iterator
from pathlib import Path

from affectstream.encoders.checkpoint import CheckpointError
from affectstream.encoders.eeg.entropy import DEFAULT
from affectstream.encoders.eeg.trunk import Trunk
from affectstream.multimodal.eeg.calibrate import Calibration, Rating, calibrate
from affectstream.multimodal.eeg.recordings import open_recording
from affectstream.multimodal.eeg.scoring import all_windows
from affectstream.multimodal.types import DIMENSIONS, SignalError

COLUMNS = "start,end and one or more of valence,arousal,dominance"


def run(arguments: list[str]) -> int:
    """Calibrate as ``arguments`` say; 0 if a model was saved, 1 if there was nothing to learn or to read, 2 for a wrong call."""
    options = _parser().parse_args(arguments)
    low, high = options.scale
    if not low < high:
        print(
            f"affectstream calibrate: --scale is {low:g} {high:g}; wanted the lowest rating, then the highest",
            file=sys.stderr,
        )
        return 2
    if options.out.suffix != ".safetensors":
        print(
            f"affectstream calibrate: --out is {options.out}; wanted a name that ends in .safetensors", file=sys.stderr
        )
        return 2
    try:
        recording = open_recording(options.recording)
        ratings = read_ratings(options.labels, (low, high), recording.duration)
        trunk = None if options.trunk is None else Trunk.load(options.trunk)
        found = calibrate(all_windows(recording), ratings, recording.names, DEFAULT, trunk=trunk)
        for note in recording.notes:
            print(f"affectstream calibrate: {note}", file=sys.stderr)
        for line in _report(found):
            print(line)
        if found.model is None:
            print("nothing was saved: no dimension was told better than by its mean; the default estimator remains")
            return 1
        options.out.parent.mkdir(parents=True, exist_ok=True)
        found.model.save(options.out)
    except (SignalError, CheckpointError) as error:
        print(f"affectstream calibrate: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"affectstream calibrate: cannot write {options.out}: {error.strerror or error}", file=sys.stderr)
        return 1
    print(f"{options.out}: use it with `affectstream score --eeg-model {options.out} ...`")
    return 0


def read_ratings(path: Path, scale: tuple[float, float], duration: float) -> list[Rating]:
    """The ratings in a CSV ``path`` with a head of ``start,end`` (s) and dimensions, rated from ``scale``[0] to ``scale``[1].

    An empty cell is no rating. Raises SignalError, naming the line, for whatever does not fit a recording of
    ``duration`` s: other columns, no numbers, ratings outside the scale, stretches that are empty, overlap or lie outside.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, skipinitialspace=True))
    except FileNotFoundError as error:
        raise SignalError(f"no {path}; wanted a CSV with the columns {COLUMNS}; check the path") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SignalError(f"{path} cannot be read as CSV ({error}); wanted the columns {COLUMNS}") from error
    head = set(rows[0]) if rows else set()
    if not {"start", "end"} <= head or not head & set(DIMENSIONS):
        got = ", ".join(str(name) for name in rows[0]) if rows else "no rows"
        raise SignalError(f"{path} has {got}; wanted the columns {COLUMNS}; name them so in its first line")
    ratings = [_rating(row, f"{path}, line {k}", scale, duration) for k, row in enumerate(rows, 2)]
    ordered = sorted(ratings, key=lambda rating: rating.start)
    for one, other in itertools.pairwise(ordered):
        if other.start < one.end - 1e-6:
            raise SignalError(
                f"{path}: the stretches {one.start:g} to {one.end:g} s and {other.start:g} to {other.end:g} s overlap; "
                "wanted each moment rated once"
            )
    return ratings


def _rating(row: dict[str, str], where: str, scale: tuple[float, float], duration: float) -> Rating:
    low, high = scale
    try:
        start, end = float(row["start"]), float(row["end"])
        rated = [float(row[d]) if (row.get(d) or "").strip() else float("nan") for d in DIMENSIONS]
    except (TypeError, ValueError) as error:
        raise SignalError(f"{where}: {error}; wanted numbers, or an empty cell where there is no rating") from error
    if not 0 <= start < end <= duration + 0.5:
        raise SignalError(
            f"{where}: the stretch {start:g} to {end:g} s is not in the recording, which lasts {duration:.1f} s; wanted seconds "
            "from its first sample; check that the ratings are of this file"
        )
    for dimension, value in zip(DIMENSIONS, rated, strict=True):
        if not (math.isnan(value) or low <= value <= high):
            raise SignalError(
                f"{where}: {dimension} is {value:g}; wanted {low:g} to {high:g}; give the scale as --scale 1 9"
            )
    valence, arousal, dominance = (2 * (value - low) / (high - low) - 1 for value in rated)
    return Rating(start, end, (valence, arousal, dominance))


def _report(found: Calibration) -> Iterator[str]:
    """What a person wants to read first."""
    yield f"{found.trials} rated stretches, each told from all others:"
    for dimension, verdict in found.verdicts.items():
        yield (
            f"  {dimension:<10} concordance {verdict.ccc:+.2f}, error {verdict.rmse:.2f} against {verdict.floor:.2f} without the "
            f"EEG, by chance {100 * verdict.p:.1f} %: {'kept' if verdict.kept else 'not kept'}"
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="affectstream calibrate",
        description="Learn how one person's affect shows in this person's EEG. Wants a recording of which at least eight "
        "stretches are rated, and refuses to save a model that does not beat knowing nothing.",
    )
    parser.add_argument("recording", type=Path, metavar="RECORDING", help="an EEG recording, as for score")
    parser.add_argument("--labels", type=Path, required=True, metavar="CSV", help=f"the columns {COLUMNS}")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where the model goes (.safetensors)")
    parser.add_argument(
        "--trunk",
        type=Path,
        metavar="ONNX",
        help="an EEG network made by `affectstream fit`, taken if it tells this person better",
    )
    parser.add_argument(
        "--scale",
        type=float,
        nargs=2,
        default=(-1.0, 1.0),
        metavar=("LOW", "HIGH"),
        help="of the ratings (default -1 1)",
    )
    return parser
