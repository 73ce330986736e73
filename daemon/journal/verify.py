"""Looks whether a journal is whole: its file, its numbering, its chain of seals, and what its rows say of each other.

It only reads, within one transaction, so that a daemon may go on writing meanwhile.
"""

import heapq
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import Column, Connection, Table, func, select, type_coerce
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import NullType

from daemon.domain.errors import JournalFailed
from daemon.domain.records import RECORD_TYPES, Record
from daemon.journal import schema
from daemon.journal.location import describe, journal_url
from daemon.journal.reader import open_reader
from daemon.journal.seals import GENESIS, SEALED, digest, sealed_line

Check = Literal["file", "numbering", "chain", "orders"]
Progress = Callable[[int, int], None]  # rows looked at, rows there are

_ROWS_AT_ONCE: Final = 2_000
_MOST_FAULTS: Final = 20  # more would not say more
_TELL_EVERY: Final = 5_000
_BY_TABLE: Final = {record_type.TABLE: record_type for record_type in RECORD_TYPES}
_SEALED_TABLES: Final = frozenset(record_type.TABLE for record_type in SEALED)

_BELONGS: Final[tuple[tuple[Column[Any], Column[Any]], ...]] = (
    (schema.INTENT.c.order_ref, schema.RISK_CHECK.c.order_ref),
    (schema.ARRIVAL_QUOTE.c.order_ref, schema.INTENT.c.order_ref),
    (schema.ORDER_REF.c.order_ref, schema.INTENT.c.order_ref),
    (schema.ORDER_EVENT.c.order_ref, schema.INTENT.c.order_ref),
    (schema.FILL.c.order_ref, schema.INTENT.c.order_ref),
    (schema.FILL.c.replaces, schema.FILL.c.exec_id),
    (schema.COMMISSION.c.order_ref, schema.INTENT.c.order_ref),
)
"""What each row names, and the column where that must be found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that is not as it was written."""

    check: Check
    table: str | None
    seq: int | None  # the row, or the first row of a stretch
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was found in a journal."""

    journal: str
    version: str  # the migration at which it stands
    rows: int
    last_seq: int
    seals: int
    sealed_rows: int
    head: str | None  # digest of the last seal; None = nothing is sealed
    faults: Sequence[Fault]  # the first ones, in the order in which they were met

    def to_dict(self) -> dict[str, object]:
        """Return it as plain values for JSON."""
        return {"ok": not self.faults, **asdict(self)}


def verify(location: str | Path | URL, progress: Progress = lambda _done, _all: None) -> Verified:
    """Look at everything and return what was found.

    Raises:
        JournalFailed: there is no journal, it cannot be read at all, or its version is not this program's.
        ConfigError: `location` names nothing that can hold a journal.
    """
    url = journal_url(location)
    engine = open_reader(url)
    walk = _Walk()
    try:
        with engine.connect() as connection:
            begin_reading(connection)
            damage = _file_faults(connection)
            if not damage:
                total = _last_seq(connection)
                for number, numbered in enumerate(_all_rows(connection), 1):
                    walk.take(numbered)
                    if number % _TELL_EVERY == 0:
                        progress(min(number, total), total)
                walk.end()
                progress(total, total)
            faults = [*damage, *walk.faults, *([] if damage else _orphans(connection))]
    except DBAPIError as error:
        raise JournalFailed(f"journal {describe(url)} cannot be read to its end: {error.orig}") from error
    finally:
        engine.dispose()
    return Verified(
        journal=describe(url),
        version=schema.REVISION,
        rows=walk.rows,
        last_seq=walk.last_seq,
        seals=walk.seals,
        sealed_rows=walk.sealed_rows,
        head=walk.head if walk.seals else None,
        faults=tuple(faults[:_MOST_FAULTS]),
    )


def refuse_damaged(found: Verified) -> None:
    """Refuse a journal in which a fault was found.

    Raises:
        JournalFailed: naming the first fault.
    """
    if found.faults:
        first = found.faults[0]
        raise JournalFailed(f"journal {found.journal} is not whole: {first.text}")


class _Numbered(NamedTuple):
    """A row on its way through the checks; of tables that are not sealed only its number is read."""

    seq: int
    table: str
    row: Sequence[Any] | None


class _Walk:
    """Takes all rows by their numbers and remembers what is wrong."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.rows = self.last_seq = self.seals = self.sealed_rows = 0
        self.head = GENESIS
        self._open: list[tuple[_Numbered, bytes]] = []  # not sealed yet

    def take(self, numbered: _Numbered) -> None:
        """Look at the next row."""
        self.rows += 1
        self._number(numbered)
        if numbered.table == schema.SEAL.name and numbered.row is not None:
            self._seal(numbered, numbered.row)
        elif numbered.row is not None:
            self._open.append((numbered, self._line(numbered, numbered.row)))

    def end(self) -> None:
        """Look at what is left when all rows have been seen; a journal without any seal has never been sealed."""
        if self.seals:
            self._refuse_unsealed(self._open)

    def _number(self, numbered: _Numbered) -> None:
        seq, table, _ = numbered
        if seq == self.last_seq:
            self._fault("numbering", table, seq, f"row {seq} of {table} has a number that another row has too")
        elif seq > self.last_seq + 1:
            missing = f"row {seq - 1} is" if seq == self.last_seq + 2 else f"rows {self.last_seq + 1} to {seq - 1} are"
            self._fault("numbering", None, self.last_seq + 1, f"{missing} missing, before row {seq} of {table}")
        self.last_seq = seq

    def _line(self, numbered: _Numbered, row: Sequence[Any]) -> bytes:
        try:
            return sealed_line(_record_type(numbered.table), row)
        except (TypeError, ValueError) as error:
            where = f"row {numbered.seq} of {numbered.table}"
            self._fault("chain", numbered.table, numbered.seq, f"{where} holds what was never written: {error}")
            return b""

    def _seal(self, numbered: _Numbered, row: Sequence[Any]) -> None:
        seq, at, first, last, rows, said = row
        self.seals += 1
        self._refuse_unsealed([each for each in self._open if not first <= each[0].seq <= last])
        inside = [each for each in self._open if first <= each[0].seq <= last]
        self._open.clear()
        self.sealed_rows += len(inside)
        lines = [line for _, line in inside]
        where = self._where(inside, first, last)
        if len(inside) != rows:
            text = f"seal {seq} covers {rows} rows between {first} and {last}, {len(inside)} are there: {where}"
            self._fault("chain", *_first_of(inside, numbered), text)
        elif digest(self.head, lines, seq=seq, at=at, first_seq=first, last_seq=last) != said:
            text = f"seal {seq} does not fit what it covers or the seal before: one of {where} was changed, or the seal"
            self._fault("chain", *_first_of(inside, numbered), text)
        self.head = said

    def _refuse_unsealed(self, rows: Sequence[tuple[_Numbered, bytes]]) -> None:
        for (seq, table, _), _ in rows[:_MOST_FAULTS]:
            self._fault("chain", table, seq, f"row {seq} of {table} was added by somebody: no seal covers it")

    @staticmethod
    def _where(inside: Sequence[tuple[_Numbered, bytes]], first: int, last: int) -> str:
        """Return words for the rows of a seal, table by table while they are few."""
        if not 0 < len(inside) <= _MOST_FAULTS:
            return f"rows {first} to {last}"
        return ", ".join(f"{each.table} {each.seq}" for each, _ in inside)

    def _fault(self, check: Check, table: str | None, seq: int | None, text: str) -> None:
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append(Fault(check=check, table=table, seq=seq, text=text))


