"""The rows of a file of agents' affect: an agent's character and where its log starts, and what it heard turn by turn."""

import json
import math
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from affectstream.multimodal.agent.own.file import INPUT, STATE, AgentError, told
from affectstream.multimodal.agent.own.law import Entry, Manner, Triple, character_of, plain_character
from affectstream.multimodal.dynamics.character import Affect, Character


class Point(NamedTuple):
    """A state on record: after which ``turn`` (0: none yet), and the ``affect``; None as long as nothing was ever heard."""

    turn: int
    affect: Affect | None


class Kept(NamedTuple):
    """What is kept of an agent: its ``character`` and ``manner``, and the ``base`` from which its log starts."""

    character: Character
    manner: Manner
    base: Point


def names_of(file: sqlite3.Connection) -> list[str]:
    """The agents on record, in order of their names."""
    return [name for (name,) in file.execute("SELECT name FROM agents ORDER BY name")]


def read_agent(file: sqlite3.Connection, path: Path, agent: str) -> Kept | None:
    """What is kept of ``agent``, None if there is no such one; raises AgentError if it cannot be read."""
    row = file.execute(
        f"SELECT character, manner, turn, time, {', '.join(STATE)} FROM agents WHERE name = ?", (agent,)
    ).fetchone()
    if row is None:
        return None
    try:
        character, manner = character_of(json.loads(row[0])), Manner(**json.loads(row[1]))
    except (ValueError, KeyError, TypeError) as error:
        raise AgentError(
            f"{path} is damaged: {agent!r} has no character that can be read ({error!r}); restore it from a copy"
        ) from error
    return Kept(character, manner, Point(row[2], None if row[3] is None else _affect(row[3], row[4:])))


def write_agent(file: sqlite3.Connection, agent: str, kept: Kept) -> None:
    """Put ``agent`` on record, or in place of what was kept of it; its log is left as it is."""
    turn, affect = kept.base
    state = kept.character.at_rest() if affect is None else affect
    values = [
        json.dumps(plain_character(kept.character), sort_keys=True), json.dumps(asdict(kept.manner), sort_keys=True),
        turn, None if affect is None else affect.time, *_state(state),
    ]  # fmt: skip
    names = ["character", "manner", "turn", "time", *STATE]
    file.execute(
        f"INSERT INTO agents (name, {', '.join(names)}) VALUES (?{', ?' * len(names)}) "
        f"ON CONFLICT (name) DO UPDATE SET {', '.join(f'{n} = excluded.{n}' for n in names)}",
        (agent, *values),
    )


def last_point(file: sqlite3.Connection, agent: str, base: Point) -> Point:
    """The state after the latest turn of ``agent``, whose log starts from ``base``."""
    row = file.execute(
        f"SELECT turn, time, {', '.join(STATE)} FROM turns WHERE agent = ? ORDER BY turn DESC LIMIT 1", (agent,)
    ).fetchone()
    return base if row is None else Point(row[0], _affect(row[1], row[2:]))


def append(file: sqlite3.Connection, agent: str, turn: int, entry: Entry, after: Affect) -> None:
    """Write one turn: what was heard and the state after it."""
    numbers = (*entry.rating, entry.confidence, *entry.person_vad, *entry.person_sd)
    heard = [entry.time, entry.who, *numbers, entry.text_sha256]
    values = [None if isinstance(v, float) and math.isnan(v) else v for v in (*heard, *_state(after))]
    file.execute(f"INSERT INTO turns VALUES (?, ?{', ?' * len(values)})", (agent, turn, *values))


def read_turns(file: sqlite3.Connection, path: Path, agent: str) -> Iterator[tuple[int, Entry, tuple[float, ...]]]:
    """Each turn of ``agent`` on record, in order: its number, what was heard, and the nine numbers of the state
    after it. One row is in memory at a time. Raises AgentError where the file is damaged."""
    with told(path):
        rows = file.execute(
            f"SELECT turn, {', '.join((*INPUT, *STATE))} FROM turns WHERE agent = ? ORDER BY turn", (agent,)
        )
        for turn, time, who, *rest in rows:
            numbers = [math.nan if v is None else v for v in (*rest[:10], *rest[11:])]
            if not all(isinstance(v, float) for v in (time, *numbers)):
                raise AgentError(
                    f"{path} is damaged: turn {turn} of {agent!r} holds no numbers; restore it from a copy"
                )
            heard = Entry(time, who, _three(numbers), numbers[3], _three(numbers[4:]), _three(numbers[7:]), rest[10])
            yield turn, heard, tuple(numbers[10:])


def cut(file: sqlite3.Connection, agent: str, before: int) -> int:
    """Forget the turns of ``agent`` before that number; returns how many."""
    return file.execute("DELETE FROM turns WHERE agent = ? AND turn < ?", (agent, before)).rowcount


def point_after(file: sqlite3.Connection, agent: str, turn: int) -> Point | None:
    """The state on record after ``turn``, None if it is not there."""
    row = file.execute(
        f"SELECT time, {', '.join(STATE)} FROM turns WHERE agent = ? AND turn = ?", (agent, turn)
    ).fetchone()
    return None if row is None else Point(turn, _affect(row[0], row[1:]))


def _state(affect: Affect) -> list[float]:
    return [*affect.value.tolist(), *affect.velocity.tolist(), *affect.mood.tolist()]


def _three(numbers: list[float]) -> Triple:
    a, b, c = numbers[:3]
    return a, b, c


def _affect(time: float, values: tuple[float, ...]) -> Affect:
    value, velocity, mood = np.array(values, np.float64).reshape(3, 3)
    return Affect(time, value, velocity, mood)
