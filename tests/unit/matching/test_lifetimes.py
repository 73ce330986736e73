"""How long orders live, when they start, and what they accept in one piece: times in force, halts and auctions."""

from decimal import Decimal

import pytest

from daemon.domain.order import OrderType, Side
from daemon.matching.exchange import SimulatedExchange
from daemon.matching.orders import (
    Acknowledged,
    Cancelled,
    CancelReason,
    ComboLeg,
    Filled,
    Outcome,
    Rejected,
    RejectReason,
    TimeInForce,
    Triggered,
    Working,
)
from tests.unit.matching.stage import (
    CLOSE,
    DAY,
    LATER,
    OPEN,
    SECOND,
    fills,
    kinds,
    limit,
    one_fill,
    order,
    quote,
    traded,
)


@pytest.fixture
def exchange() -> SimulatedExchange:
    return traded()


def ended(outcomes: list[Outcome]) -> list[tuple[str, CancelReason]]:
    return [(each.key, each.reason) for each in outcomes if isinstance(each, Cancelled)]


def test_good_till_date_ends_at_its_time_even_in_another_session(exchange: SimulatedExchange) -> None:
    until = OPEN + DAY + SECOND
    exchange.submit(limit("90", tif=TimeInForce.GTD, good_till_us=until), OPEN)
    exchange.advance(CLOSE)
    exchange.open_session(OPEN + DAY, CLOSE + DAY)
    assert exchange.advance(until - 1) == []
    (gone,) = exchange.advance(until)
    assert isinstance(gone, Cancelled)
    assert (gone.reason, gone.at_us) == (CancelReason.EXPIRED, until)


def test_a_good_till_date_in_the_past_ends_the_order_when_it_comes(exchange: SimulatedExchange) -> None:
    exchange.submit(limit("90", tif=TimeInForce.GTD, good_till_us=OPEN - SECOND), OPEN)
    (gone,) = exchange.advance(LATER)
    assert isinstance(gone, Cancelled)
    assert (gone.reason, gone.at_us) == (CancelReason.EXPIRED, OPEN)


def test_a_later_good_till_date_replaces_the_earlier_one(exchange: SimulatedExchange) -> None:
    first, second = OPEN + 20 * SECOND, OPEN + 40 * SECOND
    exchange.submit(limit("90", tif=TimeInForce.GTD, good_till_us=first), OPEN)
    exchange.advance(LATER)
    exchange.replace(limit("90", tif=TimeInForce.GTD, good_till_us=second), LATER)
    assert ended(exchange.advance(second - 1)) == []
    assert ended(exchange.advance(second)) == [("1", CancelReason.EXPIRED)]


def test_fill_or_kill_takes_all_or_nothing(exchange: SimulatedExchange) -> None:
    exchange.submit(order("1", tif=TimeInForce.FOK), OPEN)
    exchange.submit(order("2", tif=TimeInForce.FOK, quantity=60), OPEN)
    outcomes = exchange.advance(OPEN + SECOND)
    assert fills(outcomes) == one_fill("2", 60, "100.01")
    assert ended(outcomes) == [("1", CancelReason.REMAINDER)]


def test_all_or_none_waits_for_enough_and_lets_others_pass(exchange: SimulatedExchange) -> None:
    exchange.submit(order("1", all_or_none=True), OPEN)
    exchange.advance(OPEN + SECOND)
    exchange.submit(order("2", quantity=50), OPEN + SECOND)
    assert fills(exchange.advance(OPEN + 2 * SECOND)) == one_fill("2", 50, "100.01")
    assert fills(quote(exchange, 100, 100.02, 10, 99, at_us=LATER)) == []
    assert fills(quote(exchange, 100, 100.02, 10, 100, at_us=LATER + 1)) == one_fill("1", 100, "100.02")


