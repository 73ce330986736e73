"""Faults of orders as they are placed: refused, never answered, held, inactive, warned about."""

from collections.abc import Iterable
from typing import ClassVar, Final, Literal

from pydantic import Field

from daemon.gateway.faults.frames import Frame
from daemon.gateway.faults.link import Link
from daemon.gateway.faults.model import Counted, Effect, Fault, Scope
from daemon.gateway.faults.when import Length
from daemon.gateway.ledger import OrderRow
from daemon.gateway.timeline import SECOND_US
from daemon.gateway.wire.account_requests import CancelOrder, ReqGlobalCancel
from daemon.gateway.wire.account_responses import ErrorMessage
from daemon.gateway.wire.framing import encode_frame
from daemon.gateway.wire.messages import Request
from daemon.gateway.wire.order_request import PlaceOrder
from daemon.gateway.wire.responses import encode_response

_REFUSALS: Final = {
    104: "Can't modify a filled order.",
    105: "Order being modified does not match original order",
    110: "The price does not conform to the minimum price variation for this contract.",
    161: "Cancel attempted when order is not in a cancellable state. Order permId =",
    200: "No security definition has been found for the request",
    201: "Order rejected - reason:",
    203: "The security is not available or allowed for this account.",
    321: "Error validating request.-'bG' : cause - The API interface is currently in Read-Only mode.",
    383: "The following order size exceeds the Size Limit.",
    451: "The following order value exceeds the Total Value Limit.",
    460: "No trading permissions.",
    463: "You must enter a valid price.",
    10311: "This order will be directly routed.",
}
_WARNINGS: Final = {
    399: "Order Message:\nWarning: your order will not be placed at the exchange until the open.",
    2109: "Order Event Warning: Attribute 'Outside Regular Trading Hours' is ignored based on the order type.",
    10349: "Order TIF was set to DAY based on order preset.",
}


def is_new(link: Link, stage_orders: Iterable[OrderRow], request: PlaceOrder) -> bool:
    """Return whether an order is none of the client's working ones, so that this is no change."""
    return not any(order.client_id == link.client_id and order.order_id == request.order_id for order in stage_orders)


class OnOrders(Effect["Counted"]):
    """What effects on orders share."""

    def wants(self, link: Link, request: Request) -> bool:
        """Return whether a request places an order the fault is about."""
        if not isinstance(request, PlaceOrder) or request.order.what_if or not self.scope.hits(link):
            return False
        return self.scope.wants(self.scope.stage.symbol_of(request.contract))

    def order(self, client_id: int, order_id: int) -> OrderRow | None:
        """Return an order as the broker has it, the latest of its id."""
        rows = self.scope.stage.broker.orders.values()
        return next((row for row in reversed(rows) if (row.client_id, row.order_id) == (client_id, order_id)), None)


class _OrderRefused(OnOrders):
    def request(self, link: Link, request: Request) -> bool:
        fault = self.fault
        if not isinstance(fault, OrderRefused) or not isinstance(request, PlaceOrder) or not self.wants(link, request):
            return False
        change = not is_new(link, self.scope.stage.broker.working(), request)
        if (change and fault.hits == "new") or (not change and fault.hits == "changes") or not self.strikes():
            return False
        link.error(fault.code, fault.text or _REFUSALS[fault.code], request.order_id)
        return True


class OrderRefused(Counted):
    """Orders are refused with an error of their id: 201, 203, 110, 321, ... A refused change leaves its order alive."""

    effect: ClassVar = _OrderRefused
    name: Literal["order_refused"] = "order_refused"
    code: Literal[104, 105, 110, 161, 200, 201, 203, 321, 383, 451, 460, 463, 10311] = 201
    text: str = Field("", max_length=2000, description="none = IB's text")
    hits: Literal["new", "changes", "all"] = "new"


class _ReadOnly(Effect["ReadOnly"]):
    def request(self, link: Link, request: Request) -> bool:
        if not isinstance(request, PlaceOrder | CancelOrder | ReqGlobalCancel) or not self.scope.hits(link):
            return False
        link.error(321, _REFUSALS[321], getattr(request, "order_id", -1))
        return True


class ReadOnly(Fault):
    """The gateway is set to Read-Only API: orders and cancels get 321."""

    effect: ClassVar = _ReadOnly
    name: Literal["read_only"] = "read_only"


