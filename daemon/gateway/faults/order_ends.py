"""Faults of orders as they end: cancelled by the exchange, cancels late or refused, fills late or out of order."""

from collections.abc import Iterable
from decimal import Decimal
from typing import ClassVar, Final, Literal

from pydantic import Field, PositiveInt

from daemon.gateway.faults.frames import Frame
from daemon.gateway.faults.link import Link
from daemon.gateway.faults.model import Counted, Effect, Fault, Scope
from daemon.gateway.faults.orders import OnOrders
from daemon.gateway.faults.when import Length
from daemon.gateway.ledger import OrderRow
from daemon.gateway.timeline import SECOND_US
from daemon.gateway.wire.account_requests import CancelOrder
from daemon.gateway.wire.messages import Request
from daemon.gateway.wire.order_request import PlaceOrder

_CANCEL_REFUSALS: Final = {
    161: "Cancel attempted when order is not in a cancellable state. Order permId =",
    10147: "OrderId {order_id} that needs to be cancelled is not found.",
    10148: "OrderId {order_id} that needs to be cancelled cannot be cancelled, state: PendingCancel.",
}


class _OrderCancelled(OnOrders):
    def begin(self) -> None:
        self._pending: set[tuple[int, int]] = set()

    def request(self, link: Link, request: Request) -> bool:
        if isinstance(request, PlaceOrder) and self.wants(link, request):
            self._pending.add((link.client_id, request.order_id))
        return False

    def outgoing(self, link: Link, frames: list[Frame]) -> list[Frame]:
        for frame in frames:
            key = (link.client_id, frame.subject or 0)
            if frame.kind == "orderStatus" and key in self._pending and frame.fields[2] == "Submitted":
                self._pending.discard(key)
                if self.strikes():
                    self._cancel_soon(key)
        return frames

    def _cancel_soon(self, key: tuple[int, int]) -> None:
        """Cancel in an instant of its own: what is being written now is told already."""
        stage = self.scope.stage
        stage.at(stage.now_us + 1, lambda: stage.broker.cancel(*key))


class OrderCancelled(Counted):
    """The exchange cancels orders that nobody asked it to cancel, as soon as they work: Cancelled and 202."""

    effect: ClassVar = _OrderCancelled
    name: Literal["order_cancelled"] = "order_cancelled"


class _CancelLate(OnOrders):
    def request(self, link: Link, request: Request) -> bool:
        fault = self.fault
        if not isinstance(request, CancelOrder) or not isinstance(fault, CancelLate) or not self.scope.hits(link):
            return False
        order = self.order(link.client_id, request.order_id)
        if order is not None and self.scope.wants(order.symbol) and self.strikes():
            key = order.order_ref or f"{order.client_id}:{order.order_id}"
            self.scope.stage.delay_message(key, "cancel", round(fault.by * SECOND_US))
        return False


class CancelLate(Counted):
    """Cancels stay PendingCancel for long; the order can fill meanwhile."""

    effect: ClassVar = _CancelLate
    name: Literal["cancel_late"] = "cancel_late"
    by: Length = Field(30.0, description="market time")


class _CancelRefused(OnOrders):
    def request(self, link: Link, request: Request) -> bool:
        fault = self.fault
        if not isinstance(request, CancelOrder) or not isinstance(fault, CancelRefused) or not self.scope.hits(link):
            return False
        if not self.scope.wants(link.orders.get(request.order_id)) or not self.strikes():
            return False
        link.error(fault.code, _CANCEL_REFUSALS[fault.code].format(order_id=request.order_id), request.order_id)
        return True


class CancelRefused(Counted):
    """Cancels get 10147, 10148 or 161 although the order works, and go on working."""

    effect: ClassVar = _CancelRefused
    name: Literal["cancel_refused"] = "cancel_refused"
    code: Literal[161, 10147, 10148] = 10147


