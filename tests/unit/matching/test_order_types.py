"""What each order type does with the quotes and prints that come after it."""

from decimal import Decimal

import pytest

from daemon.domain.order import OrderType, Side
from daemon.matching.exchange import SimulatedExchange
from daemon.matching.latency import LatencyModel
from daemon.matching.orders import (
    Acknowledged,
    ExchangeOrder,
    Filled,
    FillModel,
    Replaced,
    Trailed,
    Triggered,
    TriggerMethod,
    Working,
)
from daemon.matching.rules import TradingRules
from tests.unit.matching.stage import LATER, OPEN, SECOND, fills, kinds, limit, one_fill, order, quote, traded


def working(made: ExchangeOrder) -> SimulatedExchange:
    exchange = traded()
    exchange.submit(made, OPEN)
    exchange.advance(OPEN + SECOND)
    return exchange


def test_stop_limit_triggers_and_then_waits_for_its_limit() -> None:
    exchange = working(order(kind=OrderType.STOP_LIMIT, stop_price="100.10", limit_price="100.20"))
    assert quote(exchange, 100.25, 100.30, at_us=LATER) == [Triggered(key="1", at_us=LATER)]
    filled = quote(exchange, 100.10, 100.15, at_us=LATER + SECOND)
    assert fills(filled) == one_fill("1", 100, "100.15")


def test_a_triggered_stop_limit_that_is_marketable_takes_liquidity() -> None:
    exchange = working(order(kind=OrderType.STOP_LIMIT, stop_price="100.10", limit_price="100.20"))
    _, filled = quote(exchange, 100.10, 100.15, at_us=LATER)
    assert isinstance(filled, Filled)
    assert not filled.added_liquidity


def test_trailing_sell_stop_follows_the_bid_up_and_never_down() -> None:
    exchange = working(order(kind=OrderType.TRAIL, side=Side.SELL, trail_amount="0.50"))
    assert exchange.resting()[0].stop_price == Decimal("99.49")
    assert quote(exchange, 100.40, 100.42, at_us=LATER) == [Trailed(key="1", at_us=LATER, stop_price=Decimal("99.90"))]
    assert quote(exchange, 100.10, 100.12, at_us=LATER + 1) == []
    done = quote(exchange, 99.90, 99.92, at_us=LATER + 2)
    assert kinds(done) == [Triggered, Filled]
    assert fills(done) == one_fill("1", 100, "99.90")


def test_trailing_buy_stop_by_per_cent_is_rounded_away_from_the_market() -> None:
    exchange = working(order(kind=OrderType.TRAIL, trail_percent="1"))
    assert exchange.resting()[0].stop_price == Decimal("101.02")  # 100.01 + 1.0001, up
    (moved,) = quote(exchange, 98.00, 98.03, at_us=LATER)
    assert isinstance(moved, Trailed)
    assert moved.stop_price == Decimal("99.02")  # 98.03 + 0.9803, up


def test_trailing_stop_starts_at_the_price_that_was_given() -> None:
    exchange = working(order(kind=OrderType.TRAIL, side=Side.SELL, trail_amount="0.50", stop_price="99.80"))
    assert exchange.resting()[0].stop_price == Decimal("99.80")
    assert kinds(quote(exchange, 99.80, 99.82, at_us=LATER)) == [Triggered, Filled]


def test_trail_limit_has_its_limit_at_the_offset_from_the_stop_that_triggered() -> None:
    trail = order(kind=OrderType.TRAIL_LIMIT, side=Side.SELL, trail_amount="0.50", limit_offset="0.10")
    exchange = working(trail)
    quote(exchange, 101.00, 101.02, at_us=LATER)  # the stop is at 100.50 now, the limit at 100.40
    assert kinds(quote(exchange, 100.30, 100.32, at_us=LATER + 1)) == [Triggered]
    assert fills(quote(exchange, 100.40, 100.42, at_us=LATER + 2)) == one_fill("1", 100, "100.40")


