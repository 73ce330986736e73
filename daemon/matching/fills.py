"""How much of an order a quote or a trade fills and at what price: one function per fill model."""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from daemon.matching.open_order import OpenOrder
from daemon.matching.orders import FillModel

NOTHING: Final = Decimal(0)
Offer = tuple[Decimal, float, Decimal]  # units that fill, price, units that are gone from what is shown


def _optimistic(order: OpenOrder, touch: float, left: Decimal) -> Offer:
    """Return the whole order at the touch; nothing shown is used up."""
    del left
    return order.remaining, touch, NOTHING


def _quote_bounded(order: OpenOrder, touch: float, left: Decimal) -> Offer:
    """Return what is shown and not yet taken, at the touch."""
    quantity = min(order.remaining, left)
    return quantity, touch, quantity


def _queue_conservative(order: OpenOrder, touch: float, left: Decimal) -> Offer:
    """Return what is left for a resting limit after those ahead of it, at its limit; takers are quote-bounded."""
    if order.takes_any or not order.rested or order.limit is None:
        return _quote_bounded(order, touch, left)
    if touch != order.limit:  # through its price: nobody is ahead any more
        quantity = min(order.remaining, left)
        return quantity, order.limit, quantity
    before_us = min(order.ahead if order.ahead is not None else left, left)
    order.ahead = (order.ahead or before_us) - before_us
    quantity = min(order.remaining, left - before_us)
    return quantity, order.limit, before_us + quantity


FILL_MODELS: Final[dict[FillModel, Callable[[OpenOrder, float, Decimal], Offer]]] = {
    FillModel.OPTIMISTIC: _optimistic,
    FillModel.QUOTE_BOUNDED: _quote_bounded,
    FillModel.QUEUE_CONSERVATIVE: _queue_conservative,
}


def queues(order: OpenOrder) -> bool:
    """Return whether trades of the tape move this order forward."""
    return (
        order.order.fill_model is FillModel.QUEUE_CONSERVATIVE
        and order.limit is not None
        and not order.takes_any
        and not order.idle
    )


def printed(orders: list[OpenOrder], price: float, size: Decimal) -> list[tuple[OpenOrder, Decimal]]:
    """Return what one trade of the tape fills of resting queue-conservative orders, best priority first.

    A trade beyond an order's limit fills it; a trade at its limit first uses up the queue ahead of it. Two orders of
    ours at one price have the same strangers ahead: who has been served before one has been served before both.
    """
    pool, served = size, NOTHING
    level: tuple[bool, float] | None = None
    filled: list[tuple[OpenOrder, Decimal]] = []
    for order in orders:
        if not order.accepts(price):
            continue
        if order.limit == price:
            served = served if level == (order.buying, price) else NOTHING
            level = (order.buying, price)
            waiting = max((order.ahead if order.ahead is not None else pool + served) - served, NOTHING)
            now = min(waiting, pool)
            served, pool = served + now, pool - now
            order.ahead = waiting - now
        quantity = min(order.remaining, pool)
        if quantity > 0 and quantity >= order.least:
            pool -= quantity
            filled.append((order, quantity))
    return filled


def requeue(order: OpenOrder, near: float, near_size: Decimal) -> None:
    """Bring the queue ahead of a resting limit up to date with a quote of its own side.

    Nobody shown can be ahead beyond the size shown; a price better than the touch has nobody ahead; behind the touch
    nothing is known until the touch has come to it.
    """
    if near == order.limit:
        order.ahead = near_size if order.ahead is None else min(order.ahead, near_size)
    elif order.limit is not None and (near < order.limit) is order.buying:
        order.ahead = NOTHING
