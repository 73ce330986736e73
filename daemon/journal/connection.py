"""What the writer needs of a database, and the statements it uses, compiled once."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Protocol

from sqlalchemy import Dialect, Select, func, select
from sqlalchemy.dialects import postgresql, sqlite

from daemon.domain.records import (
    RECORD_TYPES,
    AdjustmentRecorded,
    ArrivalQuoteTaken,
    CommissionRecorded,
    DecisionMade,
    EquityMarked,
    FillRecorded,
    IntentRecorded,
    OrderEventSeen,
    OrderRefAssigned,
    Record,
    RunStarted,
    SessionMarked,
    TradingStateChanged,
)
from daemon.journal import schema
from daemon.journal.rows import FIELD_NAMES

Row = tuple[object, ...]

SQLITE: Dialect = sqlite.dialect(paramstyle="qmark")
POSTGRESQL: Dialect = postgresql.dialect(paramstyle="format")  # type: ignore[no-untyped-call]

_RESTORED_WHOLE: tuple[type[Record], ...] = (
    RunStarted,
    SessionMarked,
    TradingStateChanged,
    IntentRecorded,
    OrderRefAssigned,
    OrderEventSeen,
    ArrivalQuoteTaken,
    FillRecorded,
    CommissionRecorded,
    AdjustmentRecorded,
)


class Connection(Protocol):
    """One connection to the journal's database; used by one thread at a time."""

    @property
    def dialect(self) -> Dialect:
        """Return the dialect its statements are compiled for."""
        ...

    def write(self, rows: dict[type[Record], list[Row]]) -> None:
        """Insert all rows in one transaction and return when they are durable.

        Raises:
            JournalFailed: the database refused; the transaction was rolled back.
        """
        ...

    def fetch(self, statement: str) -> Sequence[Row]:
        """Return the rows of a query.

        Raises:
            JournalFailed: the database refused.
        """
        ...

    def sever(self) -> None:
        """Have a call that is under way on the thread fail as soon as that can be done; nothing is sent any more."""
        ...

    def close(self) -> None:
        """Close the connection and leave the database tidy."""
        ...


@cache
def insert_statements(dialect: Dialect) -> Mapping[type[Record], str]:
    """Return the INSERT of each record's table, with `seq` first and the fields after it, as the driver wants it."""
    return {record_type: _insert_statement(record_type, dialect) for record_type in RECORD_TYPES}


def _insert_statement(record_type: type[Record], dialect: Dialect) -> str:
    table = schema.METADATA.tables[record_type.TABLE]
    columns: dict[str, object] = dict.fromkeys(("seq", *FIELD_NAMES[record_type]))
    return str(table.insert().values(columns).compile(dialect=dialect))


@cache
def last_seq_statements(dialect: Dialect) -> tuple[str, ...]:
    """Return one query for each table that gives its highest `seq`, or NULL."""
    return tuple(str(select(func.max(table.c.seq)).compile(dialect=dialect)) for table in schema.METADATA.sorted_tables)


@cache
def restore_statements(dialect: Dialect) -> tuple[tuple[type[Record], str], ...]:
    """Return the queries (`seq` and fields) that give what state is rebuilt from."""
    queries = [(record_type, _all_rows(record_type)) for record_type in _RESTORED_WHOLE]
    equity, decision = schema.EQUITY, schema.DECISION
    last_equity = select(func.max(equity.c.seq)).group_by(equity.c.strategy)
    last_memory = (
        select(func.max(decision.c.seq))
        .where(decision.c.memory.is_not(None))
        .group_by(decision.c.strategy, decision.c.instrument)
    )
    queries.append((EquityMarked, _all_rows(EquityMarked).where(equity.c.seq.in_(last_equity))))
    queries.append((DecisionMade, _all_rows(DecisionMade).where(decision.c.seq.in_(last_memory))))
    return tuple((record_type, str(query.compile(dialect=dialect))) for record_type, query in queries)


def _all_rows(record_type: type[Record]) -> Select[Row]:
    table = schema.METADATA.tables[record_type.TABLE]
    return select(*(table.c[name] for name in ("seq", *FIELD_NAMES[record_type]))).order_by(table.c.seq)
