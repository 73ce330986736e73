"""What a market accepts: the grid of prices and the lot. The default is that of a US stock above a dollar."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Final

from daemon.matching.orders import ExchangeOrder, RejectReason

_GRID_FIELDS: Final = ("limit_price", "stop_price")


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingRules:
    """Price increments as IB's market rules give them, and the lot size.

    An increment holds from its low edge up to the next one's. Negative prices (nets of combos) use the first.
    """

    price_increments: tuple[tuple[Decimal, Decimal], ...] = ((Decimal(0), Decimal("0.01")),)  # (low edge, increment)
    lot_size: Decimal = Decimal(1)  # units; odd lots are anything above it

    def __post_init__(self) -> None:
        """Refuse a table that leaves a price without an increment."""
        edges = [edge for edge, _ in self.price_increments]
        if not edges or edges[0] != 0 or edges != sorted(set(edges)):
            raise ValueError(
                f"price_increments must start at 0 and rise, had the edges {[str(edge) for edge in edges]}"
            )
        for name, value in (*(("increment", step) for _, step in self.price_increments), ("lot_size", self.lot_size)):
            if not value.is_finite() or value <= 0:
                raise ValueError(f"{name} must be > 0, was {value}")

    def increment(self, price: Decimal) -> Decimal:
        """Return the least variation of a price of that height."""
        found = self.price_increments[0][1]
        for edge, step in self.price_increments:
            if price < edge:
                break
            found = step
        return found

    def on_grid(self, price: Decimal) -> bool:
        """Return whether an order may have this price."""
        return price % self.increment(price) == 0

    def rounded(self, price: Decimal) -> Decimal:
        """Return the nearest price on the grid; the middle goes up."""
        return self._round(price, ROUND_HALF_UP)

    def passive(self, price: Decimal, *, buying: bool) -> Decimal:
        """Return the next price on the grid that is not more aggressive: down for buys, up for sells."""
        return self._round(price, ROUND_FLOOR if buying else ROUND_CEILING)

    def fault(self, order: ExchangeOrder) -> tuple[RejectReason, str] | None:
        """Return why the market refuses an order, with field and value, or None."""
        if order.quantity % self.lot_size != 0:
            return RejectReason.LOT_SIZE, f"quantity {order.quantity}, lot size {self.lot_size}"
        for name in _GRID_FIELDS:
            price: Decimal | None = getattr(order, name)
            if price is not None and not self.on_grid(price):
                return RejectReason.PRICE_GRID, f"{name} {price}, increment {self.increment(price)}"
        return None

    def _round(self, price: Decimal, how: str) -> Decimal:
        step = self.increment(price)
        return (price / step).to_integral_value(rounding=how) * step


DEFAULT_RULES: Final = TradingRules()
