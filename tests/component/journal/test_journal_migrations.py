"""Migrations lead to exactly the tables of `schema`, in one transaction, and refuse what is newer."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from daemon.domain.errors import JournalFailed
from daemon.journal import migrate, schema
from daemon.journal.location import journal_url
from daemon.journal.reader import open_reader
from daemon.journal.writer import JournalWriter


def test_migrated_tables_equal_the_schema(location: str) -> None:
    migrate.upgrade(location)
    engine = open_reader(location)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.METADATA) == []
    engine.dispose()


def test_a_journal_stands_at_the_newest_migration_after_the_upgrade(location: str) -> None:
    assert migrate.current(location) is None
    assert migrate.upgrade(location) == migrate.head() == migrate.current(location)
    assert migrate.upgrade(location) == migrate.head()


def test_asking_where_a_journal_stands_does_not_create_it(tmp_path: Path) -> None:
    assert migrate.current(tmp_path / "journal.db") is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.asyncio
async def test_a_newer_journal_is_refused_and_left_alone(location: str) -> None:
    migrate.upgrade(location)
    engine = create_engine(journal_url(location))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(JournalFailed, match=rf"newer paperd.*9999.*{schema.REVISION}.*Nothing was changed"):
        await JournalWriter.open(location)
    with pytest.raises(JournalFailed, match="newer paperd"):
        open_reader(location)
    assert migrate.current(location) == "9999"


def test_a_migration_that_fails_leaves_no_half_of_itself(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE alert (x)")  # the last table of the migration: all others come before it
    with pytest.raises(JournalFailed, match="alert"):
        migrate.upgrade(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall() == [("alert",)]


def test_there_is_nothing_to_read_before_the_first_start(tmp_path: Path) -> None:
    with pytest.raises(JournalFailed, match="there is no journal"):
        open_reader(tmp_path / "journal.db")


def test_a_reader_cannot_write(location: str) -> None:
    migrate.upgrade(location)
    engine = open_reader(location)
    with pytest.raises(DBAPIError, match=r"read-?only"), engine.begin() as connection:
        connection.execute(schema.SESSION.delete())
    engine.dispose()
