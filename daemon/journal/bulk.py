"""A journal that is written in one go and worth nothing before it is whole: that of a backtest.

Rows are kept by table until there are enough for one statement, and written by a thread of their own: SQLite lets go of
the interpreter for as long as a statement takes, so that a statement with hundreds of rows runs beside the program, and
as many statements with a row each would not. Nothing is synced, and nothing sealed: of a run that dies there is
nothing to restore, and its file never gets the journal's name.
"""

import sqlite3
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from daemon.domain.records import RECORD_TYPES, Record
from daemon.journal import migrate
from daemon.journal.connection import SQLITE, Row, insert_statements
from daemon.journal.rows import RowEncoder
from daemon.journal.sqlite import failure

_ROWS_AT_ONCE: Final = 256  # of one table; far fewer values than a statement may have
_WAITING: Final = 3  # statements that may wait for the disk
_PRAGMAS: Final = ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE", "cache_size=-4096")

EncodedRow = tuple[type[Record], tuple[object, ...]]
"""A row that is ready for SQLite: the record's class, and the values of its columns without `seq`."""

Recorded = Record | EncodedRow


class BulkJournal:
    """The writer of a fresh SQLite journal; `append` takes records and rows in the order in which they count."""

    def __init__(self, path: Path) -> None:
        """Create the tables, in a file that is renamed to `path` once all is written.

        Raises:
            JournalFailed: the file cannot be written.
        """
        self._path, self._part = path, path.with_name(f"{path.name}.part")
        self._part.unlink(missing_ok=True)
        migrate.upgrade(self._part)
        self._encoders = {kind: RowEncoder(kind, as_text=True) for kind in RECORD_TYPES}
        self._inserts = insert_statements(SQLITE)
        self._tables: dict[type[Record], list[Row]] = {kind: [] for kind in RECORD_TYPES}
        self._seq = 0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._waiting: deque[Future[None]] = deque()
        self._connection = sqlite3.connect(self._part, isolation_level=None, check_same_thread=False)
        for pragma in _PRAGMAS:
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute("BEGIN EXCLUSIVE")

    def append(self, records: Iterable[Recorded]) -> None:
        """Take records, in order.

        Raises:
            JournalFailed: the disk refused rows; they may have been appended earlier.
            ValueError, TypeError: a record holds what no column can.
        """
        seq, tables, encoders = self._seq, self._tables, self._encoders
        for record in records:
            seq += 1
            if isinstance(record, tuple):
                kind, values = record
                row: Row = (seq, *values)
            else:
                kind, row = type(record), encoders[type(record)].row(seq, record)
            table = tables[kind]
            table.append(row)
            if len(table) == _ROWS_AT_ONCE:
                self._hand_over(kind, table)
                tables[kind] = []
        self._seq = seq

    def close(self) -> None:
        """Write the rest and give the file its name.

        Raises:
            JournalFailed: the disk refused rows.
        """
        try:
            with closing(self._connection), self._thread:  # the thread ends first: it uses the connection
                for kind, table in self._tables.items():
                    self._hand_over(kind, table)
                self._settle(most=0)
                self._thread.submit(self._connection.execute, "COMMIT").result()
        except sqlite3.Error as error:
            raise failure(self._path, error) from error
        self._part.replace(self._path)

    def __enter__(self) -> Self:
        """Return the journal."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it: what was appended before an error is kept."""
        self.close()

    def _hand_over(self, kind: type[Record], table: Sequence[Row]) -> None:
        if table:
            self._settle(most=_WAITING)
            self._waiting.append(self._thread.submit(self._write, kind, table))

    def _settle(self, *, most: int) -> None:
        """Wait until no more than so many statements are on their way."""
        while self._waiting and (len(self._waiting) > most or self._waiting[0].done()):
            try:
                self._waiting.popleft().result()
            except sqlite3.Error as error:
                raise failure(self._path, error) from error

    def _write(self, kind: type[Record], table: Sequence[Row]) -> None:
        insert = self._inserts[kind]
        if len(table) < _ROWS_AT_ONCE:
            self._connection.executemany(insert, table)
            return
        head, one = insert.split(" VALUES ")
        many = ", ".join([one] * len(table))
        self._connection.execute(f"{head} VALUES {many}", [value for row in table for value in row])