class _OrderUnanswered(Effect["OrderUnanswered"]):
    def __init__(self, fault: "OrderUnanswered", scope: Scope) -> None:
        super().__init__(fault, scope)
        self._orders: set[tuple[int, int]] = set()

    def request(self, link: Link, request: Request) -> bool:
        if not isinstance(request, PlaceOrder) or request.order.what_if or not self.scope.hits(link):
            return False
        if self.scope.wants(self.scope.stage.symbol_of(request.contract)):
            self._orders.add((link.client_id, request.order_id))
        return False

    def outgoing(self, link: Link, frames: list[Frame]) -> list[Frame]:
        commissions = {
            row.exec_id for row in self.scope.stage.broker.executions if (row.client_id, row.order_id) in self._orders
        }
        return [frame for frame in frames if frame.is_answer or not self._hides(link, frame, commissions)]

    def _hides(self, link: Link, frame: Frame, commissions: set[str]) -> bool:
        if frame.kind == "commissionReport":
            return frame.fields[2] in commissions
        about = frame.kind in {"openOrder", "orderStatus", "execDetails", "error"}
        return about and (link.client_id, frame.subject) in self._orders


class OrderUnanswered(Fault):
    """Orders are taken and worked, but nothing of them is told; only listings and executions asked for show them."""

    effect: ClassVar = _OrderUnanswered
    name: Literal["order_unanswered"] = "order_unanswered"


class _OrderHeld(OnOrders):
    """Delays the way to the exchange; the message about it goes out with the first PreSubmitted."""

    def __init__(self, fault: "OrderHeld | OrderInactive", scope: Scope) -> None:
        super().__init__(fault, scope)
        self._waiting: set[tuple[int, int]] = set()

    def request(self, link: Link, request: Request) -> bool:
        fault = self.fault
        if not isinstance(request, PlaceOrder) or not self.wants(link, request):
            return False
        if is_new(link, self.scope.stage.broker.working(), request) and self._strikes_order():
            key = request.order.order_ref or f"{link.client_id}:{request.order_id}"
            by = fault.by if isinstance(fault, OrderHeld | OrderInactive) else 0
            self.scope.stage.delay_message(key, "new", round(by * SECOND_US))
            self._waiting.add((link.client_id, request.order_id))
        return False

    def _strikes_order(self) -> bool:
        """Count without ending: what is to be told of the last one is told before the end."""
        fault = self.fault
        if (fault.count is not None and self._hits >= fault.count) or self.scope.rng.random() >= fault.share:
            return False
        self._hits += 1
        return True

    def outgoing(self, link: Link, frames: list[Frame]) -> list[Frame]:
        told: list[Frame] = []
        for frame in frames:
            told.append(frame)
            key = (link.client_id, frame.subject or 0)
            if frame.kind == "orderStatus" and key in self._waiting:
                self._waiting.discard(key)
                told.extend(self.told(link, frame))
                if self.fault.count is not None and self._hits >= self.fault.count and not self._waiting:
                    self.scope.finish()
        return told

    def told(self, link: Link, frame: Frame) -> Iterable[Frame]:
        """Return what is said beside the first status."""
        return (_error(link, frame.subject or 0, 399, _WARNINGS[399]),)


class OrderHeld(Counted):
    """399: orders are taken, stay PreSubmitted and reach the exchange later."""

    effect: ClassVar = _OrderHeld
    name: Literal["order_held"] = "order_held"
    by: Length = Field(60.0, description="market time")


class _OrderInactive(_OrderHeld):
    def told(self, link: Link, frame: Frame) -> Iterable[Frame]:
        return (frame.changed(f2="Inactive"),)


class OrderInactive(Counted):
    """Orders become Inactive, and Submitted after a while."""

    effect: ClassVar = _OrderInactive
    name: Literal["order_inactive"] = "order_inactive"
    by: Length = Field(10.0, description="market time")


class _OrderWarned(_OrderHeld):
    def request(self, link: Link, request: Request) -> bool:
        if isinstance(request, PlaceOrder) and self.wants(link, request) and self._strikes_order():
            self._waiting.add((link.client_id, request.order_id))
        return False

    def told(self, link: Link, frame: Frame) -> Iterable[Frame]:
        code = self.fault.code if isinstance(self.fault, OrderWarned) else 10349
        return (_error(link, frame.subject or 0, code, _WARNINGS[code]),)


class OrderWarned(Counted):
    """A message with an error's look about an order that lives on: 10349, 2109 or 399."""

    effect: ClassVar = _OrderWarned
    name: Literal["order_warned"] = "order_warned"
    code: Literal[399, 2109, 10349] = 10349


def _error(link: Link, subject: int, code: int, text: str) -> Frame:
    response = ErrorMessage(subject_id=subject, code=code, text=text.replace("\n", " "))
    return Frame(encode_frame(encode_response(response, link.connection.version)))


ORDER_FAULTS: tuple[type[Fault], ...] = (
    OrderRefused,
    ReadOnly,
    OrderUnanswered,
    OrderHeld,
    OrderInactive,
    OrderWarned,
)
