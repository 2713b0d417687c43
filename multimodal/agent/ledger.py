"""The file in which agents' own affect is kept: SQLite, one row a turn, input and resulting state in one transaction.

What is written has reached the disk when the call returns (write-ahead log, ``synchronous=FULL``). Numbers are 8-byte
REALs, read back to the bit; NaN is NULL. Words are never written, only their sha256, from which a short text could be guessed.
"""

import json
import math
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from affectstream.multimodal.agent.own_law import Entry, Manner, Triple, character_of, plain_character
from affectstream.multimodal.dynamics.character import Affect, Character

VERSION = 1
APPLICATION = 0x61666F77  # PRAGMA application_id: "afow"
PATIENCE = 5.0  # s to wait for another process
WORDS = ("valence", "arousal", "dominance")
INPUT = (
    *("time", "who"), *(f"rated_{w}" for w in WORDS), "confidence",
    *(f"person_{w}" for w in WORDS), *(f"person_sd_{w}" for w in WORDS), "text_sha256",
)  # fmt: skip
STATE = (*WORDS, *(f"velocity_{w}" for w in WORDS), *(f"mood_{w}" for w in WORDS))
TEXTS = ("who", "text_sha256")
SCHEMA = f"""
CREATE TABLE agents (
  name TEXT PRIMARY KEY, character TEXT NOT NULL, manner TEXT NOT NULL,
  turn INTEGER NOT NULL, time REAL, {", ".join(f"{name} REAL NOT NULL" for name in STATE)}
);
CREATE TABLE turns (
  agent TEXT NOT NULL REFERENCES agents(name), turn INTEGER NOT NULL,
  {", ".join(f"{name} {'TEXT NOT NULL' if name in TEXTS else 'REAL'}" for name in INPUT)},
  {", ".join(f"{name} REAL NOT NULL" for name in STATE)}, PRIMARY KEY (agent, turn)
) WITHOUT ROWID;
"""


class AgentError(Exception):
    """A file of agents' affect that cannot be used; the message says what was got, what was wanted and what to do."""


class Point(NamedTuple):
    """A state on record: after which ``turn`` (0: none yet), and the ``affect``; None as long as nothing was ever heard."""

    turn: int
    affect: Affect | None


class Kept(NamedTuple):
    """What is kept of an agent: its ``character`` and ``manner``, and the ``base`` from which its log starts."""

    character: Character
    manner: Manner
    base: Point


def connect(path: Path, *, create: bool) -> sqlite3.Connection:
    """The file at ``path``, made if it is not there and ``create``; otherwise open for reading only.

    Raises AgentError if there is none, or if it is of a newer version, corrupt, or no such file.
    """
    with told(path):
        if not path.exists() and (not create or not path.parent.is_dir()):
            wanted = "an existing folder" if create else "a file in which an agent's affect is kept"
            raise AgentError(f"no {path if not create else path.parent}; wanted {wanted}; check the path")
        mode = "rwc" if create else "ro"
        file = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode={mode}",
            uri=True,
            timeout=PATIENCE,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            if create:
                _prepare(file, path)
            _check(file, path)
        except BaseException:
            file.close()
            raise
    return file


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turns what SQLite raises of ``path`` into an AgentError."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "locked" in str(error) or "busy" in str(error):
            raise AgentError(
                f"{path} was locked by another process for {PATIENCE:g} s; wanted a turn; call again, or end that process"
            ) from error
        raise AgentError(f"{path} cannot be used ({error}); wanted a file that can be read and written") from error
    except sqlite3.ProgrammingError as error:
        raise AgentError(f"{path} was closed ({error}); wanted an open one; open it again") from error
    except sqlite3.DatabaseError as error:
        raise AgentError(f"{path} is damaged ({error}); wanted agents' affect; restore it from a copy") from error


@contextmanager
def writing(file: sqlite3.Connection, path: Path) -> Iterator[None]:
    """One transaction, alone: all of it is on the disk afterwards, or none of it."""
    with told(path):
        file.execute("BEGIN IMMEDIATE")
        try:
            yield
            file.execute("COMMIT")
        except BaseException:
            if file.in_transaction:
                file.execute("ROLLBACK")
            raise


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


def _prepare(file: sqlite3.Connection, path: Path) -> None:
    """Make the tables where there are none; what is something else's is left alone."""
    if not file.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        file.execute("PRAGMA journal_mode=WAL")
        with writing(file, path):
            if not file.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:  # nobody was faster
                for statement in SCHEMA.split(";"):
                    file.execute(statement)
                file.execute(f"PRAGMA application_id={APPLICATION}")
                file.execute(f"PRAGMA user_version={VERSION}")
    file.execute("PRAGMA synchronous=FULL")


def _check(file: sqlite3.Connection, path: Path) -> None:
    application, version = _number(file, "application_id"), _number(file, "user_version")
    if application != APPLICATION:
        raise AgentError(f"{path} is not a file of agents' affect; wanted one, or a path where there is no file yet")
    if version != VERSION:
        raise AgentError(f"{path} is of version {version}; wanted {VERSION}; upgrade affectstream")


def _number(file: sqlite3.Connection, pragma: str) -> int:
    return int(file.execute(f"PRAGMA {pragma}").fetchone()[0])


def _state(affect: Affect) -> list[float]:
    return [*affect.value.tolist(), *affect.velocity.tolist(), *affect.mood.tolist()]


def _three(numbers: list[float]) -> Triple:
    a, b, c = numbers[:3]
    return a, b, c


def _affect(time: float, values: tuple[float, ...]) -> Affect:
    value, velocity, mood = np.array(values, np.float64).reshape(3, 3)
    return Affect(time, value, velocity, mood)
