"""EmotionML: valid by our own schema (and the W3C's, where AFFECTSTREAM_EMOTIONML_XSD names it), and the same when read back."""

import importlib.util
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from affectstream.multimodal.agent.formats import documents
from affectstream.multimodal.agent.formats.emotionml import HERE, NAMESPACE, OURS, write_emotionml
from affectstream.multimodal.agent.formats.emotionml_reader import read_emotionml
from affectstream.multimodal.agent.formats.recorded import Recorded
from affectstream.multimodal.agent.formats.runs import even_runs
from affectstream.multimodal.types import Trace

etree = pytest.importorskip("lxml.etree", reason="lxml is not installed: pip install 'affectstream[dev]'")
_spec = importlib.util.spec_from_file_location("recordings", Path(__file__).with_name("recordings.py"))
assert _spec is not None and _spec.loader is not None
recordings: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(recordings)

SCHEMAS = [Path(__file__).with_name("emotionml.xsd")]
if "AFFECTSTREAM_EMOTIONML_XSD" in os.environ:
    SCHEMAS.append(Path(os.environ["AFFECTSTREAM_EMOTIONML_XSD"]))
PAD = "http://www.w3.org/TR/emotion-voc/xml#pad-dimensions"


@pytest.fixture(scope="module", params=SCHEMAS, ids=lambda path: path.name)
def schema(request: pytest.FixtureRequest) -> Any:
    return etree.XMLSchema(etree.parse(str(request.param)))


def a_trace(mean: float = 0.5, rows: int = 5) -> Trace:
    return Trace("state", time=np.arange(rows) / 10, mean=np.full((rows, 3), mean), variance=0.01 * np.ones((rows, 3)), quality=1.0, span=0.1)  # fmt: skip


def document(body: str, head: str = f'dimension-set="{PAD}"') -> str:
    return f'<emotionml version="1.0" xmlns="{NAMESPACE}" {head}>{body}</emotionml>'


def read_text(folder: Path, text: str) -> Recorded:
    (folder / "a.emotionml").write_text(text, encoding="utf-8")
    return read_emotionml(folder / "a.emotionml")


@given(recordings.recordings())
def test_what_is_written_is_valid_and_says_more_than_a_schema_asks(
    tmp_path_factory: Any, schema: Any, recorded: Recorded
) -> None:
    file = tmp_path_factory.mktemp("emotionml") / "a.emotionml"
    write_emotionml(recorded, file)
    page = etree.parse(str(file))
    assert schema.validate(page), schema.error_log.last_error
    described = 0
    for dimension in page.iterfind(f".//{{{NAMESPACE}}}dimension"):
        described += 1
        assert dimension.get("name") in ("pleasure", "arousal", "dominance")
        assert ("value" in dimension.attrib) != (len(dimension) == 1)
    for emotion in page.iterfind(f"{{{NAMESPACE}}}emotion"):
        lengths = {len(trace.get("samples").split()) for trace in emotion.iter(f"{{{NAMESPACE}}}trace")}
        assert len(lengths) <= 1 and len(emotion.get("time-ref-uri")) and "start" not in emotion.attrib
    assert described


@given(recordings.recordings(labels=True))
def test_what_is_read_is_what_was_written(tmp_path_factory: Any, recorded: Recorded) -> None:
    file = tmp_path_factory.mktemp("emotionml") / "a.emotionml"
    lost = write_emotionml(recorded, file)
    read = read_emotionml(file)
    assert (read.events, read.words, read.media, read.notes) == (recorded.events, recorded.words, recorded.media, ())
    wanted = recordings.observed(recorded)
    assert list(read.traces) == list(wanted)
    assert any(note.startswith("labels are not written") for note in lost)
    for source, was in wanted.items():
        now = read.traces[source]
        np.testing.assert_allclose(now.time, was.time, rtol=0, atol=0.0005 + 1e-9)
        np.testing.assert_allclose(now.mean, was.mean, rtol=0, atol=1.01e-7)
        np.testing.assert_allclose(now.sd, was.sd, rtol=1e-6)
        np.testing.assert_allclose(now.quality, was.quality, rtol=1e-5)
        np.testing.assert_allclose(now.span, was.span, rtol=1e-5, atol=0.0005)


