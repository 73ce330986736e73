"""The broker of a backtest: the gateway's own matching engine, without the gateway."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from daemon.domain.callbacks import BrokerCallback, CommissionReported, ExecutionReported, OrderStatusReported
from daemon.domain.events import QuoteChanged
from daemon.domain.instrument import InstrumentId
from daemon.domain.order import OrderType, Side
from daemon.domain.quote import Quote
from daemon.market.sessions import Session
from daemon.matching.commission import CommissionSchedule
from daemon.matching.exchange import SimulatedExchange
from daemon.matching.orders import Acknowledged, Cancelled, ExchangeOrder, Filled, Outcome, Rejected, Working
from daemon.ports import BrokerSnapshot, OrderTicket

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
ACCOUNT: Final = "DBACKTEST"
_ZERO: Final = Decimal(0)


def to_us(at: datetime) -> int:
    """Return a moment in microseconds since the epoch, exactly."""
    return (at - _EPOCH) // _MICROSECOND


def from_us(at_us: int) -> datetime:
    """Return the moment `at_us` microseconds after the epoch, aware UTC."""
    return _EPOCH + at_us * _MICROSECOND


@dataclass(slots=True)
class _Open:
    ticket: OrderTicket
    filled: Decimal = _ZERO
    notional: Decimal = _ZERO


@dataclass(slots=True)
class SimulatedBroker:
    """Implements `ports.Broker`; its answers are taken with `due` instead of arriving at a sink."""

    exchange: SimulatedExchange
    commission: CommissionSchedule
    now: datetime = _EPOCH
    account: str = ACCOUNT
    client_id: int = 0
    is_connected: bool = True
    _next_id: int = 1
    _executions: int = 0
    _orders: dict[str, _Open] = field(default_factory=dict)  # by order reference
    _noted: dict[InstrumentId, QuoteChanged] = field(default_factory=dict)  # in force, unknown to the exchange yet
    _refs: dict[int, str] = field(default_factory=dict)  # order id -> reference, of the same orders

    def reserve_order_id(self) -> int:
        """Return the next order id."""
        self._next_id += 1
        return self._next_id - 1

    def raise_order_id(self, minimum: int) -> None:
        """Make the next order id at least `minimum`."""
        self._next_id = max(self._next_id, minimum)

    def submit(self, ticket: OrderTicket) -> None:
        """Send an order to the exchange at the present market time."""
        noted = self._noted.get(ticket.instrument.id)
        if noted is not None:
            self.quote(noted, self.now)
        self._orders[ticket.order_ref] = _Open(ticket)
        self._refs[ticket.order_id] = ticket.order_ref
        order = ExchangeOrder(
            key=ticket.order_ref,
            latency_key=ticket.order_ref,
            symbol=ticket.instrument.id,
            side=ticket.side,
            quantity=ticket.quantity,
            order_type=OrderType(ticket.order_type),
            limit_price=ticket.limit_price,
        )
        self.exchange.submit(order, to_us(self.now))

    def cancel(self, order_id: int) -> None:
        """Ask the exchange for a cancel; of an order that has ended there is nothing to cancel."""
        ref = self._refs.get(order_id)
        if ref is not None:
            self.exchange.cancel(ref, to_us(self.now))

    async def snapshot(self) -> BrokerSnapshot:
        """Return that there is nothing beyond what has been told."""
        return BrokerSnapshot(taken_at=self.now, orders=(), completed=(), executions=(), positions=())

    async def account_values(self) -> Mapping[str, str]:
        """Return no values: the engine's own ledgers are the account."""
        return {}

    def renew(self, cause: str) -> None:
        """Do nothing: there is no connection."""

    def acknowledge_instant(self) -> None:
        """Let time move on: the driver moves it."""

    def open_session(self, session: Session) -> None:
        """Begin a session at the exchange; no earlier quote is in force any more."""
        self._noted.clear()
        self.exchange.open_session(to_us(session.open), to_us(session.close))

    @property
    def is_working(self) -> bool:
        """Return whether the exchange holds any order."""
        return bool(self._orders)

    def next_due(self) -> datetime | None:
        """Return when the exchange next has something to tell."""
        due = self.exchange.next_event_us()
        return from_us(due) if due is not None else None

    def note(self, quote: QuoteChanged) -> None:
        """Put a quote in force while no order works: the exchange learns of it with the next order, if it lasts."""
        self._noted[quote.instrument] = quote

    def quote(self, event: QuoteChanged, at: datetime) -> list[BrokerCallback]:
        """Put a quote in force and return what follows from it."""
        self._noted.pop(event.instrument, None)
        outcomes = self.exchange.on_quote(
            event.instrument, event.bid, event.ask, event.bid_size, event.ask_size, at_us=to_us(at)
        )
        return self._told(outcomes)

    def met(
        self, instrument: InstrumentId, quote: Quote | QuoteChanged, quantity: Decimal, side: Side
    ) -> Decimal | None:
        """Let a market order arrive while `quote` is in force and nothing else works in the instrument.

        Return the price at which it fills whole, None where it does not.
        """
        self._noted.pop(instrument, None)
        book = self.exchange.book(instrument)
        book.refresh(quote.bid, quote.ask, quote.bid_size, quote.ask_size, to_us(quote.at))
        return book.take_whole(quantity, buying=side is Side.BUY)

    def executed(self, quantity: Decimal, price: Decimal, before: "_Open | None" = None) -> tuple[str, Decimal]:
        """Return id and commission of an execution, the first of its order unless it is said what came before."""
        self._executions += 1
        fee = self.commission.charge(
            quantity=quantity,
            price=price,
            filled_before=before.filled if before is not None else _ZERO,
            notional_before=before.notional if before is not None else _ZERO,
        )
        return f"backtest.{self._executions:08d}.01", fee

    def due(self, at: datetime) -> list[BrokerCallback]:
        """Return what the exchange has to tell up to `at`."""
        return self._told(self.exchange.advance(to_us(at)))

    def _told(self, outcomes: list[Outcome]) -> list[BrokerCallback]:
        callbacks: list[BrokerCallback] = []
        for outcome in outcomes:
            callbacks += self._callbacks(outcome)
        return callbacks

    def _callbacks(self, outcome: Outcome) -> tuple[BrokerCallback, ...]:
        order = self._orders[outcome.key]
        match outcome:
            case Acknowledged():
                return (self._status(order, "PreSubmitted"),)
            case Working():
                return (self._status(order, "Submitted"),)
            case Filled():
                return self._filled(order, outcome)
            case Cancelled() | Rejected():
                self._forget(order)
                return (self._status(order, "Cancelled"),)
            case _:
                return ()

    def _filled(self, order: _Open, fill: Filled) -> tuple[BrokerCallback, ...]:
        ticket = order.ticket
        exec_id, fee = self.executed(fill.quantity, fill.price, order)
        order.filled += fill.quantity
        order.notional += fill.quantity * fill.price
        if fill.remaining == 0:
            self._forget(order)
        execution = ExecutionReported(
            exec_id=exec_id,
            order_ref=ticket.order_ref,
            order_id=ticket.order_id,
            client_id=self.client_id,
            perm_id=0,
            account=self.account,
            instrument=ticket.instrument.id,
            side=ticket.side,
            quantity=fill.quantity,
            price=fill.price,
            executed_at=from_us(fill.at_us).replace(microsecond=0),
        )
        return execution, CommissionReported(exec_id=exec_id, amount=fee, currency=ticket.instrument.currency)

    def _forget(self, order: _Open) -> None:
        del self._orders[order.ticket.order_ref], self._refs[order.ticket.order_id]

    def _status(self, order: _Open, word: str) -> OrderStatusReported:
        return OrderStatusReported(
            order_id=order.ticket.order_id,
            client_id=self.client_id,
            perm_id=0,
            status=word,
            filled=order.filled,
            remaining=order.ticket.quantity - order.filled,
        )
