"""Comparing our books with the broker's: at each connection until two answers agree, and every few seconds after."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import structlog

from daemon.domain.errors import BrokerUnavailable
from daemon.domain.events import DisputesFound
from daemon.domain.instrument import InstrumentId
from daemon.domain.order import OrderRef
from daemon.domain.records import AdjustmentRecorded, AlertRaised
from daemon.engine.engine import Engine
from daemon.market.sessions import TradingCalendar
from daemon.orchestrator.sequencer import Sequencer
from daemon.ports import Broker, BrokerSnapshot, Executor, Inquiry, Told
from daemon.runtime.clock import MarketClock

log = structlog.get_logger()

_MOST_ROUNDS: Final = 10  # snapshots at a connection until two in a row agree
_AFTER_CLOSE: Final = timedelta(hours=1)  # by then all that a session has filled is told
_LOOK_S: Final = 1.0  # host seconds between looks at whether a comparison is due, where nobody steps the time

Differences = Mapping[InstrumentId, tuple[Decimal, Decimal]]
"""Instrument -> (the broker's position, ours with what is known to be others')."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often the broker is asked, in market time."""

    orders: timedelta = timedelta(seconds=10)  # while an order works, or a difference is there
    positions: timedelta = timedelta(seconds=30)  # always
    mismatch: timedelta = timedelta(seconds=60)  # how long a difference may last before nothing opens there


