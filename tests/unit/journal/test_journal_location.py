"""A journal is named by a path or a URL."""

from pathlib import Path

import pytest

from daemon.domain.errors import ConfigError
from daemon.journal.location import describe, is_sqlite, journal_url, sqlite_path


@pytest.mark.parametrize("prefix", ["", "sqlite:///"])
def test_a_path_and_its_url_are_one_file(tmp_path: Path, prefix: str) -> None:
    url = journal_url(f"{prefix}{tmp_path}/journal.db")
    assert is_sqlite(url)
    assert sqlite_path(url) == tmp_path / "journal.db"


def test_a_relative_path_is_taken_from_where_the_daemon_was_started() -> None:
    assert sqlite_path(journal_url(Path("journal.db"))) == Path.cwd() / "journal.db"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+asyncpg"])
def test_postgresql_is_always_reached_through_psycopg(scheme: str) -> None:
    pytest.importorskip("psycopg")
    assert journal_url(f"{scheme}://me@host/paperd").drivername == "postgresql+psycopg"


def test_a_password_is_never_shown() -> None:
    pytest.importorskip("psycopg")
    assert "secret" not in describe(journal_url("postgresql://me:secret@host/paperd"))


@pytest.mark.parametrize("location", ["mysql://host/x", "sqlite://", "sqlite:///:memory:", "postgresql://host:port/x"])
def test_what_can_hold_no_journal_is_refused(location: str) -> None:
    with pytest.raises(ConfigError):
        journal_url(location)
