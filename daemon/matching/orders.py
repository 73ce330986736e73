"""What the simulated exchange is given and what it answers: orders in, outcomes out, both plain values."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from daemon.domain.order import OrderType, Side


class TimeInForce(StrEnum):
    """How long an order lives."""

    DAY = "DAY"  # until the close of the session it belongs to
    GTC = "GTC"  # until filled or cancelled
    IOC = "IOC"  # what can be had on arrival, the rest is cancelled


class CancelReason(StrEnum):
    """Why an order ended without being complete."""

    REQUESTED = "REQUESTED"  # the owner asked
    EXPIRED = "EXPIRED"  # DAY order at the close
    REMAINDER = "REMAINDER"  # what an IOC order could not get at once


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeOrder:
    """One order as the exchange sees it."""

    key: str  # unique for the life of the exchange
    latency_key: str  # what the latency is drawn from; the order's reference, so that runs agree
    symbol: str
    side: Side
    quantity: Decimal  # units, > 0
    order_type: OrderType
    limit_price: Decimal | None = None  # LMT only; quote currency per unit
    stop_price: Decimal | None = None  # STP only; quote currency per unit
    tif: TimeInForce = TimeInForce.DAY

    def __post_init__(self) -> None:
        """Refuse an order that has no meaning; judging accounts and tick sizes is the broker's work."""
        if not self.quantity.is_finite() or self.quantity <= 0:
            raise ValueError(f"quantity must be > 0, was {self.quantity}")
        if (self.limit_price is not None) is not (self.order_type is OrderType.LIMIT):
            raise ValueError(f"{self.order_type} with limit_price {self.limit_price}")
        if (self.stop_price is not None) is not (self.order_type is OrderType.STOP):
            raise ValueError(f"{self.order_type} with stop_price {self.stop_price}")
        for price in (self.limit_price, self.stop_price):
            if price is not None and not (price.is_finite() and price > 0):
                raise ValueError(f"prices must be > 0, was {price}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """The broker has the order; it is not at the exchange yet."""

    key: str
    at_us: int
    held: bool  # whether it waits for the next session's open


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """The order has reached the exchange."""

    key: str
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggered:
    """A stop order's price was touched; it is a market order from now on."""

    key: str
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """One execution."""

    key: str
    at_us: int
    quantity: Decimal  # units of this execution, > 0
    price: Decimal  # quote currency per unit
    remaining: Decimal  # units still open afterwards
    added_liquidity: bool  # whether the order was resting when it met the touch


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """A change of quantity or price is in force."""

    key: str
    at_us: int
    order: ExchangeOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """The rest of the order is gone."""

    key: str
    at_us: int
    remaining: Decimal  # units that will never fill
    reason: CancelReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The order was never accepted."""

    key: str
    at_us: int
    reason: str


Outcome = Acknowledged | Working | Triggered | Filled | Replaced | Cancelled | Rejected
