"""All files of one result, or none: written under temporary names, then renamed."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from affectstream.multimodal.report.picture import draw
from affectstream.multimodal.report.summary import happened, summarise
from affectstream.multimodal.report.table import (
    AFFECT,
    ELECTRODES,
    check_formats,
    columns,
    electrode_columns,
    write_table,
)
from affectstream.multimodal.score import Result


def write_result(result: Result, folder: Path, name: str, formats: Sequence[str] = ("parquet",)) -> list[Path]:
    """Write the tables (of EEG also ``name.eeg.*``), ``name.summary.json``, ``name.events.json`` and ``name.png`` of ``result`` into ``folder``; returns their paths.

    Raises OSError if the disk is full or may not be written to; no part of the result is then left behind.
    """
    check_formats(formats)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=f".{name}.") as part:
        for kind in formats:
            source = {"input": result.path.name}
            write_table(columns(result.traces), Path(part) / f"{name}.{kind}", AFFECT | source)
            if result.brain is not None:
                write_table(electrode_columns(result.brain), Path(part) / f"{name}.eeg.{kind}", ELECTRODES | source)
        for kind, body in (("summary", summarise(result)), ("events", happened(result))):
            text = json.dumps(body, indent=1, ensure_ascii=False) + "\n"
            (Path(part) / f"{name}.{kind}.json").write_text(text, encoding="utf-8")
        draw(result, Path(part) / f"{name}.png")
        made = sorted(Path(part).iterdir())
        return [file.replace(folder / file.name) for file in made]
