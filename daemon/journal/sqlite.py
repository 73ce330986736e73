"""A journal in one SQLite file: how it is checked, opened, written and closed."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Dialect

from daemon.domain.errors import JournalBusy, JournalFailed
from daemon.domain.records import Record
from daemon.journal.connection import SQLITE, Row, insert_statements

_READ_AT_ONCE = 32_000_000  # bytes of a file that are read through within half a second
_STATEMENTS_KEPT = 64  # more than there are tables, so that every INSERT is prepared once


class SqliteConnection:
    """The writing connection: write-ahead log, every commit synced to disk."""

    def __init__(self, path: Path, *, busy_timeout_s: float) -> None:
        """Open the file.

        Raises:
            JournalFailed: it cannot be opened for writing.
        """
        self._path = path
        self._inserts = insert_statements(SQLITE)
        self._has_failed = False
        try:
            self._connection = open_for_writing(path, busy_timeout_s=busy_timeout_s)
        except sqlite3.Error as error:
            raise failure(path, error) from error

    @property
    def dialect(self) -> Dialect:
        """Return SQLite's dialect."""
        return SQLITE

    def write(self, rows: dict[type[Record], list[Row]]) -> None:
        """Insert all rows in one transaction and return when they are durable."""
        execute = self._connection.execute
        try:
            execute("BEGIN IMMEDIATE")
            for record_type, batch in rows.items():
                self._connection.executemany(self._inserts[record_type], batch)
            execute("COMMIT")
        except sqlite3.Error as error:
            self._has_failed = True
            self._roll_back()
            raise failure(self._path, error) from error

    def _roll_back(self) -> None:
        """Let go of the transaction; the first error is the one that counts."""
        with suppress(sqlite3.Error):
            self._connection.rollback()

    def fetch(self, statement: str) -> Sequence[Row]:
        """Return the rows of a query."""
        try:
            return self._connection.execute(statement).fetchall()
        except sqlite3.Error as error:
            raise failure(self._path, error) from error

    def sever(self) -> None:
        """Have a query end; a disk that is being waited for lets nobody go."""
        self._connection.interrupt()

    def close(self) -> None:
        """Move the write-ahead log into the file, as far as readers allow, and close."""
        if self._has_failed:
            self._let_go()
            return
        with closing(self._connection), suppress(sqlite3.Error):  # the log is durable: a later opening can move it
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _let_go(self) -> None:
        """Close and leave the disk alone: a sync that has failed must not be repeated: it might then seem to work.

        The last connection to go would move the log into the file. One that cannot write stays until this one has gone.
        """
        with suppress(sqlite3.Error), closing(open_for_reading(self._path)) as last:
            last.execute("SELECT 1 FROM sqlite_master").fetchone()
            self._connection.close()


def open_for_writing(path: Path, *, busy_timeout_s: float) -> sqlite3.Connection:
    """Return a connection without implicit transactions that syncs every commit."""
    connection = sqlite3.connect(
        path,
        timeout=busy_timeout_s,
        isolation_level=None,
        check_same_thread=False,  # one at a time, but a simulated loop runs jobs on its own thread
        cached_statements=_STATEMENTS_KEPT,
    )
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def open_for_reading(path: Path, *, busy_timeout_s: float = 5.0) -> sqlite3.Connection:
    """Return a connection that cannot write, not even when it is closed."""
    address = f"file:{quote(str(path))}?mode=ro"
    return sqlite3.connect(address, uri=True, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False)


def is_large(path: Path) -> bool:
    """Return whether reading the whole file would take so long that a start cannot wait for it."""
    return path.exists() and path.stat().st_size > _READ_AT_ONCE


def check_file(path: Path, *, may_be_long: bool = True) -> None:
    """Refuse a file that is damaged, without changing it.

    Args:
        path: the file.
        may_be_long: whether to read a large one through as well, about a second for 60 MB; else only its head.

    Raises:
        JournalFailed: it is damaged or cannot be read, or its folder does not exist.
    """
    if not path.parent.is_dir():
        raise JournalFailed(f"journal {path}: there is no folder {path.parent}; create it")
    if not path.exists() or path.stat().st_size == 0:
        _refuse_orphaned_log(path)
        return
    try:
        _undo_interrupted_making(path)
        with closing(open_for_reading(path)) as connection:
            if is_large(path) and not may_be_long:
                connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            else:
                refuse_findings(path, findings_in(connection, path))
    except sqlite3.DatabaseError as error:
        raise _unreadable(path, error) from error


def findings_in(connection: sqlite3.Connection, path: Path) -> list[str]:
    """Return what is wrong with the pages of a journal, five findings at most, an empty list where nothing is.

    Raises:
        JournalFailed: it cannot be read at all.
    """
    try:
        found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(5)")]
    except sqlite3.DatabaseError as error:
        raise _unreadable(path, error) from error
    return [] if found == ["ok"] else found


def refuse_findings(path: Path, findings: Sequence[str]) -> None:
    """Raise JournalFailed where there is a finding."""
    if findings:
        raise damaged(path, "; ".join(findings))


def _unreadable(path: Path, error: sqlite3.DatabaseError) -> JournalFailed:
    return failure(path, error) if isinstance(error, sqlite3.OperationalError) else damaged(path, str(error))


def _undo_interrupted_making(path: Path) -> None:
    """Let SQLite roll back what a kill has cut short while the file was made, which a reading connection may not do.

    Only then is there a rollback journal: every transaction of a finished file goes through the write-ahead log.
    """
    if Path(f"{path}-journal").exists():
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA schema_version").fetchone()


def _refuse_orphaned_log(path: Path) -> None:
    """Refuse to start an empty journal next to the log of a lost one, which SQLite would delete."""
    log = Path(f"{path}-wal")
    if log.exists() and log.stat().st_size > 0:
        raise damaged(path, f"it is missing or empty while {log.name} still holds records")


def damaged(path: Path, finding: str) -> JournalFailed:
    """Return the error for a file that must be preserved."""
    return JournalFailed(
        f"journal {path} is damaged: {finding}. Nothing was changed. "
        f"First preserve {path.name} together with {path.name}-wal and {path.name}-shm by copying them elsewhere. "
        f"Then restore: put the latest copy made by `paperd db backup` in its place, or save what can be read with "
        f"`sqlite3 {path.name} .recover | sqlite3 recovered.db`; the daemon then reconciles with the broker. "
        f"Starting with an empty journal would forget orders."
    )


def failure(path: Path, error: sqlite3.Error) -> JournalFailed:
    """Return our error for one of SQLite's."""
    if isinstance(error, sqlite3.DatabaseError) and type(error) is sqlite3.DatabaseError:  # malformed, not a database
        return damaged(path, str(error))
    kind = JournalBusy if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY else JournalFailed
    return kind(f"journal {path}: {error}")