def _first_of(inside: Sequence[tuple[_Numbered, bytes]], seal: _Numbered) -> tuple[str, int]:
    numbered = inside[0][0] if inside else seal
    return numbered.table, numbered.seq


def _record_type(table: str) -> type[Record]:
    return _BY_TABLE[table]


def begin_reading(connection: Connection) -> None:
    """Let all queries see one and the same moment."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN")
    else:
        connection.execution_options(isolation_level="REPEATABLE READ")


def _file_faults(connection: Connection) -> list[Fault]:
    """Return what SQLite finds wrong with its pages and indexes; a server checks its pages itself as it reads them."""
    if connection.dialect.name != "sqlite":
        return []
    try:
        findings = [str(row[0]) for row in connection.exec_driver_sql(f"PRAGMA integrity_check({_MOST_FAULTS})")]
    except DBAPIError as error:
        if not isinstance(error.orig, sqlite3.DatabaseError) or isinstance(error.orig, sqlite3.OperationalError):
            raise
        findings = [str(error.orig)]
    if findings == ["ok"]:
        return []
    return [Fault(check="file", table=None, seq=None, text=f"the file is damaged: {text}") for text in findings]


def _all_rows(connection: Connection) -> Iterator[_Numbered]:
    """Yield the rows of all tables by their numbers."""
    streams = [_rows(connection, table) for table in schema.METADATA.sorted_tables]
    return heapq.merge(*streams, key=lambda numbered: numbered.seq)


def _rows(connection: Connection, table: Table) -> Iterator[_Numbered]:
    whole = table.name in _SEALED_TABLES
    if table.name == schema.SEAL.name:
        query = select(table)
    elif whole:  # as the driver gives it: what the seal was taken of
        query = select(*(type_coerce(column, NullType()).label(column.name) for column in table.columns))
    else:
        query = select(table.c.seq)
    result = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query.order_by(table.c.seq))
    kept = whole or table.name == schema.SEAL.name
    for row in result:
        yield _Numbered(row[0], table.name, tuple(row) if kept else None)


def _last_seq(connection: Connection) -> int:
    tops = [connection.scalar(select(func.max(table.c.seq))) for table in schema.METADATA.sorted_tables]
    return max((top for top in tops if top is not None), default=0)


def _orphans(connection: Connection) -> Iterator[Fault]:
    """Yield the rows that name another which is not there, the first of each kind."""
    for naming, named in _BELONGS:
        table, other = naming.table, named.table.alias("other")
        found = select(other.c.seq).where(other.c[named.name] == naming).exists()
        query = select(table.c.seq, naming).where(naming.is_not(None), ~found).order_by(table.c.seq).limit(1)
        for seq, value in connection.execute(query):
            text = f"row {seq} of {table.name} tells of {value}, which {named.table.name} does not know"
            yield Fault(check="orders", table=table.name, seq=seq, text=text)
