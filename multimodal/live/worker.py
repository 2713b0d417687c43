"""One thread a modality: what is pushed waits its turn, and one failure does not stop what comes after."""

import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")

FAILURES = 5  # in succession after which a modality is given up
PATIENT = 5  # by how much nicer than the others a thread is that nobody waits for


class Worker(Generic[Item]):
    """Does ``work`` on each item that is put, in order, in a thread of its own.

    With ``fresh`` only the newest item waits, and the one it replaces is given to ``let_go``; else :meth:`put` waits
    while ``room`` items do. What ``work`` raises is given to ``failed``, with True if it was the last time: after five in
    succession the worker takes no more. A worker that is not ``fresh`` lets others go first where the machine is busy: what it
    says is of the last seconds, and comes none too late.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[Item], None],
        failed: Callable[[Exception, bool], None],
        *,
        room: int,
        fresh: bool = False,
        let_go: Callable[[Item], None] | None = None,
    ) -> None:
        self._work, self._failed, self._let_go = work, failed, let_go
        self._room, self._fresh = room, fresh
        self._waiting: deque[Item] = deque()
        self._busy = False
        self._over = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"affectstream-{name}", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Items that wait, or are being worked on."""
        return len(self._waiting) + self._busy

    @property
    def over(self) -> bool:
        """Whether nothing more is taken."""
        return self._over

    def full(self) -> bool:
        """Whether :meth:`put` would wait."""
        return not self._fresh and len(self._waiting) >= self._room

    def put(self, item: Item) -> bool:
        """Let ``item`` wait its turn; False if the worker takes no more."""
        replaced: list[Item] = []
        with self._changed:
            if self._fresh:
                while len(self._waiting) >= self._room:
                    replaced.append(self._waiting.popleft())
            else:
                self._changed.wait_for(lambda: self._over or len(self._waiting) < self._room)
            if self._over:
                return False
            self._waiting.append(item)
            self._changed.notify_all()
        if self._let_go is not None:
            for old in replaced:
                self._let_go(old)
        return True

    def drain(self, timeout: float | None = None) -> bool:
        """Wait until all is done, at most ``timeout`` s; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: self._over or not self.waiting, timeout)

    def close(self) -> None:
        """Take no more, and let go of what waits; returns when the thread has ended."""
        with self._changed:
            self._over = True
            self._waiting.clear()
            self._changed.notify_all()
        if threading.current_thread() is not self._thread:
            self._thread.join(10)

    def _run(self) -> None:
        if not self._fresh and sys.platform == "linux":  # where threads have a niceness of their own
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, 0) + PATIENT)
        failures = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._over or self._waiting)
                if self._over:
                    return
                item = self._waiting.popleft()
                self._busy = True
                self._changed.notify_all()
            try:
                self._work(item)
                failures = 0
            except Exception as error:  # noqa: BLE001  # whatever it is, the others must live
                failures += 1
                last = failures >= FAILURES
                self._failed(error, last)
                if last:
                    with self._changed:
                        self._over = True
                        self._waiting.clear()
            with self._changed:
                self._busy = False
                self._changed.notify_all()
