"""The seams between the heart and the world, and what each promises. Implementations live at the rim."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from daemon.domain.bar import Bar
from daemon.domain.callbacks import Callback, ExecutionReported, OrderReported, PositionReported
from daemon.domain.cheap import cheaply_made
from daemon.domain.events import Event
from daemon.domain.instrument import Instrument, InstrumentId
from daemon.domain.order import Approved, OrderRef, Side
from daemon.domain.records import AdjustmentRecorded, Record
from daemon.domain.timeframe import Timeframe

CallbackSink = Callable[[Callback], None]
"""Takes what an adapter was told, at once and without blocking."""


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTicket:
    """An order as it goes over the wire."""

    order_id: int
    order_ref: str
    instrument: Instrument
    side: Side
    quantity: Decimal
    order_type: str  # IB's names: MKT, LMT, STP
    limit_price: Decimal | None
    time_in_force: str  # DAY, GTC, IOC


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSnapshot:
    """All the broker knows, complete: every end marker was seen."""

    taken_at: datetime
    orders: tuple[OrderReported, ...]  # open ones of all clients
    completed: tuple[OrderReported, ...]
    executions: tuple[ExecutionReported, ...]  # since the broker's midnight
    positions: tuple[PositionReported, ...]  # of the account in use


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """What a snapshot was an answer to, and what else is known at that moment."""

    asked: frozenset[str]  # the orders that were working when it was asked for
    unexplained: frozenset[InstrumentId]  # in which the broker's position is not what our books say
    counts: bool  # long enough after the last one for another absence to mean more
    at_connection: bool  # a connection begins
    over_before: datetime | None = None  # day orders decided before it have ended with their session; None = none has


class Broker(Protocol):
    """Somewhere an approved order can be sent. Everything it tells arrives at the callback sink."""

    @property
    def account(self) -> str:
        """Return the account in use, empty before the first connection."""
        ...

    @property
    def client_id(self) -> int:
        """Return the id under which orders are owned."""
        ...

    @property
    def is_connected(self) -> bool:
        """Return whether the connection is up and has been synchronised."""
        ...

    def reserve_order_id(self) -> int:
        """Return the next order id, never one that was used before."""
        ...

    def raise_order_id(self, minimum: int) -> None:
        """Make the next order id at least `minimum`."""
        ...

    def submit(self, ticket: OrderTicket) -> None:
        """Write the order's bytes to the socket before returning.

        Raises:
            BrokerUnavailable: nothing was sent.
        """
        ...

    def cancel(self, order_id: int) -> None:
        """Ask for a cancel; the answer comes as callbacks.

        Raises:
            BrokerUnavailable: nothing was sent.
        """
        ...

    async def snapshot(self) -> BrokerSnapshot:
        """Return what the broker knows.

        Raises:
            BrokerUnavailable: not connected, or an end marker did not come in time.
        """
        ...

    async def account_values(self) -> Mapping[str, str]:
        """Return the account summary: tag -> value in the account's currency.

        Raises:
            BrokerUnavailable: as for `snapshot`.
        """
        ...

    def renew(self, cause: str) -> None:
        """Break off the connection and make a new one: it stands, but what comes over it cannot be used."""
        ...

    def acknowledge_instant(self) -> None:
        """In lockstep, let market time move on; elsewhere do nothing."""
        ...


class Feed(Protocol):
    """Where bars and quotes come from. The streams arrive at the callback sink."""

    async def resolve(self, symbols: Sequence[str]) -> tuple[Instrument, ...]:
        """Return the instruments of `symbols`, in their order.

        Raises:
            ConfigError: a symbol is unknown or ambiguous; all such symbols are named.
            FeedUnavailable: no answer.
        """
        ...

    async def subscribe(self, instruments: Sequence[Instrument]) -> None:
        """Start quotes and five-second bars; they are restored after each reconnect."""
        ...

    async def history(
        self, instrument: Instrument, timeframe: Timeframe, *, start: datetime, end: datetime
    ) -> tuple[Bar, ...]:
        """Return the bars that end within (start, end], oldest first, regular session only.

        The last one may still be forming; the caller knows its calendar.

        Raises:
            FeedUnavailable: the request failed or timed out; it says how.
        """
        ...


class Adjuster(Protocol):
    """Positions that no evidence explains: others' are told once, the rest waits for a person."""

    @property
    def external(self) -> Mapping[InstrumentId, Decimal]:
        """Return the signed units in the account that are not ours."""
        ...

    @property
    def proposed(self) -> tuple[AdjustmentRecorded, ...]:
        """Return the adjustments that wait for a person."""
        ...

    def note_external(self, snapshot: BrokerSnapshot, at: datetime) -> "Told":
        """Record executions that no order of ours accounts for, each once."""
        ...

    def note_holdings(self, differences: Mapping[InstrumentId, Decimal], at: datetime) -> "Told":
        """Record what the account holds in instruments in which there never was an order of ours."""
        ...

    def propose(self, differences: Mapping[InstrumentId, Decimal], at: datetime) -> "Told":
        """Lay these differences, and no others, before a person."""
        ...

    def settle(
        self, adjustment_id: str, *, price: Decimal | None, order_ref: OrderRef | None, who: str, at: datetime
    ) -> "Told":
        """Take a person's word on a proposal: with a price it is booked, without one it is none of ours.

        Raises:
            ConfigError: no such proposal waits, or there is no order to book it for.
        """
        ...


