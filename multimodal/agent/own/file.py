"""The file in which agents' own affect is kept: SQLite, one row a turn, input and resulting state in one transaction.

What is written has reached the disk when the call returns (write-ahead log, ``synchronous=FULL``). Numbers are 8-byte
REALs, read back to the bit; NaN is NULL. Words are never written, only their sha256, from which a short text could be guessed.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from affectstream.multimodal.types import DIMENSIONS

VERSION = 1
APPLICATION = 0x61666F77  # PRAGMA application_id: "afow"
PATIENCE = 5.0  # s to wait for another process
INPUT = (
    *("time", "who"), *(f"rated_{w}" for w in DIMENSIONS), "confidence",
    *(f"person_{w}" for w in DIMENSIONS), *(f"person_sd_{w}" for w in DIMENSIONS), "text_sha256",
)  # fmt: skip
STATE = (*DIMENSIONS, *(f"velocity_{w}" for w in DIMENSIONS), *(f"mood_{w}" for w in DIMENSIONS))
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
