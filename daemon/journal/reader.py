"""Connections that read a journal, beside the one that writes it."""

import sqlite3
from pathlib import Path

from sqlalchemy import Engine, NullPool, create_engine
from sqlalchemy.engine import URL

from daemon.domain.errors import JournalFailed
from daemon.journal import migrate
from daemon.journal.location import describe, is_sqlite, journal_url, sqlite_path
from daemon.journal.schema import REVISION
from daemon.journal.sqlite import open_for_reading


def open_reader(location: str | Path | URL) -> Engine:
    """Return an engine that reads the journal at `location` and cannot change it; dispose it after use.

    Raises:
        JournalFailed: there is no journal, or its tables are not those of this program.
        ConfigError: `location` names nothing that can hold a journal.
    """
    url = journal_url(location)
    found = migrate.current(url)
    if found is None:
        raise JournalFailed(f"there is no journal at {describe(url)}")
    migrate.refuse_newer(url, found)
    if found != REVISION:
        raise JournalFailed(f"journal {describe(url)} is of an older version ({found}); run `paperd db upgrade` first")
    return reading_engine(url)


def reading_engine(url: URL) -> Engine:
    """Return an engine that reads a journal of whatever version and cannot change it; dispose it after use."""
    return _sqlite_engine(sqlite_path(url)) if is_sqlite(url) else _postgres_engine(url)


def _sqlite_engine(path: Path) -> Engine:
    def connect() -> sqlite3.Connection:
        return open_for_reading(path)

    return create_engine("sqlite://", creator=connect, poolclass=NullPool)


def _postgres_engine(url: URL) -> Engine:
    return create_engine(url, pool_pre_ping=True, execution_options={"postgresql_readonly": True})
