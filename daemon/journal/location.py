"""Where a journal is: a SQLite file by path, or a database by URL."""

from importlib.util import find_spec
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from daemon.domain.errors import ConfigError

_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


def journal_url(location: str | Path | URL) -> URL:
    """Return the database URL of a file's path or of a URL.

    Raises:
        ConfigError: the URL cannot be read, or it names a database that cannot hold a journal.
    """
    if isinstance(location, str) and "://" in location:
        location = _parse(location)
    if not isinstance(location, URL):
        return URL.create("sqlite", database=str(Path(location).absolute()))
    driver = _DRIVERS.get(location.get_backend_name())
    if driver is None:
        raise ConfigError(
            f"journal: {describe(location)} is neither SQLite nor PostgreSQL; use a path or postgresql://…"
        )
    if driver != "sqlite":
        return _postgres_url(location.set(drivername=driver))
    if not location.database or location.database == ":memory:":
        raise ConfigError("journal: an in-memory SQLite database would be lost with the process; name a file")
    return journal_url(Path(location.database))


def _postgres_url(url: URL) -> URL:
    if find_spec("psycopg") is None:
        raise ConfigError("journal: PostgreSQL needs psycopg; pip install 'paperd[postgres]'")
    return url


def _parse(text: str) -> URL:
    try:
        return make_url(text)
    except (ArgumentError, ValueError) as error:  # ValueError: the port is no number
        raise ConfigError("journal: the database URL cannot be read; write postgresql://user@host/name") from error


def is_sqlite(url: URL) -> bool:
    """Return whether `url` is a SQLite file."""
    return url.get_backend_name() == "sqlite"


def sqlite_path(url: URL) -> Path:
    """Return the file of a SQLite URL made by `journal_url`."""
    return Path(url.database or "")


def describe(url: URL) -> str:
    """Return what to call the journal in messages: its path, or its URL without the password."""
    return str(url.database) if is_sqlite(url) else url.render_as_string(hide_password=True)
