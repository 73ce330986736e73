"""Makes a copy of a journal, of one moment, while a daemon may go on writing; always a SQLite file, whole or not there.

A SQLite journal is copied page by page. One in PostgreSQL is copied row by row: its seals are the same on either
database, so that the copy proves itself, and it can be put in place of the database without one.
"""

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Column, Connection, Table, create_engine, inspect, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from daemon.domain.errors import ForbiddenError, JournalFailed
from daemon.journal import migrate, schema
from daemon.journal.location import describe, is_sqlite, journal_url, sqlite_path
from daemon.journal.reader import reading_engine
from daemon.journal.sqlite import check_file, failure, open_for_reading
from daemon.journal.verify import Verified, begin_reading, refuse_damaged, verify

Progress = Callable[[int, int], None]  # parts done, parts in all

_PAGES_AT_ONCE: Final = 2_000
_ROWS_AT_ONCE: Final = 2_000


def back_up(
    location: str | Path | URL, target: Path, *, replace: bool = False, progress: Progress = lambda _done, _all: None
) -> Verified:
    """Copy the journal at `location` to `target`, check the copy, and only then give it its name.

    A copy in which a fault is found is removed again; what was at `target` before is still there then.

    Args:
        location: path or URL of a journal.
        target: the file to write; its folder exists.
        replace: whether a file of that name may be replaced.
        progress: told how far it has come.

    Raises:
        ForbiddenError: `target` is there already and `replace` was not said, or it is the journal itself.
        JournalFailed: the journal cannot be read, the copy cannot be written, or a fault was found in it.
        ConfigError: `location` names nothing that can hold a journal.
    """
    url = journal_url(location)
    if is_sqlite(url) and target.resolve() in _files_of(sqlite_path(url).resolve()):
        raise ForbiddenError(f"backup: {target} is the journal itself.", "Name another file.")
    if target.exists() and not replace:
        raise ForbiddenError(f"backup: {target} is there already.", "Name another file, or replace it with --force.")
    unfinished = target.with_name(f".{target.name}.part")
    _remove(unfinished)
    try:
        _copy(url, unfinished, progress)
        found = verify(unfinished)
        refuse_damaged(found)
        _keep(unfinished, target, replace=replace)
    finally:
        _remove(unfinished)
    return found


def _files_of(journal: Path) -> tuple[Path, ...]:
    """Return the files that SQLite keeps a journal in."""
    return (journal, *(journal.with_name(f"{journal.name}{ending}") for ending in ("-wal", "-shm", "-journal")))


def keep_before_upgrade(location: str | Path | URL, target: Path) -> Path:
    """Copy a journal of an older version to `target`, where nothing is yet, and return that.

    Raises:
        JournalFailed: the journal is damaged or cannot be read, or the copy cannot be written.
    """
    url = journal_url(location)
    if is_sqlite(url):
        check_file(sqlite_path(url))
    unfinished = target.with_name(f".{target.name}.part")
    _remove(unfinished)
    try:
        _copy(url, unfinished, lambda _done, _all: None)
        check_file(unfinished)
        _keep(unfinished, target, replace=False)
    finally:
        _remove(unfinished)
    return target


def _keep(unfinished: Path, target: Path, *, replace: bool) -> None:
    """Give a copy that is on the disk its name in one step; a link fails where the name is taken since a moment."""
    _sync(unfinished)
    if replace:
        unfinished.replace(target)
    else:
        os.link(unfinished, target)
    _sync(target.parent)


def _remove(unfinished: Path) -> None:
    for end in ("", "-wal", "-shm", "-journal"):
        Path(f"{unfinished}{end}").unlink(missing_ok=True)


def _copy(url: URL, target: Path, progress: Progress) -> None:
    try:
        if is_sqlite(url):
            _copy_pages(sqlite_path(url), target, progress)
        else:
            _copy_rows(url, target, progress)
    except sqlite3.Error as error:
        raise failure(target, error) from error
    except DBAPIError as error:
        raise JournalFailed(f"journal {describe(url)} cannot be copied: {error.orig}") from error


def _copy_pages(source: Path, target: Path, progress: Progress) -> None:
    if not source.exists():
        raise JournalFailed(f"there is no journal at {source}")
    with closing(open_for_reading(source)) as journal, closing(sqlite3.connect(target)) as copy:
        # Within one reading transaction the copy is of one moment, and need not begin anew when somebody writes.
        journal.execute("BEGIN")
        journal.execute("SELECT count(*) FROM sqlite_master").fetchone()
        journal.backup(copy, pages=_PAGES_AT_ONCE, progress=lambda _, left, pages: progress(pages - left, pages))
        copy.execute("PRAGMA journal_mode=DELETE")  # everything in one file


def _copy_rows(url: URL, target: Path, progress: Progress) -> None:
    """Copy what both have; the tables of the copy are made as they were at the journal's version."""
    migrate.upgrade(target, to=migrate.current(url) or schema.REVISION)
    source, copy = reading_engine(url), create_engine(journal_url(target))
    try:
        with source.connect() as reading, copy.connect() as writing:
            begin_reading(reading)
            writing.exec_driver_sql("PRAGMA journal_mode=DELETE")  # everything in one file
            columns = _columns(writing)
            for number, table in enumerate(columns, 1):
                _copy_table(reading, writing, table, columns[table])
                progress(number, len(columns))
            writing.commit()
    finally:
        source.dispose()
        copy.dispose()


def _columns(connection: Connection) -> dict[Table, list[Column[Any]]]:
    """Return the tables and columns of ours that a journal has."""
    found = inspect(connection)
    return {
        table: [table.c[each["name"]] for each in found.get_columns(table.name) if each["name"] in table.c]
        for table in schema.METADATA.sorted_tables
        if found.has_table(table.name)
    }


def _copy_table(reading: Connection, writing: Connection, table: Table, columns: Sequence[Column[Any]]) -> None:
    rows = reading.execution_options(yield_per=_ROWS_AT_ONCE).execute(select(*columns).order_by(table.c.seq))
    for block in rows.mappings().partitions():
        writing.execute(table.insert(), [dict(row) for row in block])


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