@given(recordings.recordings())
def test_runs_are_even_and_hold_each_observed_row_once(recorded: Recorded) -> None:
    for trace in recorded.traces.values():
        rows: list[int] = []
        for run in even_runs(trace):
            mine = range(run.first, run.last)
            rows += mine
            assert len({tuple(np.isfinite(trace.mean[row])) for row in mine}) == 1
            assert (len(mine) == 1) == (run.rate == "")
            for k, row in enumerate(mine):
                said = run.start + (k / float(run.rate) if run.rate else 0)
                assert abs(said - trace.time[row]) <= 0.0005 + 1e-9
        assert rows == np.flatnonzero(trace.observed).tolist()


def test_a_steady_film_is_one_trace_at_its_rate_and_a_gap_makes_two(tmp_path: Path) -> None:
    time = (np.arange(9000) * 1001 / 30000).round(6)  # five minutes at 29.97 frames a second
    mean = np.zeros((9000, 3))
    film = Trace("face/0", time=time, mean=mean, variance=mean + 0.01, quality=1.0, span=0.033)
    assert [(run.first, run.last, run.rate) for run in even_runs(film)] == [
        (0, 9000, "29.97")
    ]  # within 0.3 ms to the end
    mean[100:140] = np.nan
    runs = list(even_runs(Trace("face/0", time=time, mean=mean, variance=mean + 0.01, quality=1.0, span=0.033)))
    assert [(run.first, run.last) for run in runs] == [(0, 100), (140, 9000)]
    clock = Trace("state", time=np.arange(50) / 10, mean=mean[:50], variance=mean[:50] + 0.01, quality=1.0)
    assert [run.rate for run in even_runs(clock)] == ["10"]


def test_moments_since_1970_are_read_as_seconds_of_the_recording(tmp_path: Path, schema: Any) -> None:
    file = tmp_path / "a.emotionml"
    write_emotionml(Recorded({"state": a_trace()}), file, epoch=1770000000.25)
    text = file.read_text()
    assert 'start="1770000000250"' in text and "offset-to-start" not in text and "time-ref-uri" not in text
    assert schema.validate(etree.parse(str(file)))
    np.testing.assert_allclose(read_emotionml(file).traces["state"].time, np.arange(5) / 10, atol=1e-9)
    with pytest.raises(ValueError, match="before 1970"):
        write_emotionml(Recorded({"state": a_trace()}), tmp_path / "b.emotionml", epoch=-1.0)
    assert [f.name for f in tmp_path.iterdir()] == ["a.emotionml"]