class _FillAfterCancel(OnOrders):
    def outgoing(self, link: Link, frames: list[Frame]) -> list[Frame]:
        for frame in frames:
            if frame.kind == "orderStatus" and frame.fields[2] == "Cancelled" and not frame.is_answer:
                order = self.order(link.client_id, frame.subject or 0)
                if order is not None and self.scope.wants(order.symbol) and self.strikes():
                    self._promise(order)
        return frames

    def _promise(self, order: OrderRow) -> None:
        fault, stage = self.fault, self.scope.stage
        if not isinstance(fault, FillAfterCancel):
            return
        left = order.quantity - order.filled
        quantity = max(Decimal(1), (left * fault.part).to_integral_value())
        price = order.limit_price or stage.broker.mark(order.symbol)
        if price is not None and 0 < quantity <= left:
            stage.at(stage.now_us + round(fault.by * SECOND_US), lambda: _book(self.scope, order, quantity, price))


def _book(scope: Scope, order: OrderRow, quantity: Decimal, price: Decimal) -> None:
    """Book what is still left of the order: another fault may have filled it meanwhile."""
    now = scope.stage.broker.orders[order.perm_id]
    quantity = min(quantity, now.quantity - now.filled)
    if quantity > 0:
        scope.stage.bookings.fill_late(order.perm_id, quantity, price)


class FillAfterCancel(Counted):
    """An execution of a cancelled order comes after its end, and counts: the gateway's books have it too."""

    effect: ClassVar = _FillAfterCancel
    name: Literal["fill_after_cancel"] = "fill_after_cancel"
    by: Length = Field(1.0, description="market time after Cancelled")
    part: Decimal = Field(Decimal(1), gt=0, le=1, description="of what was left of the order")
    count: PositiveInt | None = 1


class _FillOrder(Effect["FillOrder"]):
    def __init__(self, fault: "FillOrder", scope: Scope) -> None:
        super().__init__(fault, scope)
        self._acks: dict[tuple[Link, int], list[Frame]] = {}

    def outgoing(self, link: Link, frames: list[Frame]) -> list[Frame]:
        if not self.scope.hits(link):
            return frames
        match self.fault.place:
            case "without_status":
                filled = {frame.subject for frame in frames if frame.kind == "execDetails" and not frame.is_answer}
                return [frame for frame in frames if not (frame.kind == "orderStatus" and frame.subject in filled)]
            case "after_status":
                late = [frame for frame in frames if frame.kind in _FILL and not frame.is_answer]
                return _before_mark([frame for frame in frames if frame not in late], late)
            case "after_commission":
                late = [frame for frame in frames if frame.kind == "execDetails" and not frame.is_answer]
                return _before_mark([frame for frame in frames if frame not in late], late)
            case "before_acknowledgement":
                return [kept for frame in frames for kept in self._acknowledged_late(link, frame)]

    def _acknowledged_late(self, link: Link, frame: Frame) -> Iterable[Frame]:
        key = (link, frame.subject or 0)
        if frame.is_answer or frame.kind not in {"openOrder", "orderStatus", "execDetails"}:
            return (frame,)
        if frame.kind == "execDetails":
            return (frame, *self._acks.pop(key, ()))
        if frame.kind == "orderStatus" and frame.fields[2] in {"PreSubmitted", "Submitted"}:
            self._acks.setdefault(key, []).append(frame)
            return ()
        return () if frame.kind == "openOrder" and key in self._acks else (frame,)


_FILL: Final = frozenset({"execDetails", "commissionReport"})


def _before_mark(frames: list[Frame], late: list[Frame]) -> list[Frame]:
    """Return the late ones behind the others, but before the mark that ends the instant."""
    if frames and frames[-1].kind == "currentTime":
        return [*frames[:-1], *late, frames[-1]]
    return [*frames, *late]


class FillOrder(Fault):
    """Executions come before the acknowledgement, after their orderStatus, after their commission, or without status.

    Without the fault it is execDetails, openOrder, orderStatus, commissionReport.
    """

    effect: ClassVar = _FillOrder
    name: Literal["fill_order"] = "fill_order"
    place: Literal["before_acknowledgement", "after_status", "after_commission", "without_status"] = "after_status"


ORDER_END_FAULTS: tuple[type[Fault], ...] = (OrderCancelled, CancelLate, CancelRefused, FillAfterCancel, FillOrder)
