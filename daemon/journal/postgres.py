"""A journal in a PostgreSQL database: the one writing connection, through psycopg without SQLAlchemy."""

import os
import socket
from collections.abc import Sequence
from contextlib import suppress

import psycopg
from sqlalchemy import Dialect
from sqlalchemy.engine import URL

from daemon.domain.errors import JournalBusy, JournalFailed
from daemon.domain.records import Record
from daemon.journal.connection import POSTGRESQL, Row, insert_statements
from daemon.journal.location import describe

_WRITER_LOCK = 0x70617065726400  # an advisory lock held for as long as the connection lives: one writer a database
_SETTINGS = (
    "-c synchronous_commit=on -c timezone=UTC "
    "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"  # a lost writer's lock is freed
)


class PostgresConnection:
    """The writing connection; a commit returns when the server has synced it."""

    def __init__(self, url: URL, *, busy_timeout_s: float) -> None:
        """Connect and become the writer.

        Raises:
            JournalFailed: no connection.
            JournalBusy: another daemon is the writer.
        """
        self._name = describe(url)
        statements = insert_statements(POSTGRESQL)
        self._inserts = {record_type: statement.encode() for record_type, statement in statements.items()}
        try:
            self._connection = psycopg.connect(
                url.set(drivername="postgresql").render_as_string(hide_password=False),
                autocommit=True,
                prepare_threshold=0,
                connect_timeout=max(2, round(busy_timeout_s)),
                options=f"{_SETTINGS} -c lock_timeout={round(busy_timeout_s * 1000)}",
            )
        except psycopg.Error as error:
            raise self._failure(error) from error
        if not self._become_writer():
            self._connection.close()
            raise JournalBusy(f"journal {self._name}: another daemon is writing to it; stop that one first")

    def _become_writer(self) -> bool:
        """Wait for the lock as long as for any other: a server frees it a moment after its writer has gone."""
        try:
            self._connection.execute(f"SELECT pg_advisory_lock({_WRITER_LOCK})".encode())
        except psycopg.errors.LockNotAvailable:
            return False
        except psycopg.Error as error:
            raise self._failure(error) from error
        return True

    @property
    def dialect(self) -> Dialect:
        """Return PostgreSQL's dialect."""
        return POSTGRESQL

    def write(self, rows: dict[type[Record], list[Row]]) -> None:
        """Insert all rows in one transaction, in one round trip, and return when they are durable."""
        connection = self._connection
        try:
            with connection.pipeline(), connection.transaction(), connection.cursor() as cursor:
                for record_type, batch in rows.items():
                    cursor.executemany(self._inserts[record_type], batch)
        except psycopg.Error as error:
            raise self._failure(error) from error

    def fetch(self, statement: str) -> Sequence[Row]:
        """Return the rows of a query."""
        try:
            return self._connection.execute(statement.encode()).fetchall()
        except psycopg.Error as error:
            raise self._failure(error) from error

    def sever(self) -> None:
        """Shut the socket: whoever waits for the server's answer gets an error, and nothing reaches it any more."""
        with (
            suppress(psycopg.Error, OSError),  # it is shut already
            socket.socket(fileno=os.dup(self._connection.fileno())) as same,
        ):
            same.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection, which gives up the writer's lock."""
        with suppress(psycopg.Error):
            self._connection.close()

    def _failure(self, error: psycopg.Error) -> JournalFailed:
        return JournalFailed(f"journal {self._name}: {str(error).strip() or type(error).__name__}")