CHANGES: dict[str, tuple[Callable[[str], str], bool]] = {  # of a valid document, and whether it stays so
    "nothing": (lambda text: text, True),
    "a negative sample": (lambda text: text.replace('samples="0.75', 'samples="-0.1'), False),
    "a sample above 1": (lambda text: text.replace('samples="0.75', 'samples="1.1'), False),
    "a sample NaN": (lambda text: text.replace('samples="0.75', 'samples="NaN'), False),
    "a sample INF": (lambda text: text.replace('samples="0.75', 'samples="INF'), False),
    "a sample in words": (lambda text: text.replace('samples="0.75', 'samples="half'), False),
    "commas": (lambda text: text.replace("0.75 0.75", "0.75,0.75"), False),
    "no samples": (lambda text: re.sub('samples="[^"]*"', 'samples=""', text), False),
    "no attribute samples": (lambda text: re.sub(' samples="[^"]*"', "", text), False),
    "one sample": (lambda text: re.sub('samples="[^"]*"', 'samples="1"', text), True),
    "an exponent": (lambda text: text.replace('samples="0.75', 'samples="1e-3'), True),
    "no Hz": (lambda text: text.replace("10 Hz", "10"), False),
    "Hz at once": (lambda text: text.replace("10 Hz", "10Hz"), True),
    "a rate in words": (lambda text: text.replace("10 Hz", "ten Hz"), False),
    "a negative rate": (lambda text: text.replace("10 Hz", "-10 Hz"), False),
    "a rate with decimals": (lambda text: text.replace("10 Hz", "10.25 Hz"), True),
    "kilohertz": (lambda text: text.replace("10 Hz", "10 kHz"), False),
    "no rate": (lambda text: text.replace(' freq="10 Hz"', ""), False),
    "a broken offset": (lambda text: text.replace('offset-to-start="0"', 'offset-to-start="0.5"'), False),
    "a negative offset": (lambda text: text.replace('offset-to-start="0"', 'offset-to-start="-5"'), True),
    "a broken start": (lambda text: text.replace('offset-to-start="0"', 'start="12.5"'), False),
    "a negative start": (lambda text: text.replace('offset-to-start="0"', 'start="-1"'), False),
    "a start": (lambda text: text.replace('offset-to-start="0"', 'start="1770000000000"'), True),
    "a negative duration": (lambda text: text.replace('duration="', 'duration="-'), False),
    "a dimension twice": (lambda text: text.replace('name="arousal"', 'name="pleasure"'), False),
    "no name": (lambda text: text.replace('<dimension name="arousal"', "<dimension"), False),
    "a confidence": (lambda text: text.replace('name="arousal"', 'name="arousal" confidence="0.5"'), True),
    "a confidence of 2": (lambda text: text.replace('name="arousal"', 'name="arousal" confidence="2"'), False),
    "an emotion of nothing": (lambda text: re.sub("<dimension.*</dimension>", "", text), False),
    "info last": (lambda text: re.sub(r"(<info><as:rows.*?</info>)(.*)(</emotion>)", r"\2\1\3", text), False),
    "info in EmotionML's own namespace": (lambda text: text.replace("as:rows", "rows"), False),
    "no version": (lambda text: text.replace("<emotionml version=\"1.0\"", "<emotionml"), False),
    "version 2": (lambda text: text.replace("<emotionml version=\"1.0\"", '<emotionml version="2.0"'), False),
    "another namespace": (lambda text: text.replace("2009/10", "2005/10"), False),
    "an element nobody knows": (lambda text: text.replace("<emotion ", "<mood/><emotion "), False),
    "an attribute nobody knows": (lambda text: text.replace("<emotion ", '<emotion mood="1" '), False),
    "a reference": (lambda text: text.replace("</emotion>", '<reference uri="a.mp4" role="expressedBy"/></emotion>'), True),
    "a reference in another role": (lambda text: text.replace("</emotion>", '<reference uri="a.mp4" role="by"/></emotion>'), False),
    "an anchor": (lambda text: text.replace("<emotion ", '<emotion time-ref-anchor-point="end" '), True),
    "an anchor in the middle": (lambda text: text.replace("<emotion ", '<emotion time-ref-anchor-point="middle" '), False),
    "words in an emotion": (lambda text: text.replace("</emotion>", "Oh no!</emotion>"), True),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_the_schema_tells_right_from_wrong(tmp_path: Path, schema: Any, change: str) -> None:
    write_emotionml(Recorded({"state": a_trace()}), tmp_path / "a.emotionml")
    text = (tmp_path / "a.emotionml").read_text().replace("\n<emotion ", "<emotion ")
    changed, stays = CHANGES[change][0](text), CHANGES[change][1]
    assert (changed == text) == (change == "nothing")
    assert schema.validate(etree.fromstring(changed.encode())) == stays


def test_values_of_others_are_read(tmp_path: Path) -> None:
    read = read_text(tmp_path, document(
        '<emotion offset-to-start="2000" duration="1000" expressed-through="face voice" time-ref-uri="http://x.org/v.avi">'
        '<category name="anger"/><dimension name="pleasure" value="0.25"/><dimension name="arousal" value=" 1 " confidence="0.3"/>'
        "How dare you!</emotion>"
        '<emotion offset-to-start="4000" dimension-set="http://www.w3.org/TR/emotion-voc/xml#fsre-dimensions">'
        '<dimension name="valence" value="1"/><dimension name="potency" value="0.5"/><dimension name="unpredictability" value="0"/></emotion>'
        '<emotion dimension-set="http://www.w3.org/TR/emotion-voc/xml#intensity-dimension"><dimension name="intensity" value="0.4"/></emotion>'
    ))  # fmt: skip
    first, second = read.traces["face+voice"], read.traces["emotion"]
    np.testing.assert_allclose(first.mean, [[-0.5, 1, np.nan]])
    np.testing.assert_allclose((first.time, first.span, first.quality), [[2.5], [1.0], [1.0]])
    np.testing.assert_allclose(first.sd[0, :2], np.sqrt(1 / 3))  # of a number anywhere in [-1, 1]
    np.testing.assert_allclose(second.mean, [[1, np.nan, 0]])
    assert read.media == "http://x.org/v.avi" and read.words == ((2.0, 3.0, "How dare you!"),)
    assert read.notes == (
        "left out: <category>, which says nothing of valence, arousal or dominance (1)",
        "left out: dimension intensity, which is not valence, arousal or dominance (1)",
        "left out: dimension unpredictability, which is not valence, arousal or dominance (1)",
    )


def test_traces_of_others_need_not_share_a_rate(tmp_path: Path) -> None:
    read = read_text(tmp_path, document(
        '<emotion start="1000000" end="1002000"><dimension name="pleasure"><trace freq="2Hz" samples="0 0.5 1"/></dimension>'
        '<dimension name="arousal"><trace freq="1. Hz" samples="1 0"/></dimension></emotion>'
    )).traces["emotion"]  # fmt: skip
    np.testing.assert_allclose(read.time, [1000, 1000, 1000.5, 1001, 1001])
    np.testing.assert_allclose(read.mean[:, 0], [-1, np.nan, 0, 1, np.nan])
    np.testing.assert_allclose(read.mean[:, 1], [np.nan, 1, np.nan, np.nan, -1])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('<emotion><dimension name="arousal" value="1.5"/></emotion>', r"arousal is '1.5', not in \[0, 1\]"),
        ('<emotion><dimension name="arousal" value="nan"/></emotion>', "wanted numbers"),
        ('<emotion><dimension name="arousal"/></emotion>', "arousal is ''"),
        ('<emotion><dimension value="1"/></emotion>', "lacks 'name'"),
        ('<emotion><dimension name="arousal"><trace freq="10" samples="1"/></dimension></emotion>', "rate '10'"),
        ('<emotion><dimension name="arousal"><trace freq="0 Hz" samples="1"/></dimension></emotion>', "rate '0 Hz'"),
        ('<emotion><dimension name="arousal"><trace freq="1 Hz" samples=""/></dimension></emotion>', "not in"),
        ('<emotion duration="soon"><dimension name="arousal" value="1"/></emotion>', "soon"),
        ('<emotion start="5" end="2"><dimension name="arousal" value="1"/></emotion>', "lasts -3 ms"),
        ('<emotion start="5"><dimension name="arousal" value="1"/></emotion><emotion><dimension name="arousal" value="1"/></emotion>', "both moments"),
    ],
)  # fmt: skip
def test_wrong_numbers_are_refused_in_words(tmp_path: Path, body: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as error:
        read_text(tmp_path, document(body))
    assert "a.emotionml" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("entity", ['"ha"', 'SYSTEM "file:///etc/passwd"', '"&a;&a;&a;&a;&a;&a;&a;&a;"'])
def test_entities_are_refused(tmp_path: Path, entity: str) -> None:
    with pytest.raises(ValueError, match="document type"):
        read_text(tmp_path, f"<!DOCTYPE emotionml [<!ENTITY b {entity}>]>{document('&b;')}")


def test_what_is_too_large_or_too_deep_or_no_document_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text, said in [
        ("<a>" * 100, "inside one another"),
        ("<emotionml/>", f"namespace {NAMESPACE}"),
        ("<emotionml", "cannot be read as XML"),
        ("", "cannot be read as XML"),
        ('<?xml version="1.0" encoding="klingon"?><a/>', "cannot be read as XML"),
    ]:
        with pytest.raises(ValueError, match=said):
            read_text(tmp_path, text)
    monkeypatch.setattr(documents, "LARGEST", 10)
    with pytest.raises(ValueError, match="is larger than"):
        read_text(tmp_path, document(""))


def test_characters_that_xml_forbids_are_replaced(tmp_path: Path, schema: Any) -> None:
    trace = a_trace()
    odd = Recorded({"a\x00b": trace}, words=(recordings.Utterance(0, 1, "bell\x07\ud800 and\r\nline"),), media=HERE)
    write_emotionml(odd, tmp_path / "a.emotionml")
    read = read_emotionml(tmp_path / "a.emotionml")
    assert schema.validate(etree.parse(str(tmp_path / "a.emotionml")))
    assert read.words[0].text == "bell\ufffd\ufffd and\r\nline" and OURS in (tmp_path / "a.emotionml").read_text()