class Executor(Protocol):
    """The one way to the market: takes approved orders, tells what became of them."""

    def prepare(self, approved: Approved, at: datetime) -> tuple[Record, ...]:
        """Assign ids and take the arrival quote; return what must be durable before `send`."""
        ...

    def send(self, approved: Approved, at: datetime) -> tuple[Record, ...]:
        """Send a prepared order now; return records of what happened, to be made durable soon."""
        ...

    def withdraw(self, approved: Approved, at: datetime, why: str) -> "Told":
        """Give up a prepared order that has not been sent."""
        ...

    def interpret(self, callback: Callback, at: datetime) -> "Told":
        """Turn one broker callback into facts; repeats and contradictions yield nothing new."""
        ...

    def reconcile(self, snapshot: BrokerSnapshot, at: datetime) -> "Told":
        """Compare our orders and fills with the broker's; return what we had missed."""
        ...

    def conclude(self, snapshot: BrokerSnapshot, at: datetime, how: Inquiry) -> "Told":
        """Judge the working orders that a snapshot does not show, once what it does show has been booked.

        Args:
            snapshot: the one that `reconcile` was given.
            at: market time.
            how: what the snapshot was an answer to.
        """
        ...

    @property
    def confirm_due(self) -> datetime | None:
        """Return when the broker is to be asked for late executions of an order that has ended, None when of none."""
        ...

    @property
    def adjustments(self) -> Adjuster:
        """Return what deals with positions that no evidence explains."""
        ...

    def advance(self, at: datetime) -> "Told":
        """Act on deadlines that have passed: cancel orders that took too long."""
        ...

    def cancel_entries(self, at: datetime) -> "Told":
        """Cancel every working order that opens risk."""
        ...

    @property
    def next_deadline(self) -> datetime | None:
        """Return when `advance` has something to do, None when nothing is pending."""
        ...

    @property
    def working(self) -> tuple[str, ...]:
        """Return the references of orders that have not ended."""
        ...

    def restore(self, records: Sequence[Record]) -> None:
        """Rebuild the orders from the journal."""
        ...


@cheaply_made
@dataclass(frozen=True, slots=True)
class Told:
    """What the executor has to say: facts for the heart and records for the journal."""

    events: tuple[Event, ...] = ()
    records: tuple[Record, ...] = ()


class Journal(Protocol):
    """The only memory that survives."""

    async def append(self, records: Sequence[Record]) -> None:
        """Make `records` durable in one transaction, in order; return when they are.

        Raises:
            JournalFailed: nothing of it was kept.
        """
        ...

    async def restore(self) -> tuple[Record, ...]:
        """Return the records from which the heart and the executor rebuild their state, in the order of writing.

        Raises:
            JournalFailed: it cannot be read.
        """
        ...


class DayReporter(Protocol):
    """Writes the report of a day without disturbing the daemon."""

    async def report(self, day: date) -> str | None:
        """Write the day's report and return where it is, None when it could not be written (which is logged)."""
        ...


class Control(Protocol):
    """What a person can do to the running daemon; every call is recorded with who made it."""

    def status(self) -> Mapping[str, object]:
        """Return the state of the daemon as JSON values."""
        ...

    async def pause(self, who: str, strategy: str | None = None) -> Mapping[str, object]:
        """Stop opening positions, everywhere or for one strategy; exits go on. Return once that is durable.

        Before the first connection there is no market time to record it at: it then waits for that, as `waiting` says.

        Raises:
            ConfigError: there is no such strategy.
        """
        ...

    async def resume(self, who: str, strategy: str | None = None) -> Mapping[str, object]:
        """Allow opening positions again; otherwise as `pause`.

        Raises:
            ConfigError: as for `pause`.
        """
        ...

    def stop(self, who: str) -> Mapping[str, object]:
        """Begin the orderly shutdown; positions stay."""
        ...

    def adjustments(self) -> Mapping[str, object]:
        """Return the adjustments that wait for a person as JSON values."""
        ...

    async def confirm(self, who: str, adjustment_id: str, price: Decimal, order: str | None) -> Mapping[str, object]:
        """Book an adjustment at `price` per unit; return once that is durable.

        Raises:
            ConfigError: no such adjustment waits, or there is no order to book it for.
        """
        ...

    async def reject(self, who: str, adjustment_id: str) -> Mapping[str, object]:
        """Count an adjustment as somebody else's; return once that is durable.

        Raises:
            ConfigError: no such adjustment waits.
        """
        ...
