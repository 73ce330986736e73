"""What the tests of the exchange share: a session, short ways to write orders, an exchange with a quote in force."""

from decimal import Decimal
from typing import Any

from daemon.domain.order import OrderType, Side
from daemon.matching.exchange import SimulatedExchange
from daemon.matching.latency import LatencyModel
from daemon.matching.orders import ExchangeOrder, Filled, Outcome

SECOND = 1_000_000
OPEN = 1_700_000_000 * SECOND
CLOSE = OPEN + 23_400 * SECOND
LATER = OPEN + 10 * SECOND
DAY = 86_400 * SECOND
_EXACT = {
    "quantity",
    "min_quantity",
    "limit_price",
    "stop_price",
    "trail_amount",
    "trail_percent",
    "limit_offset",
    "peg_offset",
}


def order(key: str = "1", kind: OrderType = OrderType.MARKET, **changes: Any) -> ExchangeOrder:
    """Return an order to buy 100 AAA."""
    values: dict[str, Any] = {
        "key": key,
        "latency_key": f"ref-{key}",
        "symbol": "AAA",
        "side": Side.BUY,
        "quantity": Decimal(100),
        "order_type": kind,
    }
    exact = {name: Decimal(value) if name in _EXACT and value is not None else value for name, value in changes.items()}
    return ExchangeOrder(**(values | exact))


def limit(price: str, key: str = "1", **changes: Any) -> ExchangeOrder:
    """Return a limit order."""
    return order(key, OrderType.LIMIT, limit_price=Decimal(price), **changes)


def traded(
    *, bid: float = 99.99, ask: float = 100.01, bid_size: float = 300, ask_size: float = 60
) -> SimulatedExchange:
    """Return an exchange whose session has begun with a quote in AAA."""
    made = SimulatedExchange(LatencyModel(seed=3))
    made.open_session(OPEN, CLOSE)
    made.on_quote("AAA", bid, ask, bid_size, ask_size, at_us=OPEN)
    return made


def quote(
    exchange: SimulatedExchange, bid: float, ask: float, bid_size: float = 500, ask_size: float = 500, *, at_us: int
) -> list[Outcome]:
    """Put a quote of AAA in force."""
    return exchange.on_quote("AAA", bid, ask, bid_size, ask_size, at_us=at_us)


def kinds(outcomes: list[Outcome]) -> list[type]:
    """Return what the outcomes are."""
    return [type(outcome) for outcome in outcomes]


def fills(outcomes: list[Outcome]) -> list[tuple[str, Decimal, Decimal]]:
    """Return whose fills they are, how many units and at what price."""
    return [(each.key, each.quantity, each.price) for each in outcomes if isinstance(each, Filled)]


def decimals(*numbers: int | str) -> tuple[Decimal, ...]:
    """Return numbers as decimals."""
    return tuple(Decimal(number) for number in numbers)


def one_fill(key: str, quantity: int, price: str) -> list[tuple[str, Decimal, Decimal]]:
    """Return what `fills` gives for a single execution."""
    return [(key, Decimal(quantity), Decimal(price))]
