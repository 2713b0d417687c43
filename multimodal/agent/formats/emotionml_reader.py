"""EmotionML 1.0, as we write it and as others do: values and traces of the two sets of dimensions that hold VAD."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote
from xml.etree.ElementTree import Element

import numpy as np

from affectstream.multimodal.agent.formats.documents import numbers, read_xml
from affectstream.multimodal.agent.formats.emotionml import HERE, NAMESPACE, OURS, VOCABULARY
from affectstream.multimodal.agent.formats.recorded import UNSAID_SD, Recorded, Utterance, checked_event
from affectstream.multimodal.agent.formats.rows import Rows
from affectstream.multimodal.dynamics.events import Event

SETS = {  # the columns of valence, arousal and dominance in each set of dimensions
    f"{VOCABULARY}pad-dimensions": {"pleasure": 0, "arousal": 1, "dominance": 2},
    f"{VOCABULARY}fsre-dimensions": {"valence": 0, "arousal": 1, "potency": 2},
}
_RATE = re.compile(r"(\d+(?:\.\d*)?)\s*Hz", re.ASCII)
_WANTED = "wanted EmotionML 1.0"


def read_emotionml(path: Path) -> Recorded:
    """What the EmotionML document ``path`` says of valence, arousal and dominance.

    Sources are named as we wrote them, else by what they are expressed through; a standard deviation that is not
    said is that of knowing nothing, 0.58, and quality is 1. Moments since 1970 stay such unless we wrote them.
    What cannot be had as VAD (categories, intensities, other vocabularies...) is counted in ``notes``.
    Raises ValueError if ``path`` is no such document, or holds a number that it must not.
    """
    root = read_xml(path)
    if root.tag != f"{{{NAMESPACE}}}emotionml":
        raise ValueError(f"{path} begins with <{root.tag}>; {_WANTED}, <emotionml> in the namespace {NAMESPACE}")
    try:
        return _Reader(root).recorded()
    except (KeyError, TypeError, ValueError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else f"holds what it must not: {error}"
        raise ValueError(f"{path} {what}; {_WANTED}") from error


class _Reader:
    def __init__(self, root: Element) -> None:
        self._root = root
        about = root.find(f"{{{NAMESPACE}}}info")
        self._info = [] if about is None else list(about)
        own = next((e.attrib for e in self._info if e.tag == f"{{{OURS}}}recording"), {})
        self._epoch = round(1000 * float(own["epoch"])) if "epoch" in own else 0
        self._media = own.get("media", "")
        self._rows, self._left = Rows(), Counter[str]()
        self._clocks: set[str] = set()
        self._words: list[Utterance] = []

    def recorded(self) -> Recorded:
        for emotion in self._root.iter(f"{{{NAMESPACE}}}emotion"):
            self._emotion(emotion)
        if len(self._clocks) > 1 and "" in self._clocks:
            raise ValueError("it has both moments since 1970 and offsets from a recording; keep one of them")
        elsewhere = sorted(self._clocks - {"", HERE})
        if not self._media and elsewhere:
            self._media = elsewhere[0] if "://" in elsewhere[0] else unquote(elsewhere[0])
        notes = [f"left out: {what} ({count})" for what, count in sorted(self._left.items())]
        if len(elsewhere) > 1:
            notes.append(f"times refer to {len(elsewhere)} recordings; they are taken as one: {', '.join(elsewhere)}")
        words = [
            Utterance(_only(e.attrib["start"]), _only(e.attrib["end"]), e.text or "")
            for e in self._info
            if e.tag == f"{{{OURS}}}words"
        ]
        events = tuple(_event(e) for e in self._info if e.tag == f"{{{OURS}}}event")
        return Recorded(self._rows.traces(), events, tuple(words + self._words), self._media, tuple(notes))

    def _emotion(self, emotion: Element) -> None:
        columns = SETS.get(emotion.get("dimension-set", self._root.get("dimension-set", "")))
        taken: list[tuple[int, Element]] = []
        for part in emotion:
            kind = part.tag.removeprefix(f"{{{NAMESPACE}}}")
            if kind == "dimension" and columns is not None and part.attrib["name"] in columns:
                taken.append((columns[part.attrib["name"]], part))
            elif kind == "dimension":
                self._left[f"dimension {part.get('name')}, which is not valence, arousal or dominance"] += 1
            elif kind not in ("info", "reference"):
                self._left[f"<{kind}>, which says nothing of valence, arousal or dominance"] += 1
        if emotion.get("time-ref-anchor-point") == "end":
            self._left["<emotion> whose time counts from the end of a recording"] += 1
            return
        begin, duration = self._when(emotion)
        if words := " ".join("".join([emotion.text or "", *(part.tail or "" for part in emotion)]).split()):
            self._words.append(Utterance(begin, begin + duration, words))
        own = emotion.find(f"{{{NAMESPACE}}}info/{{{OURS}}}rows")
        about = {} if own is None else own.attrib
        source = about.get("source") or "+".join(emotion.get("expressed-through", "").split()) or "emotion"
        for rate, samples in _alike(taken):
            count = max(len(values) for _, _, values in samples)
            mean, sd = np.full((count, 3), np.nan), np.full((count, 3), np.nan)
            for column, name, values in samples:
                mean[:, column] = 2 * np.array(values) - 1
                sd[:, column] = 2 * _column(about.get(f"{name}-sd"), count, UNSAID_SD / 2)
            time = begin + (np.arange(count) / rate if rate else np.full(1, duration / 2))
            span = _column(about.get("span") if rate else None, count, 1 / rate if rate else duration)
            self._rows.add(source, time, span, mean, sd, _column(about.get("quality"), count, 1.0))

    def _when(self, emotion: Element) -> tuple[float, float]:
        """Begin and duration (s)."""
        end, duration = emotion.get("end"), int(emotion.get("duration", 0))
        if "start" in emotion.attrib:
            begin = int(emotion.attrib["start"])
            duration = int(end) - begin if end is not None and not duration else duration
            self._clocks.add("")
            begin -= self._epoch
        else:
            begin = int(emotion.get("offset-to-start", 0))
            self._clocks.add(emotion.get("time-ref-uri", HERE))
        if duration < 0:
            raise ValueError(f"an emotion lasts {duration} ms")
        return begin / 1000, duration / 1000


def _alike(taken: list[tuple[int, Element]]) -> Iterator[tuple[float, list[tuple[int, str, list[float]]]]]:
    """The dimensions of one emotion that share rate and length: the rate, 0 for a single value, and column, name and samples."""
    groups: dict[tuple[float, int], list[tuple[int, str, list[float]]]] = {}
    for column, part in taken:
        trace = part.find(f"{{{NAMESPACE}}}trace")
        rate, text = 0.0, part.get("value", "")
        if trace is not None:
            text, found = trace.attrib["samples"], _RATE.fullmatch(trace.attrib["freq"].strip())
            rate = float(found[1]) if found else 0.0
            if not rate > 0:
                raise ValueError(f"a trace has the rate {trace.attrib['freq']!r}, not such as '10 Hz'")
        values = list(numbers(text))
        if not values or (not rate and len(values) > 1) or not all(0 <= value <= 1 for value in values):
            raise ValueError(f"{part.attrib['name']} is {text[:40]!r}, not in [0, 1]")
        groups.setdefault((rate, len(values)), []).append((column, part.attrib["name"], values))
    for (rate, _), samples in groups.items():
        yield rate, samples


def _column(text: str | None, count: int, otherwise: float) -> np.ndarray:
    """The numbers (count,) in ``text``, of which one stands for all; ``otherwise`` if there is none."""
    values = np.array([otherwise] if text is None else list(numbers(text)))
    if len(values) not in (1, count):
        raise ValueError(f"{len(values)} numbers stand beside {count} samples")
    return np.broadcast_to(values, count)


def _only(text: str) -> float:
    (value,) = numbers(text)
    return value


def _event(found: Element) -> Event:
    pair = [source.attrib["name"] for source in found]
    return checked_event(found.attrib | {"direction": int(found.attrib["direction"]), "sources": pair})