class Reconciler:
    """Asks the broker what it knows, has it booked, and watches over what does not agree."""

    name = "reconciler"

    def __init__(
        self,
        *,
        engine: Engine,
        executor: Executor,
        broker: Broker,
        sequencer: Sequencer,
        clock: MarketClock,
        calendar: TradingCalendar,
        pace: Pace,
    ) -> None:
        self._engine = engine
        self._executor = executor
        self._broker = broker
        self._sequencer = sequencer
        self._clock = clock
        self._calendar = calendar
        self._pace = pace
        self._asking = asyncio.Lock()
        self._asked_s = 0.0  # when the last snapshot was had
        self._counted_s = 0.0  # when an absence counted last
        self._failing_since_s: float | None = None  # on this connection; None while the broker answers
        self._differing_since_s: dict[InstrumentId, float] = {}
        self._disputed: Mapping[InstrumentId, str] = {}
        self._last: BrokerSnapshot | None = None
        self._is_in_step = False
        self._recovered = 0

    # ---- at a connection

    async def come_into_step(self) -> None:
        """Take over what was missed, until two snapshots in a row show the same.

        Raises:
            BrokerUnavailable: the connection went away, or the broker's books do not come to rest.
        """
        async with self._asking:
            self._is_in_step = False
            self._failing_since_s = None
            self._recovered = 0
            before: object = None
            for _ in range(_MOST_ROUNDS):
                asked = frozenset(self._executor.working)
                snapshot = await self._broker.snapshot()
                agrees, before = _facts(snapshot) == before, _facts(snapshot)
                await self._sequencer.take_over(
                    self._compared(snapshot, asked, at_connection=True) if agrees else self._missed(snapshot)
                )
                if agrees:
                    self._is_in_step = True
                    self._tell_completed(snapshot)
                    return
            log.warning("reconciliation.unsettled", snapshots=_MOST_ROUNDS)
            raise BrokerUnavailable(f"of {_MOST_ROUNDS} snapshots of the broker's books no two in a row agreed")

    def _tell_completed(self, snapshot: BrokerSnapshot) -> None:
        log.info(
            "reconciliation.completed",
            open_orders=len(snapshot.orders),
            executions=len(snapshot.executions),
            facts_recovered=self._recovered,
            differences=len(self._differing_since_s),
        )

    # ---- every few seconds

    async def run(self, ready: asyncio.Event) -> None:
        """Where time runs by itself, ask whenever it is time to; where it is stepped, the sequencer does it."""
        ready.set()
        while True:
            await asyncio.sleep(_LOOK_S)
            if not self._clock.is_stepped:
                await self.ask_if_due()

    async def ask_if_due(self) -> None:
        """Compare if it is time to; a connection that is not there is no fault, the next one is compared anew."""
        if not self._is_due():
            return
        async with self._asking:
            asked = frozenset(self._executor.working)
            try:
                snapshot = await self._broker.snapshot()
            except BrokerUnavailable as error:
                log.info("reconciliation.skipped", error=str(error))
                self._note_failure(error)
                return
            self._failing_since_s = None
            if self._is_in_step:
                await self._sequencer.take_over(self._compared(snapshot, asked, at_connection=False))

    def _note_failure(self, error: BrokerUnavailable) -> None:
        """Try again later; where a connection stands and has not answered for long, make it anew.

        What cannot be compared must not go on trading in silence: while it is made, nothing opens, and people are told.
        """
        now_s = self._asked_s = self._now_s()
        if not self._broker.is_connected:
            self._failing_since_s = None
            return
        self._failing_since_s = now_s if self._failing_since_s is None else self._failing_since_s
        if now_s - self._failing_since_s >= self._pace.mismatch.total_seconds():
            self._failing_since_s = None
            self._broker.renew(f"the broker's books could not be read for {self._pace.mismatch}: {error}")

    def _is_due(self) -> bool:
        if not (self._is_in_step and self._broker.is_connected):
            return False
        waited = timedelta(seconds=self._now_s() - self._asked_s)
        confirm = self._executor.confirm_due
        if confirm is not None and confirm <= self._clock.now() and waited >= timedelta(seconds=_LOOK_S):
            return True
        watches = bool(self._executor.working or self._differing_since_s)
        return waited >= (self._pace.orders if watches else self._pace.positions)

    def _now_s(self) -> float:
        """Return a time that only goes forward: the market's where it is stepped, else the host's."""
        return self._clock.now().timestamp() if self._clock.is_stepped else self._clock.host_ns() / 1e9

    # ---- what a snapshot leads to

    def _missed(self, snapshot: BrokerSnapshot) -> Iterator[Told]:
        """Yield what had been missed; it is booked before positions are compared."""
        self._last, self._asked_s = snapshot, self._now_s()
        told = self._executor.reconcile(snapshot, self._clock.now())
        self._recovered += len(told.events)
        yield told
        yield self._executor.adjustments.note_external(snapshot, self._clock.now())

    def _compared(self, snapshot: BrokerSnapshot, asked: frozenset[str], *, at_connection: bool) -> Iterator[Told]:
        """Yield all that follows from a snapshot: what was missed, what has become of orders, what does not agree."""
        yield from self._missed(snapshot)
        now, adjustments = self._clock.now(), self._executor.adjustments
        yield adjustments.note_holdings(_deltas(self._differences(snapshot)), now)
        counts = at_connection or self._now_s() - self._counted_s >= self._pace.orders.total_seconds()
        if counts:
            self._counted_s = self._now_s()
        inquiry = Inquiry(
            asked=asked,
            unexplained=frozenset(self._differences(snapshot)),
            counts=counts,
            at_connection=at_connection,
            over_before=self._calendar.last_close_before(now - _AFTER_CLOSE),
        )
        ended = self._executor.conclude(snapshot, now, inquiry)
        self._recovered += len(ended.events)
        yield ended
        yield from self._watched(self._differences(snapshot), at_once=at_connection)

    def _differences(self, snapshot: BrokerSnapshot) -> Differences:
        """Return where the broker's position is neither ours nor known to be others'."""
        theirs: dict[InstrumentId, Decimal] = {}
        for reported in snapshot.positions:
            theirs[reported.instrument] = theirs.get(reported.instrument, Decimal(0)) + reported.quantity
        ours = self._engine.accounts.total_positions()
        for instrument, quantity in self._executor.adjustments.external.items():
            ours[instrument] = ours.get(instrument, Decimal(0)) + quantity
        return {
            instrument: both
            for instrument in sorted({*theirs, *ours})
            for both in ((theirs.get(instrument, Decimal(0)), ours.get(instrument, Decimal(0))),)
            if both[0] != both[1]
        }

    def _watched(self, differences: Differences, *, at_once: bool) -> Iterator[Told]:
        """Yield what follows from differences that last: nothing opens there, and a person is asked.

        A position may be told of before its execution and the other way round, so that a difference counts only when
        it lasts; as a connection begins, two snapshots have shown it already.
        """
        now, now_s = self._clock.now(), self._now_s()
        since = self._differing_since_s
        self._differing_since_s = {name: since.get(name, now_s) for name in differences}
        patience_s = self._pace.mismatch.total_seconds()
        disputed = {
            name: f"broker {theirs}, ledgers {ours}"
            for name, (theirs, ours) in differences.items()
            if at_once or name in self._disputed or now_s - self._differing_since_s[name] >= patience_s
        }
        new = {name: words for name, words in disputed.items() if name not in self._disputed}
        gone = [name for name in self._disputed if name not in disputed]
        if disputed != self._disputed:
            self._disputed = disputed
            alerts = [_dispute_alert(name, words, now) for name, words in new.items()]
            alerts += [_agreement_alert(name, now) for name in gone]
            yield Told((DisputesFound(at=now, disputes=tuple(disputed.items())),), tuple(alerts))
        yield self._executor.adjustments.propose(
            {name: delta for name, delta in _deltas(differences).items() if name in disputed}, now
        )

    # ---- what a person says

    @property
    def proposed(self) -> tuple[AdjustmentRecorded, ...]:
        """Return the adjustments that wait for a person."""
        return self._executor.adjustments.proposed

    async def settle(self, adjustment_id: str, *, price: Decimal | None, order_ref: OrderRef | None, who: str) -> None:
        """Take a person's word on an adjustment; return once it is durable.

        Raises:
            ConfigError: no such adjustment waits, or there is no order to book it for.
        """
        await self._sequencer.take_over(self._settled(adjustment_id, price=price, order_ref=order_ref, who=who))

    def _settled(
        self, adjustment_id: str, *, price: Decimal | None, order_ref: OrderRef | None, who: str
    ) -> Iterator[Told]:
        now = self._clock.now()
        yield self._executor.adjustments.settle(adjustment_id, price=price, order_ref=order_ref, who=who, at=now)
        if self._last is not None:
            yield from self._watched(self._differences(self._last), at_once=False)


def _facts(snapshot: BrokerSnapshot) -> object:
    """Return what two snapshots of books at rest have in common; the order of rows is none of it."""
    return (
        frozenset((order.perm_id, order.order_ref, order.status) for order in snapshot.orders),
        frozenset((order.perm_id, order.order_ref, order.status, order.filled) for order in snapshot.completed),
        frozenset(execution.exec_id for execution in snapshot.executions),
        frozenset((position.instrument, position.quantity) for position in snapshot.positions),
    )


def _deltas(differences: Differences) -> dict[InstrumentId, Decimal]:
    return {name: theirs - ours for name, (theirs, ours) in differences.items()}


def _dispute_alert(name: InstrumentId, words: str, at: datetime) -> AlertRaised:
    text = f"{name}: {words}: nothing opens there until they agree; `paperd adjustments` says what can be done"
    return AlertRaised(at=at, level="CRITICAL", name="reconciliation.differed", text=text, strategy=None)


def _agreement_alert(name: InstrumentId, at: datetime) -> AlertRaised:
    text = f"{name}: the broker's position is what the ledgers say again"
    return AlertRaised(at=at, level="WARNING", name="reconciliation.agreed", text=text, strategy=None)
