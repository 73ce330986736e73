"""The three fill models beside one another, and the queue of the conservative one."""

from decimal import Decimal
from typing import Any

import pytest

from daemon.domain.order import OrderType, Side
from daemon.matching.exchange import SimulatedExchange
from daemon.matching.latency import LatencyModel
from daemon.matching.orders import Filled, FillModel
from tests.unit.matching.stage import CLOSE, LATER, OPEN, SECOND, fills, limit, one_fill, order, quote, traded

QUEUE = FillModel.QUEUE_CONSERVATIVE


def resting(price: str, *, bid_size: float = 300, **changes: Any) -> SimulatedExchange:
    exchange = traded(bid_size=bid_size)
    exchange.submit(limit(price, fill_model=QUEUE, **changes), OPEN)
    exchange.advance(OPEN + SECOND)
    return exchange


@pytest.mark.parametrize(("model", "filled"), [(FillModel.OPTIMISTIC, 100), (FillModel.QUOTE_BOUNDED, 60), (QUEUE, 60)])
def test_a_market_order_gets_what_its_model_allows(model: FillModel, filled: int) -> None:
    exchange = traded()
    exchange.submit(order(fill_model=model), OPEN)
    assert fills(exchange.advance(OPEN + SECOND)) == one_fill("1", filled, "100.01")


def test_an_optimistic_fill_uses_up_nothing_that_is_shown() -> None:
    exchange = traded()
    exchange.submit(order("1", fill_model=FillModel.OPTIMISTIC), OPEN)
    exchange.submit(order("2", quantity=60), OPEN)
    assert {key: quantity for key, quantity, _ in fills(exchange.advance(OPEN + SECOND))} == {"1": 100, "2": 60}


@pytest.mark.parametrize(
    ("model", "price"),
    [(FillModel.OPTIMISTIC, "99.90"), (FillModel.QUOTE_BOUNDED, "99.90"), (QUEUE, "99.95")],
)
def test_a_resting_limit_gets_the_touch_or_in_the_queue_its_own_price(model: FillModel, price: str) -> None:
    exchange = traded()
    exchange.submit(limit("99.95", fill_model=model), OPEN)
    exchange.advance(OPEN + SECOND)
    (filled,) = quote(exchange, 99.88, 99.90, at_us=LATER)
    assert isinstance(filled, Filled)
    assert (filled.price, filled.added_liquidity) == (Decimal(price), True)


def test_an_offer_at_the_limit_serves_the_queue_ahead_first() -> None:
    exchange = resting("99.99")  # 300 are shown there already
    assert exchange.resting()[0].queue_ahead == 300
    assert fills(quote(exchange, 99.97, 99.99, 10, 250, at_us=LATER)) == []
    assert exchange.resting()[0].queue_ahead == 0  # 50 were left, and then the bid had gone
    assert fills(quote(exchange, 99.97, 99.99, 10, 40, at_us=LATER + 1)) == one_fill("1", 40, "99.99")


def test_the_whole_offer_counts_once_the_queue_has_been_served() -> None:
    exchange = resting("99.99")
    assert fills(quote(exchange, 99.97, 99.99, 10, 340, at_us=LATER)) == one_fill("1", 40, "99.99")


def test_prints_at_the_limit_move_the_queue_and_prints_beyond_it_fill() -> None:
    exchange = resting("99.99")
    assert exchange.on_trade("AAA", 99.99, 250, at_us=LATER) == []
    assert exchange.resting()[0].queue_ahead == 50
    assert fills(exchange.on_trade("AAA", 99.99, 80, at_us=LATER + 1)) == one_fill("1", 30, "99.99")
    assert exchange.on_trade("AAA", 100.00, 500, at_us=LATER + 2) == []
    assert fills(exchange.on_trade("AAA", 99.98, 500, at_us=LATER + 3)) == one_fill("1", 70, "99.99")


def test_two_orders_at_one_price_share_the_strangers_ahead() -> None:
    exchange = resting("99.99")
    exchange.submit(limit("99.99", "2", fill_model=QUEUE), OPEN + SECOND)
    exchange.advance(OPEN + 2 * SECOND)
    done = fills(exchange.on_trade("AAA", 99.99, 450, at_us=LATER))
    assert done == [("1", Decimal(100), Decimal("99.99")), ("2", Decimal(50), Decimal("99.99"))]


def test_a_shrinking_bid_shortens_the_queue_and_a_growing_one_does_not_lengthen_it() -> None:
    exchange = resting("99.99")
    quote(exchange, 99.99, 100.01, 120, 100, at_us=LATER)
    assert exchange.resting()[0].queue_ahead == 120
    quote(exchange, 99.99, 100.01, 900, 100, at_us=LATER + 1)
    assert exchange.resting()[0].queue_ahead == 120


def test_behind_the_touch_the_queue_is_unknown_until_the_touch_has_come() -> None:
    exchange = resting("99.90")
    assert exchange.resting()[0].queue_ahead is None
    quote(exchange, 99.90, 99.93, 70, 100, at_us=LATER)
    assert exchange.resting()[0].queue_ahead == 70


def test_a_price_better_than_the_touch_has_nobody_ahead() -> None:
    exchange = resting("100.00")
    assert exchange.resting()[0].queue_ahead == 0
    assert fills(quote(exchange, 99.98, 100.00, 10, 30, at_us=LATER)) == one_fill("1", 30, "100.00")


def test_a_print_with_an_unknown_queue_serves_strangers_only() -> None:
    exchange = resting("99.90")
    assert exchange.on_trade("AAA", 99.90, 10_000, at_us=LATER) == []


def test_a_sell_queues_at_the_ask() -> None:
    exchange = resting("100.01", side=Side.SELL)
    assert exchange.resting()[0].queue_ahead == 60
    assert fills(exchange.on_trade("AAA", 100.01, 100, at_us=LATER)) == one_fill("1", 40, "100.01")
    assert fills(quote(exchange, 100.03, 100.05, 500, 10, at_us=LATER + 1)) == one_fill("1", 60, "100.01")


def test_a_restored_order_keeps_its_place_in_the_queue() -> None:
    exchange = resting("99.99")
    exchange.on_trade("AAA", 99.99, 250, at_us=LATER)
    again = SimulatedExchange(LatencyModel(seed=3))
    again.open_session(OPEN, CLOSE)
    again.restore(exchange.resting())
    assert again.resting() == exchange.resting()
    assert fills(again.on_trade("AAA", 99.99, 80, at_us=LATER + 1)) == one_fill("1", 30, "99.99")


def test_prints_do_not_fill_the_other_models() -> None:
    exchange = traded()
    exchange.submit(limit("99.99", "1"), OPEN)
    exchange.submit(order("2", OrderType.STOP, stop_price="150"), OPEN)
    exchange.advance(OPEN + SECOND)
    assert exchange.on_trade("AAA", 99.00, 500, at_us=LATER) == []
