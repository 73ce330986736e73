"""Whose a difference is, and that its id says which difference it is."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.adjustment import AdjustmentState
from daemon.domain.decision import StrategyId
from daemon.domain.instrument import Instrument, InstrumentId
from daemon.domain.order import OrderState, Side
from daemon.execution.adjustments import Adjustments, attributed
from daemon.execution.live_order import LiveOrder, Steps
from daemon.ports import OrderTicket

AT = datetime(2024, 3, 5, 15, 0, tzinfo=UTC)
AAA = InstrumentId("AAA")


def order(name: str, quantity: int, side: Side = Side.BUY, *, told: int = 0) -> LiveOrder:
    ticket = OrderTicket(
        order_id=1,
        order_ref=name,
        instrument=Instrument(symbol=AAA),
        side=side,
        quantity=Decimal(quantity),
        order_type="MKT",
        limit_price=None,
        time_in_force="DAY",
    )
    steps = Steps(bar_end=AT, decided_at=AT)
    doubtful = LiveOrder(
        ticket=ticket, strategy=StrategyId("one"), decision_price=Decimal(1), reduces=False, steps=steps, arrival=None
    )
    doubtful.state, doubtful.told_filled = OrderState.UNKNOWN, Decimal(told)
    return doubtful


def named(difference: int, orders: Sequence[LiveOrder]) -> list[tuple[str | None, int]]:
    shares = attributed(Decimal(difference), orders)
    return [(each.ticket.order_ref if each is not None else None, int(quantity)) for each, quantity in shares]


@pytest.mark.parametrize(
    ("difference", "orders", "expected"),
    [
        (10, [order("a", 10)], [("a", 10)]),
        (-10, [order("a", 10, Side.SELL)], [("a", -10)]),
        (4, [order("a", 10)], [("a", 4)]),
        (20, [order("a", 10)], [(None, 20)]),
        (-10, [order("a", 10)], [(None, -10)]),
        (10, [], [(None, 10)]),
        (10, [order("a", 10), order("b", 10)], [(None, 10)]),  # either
        (20, [order("a", 10), order("b", 10)], [("a", 10), ("b", 10)]),
        (6, [order("a", 10), order("b", 4, Side.SELL)], [("a", 10), ("b", -4)]),
        (4, [order("a", 10, told=4), order("b", 4)], [("a", 4)]),  # the broker has counted it
    ],
)
def test_a_difference_is_the_order_s_of_which_it_follows(
    difference: int, orders: list[LiveOrder], expected: list[tuple[str | None, int]]
) -> None:
    assert named(difference, orders) == expected


@given(
    st.integers(-30, 30).filter(bool),
    st.lists(st.tuples(st.integers(1, 15), st.sampled_from(Side), st.integers(0, 15)), max_size=5),
)
def test_what_is_attributed_adds_up_and_no_order_gets_more_than_it_had_left(
    difference: int, drawn: list[tuple[int, Side, int]]
) -> None:
    orders = [order(str(number), *each[:2], told=min(each[2], each[0])) for number, each in enumerate(drawn)]
    shares = attributed(Decimal(difference), orders)
    assert sum(quantity for _, quantity in shares) == difference
    assert all(each is None or 0 < quantity * each.side.sign <= each.remaining for each, quantity in shares)


def test_what_waits_keeps_its_id_when_another_of_the_same_instrument_is_settled() -> None:
    adjustments, orders = Adjustments(), [order("a", 10), order("b", 7)]
    first, second = adjustments.propose({AAA: Decimal(17)}, orders, AT)
    adjustments.settled(first.adjustment_id, price=Decimal(1), order=orders[0], at=AT, who="ann")
    assert adjustments.propose({AAA: Decimal(7)}, orders[1:], AT) == ()
    assert adjustments.proposed == (second,)


def test_the_next_difference_like_one_that_was_settled_is_another_one() -> None:
    adjustments = Adjustments()
    (first,) = adjustments.propose({AAA: Decimal(5)}, [], AT)
    adjustments.settled(first.adjustment_id, price=None, order=None, at=AT, who="ann")
    assert adjustments.external == {AAA: 5}
    (second,) = adjustments.propose({AAA: Decimal(5)}, [], AT + timedelta(hours=1))
    assert second.adjustment_id != first.adjustment_id
    again = Adjustments()
    again.take(first)
    assert again.propose({AAA: Decimal(5)}, [], AT + timedelta(days=1)) == ()


def test_a_difference_that_has_gone_is_withdrawn_and_proposed_under_the_same_id_should_it_return() -> None:
    adjustments = Adjustments()
    (first,) = adjustments.propose({AAA: Decimal(5)}, [], AT)
    (gone,) = adjustments.propose({}, [], AT)
    assert (gone.state, adjustments.proposed) == (AdjustmentState.WITHDRAWN, ())
    (again,) = adjustments.propose({AAA: Decimal(5)}, [], AT)
    assert again.adjustment_id == first.adjustment_id
