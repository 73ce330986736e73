"""Order rows made of tickets, and what an outcome of the exchange changes in them; nothing is stored or sent here."""

from dataclasses import replace
from typing import Any

from daemon.domain.order import OrderType
from daemon.gateway.account import ZERO
from daemon.gateway.combos import legs_from, legs_text
from daemon.gateway.ledger import OrderRow
from daemon.gateway.settlement import Settled
from daemon.gateway.tickets import Refusal, Ticket
from daemon.matching.orders import CancelReason, ExchangeOrder, OcaType, Rejected, RejectReason, TimeInForce

CHILD, LOCATE = "child", "locate"  # why an order is held
SETTLED = "EXERCISE"  # order type of what stands for an exercise, assignment or expiry
_WAIT_FOR_A_TRIGGER = frozenset(
    {
        OrderType.STOP,
        OrderType.STOP_LIMIT,
        OrderType.TRAIL,
        OrderType.TRAIL_LIMIT,
        OrderType.MARKET_IF_TOUCHED,
        OrderType.LIMIT_IF_TOUCHED,
    }
)
_REASON = "Order Canceled - reason:"
_ENDINGS = {  # what completed orders say, and the text of error 202
    CancelReason.REQUESTED: ("Cancelled by Trader", _REASON),
    CancelReason.EXPIRED: ("Cancelled: expired", f"{_REASON}expired at the close"),
    CancelReason.REMAINDER: ("Cancelled: remainder", f"{_REASON}remainder of an IOC, FOK or auction order"),
    CancelReason.OCA: ("Cancelled: OCA group", f"{_REASON}another order of its OCA group has been filled"),
    CancelReason.PARENT: ("Cancelled: parent", f"{_REASON}its parent order has ended"),
    CancelReason.CORPORATE_ACTION: ("Cancelled: corporate action", f"{_REASON}corporate action"),
}
_REJECTIONS = {
    RejectReason.PRICE_GRID: (110, "The price does not conform to the minimum price variation for this contract."),
    RejectReason.LOT_SIZE: (388, "Order size is smaller than the minimum requirement, or no multiple of the lot."),
    RejectReason.UNKNOWN_PARENT: (10006, "Missing parent order"),
    RejectReason.OCA_GROUP_FILLED: (201, "Order rejected - reason:OCA group is already filled."),
    RejectReason.UNKNOWN_ORDER: (104, "Cannot modify a filled order."),
    RejectReason.DUPLICATE_KEY: (103, "Duplicate order id"),
}


def new_row(
    ticket: Ticket, *, perm_id: int, client_id: int, order_id: int, account: str, at_us: int, parent_perm_id: int = 0
) -> OrderRow:
    """Return an order that has just come in."""
    return OrderRow(
        perm_id=perm_id,
        client_id=client_id,
        order_id=order_id,
        account=account,
        order_ref=ticket.order_ref,
        symbol=ticket.traded.symbol,
        exchange=ticket.exchange,
        side=ticket.side.value,
        order_type=ticket.order_type.value,
        status="PendingSubmit",
        filled=ZERO,
        notional=ZERO,
        last_price=ZERO,
        submitted_us=at_us,
        acknowledged=False,
        arrived=False,
        triggered=False,
        cancel_us=None,
        completed_us=None,
        completed_text="",
        parent_id=ticket.parent_id,
        parent_perm_id=parent_perm_id,
        legs=legs_text(ticket.traded.legs),
        **terms(ticket),
    )


def in_family(ticket: Ticket, parent_perm_id: int) -> Ticket:
    """Return a child's order with its siblings: what takes profit and what stops loss cancel each other.

    Children of one parent that name no group of their own are one, called after the parent, as IB reports them.
    """
    if not parent_perm_id or ticket.oca_group:
        return ticket
    return replace(ticket, oca_group=str(parent_perm_id), oca_type=OcaType.REDUCE_NO_BLOCK)


def settled_row(settled: Settled, *, perm_id: int, account: str, at_us: int) -> OrderRow:
    """Return what stands for an end of holdings among the orders, finished from the first."""
    first = settled.movements[0]
    return OrderRow(
        perm_id=perm_id,
        client_id=settled.client_id,
        order_id=0,
        account=account,
        order_ref="",
        symbol=first.symbol,
        exchange="SMART",
        side=first.side.value,
        quantity=first.quantity,
        order_type=SETTLED,
        limit_price=None,
        stop_price=None,
        tif=TimeInForce.DAY.value,
        status="Filled",
        filled=first.quantity,
        notional=first.quantity * first.price,
        last_price=first.price,
        submitted_us=at_us,
        acknowledged=True,
        arrived=True,
        triggered=False,
        cancel_us=None,
        completed_us=at_us,
        completed_text=settled.text,
        outside_rth=False,
        is_manual=True,
    )


