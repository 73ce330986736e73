"""Old orders are forgotten, with everything by which they could be found; what may still matter is kept."""

from datetime import timedelta

from daemon.domain.events import FillReceived
from daemon.domain.order import OrderState
from tests.fakes.order_desk import OrderDesk, commission, execution, status

DAYS_S = 86_400


def ended(desk: OrderDesk, exec_id: str) -> str:
    """Return the reference of an order that has been filled and paid for."""
    order = desk.sent(quantity=10)
    desk.hear(status(desk.order_id(order), "Submitted", perm_id=900 + desk.order_id(order)))
    desk.hear(execution(order, 10, exec_id=exec_id), commission(exec_id, "1.00"))
    assert desk.state(order) is OrderState.FILLED
    return order.intent.order_ref


def test_an_order_that_ended_six_days_ago_is_forgotten_when_another_is_made() -> None:
    desk = OrderDesk()
    ref = ended(desk, "a.01")
    desk.clock.pass_s(6 * DAYS_S)
    assert desk.executor._orders.get(ref) is not None
    desk.sent()
    orders = desk.executor._orders
    assert (orders.get(ref), orders.of_id(1), orders.of_perm_id(901), orders.of_execution("a.01")) == (None,) * 4


def test_a_correction_within_five_days_still_finds_its_order() -> None:
    desk = OrderDesk()
    order = desk.sent(quantity=10)
    desk.hear(execution(order, 10, exec_id="a.01"))
    desk.clock.pass_s(4 * DAYS_S)
    desk.sent()
    told = desk.hear(execution(order, 8, exec_id="a.02"))
    (received,) = [event for event in told.events if isinstance(event, FillReceived)]
    assert received.replaces is not None
    assert received.replaces.exec_id == "a.01"


def test_an_order_that_may_still_fill_is_never_forgotten() -> None:
    desk = OrderDesk()
    order = desk.sent()
    for _ in range(3):
        desk.clock.pass_s(6 * DAYS_S)
        desk.sent()
    assert desk.executor._orders[order.intent.order_ref].state is OrderState.SENDING
    assert order.intent.order_ref in desk.executor.working


def test_old_orders_are_looked_for_once_a_day() -> None:
    desk = OrderDesk()
    desk.sent()
    desk.clock.pass_s(DAYS_S - 3600)
    ref = ended(desk, "a.01")
    looked = desk.executor._orders
    looked.forget_old(desk.clock.at + timedelta(days=5, hours=2))  # more than five days, after the first look's day
    assert looked.get(ref) is None
    again = ended(desk, "b.01")
    looked.forget_old(desk.clock.at + timedelta(days=5, hours=3))
    assert looked.get(again) is not None
