"""ELAN's .eaf (EAF 3.0), for people who annotate: events, a label, the words, and every source's values as steps.

A value holds for as long as it stays within 0.05 of what is written, so that ten minutes are some thousand annotations for each
dimension and not one for each frame. Tiers are named `events`, `label`, `words` and `<source> <dimension>`.
"""

import mimetypes
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

from affectstream.multimodal.agent.formats.documents import element, escaped, read_xml
from affectstream.multimodal.agent.formats.recorded import Recorded, Utterance
from affectstream.multimodal.agent.formats.rows import Rows
from affectstream.multimodal.agent.formats.tiers import (
    Note,
    event_note,
    event_of,
    label_notes,
    layers,
    steps,
    value_notes,
    value_of,
    word_note,
)
from affectstream.multimodal.dynamics.events import Event
from affectstream.multimodal.types import DIMENSIONS
from affectstream.multimodal.whole import draft

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_NO_DATE = "1970-01-01T00:00:00+00:00"  # the same recording gives the same bytes


def write_elan(recorded: Recorded, path: Path) -> list[str]:
    """Write ``recorded`` to ``path``; returns what of it ELAN cannot hold, a sentence each.

    Read back, the row whose window holds a time has the mean and the standard deviation of that time within 0.05;
    times are within a millisecond. Nothing before 0 s is written.
    """
    with draft(path) as name, name.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in _lines(recorded.media, list(_tiers(recorded))))
    return recorded.lost("ELAN", quality=True, unobserved=True)


def _tiers(recorded: Recorded) -> Iterator[tuple[str, list[Note]]]:
    yield from _named("events", [event_note(event) for event in recorded.events if event.found > 0])
    told = recorded.traces.get("state") or recorded.traces.get("fused")
    if told is not None:
        yield "label", list(label_notes(told))
    yield from _named("words", [word_note(*utterance) for utterance in recorded.words if utterance.end > 0])
    last_first = {"state": 0, "fused": 1}
    for source in sorted(recorded.traces, key=lambda source: last_first.get(source, 2)):
        for d, dimension in enumerate(DIMENSIONS):
            if notes := list(value_notes(recorded.traces[source], d)):
                yield f"{source} {dimension}", notes


def _named(name: str, notes: list[Note]) -> Iterator[tuple[str, list[Note]]]:
    """``notes`` as tiers ``name``, ``name 2``...: in a tier, annotations may not overlap."""
    for k, row in enumerate(layers(notes), 1):
        yield name if k == 1 else f"{name} {k}", row


def _lines(media: str, tiers: Sequence[tuple[str, list[Note]]]) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield (
        f'<ANNOTATION_DOCUMENT AUTHOR="affectstream" DATE="{_NO_DATE}" FORMAT="3.0" VERSION="3.0" '
        f'xmlns:xsi="{_XSI}" xsi:noNamespaceSchemaLocation="{_SCHEMA}">'
    )
    yield '<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">'
    if media:
        kind = mimetypes.guess_type(media)[0] or "unknown"
        where = media if "://" in media else f"./{media}"
        yield element("MEDIA_DESCRIPTOR", {"MEDIA_URL": where, "MIME_TYPE": kind, "RELATIVE_MEDIA_URL": where})
    count = sum(len(notes) for _, notes in tiers)
    yield element("PROPERTY", {"NAME": "lastUsedAnnotationId"}, str(count))
    yield "</HEADER>"
    edges = [edge for _, notes in tiers for note in notes for edge in (note.begin, note.end)]
    order = sorted(range(len(edges)), key=edges.__getitem__)
    slots = dict(zip(order, range(1, len(order) + 1), strict=True))
    yield "<TIME_ORDER>"
    for number, k in enumerate(order, 1):
        yield f'<TIME_SLOT TIME_SLOT_ID="ts{number}" TIME_VALUE="{edges[k]}"/>'
    yield "</TIME_ORDER>"
    number = 0
    for name, notes in tiers:
        head = element("TIER", {"LINGUISTIC_TYPE_REF": "default-lt", "TIER_ID": name})
        if not notes:
            yield head
            continue
        yield head.removesuffix("/>") + ">"
        for note in notes:
            ids = f'ANNOTATION_ID="a{number + 1}"'
            begin, end = slots[2 * number], slots[2 * number + 1]
            number += 1
            yield (
                f'<ANNOTATION><ALIGNABLE_ANNOTATION {ids} TIME_SLOT_REF1="ts{begin}" TIME_SLOT_REF2="ts{end}">'
                f"<ANNOTATION_VALUE>{escaped(note.text)}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>"
            )
        yield "</TIER>"
    about = {"GRAPHIC_REFERENCES": "false", "LINGUISTIC_TYPE_ID": "default-lt", "TIME_ALIGNABLE": "true"}
    yield element("LINGUISTIC_TYPE", about)
    yield "</ANNOTATION_DOCUMENT>"


