"""The guided calibration: rest, then memories to recall and to rate, and what that tells of the person's EEG.

A state machine that is told the time and has no clock: :class:`Guide`. Its page is the message of type "calibration".
"""

import math
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

from affectstream.encoders.eeg.entropy import DEFAULT
from affectstream.encoders.eeg.features import Windows
from affectstream.multimodal.eeg.calibrate import Calibration, Rating, Verdict, calibrate
from affectstream.multimodal.live.brain import LiveBrain
from affectstream.multimodal.live.steps import CLOSED, MEMORIES, OPEN, RECALL, alpha_rise, outcome, told_rise
from affectstream.multimodal.types import SignalError

Step = Literal["off", "open", "closed", "recall", "rate", "done"]

TWICE = 1.0  # s within which a second press of the button is the same one
LAG = 2.0  # s for which the last windows are waited for
_TITLES = {
    "off": "",
    "open": "Rest, eyes open",
    "closed": "Rest, eyes closed",
    "recall": "Remember",
    "rate": "How was it?",
}
_TITLES["done"] = "Calibration"
_RATE = "How did it feel, as you recalled it? Rate it as it was, not as it should have been. Next leaves it unrated."


class Guide:
    """Leads one person through the calibration of ``brain``, on the clock of its chunks, in s. Asked from one thread.

    Rest with open and with closed eyes, and each memory, begin when :meth:`next` says that the person is ready, and end
    by themselves. What was seen in the rest with open eyes is the baseline from its end on, also if the calibration is
    cancelled later. After the last rating a model is fitted on a thread of its own, and :meth:`tick` tells the outcome once
    it is there: the model is used only if it tells the ratings of memories that it did not see better than chance does.
    Nothing is stored before :meth:`save`.
    """

    def __init__(self, brain: LiveBrain) -> None:
        self._brain = brain
        self._step: Step = "off"
        self._told_off = True
        self._clear()

    def _clear(self) -> None:
        self._memory = 0  # which
        self._begun: float | None = None  # s at which the step's time began to run
        self._pressed = -math.inf  # s of the last press
        self._stretch = (0.0, 0.0)  # of the memory that is to be rated
        self._open: tuple[float, float] | None = None
        self._closed: tuple[float, float] | None = None
        self._rise = ""
        self._ratings: list[Rating] = []
        self._due = math.inf  # s from which it can be fitted
        self._job: Future[Calibration] | None = None
        self._text = ""
        self._verdicts: dict[str, Verdict] | None = None
        self._file: Path | None = None
        self._fitted: Calibration | None = None

    @property
    def running(self) -> bool:
        """Whether there is something to show: a step, or the outcome until it is put away."""
        return self._step != "off"

    def begin(self, time: float) -> None:
        """Begin at ``time`` (s), or begin anew."""
        self._clear()
        self._step, self._pressed = "open", time
        self._brain.keep(True)

    def next(self, time: float) -> None:
        """The person is ready at ``time`` (s): the step's time begins, or a memory ends early, or its rating is left out.

        A second press within 1 s is the same one, and a rest cannot be cut short.
        """
        self._move(time)
        if time - self._pressed < TWICE:
            return
        self._pressed = time
        if self._step in ("open", "closed", "recall") and self._begun is None:
            self._begun = time
        elif self._step == "recall":
            self._end(time)
        elif self._step == "rate":
            self._rated(time)

    def rate(self, time: float, vad: Sequence[float]) -> None:
        """At ``time`` (s) the person rates the memory: valence, arousal, dominance in [-1, 1].

        Raises ValueError for other numbers, and where nothing is to be rated now.
        """
        if len(vad) != 3 or not all(-1 <= value <= 1 for value in vad):
            raise ValueError(f"the rating is {list(vad)}; wanted valence, arousal and dominance, each from -1 to 1")
        self._move(time)
        if self._step != "rate":
            raise ValueError("there is no memory to rate now; wanted a rating after a memory was recalled")
        valence, arousal, dominance = map(float, vad)
        self._ratings.append(Rating(*self._stretch, (valence, arousal, dominance)))
        self._rated(time)

    def cancel(self) -> None:
        """Stop, or put the outcome away; what was found until now stays in use."""
        if self._step != "off":
            self._step, self._told_off, self._text = "off", False, ""
            self._brain.keep(False)
            self._job = None

    def tick(self, time: float) -> dict[str, Any] | None:
        """Move on to ``time`` (s); the page's message of type "calibration", None while there is none (once "off")."""
        self._move(time)
        if self._step == "off":
            if self._told_off:
                return None
            self._told_off = True
        title, text, seconds = self._words()
        left = 0.0 if not seconds else seconds if self._begun is None else max(0.0, self._begun + seconds - time)
        verdicts = None if self._verdicts is None else {name: _plain(v) for name, v in self._verdicts.items()}
        return {
            "type": "calibration",
            "step": self._step,
            "title": title,
            "text": text,
            "number": {"off": 0, "open": 1, "closed": 2, "done": 2 + len(MEMORIES)}.get(self._step, 3 + self._memory),
            "of": 2 + len(MEMORIES),
            "seconds": seconds,
            "left": round(left, 2),
            "verdict": verdicts,
            "file": None if self._file is None else str(self._file),
        }

    def save(self, folder: Path) -> Path | None:
        """Write the model that was kept into ``folder``, once; its path, or None if none was. Raises OSError as it may."""
        model = self._fitted.model if self._fitted is not None else None
        if model is not None and self._file is None:
            folder.mkdir(parents=True, exist_ok=True)
            path, count = folder / "eeg-model.safetensors", 1
            while path.exists():
                count += 1
                path = folder / f"eeg-model-{count}.safetensors"
            model.save(path)
            self._file = path
        return self._file

    def _words(self) -> tuple[str, str, float]:
        """Title, text and seconds of the step."""
        title, ready = _TITLES[self._step], "" if self._begun is not None else " Press Next when you are ready."
        if self._step == "recall":
            first = f"{self._rise} " if self._memory == 0 and self._rise and self._begun is None else ""
            return f"{title} ({self._memory + 1} of {len(MEMORIES)})", first + MEMORIES[self._memory] + ready, RECALL
        if self._step == "open":
            return title, "Sit still and comfortably, and look at one point, without thinking of much." + ready, OPEN
        if self._step == "closed":
            return title, "Close your eyes, and count slowly to forty before you open them again." + ready, CLOSED
        return title, _RATE if self._step == "rate" else self._text, 0.0

    def _move(self, time: float) -> None:
        """Let what is over by ``time`` (s) be over."""
        lasts = {"open": OPEN, "closed": CLOSED, "recall": RECALL}.get(self._step)
        if lasts is not None and self._begun is not None and time >= self._begun + lasts:
            self._end(self._begun + lasts)
        if self._step == "done" and time >= self._due and self._job is None:
            self._due = math.inf
            pool = ThreadPoolExecutor(1, thread_name_prefix="affectstream-calibrate")
            self._job = pool.submit(_fit, self._brain.kept(), tuple(self._ratings), self._brain.names)
            pool.shutdown(wait=False)
        if self._job is not None and self._job.done():
            job, self._job = self._job, None
            self._found(job)

    def _end(self, time: float) -> None:
        """The step's time is over at ``time``."""
        assert self._begun is not None
        stretch, self._begun = (self._begun, time), None
        if self._step == "open":
            self._open, self._step = stretch, "closed"
            self._brain.set_rest([stretch])
        elif self._step == "closed":
            self._closed, self._step = stretch, "recall"
            assert self._open is not None
            self._rise = told_rise(*alpha_rise(self._brain.kept(), self._brain.names, self._open, self._closed))
        else:
            self._stretch, self._step = stretch, "rate"

    def _rated(self, time: float) -> None:
        """On to the next memory, or to the outcome."""
        self._memory += 1
        self._step = "recall"
        if self._memory == len(MEMORIES):
            self._memory -= 1
            self._step, self._due = "done", time + LAG
            self._text = "Looking for what tells your ratings; this takes a few seconds."

    def _found(self, job: "Future[Calibration]") -> None:
        """Tell what came of it, and use it."""
        self._brain.keep(False)
        try:
            self._fitted = job.result()
        except SignalError as error:
            self._verdicts, found = {}, f"Nothing could be learnt from your ratings: {error}."
        else:
            self._verdicts, found = self._fitted.verdicts, outcome(self._fitted)
            if self._fitted.model is not None:
                self._brain.set_model(self._fitted.model)
        self._text = " ".join(part for part in (found, self._in_use(), self._rise) if part)

    def _in_use(self) -> str:
        """In a sentence, what judges the EEG from now on, where ``outcome`` has not said it."""
        if self._fitted is not None and self._fitted.model is not None:
            return ""
        if self._brain.model is not None:
            return "The model of you that was there before stays in use."
        if self._brain.rested:
            return "The baseline is that of your rest with open eyes."
        return (
            "Too little of your rest with open eyes could be read for a baseline, so it is that of the whole session."
        )


def _fit(windows: Windows, ratings: Sequence[Rating], names: Sequence[str]) -> Calibration:
    return calibrate(windows, ratings, names, DEFAULT)


def _plain(verdict: Verdict) -> dict[str, Any]:
    """``verdict`` as JSON values; a concordance that is no number, as of a constant, is None."""
    ccc = verdict.ccc if math.isfinite(verdict.ccc) else None
    return {"ccc": ccc, "p": verdict.p, "kept": verdict.kept}