def test_minimum_quantity_counts_for_the_first_execution_only(exchange: SimulatedExchange) -> None:
    exchange.submit(order(min_quantity=70), OPEN)
    assert fills(exchange.advance(OPEN + SECOND)) == []
    assert fills(quote(exchange, 100, 100.02, 10, 70, at_us=LATER)) == one_fill("1", 70, "100.02")
    assert fills(quote(exchange, 100, 100.02, 10, 5, at_us=LATER + 1)) == one_fill("1", 5, "100.02")


def test_good_after_time_keeps_an_order_back(exchange: SimulatedExchange) -> None:
    after = OPEN + 60 * SECOND
    exchange.submit(order(good_after_us=after), OPEN)
    (known,) = exchange.advance(after - 1)
    assert isinstance(known, Acknowledged)
    assert not known.held
    assert kinds(exchange.advance(after)) == [Working, Filled]


def test_good_after_time_can_be_brought_forward(exchange: SimulatedExchange) -> None:
    exchange.submit(order(good_after_us=OPEN + 600 * SECOND), OPEN)
    exchange.replace(order(good_after_us=LATER), OPEN)
    assert Working(key="1", at_us=LATER) in exchange.advance(LATER)


def test_a_day_order_that_starts_tomorrow_survives_tonight(exchange: SimulatedExchange) -> None:
    exchange.submit(order(good_after_us=OPEN + DAY + SECOND), OPEN)
    assert kinds(exchange.advance(CLOSE)) == [Acknowledged]
    exchange.open_session(OPEN + DAY, CLOSE + DAY)
    assert kinds(exchange.advance(OPEN + DAY + SECOND)) == [Working]


def test_nothing_matches_in_a_halt_and_the_first_quote_after_it_counts(exchange: SimulatedExchange) -> None:
    exchange.halt("AAA", OPEN + 1)
    exchange.submit(order("1"), OPEN + 1)
    exchange.submit(order("2", OrderType.STOP, stop_price="100.50"), OPEN + 1)
    exchange.submit(order("3", tif=TimeInForce.IOC), OPEN + 1)
    outcomes = exchange.advance(OPEN + SECOND)
    assert fills(outcomes) == []
    assert ended(outcomes) == [("3", CancelReason.REMAINDER)]
    assert quote(exchange, 100.60, 100.62, at_us=LATER) == []
    assert exchange.on_trade("AAA", 100.60, 100, at_us=LATER) == []
    assert exchange.resume("AAA", LATER + 1) == []
    exchange.submit(limit("101", "4"), LATER + 1)
    assert fills(exchange.advance(LATER + SECOND)) == []
    done = quote(exchange, 100.00, 100.02, at_us=LATER + 2 * SECOND)
    assert fills(done) == [(key, Decimal(100), Decimal("100.02")) for key in ("1", "4")]
    assert Triggered not in kinds(done)


def test_opening_orders_fill_at_the_price_of_the_auction_or_end(exchange: SimulatedExchange) -> None:
    exchange.advance(CLOSE)
    exchange.submit(order("1", tif=TimeInForce.OPG), CLOSE + SECOND)
    exchange.submit(limit("101", "2", tif=TimeInForce.OPG), CLOSE + SECOND)
    exchange.submit(limit("100.49", "3", tif=TimeInForce.OPG), CLOSE + SECOND)
    exchange.submit(limit("100.51", "4", tif=TimeInForce.OPG, side=Side.SELL), CLOSE + SECOND)
    held = exchange.advance(CLOSE + 2 * SECOND)
    assert [each.held for each in held if isinstance(each, Acknowledged)] == [True] * 4
    opened = OPEN + DAY
    exchange.open_session(opened, CLOSE + DAY)
    outcomes = exchange.open_auction("AAA", Decimal("100.50"), opened)
    assert fills(outcomes) == [(key, Decimal(100), Decimal("100.50")) for key in ("1", "2")]
    assert ended(outcomes) == [("3", CancelReason.REMAINDER), ("4", CancelReason.REMAINDER)]
    assert exchange.resting() == ()


