"""The engine's own orders: what still may fill, what was made lately, what is forgotten."""

# mypy: disable-error-code="comparison-overlap, unreachable, unused-ignore"

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from daemon.domain.decision import StrategyId
from daemon.domain.fill import Fill
from daemon.domain.instrument import Instrument
from daemon.domain.order import OrderIntent, OrderRef, OrderState, Side
from daemon.engine.order_book import OrderBook, OwnOrder
from tests.fakes.engine_stage import AAA, BBB

AT = datetime(2024, 3, 5, 15, 0, tzinfo=UTC)
REF = OrderRef("pd-t-1")
ONE = StrategyId("one")


def order(ref: OrderRef = REF, quantity: int = 10) -> OwnOrder:
    return OwnOrder(
        order_ref=ref,
        strategy=ONE,
        instrument=AAA,
        side=Side.BUY,
        quantity=Decimal(quantity),
        reduces=False,
        decided_at=AT,
    )


def fill(quantity: int, exec_id: str = "a.01", ref: OrderRef = REF) -> Fill:
    return Fill(
        exec_id=exec_id,
        order_ref=ref,
        instrument=AAA,
        side=Side.BUY,
        quantity=Decimal(quantity),
        price=Decimal(100),
        at=AT,
        executed_at=AT,
    )


def intent(at: datetime) -> OrderIntent:
    return OrderIntent(
        order_ref=REF,
        strategy=ONE,
        instrument=Instrument(symbol="AAA"),
        side=Side.BUY,
        quantity=Decimal(1),
        decision_id="d",
        decision_price=Decimal(100),
        bar_end=at,
        decided_at=at,
        reduces=False,
    )


def test_what_remains_shrinks_with_fills_and_never_below_nothing() -> None:
    book = OrderBook()
    book.add(order())
    book.on_fill(fill(4), None)
    assert book.working()[0].remaining == 6
    book.on_fill(fill(9, "b.01"), None)
    assert book.working()[0].remaining == 0


def test_a_correction_counts_the_difference() -> None:
    book = OrderBook()
    book.add(order())
    wrong = fill(4)
    book.on_fill(wrong, None)
    book.on_fill(fill(3, "a.02"), wrong)
    assert book.working()[0].remaining == 7


def test_an_order_that_ended_works_no_longer_until_it_comes_back() -> None:
    book = OrderBook()
    book.add(order())
    for state, works in [
        (OrderState.CANCELLED, False),
        (OrderState.PARTIALLY_FILLED, True),
        (OrderState.FILLED, False),
        (OrderState.UNKNOWN, True),
        (OrderState.REJECTED, False),
        (OrderState.PENDING_CANCEL, True),
    ]:
        book.on_state(REF, state, AT)
        assert book.has_working(ONE, AAA) is works
        assert bool(book.working()) is works


def test_working_orders_are_told_apart_by_strategy_and_instrument() -> None:
    book = OrderBook()
    book.add(order())
    assert not book.has_working(ONE, BBB)
    assert not book.has_working(StrategyId("two"), AAA)


def test_what_is_not_ours_changes_nothing() -> None:
    book = OrderBook()
    book.on_state(OrderRef("pd-x-1"), OrderState.FILLED, AT)
    book.on_fill(fill(1, ref=OrderRef("pd-x-1")), None)
    assert book.get(OrderRef("pd-x-1")) is None
    assert book.working() == []


def test_recent_orders_are_those_of_less_than_a_minute() -> None:
    book = OrderBook()
    for seconds in (0, 1, 2):
        book.note(intent(AT + timedelta(seconds=seconds)))
    assert len(book.recent(AT + timedelta(seconds=59.999))) == 3
    assert len(book.recent(AT + timedelta(seconds=60))) == 2
    assert len(book.recent(AT + timedelta(seconds=62))) == 0


def test_only_ended_orders_of_days_ago_are_forgotten() -> None:
    book = OrderBook()
    old_ended, old_working = order(OrderRef("pd-t-2")), order(OrderRef("pd-t-3"))
    fresh = replace(order(), decided_at=AT + timedelta(days=5))
    for item in (fresh, old_ended, old_working):
        book.add(item)
    for item in (fresh, old_ended):
        book.on_state(item.order_ref, OrderState.FILLED, AT)
    book.forget_old(AT + timedelta(days=5, seconds=1))
    assert book.get(old_ended.order_ref) is None
    assert book.get(old_working.order_ref) is not None
    assert book.get(fresh.order_ref) is not None
