"""An agent's own affect, kept across turns and sessions in a file.

Not an estimate of anybody's: how the agent is to sound, moved by what it hears, by what it says itself and by the
person's state, each with the delay and the inertia of its character.

    with AgentAffect.open(Path("agents.db"), "vera", rate=rate) as own:
        state = own.hear("You gave me the wrong time again.", time.time())
"""

import hashlib
import math
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.agent.own import ledger
from affectstream.multimodal.agent.own.file import AgentError, connect, told, writing
from affectstream.multimodal.agent.own.law import (
    UNKNOWN,
    Entry,
    Manner,
    Triple,
    Who,
    character_of,
    hear,
    plain_character,
    settle,
)
from affectstream.multimodal.agent.own.ledger import Kept, Point
from affectstream.multimodal.agent.own.page import OwnState, page
from affectstream.multimodal.agent.state import AffectState, Vad
from affectstream.multimodal.dynamics.character import Affect, Character

Rate = Callable[[list[str]], NDArray[np.float64]]  # texts to valence, arousal, dominance (n, 3), NaN where unknown


class AgentAffect:
    """One agent's own affect in a file that several agents, threads and processes may share.

    Every call reads the latest state from the file, so that nothing is out of date. Time is the caller's, in seconds, on
    one clock for all sessions, such as ``time.time()``.
    """

    def __init__(self, path: Path, agent: str, rate: Rate) -> None:
        """Use :meth:`open`."""
        self.path, self.agent, self._rate = path, agent, rate
        self._lock = threading.RLock()
        self._file = connect(path, create=True)

    @classmethod
    def open(
        cls, path: Path, agent: str, *, rate: Rate, character: Character | None = None, manner: Manner | None = None
    ) -> Self:
        """The agent kept at ``path`` under the name ``agent``, made if it is not there, the file too.

        ``rate`` rates what is heard, each text by itself. ``character`` and ``manner`` are those of a new agent; an
        agent that is there keeps its own. Raises ValueError if it has others than those given, AgentError if the file
        cannot be used.
        """
        if not agent:
            raise ValueError("the agent's name is empty; wanted one to find it by")
        own = cls(path, agent, rate)
        try:
            with own._lock, writing(own._file, path):
                kept = ledger.read_agent(own._file, path, agent)
                if kept is None:
                    new = Kept(character or Character(), manner or Manner(), Point(0, None))
                    ledger.write_agent(own._file, agent, new)
                elif character not in (None, kept.character) or manner not in (None, kept.manner):
                    raise ValueError(
                        f"{agent!r} is {kept.character}, {kept.manner}; got {character}, {manner}; leave them out to go on "
                        "with it, or take another name for a new agent"
                    )
        except BaseException:
            own.close()
            raise
        return own

    def hear(self, text: str, time: float, who: Who = "user", person: AffectState | None = None) -> OwnState:
        """The state after ``text`` was said at ``time`` (s) by the "user" or the "agent" itself, the person being as told.

        When it returns, input and state are on the disk. Raises ValueError, and changes nothing, for a time before the last
        one's or ratings that are none; AgentError if the file cannot be written.
        """
        if who not in ("user", "agent"):
            raise ValueError(f"who is {who!r}; wanted 'user' or 'agent'")
        _check_time(time)
        rating = _triple(np.array(self._rate([text]), np.float64), "the rating")
        vad, sd = (UNKNOWN, UNKNOWN) if person is None else (_values(person.vad), _values(person.sd))
        vad = _triple(np.array([vad]), "the person's state")
        if min(sd) < 0:
            raise ValueError(f"the person's sd is {sd}; wanted values of at least 0")
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        with self._lock, writing(self._file, self.path):
            kept, last = self._latest()
            heed = kept.manner.heed_user if who == "user" else kept.manner.heed_own
            entry = Entry(time + 0.0, who, rating, heed + 0.0, vad, sd, digest)
            before = kept.character.at_rest(time) if last.affect is None else last.affect
            after = hear(kept.character, kept.manner, before, entry)
            ledger.append(self._file, self.agent, last.turn + 1, entry, after)
        return page(self.agent, kept.character, last.turn + 1, after)

    def state(self, time: float | None = None) -> OwnState:
        """The state at ``time`` (s; default: of the last turn) if nothing more is heard until then. Changes nothing.

        Raises ValueError for a time before the last turn.
        """
        with self._lock, told(self.path):
            kept, last = self._latest()
        if time is not None:
            _check_time(time)
        if last.affect is None:
            return page(self.agent, kept.character, last.turn, kept.character.at_rest(time or 0.0))
        at = last.affect.time if time is None else time
        return page(self.agent, kept.character, last.turn, settle(kept.character, last.affect, at))

    def compact(self, *, before: int) -> int:
        """Forget all turns before number ``before``, keeping the state that they led to; returns how many went.

        :func:`affectstream.multimodal.agent.own.replay.replay` then starts from that state. The file keeps its size and uses
        the room again. Raises ValueError if ``before`` lies outside of what is on record.
        """
        with self._lock, writing(self._file, self.path):
            kept, last = self._latest()
            if not kept.base.turn < before <= last.turn + 1:
                raise ValueError(
                    f"turns before {before} cannot be cut; wanted a number from {kept.base.turn + 1} to {last.turn + 1}"
                )
            point = (
                kept.base if before == kept.base.turn + 1 else ledger.point_after(self._file, self.agent, before - 1)
            )
            if point is None:
                raise AgentError(f"{self.path} is damaged: turn {before - 1} of {self.agent!r} is missing")
            ledger.write_agent(self._file, self.agent, kept._replace(base=point))
            return ledger.cut(self._file, self.agent, before)

    def snapshot(self) -> dict[str, Any]:
        """Character, manner and state as plain JSON values, without the log; :meth:`restore` goes on with the same bits."""
        with self._lock, told(self.path):
            kept, last = self._latest()
        return {
            "schema": "agent-snapshot/1",
            "agent": self.agent,
            "character": plain_character(kept.character),
            "manner": asdict(kept.manner),
            "turn": last.turn,
            "affect": None if last.affect is None else last.affect.to_dict(),
        }

    @classmethod
    def restore(cls, path: Path, snapshot: dict[str, Any], *, rate: Rate) -> Self:
        """The agent of ``snapshot``, put into the file at ``path``, where there must be none of its name.

        Raises ValueError if it is not a snapshot, AgentError if the agent is there or the file cannot be used.
        """
        try:
            if snapshot["schema"] != "agent-snapshot/1":
                raise ValueError(f"schema {snapshot['schema']!r}")
            agent, turn, affect = str(snapshot["agent"]), int(snapshot["turn"]), snapshot["affect"]
            point = Point(turn, None if affect is None else Affect.from_dict(affect))
            kept = Kept(character_of(snapshot["character"]), Manner(**snapshot["manner"]), point)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a snapshot of an agent ({error!r}); wanted what snapshot() gave") from error
        own = cls(path, agent, rate)
        try:
            with own._lock, writing(own._file, path):
                if ledger.read_agent(own._file, path, agent) is not None:
                    raise AgentError(
                        f"{path} has an agent {agent!r} already; wanted a file without it; take another path"
                    )
                ledger.write_agent(own._file, agent, kept)
        except BaseException:
            own.close()
            raise
        return own

    def close(self) -> None:
        """Let go of the file; nothing is left to be written."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _latest(self) -> tuple[Kept, Point]:
        kept = ledger.read_agent(self._file, self.path, self.agent)
        if kept is None:
            raise AgentError(f"{self.path} has no agent {self.agent!r} any more; wanted it; open it again")
        return kept, ledger.last_point(self._file, self.agent, kept.base)


def _check_time(time: float) -> None:
    if not math.isfinite(time):
        raise ValueError(f"time is {time}; wanted finite seconds")


def _triple(values: NDArray[np.float64], what: str) -> Triple:
    """The one row of ``values`` (1, 3), -0.0 as 0.0."""
    if values.shape != (1, 3) or not (np.isnan(values) | (abs(values) <= 1)).all():
        raise ValueError(f"{what} is {values.tolist()}; wanted three values in [-1, 1], NaN where unknown")
    a, b, c = (values[0] + 0.0).tolist()
    return a, b, c


def _values(vad: Vad) -> Triple:
    return vad.valence + 0.0, vad.arousal + 0.0, vad.dominance + 0.0
