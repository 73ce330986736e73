"""The one connection that writes. Whoever appends waits for the disk; whoever comes meanwhile shares the next wait."""

import asyncio
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import structlog
from sqlalchemy.engine import URL

from daemon.domain.errors import JournalFailed
from daemon.domain.records import RECORD_TYPES, Record, RowsSealed
from daemon.journal import migrate
from daemon.journal.connection import SQLITE, Connection, Row, last_seq_statements, restore_statements
from daemon.journal.location import describe, is_sqlite, journal_url, sqlite_path
from daemon.journal.rows import RowEncoder, record_from_row
from daemon.journal.seals import NumberedRow, SealChain, last_seal_statement, sealed_rows_statements
from daemon.journal.sqlite import SqliteConnection
from daemon.runtime.worker_thread import WorkerThread

T = TypeVar("T")

_HOLD_TIMEOUT_S: Final = 2.0
_TICKS: Final = 4  # of a deadline
_PATIENCE_S: Final = 1.0  # with a commit that was given up

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Append:
    """One caller's rows and what it waits for."""

    records: Sequence[Record]
    rows: list[NumberedRow]
    durable: "asyncio.Future[None]"


class JournalWriter:
    """Implements `daemon.ports.Journal` with one connection on one thread.

    The first append is committed at once; those that come while a commit is under way are committed together in the
    next transaction, in the order in which they came. After the first failure nothing is written any more: an fsync
    that has failed cannot be repeated, and what the disk holds is known again only after the next start.
    """

    def __init__(
        self, url: URL, loop: asyncio.AbstractEventLoop, *, deadline_s: float, opening_s: float | None
    ) -> None:
        """Prepare a writer that has no connection yet; use `open`."""
        self._url = url
        self._loop = loop
        self._tick_s = deadline_s / _TICKS
        self._deadline_s = deadline_s
        self._opening_s = opening_s
        self._overdue: asyncio.TimerHandle | None = None
        self._executor = WorkerThread("journal")
        self._connection: Connection | None = None
        self._encoders: dict[type[Record], RowEncoder] = {}
        self._last_seq = 0
        self._chain = SealChain()
        self._waiting: list[_Append] = []
        self._commit: asyncio.Future[None] | None = None
        self._failure: JournalFailed | None = None
        self._unkept: tuple[Record, ...] = ()
        self._closing = False

    @classmethod
    async def open(
        cls,
        location: str | Path | URL,
        *,
        busy_timeout_s: float = 5.0,
        deadline_s: float = math.inf,
        opening_s: float | None = None,
    ) -> Self:
        """Check the journal at `location` (path or URL), create or migrate its tables and become its writer.

        Args:
            location: path or URL of a journal.
            busy_timeout_s: host seconds to wait for somebody else's lock.
            deadline_s: host seconds in which a commit must be done; then the writer fails, and whether that commit
                was kept shows at the next start.
            opening_s: host seconds in which a database must be open, and in which `restore` must have its answer;
                None waits for ever.

        Raises:
            JournalFailed: damaged, locked, silent, not writable, or written by a newer program; it says what to do.
            ConfigError: `location` names nothing that can hold a journal.
        """
        loop = asyncio.get_running_loop()
        writer = cls(journal_url(location), loop, deadline_s=deadline_s, opening_s=opening_s)
        try:
            await writer.answered(lambda: writer._connect(busy_timeout_s))
        finally:
            if writer._connection is None:
                writer._executor.shutdown(wait=False)
        return writer

    def _connect(self, busy_timeout_s: float) -> None:
        connection = _connect(self._url, busy_timeout_s)
        as_text = connection.dialect is SQLITE
        self._encoders = {record_type: RowEncoder(record_type, as_text=as_text) for record_type in RECORD_TYPES}
        try:
            tops = [connection.fetch(statement)[0][0] for statement in last_seq_statements(connection.dialect)]
            self._last_seq = max(top for top in (0, *tops) if isinstance(top, int))
            self._take_up_chain(connection)
        except JournalFailed:
            connection.close()
            raise
        self._connection = connection

    def _take_up_chain(self, connection: Connection) -> None:
        """Carry on after the last seal; a journal from before there were seals gets one over all it has."""
        seals = connection.fetch(last_seal_statement(connection.dialect))
        if seals:
            self._chain = SealChain(str(seals[0][0]))
            return
        rows = [
            (record_type, row)
            for record_type, statement in sealed_rows_statements(connection.dialect)
            for row in connection.fetch(statement)
        ]
        rows.sort(key=lambda numbered: numbered[1][0])  # type: ignore[arg-type,return-value]
        if rows:
            record_type, last = rows[-1]
            seal = self._seal(rows, at=_numbered(record_type, last)[1].at, first_seq=1, last_seq=self._last_seq)
            connection.write({kind: [row] for kind, row in seal})
            self._last_seq += 1

    @property
    def url(self) -> URL:
        """Return where the journal is, for `reader.open_reader`."""
        return self._url

    @property
    def last_seq(self) -> int:
        """Return the highest `seq` given so far; rows of later appends are above it."""
        return self._last_seq

    async def append(self, records: Sequence[Record]) -> None:
        """Make `records` durable in one transaction, in order; return when they are.

        A caller that is cancelled while it waits takes nothing back: its records are written all the same.

        Raises:
            JournalFailed: nothing of it was kept, as far as the disk can still be asked; the writer has stopped.
            ValueError, TypeError: a record holds what no column can; nothing of it was kept and the writer goes on.
        """
        if not records:
            return
        self._refuse_when_stopped()
        rows = self._encode(records)
        durable: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(_Append(records=records, rows=rows, durable=durable))
        if self._commit is None:
            self._commit_waiting()
        await durable

    def _refuse_when_stopped(self) -> None:
        if self._failure is not None:
            raise JournalFailed(f"the journal has stopped: {self._failure}") from self._failure
        if self._closing:
            raise JournalFailed(f"journal {describe(self._url)} is closed")

    def _encode(self, records: Sequence[Record]) -> list[NumberedRow]:
        """Return the rows of `records` with their seal and use up their numbers, or do neither."""
        first, last = self._last_seq + 1, self._last_seq + len(records)
        rows = [self._row(seq, record) for seq, record in enumerate(records, first)]
        rows += self._seal(rows, at=records[-1].at, first_seq=first, last_seq=last)
        self._last_seq += len(rows)
        return rows

    def _seal(self, rows: Sequence[NumberedRow], *, at: datetime, first_seq: int, last_seq: int) -> list[NumberedRow]:
        """Return the row of the seal over `rows`, as a list, or an empty one where there is nothing to seal."""
        seal = self._chain.seal(rows, at=at, first_seq=first_seq, last_seq=last_seq)
        return [] if seal is None else [(RowsSealed, self._encoders[RowsSealed].row(last_seq + 1, seal))]

    def _row(self, seq: int, record: Record) -> NumberedRow:
        record_type = type(record)
        encoder = self._encoders.get(record_type)
        if encoder is None:
            raise TypeError(f"{record_type.__name__} has no table in the journal")
        return record_type, encoder.row(seq, record)

    def _commit_waiting(self) -> None:
        """Start one transaction with all that is waiting."""
        group, self._waiting = self._waiting, []
        connection = self._connected()
        self._commit = self._loop.run_in_executor(self._executor, _write, connection, group)
        self._commit.add_done_callback(lambda commit: self._committed(commit, group))
        if self._deadline_s < math.inf:
            self._overdue = self._loop.call_later(self._tick_s, self._tick, group, 1)

    def _tick(self, group: list[_Append], ticks: int) -> None:
        """Give a commit up after some ticks. A process that was stopped for long has counted only one of them."""
        if ticks < _TICKS:
            self._overdue = self._loop.call_later(self._tick_s, self._tick, group, ticks + 1)
            return
        self._fail(JournalFailed(f"journal {describe(self._url)}: no answer within {self._deadline_s:g} s"), group)
        if self._connection is not None:
            self._connection.sever()

    def _committed(self, commit: "asyncio.Future[None]", group: list[_Append]) -> None:
        """Tell a group how it went and start the next."""
        self._commit = None
        if self._overdue is not None:
            self._overdue.cancel()
        error = commit.exception()
        if self._failure is not None:
            return  # it had been given up
        if error is not None:
            self._fail(error, group)
            return
        for append in group:
            if not append.durable.done():
                append.durable.set_result(None)
        if self._waiting:
            self._commit_waiting()

    def _fail(self, error: BaseException, group: list[_Append]) -> None:
        """Stop for good and tell all who wait."""
        self._failure = _journal_failed(error)
        waiting, self._waiting = self._waiting, []
        lost = (*group, *waiting)
        self._unkept = tuple(record for append in lost for record in append.records)
        log.critical("journal.failed", error=str(self._failure), unkept=len(self._unkept))
        for append in lost:
            if not append.durable.done():
                append.durable.set_exception(_journal_failed(error))

    @property
    def failure(self) -> JournalFailed | None:
        """Return what stopped the writer, None while nothing has."""
        return self._failure

    @property
    def unkept(self) -> tuple[Record, ...]:
        """Return the records that were waiting when the writer failed; of a commit it may be that it was kept."""
        return self._unkept

    async def restore(self) -> tuple[Record, ...]:
        """Return what state is rebuilt from, in the order of writing.

        Whole: run, session, control_action, intent, order_ref, order_event, arrival_quote, fill, commission,
        adjustment. Of equity the latest row of each strategy; of decision the latest row with
        memory of each strategy and instrument.

        Raises:
            JournalFailed: it cannot be read; the writer has stopped.
        """
        self._refuse_when_stopped()
        connection = self._connected()
        try:
            return await self.answered(lambda: _restore(connection))
        except JournalFailed as error:
            self._failure = self._failure or error
            raise

    def _connected(self) -> Connection:
        if self._connection is None:
            raise JournalFailed(f"journal {describe(self._url)} is closed")
        return self._connection

    def abandon(self) -> None:
        """Let go of the connection as a killed process does: nothing is waited for, only what is committed stays."""
        self._closing = True
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        self._executor.shutdown(wait=False)

    async def close(self) -> None:
        """Wait for what was appended, tidy up the database and end the thread. A second call does nothing."""
        self._closing = True
        while self._commit is not None:
            _, late = await asyncio.wait([self._commit], timeout=None if self._failure is None else _PATIENCE_S)
            if late:  # it does not even let go: the process ends without it
                self._connection = None
                self._executor.shutdown(wait=False)
                return
        connection, self._connection = self._connection, None
        if connection is None:
            return
        closed = self._on_thread(connection.close)
        await asyncio.wait([closed], timeout=None if self._failure is None else _PATIENCE_S)
        self._executor.shutdown(wait=closed.done())
        if closed.done():
            closed.result()

    async def __aenter__(self) -> Self:
        """Return the writer."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the writer."""
        await self.close()

    async def answered(self, work: Callable[[], T]) -> T:
        """Return what `work`, which belongs to opening the journal, returns on the thread.

        Raises:
            JournalFailed: no answer in time; the writer has stopped, and the thread is left to itself.
        """
        try:
            async with asyncio.timeout(self._opening_s):
                return await self._on_thread(work)
        except TimeoutError:
            self._failure = JournalFailed(
                f"journal {describe(self._url)}: no answer within {self._opening_s:g} s while it was opened. See that "
                "the database answers; a large one may need more (journal.opening_s), its tables `paperd db upgrade`"
            )
            if self._connection is not None:
                self._connection.sever()
            raise self._failure from None

    def _on_thread(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        return self._loop.run_in_executor(self._executor, work)


def _connect(url: URL, busy_timeout_s: float) -> Connection:
    """Return the writing connection to an up-to-date journal."""
    if is_sqlite(url):
        migrate.upgrade(url, busy_timeout_s=busy_timeout_s)
        return SqliteConnection(sqlite_path(url), busy_timeout_s=busy_timeout_s)
    from daemon.journal.postgres import PostgresConnection  # noqa: PLC0415 - psycopg is an extra

    connection = PostgresConnection(url, busy_timeout_s=busy_timeout_s)  # first: it keeps others out of the migration
    try:
        migrate.upgrade(url)
    except JournalFailed:
        connection.close()
        raise
    return connection


@contextmanager
def hold_writer(location: str | Path | URL) -> Iterator[None]:
    """Keep writers out of a journal on a server for a while; a file has its state directory's lock for that.

    Raises:
        JournalBusy: somebody is writing to it.
        JournalFailed: it cannot be reached.
    """
    url = journal_url(location)
    if is_sqlite(url):
        yield
        return
    from daemon.journal.postgres import PostgresConnection  # noqa: PLC0415 - psycopg is an extra

    with closing(PostgresConnection(url, busy_timeout_s=_HOLD_TIMEOUT_S)):
        yield


def _write(connection: Connection, group: list[_Append]) -> None:
    """Write a group in one transaction, table by table; `seq` keeps the order over all of them."""
    tables: dict[type[Record], list[Row]] = {}
    for append in group:
        for record_type, row in append.rows:
            tables.setdefault(record_type, []).append(row)
    connection.write(tables)


def _restore(connection: Connection) -> tuple[Record, ...]:
    found: list[tuple[int, Record]] = []
    for record_type, statement in restore_statements(connection.dialect):
        found.extend(_numbered(record_type, row) for row in connection.fetch(statement))
    found.sort(key=lambda numbered: numbered[0])
    return tuple(record for _, record in found)


def _numbered(record_type: type[Record], row: Row) -> tuple[int, Record]:
    seq, *values = row
    if not isinstance(seq, int):
        raise JournalFailed(f"journal: a row of {record_type.TABLE} has no number")
    try:
        return seq, record_from_row(record_type, values)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise JournalFailed(f"journal: row {seq} of {record_type.TABLE} cannot be understood: {error}") from error


def _journal_failed(error: BaseException) -> JournalFailed:
    """Return an error of its own for each who waits, so that their tracebacks do not mix."""
    failed = JournalFailed(str(error) if isinstance(error, JournalFailed) else f"journal: {error!r}")
    failed.__cause__ = error
    return failed
