"""The two stories of what happened, as the oracle reads them: the gateway's ledger, and the journal by plain SQL.

None of the journal's own queries is used: they are part of what is judged.
"""

import sqlite3
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from daemon.gateway.ledger import ExecutionRow, Ledger, OrderRow
from daemon.journal.seals import GENESIS, SEALED, digest, sealed_line
from daemon.simulation.ear import CANARY

_TABLES: Final = (
    "intent",
    "order_ref",
    "order_event",
    "fill",
    "commission",
    "equity",
    "adjustment",
    "control_action",
)
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Both sides' rows, in the order of writing."""

    orders: tuple[OrderRow, ...]
    executions: tuple[ExecutionRow, ...]
    positions: Mapping[str, Decimal]  # the gateway's, without what is flat
    journal: Mapping[str, tuple[Row, ...]]  # by table
    numbers: tuple[int, ...]  # `seq` of all rows of all tables, ascending
    leaks: tuple[str, ...]  # tables of the journal that hold a secret
    broken_seals: tuple[int, ...]  # `seq` of the seals that do not fit the rows before them

    @classmethod
    def of(cls, state: Path, *, ledger: Path | None = None) -> "Books":
        """Read what is left in a state directory; the gateway's ledger may lie elsewhere."""
        books = Ledger.open_readonly(ledger or state / "gateway.db")
        try:
            return cls(
                orders=tuple(books.orders()),
                executions=tuple(books.executions()),
                positions={name: held.quantity for name, held in books.positions().items() if held.quantity},
                journal=_journal(state / "journal.db"),
                numbers=_numbers(state / "journal.db"),
                leaks=_leaks(state / "journal.db"),
                broken_seals=_broken_seals(state / "journal.db"),
            )
        finally:
            books.close()


def signed(side: str, quantity: Decimal | str) -> Decimal:
    """Return a quantity, negative for a sale."""
    return Decimal(quantity) if side == "BUY" else -Decimal(quantity)


def stem(exec_id: str) -> str:
    """Return what an execution shares with its corrections."""
    head, dot, _ = exec_id.rpartition(".")
    return head if dot else exec_id


def is_confirmed(exec_id: str) -> bool:
    """Return whether a fill stands for executions nobody could tell of, as a person has confirmed."""
    return exec_id.startswith("adj-")


def _journal(path: Path) -> dict[str, tuple[Row, ...]]:
    journal = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        journal.row_factory = sqlite3.Row
        return {
            table: tuple(dict(row) for row in journal.execute(f'SELECT * FROM "{table}" ORDER BY seq'))  # noqa: S608
            for table in _TABLES
        }
    finally:
        journal.close()


def _leaks(path: Path) -> tuple[str, ...]:
    journal = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        found = []
        for table, columns in _columns(journal).items():
            holds = " OR ".join(f'instr("{name}", ?)' for name in columns)
            query = f'SELECT 1 FROM "{table}" WHERE {holds} LIMIT 1'  # noqa: S608
            if journal.execute(query, [CANARY] * len(columns)).fetchone():
                found.append(table)
        return tuple(found)
    finally:
        journal.close()


def _broken_seals(path: Path) -> tuple[int, ...]:
    journal = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        rows = sorted(
            (
                (row[0], sealed_line(kind, row))
                for kind in SEALED
                for row in journal.execute(f'SELECT * FROM "{kind.TABLE}"')  # noqa: S608
            ),
            key=lambda numbered: numbered[0],
        )
        numbers, lines = [seq for seq, _ in rows], [line for _, line in rows]
        head, covered, broken = GENESIS, 0, []
        query = "SELECT seq, at, first_seq, last_seq, digest FROM seal ORDER BY seq"
        for seq, at, first, last, told in journal.execute(query):
            begin, end = bisect_left(numbers, first), bisect_right(numbers, last)
            moment = datetime.fromisoformat(at)
            head = digest(head, lines[begin:end], seq=seq, at=moment, first_seq=first, last_seq=last)
            if head != told or begin != covered:
                broken.append(int(seq))
            head, covered = str(told), end
        return tuple(broken if covered == len(rows) else [*broken, numbers[covered]])
    finally:
        journal.close()


def _columns(journal: sqlite3.Connection) -> dict[str, list[str]]:
    """Return table -> names of its columns."""
    tables = [name for (name,) in journal.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {name: [row[1] for row in journal.execute(f'PRAGMA table_info("{name}")')] for name in tables}


def _numbers(path: Path) -> tuple[int, ...]:
    journal = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        with_seq = [table for table, columns in _columns(journal).items() if "seq" in columns]
        every = " UNION ALL ".join(f'SELECT seq FROM "{name}"' for name in with_seq)  # noqa: S608
        return tuple(seq for (seq,) in journal.execute(f"{every} ORDER BY seq"))
    finally:
        journal.close()
