"""ELAN: what pympi, another reader, finds in it, and how near the values are when it is read back."""

import importlib.util
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from affectstream.multimodal.agent.formats.elan import read_elan, write_elan
from affectstream.multimodal.agent.formats.recorded import Recorded, Utterance
from affectstream.multimodal.agent.formats.tiers import (
    PRECISION,
    Note,
    event_note,
    event_of,
    label_notes,
    layers,
    value_notes,
)
from affectstream.multimodal.types import DIMENSIONS, Trace

_spec = importlib.util.spec_from_file_location("recordings", Path(__file__).with_name("recordings.py"))
assert _spec is not None and _spec.loader is not None
recordings: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(recordings)


def tiers_of(file: Path) -> dict[str, list[tuple[int, int, str]]]:
    """Tiers and their annotations (begin ms, end ms, text), as pympi reads them."""
    elan = pytest.importorskip("pympi.Elan", reason="pympi is not installed: pip install 'affectstream[dev]'").Eaf(file)
    return {name: sorted(a[:3] for a in elan.get_annotation_data_for_tier(name)) for name in elan.get_tier_names()}


@given(recordings.recordings(apart=0.002))
def test_every_row_finds_its_value_again(tmp_path_factory: Any, recorded: Recorded) -> None:
    file = tmp_path_factory.mktemp("elan") / "a.eaf"
    write_elan(recorded, file)
    read = read_elan(file)
    assert (read.media, read.notes) == (recorded.media, ())
    assert sorted(read.words) == sorted(recorded.words)
    for now, was in zip(read.events, recorded.events, strict=True):
        assert (now.kind, now.dimension, now.direction, now.sources) == (
            was.kind,
            was.dimension,
            was.direction,
            was.sources,
        )
        said, meant = (now.time, now.found, now.magnitude, now.p), (was.time, was.found, was.magnitude, was.p)
        np.testing.assert_allclose(said, meant, rtol=5e-3, atol=1e-3)
    for source, was in recordings.observed(recorded).items():
        now = read.traces[source]
        for row in range(len(was)):
            for d in np.flatnonzero(np.isfinite(was.mean[row])):
                holds = abs(now.time - was.time[row]) <= now.span / 2 + 0.0011
                near = (abs(now.mean[:, d] - was.mean[row, d]) <= PRECISION + 1e-9) & (
                    abs(now.sd[:, d] - was.sd[row, d]) <= PRECISION + 1e-9
                )
                assert (holds & near).any(), (source, row, d)


@given(recordings.recordings())
def test_another_reader_finds_the_same_and_nothing_overlaps(tmp_path_factory: Any, recorded: Recorded) -> None:
    file = tmp_path_factory.mktemp("elan") / "a.eaf"
    write_elan(recorded, file)
    tiers = tiers_of(file)
    for notes in tiers.values():
        assert all(begin < end for begin, end, _ in notes)
        assert all(before[1] <= after[0] for before, after in pairwise(notes))
    read = read_elan(file)
    for source, trace in read.traces.items():
        for d, dimension in enumerate(DIMENSIONS):
            said = tiers.get(f"{source} {dimension}", [])
            known = np.isfinite(trace.mean[:, d])
            assert round(1000 * trace.span[known].sum()) == sum(end - begin for begin, end, _ in said)
    spoken = [text for name, notes in tiers.items() if name.split()[0] == "words" for *_, text in notes]
    assert sorted(spoken) == sorted(words.text for words in recorded.words)


def steady(values: list[float], sd: float = 0.1) -> Trace:
    """Ten rows a second that each cover their tenth; NaN is a gap."""
    mean = np.repeat(np.array(values)[:, None], 3, 1)
    time = 0.05 + np.arange(len(values)) / 10
    return Trace("state", time=time, mean=mean, variance=np.where(np.isnan(mean), np.nan, sd**2), quality=1.0, span=0.1)


def test_a_person_reads_steps_labels_and_events(tmp_path: Path) -> None:
    values = [0.8] * 50 + [0.84] * 10 + [np.nan] * 10 + [-0.02] * 30
    events = recordings.EVENTS[:2]
    recorded = Recorded({"state": steady(values)}, events, (Utterance(0.4, 1.2, "Fine & well"),), "talk.mp4")
    lost = write_elan(recorded, tmp_path / "a.eaf")
    tiers = tiers_of(tmp_path / "a.eaf")
    assert list(tiers) == ["events", "events 2", "label", "words", *(f"state {name}" for name in DIMENSIONS)]
    assert tiers["state arousal"] == [(0, 6000, "+0.82 ±0.10"), (7000, 10000, "-0.02 ±0.10")]
    assert tiers["label"] == [(0, 6000, "happiness"), (7000, 10000, "neutral")]
    assert tiers["events"] == [(1250, 1500, "onset of low valence (0.412, p 0.938)")]
    assert tiers["words"] == [(400, 1200, "Fine & well")]
    assert 'RELATIVE_MEDIA_URL="./talk.mp4"' in (tmp_path / "a.eaf").read_text()
    assert any("quality and windows are not written" in note for note in lost)


