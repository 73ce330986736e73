"""Brings a journal's tables up to this program's, and refuses those of a newer one.

Alembic is imported only when there is something to migrate: the daemon's usual start does without it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, NullPool, create_engine, event, inspect
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from daemon.domain.errors import JournalFailed
from daemon.journal.location import describe, is_sqlite, journal_url, sqlite_path
from daemon.journal.schema import REVISION
from daemon.journal.sqlite import check_file, failure, open_for_reading, open_for_writing

if TYPE_CHECKING:
    from alembic.config import Config

_SCRIPTS = "daemon.journal:migrations"
_VERSION_TABLE = "alembic_version"


def head() -> str:
    """Return the newest migration of this program."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    newest = ScriptDirectory.from_config(_config()).get_current_head()
    return newest or ""


def current(location: str | Path | URL) -> str | None:
    """Return the migration at which a journal stands, None when there is no journal yet. Nothing is changed.

    Raises:
        JournalFailed: it cannot be read.
    """
    url = journal_url(location)
    if is_sqlite(url) and (not sqlite_path(url).exists() or sqlite_path(url).stat().st_size == 0):
        return None
    with _connected(url, write=False) as connection:
        if not inspect(connection).has_table(_VERSION_TABLE):
            return None
        version = connection.exec_driver_sql(f"SELECT version_num FROM {_VERSION_TABLE}").scalar()  # noqa: S608
        return None if version is None else str(version)


def upgrade(location: str | Path | URL, *, busy_timeout_s: float = 5.0, to: str = REVISION) -> str:
    """Create the tables or bring them up `to` a version in one transaction; return where they stand now.

    A large file with nothing to migrate is read through later: see `file_check`.

    Raises:
        JournalFailed: damaged, locked, or written by a newer program; nothing was changed.
    """
    url = journal_url(location)
    if is_sqlite(url):
        check_file(sqlite_path(url), may_be_long=False)
    found = current(url)
    if found == to:
        return found
    refuse_newer(url, found)
    if is_sqlite(url):
        check_file(sqlite_path(url))  # a migration would copy the damage
    _run(url, busy_timeout_s, to)
    return to


def refuse_newer(url: URL, found: str | None) -> None:
    """Refuse a journal with a migration that this program does not have.

    Raises:
        JournalFailed: a newer program wrote it.
    """
    if found in (None, REVISION):
        return
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if found not in known:
        raise JournalFailed(
            f"journal {describe(url)} was written by a newer paperd: it stands at version {found}, this program knows "
            f"up to {REVISION}. Nothing was changed; install the newer paperd again, or use another state directory"
        )


def _config() -> "Config":
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", _SCRIPTS)
    return config


def _run(url: URL, busy_timeout_s: float, to: str) -> None:
    from alembic import command  # noqa: PLC0415

    config = _config()
    with _connected(url, write=True, busy_timeout_s=busy_timeout_s) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, to)


@contextmanager
def _connected(url: URL, *, write: bool, busy_timeout_s: float = 5.0) -> Iterator[Connection]:
    """Give a connection whose errors are ours; with `write`, one transaction around everything."""
    engine = (
        _sqlite_engine(sqlite_path(url), write=write, busy_timeout_s=busy_timeout_s)
        if is_sqlite(url)
        else create_engine(url, poolclass=NullPool)
    )
    try:
        with engine.begin() if write else engine.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise database_failure(url, error) from error
    except sqlite3.Error as error:
        raise failure(sqlite_path(url), error) from error
    finally:
        engine.dispose()


def _sqlite_engine(path: Path, *, write: bool, busy_timeout_s: float) -> Engine:
    def connect() -> sqlite3.Connection:
        opened = open_for_writing if write else open_for_reading
        return opened(path, busy_timeout_s=busy_timeout_s)

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    if write:
        # The driver commits before each CREATE TABLE unless it has been taken out of transactions altogether.
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def database_failure(url: URL, error: SQLAlchemyError) -> JournalFailed:
    """Return our error for one that reading or migrating a journal ended with."""
    cause = error.orig if isinstance(error, DatabaseError) else None
    if is_sqlite(url) and isinstance(cause, sqlite3.Error):
        return failure(sqlite_path(url), cause)
    return JournalFailed(f"journal {describe(url)}: {str(cause or error).strip()}")
