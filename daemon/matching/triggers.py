"""When a stop or a touch order wakes, and where a trailing stop goes; which price counts is a table."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto
from typing import Final

from daemon.matching.open_order import OpenOrder, Trigger, to_price
from daemon.matching.orders import TriggerMethod
from daemon.matching.rules import TradingRules

_HUNDRED: Final = Decimal(100)


class Event(Enum):
    """What has just changed."""

    QUOTE = auto()
    TRADE = auto()


@dataclass(frozen=True, slots=True)
class View:
    """The prices a trigger can look at."""

    bid: float
    ask: float
    last: float
    number: int  # of the quote, so that none counts twice


def _far(view: View, buying: bool) -> float:  # noqa: FBT001 - the two sides of a table's column
    return view.ask if buying else view.bid


def _near(view: View, buying: bool) -> float:  # noqa: FBT001
    return view.bid if buying else view.ask


def _last(view: View, buying: bool) -> float:  # noqa: FBT001, ARG001
    return view.last


def _middle(view: View, buying: bool) -> float:  # noqa: FBT001, ARG001
    return (view.bid + view.ask) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """Which price each event offers to the trigger, and how many in a row must meet it."""

    prices: dict[Event, Callable[[View, bool], float]]
    in_a_row: int = 1


# Source: TWS Users' Guide, "Modify the Stop Trigger Method". IB's default depends on the product (the last trade for
# stocks); ours is the touch an execution would get, since every tape has quotes and few have trades.
METHODS: Final[dict[TriggerMethod, Method]] = {
    TriggerMethod.DEFAULT: Method(prices={Event.QUOTE: _far}),
    TriggerMethod.DOUBLE_BID_ASK: Method(prices={Event.QUOTE: _near}, in_a_row=2),
    TriggerMethod.LAST: Method(prices={Event.TRADE: _last}),
    TriggerMethod.DOUBLE_LAST: Method(prices={Event.TRADE: _last}, in_a_row=2),
    TriggerMethod.BID_ASK: Method(prices={Event.QUOTE: _near}),
    TriggerMethod.LAST_OR_BID_ASK: Method(prices={Event.QUOTE: _near, Event.TRADE: _last}),
    TriggerMethod.MIDPOINT: Method(prices={Event.QUOTE: _middle}),
}


def woken(order: OpenOrder, event: Event, view: View) -> bool:
    """Return whether an event wakes the order; remembers how many in a row have met its trigger."""
    method = METHODS[order.order.trigger_method]
    price = method.prices.get(event)
    if price is None or order.stop is None or (event is Event.QUOTE and order.seen == view.number):
        return False
    if event is Event.QUOTE:
        order.seen = view.number
    order.hits = order.hits + 1 if _met(order, price(view, order.buying)) else 0
    return order.hits >= method.in_a_row


def trail(order: OpenOrder, event: Event, view: View, rules: TradingRules) -> Decimal | None:
    """Move a trailing stop after its price and return where it is now, None when it stays.

    The stop follows a favourable price and never goes back; it is rounded away from the market.
    """
    price = METHODS[order.order.trigger_method].prices.get(event)
    if price is None:
        return None
    reference = to_price(price(view, order.buying))
    percent = order.order.trail_percent
    distance = reference * percent / _HUNDRED if percent is not None else order.order.trail_amount or Decimal(0)
    stop = rules.passive(reference + order.order.side.sign * distance, buying=not order.buying)
    moved = float(stop)
    if order.stop is not None and (moved >= order.stop if order.buying else moved <= order.stop):
        return None
    order.stop = moved
    return stop


def _met(order: OpenOrder, price: float) -> bool:
    stop = order.stop or 0.0
    upwards = order.buying is (order.traits.trigger is Trigger.STOP)
    return price >= stop if upwards else price <= stop
