"""Does an agent's log say what its states say? Every state is computed again from what was heard and compared to the bit.

That holds on the machine, and with the numpy and scipy, that wrote it; elsewhere a last bit may differ, and
:attr:`Difference.distance` says how little. A log that was changed together with all states after it is not found out.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from affectstream.multimodal.agent.own.file import AgentError, connect, told
from affectstream.multimodal.agent.own.law import Entry, hear
from affectstream.multimodal.agent.own.ledger import names_of, read_agent, read_turns
from affectstream.multimodal.dynamics.character import Affect


class Replayed(NamedTuple):
    """One ``turn``: what was heard, the state on record ``kept`` (9,) (value, velocity, mood) and the one ``computed``."""

    turn: int
    entry: Entry
    kept: NDArray[np.float64]
    computed: Affect

    @property
    def distance(self) -> float:
        """The greatest difference of the two, 0.0 only if they are the same to the bit."""
        again = np.concatenate([self.computed.value, self.computed.velocity, self.computed.mood])
        if again.tobytes() == self.kept.tobytes():
            return 0.0
        return max(float(abs(again - self.kept).max()), math.ulp(0.0))


class Difference(NamedTuple):
    """The first ``turn`` of ``agent`` whose state is not what was heard leads to, by ``distance``; infinite if the turn
    is missing, or is one that could not have been written."""

    agent: str
    turn: int
    distance: float


def replay(path: Path, agent: str) -> Iterator[Replayed]:
    """Every turn of ``agent`` on record, in order, its state computed again from the one before it as computed.

    One turn is in memory at a time. Raises AgentError if the file cannot be read, has no such agent, or lacks a turn;
    ValueError at a turn that no agent could have written.
    """
    file = connect(path, create=False)
    try:
        with told(path):
            kept, names = read_agent(file, path, agent), names_of(file)
        if kept is None:
            there = ", ".join(map(repr, names)) or "none"
            raise AgentError(f"{path} has no agent {agent!r}; wanted one of those in it: {there}")
        expected, affect = kept.base.turn + 1, kept.base.affect
        for turn, entry, state in read_turns(file, path, agent):
            if turn != expected:
                raise MissingTurn(f"{path} lacks turn {expected} of {agent!r}; restore it from a copy", expected)
            before = kept.character.at_rest(entry.time) if affect is None else affect
            affect = hear(kept.character, kept.manner, before, entry)
            yield Replayed(turn, entry, np.array(state), affect)
            expected += 1
    finally:
        file.close()


class MissingTurn(AgentError):
    """A log that lacks ``turn``."""

    def __init__(self, message: str, turn: int) -> None:
        super().__init__(message)
        self.turn = turn


def verify(path: Path) -> Difference | None:
    """The first turn of the first agent (by name) whose record does not hold, None if all do.

    Raises AgentError if the file cannot be read.
    """
    file = connect(path, create=False)
    try:
        with told(path):
            agents = names_of(file)
    finally:
        file.close()
    for agent in agents:
        turn = 0
        try:
            for replayed in replay(path, agent):
                turn = replayed.turn
                if replayed.distance > 0:
                    return Difference(agent, turn, replayed.distance)
        except MissingTurn as error:
            return Difference(agent, error.turn, math.inf)
        except ValueError:  # a time that goes back, a confidence beyond 1
            return Difference(agent, turn + 1, math.inf)
    return None
