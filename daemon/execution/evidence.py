"""What the broker says about our orders, weighed: a callback becomes facts for the heart and rows for the journal."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from daemon.domain.broker_codes import CodeKind, classify
from daemon.domain.callbacks import (
    BrokerErrorReported,
    Callback,
    CommissionReported,
    ExecutionReported,
    OrderReported,
    OrderStatusReported,
)
from daemon.domain.clock import Clock
from daemon.domain.events import CommissionReceived, Event, FillReceived, OrderChanged
from daemon.domain.fill import Fill, execution_stem
from daemon.domain.order import OrderState
from daemon.domain.records import AlertRaised, OrderEventSeen, OrderRefAssigned, Record
from daemon.execution.live_order import ACKNOWLEDGED, LiveOrder
from daemon.execution.order_register import OrderRegister
from daemon.execution.quality import execution_check
from daemon.execution.states import (
    LIVE_WORDS,
    after_completion,
    after_fill,
    after_presence,
    after_refusal,
    after_status,
)
from daemon.ports import Broker, Told

_ORPHANS_KEPT: Final = 1000  # commissions that came before their execution
_CONFIRM_AFTER: Final = timedelta(seconds=5)  # market time from a told end to the question for late executions
_TOLD_ENDS: Final = frozenset({"openOrder", "completedOrder", "orderStatus", "error"})
_REFUSED: Final = "Inactive"
_GIVEN_UP: Final = frozenset({OrderState.CANCELLED, OrderState.REJECTED})
_NOTHING: Final = Told()
_ZERO: Final = Decimal(0)


class Evidence:
    """The one place where an order changes its state; every change leaves its evidence in the journal."""

    def __init__(
        self,
        orders: OrderRegister,
        broker: Broker,
        clock: Clock,
        *,
        reopened: Callable[[LiveOrder, datetime], None],
        lag_warning: timedelta,
        slippage_warning: Decimal,
    ) -> None:
        """Take whom to tell of an order that had ended and works again, and what is worth a warning (see `quality`)."""
        self._orders = orders
        self._broker = broker
        self._clock = clock
        self._reopened = reopened
        self._lag_warning = lag_warning
        self._slippage_warning = slippage_warning
        self._orphans: dict[str, CommissionReported] = {}
        self._unconfirmed: dict[str, datetime] = {}  # orders that ended short of their quantity -> when to ask again
        self._takers: dict[type, Callable[..., Told]] = {
            ExecutionReported: self.on_execution,
            CommissionReported: self._on_commission,
            OrderStatusReported: self._on_status,
            OrderReported: self.on_order,
            BrokerErrorReported: self._on_error,
        }

    def take(self, callback: Callback, at: datetime) -> Told:
        """Turn one callback into facts; what is not about our orders yields nothing."""
        taker = self._takers.get(type(callback))
        return taker(callback, at) if taker is not None else _NOTHING

    @property
    def confirm_due(self) -> datetime | None:
        """Return when the broker is to be asked for late executions of an order that ended, None when of none."""
        return min(self._unconfirmed.values(), default=None)

    def confirmed(self, asked_at: datetime) -> None:
        """Take note that a complete snapshot was asked for at market time `asked_at`, and has been taken over."""
        self._unconfirmed = {ref: due for ref, due in self._unconfirmed.items() if due > asked_at}

    def was_settled(self, order: LiveOrder, asked_at: datetime) -> bool:
        """Return whether an order's end was told so long before `asked_at` that a later word must be right."""
        return order.ended_at is not None and order.ended_at + _CONFIRM_AFTER <= asked_at

    def move(
        self,
        order: LiveOrder,
        state: OrderState,
        at: datetime,
        *,
        source: str,
        text: str,
        code: int = 0,
        always: bool = False,
        costs_changed: bool = False,
    ) -> Told:
        """Put the order into `state`; nothing is told when it is there already, unless `always`."""
        changed = state is not order.state
        if not changed:
            if not always:
                return _NOTHING
        elif order.is_given_up and not state.is_terminal:
            order.cancel_asked = False
            self._reopened(order, at)
        order.state = state
        if changed:
            self._orders.note_state(order)
            self._note_end(order, at, source)
        records: tuple[Record, ...] = (self.event(order, at, source=source, text=text, code=code),)
        if state.is_terminal and (changed or costs_changed):
            check = execution_check(order, at, lag_warning=self._lag_warning, slippage_warning=self._slippage_warning)
            records = (*records, check)
        if not changed:
            return Told((), records)
        return Told((OrderChanged(at=at, order_ref=order.ref, state=state, text=text),), records)

    def _note_end(self, order: LiveOrder, at: datetime, source: str) -> None:
        """Have an end that left something unfilled confirmed: an execution may be told of after it."""
        self._unconfirmed.pop(order.ticket.order_ref, None)
        order.ended_at = at if order.state.is_terminal else None
        if source in _TOLD_ENDS:
            self._confirm_end(order, at)

    def _confirm_end(self, order: LiveOrder, at: datetime) -> None:
        if order.state.is_terminal and order.remaining:
            self._unconfirmed[order.ticket.order_ref] = at + _CONFIRM_AFTER

    def event(self, order: LiveOrder, at: datetime, *, source: str, text: str = "", code: int = 0) -> OrderEventSeen:
        """Return the row of a step in an order's life."""
        return OrderEventSeen(
            at=at,
            order_ref=order.ref,
            state=order.state,
            source=source,
            code=code,
            text=text,
            filled=order.filled,
            host_ns=self._clock.host_ns(),
        )

    def on_execution(self, execution: ExecutionReported, at: datetime) -> Told:
        """Take an execution; one known already, or corrected since, yields nothing."""
        order = self.order_of(execution)
        if order is None or self._orders.of_execution(execution.exec_id) is not None:
            return _NOTHING
        order.absences = 0
        replaces = order.fills.get(execution_stem(execution.exec_id))
        if replaces is not None and replaces.exec_id > execution.exec_id:
            return _NOTHING  # an older version of an execution that has been corrected since
        replaces = replaces or order.stand_in  # what a person had confirmed for it
        fill = Fill(
            exec_id=execution.exec_id,
            order_ref=order.ref,
            instrument=order.ticket.instrument.id,
            side=execution.side,
            quantity=execution.quantity,
            price=execution.price,
            at=at,
            executed_at=execution.executed_at,
        )
        ended = order.state
        order.take(fill, replaces)
        order.steps.filled_ns = self._clock.host_ns()
        self._orders.note_execution(order, fill.exec_id)
        state = after_fill(order.state, filled=order.filled, quantity=order.ticket.quantity)
        moved = self.move(order, state, at, source="execution", text=fill.exec_id, always=True, costs_changed=True)
        self._confirm_end(order, at)
        received: Event = FillReceived(at=at, fill=fill, replaces=replaces)
        orphan = self._orphans.pop(fill.exec_id, None)
        costs = self._on_commission(orphan, at) if orphan is not None else _NOTHING
        late = (_filled_late(fill, order, ended),) if ended in _GIVEN_UP and replaces is None else ()
        return Told((received, *moved.events, *costs.events), (*moved.records, *costs.records, *late))

    def on_adjustment(self, order: LiveOrder, fill: Fill, at: datetime) -> Told:
        """Take a fill that a person has confirmed; it ends its order, and what is told of it later reopens it."""
        order.take(fill)
        self._orders.note_execution(order, fill.exec_id)
        state = OrderState.CANCELLED if order.remaining else OrderState.FILLED
        moved = self.move(order, state, at, source="adjustment", text=fill.exec_id, always=True, costs_changed=True)
        return Told((FillReceived(at=at, fill=fill), *moved.events), moved.records)

    def on_listed(self, report: OrderReported, asked_at: datetime, at: datetime) -> Told:
        """Take an order that a snapshot asked for at `asked_at` lists as open: one that had ended lives after all."""
        order = self.order_of(report)
        if order is None:
            return _NOTHING
        settled = self.was_settled(order, asked_at)
        quantity = order.ticket.quantity
        state = after_presence(order.state, report.status, settled=settled, filled=order.filled, quantity=quantity)
        lives_on = report.status in LIVE_WORDS and order.was_refused_before(asked_at - _CONFIRM_AFTER)
        if lives_on:
            order.forget_refusal()
        text = "the broker still lists it as open"
        return self.move(order, state, at, source="snapshot", text=text, always=lives_on)

    def on_order(self, report: OrderReported, at: datetime) -> Told:
        """Take the broker's description of an order."""
        order = self.order_of(report)
        if order is None:
            return _NOTHING
        source = "completedOrder" if report.completed else "openOrder"
        order.told_filled = max(order.told_filled, report.filled or _ZERO)
        if report.completed and report.filled is not None and report.filled > order.filled:
            text = f"the broker counts {report.filled} filled, our executions {order.filled}"
            return self.move(order, OrderState.UNKNOWN, at, source=source, text=text)
        has_ended = report.completed and report.filled is not None
        return self._on_word(order, report.status, report.perm_id, at, source=source, has_ended=has_ended)

    def _on_commission(self, commission: CommissionReported, at: datetime) -> Told:
        exec_id, amount = commission.exec_id, commission.amount
        order = self._orders.of_execution(exec_id)
        if order is None:
            if len(self._orphans) < _ORPHANS_KEPT:
                self._orphans[exec_id] = commission
            return _NOTHING
        known = order.commissions.get(exec_id)
        if known is not None:
            return _NOTHING if known == amount else Told((), (_other_commission(commission, known, order, at),))
        order.commissions[exec_id] = amount
        return Told(
            (
                CommissionReceived(
                    at=at, exec_id=exec_id, order_ref=order.ref, amount=amount, currency=commission.currency
                ),
            )
        )

    def _on_status(self, status: OrderStatusReported, at: datetime) -> Told:
        order = self._orders.of_perm_id(status.perm_id) or self._of_own_id(status.client_id, status.order_id)
        if order is None:
            return _NOTHING
        order.told_filled = max(order.told_filled, status.filled)
        return self._on_word(order, status.status, status.perm_id, at, source="orderStatus")

    def _on_word(
        self, order: LiveOrder, word: str, perm_id: int, at: datetime, *, source: str, has_ended: bool = False
    ) -> Told:
        order.absences = 0
        assigned: tuple[Record, ...] = ()
        if perm_id and perm_id not in order.perm_ids:
            self._orders.note_perm_id(order, perm_id)
            assigned = (
                OrderRefAssigned(
                    at=at,
                    order_ref=order.ref,
                    order_id=order.ticket.order_id,
                    client_id=self._broker.client_id,
                    perm_id=perm_id,
                ),
            )
        if order.steps.acknowledged_at is None and word in ACKNOWLEDGED:
            order.steps.acknowledged_at, order.steps.acknowledged_ns = at, self._clock.host_ns()
        quantity = order.ticket.quantity
        state = (
            after_completion(order.state, filled=order.filled, quantity=quantity)
            if has_ended
            else after_status(order.state, word, filled=order.filled, quantity=quantity)
        )
        if order.was_refused and (state is OrderState.CANCELLED or word == _REFUSED):
            state = OrderState.REJECTED
        moved = self.move(order, state, at, source=source, text=order.rejection or word)
        return Told(moved.events, assigned + moved.records) if assigned else moved

    def _on_error(self, error: BrokerErrorReported, at: datetime) -> Told:
        order = self._orders.of_id(error.request_id)
        if order is None or order.state.is_terminal:
            return _NOTHING
        kind = classify(error.code).kind
        state = order.state
        if kind is CodeKind.ORDER_REJECTED and not order.filled:
            order.refuse(error.text, error.code, at)
            state = after_refusal(state, acknowledged=order.steps.acknowledged_at is not None)
        elif kind is CodeKind.ORDER_UNKNOWN and order.state is OrderState.SENDING:
            state = OrderState.UNKNOWN
        return self.move(order, state, at, source="error", text=error.text, code=error.code, always=True)

    def order_of(self, report: OrderReported | ExecutionReported) -> LiveOrder | None:
        """Return the order of ours that something reported is about, None when it is none of ours.

        The reference decides, then the permanent id, then our own (client id, order id). Order ids are issued again:
        an order of another program may have the id that one of ours had, so instrument and side must be the same.
        """
        order = self._orders.get(report.order_ref) if report.order_ref else None
        order = order or self._orders.of_perm_id(report.perm_id)
        if order is not None or report.order_ref:
            return order
        order = self._of_own_id(report.client_id, report.order_id)
        is_same = order is not None and (order.ticket.instrument.id, order.side) == (report.instrument, report.side)
        return order if is_same else None

    def _of_own_id(self, client_id: int, order_id: int) -> LiveOrder | None:
        return self._orders.of_id(order_id) if client_id == self._broker.client_id else None


def _other_commission(commission: CommissionReported, known: Decimal, order: LiveOrder, at: datetime) -> AlertRaised:
    text = f"execution {commission.exec_id}: commission {known} was booked, {commission.amount} is reported now"
    return AlertRaised(at=at, level="WARNING", name="commission.differed", text=text, strategy=order.strategy)


def _filled_late(fill: Fill, order: LiveOrder, ended: OrderState) -> AlertRaised:
    did = f"{fill.side.value} {fill.quantity} {fill.instrument} at {fill.price}"
    text = f"order {order.ref} was {ended.value} when it was filled all the same: {did} ({fill.exec_id}) is booked"
    return AlertRaised(at=fill.at, level="WARNING", name="order.filled_late", text=text, strategy=order.strategy)
