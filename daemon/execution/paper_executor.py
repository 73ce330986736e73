"""Takes approved orders to the broker and looks after them until they end; what the broker says is for `evidence`."""

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from daemon.domain.callbacks import Callback
from daemon.domain.clock import Clock
from daemon.domain.errors import BrokerUnavailable, PaceKept
from daemon.domain.instrument import Instrument, InstrumentId
from daemon.domain.order import Approved, OrderIntent, OrderState
from daemon.domain.quote import Quote
from daemon.domain.records import AlertRaised, ArrivalQuoteTaken, OrderRefAssigned, Record
from daemon.execution.evidence import Evidence
from daemon.execution.live_order import LiveOrder, Steps
from daemon.execution.operator_desk import OperatorDesk
from daemon.execution.order_register import OrderRegister
from daemon.execution.presence import Presence, Sighting
from daemon.execution.restore import restore_orders
from daemon.execution.states import Absence, after_absence
from daemon.ports import Broker, BrokerSnapshot, Inquiry, OrderTicket, Told

_RETRY_AFTER: Final = timedelta(seconds=1)
_CANCEL_AGAIN_AFTER: Final = timedelta(seconds=30)
_ABSENT: Final = {
    OrderState.REJECTED: "refused, absent from the broker's books, and the position is as booked",
    OrderState.CANCELLED: "absent after its session, and the position is as booked",
    OrderState.UNKNOWN: "absent from the broker's books",
    OrderState.LOST: "absent time and again, and the position is as booked",
}


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
        self._orders = OrderRegister()
        self._deadlines: list[tuple[datetime, str]] = []
        self._unsent: dict[str, Approved] = {}
        self._evidence = Evidence(
            self._orders,
            broker,
            clock,
            reopened=self._watch_again,
            lag_warning=rules.lag_warning,
            slippage_warning=rules.slippage_warning,
        )
        self._desk = OperatorDesk(self._orders, self._evidence)

    @property
    def rules(self) -> ExecutionRules:
        """Return how long an order may take and what is worth a warning."""
        return self._rules

    @property
    def next_deadline(self) -> datetime | None:
        """Return when `advance` has something to do."""
        return self._deadlines[0][0] if self._deadlines else None

    @property
    def working(self) -> tuple[str, ...]:
        """Return the references of orders that have not ended."""
        return tuple([order.ticket.order_ref for order in self._orders.working])

    def prepare(self, approved: Approved, at: datetime) -> tuple[Record, ...]:
        """Assign the order id, take the arrival quote, and return the rows that must be durable before the bytes."""
        intent, decided_ns = approved.intent, self._clock.host_ns()
        quote = self._quote_of(intent.instrument.id)
        arrival = arrival_quote(intent, quote, at) if quote is not None else None  # an exit may go out without one
        order = LiveOrder(
            ticket=ticket_of(intent, self._broker.reserve_order_id()),
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
        self._orders.forget_old(at)
        self._orders.add(order)
        self._desk.note_traded(order.ticket.instrument.id)
        assigned = OrderRefAssigned(
            at=at,
            order_ref=intent.order_ref,
            order_id=order.ticket.order_id,
            client_id=self._broker.client_id,
            perm_id=0,
        )
        event = self._evidence.event(order, at, source="journal")
        return (assigned, event, arrival) if arrival is not None else (assigned, event)

    def send(self, approved: Approved, at: datetime) -> tuple[Record, ...]:
        """Write the order to the wire; where nothing could be sent, try again a little later."""
        order = self._orders[approved.intent.order_ref]
        order.steps.journaled_ns = self._clock.host_ns()
        return self._submit(order, approved, at)

    def withdraw(self, approved: Approved, at: datetime, why: str) -> Told:
        """End a prepared order that was never sent."""
        order = self._orders[approved.intent.order_ref]
        self._unsent.pop(approved.intent.order_ref, None)
        return self._evidence.move(order, OrderState.REJECTED, at, source="executor", text=f"not sent: {why}")

    def interpret(self, callback: Callback, at: datetime) -> Told:
        """Turn one callback into facts; what is not about our orders yields nothing."""
        return self._evidence.take(callback, at)

    def advance(self, at: datetime) -> Told:
        """Send what could not be sent, and cancel what took too long."""
        told: list[Told] = []
        while self._deadlines and self._deadlines[0][0] <= at:
            _, ref = heapq.heappop(self._deadlines)
            order = self._orders.get(ref)
            if order is None or order.is_given_up:
                continue
            if order.absences:
                # The broker does not have it, so there is nothing to cancel; should it turn up, it is cancelled then.
                heapq.heappush(self._deadlines, (at + _CANCEL_AGAIN_AFTER, ref))
                continue
            unsent = self._unsent.get(ref)
            if unsent is not None:
                told.append(self._retry(order, unsent, at))
            else:
                late = f"not filled within {self._rules.timeout.total_seconds():g} s"
                told.append(self._cancel(order, at, source="timeout", text=late))
        return _joined(told)

    def cancel_entries(self, at: datetime) -> Told:
        """Cancel every working order that opens risk, and give up those not sent yet."""
        told: list[Told] = []
        for order in self._orders.working:
            unsent = self._unsent.get(order.ticket.order_ref)
            if unsent is not None:
                told.append(self.withdraw(unsent, at, "shutting down"))
            elif not (order.reduces or order.cancel_asked or order.is_given_up):
                told.append(self._cancel(order, at, source="shutdown", text="the daemon is stopping"))
        return _joined(told)

    def reconcile(self, snapshot: BrokerSnapshot, at: datetime) -> Told:
        """Take over what the broker knows and we had missed; never send anything."""
        described = (*snapshot.completed, *snapshot.orders)
        told = [self._evidence.on_execution(execution, at) for execution in snapshot.executions]
        told += [self._evidence.on_order(order, at) for order in described]
        return _joined(told)

    def conclude(self, snapshot: BrokerSnapshot, at: datetime, how: Inquiry) -> Told:
        """Judge the orders by what a complete snapshot shows and does not show; none is ever sent again."""
        listed = [self._evidence.on_listed(report, snapshot.taken_at, at) for report in snapshot.orders]
        sighting = Sighting(snapshot, asked=how.asked, order_of=self._evidence.order_of)
        judged = [self._judged(order, sighting.of(order), at, how) for order in self._orders.working]
        self._evidence.confirmed(snapshot.taken_at)
        if how.at_connection:
            for order in self._orders.working:
                if order.steps.decided_at > at:  # the clock was set back since: its time would be up too late
                    self._watch(order, at)
        return _joined([*listed, *judged])

    @property
    def confirm_due(self) -> datetime | None:
        """Return when late executions are to be asked for."""
        return self._evidence.confirm_due

    @property
    def adjustments(self) -> OperatorDesk:
        """Return what deals with differences that no evidence explains."""
        return self._desk

    def restore(self, records: Sequence[Record]) -> None:
        """Rebuild the orders from the journal."""
        highest = 0
        for order in restore_orders(records, self._instruments):
            self._orders.add(order)
            self._desk.note_traded(order.ticket.instrument.id)
            highest = max(highest, order.ticket.order_id)
            if not order.state.is_terminal:
                self._watch(order, order.steps.decided_at)
        self._desk.restore(records)
        self._broker.raise_order_id(highest + 1)

    def _submit(self, order: LiveOrder, approved: Approved, at: datetime) -> tuple[Record, ...]:
        ref = order.ticket.order_ref
        try:
            self._broker.submit(order.ticket)
        except BrokerUnavailable as error:
            if not isinstance(error, PaceKept):  # that is no failure of the broker's: its turn comes
                order.attempts += 1
            self._unsent[ref] = approved
            heapq.heappush(self._deadlines, (at + _RETRY_AFTER, ref))
            text = f"nothing sent: {error}"
            return (self._evidence.event(order, at, source="executor", text=text),)
        order.attempts += 1
        self._unsent.pop(ref, None)
        order.steps.sent_at, order.steps.sent_ns = at, self._clock.host_ns()
        self._watch(order, at)
        return (self._evidence.event(order, at, source="wire", text="sent"),)

    def _retry(self, order: LiveOrder, approved: Approved, at: datetime) -> Told:
        if not self._may_send(approved):
            return self.withdraw(approved, at, "trading was stopped meanwhile")
        late = at - order.steps.decided_at
        if late > _RETRY_AFTER * self._rules.max_attempts:  # nothing was worked off meanwhile: it was another market
            return self.withdraw(approved, at, f"it was decided {late.total_seconds():.0f} s ago")
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
        return self._evidence.move(order, OrderState.PENDING_CANCEL, at, source=source, text=text, always=True)

    def _watch(self, order: LiveOrder, at: datetime) -> None:
        """Look at the order again when its time is up."""
        heapq.heappush(self._deadlines, (at + self._rules.timeout, order.ticket.order_ref))

    def _watch_again(self, order: LiveOrder, at: datetime) -> None:
        """Look after an order that works again: one that was lost was decided in another market, and is cancelled."""
        if order.state is OrderState.LOST:
            heapq.heappush(self._deadlines, (at, order.ticket.order_ref))
        else:
            self._watch(order, at)

    def _judged(self, order: LiveOrder, presence: Presence, at: datetime, how: Inquiry) -> Told:
        """Judge one order by whether the broker has it; what waits to be sent is none of the broker's business yet."""
        if how.at_connection or presence is Presence.PRESENT:
            order.absences = 0
        if presence is not Presence.ABSENT or order.ref in self._unsent:
            return Told()
        order.absences += how.counts
        absence = Absence(
            in_a_row=order.absences,
            at_connection=how.at_connection,
            session_over=how.over_before is not None and order.steps.decided_at < how.over_before,
            explained=order.ticket.instrument.id not in how.unexplained,
            rejected=order.was_refused,
        )
        state = after_absence(order.state, absence)
        told = self._evidence.move(order, state, at, source="reconcile", text=_ABSENT.get(state, ""))
        if state is OrderState.LOST and told.events:
            return Told(told.events, (*told.records, _lost(order, at)))
        return told


def arrival_quote(intent: OrderIntent, quote: Quote, at: datetime) -> ArrivalQuoteTaken:
    """Return bid, ask and mid of the quote in force just before sending."""
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


def ticket_of(intent: OrderIntent, order_id: int) -> OrderTicket:
    """Return an intent as it goes over the wire."""
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


def _lost(order: LiveOrder, at: datetime) -> AlertRaised:
    ticket = order.ticket
    what = f"{ticket.side.value} {ticket.quantity} {ticket.instrument.id} ({ticket.order_ref})"
    text = f"{what}: the broker does not know it; nothing is opened beside it until its session ends, exits go on"
    return AlertRaised(at=at, level="CRITICAL", name="order.lost", text=text, strategy=order.strategy)


def _joined(told: Iterable[Told]) -> Told:
    parts = list(told)
    return Told(
        tuple(event for part in parts for event in part.events),
        tuple(record for part in parts for record in part.records),
    )