def test_restored_trailing_stop_stays_where_it_had_come_to() -> None:
    exchange = working(order(kind=OrderType.TRAIL, side=Side.SELL, trail_amount="0.50"))
    quote(exchange, 101.00, 101.02, at_us=LATER)
    again = SimulatedExchange(LatencyModel(seed=3))
    again.open_session(OPEN, OPEN + 1000 * SECOND)
    again.restore(exchange.resting())
    assert kinds(quote(again, 100.50, 100.52, at_us=LATER + SECOND)) == [Triggered, Filled]


def test_market_if_touched_buys_when_the_ask_has_come_down() -> None:
    exchange = working(order(kind=OrderType.MARKET_IF_TOUCHED, stop_price="99.50"))
    assert quote(exchange, 99.49, 99.51, at_us=LATER) == []
    done = quote(exchange, 99.48, 99.50, at_us=LATER + 1)
    assert kinds(done) == [Triggered, Filled]
    assert fills(done) == one_fill("1", 100, "99.50")


def test_limit_if_touched_sells_no_lower_than_its_limit() -> None:
    lit = order(kind=OrderType.LIMIT_IF_TOUCHED, side=Side.SELL, stop_price="100.50", limit_price="100.60")
    exchange = working(lit)
    assert kinds(quote(exchange, 100.50, 100.55, at_us=LATER)) == [Triggered]
    assert quote(exchange, 100.59, 100.61, at_us=LATER + 1) == []
    assert fills(quote(exchange, 100.60, 100.62, at_us=LATER + 2)) == one_fill("1", 100, "100.60")


def test_relative_order_follows_the_bid_up_to_its_cap() -> None:
    exchange = working(order(kind=OrderType.RELATIVE, peg_offset="0.01", limit_price="100.05"))
    quote(exchange, 100.02, 100.08, at_us=LATER)  # pegged at 100.03 now
    assert fills(quote(exchange, 100.00, 100.04, at_us=LATER + 1)) == []  # then at 100.01
    quote(exchange, 100.30, 100.40, at_us=LATER + 2)  # the cap holds it at 100.05
    assert fills(quote(exchange, 100.04, 100.06, at_us=LATER + 3)) == []
    quote(exchange, 100.30, 100.40, at_us=LATER + 4)
    assert fills(quote(exchange, 100.03, 100.05, at_us=LATER + 5)) == one_fill("1", 100, "100.05")


def test_pegged_sell_rests_at_the_ask_before_the_quote_that_fills_it() -> None:
    exchange = working(order(kind=OrderType.RELATIVE, side=Side.SELL))
    (filled,) = quote(exchange, 100.03, 100.05, at_us=LATER)
    assert isinstance(filled, Filled)
    assert (filled.price, filled.added_liquidity) == (Decimal("100.03"), True)


def test_midprice_order_fills_when_the_ask_comes_to_the_old_middle() -> None:
    exchange = working(order(kind=OrderType.MIDPRICE, limit_price="100.00"))
    assert quote(exchange, 99.98, 100.03, at_us=LATER) == []  # rests at the cap of 100.00 now, not at 100.005
    assert quote(exchange, 99.99, 100.01, at_us=LATER + 1) == []
    assert fills(quote(exchange, 99.98, 100.00, at_us=LATER + 2)) == one_fill("1", 100, "100.00")


@pytest.mark.parametrize(
    ("method", "quotes", "woken_by"),
    [
        (TriggerMethod.DEFAULT, [(100.05, 100.10)], 0),
        (TriggerMethod.BID_ASK, [(100.05, 100.10), (100.10, 100.12)], 1),
        (TriggerMethod.DOUBLE_BID_ASK, [(100.10, 100.12), (100.05, 100.12), (100.11, 100.12), (100.10, 100.12)], 3),
        (TriggerMethod.MIDPOINT, [(100.05, 100.14), (100.06, 100.14)], 1),
        (TriggerMethod.LAST_OR_BID_ASK, [(100.09, 100.12), (100.10, 100.12)], 1),
    ],
)
def test_trigger_method_says_which_quote_wakes_a_buy_stop(
    method: TriggerMethod, quotes: list[tuple[float, float]], woken_by: int
) -> None:
    exchange = working(order(kind=OrderType.STOP, stop_price="100.10", trigger_method=method))
    woken = [
        number
        for number, (bid, ask) in enumerate(quotes)
        if Triggered(key="1", at_us=LATER + number) in quote(exchange, bid, ask, at_us=LATER + number)
    ]
    assert woken == [woken_by]


