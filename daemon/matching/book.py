"""One symbol's side of the exchange: the quote in force, the size still shown, and the orders that wait for it."""

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from daemon.domain.order import OrderType, Side
from daemon.domain.quote import quote_fault
from daemon.matching.orders import ExchangeOrder, Filled, Outcome, Triggered

_NOTHING = Decimal(0)
_TICK = Decimal("0.0001")


@dataclass(slots=True, kw_only=True)
class OpenOrder:
    """An order the exchange has not finished with; changes as it fills."""

    order: ExchangeOrder
    submitted_us: int
    remaining: Decimal  # units
    sequence: int = 0  # time priority among those that have arrived
    acknowledged: bool = False
    arrived: bool = False  # at the exchange
    triggered: bool = False  # a stop that has become a market order
    rested: bool = False  # was there before the quote that fills it
    limit: float | None = None

    @property
    def is_market(self) -> bool:
        """Return whether it takes any price."""
        return self.order.order_type is OrderType.MARKET or self.triggered

    def accepts(self, touch: float) -> bool:
        """Return whether the opposite touch is at its limit or better."""
        if self.limit is None:
            return False
        return touch <= self.limit if self.order.side is Side.BUY else touch >= self.limit


class SymbolBook:
    """The touch of one symbol and the orders working against it.

    Orders take what is shown at the touch, in price-time priority; what is taken stays gone until the next quote.
    """

    __slots__ = ("_ask", "_ask_left", "_bid", "_bid_left", "_usable", "working")

    def __init__(self) -> None:
        self.working: list[OpenOrder] = []
        self._bid = self._ask = 0.0
        self._bid_left = self._ask_left = _NOTHING
        self._usable = False

    def refresh(self, bid: float, ask: float, bid_size: float, ask_size: float) -> None:
        """Put a new quote in force with all of its size."""
        self._usable = quote_fault(bid, ask) is None
        self._bid, self._ask = bid, ask
        self._bid_left = _whole_units(bid_size) if self._usable else _NOTHING
        self._ask_left = _whole_units(ask_size) if self._usable else _NOTHING
        for order in self.working:
            order.rested = True

    def forget_quote(self) -> None:
        """Take the quote out of force; nothing fills until the next one."""
        self._usable = False

    def add(self, order: OpenOrder) -> None:
        """Let an order that has arrived take part."""
        order.limit = None if order.order.limit_price is None else float(order.order.limit_price)
        self.working.append(order)
        self.working.sort(key=_priority)

    def remove(self, order: OpenOrder) -> None:
        """Take an order out."""
        self.working.remove(order)

    def match(self, at_us: int) -> list[Outcome]:
        """Return what the quote in force does to the working orders."""
        if not self._usable or not self.working:
            return []
        outcomes: list[Outcome] = []
        for order in tuple(self.working):
            if order.order.order_type is OrderType.STOP and not order.triggered and self._stop_touched(order):
                order.triggered = True
                outcomes.append(Triggered(key=order.order.key, at_us=at_us))
        if outcomes:
            self.working.sort(key=_priority)
        for order in tuple(self.working):
            fill = self._take(order, at_us)
            if fill is not None:
                outcomes.append(fill)
            if order.remaining == 0:
                self.working.remove(order)
        return outcomes

    def _stop_touched(self, order: OpenOrder) -> bool:
        stop = float(order.order.stop_price or 0)
        return self._ask >= stop if order.order.side is Side.BUY else self._bid <= stop

    def _take(self, order: OpenOrder, at_us: int) -> Filled | None:
        buying = order.order.side is Side.BUY
        touch = self._ask if buying else self._bid
        if not order.is_market and not order.accepts(touch):
            return None
        left = self._ask_left if buying else self._bid_left
        quantity = min(order.remaining, left)
        if quantity <= 0:
            return None
        if buying:
            self._ask_left = left - quantity
        else:
            self._bid_left = left - quantity
        order.remaining -= quantity
        return Filled(
            key=order.order.key,
            at_us=at_us,
            quantity=quantity,
            price=to_price(touch),
            remaining=order.remaining,
            added_liquidity=order.rested and not order.is_market,
        )


def to_price(value: float) -> Decimal:
    """Return a float of the tape as the decimal it stands for (the grid is never finer than a hundredth of a cent)."""
    return Decimal(repr(float(value))).quantize(_TICK).normalize() + Decimal("0.00")


def _priority(order: OpenOrder) -> tuple[float, int]:
    """Sort key within one symbol: takers of any price first, then the best price, then the earliest."""
    if order.is_market:
        return (float("-inf"), order.sequence)
    if order.limit is None:
        return (float("inf"), order.sequence)
    return (-order.limit if order.order.side is Side.BUY else order.limit, order.sequence)


def _whole_units(size: float) -> Decimal:
    if not 0 < size < 1e15:
        return _NOTHING
    return Decimal(size).to_integral_value(rounding=ROUND_FLOOR)
