"""EmotionML 1.0, the W3C's language for emotions: a recording as traces and single values on its scale from 0 to 1.

A value v of valence (there: pleasure), arousal or dominance is (v + 1) / 2. Rows that come evenly make one ``<emotion>`` with a
``<trace>`` for each dimension; any other row makes one with a start and a duration. What EmotionML has no word for
(source, standard deviations, quality, windows, events, words) stands in ``<info>``, in a namespace of our own.
Reference: https://www.w3.org/TR/emotionml/ (Recommendation of 22 May 2014).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.agent.formats.documents import element, escaped
from affectstream.multimodal.agent.formats.recorded import Recorded
from affectstream.multimodal.agent.formats.runs import Run, even_runs
from affectstream.multimodal.types import Trace
from affectstream.multimodal.whole import draft

NAMESPACE = "http://www.w3.org/2009/10/emotionml"
OURS = "urn:affectstream:emotionml:1"
VOCABULARY = "http://www.w3.org/TR/emotion-voc/xml#"
PAD = ("pleasure", "arousal", "dominance")
HERE = "#recording"  # the recording, where its name is not known: the id of the document's <info>
_THROUGH = {"face": "face", "speech": "voice", "text": "text", "eeg": "physiology"}
_SCALE = "Values are (v + 1) / 2 and standard deviations sd / 2 of valence, arousal and dominance in [-1, 1]; times are in ms."


def write_emotionml(recorded: Recorded, path: Path, *, epoch: float | None = None) -> list[str]:
    """Write ``recorded`` to ``path``; returns what of it EmotionML cannot hold, a sentence each.

    Times are offsets from the beginning of the recording, or, with its ``epoch`` (s since 1970), moments. Raises ValueError
    if a moment would lie before 1970. Read back, times are within 0.5 ms, means within 1e-7, and standard deviations
    within 5e-7 of themselves; rows in which nothing was observed are not there.
    """
    with draft(path) as name, name.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in _lines(recorded, epoch))
    return recorded.lost("EmotionML", unobserved=True)


def _lines(recorded: Recorded, epoch: float | None) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f'<emotionml version="1.0" xmlns="{NAMESPACE}" xmlns:as="{OURS}" dimension-set="{VOCABULARY}pad-dimensions">'
    about = {} if epoch is None else {"epoch": repr(float(epoch))}
    yield f'<info id="{HERE[1:]}">{_SCALE}'
    yield element("as:recording", {"media": recorded.media, **about})
    for utterance in recorded.words:
        when = {"start": f"{utterance.start:.6f}", "end": f"{utterance.end:.6f}"}
        yield element("as:words", when, escaped(utterance.text))
    for event in recorded.events:
        values = {key: value for key, value in event.to_dict().items() if key != "sources"}
        pair = "".join(element("as:source", {"name": source}) for source in event.sources)
        yield element("as:event", {key: str(value) for key, value in values.items()}, pair)
    yield "</info>"
    for source, trace in recorded.traces.items():
        through = _through([source] if _kind(source) in _THROUGH else recorded.traces)
        common = {"expressed-through": through} if through else {}
        for run in even_runs(trace):
            yield _emotion(trace, run, _clock(recorded.media, epoch) | common, round(1000 * (epoch or 0)))
    yield "</emotionml>"


def _clock(media: str, epoch: float | None) -> dict[str, str]:
    if epoch is not None:
        return {}
    return {"time-ref-uri": (media if "://" in media else quote(media)) or HERE}


def _emotion(trace: Trace, run: Run, attributes: dict[str, str], epoch: int) -> str:
    """The rows of ``run`` as one element; ``epoch`` is in ms."""
    rows = slice(run.first, run.last)
    if run.rate:
        begin, duration = round(1000 * run.start), round(1000 * (run.last - run.first) / float(run.rate))
    else:
        duration = round(1000 * float(trace.span[run.first]))
        begin = round(1000 * float(trace.time[run.first]) - duration / 2)
    absolute = "time-ref-uri" not in attributes
    if absolute and begin + epoch < 0:
        raise ValueError(
            f"{trace.source} begins {-begin - epoch} ms before 1970; wanted the recording's own epoch, in s"
        )
    when = {"start" if absolute else "offset-to-start": str(begin + epoch), "duration": str(duration)}
    about = {"source": trace.source, "quality": _listed(trace.quality[rows], 6), "span": _listed(trace.span[rows], 6)}
    parts = []
    for d, name in enumerate(PAD):
        values = trace.mean[rows, d]
        if np.isnan(values[0]):
            continue
        about[f"{name}-sd"] = _listed(np.sqrt(trace.variance[rows, d]) / 2, 7)
        samples = [repr(value) for value in np.clip((values + 1) / 2, 0, 1).round(7).tolist()]
        if run.rate:
            drawn = element("trace", {"freq": f"{run.rate} Hz", "samples": " ".join(samples)})
            parts.append(element("dimension", {"name": name}, drawn))
        else:
            parts.append(element("dimension", {"name": name, "value": samples[0]}))
    info = element("info", {}, element("as:rows", about))
    return element("emotion", attributes | when, info + "".join(parts))


def _listed(values: NDArray[np.float64], digits: int) -> str:
    """``values`` to so many ``digits`` that count, or only the first if all are the same."""
    texts = [f"{value:.{digits}g}" for value in values.tolist()]
    return texts[0] if len(set(texts)) == 1 else " ".join(texts)


def _kind(source: str) -> str:
    return source.split("/")[0]


def _through(sources: Iterable[str]) -> str:
    """What ``sources`` are expressed through, in EmotionML's words."""
    kinds = {_kind(source) for source in sources}
    return " ".join(word for kind, word in _THROUGH.items() if kind in kinds)
