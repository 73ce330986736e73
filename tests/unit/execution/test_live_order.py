"""An order by its executions, and orders rebuilt from the journal."""

# mypy: disable-error-code="comparison-overlap, unreachable, unused-ignore"

from decimal import Decimal

from daemon.domain.order import OrderState, Side
from daemon.domain.records import OrderEventSeen
from daemon.execution.restore import restore_orders
from tests.fakes.order_desk import AAA, STOCK, OrderDesk, execution, reported, status


def test_what_was_filled_and_at_which_price() -> None:
    desk = OrderDesk()
    order = desk.sent(quantity=10)
    live = desk.executor._orders[order.intent.order_ref]
    assert (live.filled, live.average_price, live.side) == (0, None, Side.BUY)
    desk.hear(execution(order, 3, "100.00", exec_id="a.01"), execution(order, 1, "104.00", exec_id="b.01"))
    assert (live.filled, live.average_price) == (4, 101)
    desk.hear(execution(order, 3, "101.00", exec_id="a.02"))
    assert (live.filled, live.average_price) == (4, Decimal("101.75"))


def test_a_rebuilt_order_is_the_one_that_was_there_but_for_host_times() -> None:
    desk = OrderDesk()
    order = desk.sent(limit="100.01")
    desk.hear(status(1, "Submitted", perm_id=901))
    desk.clock.pass_s(1)
    desk.hear(execution(order, 4, exec_id="a.01"))
    desk.advance(30)
    before = desk.executor._orders[order.intent.order_ref]
    (after,) = restore_orders(desk.journal, {AAA: STOCK}.get)
    assert (after.ticket, after.state, after.perm_ids, after.fills) == (
        before.ticket,
        before.state,
        {901},
        before.fills,
    )
    assert (after.arrival, after.cancel_asked, after.reduces) == (before.arrival, True, False)
    assert (after.steps.sent_at, after.steps.acknowledged_at, after.steps.first_fill_at, after.steps.last_fill_at) == (
        before.steps.sent_at,
        before.steps.acknowledged_at,
        before.steps.first_fill_at,
        before.steps.last_fill_at,
    )
    assert after.steps.sent_ns is None


def test_a_finished_order_is_rebuilt_as_checked() -> None:
    desk = OrderDesk()
    order = desk.sent()
    desk.hear(execution(order, 10))
    (after,) = restore_orders(desk.journal, {AAA: STOCK}.get)
    assert after.state is OrderState.FILLED


def test_an_instrument_that_is_gone_keeps_its_name() -> None:
    desk = OrderDesk()
    desk.sent()
    (after,) = restore_orders(desk.journal, lambda _: None)
    assert after.ticket.instrument.id == AAA


def test_rows_of_orders_without_an_intent_are_left_out() -> None:
    desk = OrderDesk()
    desk.sent()
    strangers = [record for record in desk.journal if isinstance(record, OrderEventSeen)]
    assert restore_orders(strangers, {AAA: STOCK}.get) == []


def test_a_ticket_never_changes_by_what_the_broker_reports() -> None:
    desk = OrderDesk()
    order = desk.sent()
    before = desk.executor._orders[order.intent.order_ref].ticket
    desk.reconcile(orders=[reported(order, "Submitted", order_id=77)])
    assert desk.executor._orders[order.intent.order_ref].ticket == before
