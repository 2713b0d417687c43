"""A table of ``affectstream score`` and what lies beside it, as one recording; and back."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from affectstream.multimodal.agent.formats.recorded import Recorded, Utterance, checked_event
from affectstream.multimodal.dynamics.events import Event
from affectstream.multimodal.report.table import AFFECT, columns, read_table, write_table
from affectstream.multimodal.whole import draft

EVENTS = "affect-events/1"
_LARGEST = 2**24  # bytes of a page of events that is read


def read_recorded(path: Path) -> Recorded:
    """The table ``path``, with ``name.events.json`` and the words of ``name.srt`` or ``name.vtt`` where they lie beside it.

    Raises ValueError for a file that is not what its name says, SignalError for subtitles that cannot be read.
    """
    traces = read_table(path)
    beside = path.with_suffix(".events.json")
    media, events = _read_events(beside) if beside.is_file() else (_input(path), ())
    spoken = next((file for ending in (".srt", ".vtt") if (file := path.with_suffix(ending)).is_file()), None)
    return Recorded(traces, events, () if spoken is None else _read_words(spoken), media)


def write_recorded(recorded: Recorded, path: Path) -> list[str]:
    """Write the table ``path`` and, if anything happened, ``name.events.json``; returns what is not written, a sentence each."""
    with draft(path) as name:
        write_table(columns(recorded.traces), name, AFFECT | {"input": recorded.media})
        if recorded.events:
            with draft(path.with_suffix(".events.json")) as page:
                body = events_page(recorded.media, recorded.events, causal=None)
                page.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    count = len(recorded.words)
    return [f"words are not written to a table: {count} utterances; keep them as subtitles"] if count else []


def events_page(media: str, events: Iterable[Event], *, causal: bool | None) -> dict[str, Any]:
    """The content of ``*.events.json``; ``causal`` is None where it is not known."""
    return {
        "schema": EVENTS,
        "input": media,
        "causal": causal,
        "events": [
            {k: round(v, 4) if isinstance(v, float) else v for k, v in event.to_dict().items()} for event in events
        ],
    }


def _read_events(path: Path) -> tuple[str, tuple[Event, ...]]:
    wanted = f"wanted a page of {EVENTS}, as affectstream score writes; take it away or write it again"
    if path.stat().st_size > _LARGEST:
        raise ValueError(f"{path} is larger than {_LARGEST >> 20} MiB; {wanted}")
    try:
        page = json.loads(path.read_bytes())
        if page["schema"] != EVENTS:
            raise ValueError(f"its schema is {page['schema']!r:.60}")
        return str(page["input"]), tuple(checked_event(event) for event in page["events"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read ({error}); {wanted}") from error


def _input(path: Path) -> str:
    """The name of the recording, if the table says it."""
    import pyarrow.parquet

    if path.suffix == ".csv":
        return ""
    return (pyarrow.parquet.read_schema(path).metadata or {}).get(b"input", b"").decode(errors="replace")


def _read_words(path: Path) -> tuple[Utterance, ...]:
    import warnings

    from affectstream.multimodal.media import SignalWarning
    from affectstream.multimodal.subtitles import read_subtitles

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SignalWarning)
        spoken = read_subtitles(path)
    if spoken.duration is None:
        return ()
    cues = zip(spoken.times.tolist(), spoken.duration.tolist(), spoken.data.tolist(), strict=True)
    return tuple(Utterance(start, start + length, text) for start, length, text in cues)
