"""News of a feed for those who listen in an event loop: each takes the latest when it is ready, and none has a queue."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Callable, Iterator
from functools import partial

from affectstream.multimodal.agent.feed import Feed, Session, Told

HEARTBEAT = 15.0  # s without news after which that is said


class Listeners:
    """All who listen to ``feed`` in one event loop; they are woken together, by one call from the thread that puts a state."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self._new: set[asyncio.Event] = set()  # touched by the loop alone
        self._leave: Callable[[], None] | None = None

    def __len__(self) -> int:
        return len(self._new)

    @contextlib.contextmanager
    def listening(self) -> Iterator[asyncio.Event]:
        """An event that is set whenever there is something new."""
        if self._leave is None:
            self._leave = self.feed.subscribe(partial(self._told, asyncio.get_running_loop()))
        new = asyncio.Event()
        self._new.add(new)
        try:
            yield new
        finally:
            self._new.discard(new)
            if not self._new and self._leave is not None:
                self._leave()
                self._leave = None

    def _told(self, loop: asyncio.AbstractEventLoop) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for new in self._new:
            new.set()


async def news(
    listeners: Listeners, *, after: str = "", seconds: float = 0.0
) -> AsyncGenerator[Session | Told | None, None]:
    """The session, then its states as they come: of those that came while the last was taken only the latest.

    Begins after the one whose :func:`event_id` is ``after``, or with those of the last ``seconds``. None says that there was no news for
    :data:`HEARTBEAT` s. Ends when the feed is closed.
    """
    feed = listeners.feed
    with listeners.listening() as new:
        known: Session | None = None
        last = 0
        while not feed.closed:
            new.clear()
            session, told = feed.look()
            if session != known:
                known, last = session, 0 if told is None else told.number
                yield session
                for missed in _missed(feed, session, told, after, seconds):
                    last = missed.number
                    yield missed
                after, seconds = "", 0.0
            elif told is not None and told.number > last:
                last = told.number
                yield told
            elif not await _comes(new, HEARTBEAT):
                yield None


def event_id(session: Session, told: Told) -> str:
    """What a stream calls ``told``, the same for all who listen."""
    return f"{_key(session)}-{told.number}"


def session_page(session: Session) -> str:
    """``session`` as JSON: affect-session/1."""
    return json.dumps({"schema": "affect-session/1", "opened": session.opened, "source": session.source})


async def _comes(new: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await new.wait()
    except TimeoutError:
        return False


def _missed(feed: Feed, session: Session, told: Told | None, after: str, seconds: float) -> list[Told]:
    key, _, number = after.rpartition("-")
    if told is None:
        return []
    if key == _key(session) and number.isascii() and number.isdecimal() and len(number) < 12:
        return feed.told(after=int(number))
    return feed.told(since=told.time - seconds) if seconds > 0 else [told]


def _key(session: Session) -> str:
    return "" if session.opened is None else str(round(session.opened * 1000))
