"""Positions and accounts as values: what ledgers and brokers say at one moment."""

from dataclasses import dataclass
from decimal import Decimal

from daemon.domain.cheap import cheaply_made
from daemon.domain.instrument import InstrumentId


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What is held of one instrument. The total cost is kept, so that no average is ever rounded."""

    instrument: InstrumentId
    quantity: Decimal = Decimal(0)  # units; negative = short
    total_cost: Decimal = Decimal(0)  # signed like the quantity, without commission
    realized_pnl: Decimal = Decimal(0)  # before commission, since the ledger began

    @property
    def average_cost(self) -> Decimal:
        """Return the cost per unit, 0 when flat."""
        return self.total_cost / self.quantity if self.quantity else Decimal(0)

    def market_value(self, price: Decimal) -> Decimal:
        """Return the signed value at `price` per unit."""
        return self.quantity * price

    def unrealized_pnl(self, price: Decimal) -> Decimal:
        """Return the gain not yet taken at `price` per unit, before commission."""
        return self.quantity * price - self.total_cost
