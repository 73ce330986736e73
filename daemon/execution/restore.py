"""Rebuilds the executor's orders from the journal's records."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime

from daemon.domain.broker_codes import CodeKind, classify
from daemon.domain.fill import Fill
from daemon.domain.instrument import Instrument, InstrumentId
from daemon.domain.order import OrderRef, OrderState
from daemon.domain.records import (
    ArrivalQuoteTaken,
    CommissionRecorded,
    FillRecorded,
    IntentRecorded,
    OrderEventSeen,
    OrderRefAssigned,
    Record,
)
from daemon.execution.live_order import ACKNOWLEDGED, LiveOrder, Steps
from daemon.ports import OrderTicket


def restore_orders(
    records: Iterable[Record], instruments: Callable[[InstrumentId], Instrument | None]
) -> list[LiveOrder]:
    """Return every order the journal knows, oldest first.

    Host times are lost with the process that measured them. An order that was never assigned an id was never sent.
    """
    orders: dict[OrderRef, LiveOrder] = {}
    for record in records:
        match record:
            case IntentRecorded():
                orders[record.order_ref] = _order(record, instruments)
            case OrderRefAssigned() if record.order_ref in orders:
                order = orders[record.order_ref]
                order.ticket = replace(order.ticket, order_id=record.order_id)
                if record.perm_id:
                    order.perm_ids.add(record.perm_id)
            case ArrivalQuoteTaken() if record.order_ref in orders:
                orders[record.order_ref].arrival = record
            case OrderEventSeen() if record.order_ref in orders:
                _take_event(orders[record.order_ref], record)
            case FillRecorded() if record.order_ref in orders:
                _take_fill(orders[record.order_ref], record)
            case CommissionRecorded() if record.order_ref in orders:
                orders[record.order_ref].commissions[record.exec_id] = record.amount
            case _:
                continue
    return list(orders.values())


def _order(record: IntentRecorded, instruments: Callable[[InstrumentId], Instrument | None]) -> LiveOrder:
    ticket = OrderTicket(
        order_id=0,
        order_ref=record.order_ref,
        instrument=instruments(record.instrument) or Instrument(symbol=record.instrument),
        side=record.side,
        quantity=record.quantity,
        order_type=record.order_type.value,
        limit_price=record.limit_price,
        time_in_force="DAY",
    )
    steps = Steps(bar_end=datetime.fromtimestamp(record.bar_end, UTC), decided_at=record.at)
    return LiveOrder(
        ticket=ticket,
        strategy=record.strategy,
        decision_price=record.decision_price,
        reduces=record.reduces,
        steps=steps,
        arrival=None,
    )


def _take_event(order: LiveOrder, record: OrderEventSeen) -> None:
    order.state = record.state
    order.ended_at = record.at if record.state.is_terminal else None
    if record.source == "wire":
        order.steps.sent_at = record.at
    elif record.text in ACKNOWLEDGED and order.steps.acknowledged_at is None:
        order.steps.acknowledged_at = record.at
    order.cancel_asked = record.state is OrderState.PENDING_CANCEL and (
        order.cancel_asked or record.source in {"timeout", "shutdown"}
    )
    if record.source == "error" and classify(record.code).kind is CodeKind.ORDER_REJECTED:
        order.refuse(record.text, record.code, record.at)
    elif record.source == "snapshot":
        order.forget_refusal()


def _take_fill(order: LiveOrder, record: FillRecorded) -> None:
    replaces = next((fill for fill in order.fills.values() if fill.exec_id == record.replaces), None)
    order.take(
        Fill(
            exec_id=record.exec_id,
            order_ref=record.order_ref,
            instrument=record.instrument,
            side=record.side,
            quantity=record.quantity,
            price=record.price,
            at=record.at,
            executed_at=record.executed_at,
        ),
        replaces,
    )