def terms(ticket: Ticket) -> dict[str, Any]:
    """Return what a client may change in an order."""
    return {
        "quantity": ticket.quantity,
        "limit_price": ticket.limit_price,
        "stop_price": ticket.stop_price,
        "tif": ticket.tif.value,
        "outside_rth": ticket.outside_rth,
        "oca_group": ticket.oca_group,
        "oca_type": int(ticket.oca_type),
        "trail_amount": ticket.trail_amount,
        "trail_percent": ticket.trail_percent,
        "limit_offset": ticket.limit_offset,
        "peg_offset": ticket.peg_offset,
        "min_quantity": ticket.min_quantity,
        "all_or_none": ticket.all_or_none,
        "trigger_method": int(ticket.trigger_method),
        "good_till_us": ticket.good_till_us,
        "good_till_text": ticket.good_till_text,
        "good_after_us": ticket.good_after_us,
        "good_after_text": ticket.good_after_text,
    }


def refused_change(row: OrderRow, ticket: Ticket) -> Refusal | None:
    """Return why a working order cannot become what a client sends now, None when it can."""
    if row.status in {"Filled", "Cancelled"}:
        return Refusal(code=103, text="Duplicate order id")
    if row.cancel_us is not None:
        return Refusal(code=104, text="Cannot modify a filled or cancelling order.")
    same = (ticket.traded.symbol, ticket.side.value, ticket.parent_id) == (row.symbol, row.side, row.parent_id) and [
        (leg.symbol, leg.side, leg.ratio) for leg in ticket.traded.legs
    ] == [(leg.symbol, leg.side, leg.ratio) for leg in legs_from(row.legs)]
    if not same:
        return Refusal(code=105, text="Order being modified does not match original order")
    if ticket.order_type.value != row.order_type:
        return Refusal(code=329, text="Order modify failed. Cannot change to the new order type.")
    if ticket.oca_group != row.oca_group or int(ticket.oca_type) != row.oca_type:
        return Refusal(code=10326, text="OCA group revision is not allowed.")
    if ticket.quantity < row.filled:
        return Refusal(code=201, text="Order rejected - reason:The quantity is below what has been filled.")
    return None


def changed_by(row: OrderRow, order: ExchangeOrder) -> OrderRow:
    """Return an order after a change came into force."""
    return replace(
        row,
        quantity=order.quantity,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        tif=order.tif.value,
        trail_amount=order.trail_amount,
        trail_percent=order.trail_percent,
        limit_offset=order.limit_offset,
        peg_offset=order.peg_offset,
        min_quantity=order.min_quantity,
        all_or_none=order.all_or_none,
        trigger_method=int(order.trigger_method),
        good_till_us=order.good_till_us,
        good_after_us=order.good_after_us,
    )


def acknowledged(row: OrderRow, *, parent_lives: bool) -> OrderRow:
    """Return an order the broker has; a child says that it waits for its parent."""
    held = CHILD if parent_lives else ""
    return replace(row, acknowledged=True, status=unless_cancelling(row, "PreSubmitted"), why_held=held)


def working(row: OrderRow) -> OrderRow:
    """Return an order that has reached the exchange; those that wait for a trigger do so at the broker."""
    waits = OrderType(row.order_type) in _WAIT_FOR_A_TRIGGER and not row.triggered
    status = unless_cancelling(row, "PreSubmitted" if waits else "Submitted")
    return replace(row, arrived=True, status=status, why_held="")


def ended(row: OrderRow, reason: CancelReason, at_us: int) -> tuple[OrderRow, str]:
    """Return an order that was cancelled, and IB's text for error 202."""
    said, text = _ENDINGS[reason]
    return replace(row, status="Cancelled", completed_us=at_us, completed_text=said, why_held=""), text


def refusal_of(rejected: Rejected) -> Refusal:
    """Return IB's error for what the exchange refused."""
    code, text = _REJECTIONS[rejected.reason]
    return Refusal(code=code, text=text)


def unless_cancelling(row: OrderRow, status: str) -> str:
    """Return the status, or that a cancel is on its way."""
    return "PendingCancel" if row.cancel_us is not None else status
