"""What can be traded: an instrument, its identity and its price grid."""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NewType

InstrumentId = NewType("InstrumentId", str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One tradable contract as the daemon names it; a broker's own ids stay in its adapter."""

    symbol: str
    kind: str = "STK"  # IB's security types
    exchange: str = "SMART"
    primary_exchange: str = ""
    currency: str = "USD"
    tick_size: Decimal = Decimal("0.01")  # quote currency per unit, > 0
    multiplier: Decimal = Decimal(1)  # units of the underlying per contract

    def __post_init__(self) -> None:
        """Refuse an instrument that could not be priced."""
        if not self.symbol:
            raise ValueError("symbol must not be empty")
        if self.tick_size <= 0:
            raise ValueError(f"tick_size must be > 0, was {self.tick_size}")

    @property
    def id(self) -> InstrumentId:
        """Return the name that journals, ledgers and windows use for it."""
        return InstrumentId(self.symbol)

    def to_tick(self, price: float | Decimal) -> Decimal:
        """Return `price` as an exact decimal on the tick grid (nearest tick)."""
        ticks = (Decimal(str(price)) / self.tick_size).to_integral_value(rounding=ROUND_HALF_EVEN)
        return ticks * self.tick_size