def test_an_order_that_arrives_does_not_count_the_same_quote_twice() -> None:
    exchange = working(order(kind=OrderType.STOP, stop_price="100.10", trigger_method=TriggerMethod.DOUBLE_BID_ASK))
    quote(exchange, 100.10, 100.12, 0, 0, at_us=LATER)
    exchange.submit(limit("50", "2"), LATER)
    assert kinds(exchange.advance(LATER + SECOND)) == [Acknowledged, Working]
    assert kinds(quote(exchange, 100.10, 100.12, 0, 0, at_us=LATER + 2 * SECOND)) == [Triggered]


def test_last_method_looks_at_prints_only() -> None:
    exchange = working(order(kind=OrderType.STOP, stop_price="100.10", trigger_method=TriggerMethod.LAST))
    assert quote(exchange, 100.20, 100.22, at_us=LATER) == []
    assert exchange.on_trade("AAA", 100.09, 100, at_us=LATER + 1) == []
    done = exchange.on_trade("AAA", 100.10, 100, at_us=LATER + 2)
    assert kinds(done) == [Triggered, Filled]
    assert fills(done) == one_fill("1", 100, "100.22")


def test_double_last_wants_two_prints_in_a_row() -> None:
    exchange = working(
        order(kind=OrderType.STOP, side=Side.SELL, stop_price="99.90", trigger_method=TriggerMethod.DOUBLE_LAST)
    )
    prices = [99.90, 99.95, 99.89, 99.90]
    outcomes = [exchange.on_trade("AAA", price, 1, at_us=LATER + number) for number, price in enumerate(prices)]
    assert [kinds(each)[:1] for each in outcomes] == [[], [], [], [Triggered]]


def test_replacing_a_stop_price_moves_the_trigger() -> None:
    exchange = working(order(kind=OrderType.STOP, stop_price="101"))
    exchange.replace(order(kind=OrderType.STOP, stop_price="100.50"), OPEN + 2 * SECOND)
    assert kinds(exchange.advance(OPEN + 3 * SECOND)) == [Replaced]
    assert kinds(quote(exchange, 100.48, 100.50, at_us=LATER)) == [Triggered, Filled]


def test_pegs_and_trails_keep_to_the_grid_of_the_symbol() -> None:
    exchange = traded(bid=99.97, ask=100.04)
    exchange.set_rules("AAA", TradingRules(price_increments=((Decimal(0), Decimal("0.05")),)))
    exchange.submit(order(kind=OrderType.TRAIL, side=Side.SELL, trail_amount="0.50"), OPEN)
    exchange.submit(order("2", OrderType.RELATIVE, fill_model=FillModel.QUEUE_CONSERVATIVE), OPEN)
    exchange.advance(OPEN + SECOND)
    assert exchange.resting()[0].stop_price == Decimal("99.45")
    done = quote(exchange, 99.80, 99.90, at_us=LATER)
    assert fills(done) == one_fill("2", 100, "99.95")  # pegged below the bid of 99.97


def test_a_pegged_order_without_a_quote_is_pegged_to_the_first() -> None:
    exchange = SimulatedExchange(LatencyModel(seed=3))
    exchange.open_session(OPEN, OPEN + 1000 * SECOND)
    exchange.submit(order(kind=OrderType.RELATIVE, side=Side.SELL), OPEN)
    exchange.advance(OPEN + SECOND)
    assert quote(exchange, 100.00, 100.02, at_us=LATER) == []
    assert fills(quote(exchange, 100.02, 100.04, at_us=LATER + 1)) == one_fill("1", 100, "100.02")