def test_without_an_auction_the_middle_of_the_opening_quote_is_the_price(exchange: SimulatedExchange) -> None:
    exchange.advance(CLOSE)
    exchange.submit(order("1", tif=TimeInForce.OPG), CLOSE + SECOND)
    exchange.submit(order("2", tif=TimeInForce.OPG), CLOSE + SECOND)
    exchange.open_session(OPEN + DAY, CLOSE + DAY)
    assert quote(exchange, 100.00, 100.05, 1, 1, at_us=OPEN + DAY)[2:] == []  # they reach the open with this instant
    outcomes = exchange.advance(OPEN + DAY)
    assert fills(outcomes) == [(key, Decimal(100), Decimal("100.03")) for key in ("1", "2")]


def test_an_opening_order_without_a_quote_waits_for_the_first_and_expires_without_one(
    exchange: SimulatedExchange,
) -> None:
    exchange.advance(CLOSE)
    exchange.submit(order("1", tif=TimeInForce.OPG), CLOSE + SECOND)
    exchange.submit(order("2", symbol="BBB", tif=TimeInForce.OPG), CLOSE + SECOND)
    exchange.open_session(OPEN + DAY, CLOSE + DAY)
    assert kinds(exchange.advance(OPEN + DAY)) == [Acknowledged, Acknowledged, Working, Working]
    done = quote(exchange, 100.00, 100.02, 1, 1, at_us=OPEN + DAY + SECOND)
    assert fills(done) == one_fill("1", 100, "100.01")
    assert ended(exchange.advance(CLOSE + DAY)) == [("2", CancelReason.EXPIRED)]


def test_an_opening_order_after_the_open_is_held_for_the_next(exchange: SimulatedExchange) -> None:
    exchange.submit(order(tif=TimeInForce.OPG), OPEN + SECOND)
    (held,) = exchange.advance(CLOSE)
    assert isinstance(held, Acknowledged)
    assert held.held
    exchange.open_session(OPEN + DAY, CLOSE + DAY)
    assert fills(exchange.open_auction("AAA", Decimal("99.00"), OPEN + DAY)) == one_fill("1", 100, "99.00")


def test_closing_orders_ignore_quotes_and_fill_at_the_closing_auction(exchange: SimulatedExchange) -> None:
    exchange.submit(order("1", OrderType.MARKET_ON_CLOSE), OPEN)
    exchange.submit(order("2", OrderType.LIMIT_ON_CLOSE, limit_price="100.00"), OPEN)
    assert kinds(exchange.advance(LATER)) == [Acknowledged, Acknowledged, Working, Working]
    assert quote(exchange, 98, 99, at_us=LATER) == []
    outcomes = exchange.close_auction("AAA", Decimal("100.01"), CLOSE)
    assert fills(outcomes) == one_fill("1", 100, "100.01")
    assert ended(outcomes) == [("2", CancelReason.REMAINDER)]
    assert exchange.advance(CLOSE) == []


def test_without_an_auction_the_last_quote_closes(exchange: SimulatedExchange) -> None:
    exchange.submit(order("1", OrderType.MARKET_ON_CLOSE), OPEN)
    exchange.submit(order("2", OrderType.MARKET_ON_CLOSE, symbol="BBB"), OPEN)
    exchange.advance(LATER)
    quote(exchange, 100.00, 100.04, 1, 1, at_us=LATER)
    outcomes = exchange.advance(CLOSE)
    assert fills(outcomes) == one_fill("1", 100, "100.02")
    assert ended(outcomes) == [("2", CancelReason.EXPIRED)]


def test_a_halted_symbol_has_no_closing_auction(exchange: SimulatedExchange) -> None:
    exchange.submit(order(kind=OrderType.MARKET_ON_CLOSE), OPEN)
    exchange.advance(LATER)
    exchange.halt("AAA", LATER)
    assert ended(exchange.advance(CLOSE)) == [("1", CancelReason.EXPIRED)]


def test_a_corporate_action_ends_every_order_of_the_symbol(exchange: SimulatedExchange) -> None:
    exchange.submit(limit("90", "1", tif=TimeInForce.GTC), OPEN)
    exchange.submit(limit("90", "2", symbol="BBB"), OPEN)
    exchange.advance(LATER)
    assert ended(exchange.corporate_action("AAA", LATER)) == [("1", CancelReason.CORPORATE_ACTION)]
    assert [rest.order.key for rest in exchange.resting()] == ["2"]


