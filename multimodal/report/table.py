"""Results on disk: a tidy table, one row per time and source."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.eeg.scoring import Brain
from affectstream.multimodal.types import DIMENSIONS, Trace

FORMATS = ("parquet", "csv")
AFFECT = {"schema": "affect-table/1", "unit": "time s; affect in [-1, 1]"}
ELECTRODES = {"schema": "eeg-table/1", "unit": "time s; power in squared microvolts"}


def columns(traces: Mapping[str, Trace]) -> dict[str, NDArray[Any]]:
    """The table's columns by name, rows grouped by source and in order of time.

    ``time`` (s) and ``source``; ``valence``, ``arousal``, ``dominance`` in [-1, 1], NaN where nothing was
    observed; their standard deviations ``valence_sd``...; ``quality`` in [0, 1]; ``span``, the length (s) of the window
    around ``time``; and ``p_<label>``, the probability of each expression, NaN for sources that have none.
    """
    kept = {source: trace for source, trace in traces.items() if len(trace)}
    table: dict[str, NDArray[Any]] = {
        "time": np.concatenate([trace.time for trace in kept.values()]),
        "source": np.repeat(list(kept), [len(trace) for trace in kept.values()]),
    }
    for d, dimension in enumerate(DIMENSIONS):
        table[dimension] = np.concatenate([trace.mean[:, d] for trace in kept.values()])
    for d, dimension in enumerate(DIMENSIONS):
        table[f"{dimension}_sd"] = np.concatenate([trace.sd[:, d] for trace in kept.values()])
    for name in ("quality", "span"):
        table[name] = np.concatenate([getattr(trace, name) for trace in kept.values()])
    for label in dict.fromkeys(name for trace in kept.values() for name in trace.label_names):
        table[f"p_{label}"] = np.concatenate([_probability(trace, label) for trace in kept.values()])
    return table


def _probability(trace: Trace, label: str) -> NDArray[np.float64]:
    if trace.labels is None or label not in trace.label_names:
        return np.full(len(trace), np.nan)
    return trace.labels[:, trace.label_names.index(label)].astype(np.float64)


def write_table(content: Mapping[str, NDArray[Any]], path: Path, metadata: Mapping[str, str]) -> None:
    """Write the columns ``content``, by name, to ``path``, .parquet or .csv by its ending; unknown values are empty.

    Values are rounded to six decimals (times to a microsecond): finer digits are noise and only make two
    machines disagree. Parquet carries ``metadata``.
    """
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    arrays = {
        name: pa.array(values).dictionary_encode()
        if values.dtype.kind == "U"
        else pa.array(values.round(6), from_pandas=True)
        for name, values in content.items()
    }
    table = pa.table(arrays)
    if path.suffix == ".csv":
        named = table.column_names[1]  # the column of words, which CSV wants spelt out
        pyarrow.csv.write_csv(table.set_column(1, named, table[named].cast(pa.string())), path)
    else:
        table = table.replace_schema_metadata(dict(metadata))
        pyarrow.parquet.write_table(table, path)


def read_table(path: Path) -> dict[str, Trace]:
    """The traces, by source, of a table that :func:`write_table` wrote; to its six decimals.

    Raises ValueError, with what was wanted, for a file that is no such table.
    """
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    wanted = "wanted a table of affectstream score, .parquet or .csv"
    try:
        table = pyarrow.csv.read_csv(path) if path.suffix == ".csv" else pyarrow.parquet.read_table(path)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ValueError(f"{path} cannot be read ({str(error).splitlines()[0]}); {wanted}") from error
    schema = (table.schema.metadata or {}).get(b"schema", AFFECT["schema"].encode()).decode(errors="replace")
    if schema != AFFECT["schema"]:
        raise ValueError(f"{path} is of {schema}; wanted {AFFECT['schema']}")
    needed = {"time", "source", "quality", "span", *DIMENSIONS, *(f"{name}_sd" for name in DIMENSIONS)}
    if lacking := sorted(needed - set(table.column_names)):
        raise ValueError(f"{path} has no column {', '.join(lacking)}; {wanted}")
    sources = np.array(table["source"].cast(pa.string()).to_pylist(), np.str_)
    try:
        values = {name: table[name].cast(pa.float64()).to_numpy() for name in table.column_names if name != "source"}
        return {source: _trace(source, values, sources == source) for source in dict.fromkeys(sources.tolist())}
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise ValueError(f"{path} holds what no trace can ({str(error).splitlines()[0]}); {wanted}") from error


def _trace(source: str, values: Mapping[str, NDArray[np.float64]], rows: NDArray[np.bool_]) -> Trace:
    """The ``rows`` of one ``source``; labels of which it has none are left out."""
    labels = {name: values[name][rows] for name in values if name.startswith("p_")}
    labels = {name.removeprefix("p_"): chance for name, chance in labels.items() if not np.isnan(chance).all()}
    return Trace(
        source,
        time=values["time"][rows],
        mean=np.stack([values[name][rows] for name in DIMENSIONS], 1),
        variance=np.stack([values[f"{name}_sd"][rows] for name in DIMENSIONS], 1) ** 2,
        quality=values["quality"][rows],
        span=values["span"][rows],
        labels=np.stack(list(labels.values()), 1) if labels else None,
        label_names=tuple(labels),
    )


def electrode_columns(brain: Brain) -> dict[str, NDArray[Any]]:
    """The table of an EEG recording: one row for each window of 4 s and electrode.

    ``time`` s of its centre, ``electrode``, the power in each band (``delta_uv2``...) in squared microvolts, and ``quality``.
    """
    names = brain.recording.names
    table: dict[str, NDArray[Any]] = {
        "time": np.repeat(brain.time, len(names)),
        "electrode": np.tile(np.array(names), len(brain.time)),
    }
    for b, band in enumerate(brain.bands):
        table[f"{band}_uv2"] = 1e12 * brain.power[:, :, b].ravel()
    return table | {"quality": brain.quality.ravel()}


def check_formats(formats: Sequence[str]) -> None:
    """Raise ValueError for a format that cannot be written."""
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown or not formats:
        raise ValueError(f"format is {', '.join(formats) or 'missing'}; wanted some of {', '.join(FORMATS)}")
