"""What a state directory holds, read without the program's own queries, and its arithmetic done again."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from daemon.gateway.ledger import ExecutionRow, Ledger, OrderRow

Row = dict[str, Any]


class Books:
    """The journal and the gateway's ledger of a state directory."""

    def __init__(self, state: Path, *, ledger: Path | None = None) -> None:
        self._journal = state / "journal.db"
        self._ledger = ledger or state / "gateway.db"

    def rows(self, table: str, where: str = "1") -> list[Row]:
        """Return rows of the journal in the order of writing."""
        if not self._journal.exists():
            return []
        journal = sqlite3.connect(f"{self._journal.absolute().as_uri()}?mode=ro", uri=True, timeout=10)
        try:
            journal.row_factory = sqlite3.Row
            return [dict(row) for row in journal.execute(f'SELECT * FROM "{table}" WHERE {where} ORDER BY seq')]
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []  # it is being made
            raise
        finally:
            journal.close()

    def count(self, table: str, where: str = "1") -> int:
        """Return how many rows there are."""
        return len(self.rows(table, where))

    def executions(self) -> list[ExecutionRow]:
        """Return the gateway's own executions."""
        ledger = Ledger.open_readonly(self._ledger)
        try:
            return ledger.executions()
        finally:
            ledger.close()

    def gateway_orders(self) -> list[OrderRow]:
        """Return the gateway's own orders."""
        ledger = Ledger.open_readonly(self._ledger)
        try:
            return ledger.orders()
        finally:
            ledger.close()

    def gateway_positions(self) -> dict[str, Decimal]:
        """Return what the gateway's account holds, without what is flat."""
        ledger = Ledger.open_readonly(self._ledger)
        try:
            return {symbol: held.quantity for symbol, held in ledger.positions().items() if held.quantity}
        finally:
            ledger.close()

    def gateway_cash(self) -> Decimal:
        """Return the cash of the gateway's account."""
        ledger = Ledger.open_readonly(self._ledger)
        try:
            return ledger.cash()
        finally:
            ledger.close()

    def positions(self) -> dict[str, Decimal]:
        """Return what the journal's fills add up to, without what is flat."""
        held: Counter[str] = Counter()
        for fill in self.rows("fill"):
            held[fill["instrument"]] += signed(fill)  # type: ignore[assignment]
        return {symbol: Decimal(quantity) for symbol, quantity in held.items() if quantity}

    def bar_counts(self) -> dict[tuple[str, str], int]:
        """Return how many bars were seen, by instrument and timeframe."""
        return dict(Counter((bar["instrument"], bar["timeframe"]) for bar in self.rows("bar")))


def signed(fill: Mapping[str, Any]) -> Decimal:
    """Return a fill's quantity, negative for a sale."""
    return Decimal(fill["quantity"]) if fill["side"] == "BUY" else -Decimal(fill["quantity"])


def moment_us(text: str) -> int:
    """Return a journal's time in microseconds since the epoch."""
    at = datetime.fromisoformat(text)
    return int(at.timestamp()) * 1_000_000 + at.microsecond


@dataclass(slots=True)
class Account:
    """A strategy's account, worked out from its fills alone by average cost; exact."""

    cash: Fraction
    quantity: dict[str, Fraction]
    cost: dict[str, Fraction]
    realized: Fraction = Fraction(0)

    @classmethod
    def of(cls, capital: Decimal, fills: Iterable[Row], commission: Decimal) -> "Account":
        """Book fills in their order."""
        account = cls(cash=Fraction(capital) - Fraction(commission), quantity={}, cost={})
        for fill in fills:
            account._book(fill["instrument"], Fraction(signed(fill)), Fraction(Decimal(fill["price"])))
        return account

    def _book(self, name: str, change: Fraction, price: Fraction) -> None:
        held, cost = self.quantity.get(name, Fraction(0)), self.cost.get(name, Fraction(0))
        self.cash -= change * price
        if held * change < 0:
            closed = min(abs(held), abs(change)) * (1 if held > 0 else -1)
            self.realized += closed * (price - cost / held)
            cost -= cost / held * closed
            held, change = held - closed, change + closed
        self.quantity[name] = held + change
        self.cost[name] = cost + change * price

    def unrealized(self, prices: Mapping[str, Decimal]) -> Fraction:
        """Return what the positions gain at `prices`."""
        return self.market_value(prices) - sum(self.cost.values(), Fraction(0))

    def market_value(self, prices: Mapping[str, Decimal]) -> Fraction:
        """Return what the positions are worth at `prices`."""
        return sum((held * Fraction(prices[name]) for name, held in self.quantity.items() if held), Fraction(0))
