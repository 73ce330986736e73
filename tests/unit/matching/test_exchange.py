"""The simulated exchange: what fills, when, at what price, and what never does."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.domain.order import OrderType, Side
from daemon.matching.exchange import SimulatedExchange
from daemon.matching.latency import LatencyModel
from daemon.matching.orders import (
    Acknowledged,
    Cancelled,
    CancelReason,
    ExchangeOrder,
    Filled,
    Outcome,
    Rejected,
    Replaced,
    TimeInForce,
    Triggered,
    Working,
)

SECOND = 1_000_000
OPEN = 1_700_000_000 * SECOND
CLOSE = OPEN + 23_400 * SECOND
LATER = OPEN + 10 * SECOND


def order(key: str = "1", **changes: object) -> ExchangeOrder:
    values: dict[str, object] = {
        "key": key,
        "latency_key": f"ref-{key}",
        "symbol": "AAA",
        "side": Side.BUY,
        "quantity": Decimal(100),
        "order_type": OrderType.MARKET,
    }
    return ExchangeOrder(**(values | changes))  # type: ignore[arg-type]


def limit(price: str, key: str = "1", **changes: object) -> ExchangeOrder:
    return order(key, order_type=OrderType.LIMIT, limit_price=Decimal(price), **changes)


def stop(price: str, key: str = "1", **changes: object) -> ExchangeOrder:
    return order(key, order_type=OrderType.STOP, stop_price=Decimal(price), **changes)


@pytest.fixture
def exchange() -> SimulatedExchange:
    made = SimulatedExchange(LatencyModel(seed=3))
    made.open_session(OPEN, CLOSE)
    made.on_quote("AAA", 99.99, 100.01, 300, 60, at_us=OPEN)
    return made


def kinds(outcomes: list[Outcome]) -> list[type]:
    return [type(outcome) for outcome in outcomes]


def fills(outcomes: list[Outcome]) -> list[Filled]:
    return [outcome for outcome in outcomes if isinstance(outcome, Filled)]


def test_market_order_takes_shown_size_then_waits_for_the_next_quote(exchange: SimulatedExchange) -> None:
    exchange.submit(order(), OPEN)
    outcomes = exchange.advance(OPEN + SECOND - 1)
    assert kinds(outcomes) == [Acknowledged, Working, Filled]
    assert [(f.quantity, f.price, f.remaining) for f in fills(outcomes)] == [
        (Decimal(60), Decimal("100.01"), Decimal(40))
    ]
    assert exchange.advance(OPEN + 2 * SECOND) == []
    rest = exchange.on_quote("AAA", 100.00, 100.02, 100, 500, at_us=OPEN + 3 * SECOND)
    assert [(f.quantity, f.price, f.remaining) for f in fills(rest)] == [(Decimal(40), Decimal("100.02"), Decimal(0))]
    assert exchange.resting() == ()


def test_acknowledgement_comes_before_arrival_at_seeded_times(exchange: SimulatedExchange) -> None:
    delays = LatencyModel(seed=3).of("ref-1")
    exchange.submit(order(), OPEN)
    assert exchange.next_event_us() == OPEN + delays.acknowledged_us
    acknowledged, working, *_ = exchange.advance(OPEN + SECOND)
    assert (acknowledged.at_us, working.at_us) == (OPEN + delays.acknowledged_us, OPEN + delays.arrived_us)


def test_two_orders_share_the_size_shown_by_time(exchange: SimulatedExchange) -> None:
    exchange.submit(order("1", quantity=Decimal(50), latency_key="a"), OPEN)
    exchange.submit(order("2", quantity=Decimal(50), latency_key="a"), OPEN + 1)
    done = fills(exchange.advance(OPEN + SECOND))
    assert [(f.key, f.quantity) for f in done] == [("1", Decimal(50)), ("2", Decimal(10))]


def test_better_limit_goes_first_whatever_came_first(exchange: SimulatedExchange) -> None:
    exchange.submit(limit("99.50", "1"), OPEN)
    exchange.submit(limit("99.60", "2"), OPEN)
    exchange.advance(OPEN + SECOND)
    done = fills(exchange.on_quote("AAA", 99.30, 99.40, 100, 120, at_us=LATER))
    assert [(f.key, f.quantity, f.price) for f in done] == [
        ("2", Decimal(100), Decimal("99.40")),
        ("1", Decimal(20), Decimal("99.40")),
    ]
    assert all(f.added_liquidity for f in done)


def test_resting_limit_fills_only_when_the_touch_reaches_it(exchange: SimulatedExchange) -> None:
    exchange.submit(limit("99.95"), OPEN)
    exchange.advance(OPEN + SECOND)
    assert exchange.on_quote("AAA", 99.94, 99.96, 500, 500, at_us=LATER) == []
    assert fills(exchange.on_quote("AAA", 99.93, 99.95, 500, 500, at_us=LATER + SECOND))[0].price == Decimal("99.95")


def test_sell_stop_triggers_on_the_bid_and_then_sells_at_it(exchange: SimulatedExchange) -> None:
    exchange.submit(stop("99.50", side=Side.SELL), OPEN)
    assert kinds(exchange.advance(OPEN + SECOND)) == [Acknowledged, Working]
    assert exchange.on_quote("AAA", 99.51, 99.53, 200, 200, at_us=LATER) == []
    outcomes = exchange.on_quote("AAA", 99.48, 99.52, 200, 200, at_us=LATER + SECOND)
    assert kinds(outcomes) == [Triggered, Filled]
    assert fills(outcomes)[0].price == Decimal("99.48")


@pytest.mark.parametrize(
    ("bid", "ask"),
    [(float("nan"), 100.0), (100.0, float("inf")), (0.0, 100.0), (-1.0, 100.0), (100.1, 100.0), (99.0, float("nan"))],
)
def test_nothing_fills_on_an_unusable_quote(exchange: SimulatedExchange, bid: float, ask: float) -> None:
    exchange.on_quote("AAA", bid, ask, 500, 500, at_us=OPEN)
    exchange.submit(order(), OPEN)
    assert kinds(exchange.advance(LATER)) == [Acknowledged, Working]
    assert exchange.on_quote("AAA", bid, ask, 500, 500, at_us=LATER) == []


def test_ioc_remainder_is_cancelled_on_arrival(exchange: SimulatedExchange) -> None:
    exchange.submit(order(tif=TimeInForce.IOC), OPEN)
    outcomes = exchange.advance(OPEN + SECOND)
    assert kinds(outcomes) == [Acknowledged, Working, Filled, Cancelled]
    ended = outcomes[-1]
    assert isinstance(ended, Cancelled)
    assert (ended.remaining, ended.reason) == (Decimal(40), CancelReason.REMAINDER)


def test_cancel_takes_its_time_and_fills_stay_possible_meanwhile(exchange: SimulatedExchange) -> None:
    exchange.submit(limit("99.95"), OPEN)
    exchange.advance(OPEN + SECOND)
    exchange.cancel("1", LATER)
    assert fills(exchange.on_quote("AAA", 99.90, 99.94, 10, 30, at_us=LATER + 1_000))[0].quantity == Decimal(30)
    (ended,) = exchange.advance(LATER + SECOND)
    assert isinstance(ended, Cancelled)
    assert ended.remaining == Decimal(70)
    assert ended.at_us > LATER
    assert isinstance(exchange.cancel("1", LATER + SECOND)[0], Rejected)


def test_day_orders_expire_at_the_close_and_gtc_orders_stay(exchange: SimulatedExchange) -> None:
    exchange.submit(limit("90", "1"), OPEN)
    exchange.submit(limit("90", "2", tif=TimeInForce.GTC), OPEN)
    exchange.advance(LATER)
    (ended,) = exchange.advance(CLOSE + SECOND)
    assert isinstance(ended, Cancelled)
    assert (ended.key, ended.at_us, ended.reason) == ("1", CLOSE, CancelReason.EXPIRED)
    assert [rest.order.key for rest in exchange.resting()] == ["2"]
    exchange.open_session(OPEN + 86_400 * SECOND, CLOSE + 86_400 * SECOND)
    assert fills(exchange.on_quote("AAA", 80, 81, 500, 500, at_us=OPEN + 86_400 * SECOND))[0].price == Decimal("81.00")


def test_an_order_after_the_close_is_held_for_the_next_open(exchange: SimulatedExchange) -> None:
    exchange.advance(CLOSE)
    exchange.submit(order(), CLOSE + SECOND)
    (held,) = exchange.advance(CLOSE + 60 * SECOND)
    assert isinstance(held, Acknowledged)
    assert held.held
    opened = OPEN + 86_400 * SECOND
    exchange.open_session(opened, opened + 100 * SECOND)
    assert exchange.next_event_us() == opened
    outcomes = exchange.on_quote("AAA", 99, 101, 500, 500, at_us=opened) + exchange.advance(opened)
    assert kinds(outcomes) == [Working, Filled]


def test_replace_changes_price_and_quantity_after_its_latency(exchange: SimulatedExchange) -> None:
    exchange.submit(limit("99.00"), OPEN)
    exchange.advance(OPEN + SECOND)
    exchange.replace(limit("100.01", quantity=Decimal(20)), LATER)
    outcomes = exchange.advance(LATER + SECOND)
    assert kinds(outcomes) == [Replaced, Filled]
    assert fills(outcomes)[0].quantity == Decimal(20)
    assert exchange.resting() == ()


def test_replace_below_what_is_filled_ends_the_order(exchange: SimulatedExchange) -> None:
    exchange.submit(order(), OPEN)
    exchange.advance(OPEN + SECOND)
    exchange.replace(order(quantity=Decimal(60)), LATER)
    assert kinds(exchange.advance(LATER + SECOND)) == [Cancelled]


def test_restored_exchange_goes_on_like_the_first() -> None:
    def run(*, restart: bool) -> list[Outcome]:
        exchange = SimulatedExchange(LatencyModel(seed=3))
        exchange.open_session(OPEN, CLOSE)
        exchange.on_quote("AAA", 99.99, 100.01, 300, 60, at_us=OPEN)
        exchange.submit(limit("99.50", "1"), OPEN)
        exchange.submit(limit("99.60", "2"), OPEN + SECOND)
        exchange.advance(OPEN + SECOND)
        if restart:
            saved = exchange.resting()
            exchange = SimulatedExchange(LatencyModel(seed=3))
            exchange.open_session(OPEN, CLOSE)
            exchange.restore(saved)
        return exchange.advance(LATER) + exchange.on_quote("AAA", 99.30, 99.40, 100, 150, at_us=LATER)

    assert run(restart=True) == run(restart=False)


def test_duplicate_and_meaningless_orders_are_refused(exchange: SimulatedExchange) -> None:
    assert exchange.submit(order(), OPEN) == []
    assert isinstance(exchange.submit(order(), OPEN)[0], Rejected)
    assert isinstance(exchange.replace(order("9"), OPEN)[0], Rejected)
    for wrong in ({"quantity": Decimal(0)}, {"quantity": Decimal("NaN")}, {"limit_price": Decimal(1)}):
        with pytest.raises(ValueError, match=r"must be|limit_price"):
            order(**wrong)  # type: ignore[arg-type]


quotes = st.lists(
    st.tuples(st.integers(9_900, 10_100), st.integers(-2, 20), st.integers(0, 400), st.integers(0, 400)), max_size=60
)
orders = st.lists(
    st.tuples(
        st.integers(0, 50),
        st.sampled_from(Side),
        st.integers(1, 500),
        st.sampled_from((OrderType.MARKET, OrderType.LIMIT, OrderType.STOP)),
        st.integers(9_900, 10_100),
        st.sampled_from((TimeInForce.DAY, TimeInForce.GTC, TimeInForce.IOC)),
        st.booleans(),
    ),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(quotes, orders)
def test_any_story_keeps_the_rules(
    quotes: list[tuple[int, int, int, int]],
    orders: list[tuple[int, Side, int, OrderType, int, TimeInForce, bool]],
) -> None:
    exchange = SimulatedExchange(LatencyModel(seed=1))
    exchange.open_session(OPEN, CLOSE)
    submitted: dict[str, ExchangeOrder] = {}
    filled: dict[str, Decimal] = {}
    last_us = 0
    for second, (bid, spread, bid_size, ask_size) in enumerate(quotes):
        now = OPEN + second * SECOND
        outcomes = exchange.on_quote("AAA", bid / 100, (bid + spread) / 100, bid_size, ask_size, at_us=now)
        for number, (at, side, quantity, kind, price, tif, cancels) in enumerate(orders):
            if at == second:
                made = order(
                    str(number),
                    side=side,
                    quantity=Decimal(quantity),
                    order_type=kind,
                    tif=tif,
                    limit_price=Decimal(price) / 100 if kind is OrderType.LIMIT else None,
                    stop_price=Decimal(price) / 100 if kind is OrderType.STOP else None,
                )
                submitted[made.key] = made
                exchange.submit(made, now)
                if cancels:
                    exchange.cancel(made.key, now)
        outcomes += exchange.advance(now + SECOND - 1)
        taken = {Side.BUY: Decimal(0), Side.SELL: Decimal(0)}
        for outcome in outcomes:
            assert outcome.at_us >= last_us
            last_us = outcome.at_us
            if isinstance(outcome, Filled):
                made = submitted[outcome.key]
                assert spread >= 0
                assert outcome.price == Decimal(bid + spread if made.side is Side.BUY else bid) / 100
                if made.limit_price is not None:
                    assert (made.limit_price - outcome.price) * made.side.sign >= 0
                taken[made.side] += outcome.quantity
                filled[outcome.key] = filled.get(outcome.key, Decimal(0)) + outcome.quantity
                assert outcome.remaining == made.quantity - filled[outcome.key] >= 0
        assert taken[Side.BUY] <= ask_size
        assert taken[Side.SELL] <= bid_size
    finished = {outcome.key for outcome in exchange.advance(CLOSE)}
    assert finished >= {key for key, made in submitted.items() if made.tif is not TimeInForce.GTC} & finished
    assert all(rest.order.tif is TimeInForce.GTC for rest in exchange.resting())
