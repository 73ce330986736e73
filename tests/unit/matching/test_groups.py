"""One-cancels-all groups and brackets, as rules and at the exchange."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.order import OrderType, Side
from daemon.matching.exchange import SimulatedExchange
from daemon.matching.groups import OrderGroups, open_after
from daemon.matching.latency import LatencyModel
from daemon.matching.orders import (
    Acknowledged,
    Cancelled,
    CancelReason,
    ExchangeOrder,
    Filled,
    FillModel,
    OcaType,
    Outcome,
    Rejected,
    RejectReason,
    Replaced,
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
    decimals,
    fills,
    kinds,
    limit,
    one_fill,
    order,
    quote,
    traded,
)

REDUCING = [OcaType.REDUCE_WITH_BLOCK, OcaType.REDUCE_NO_BLOCK]


def with_orders(*members: ExchangeOrder) -> SimulatedExchange:
    exchange = traded()
    exchange.on_quote("BBB", 49.99, 50.01, 500, 500, at_us=OPEN)
    for member in members:
        assert exchange.submit(member, OPEN) == []
    exchange.advance(OPEN + SECOND)
    return exchange


def ended(outcomes: list[Outcome]) -> list[tuple[str, Decimal, CancelReason]]:
    return [(each.key, each.remaining, each.reason) for each in outcomes if isinstance(each, Cancelled)]


def member(price: str, key: str, oca_type: OcaType, **changes: Any) -> ExchangeOrder:
    return limit(price, key, oca_group="G", oca_type=oca_type, **changes)


def test_any_fill_cancels_the_others_of_a_cancelling_group() -> None:
    kind = OcaType.CANCEL_WITH_BLOCK
    exchange = with_orders(member("99", "1", kind), member("98", "2", kind), member("49", "3", kind, symbol="BBB"))
    outcomes = quote(exchange, 98.9, 99.0, 1, 40, at_us=LATER)
    assert fills(outcomes) == one_fill("1", 40, "99.00")
    assert ended(outcomes) == [("2", Decimal(100), CancelReason.OCA), ("3", Decimal(100), CancelReason.OCA)]
    assert fills(quote(exchange, 98.9, 99.0, 1, 500, at_us=LATER + 1)) == one_fill("1", 60, "99.00")


@pytest.mark.parametrize("kind", REDUCING)
def test_a_partial_fill_reduces_the_others_in_proportion(kind: OcaType) -> None:
    exchange = with_orders(member("99", "1", kind), member("49", "2", kind, symbol="BBB", quantity=50))
    outcomes = quote(exchange, 98.9, 99.0, 1, 30, at_us=LATER)
    assert kinds(outcomes) == [Filled, Replaced]
    reduced = outcomes[1]
    assert isinstance(reduced, Replaced)
    assert (reduced.key, reduced.order.quantity) == ("2", Decimal(35))
    last = exchange.on_quote("BBB", 48.9, 49.0, 500, 500, at_us=LATER + 1)
    assert fills(last) == one_fill("2", 35, "49.00")
    assert ended(last) == [("1", Decimal(70), CancelReason.OCA)]


def test_two_members_that_one_quote_would_fill_share_the_group_quantity() -> None:
    kind = OcaType.REDUCE_WITH_BLOCK
    exchange = with_orders(member("99.20", "1", kind), member("99.10", "2", kind))
    outcomes = quote(exchange, 98.9, 99.0, 1, 150, at_us=LATER)
    assert fills(outcomes) == one_fill("1", 100, "99.00")
    assert ended(outcomes) == [("2", Decimal(100), CancelReason.OCA)]


def test_a_reduced_order_keeps_a_minimum_it_can_still_meet() -> None:
    kind = OcaType.REDUCE_WITH_BLOCK
    exchange = with_orders(member("99", "1", kind), member("98", "2", kind, min_quantity=80))
    quote(exchange, 98.9, 99.0, 1, 50, at_us=LATER)
    (rest,) = [rest for rest in exchange.resting() if rest.order.key == "2"]
    assert (rest.order.quantity, rest.order.min_quantity) == decimals(50, 50)


def test_a_group_that_is_used_up_takes_no_more_members() -> None:
    kind = OcaType.CANCEL_WITH_BLOCK
    exchange = with_orders(member("99", "1", kind))
    quote(exchange, 98.9, 99.0, 1, 10, at_us=LATER)
    (refused,) = exchange.submit(member("98", "2", kind), LATER)
    assert isinstance(refused, Rejected)
    assert refused.reason is RejectReason.OCA_GROUP_FILLED


def test_cancelling_one_member_leaves_the_others() -> None:
    kind = OcaType.CANCEL_WITH_BLOCK
    exchange = with_orders(member("99", "1", kind), member("98", "2", kind))
    exchange.cancel("1", LATER)
    assert ended(exchange.advance(LATER + SECOND)) == [("1", Decimal(100), CancelReason.REQUESTED)]
    assert [rest.order.key for rest in exchange.resting()] == ["2"]


def test_a_print_fills_no_more_of_a_group_than_its_quantity() -> None:
    kind = OcaType.REDUCE_WITH_BLOCK
    queued = {"fill_model": FillModel.QUEUE_CONSERVATIVE}
    exchange = with_orders(member("99.20", "1", kind, **queued), member("99.10", "2", kind, **queued))
    outcomes = exchange.on_trade("AAA", 99.0, 1000, at_us=LATER)
    assert fills(outcomes) == one_fill("1", 100, "99.20")
    assert ended(outcomes) == [("2", Decimal(100), CancelReason.OCA)]


def bracket(*, tif: TimeInForce = TimeInForce.DAY) -> list[ExchangeOrder]:
    exits = {"side": Side.SELL, "parent_key": "1", "oca_group": "X", "oca_type": OcaType.REDUCE_WITH_BLOCK, "tif": tif}
    return [
        limit("99.50", "1"),
        limit("101", "2", **exits),
        order("3", OrderType.STOP, stop_price="99.00", **exits),
    ]


@pytest.fixture
def bracketed() -> SimulatedExchange:
    return with_orders(*bracket())


def test_children_wait_for_the_parent_whatever_the_market_does(bracketed: SimulatedExchange) -> None:
    assert quote(bracketed, 101.5, 101.6, at_us=LATER) == []
    assert [rest.arrived for rest in bracketed.resting()] == [True, False, False]


def test_a_partial_fill_of_the_parent_releases_nobody(bracketed: SimulatedExchange) -> None:
    quote(bracketed, 99.4, 99.5, 500, 99, at_us=LATER)
    assert bracketed.advance(LATER + SECOND) == []


def test_children_start_when_the_parent_is_filled_and_one_ends_the_other(bracketed: SimulatedExchange) -> None:
    assert fills(quote(bracketed, 99.4, 99.5, at_us=LATER)) == one_fill("1", 100, "99.50")
    assert bracketed.advance(LATER) == [Working(key="2", at_us=LATER), Working(key="3", at_us=LATER)]
    outcomes = quote(bracketed, 98.9, 99.0, at_us=LATER + SECOND)
    assert kinds(outcomes) == [Triggered, Filled, Cancelled]
    assert ended(outcomes) == [("2", Decimal(100), CancelReason.OCA)]
    assert bracketed.resting() == ()


def test_a_cancelled_parent_takes_its_children_along(bracketed: SimulatedExchange) -> None:
    bracketed.cancel("1", LATER)
    assert ended(bracketed.advance(LATER + SECOND)) == [
        ("1", Decimal(100), CancelReason.REQUESTED),
        ("2", Decimal(100), CancelReason.PARENT),
        ("3", Decimal(100), CancelReason.PARENT),
    ]


def test_an_expired_parent_takes_lasting_children_along() -> None:
    exchange = with_orders(*bracket(tif=TimeInForce.GTC))
    assert [reason for *_, reason in ended(exchange.advance(CLOSE))] == [
        CancelReason.EXPIRED, CancelReason.PARENT, CancelReason.PARENT
    ]  # fmt: skip


def test_lasting_children_protect_the_position_in_the_next_session() -> None:
    exchange = with_orders(*bracket(tif=TimeInForce.GTC))
    quote(exchange, 99.4, 99.5, at_us=LATER)
    exchange.advance(CLOSE)
    exchange.open_session(OPEN + DAY, CLOSE + DAY)
    assert kinds(quote(exchange, 98, 99, at_us=OPEN + DAY)) == [Triggered, Filled, Cancelled]


def test_a_child_without_a_live_parent_is_refused() -> None:
    exchange = traded()
    (refused,) = exchange.submit(limit("99", "2", parent_key="1"), OPEN)
    assert isinstance(refused, Rejected)
    assert (refused.reason, refused.detail) == (RejectReason.UNKNOWN_PARENT, "parent_key 1")


def test_a_restored_bracket_goes_on_like_the_first(bracketed: SimulatedExchange) -> None:
    again = SimulatedExchange(LatencyModel(seed=3))
    again.open_session(OPEN, CLOSE)
    again.restore(reversed(bracketed.resting()))  # children before their parent
    assert again.advance(LATER) == []
    for exchange in (bracketed, again):
        quote(exchange, 99.4, 99.5, at_us=LATER)
        assert {type(each) for each in exchange.advance(LATER)} == {Working}
    assert sorted(rest.order.key for rest in again.resting()) == ["2", "3"]
    assert kinds(quote(again, 98, 99, at_us=LATER + 1)) == kinds(quote(bracketed, 98, 99, at_us=LATER + 1))


def test_a_child_of_an_instant_parent_is_acknowledged_before_it_works() -> None:
    exchange = traded()
    exchange.submit(order("1", quantity=50), OPEN)
    exchange.submit(limit("101", "2", side=Side.SELL, parent_key="1"), OPEN)
    mine = [type(each) for each in exchange.advance(LATER) if each.key == "2"]
    assert mine == [Acknowledged, Working]


def test_a_child_in_its_parents_group_ends_once() -> None:
    kind = OcaType.CANCEL_WITH_BLOCK
    exchange = with_orders(member("99", "1", kind), member("98", "2", kind), member("97", "3", kind, parent_key="2"))
    gone = ended(quote(exchange, 98.9, 99.0, at_us=LATER))
    assert [(key, reason) for key, _, reason in gone] == [("2", CancelReason.OCA), ("3", CancelReason.PARENT)]


def test_closing_orders_of_one_group_share_the_auction() -> None:
    kind = OcaType.REDUCE_WITH_BLOCK
    closing = [
        order(key, OrderType.MARKET_ON_CLOSE, oca_group="G", oca_type=kind, quantity=quantity)
        for key, quantity in (("1", 100), ("2", 50))
    ]
    outcomes = with_orders(*closing).close_auction("AAA", Decimal(100), CLOSE)
    assert fills(outcomes) == one_fill("1", 100, "100")
    assert ended(outcomes) == [("2", Decimal(50), CancelReason.OCA)]


def test_the_index_forgets_what_is_finished() -> None:
    groups, first = OrderGroups(), member("99", "1", OcaType.CANCEL_WITH_BLOCK)
    child = limit("99", "2", parent_key="1")
    groups.add(first)
    groups.add(child)
    assert (groups.others(first), groups.children("1")) == ((), ("2",))
    groups.drop(first)
    groups.drop(child)
    groups.drop(child)
    assert groups.children("1") == ()


@given(
    st.sampled_from(REDUCING),
    st.lists(st.integers(1, 1000), min_size=2, max_size=5),
    st.lists(st.tuples(st.integers(0, 4), st.integers(1, 1000)), max_size=20),
)
def test_shares_filled_of_all_members_never_exceed_one(
    kind: OcaType, quantities: list[int], attempts: list[tuple[int, int]]
) -> None:
    left = {str(number): Decimal(quantity) for number, quantity in enumerate(quantities)}
    filled = dict.fromkeys(left, Decimal(0))
    for who, wanted in attempts:
        key = str(who % len(quantities))
        quantity = min(Decimal(wanted), left[key])
        if quantity == 0:
            continue
        others = {other: remaining for other, remaining in left.items() if other != key}
        left |= open_after(kind, others, filled=quantity, filler_before=left[key])
        left[key] -= quantity
        filled[key] += quantity
    # exact: sum of filled_i / quantity_i <= 1
    product = Decimal(1)
    for each in quantities:
        product *= each
    assert sum(filled[str(number)] * (product / each) for number, each in enumerate(quantities)) <= product
    assert all(remaining >= 0 for remaining in left.values())
