"""The one consumer of everything that happens: process, make durable, and only then act."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from daemon.domain.callbacks import (
    BarReported,
    Callback,
    InstantReached,
    QuoteReported,
)
from daemon.domain.events import (
    BarRevised,
    BarsClosed,
    Event,
    InstantClosed,
    MarkDue,
    QuoteChanged,
    SessionClosed,
    TradingStateSet,
)
from daemon.domain.order import Approved
from daemon.domain.records import Record
from daemon.engine.engine import Engine
from daemon.orchestrator.bar_assembler import BarAssembler
from daemon.ports import Broker, Executor, Journal, Told
from daemon.runtime.clock import MarketClock
from daemon.runtime.inbox import Inbox

log = structlog.get_logger()

Observer = Callable[[Sequence[Record]], None]
"""Sees the records once they are durable; must neither block nor raise."""

_AFTER_DECISIONS = (MarkDue, SessionClosed)


class Sequencer:
    """Drains the inbox instant by instant, drives the heart, and keeps the order of durability."""

    name = "sequencer"

    def __init__(
        self,
        *,
        engine: Engine,
        executor: Executor,
        journal: Journal,
        broker: Broker,
        clock: MarketClock,
        assembler: BarAssembler,
        inbox: Inbox[Callback | Event, Event],
        observer: Observer,
    ) -> None:
        self._engine = engine
        self._executor = executor
        self._journal = journal
        self._broker = broker
        self._clock = clock
        self._assembler = assembler
        self._inbox = inbox
        self._observer = observer
        self._carried: list[Record] = []  # of what was done after the last commit
        self._held: asyncio.Event = asyncio.Event()
        self._held.set()
        self._caught_up = asyncio.Event()  # what was heard on hold is in the bars
        self._caught_up.set()
        self._settling = False  # it waits for the tasks that live by market time
        self._no_orders = asyncio.Event()
        self._turn = asyncio.Lock()  # one batch, or one call from outside, at a time
        self._deadline_timer: asyncio.TimerHandle | None = None
        self.instants = 0
        self.before_acknowledging: Callable[[], Awaitable[None]] = _nothing_more
        """What is done at the end of each instant of a stepped market, while its time stands still."""

    def hold(self) -> None:
        """Stop working off events: start-up, or a reconciliation, is under way."""
        self._held.clear()
        if not self._settling:  # a bar loop that closes its bar now must not wait for whom it keeps waiting
            self._caught_up.clear()

    def release(self) -> None:
        """Go on working off events."""
        self._held.set()
        self._inbox.nudge()

    async def run(self, ready: asyncio.Event) -> None:
        """Work off events until cancelled; what is still carried is made durable at the end."""
        ready.set()
        try:
            while True:
                await self._inbox.wait()
                await self._held.wait()
                async with self._turn:
                    if not self._held.is_set():  # since it was woken, or while it waited for its turn
                        continue
                    items = self._inbox.take_batch(self._is_batch_end) if self._clock.is_stepped else self._inbox.take()
                    posted = self._inbox.has_posted and not self._clock.is_stepped
                    if items or posted or self._is_deadline_due():
                        await self._process(items)
                    else:
                        self._caught_up.set()
                if items and isinstance(items[-1], InstantReached):
                    await self.before_acknowledging()
                    self._broker.acknowledge_instant()
        finally:
            await self.flush()

    async def until_caught_up(self) -> None:
        """Wait until what was heard while events were not worked off is in the bars that it belongs to."""
        await self._caught_up.wait()

    async def until_no_orders(self) -> None:
        """Wait until no order of ours may still fill."""
        await self._no_orders.wait()

    async def flush(self) -> None:
        """Make durable what was done after the last commit."""
        carried, self._carried = self._carried, []
        await self._commit(carried)

    async def apply(self, events: Sequence[Event], records: Sequence[Record] = ()) -> None:
        """Put events through the heart now, outside the inbox: for start-up, reconciliation and shutdown."""
        async with self._turn:
            await self._apply(events, records)

    async def take_over(self, steps: Iterable[Told]) -> None:
        """Put steps through the heart between two batches; each is worked out when the one before it is durable."""
        async with self._turn:
            for told in steps:
                if told.events or told.records:
                    await self._apply(told.events, told.records)

    async def _apply(self, events: Sequence[Event], records: Sequence[Record]) -> None:
        done: list[Record] = [*self._carried, *records]
        self._carried = []
        approved = self._drive(events, done)
        await self._commit_and_send(done, approved, self._clock.now())

    @staticmethod
    def _is_batch_end(item: Callback | Event) -> bool:
        return isinstance(item, InstantReached)

    async def _process(self, items: Sequence[Callback | Event]) -> None:
        """Work off one instant in the fixed order: broker, quotes, bars, decisions, monitors."""
        last = items[-1] if items else None
        stepped = isinstance(last, InstantReached)
        if isinstance(last, InstantReached):
            self._clock.step(last.at)
        at = self._clock.now()
        broker_told, events = self._sort(items, at)
        self._caught_up.set()
        if stepped:
            self._clock.release_due()
        if not self._clock.is_settled:
            await self._settle()
        events += [_stamped(event, at) for event in self._inbox.take_posted()]
        done, self._carried = self._carried, []
        if self._is_deadline_due():
            broker_told.append(self._executor.advance(at))
        for told in broker_told:
            done.extend(told.records)
        broker_events = [event for told in broker_told for event in told.events]
        approved = self._drive([*broker_events, *_ordered(events, at)], done)
        await self._commit_and_send(done, approved, at)
        self.instants += 1
        if not stepped:
            self._arm_deadline()

    async def _settle(self) -> None:
        """Wait until the tasks that live by market time have done what is due; hold counts for them afterwards."""
        self._settling = True
        try:
            await self._clock.settle()
        finally:
            self._settling = False
            if not self._held.is_set():
                self._caught_up.clear()

    def _is_deadline_due(self) -> bool:
        deadline = self._executor.next_deadline
        return deadline is not None and deadline <= self._clock.now()

    def _sort(self, items: Sequence[Callback | Event], at: datetime) -> tuple[list[Told], list[Event]]:
        """Split one instant's items into what the broker told and events; the last quote of an instrument counts."""
        told: list[Told] = []
        quotes: dict[str, QuoteChanged] = {}
        events: list[Event] = []
        for item in items:
            match item:
                case QuoteReported():
                    quotes[item.instrument] = QuoteChanged(
                        at=at,
                        instrument=item.instrument,
                        bid=item.bid,
                        ask=item.ask,
                        bid_size=item.bid_size,
                        ask_size=item.ask_size,
                    )
                case BarReported():
                    revisions = self._assembler.add(item.instrument, item.bar, self._clock.host_ns())
                    events += [
                        BarRevised(at=at, instrument=r.instrument, timeframe=r.timeframe, bar=r.bar) for r in revisions
                    ]
                case InstantReached():
                    continue
                case _ if isinstance(item, Event):
                    events.append(_stamped(item, at))
                case _:
                    told.append(self._executor.interpret(item, at))
        return told, [*quotes.values(), *events]

    def _drive(self, events: Sequence[Event], done: list[Record]) -> list[Approved]:
        """Put events through the heart; add its records to `done` and return its orders."""
        approved: list[Approved] = []
        for event in events:
            output = self._engine.process(event)
            done.extend(output.records)
            approved.extend(output.orders)
        return approved

    async def _commit_and_send(self, done: list[Record], approved: Sequence[Approved], at: datetime) -> None:
        """Make everything durable in one transaction, then let the orders go."""
        for order in approved:
            done.extend(self._executor.prepare(order, at))
        if done:
            await self._journal.append(done)
        withdrawn: list[Told] = []
        for order in approved:
            hindrance = self._engine.hindrance(order)
            if hindrance:
                withdrawn.append(self._executor.withdraw(order, at, hindrance))
            else:
                self._carried.extend(self._executor.send(order, at))
        if done:
            self._observer(done)  # the log lines can wait until the orders are gone
        for told in withdrawn:
            await self._apply(told.events, told.records)
        self._note_orders()

    def _note_orders(self) -> None:
        if self._executor.working:
            self._no_orders.clear()
        else:
            self._no_orders.set()

    async def _commit(self, records: Sequence[Record]) -> None:
        if records:
            await self._journal.append(records)
            self._observer(records)

    def _arm_deadline(self) -> None:
        """In free running, wake up for the executor's next deadline though nothing else happens."""
        if self._deadline_timer is not None:
            self._deadline_timer.cancel()
            self._deadline_timer = None
        deadline = self._executor.next_deadline
        if deadline is not None:
            delay = max((deadline - self._clock.now()).total_seconds(), 0.0)
            self._deadline_timer = asyncio.get_running_loop().call_later(delay, self._inbox.nudge)


async def _nothing_more() -> None:
    """Do nothing at the end of an instant."""


def _stamped(event: Event, at: datetime) -> Event:
    """Return the event; a person's word gets the time at which it is taken, as they may speak before time is known."""
    return replace(event, at=at) if isinstance(event, TradingStateSet) else event


def _ordered(events: Sequence[Event], at: datetime) -> list[Event]:
    """Return the events with all bars before the decisions, and monitors after them."""
    before = [event for event in events if not isinstance(event, (BarsClosed, *_AFTER_DECISIONS))]
    bars = sorted((event for event in events if isinstance(event, BarsClosed)), key=lambda event: event.timeframe)
    after = [event for event in events if isinstance(event, _AFTER_DECISIONS)]
    return [*before, *bars, *([InstantClosed(at=at)] if bars else []), *after]
