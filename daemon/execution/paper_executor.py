"""Takes approved orders to the broker and turns its callbacks into facts, with a state machine of its own."""

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
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
from daemon.domain.errors import BrokerUnavailable
from daemon.domain.events import CommissionReceived, Event, FillReceived, OrderChanged
from daemon.domain.fill import Fill, execution_stem
from daemon.domain.instrument import Instrument, InstrumentId
from daemon.domain.order import Approved, OrderIntent, OrderState
from daemon.domain.quote import Quote
from daemon.domain.records import (
    AlertRaised,
    ArrivalQuoteTaken,
    CommissionRecorded,
    OrderEventSeen,
    OrderRefAssigned,
    Record,
)
from daemon.execution.live_order import LiveOrder, Steps
from daemon.execution.quality import execution_check, order_ref_of
from daemon.execution.restore import restore_orders
from daemon.execution.states import after_fill, after_status
from daemon.ports import Broker, BrokerSnapshot, OrderTicket, Told

_RETRY_AFTER: Final = timedelta(seconds=1)
_CANCEL_AGAIN_AFTER: Final = timedelta(seconds=30)
_ORPHANS_KEPT: Final = 1000  # commissions that came before their execution


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionRules:
    """How long an order may take and what is worth a warning."""

    timeout: timedelta = timedelta(seconds=30)  # market time until an unfilled order is cancelled
    max_attempts: int = 3  # only where nothing can have been sent
    lag_warning: timedelta = timedelta(seconds=5)
    slippage_warning: Decimal = Decimal("0.002")  # fraction of the decision price