def test_an_order_that_only_shrinks_keeps_its_place(exchange: SimulatedExchange) -> None:
    exchange.submit(limit("99.50", "1", latency_key="a"), OPEN)
    exchange.submit(limit("99.50", "2", latency_key="a"), OPEN + 1)
    exchange.advance(OPEN + SECOND)
    exchange.replace(limit("99.50", "1", latency_key="a", quantity=80), OPEN + SECOND)
    exchange.advance(LATER)
    assert [key for key, *_ in fills(quote(exchange, 99.4, 99.5, 1, 90, at_us=LATER))] == ["1", "2"]


def test_an_order_that_grows_goes_to_the_back(exchange: SimulatedExchange) -> None:
    exchange.submit(limit("99.50", "1", latency_key="a"), OPEN)
    exchange.submit(limit("99.50", "2", latency_key="a"), OPEN + 1)
    exchange.advance(OPEN + SECOND)
    exchange.replace(limit("99.50", "1", latency_key="a", quantity=120), OPEN + SECOND)
    exchange.advance(LATER)
    assert fills(quote(exchange, 99.4, 99.5, 1, 90, at_us=LATER)) == one_fill("2", 90, "99.50")


def test_the_race_of_cancel_and_fill_is_won_by_who_arrives_first() -> None:
    for lead in (-1, 1):
        exchange = traded()
        exchange.submit(limit("99.95"), OPEN)
        exchange.advance(OPEN + SECOND)
        exchange.cancel("1", LATER)
        cancelled_us = exchange.next_event_us()
        assert cancelled_us is not None
        outcomes = quote(exchange, 99.90, 99.94, at_us=cancelled_us + lead) + exchange.advance(cancelled_us + 2)
        assert kinds(outcomes) == ([Filled] if lead < 0 else [Cancelled])


def test_a_message_about_a_finished_order_is_refused(exchange: SimulatedExchange) -> None:
    exchange.submit(order(quantity=10), OPEN)
    exchange.advance(OPEN + SECOND)
    for refused in (exchange.cancel("1", LATER), exchange.replace(order(quantity=20), LATER)):
        assert refused == [Rejected(key="1", at_us=LATER, reason=RejectReason.UNKNOWN_ORDER)]


def test_outside_the_session_quotes_and_prints_fill_nothing_and_immediate_orders_end() -> None:
    exchange = traded()
    exchange.submit(limit("99", "1", tif=TimeInForce.GTC), OPEN)
    exchange.advance(CLOSE)
    exchange.submit(order("2", tif=TimeInForce.IOC), CLOSE + SECOND)
    assert ended(exchange.advance(CLOSE + 2 * SECOND)) == [("2", CancelReason.REMAINDER)]
    assert quote(exchange, 90, 91, at_us=CLOSE + 3 * SECOND) == []
    assert exchange.on_trade("AAA", 90, 100, at_us=CLOSE + 4 * SECOND) == []


def test_symbols_are_those_of_orders_legs_and_quotes() -> None:
    exchange = traded()
    legs = (ComboLeg(symbol="NEAR", side=Side.BUY, ratio=1), ComboLeg(symbol="FAR", side=Side.SELL, ratio=1))
    exchange.submit(order("1", symbol="SPREAD", legs=legs), OPEN)
    exchange.submit(order("2", symbol="BBB"), OPEN)
    assert exchange.symbols == {"AAA", "BBB", "NEAR", "FAR"}


def test_the_close_of_a_session_that_was_moved_ends_nothing(exchange: SimulatedExchange) -> None:
    exchange.submit(limit("90"), OPEN)
    exchange.open_session(OPEN, CLOSE + SECOND)
    assert ended(exchange.advance(CLOSE)) == []
    assert ended(exchange.advance(CLOSE + SECOND)) == [("1", CancelReason.EXPIRED)]
