"""One page's socket: what it sends is checked and given to a run, and what the run says is sent to it, the freshest first."""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Callable
from typing import Any

from affectstream.multimodal.live.guard import Allowance
from affectstream.multimodal.live.record import RecordingError
from affectstream.multimodal.live.run import LiveRun
from affectstream.multimodal.live.wire import (
    TEXT,
    VERSION,
    Media,
    WireError,
    number,
    read_media,
    read_words,
    samples_of,
)

PICTURES, SECONDS, WORDS = (60.0, 90.0), (1.2, 10.0), (50.0, 200.0)  # a second, and at once
AHEAD = 1.0  # s by which media may be of the future
LATEST = 64  # messages that wait for a slow page
STATE = '{"type":"state"'  # how a state begins


class Outbox:
    """Messages for one page, put by any thread and taken by the event loop.

    Where the page is slow, the oldest state or picture makes room, and if there is none the oldest message: each state
    says all that is now.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[str | bytes] = deque()  # touched by the loop alone
        self._ready = asyncio.Event()

    def put(self, message: str | bytes) -> None:
        """Let ``message`` wait to be sent."""
        with contextlib.suppress(RuntimeError):  # the loop is closed, and so is the page
            self._loop.call_soon_threadsafe(self._add, message)

    def _add(self, message: str | bytes) -> None:
        self._waiting.append(message)
        if len(self._waiting) > LATEST:
            passing = (k for k, m in enumerate(self._waiting) if isinstance(m, bytes) or m.startswith(STATE))
            del self._waiting[next(passing, 0)]
        self._ready.set()

    async def take(self) -> str | bytes:
        """The next message, waited for."""
        while not self._waiting:
            self._ready.clear()
            await self._ready.wait()
        return self._waiting.popleft()


class Connection:
    """What one page may say, and what is done about it.

    ``mine`` if its own camera is what the run sees; ``answer`` sends it something; ``consented`` is called with the run
    when its person agrees.
    """

    def __init__(
        self, run: LiveRun, answer: Callable[[str], None], consented: Callable[[LiveRun], None], *, mine: bool
    ) -> None:
        self.run, self.answer, self.mine = run, answer, mine
        self._consented = consented
        self.consent = False
        self._pictures, self._seconds, self._words = (Allowance(*limits) for limits in (PICTURES, SECONDS, WORDS))

    async def hear(self, message: str | bytes) -> None:
        """Take in one ``message``; raises WireError, with what was wanted, if it is none of affect-live/1."""
        if isinstance(message, bytes):
            await self._media(read_media(message))
        else:
            await self._said(read_words(message))

    async def _media(self, media: Media) -> None:
        if not self.consent:
            raise WireError("media before consent was given; wanted hello first")
        if not self.mine:
            raise WireError("media for a run that has a camera of its own; wanted none")
        if media.time > self.run.now() + AHEAD:
            raise WireError(
                f"media of {media.time:.1f} s, which is still to come; wanted times of this session's clock"
            )
        if media.kind == "picture":
            if not self._pictures.take():
                raise WireError(f"more than {PICTURES[0]:g} pictures a second; send fewer")
            self.run.picture(media.time, media.payload)
            return
        samples = samples_of(media)
        if not self._seconds.take(len(samples) / media.rate):
            raise WireError("more sound than there is time; send it as it is heard")
        if self.run.session.full("speech"):  # let the page wait, not the others
            await asyncio.to_thread(self.run.sound, media.time, samples, media.rate)
        else:
            self.run.sound(media.time, samples, media.rate)

    async def _said(self, words: dict[str, Any]) -> None:
        if not self._words.take():
            raise WireError(f"more than {WORDS[0]:g} messages a second; send fewer")
        kind = words["type"]
        if kind == "ping":
            self.answer(json.dumps({"type": "pong", "client": words.get("client"), "server": self.run.now()}))
            return
        if kind == "hello":
            if words.get("version") != VERSION:
                raise WireError(f"hello of version {words.get('version')!r}; wanted {VERSION}; load the page again")
            self.consent = words.get("consent") is True
            if self.consent:
                self._consented(self.run)
            return
        if not self.consent:
            raise WireError(f"{kind} before consent was given; wanted hello first")
        if kind == "text":
            start, end = number(words, "start"), number(words, "end")
            text = words.get("text")
            if not isinstance(text, str) or not 0 < len(text) <= TEXT:
                raise WireError(f"text: wanted 1 to {TEXT} characters")
            if not start <= end <= self.run.now() + AHEAD:
                raise WireError(f"text from {start:.1f} to {end:.1f} s; wanted a stretch of this session that is over")
            self.run.said(start, end, text)
        elif kind == "end":
            if words.get("modality") not in ("face", "speech") or not self.mine:
                raise WireError(f"end: modality is {words.get('modality')!r}; wanted face or speech of your own")
            self.run.session.end(words["modality"])
        elif kind == "record":
            try:
                await asyncio.to_thread(self.run.record, words.get("on") is True)
            except RecordingError as error:
                self.run.say({"type": "notice", "level": "error", "modality": None, "text": str(error)})
        elif kind == "calibrate":
            self.run.calibrate(words)
        else:
            raise WireError(f"a message of type {kind[:40]!r}; wanted hello, ping, text, end, record or calibrate")
