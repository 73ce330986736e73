"""The gateway's own books on disk: executions, orders, positions, cash, market time. Never read by the daemon.

One SQLite file, written in one transaction per fill or order event, so that a killed gateway resumes exactly there.
Money, prices and quantities are decimal text. Times are microseconds of market time since the epoch.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

from daemon.domain.errors import ConfigError
from daemon.gateway.account import ONE, Position
from daemon.gateway.ledger_schema import VERSION, UnknownVersion, bring_up_to_date


class LedgerBroken(ConfigError):
    """The file is no gateway ledger, or belongs to another account."""


class Role(StrEnum):
    """What an execution stands for."""

    ORDER = "ORDER"  # it moved the position of the order's own contract
    COMBO = "COMBO"  # a combination as a whole: no position, the LEG rows beside it move them
    LEG = "LEG"
    EXERCISE = "EXERCISE"  # an option that was exercised, assigned or has expired, and the shares that came of it


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
    exchange: str = "SMART"  # what the order was sent to
    multiplier: Decimal = ONE
    role: str = Role.ORDER
    cash_change: Decimal | None = None  # account currency, commission included; None = it was paid for in full


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
    parent_id: int = 0  # order id of the parent at the same client, 0 = none
    parent_perm_id: int = 0
    oca_group: str = ""
    oca_type: int = 0  # 1 cancel with block, 2 reduce with block, 3 reduce
    trail_amount: Decimal | None = None  # currency, or
    trail_percent: Decimal | None = None  # 1 is 1 %
    trail_stop: Decimal | None = None  # where a trailing stop has come to
    limit_offset: Decimal | None = None  # currency: limit of a TRAIL LIMIT order beyond its stop
    peg_offset: Decimal | None = None  # currency: what a REL order is better than the near touch
    min_quantity: Decimal | None = None
    all_or_none: bool = False
    trigger_method: int = 0
    queue_ahead: Decimal | None = None  # units before it at its price, when last saved
    good_till_us: int | None = None
    good_till_text: str = ""  # as the client wrote it; must be echoed
    good_after_us: int | None = None
    good_after_text: str = ""
    legs: str = ""  # of a combination: `combos.py` writes and reads it
    why_held: str = ""  # "child", "locate" or ""
    transmitted: bool = True
    is_manual: bool = False  # entered at the gateway, not by a client


@dataclass(frozen=True, slots=True, kw_only=True)
class CashRow:
    """Cash that moved without an execution."""

    at_us: int
    symbol: str  # on account of, "" = none
    reason: str  # DIVIDEND, PAYMENT_IN_LIEU, BORROW_FEE, SETTLEMENT
    amount: Decimal  # account currency, positive = received


_TEXT_COLUMNS = {
    ExecutionRow: frozenset(
        {"quantity", "price", "commission", "realized_pnl", "cumulative_quantity", "average_price"}
        | {"multiplier", "cash_change"}
    ),
    OrderRow: frozenset(
        {"quantity", "limit_price", "stop_price", "filled", "notional", "last_price"}
        | {"trail_amount", "trail_percent", "trail_stop", "limit_offset", "peg_offset", "min_quantity", "queue_ahead"}
    ),
}
_FLAGS = frozenset(
    {
        "added_liquidity",
        "acknowledged",
        "arrived",
        "triggered",
        "outside_rth",
        "transmitted",
        "is_manual",
        "all_or_none",
    }
)


class Ledger:
    """The books, open for writing by one gateway or read-only by a test."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Use `open` or `open_readonly`."""
        self._db = connection

    @classmethod
    def open(cls, path: Path | None) -> "Ledger":
        """Open or create the books, an earlier version's brought up to date; None keeps them in memory.

        Raises:
            LedgerBroken: the file is something else, or a later version's.
        """
        try:
            connection = sqlite3.connect(path or ":memory:", isolation_level=None)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(
                "PRAGMA synchronous=NORMAL"
            )  # survives a kill of the process; a power cut may cost the tail
            connection.execute("PRAGMA locking_mode=NORMAL")
            bring_up_to_date(connection)
        except sqlite3.DatabaseError as error:
            raise LedgerBroken(f"{path} is no gateway ledger: {error}") from error
        except UnknownVersion as error:
            raise LedgerBroken(
                f"{path} was written by a later paperd: {error}; use that one, or another state file"
            ) from error
        return cls(connection)

    @classmethod
    def open_readonly(cls, path: Path) -> "Ledger":
        """Open existing books to look at them.

        Raises:
            LedgerBroken: they are another version's.
        """
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        found = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if found != VERSION:
            connection.close()
            raise LedgerBroken(f"{path} has version {found}, not {VERSION}: let a gateway open it once")
        return cls(connection)

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
        columns = ("symbol", "quantity", "cost", "realized", "multiplier", "financed")
        cursor = self._db.execute(f"SELECT {', '.join(columns)} FROM position ORDER BY symbol")  # noqa: S608
        return {
            symbol: Position(symbol=symbol, **dict(zip(columns[1:], map(Decimal, numbers), strict=True)))
            for symbol, *numbers in cursor
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

    def correct_execution(self, exec_id: str, row: ExecutionRow) -> None:
        """Replace an execution by its correction, which has an id of its own and the place of the first."""
        self._db.execute(
            "UPDATE execution SET exec_id = ?, price = ?, average_price = ?, realized_pnl = ?, cash_change = ? "
            "WHERE exec_id = ?",
            (
                row.exec_id,
                str(row.price),
                str(row.average_price),
                None if row.realized_pnl is None else str(row.realized_pnl),
                str(row.cash_change),
                exec_id,
            ),
        )

    def put_order(self, row: OrderRow) -> None:
        """Write an order as it stands now."""
        self._insert("INSERT OR REPLACE INTO orders", OrderRow, astuple(row))

    def put_position(self, position: Position) -> None:
        """Write a position as it stands now."""
        self._db.execute(
            "INSERT OR REPLACE INTO position (symbol, quantity, cost, realized, multiplier, financed)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (position.symbol, *map(str, astuple(position)[1:])),
        )

    def put_account(self, name: str, cash: Decimal) -> None:
        """Write the account's cash."""
        self._db.execute("INSERT OR REPLACE INTO account VALUES (?, ?)", (name, str(cash)))

    def cash_entries(self) -> list[CashRow]:
        """Return cash that moved without an execution, in order."""
        cursor = self._db.execute("SELECT at_us, symbol, reason, amount FROM cash ORDER BY entry")
        return [
            CashRow(at_us=at_us, symbol=symbol, reason=reason, amount=Decimal(amount))
            for at_us, symbol, reason, amount in cursor
        ]

    def put_cash_entry(self, row: CashRow) -> None:
        """Write cash that moved without an execution."""
        self._db.execute(
            "INSERT INTO cash (at_us, symbol, reason, amount) VALUES (?, ?, ?, ?)",
            (row.at_us, row.symbol, row.reason, str(row.amount)),
        )

    def applied_actions(self) -> frozenset[str]:
        """Return the corporate actions and expiries that have been booked."""
        return frozenset(str(action) for (action,) in self._db.execute("SELECT action FROM applied"))

    def put_applied_action(self, action: str, at_us: int) -> None:
        """Write that a corporate action or an expiry has been booked."""
        self._db.execute("INSERT INTO applied VALUES (?, ?)", (action, at_us))

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