class PaperExecutor:
    """Implements `ports.Executor`."""

    def __init__(
        self,
        broker: Broker,
        clock: Clock,
        *,
        quote_of: Callable[[InstrumentId], Quote | None],
        instruments: Callable[[InstrumentId], Instrument | None],
        may_send: Callable[[Approved], bool],
        rules: ExecutionRules,
    ) -> None:
        """Take the ways to ask for the last usable quote, an instrument, and whether an order may still go out."""
        self._broker = broker
        self._clock = clock
        self._quote_of = quote_of
        self._instruments = instruments
        self._may_send = may_send
        self._rules = rules
        self._orders: dict[str, LiveOrder] = {}  # by order reference
        self._by_id: dict[int, LiveOrder] = {}  # by our own order id
        self._by_perm: dict[int, LiveOrder] = {}
        self._by_exec: dict[str, LiveOrder] = {}  # by execution id
        self._exec_ids: set[str] = set()
        self._commissions: dict[str, Decimal] = {}  # by execution id
        self._orphans: dict[str, CommissionReported] = {}
        self._deadlines: list[tuple[datetime, str]] = []
        self._unsent: dict[str, Approved] = {}

    @property
    def next_deadline(self) -> datetime | None:
        """Return when `advance` has something to do."""
        return self._deadlines[0][0] if self._deadlines else None

    @property
    def working(self) -> tuple[str, ...]:
        """Return the references of orders that have not ended."""
        return tuple(ref for ref, order in self._orders.items() if not order.state.is_terminal)

    def prepare(self, approved: Approved, at: datetime) -> tuple[Record, ...]:
        """Assign the order id, take the arrival quote, and return the rows that must be durable before the bytes."""
        intent, decided_ns = approved.intent, self._clock.host_ns()
        arrival = self._arrival(intent, at)
        order = LiveOrder(
            ticket=_ticket(intent, self._broker.reserve_order_id()),
            strategy=intent.strategy,
            decision_price=intent.decision_price,
            reduces=intent.reduces,
            steps=Steps(
                bar_end=intent.bar_end,
                decided_at=intent.decided_at,
                received_ns=intent.received_host_ns or None,
                decided_ns=decided_ns,
            ),
            arrival=arrival,
        )
        self._orders[intent.order_ref] = order
        self._by_id[order.ticket.order_id] = order
        assigned = OrderRefAssigned(
            at=at,
            order_ref=intent.order_ref,
            order_id=order.ticket.order_id,
            client_id=self._broker.client_id,
            perm_id=0,
        )
        records: list[Record] = [assigned, self._event(order, at, source="journal")]
        return (*records, arrival) if arrival is not None else tuple(records)

    def send(self, approved: Approved, at: datetime) -> tuple[Record, ...]:
        """Write the order to the wire; where nothing could be sent, try again a little later."""
        order = self._orders[approved.intent.order_ref]
        order.steps.journaled_ns = self._clock.host_ns()
        return self._submit(order, approved, at)

    def withdraw(self, approved: Approved, at: datetime, why: str) -> Told:
        """End a prepared order that was never sent."""
        order = self._orders[approved.intent.order_ref]
        self._unsent.pop(approved.intent.order_ref, None)
        return self._move(order, OrderState.REJECTED, at, source="executor", text=f"not sent: {why}")

    def interpret(self, callback: Callback, at: datetime) -> Told:
        """Turn one callback into facts; what is not about our orders yields nothing."""
        match callback:
            case ExecutionReported():
                return self._on_execution(callback, at)
            case CommissionReported():
                return self._on_commission(callback, at)
            case OrderStatusReported():
                return self._on_status(callback, at)
            case OrderReported():
                return self._on_order(callback, at)
            case BrokerErrorReported():
                return self._on_error(callback, at)
            case _:
                return Told()

    def advance(self, at: datetime) -> Told:
        """Send what could not be sent, and cancel what took too long."""
        told: list[Told] = []
        while self._deadlines and self._deadlines[0][0] <= at:
            _, ref = heapq.heappop(self._deadlines)
            order = self._orders.get(ref)
            if order is None or order.state.is_terminal:
                continue
            unsent = self._unsent.get(ref)
            if unsent is not None:
                told.append(self._retry(order, unsent, at))
            else:
                told.append(
                    self._cancel(
                        order, at, source="timeout", text=f"not filled within {self._rules.timeout.total_seconds():g} s"
                    )
                )
        return _joined(told)

    def cancel_entries(self, at: datetime) -> Told:
        """Cancel every working order that opens risk, and give up those not sent yet."""
        told: list[Told] = []
        for ref in self.working:
            order = self._orders[ref]
            unsent = self._unsent.get(ref)
            if unsent is not None:
                told.append(self.withdraw(unsent, at, "shutting down"))
            elif not order.reduces and not order.cancel_asked:
                told.append(self._cancel(order, at, source="shutdown", text="the daemon is stopping"))
        return _joined(told)

    def reconcile(self, snapshot: BrokerSnapshot, at: datetime) -> Told:
        """Take over what the broker knows and we had missed; never send anything."""
        told = [self._on_execution(execution, at) for execution in snapshot.executions]
        told += [self._on_order(order, at) for order in (*snapshot.completed, *snapshot.orders)]
        known = {order.order_ref for order in (*snapshot.completed, *snapshot.orders)}
        for ref in self.working:
            if ref not in known and ref not in self._unsent:
                told.append(self._absent(self._orders[ref], at))
        return _joined(told)

    def restore(self, records: Sequence[Record]) -> None:
        """Rebuild the orders from the journal."""
        highest = 0
        for order in restore_orders(records, self._instruments):
            self._orders[order.ticket.order_ref] = order
            self._by_id[order.ticket.order_id] = order
            highest = max(highest, order.ticket.order_id)
            self._by_perm |= dict.fromkeys(order.perm_ids, order)
            for fill in order.fills.values():
                self._exec_ids.add(fill.exec_id)
                self._by_exec[fill.exec_id] = order
            if not order.state.is_terminal:
                heapq.heappush(self._deadlines, (order.steps.decided_at + self._rules.timeout, order.ticket.order_ref))
        self._commissions |= {
            record.exec_id: record.amount for record in records if isinstance(record, CommissionRecorded)
        }
        self._broker.raise_order_id(highest + 1)

    def _submit(self, order: LiveOrder, approved: Approved, at: datetime) -> tuple[Record, ...]:
        order.attempts += 1
        ref = order.ticket.order_ref
        try:
            self._broker.submit(order.ticket)
        except BrokerUnavailable as error:
            self._unsent[ref] = approved
            heapq.heappush(self._deadlines, (at + _RETRY_AFTER, ref))
            return (self._event(order, at, source="executor", text=f"attempt {order.attempts}: nothing sent: {error}"),)
        self._unsent.pop(ref, None)
        order.steps.sent_at, order.steps.sent_ns = at, self._clock.host_ns()
        self._watch(order, at)
        return (self._event(order, at, source="wire", text="sent"),)

    def _retry(self, order: LiveOrder, approved: Approved, at: datetime) -> Told:
        if not self._may_send(approved):
            return self.withdraw(approved, at, "trading was stopped meanwhile")
        if order.attempts >= self._rules.max_attempts:
            return self.withdraw(approved, at, f"the broker could not be reached in {order.attempts} attempts")
        return Told(records=self._submit(order, approved, at))

    def _cancel(self, order: LiveOrder, at: datetime, *, source: str, text: str) -> Told:
        try:
            self._broker.cancel(order.ticket.order_id)
        except BrokerUnavailable:
            heapq.heappush(self._deadlines, (at + _RETRY_AFTER, order.ticket.order_ref))
            return Told()
        order.cancel_asked = True
        # A cancel can get lost: it is asked again while the order is still open.
        heapq.heappush(self._deadlines, (at + _CANCEL_AGAIN_AFTER, order.ticket.order_ref))
        return self._move(order, OrderState.PENDING_CANCEL, at, source=source, text=text, always=True)

    def _watch(self, order: LiveOrder, at: datetime) -> None:
        """Look at the order again when its time is up."""
        heapq.heappush(self._deadlines, (at + self._rules.timeout, order.ticket.order_ref))

    def _on_execution(self, execution: ExecutionReported, at: datetime) -> Told:
        order = self._order_of(execution.order_ref, execution.perm_id, execution.client_id, execution.order_id)
        if order is None or execution.exec_id in self._exec_ids:
            return Told()
        stem = execution_stem(execution.exec_id)
        replaces = order.fills.get(stem)
        if replaces is not None and replaces.exec_id > execution.exec_id:
            return Told()  # an older version of an execution that has been corrected since
        fill = Fill(
            exec_id=execution.exec_id,
            order_ref=order_ref_of(order),
            instrument=order.ticket.instrument.id,
            side=execution.side,
            quantity=execution.quantity,
            price=execution.price,
            at=at,
            executed_at=execution.executed_at,
        )
        order.fills[stem] = fill
        self._exec_ids.add(fill.exec_id)
        self._by_exec[fill.exec_id] = order
        order.steps.first_fill_at = order.steps.first_fill_at or at
        order.steps.last_fill_at, order.steps.filled_ns = at, self._clock.host_ns()
        state = after_fill(order.state, filled=order.filled, quantity=order.ticket.quantity)
        moved = self._move(order, state, at, source="execution", text=fill.exec_id, always=True, costs_changed=True)
        told = Told((FillReceived(at=at, fill=fill, replaces=replaces), *moved.events), moved.records)
        orphan = self._orphans.pop(fill.exec_id, None)
        return told if orphan is None else _joined([told, self._on_commission(orphan, at)])

    def _on_commission(self, commission: CommissionReported, at: datetime) -> Told:
        order = self._by_exec.get(commission.exec_id)
        if order is None:
            if len(self._orphans) < _ORPHANS_KEPT:
                self._orphans[commission.exec_id] = commission
            return Told()
        known = self._commissions.get(commission.exec_id)
        if known is not None:
            return (
                Told()
                if known == commission.amount
                else Told(records=(_other_commission(commission, known, order, at),))
            )
        self._commissions[commission.exec_id] = commission.amount
        event = CommissionReceived(
            at=at,
            exec_id=commission.exec_id,
            order_ref=order_ref_of(order),
            amount=commission.amount,
            currency=commission.currency,
        )
        return Told((event,))

    def _on_status(self, status: OrderStatusReported, at: datetime) -> Told:
        order = self._order_of("", status.perm_id, status.client_id, status.order_id)
        return (
            Told() if order is None else self._on_word(order, status.status, status.perm_id, at, source="orderStatus")
        )

    def _on_order(self, report: OrderReported, at: datetime) -> Told:
        order = self._order_of(report.order_ref, report.perm_id, report.client_id, report.order_id)
        if order is None:
            return Told()
        if report.completed and report.filled is not None and report.filled > order.filled:
            text = f"the broker counts {report.filled} filled, our executions {order.filled}"
            return self._move(order, OrderState.UNKNOWN, at, source="completedOrder", text=text)
        return self._on_word(
            order, report.status, report.perm_id, at, source="completedOrder" if report.completed else "openOrder"
        )

    def _on_word(self, order: LiveOrder, word: str, perm_id: int, at: datetime, *, source: str) -> Told:
        records: tuple[Record, ...] = ()
        if perm_id and perm_id not in order.perm_ids:
            order.perm_ids.add(perm_id)
            self._by_perm[perm_id] = order
            assigned = OrderRefAssigned(
                at=at,
                order_ref=order_ref_of(order),
                order_id=order.ticket.order_id,
                client_id=self._broker.client_id,
                perm_id=perm_id,
            )
            records = (assigned,)
        if order.steps.acknowledged_at is None and word in {"PreSubmitted", "Submitted", "Filled"}:
            order.steps.acknowledged_at, order.steps.acknowledged_ns = at, self._clock.host_ns()
        state = after_status(order.state, word, filled=order.filled, quantity=order.ticket.quantity)
        if state is OrderState.CANCELLED and order.rejection and not order.filled:
            state = OrderState.REJECTED
        moved = self._move(order, state, at, source=source, text=order.rejection or word)
        return Told(moved.events, (*records, *moved.records))

    def _on_error(self, error: BrokerErrorReported, at: datetime) -> Told:
        order = self._by_id.get(error.request_id)
        if order is None or order.state.is_terminal:
            return Told()
        kind = classify(error.code).kind
        state = order.state
        if kind is CodeKind.ORDER_REJECTED and not order.filled:
            order.rejection = f"{error.text} (code {error.code})"
            state = OrderState.REJECTED
        elif kind is CodeKind.ORDER_UNKNOWN and order.state is OrderState.SENDING:
            state = OrderState.UNKNOWN
        return self._move(order, state, at, source="error", text=error.text, code=error.code, always=True)

    def _absent(self, order: LiveOrder, at: datetime) -> Told:
        """A working order that a complete snapshot does not show: nothing is known of it, and it is never sent again.

        Its reservation is kept while the session in which it could still fill lasts.
        """
        if order.ticket.time_in_force == "DAY" and order.steps.decided_at.date() < at.date():
            return self._move(order, OrderState.CANCELLED, at, source="reconcile", text="absent after its session")
        return self._move(order, OrderState.UNKNOWN, at, source="reconcile", text="absent from the broker's books")

    def _order_of(self, ref: str, perm_id: int, client_id: int, order_id: int) -> LiveOrder | None:
        """Return our order by reference, then permanent id, then our own (client id, order id)."""
        order = self._orders.get(ref) if ref else None
        if order is None and perm_id:
            order = self._by_perm.get(perm_id)
        if order is None and not ref and client_id == self._broker.client_id:
            order = self._by_id.get(order_id)
        return order

    def _move(
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
        if not changed and not always:
            return Told()
        if order.state.is_terminal and not state.is_terminal:
            order.cancel_asked = False
            self._watch(order, at)
        order.state = state
        records: list[Record] = [self._event(order, at, source=source, text=text, code=code)]
        if state.is_terminal and (changed or costs_changed):
            records.append(
                execution_check(
                    order, at, lag_warning=self._rules.lag_warning, slippage_warning=self._rules.slippage_warning
                )
            )
        events: tuple[Event, ...] = (
            (OrderChanged(at=at, order_ref=order_ref_of(order), state=state, text=text),) if changed else ()
        )
        return Told(events, tuple(records))

    def _event(self, order: LiveOrder, at: datetime, *, source: str, text: str = "", code: int = 0) -> OrderEventSeen:
        return OrderEventSeen(
            at=at,
            order_ref=order_ref_of(order),
            state=order.state,
            source=source,
            code=code,
            text=text,
            filled=order.filled,
            host_ns=self._clock.host_ns(),
        )

    def _arrival(self, intent: OrderIntent, at: datetime) -> ArrivalQuoteTaken | None:
        """Return bid, ask and mid just before sending; None where an exit goes out without a usable quote."""
        quote = self._quote_of(intent.instrument.id)
        if quote is None:
            return None
        bid, ask = intent.instrument.to_tick(quote.bid), intent.instrument.to_tick(quote.ask)
        return ArrivalQuoteTaken(
            at=at,
            order_ref=intent.order_ref,
            bid=bid,
            ask=ask,
            mid=(bid + ask) / 2,
            bid_size=Decimal(str(quote.bid_size)),
            ask_size=Decimal(str(quote.ask_size)),
            quote_at=quote.at,
        )


def _other_commission(commission: CommissionReported, known: Decimal, order: LiveOrder, at: datetime) -> AlertRaised:
    text = f"execution {commission.exec_id}: commission {known} was booked, {commission.amount} is reported now"
    return AlertRaised(at=at, level="WARNING", name="commission.differed", text=text, strategy=order.strategy)


def _ticket(intent: OrderIntent, order_id: int) -> OrderTicket:
    return OrderTicket(
        order_id=order_id,
        order_ref=intent.order_ref,
        instrument=intent.instrument,
        side=intent.side,
        quantity=intent.quantity,
        order_type=intent.order_type.value,
        limit_price=intent.instrument.to_tick(intent.limit_price) if intent.limit_price is not None else None,
        time_in_force="DAY",
    )


def _joined(told: Iterable[Told]) -> Told:
    parts = list(told)
    return Told(
        tuple(event for part in parts for event in part.events),
        tuple(record for part in parts for record in part.records),
    )