def test_ten_minutes_are_some_thousand_annotations_and_some_dozen_labels() -> None:
    """A state that wanders as a face's does: hardly more than one step a second and dimension."""
    rng = np.random.default_rng(3)
    step = rng.normal(0, 0.45 * np.sqrt(1 - np.exp(-0.2 / 8)), 6000)
    values = np.zeros(6000)
    for k in range(1, 6000):
        values[k] = values[k - 1] * np.exp(-0.1 / 8) + step[k]
    smooth = np.convolve(np.clip(values, -1, 1), np.ones(10) / 10, "same")
    state = steady(smooth.tolist())
    assert 10 < len(list(label_notes(state))) < 150
    assert 100 < len(list(value_notes(state, 0))) < 900


@given(recordings.recordings())
def test_layers_keep_everything_and_overlap_nowhere(recorded: Recorded) -> None:
    rng = np.random.default_rng(recorded.rows)
    begin = rng.integers(0, 40, recorded.rows)
    notes = [Note(int(b), int(b + d), "") for b, d in zip(begin, rng.integers(1, 9, recorded.rows), strict=True)]
    rows = layers(notes)
    assert sorted(note for row in rows for note in row) == sorted(notes)
    assert all(a.end <= b.begin for row in rows for a, b in pairwise(row))
    deepest = max(sum(n.begin <= moment < n.end for n in notes) for moment in range(50))
    assert len(rows) == deepest  # the fewest there can be


@pytest.mark.parametrize("event", recordings.EVENTS, ids=lambda event: event.kind)
def test_an_event_comes_back_from_its_words(event: Any) -> None:
    now = event_of(event_note(event))
    assert now is not None and now.phrase() == event.phrase() and (now.time, now.found) == (event.time, event.found)
    assert (now.magnitude, now.p) == pytest.approx((event.magnitude, event.p), rel=5e-3)


def document(body: str, unit: str = "milliseconds") -> str:
    slots = "".join(f'<TIME_SLOT TIME_SLOT_ID="t{k}" TIME_VALUE="{k}"/>' for k in (0, 1000, 2000))
    slots += '<TIME_SLOT TIME_SLOT_ID="open"/>'
    return f'<ANNOTATION_DOCUMENT><HEADER TIME_UNITS="{unit}"/><TIME_ORDER>{slots}</TIME_ORDER>{body}</ANNOTATION_DOCUMENT>'


def tier(name: str, *notes: tuple[str, str, str]) -> str:
    inside = "".join(
        f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a" TIME_SLOT_REF1="{a}" TIME_SLOT_REF2="{b}">'
        f"<ANNOTATION_VALUE>{text}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>"
        for a, b, text in notes
    )
    return f'<TIER TIER_ID="{name}" LINGUISTIC_TYPE_REF="x">{inside}</TIER>'


def test_tiers_that_a_person_made_are_read(tmp_path: Path) -> None:
    body = tier("me valence", ("t0", "t1000", "0.3"), ("t1000", "t2000", "very"), ("t2000", "open", "1"))
    body += tier("me arousal", ("t1000", "t2000", "-.5 +/- 0.2")) + tier("gaze", ("t0", "t1000", "left"))
    body += tier("events", ("t0", "t1000", "she laughs")) + tier("words", ("t0", "t1000", "Ha"))
    (tmp_path / "a.eaf").write_text(document(body))
    read = read_elan(tmp_path / "a.eaf")
    me = read.traces["me"]
    np.testing.assert_allclose(me.mean, [[0.3, np.nan, np.nan], [np.nan, -0.5, np.nan]])
    np.testing.assert_allclose([me.sd[0, 0], me.sd[1, 1]], [np.sqrt(1 / 3), 0.2])
    np.testing.assert_allclose((me.time, me.span), [[0.5, 1.5], [1, 1]])
    assert read.words == ((0.0, 1.0, "Ha"),) and len(read.notes) == 3
    assert [part in " ".join(read.notes) for part in ("me valence", "tier gaze", "events")] == [True] * 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<eaf/>", "wanted an ELAN document"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><ANNOTATION_DOCUMENT/>", "document type"),
        (document("", "NTSC-frames"), "counts time in NTSC-frames; wanted milliseconds"),
        (document(tier("a valence", ("t0", "t9", "1"))), "lacks 't9'"),
        (document("<TIER/>"), "lacks 'TIER_ID'"),
        (document("").replace('TIME_VALUE="1000"', 'TIME_VALUE="soon"') .replace("</TIME_ORDER>", "</TIME_ORDER>" + tier("a valence", ("t0", "t1000", "1"))), "soon"),
    ],
)  # fmt: skip
def test_what_is_no_elan_document_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.eaf").write_text(text)
    with pytest.raises(ValueError, match=said) as error:
        read_elan(tmp_path / "a.eaf")
    assert "a.eaf" in str(error.value)
