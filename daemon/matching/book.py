"""One symbol's side of the exchange: the quote in force, the size still shown, and the orders that wait for it."""

from collections.abc import Callable
from decimal import ROUND_FLOOR, Decimal

from daemon.domain.quote import quote_fault
from daemon.matching.fills import FILL_MODELS, NOTHING, printed, queues, requeue
from daemon.matching.open_order import OpenOrder, Pricing, priority, to_price
from daemon.matching.orders import Filled, FillModel, Outcome, Trailed, Triggered
from daemon.matching.rules import DEFAULT_RULES, TradingRules
from daemon.matching.triggers import Event, View, trail, woken

__all__ = ["OnFill", "SymbolBook", "to_price"]

OnFill = Callable[[OpenOrder, Filled], list[Outcome]]  # what a fill does to the other members of its group


class SymbolBook:
    """The touch of one symbol and the orders working against it.

    Orders take what is shown at the touch, in price-time priority; what is taken stays gone until the next quote.
    """

    __slots__ = (
        "_ask", "_ask_left", "_ask_shown", "_bid", "_bid_left", "_bid_shown", "_last", "_number", "halted",
        "opening_price", "quoted_us", "rules", "special", "usable", "working",
    )  # fmt: skip

    def __init__(self, rules: TradingRules = DEFAULT_RULES) -> None:
        self.rules = rules
        self.working: list[OpenOrder] = []
        self.halted = False
        self.usable = False
        self.quoted_us = 0
        self.opening_price: Decimal | None = None  # of this session's auction, once it is known
        self._bid = self._ask = self._last = 0.0
        self._bid_left = self._ask_left = self._bid_shown = self._ask_shown = NOTHING
        self._number = 0
        self.special = False  # whether any order follows the quote or waits for a trigger, a queue or an auction

    def refresh(self, bid: float, ask: float, bid_size: float, ask_size: float, at_us: int = 0) -> None:
        """Put a new quote in force with all of its size."""
        self.usable = quote_fault(bid, ask) is None
        self._bid, self._ask, self.quoted_us = bid, ask, at_us
        self._bid_left = self._bid_shown = _whole_units(bid_size) if self.usable else NOTHING
        self._ask_left = self._ask_shown = _whole_units(ask_size) if self.usable else NOTHING
        self._number += 1
        for order in self.working:
            order.rested = True

    def forget_quote(self) -> None:
        """Take the quote out of force; nothing fills until the next one."""
        self.usable = False

    @property
    def middle(self) -> Decimal | None:
        """Return the middle of the quote in force on the grid, None without one."""
        if not self.usable:
            return None
        return self.rules.rounded((to_price(self._bid) + to_price(self._ask)) / 2)

    @property
    def can_trade(self) -> bool:
        """Return whether there is a usable quote and no halt."""
        return self.usable and not self.halted

    def touch(self, *, buying: bool) -> tuple[float, Decimal]:
        """Return the price a taker gets and the size left there."""
        return (self._ask, self._ask_left) if buying else (self._bid, self._bid_left)

    def consume(self, quantity: Decimal, *, buying: bool) -> None:
        """Take size off the touch until the next quote."""
        if buying:
            self._ask_left -= quantity
        else:
            self._bid_left -= quantity

    def take_whole(self, quantity: Decimal, *, buying: bool) -> Decimal | None:
        """Let a market order arrive and fill at once; return its price, or None, and take nothing, where it cannot.

        What `add` and `match` do with such an order, for callers that have nothing else at work here.
        """
        touch, left = self.touch(buying=buying)
        if not self.can_trade or self.working or left < quantity:
            return None
        self.consume(quantity, buying=buying)
        return to_price(touch)

    def add(self, order: OpenOrder) -> None:
        """Let an order that has arrived take part."""
        order.settle()
        order.seen, order.hits = -1, 0
        if order.traits.pegged or order.idle or order.order.fill_model is FillModel.QUEUE_CONSERVATIVE:
            self.special = True
        if self.usable:
            self._follow(order)
        self.working.append(order)
        self.working.sort(key=priority)

    def remove(self, order: OpenOrder) -> None:
        """Take an order out."""
        self.working.remove(order)
        self.special = self.special and bool(self.working)

    def match(self, at_us: int, on_fill: OnFill) -> list[Outcome]:
        """Return what the quote in force does to the working orders; `on_fill` is asked about members of a group."""
        if not self.usable or not self.working or self.halted:
            return []
        outcomes = self._wake(Event.QUOTE, at_us) if self.special else []
        for order in tuple(self.working):
            if order.idle:
                continue
            fill = self._take(order, at_us)
            if fill is not None:
                outcomes.append(fill)
                outcomes.extend(self._after(order, fill, on_fill))
        if self.special:
            self._follow_all()
        return outcomes

    def trade(self, price: float, size: float, at_us: int, on_fill: OnFill) -> list[Outcome]:
        """Return what one print of the tape does: it triggers, and it moves queues forward."""
        self._last = price
        if self.halted or not self.special:
            return []
        outcomes = self._wake(Event.TRADE, at_us)
        standing = [order for order in self.working if queues(order)]
        for order, offered in printed(standing, price, _whole_units(size)):
            quantity = min(offered, order.remaining)  # a group may have reduced it meanwhile
            if order.idle or quantity <= 0:
                continue
            fill = self._fill(order, quantity, to_price(order.limit or price), at_us, added=True)
            outcomes.append(fill)
            outcomes.extend(self._after(order, fill, on_fill))
        return outcomes + self.match(at_us, on_fill)

    def auction(
        self, members: list[OpenOrder], price: Decimal, at_us: int, on_fill: OnFill
    ) -> tuple[list[Outcome], list[OpenOrder]]:
        """Fill auction orders whole at one price; return the outcomes and the orders whose limit missed it."""
        outcomes: list[Outcome] = []
        missed: list[OpenOrder] = []
        for order in members:
            if order not in self.working:  # a group has ended it meanwhile
                continue
            if not order.takes_any and not order.accepts(float(price)):
                missed.append(order)
                continue
            fill = self._fill(order, order.remaining, price, at_us, added=False)
            outcomes.append(fill)
            outcomes.extend(self._after(order, fill, on_fill))
        return outcomes, missed

    def _after(self, order: OpenOrder, fill: Filled, on_fill: OnFill) -> list[Outcome]:
        if fill.remaining == 0:
            self.remove(order)
        return on_fill(order, fill) if order.order.oca_group else []

    def _wake(self, event: Event, at_us: int) -> list[Outcome]:
        outcomes: list[Outcome] = []
        view = View(self._bid, self._ask, self._last, self._number)
        for order in self.working:
            if not order.waits_for_trigger:
                continue
            if woken(order, event, view):
                order.triggered, order.rested = True, False
                order.settle()
                outcomes.append(Triggered(key=order.order.key, at_us=at_us))
                continue
            moved = trail(order, event, view, self.rules) if order.traits.trails else None
            if moved is not None:
                outcomes.append(Trailed(key=order.order.key, at_us=at_us, stop_price=moved))
        if outcomes:
            self.working.sort(key=priority)
        return outcomes

    def _take(self, order: OpenOrder, at_us: int) -> Filled | None:
        buying = order.buying
        touch, left = self.touch(buying=buying)
        if not order.takes_any and not order.accepts(touch):
            return None
        quantity, price, gone = FILL_MODELS[order.order.fill_model](order, touch, left)
        too_little = quantity <= 0 or (quantity < order.remaining and quantity < order.least)
        self.consume(gone - min(quantity, gone) if too_little else gone, buying=buying)
        if too_little:
            return None
        return self._fill(order, quantity, to_price(price), at_us, added=order.rested and not order.takes_any)

    def _fill(self, order: OpenOrder, quantity: Decimal, price: Decimal, at_us: int, *, added: bool) -> Filled:
        order.remaining -= quantity
        return Filled(
            key=order.order.key,
            at_us=at_us,
            quantity=quantity,
            price=price,
            remaining=order.remaining,
            added_liquidity=added,
        )

    def _follow_all(self) -> None:
        for order in self.working:
            self._follow(order)
        self.working.sort(key=priority)

    def _follow(self, order: OpenOrder) -> None:
        """Bring a pegged limit and a place in the queue up to date with the quote in force."""
        if order.traits.pegged:
            limit = self._peg(order)
            if limit != order.limit:
                order.limit, order.ahead = limit, None
        if queues(order):
            near, size = (self._bid, self._bid_shown) if order.buying else (self._ask, self._ask_shown)
            requeue(order, near, size)

    def _peg(self, order: OpenOrder) -> float:
        near = self._bid if order.buying else self._ask
        if order.traits.pricing is Pricing.MIDDLE:
            price = (to_price(self._bid) + to_price(self._ask)) / 2
        else:
            offset = order.order.peg_offset or NOTHING
            price = self.rules.passive(to_price(near) + order.order.side.sign * offset, buying=order.buying)
        cap = order.order.limit_price
        if cap is not None:
            price = min(price, cap) if order.buying else max(price, cap)
        return float(price)


def _whole_units(size: float) -> Decimal:
    if not 0 < size < 1e15:
        return NOTHING
    return Decimal(size).to_integral_value(rounding=ROUND_FLOOR)