def read_elan(path: Path) -> Recorded:
    """What the tiers `events`, `words` and `<source> <dimension>` of the ELAN document ``path`` say.

    A row is a stretch over which no dimension of its source changes; its quality is 1. Annotations such as `0.3` without a
    standard deviation get that of knowing nothing. ``notes`` say which tiers and annotations were left out.
    Raises ValueError if ``path`` is no such document.
    """
    root = read_xml(path)
    header = root.find("HEADER")
    if root.tag != "ANNOTATION_DOCUMENT" or header is None:
        raise ValueError(f"{path} begins with <{root.tag}>; wanted an ELAN document (.eaf), <ANNOTATION_DOCUMENT>")
    if (unit := header.get("TIME_UNITS", "milliseconds")) != "milliseconds":
        raise ValueError(f"{path} counts time in {unit}; wanted milliseconds; save it again in ELAN")
    try:
        return _recorded(root, header)
    except (KeyError, TypeError, ValueError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else f"holds what it must not: {error}"
        raise ValueError(f"{path} {what}; wanted an ELAN document (.eaf)") from error


def _recorded(root: Element, header: Element) -> Recorded:
    times = {slot.attrib["TIME_SLOT_ID"]: slot.get("TIME_VALUE") for slot in root.iterfind("TIME_ORDER/TIME_SLOT")}
    values: dict[str, list[list[tuple[int, int, float, float]]]] = {}
    words: list[Utterance] = []
    events: list[Event] = []
    notes: list[str] = []
    for tier in root.iterfind("TIER"):
        name, found = tier.attrib["TIER_ID"], list(_notes(tier, times))
        source, _, dimension = name.rpartition(" ")
        kind = source if dimension.isdecimal() else name
        if kind == "words":
            words += [Utterance(note.begin / 1000, note.end / 1000, note.text) for note in found]
        elif kind == "events":
            told = [event for note in found if (event := event_of(note)) is not None]
            events += told
            if len(told) < len(found):
                notes.append(
                    f"left out: annotations in {name} that are no event as we write them ({len(found) - len(told)})"
                )
        elif source and dimension in DIMENSIONS:
            said = [(note.begin, note.end, *value) for note in found if (value := value_of(note.text)) is not None]
            values.setdefault(source, [[], [], []])[DIMENSIONS.index(dimension)] += said
            if len(said) < len(found):
                notes.append(
                    f"left out: annotations in {name} that are no number from -1 to 1 ({len(found) - len(said)})"
                )
        elif name != "label":
            notes.append(f"left out: the tier {name}, which is none of events, words and <source> <dimension>")
    rows = Rows()
    for source, parts in values.items():
        if any(parts):
            time, span, mean, sd = steps(parts)
            rows.add(source, time, span, mean, sd, [1.0] * len(time))
    descriptor = header.find("MEDIA_DESCRIPTOR")
    media = "" if descriptor is None else descriptor.get("RELATIVE_MEDIA_URL") or descriptor.get("MEDIA_URL", "")
    in_order = tuple(sorted(events, key=lambda event: (event.found, event.time)))
    return Recorded(rows.traces(), in_order, tuple(sorted(words)), media.removeprefix("./"), tuple(notes))


def _notes(tier: Element, times: dict[str, str | None]) -> Iterator[Note]:
    """The annotations of ``tier`` that have times of their own and last."""
    for found in tier.iterfind("ANNOTATION/ALIGNABLE_ANNOTATION"):
        begin, end = times[found.attrib["TIME_SLOT_REF1"]], times[found.attrib["TIME_SLOT_REF2"]]
        if begin is not None and end is not None and int(end) > int(begin):
            yield Note(int(begin), int(end), found.findtext("ANNOTATION_VALUE") or "")
