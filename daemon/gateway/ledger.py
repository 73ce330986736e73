"""The gateway's own books on disk: executions, orders, positions, cash, market time. Never read by the daemon.

One SQLite file, written in one transaction per fill or order event, so that a killed gateway resumes exactly there.
Money, prices and quantities are decimal text. Times are microseconds of market time since the epoch.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

from daemon.domain.errors import ConfigError
from daemon.gateway.account import Position

_SCHEMA = """
CREATE TABLE IF NOT EXISTS execution (
    exec_id TEXT PRIMARY KEY, order_ref TEXT NOT NULL, perm_id INTEGER NOT NULL, client_id INTEGER NOT NULL,
    order_id INTEGER NOT NULL, account TEXT NOT NULL, symbol TEXT NOT NULL, side TEXT NOT NULL, quantity TEXT NOT NULL,
    price TEXT NOT NULL, commission TEXT NOT NULL, realized_pnl TEXT, at_us INTEGER NOT NULL,
    cumulative_quantity TEXT NOT NULL, average_price TEXT NOT NULL, added_liquidity INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS orders (
    perm_id INTEGER PRIMARY KEY, client_id INTEGER NOT NULL, order_id INTEGER NOT NULL, account TEXT NOT NULL,
    order_ref TEXT NOT NULL, symbol TEXT NOT NULL, exchange TEXT NOT NULL, side TEXT NOT NULL, quantity TEXT NOT NULL,
    order_type TEXT NOT NULL, limit_price TEXT, stop_price TEXT, tif TEXT NOT NULL, status TEXT NOT NULL,
    filled TEXT NOT NULL, notional TEXT NOT NULL, last_price TEXT NOT NULL, submitted_us INTEGER NOT NULL,
    acknowledged INTEGER NOT NULL, arrived INTEGER NOT NULL, triggered INTEGER NOT NULL, cancel_us INTEGER,
    completed_us INTEGER, completed_text TEXT NOT NULL, outside_rth INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS position (
    symbol TEXT PRIMARY KEY, quantity TEXT NOT NULL, cost TEXT NOT NULL, realized TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS account (name TEXT PRIMARY KEY, cash TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS client (client_id INTEGER PRIMARY KEY, last_order_id INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS day (symbol TEXT PRIMARY KEY, start_value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
"""


class LedgerBroken(ConfigError):
    """The file is no gateway ledger, or belongs to another account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionRow:
    """One execution."""

    exec_id: str
    order_ref: str
    perm_id: int
    client_id: int
    order_id: int
    account: str
    symbol: str
    side: str  # BUY or SELL
    quantity: Decimal  # units, > 0
    price: Decimal  # currency per unit
    commission: Decimal  # currency
    realized_pnl: Decimal | None  # currency, after commissions; None = nothing was closed
    at_us: int
    cumulative_quantity: Decimal  # of its order
    average_price: Decimal  # of its order so far
    added_liquidity: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """One order, working or finished."""

    perm_id: int
    client_id: int
    order_id: int
    account: str
    order_ref: str
    symbol: str
    exchange: str
    side: str
    quantity: Decimal
    order_type: str
    limit_price: Decimal | None
    stop_price: Decimal | None
    tif: str
    status: str
    filled: Decimal
    notional: Decimal  # sum of price * quantity of its executions
    last_price: Decimal
    submitted_us: int
    acknowledged: bool
    arrived: bool
    triggered: bool
    cancel_us: int | None  # when a cancel was asked for
    completed_us: int | None
    completed_text: str
    outside_rth: bool


_TEXT_COLUMNS = {
    ExecutionRow: frozenset(
        {"quantity", "price", "commission", "realized_pnl", "cumulative_quantity", "average_price"}
    ),
    OrderRow: frozenset({"quantity", "limit_price", "stop_price", "filled", "notional", "last_price"}),
}
_FLAGS = frozenset({"added_liquidity", "acknowledged", "arrived", "triggered", "outside_rth"})


class Ledger:
    """The books, open for writing by one gateway or read-only by a test."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Use `open` or `open_readonly`."""
        self._db = connection

    @classmethod
    def open(cls, path: Path | None) -> "Ledger":
        """Open or create the books; None keeps them in memory.

        Raises:
            LedgerBroken: the file is something else.
        """
        try:
            connection = sqlite3.connect(path or ":memory:", isolation_level=None)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(
                "PRAGMA synchronous=NORMAL"
            )  # survives a kill of the process; a power cut may cost the tail
            connection.execute("PRAGMA locking_mode=NORMAL")
            connection.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            raise LedgerBroken(f"{path} is no gateway ledger: {error}") from error
        return cls(connection)

    @classmethod
    def open_readonly(cls, path: Path) -> "Ledger":
        """Open existing books to look at them."""
        return cls(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything written inside durable together, or nothing of it."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def executions(self) -> list[ExecutionRow]:
        """Return all executions in the order they happened."""
        names = [item.name for item in fields(ExecutionRow)]
        cursor = self._db.execute(f"SELECT {', '.join(names)} FROM execution ORDER BY rowid")  # noqa: S608
        return [ExecutionRow(**_decoded(ExecutionRow, names, row)) for row in cursor]

    def orders(self) -> list[OrderRow]:
        """Return all orders, the oldest first."""
        names = [item.name for item in fields(OrderRow)]
        cursor = self._db.execute(f"SELECT {', '.join(names)} FROM orders ORDER BY perm_id")  # noqa: S608
        return [OrderRow(**_decoded(OrderRow, names, row)) for row in cursor]

    def positions(self) -> dict[str, Position]:
        """Return the positions by symbol, flat ones included."""
        cursor = self._db.execute("SELECT symbol, quantity, cost, realized FROM position ORDER BY symbol")
        return {
            symbol: Position(symbol=symbol, quantity=Decimal(quantity), cost=Decimal(cost), realized=Decimal(realized))
            for symbol, quantity, cost, realized in cursor
        }

    def cash(self) -> Decimal:
        """Return the account's cash.

        Raises:
            LedgerBroken: no account has been written yet.
        """
        row = self._db.execute("SELECT cash FROM account").fetchone()
        if row is None:
            raise LedgerBroken("the ledger holds no account")
        return Decimal(row[0])

    def account(self) -> str | None:
        """Return the account's name, None in new books."""
        row = self._db.execute("SELECT name FROM account").fetchone()
        return None if row is None else str(row[0])

    def last_order_ids(self) -> dict[int, int]:
        """Return the highest order id each client has used."""
        return dict(self._db.execute("SELECT client_id, last_order_id FROM client"))

    def day_start_values(self) -> dict[str, Decimal]:
        """Return what positions were worth when the session began; the key "" is the net liquidation."""
        return {symbol: Decimal(value) for symbol, value in self._db.execute("SELECT symbol, start_value FROM day")}

    def number(self, key: str) -> int | None:
        """Return a counter or the market time (`market_us`), None when never written."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else int(row[0])

    def put_numbers(self, **numbers: int) -> None:
        """Write counters."""
        self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", numbers.items())

    def put_execution(self, row: ExecutionRow) -> None:
        """Write an execution; a second one of the same id is an error."""
        self._insert("INSERT INTO execution", ExecutionRow, astuple(row))

    def put_order(self, row: OrderRow) -> None:
        """Write an order as it stands now."""
        self._insert("INSERT OR REPLACE INTO orders", OrderRow, astuple(row))

    def put_position(self, position: Position) -> None:
        """Write a position as it stands now."""
        self._db.execute(
            "INSERT OR REPLACE INTO position VALUES (?, ?, ?, ?)",
            (position.symbol, str(position.quantity), str(position.cost), str(position.realized)),
        )

    def put_account(self, name: str, cash: Decimal) -> None:
        """Write the account's cash."""
        self._db.execute("INSERT OR REPLACE INTO account VALUES (?, ?)", (name, str(cash)))

    def put_last_order_id(self, client_id: int, order_id: int) -> None:
        """Write the highest order id a client has used."""
        self._db.execute("INSERT OR REPLACE INTO client VALUES (?, ?)", (client_id, order_id))

    def put_day_start(self, values: Iterable[tuple[str, Decimal]]) -> None:
        """Write what positions are worth as a session begins."""
        self._db.execute("DELETE FROM day")
        self._db.executemany("INSERT INTO day VALUES (?, ?)", ((symbol, str(value)) for symbol, value in values))

    def _insert(self, verb: str, kind: type[ExecutionRow] | type[OrderRow], values: tuple[object, ...]) -> None:
        names = [item.name for item in fields(kind)]
        marks = ", ".join("?" * len(names))
        encoded = [str(value) if isinstance(value, Decimal) else value for value in values]
        self._db.execute(f"{verb} ({', '.join(names)}) VALUES ({marks})", encoded)


def _decoded(kind: type[ExecutionRow] | type[OrderRow], names: list[str], row: tuple[Any, ...]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in zip(names, row, strict=True):
        if name in _TEXT_COLUMNS[kind] and value is not None:
            values[name] = Decimal(str(value))
        elif name in _FLAGS:
            values[name] = bool(value)
        else:
            values[name] = value
    return values
