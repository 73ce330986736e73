"""An order while the exchange works on it, and how each order type behaves, as a table."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, auto
from typing import Final

from daemon.domain.order import OrderType, Side
from daemon.matching.orders import ExchangeOrder, Resting, TimeInForce

_TICK: Final = Decimal("0.0001")


class Trigger(Enum):
    """What wakes an order."""

    STOP = auto()  # the price has moved against it: up to a buy, down to a sell
    TOUCH = auto()  # the price has come its way: down to a buy, up to a sell


class Pricing(Enum):
    """What an awake order pays."""

    ANY = auto()  # whatever is asked
    LIMIT = auto()  # its limit or better
    PRIMARY = auto()  # a limit that follows the near touch
    MIDDLE = auto()  # a limit that follows the middle of the quote


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """How one order type behaves."""

    pricing: Pricing
    trigger: Trigger | None = None
    trails: bool = False
    pegged: bool = False  # its limit follows the quote
    closing: bool = False  # takes part in the closing auction only


TRAITS: Final[dict[OrderType, Traits]] = {
    OrderType.MARKET: Traits(pricing=Pricing.ANY),
    OrderType.LIMIT: Traits(pricing=Pricing.LIMIT),
    OrderType.STOP: Traits(pricing=Pricing.ANY, trigger=Trigger.STOP),
    OrderType.STOP_LIMIT: Traits(pricing=Pricing.LIMIT, trigger=Trigger.STOP),
    OrderType.TRAIL: Traits(pricing=Pricing.ANY, trigger=Trigger.STOP, trails=True),
    OrderType.TRAIL_LIMIT: Traits(pricing=Pricing.LIMIT, trigger=Trigger.STOP, trails=True),
    OrderType.MARKET_ON_CLOSE: Traits(pricing=Pricing.ANY, closing=True),
    OrderType.LIMIT_ON_CLOSE: Traits(pricing=Pricing.LIMIT, closing=True),
    OrderType.RELATIVE: Traits(pricing=Pricing.PRIMARY, pegged=True),
    OrderType.MIDPRICE: Traits(pricing=Pricing.MIDDLE, pegged=True),
    OrderType.MARKET_IF_TOUCHED: Traits(pricing=Pricing.ANY, trigger=Trigger.TOUCH),
    OrderType.LIMIT_IF_TOUCHED: Traits(pricing=Pricing.LIMIT, trigger=Trigger.TOUCH),
}


@dataclass(slots=True, kw_only=True, eq=False)
class OpenOrder:
    """An order the exchange has not finished with; changes as it fills."""

    order: ExchangeOrder
    submitted_us: int
    remaining: Decimal  # units
    arrival_us: int = 0  # when it reaches an open exchange
    sequence: int = 0  # time priority among those that have arrived
    acknowledged: bool = False
    arrived: bool = False  # at the exchange
    triggered: bool = False  # its trigger price has been met
    rested: bool = False  # was there before the quote that fills it
    idle: bool = False  # in the book, but waits for its trigger or its auction, or has ended
    takes_any: bool = False  # pays whatever is asked
    limit: float | None = None  # what it pays at most (gets at least)
    stop: float | None = None  # its trigger price, where a trailing one has come to
    ahead: Decimal | None = None  # units ahead of it at its price; None = not known
    hits: int = 0  # events in a row that met its trigger
    seen: int = -1  # number of the quote its trigger was last tried on
    traits: Traits = field(init=False)  # how its type behaves

    def __post_init__(self) -> None:
        """Look its type up once."""
        self.traits = TRAITS[self.order.order_type]

    @property
    def buying(self) -> bool:
        """Return whether it buys."""
        return self.order.side is Side.BUY

    @property
    def waits_for_trigger(self) -> bool:
        """Return whether its trigger price has still to be met."""
        return self.traits.trigger is not None and not self.triggered

    @property
    def opening(self) -> bool:
        """Return whether it takes part in the opening auction only."""
        return self.order.tif is TimeInForce.OPG

    @property
    def immediate(self) -> bool:
        """Return whether what it cannot get on arrival is cancelled."""
        return self.order.tif is TimeInForce.IOC or self.order.tif is TimeInForce.FOK

    @property
    def least(self) -> Decimal:
        """Return the smallest execution it accepts next, 0 for any."""
        if self.order.all_or_none or self.order.tif is TimeInForce.FOK:
            return self.remaining
        if self.order.min_quantity is not None and self.remaining == self.order.quantity:
            return self.order.min_quantity
        return Decimal(0)

    def accepts(self, price: float) -> bool:
        """Return whether a price is at its limit or better; without a limit none is."""
        if self.limit is None:
            return False
        return price <= self.limit if self.order.side is Side.BUY else price >= self.limit

    def settle(self) -> None:
        """Work out from the order and its trigger what it pays now."""
        traits = self.traits
        self.idle = self.waits_for_trigger or traits.closing or self.opening
        self.takes_any = traits.pricing is Pricing.ANY
        if self.stop is None and self.order.stop_price is not None:
            self.stop = float(self.order.stop_price)
        if traits.pricing is Pricing.LIMIT:
            self.limit = self._limit()

    def saved(self) -> Resting:
        """Return it as a value."""
        trailing = self.traits.trails and self.stop is not None
        return Resting(
            order=self.order,
            submitted_us=self.submitted_us,
            remaining=self.remaining,
            acknowledged=self.acknowledged,
            arrived=self.arrived,
            triggered=self.triggered,
            stop_price=to_price(self.stop) if trailing and self.stop is not None else None,
            queue_ahead=self.ahead,
        )

    def _limit(self) -> float | None:
        if self.order.limit_offset is not None:
            if self.stop is None:
                return None
            return float(to_price(self.stop) + self.order.side.sign * self.order.limit_offset)
        return None if self.order.limit_price is None else float(self.order.limit_price)


def opened(saved: Resting) -> OpenOrder:
    """Return a saved order as the exchange works on it."""
    return OpenOrder(
        order=saved.order,
        submitted_us=saved.submitted_us,
        remaining=saved.remaining,
        acknowledged=saved.acknowledged,
        arrived=saved.arrived,
        triggered=saved.triggered,
        rested=saved.arrived,
        stop=None if saved.stop_price is None else float(saved.stop_price),
        ahead=saved.queue_ahead,
    )


def priority(order: OpenOrder) -> tuple[float, int]:
    """Sort key within one symbol: takers of any price first, then the best price, then the earliest."""
    if order.takes_any and not order.idle:
        return (float("-inf"), order.sequence)
    if order.limit is None:
        return (float("inf"), order.sequence)
    return (-order.limit if order.order.side is Side.BUY else order.limit, order.sequence)


def to_price(value: float) -> Decimal:
    """Return a float of the tape as the decimal it stands for (the grid is never finer than a hundredth of a cent)."""
    return Decimal(repr(float(value))).quantize(_TICK).normalize() + Decimal("0.00")
