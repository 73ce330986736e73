"""Drives the heart and the executor over history: the live sequencer's order of things, in a plain loop."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from daemon.backtest.column_history import ColumnSteps
from daemon.backtest.market_history import MarketHistory, Step
from daemon.backtest.quiet_session import QuietSession
from daemon.backtest.simulated_broker import SimulatedBroker
from daemon.domain.callbacks import BrokerCallback
from daemon.domain.events import Event, InstantClosed, MarkDue, QuoteChanged, SessionClosed, SessionOpened
from daemon.domain.instrument import InstrumentId
from daemon.domain.order import Approved
from daemon.domain.records import Record
from daemon.engine.engine import Engine
from daemon.engine.quiet import QuietDecisions
from daemon.execution.paper_executor import PaperExecutor
from daemon.journal.bulk import Recorded
from daemon.market.sessions import Session
from daemon.ports import Told

RecordSink = Callable[[Sequence[Recorded]], None]
_SECOND: Final = timedelta(seconds=1)
Quietly = Literal["decide", "decide_all"]


@dataclass(slots=True)
class BacktestClock:
    """A clock that shows the driver's time. Host time stands still: a backtest measures no latency of its own."""

    at: datetime

    def now(self) -> datetime:
        """Return market time."""
        return self.at

    def host_ns(self) -> int:
        """Return 0."""
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """The instants at which the books are valued, as the monitors of a live daemon do.

    Without `positions`, where bars end; without `performance` as well, at a session's open and close.
    """

    positions: timedelta | None = timedelta(seconds=30)
    performance: timedelta | None = timedelta(seconds=60)
    report_after_close: timedelta = timedelta(seconds=30)

    @property
    def is_daily(self) -> bool:
        """Return whether nothing is valued between a session's open and close."""
        return self.positions is None and self.performance is None


DAILY: Final = Cadence(positions=None, performance=None)


def _let_go(decisions: QuietDecisions) -> None:
    """Keep nothing."""


def _take(told: Told, records: list[Record], events: list[Event]) -> None:
    records += told.records
    events += told.events


def _whole_second(deadline: datetime) -> datetime:
    """Return the whole second at which a market in lockstep would show a deadline."""
    return deadline.replace(microsecond=0) + _SECOND if deadline.microsecond else deadline


@dataclass(slots=True)
class BacktestDriver:
    """One engine, one executor, one simulated broker, one history."""

    engine: Engine
    executor: PaperExecutor
    broker: SimulatedBroker
    clock: BacktestClock
    sink: RecordSink
    cadence: Cadence = field(default_factory=Cadence)
    quietly: Quietly | None = None  # pass over what has no consequences, asking strategies this way
    decided: Callable[[QuietDecisions], None] = _let_go  # takes what was decided quietly
    bars: int = 0
    heard: set[InstrumentId] = field(default_factory=set)  # whose quotes were told at instants between the steps

    def run(self, history: MarketHistory) -> Iterator[Session]:
        """Go through the history, yielding each session once it is done, for progress bars."""
        self.engine.set_account(self.broker.account)
        for loaded in history.warmup():
            self._move(loaded.at)
            self._apply([loaded], [])
        for session, steps in history.sessions():
            self._session(session, steps, history)
            yield session

    def _session(self, session: Session, steps: Sequence[Step], history: MarketHistory) -> None:
        self.broker.open_session(session)
        self._move(session.open)
        quotes, bars = self._opening(steps, session)
        opened = SessionOpened(at=session.open, open_s=session.open_s, close_s=session.close_s)
        self.instant(session.open, quotes, [opened])
        quiet = QuietSession.of(self, bars, history) if self.quietly and self.cadence.is_daily else None
        if quiet is not None:
            quiet.run()
        else:
            self._step_by_step(bars.later if isinstance(bars, ColumnSteps) else bars, session, history)
        closed = session.close + self.cadence.report_after_close
        self.until(closed, history)
        self.instant(closed, (), [SessionClosed(at=closed)])

    def _step_by_step(self, steps: Sequence[Step], session: Session, history: MarketHistory) -> None:
        for due in self._with_marks(steps, session):
            since = self.clock.now()
            self.until(due.at, history)
            step = due if due.bars or due.quotes else self._marked(since, due, history)
            self.bars += sum(len(closed.bars) for closed in step.bars)
            ended = [InstantClosed(at=step.at)] if step.bars else []
            self.instant(step.at, step.quotes, [*step.bars, *ended, *self._marks(step, session)])

    @staticmethod
    def _opening(steps: Sequence[Step], session: Session) -> tuple[tuple[QuoteChanged, ...], Sequence[Step]]:
        """Split off the quotes of the opening instant itself."""
        if isinstance(steps, ColumnSteps):
            return steps.opening.quotes, steps
        if steps and steps[0].at == session.open and not steps[0].bars:
            return steps[0].quotes, steps[1:]
        return (), steps

    def _marked(self, since: datetime, step: Step, history: MarketHistory) -> Step:
        """Return a step of valuations only, with the quotes that are in force then for what is held."""
        found: list[QuoteChanged] = []
        for instrument in self.engine.accounts.held():
            found += history.quotes_between(instrument, since, step.at + timedelta(microseconds=1))[-1:]
        return Step(at=step.at, quotes=tuple(found))

    def _with_marks(self, steps: Sequence[Step], session: Session) -> Iterator[Step]:
        """Yield the steps, and between them empty ones for the valuations that fall there."""
        if self.cadence.positions is None:
            yield from steps
            return
        due = self._next_mark(session.open, self.cadence.positions)
        for step in steps:
            while due < step.at and due < session.close:
                yield Step(at=due)
                due = self._next_mark(due, self.cadence.positions)
            yield step
            if due == step.at:
                due = self._next_mark(due, self.cadence.positions)

    @staticmethod
    def _next_mark(after: datetime, every: timedelta) -> datetime:
        seconds = every.total_seconds()
        return after + timedelta(seconds=(after.timestamp() // seconds + 1) * seconds - after.timestamp())

    def _marks(self, step: Step, session: Session) -> list[Event]:
        """Return the valuations due at a step: the monitors of the live daemon look while the market is open."""
        at, positions = step.at, self.cadence.positions
        if positions is None:
            return [MarkDue(at=at, equity=True)] if step.bars and self.cadence.performance is not None else []
        if not session.open < at < session.close or at.microsecond:
            return []
        seconds = int(at.timestamp())
        marks: list[Event] = []
        if self.cadence.performance is not None and seconds % int(self.cadence.performance.total_seconds()) == 0:
            marks.append(MarkDue(at=at, equity=True))
        if seconds % int(positions.total_seconds()) == 0:
            marks.append(MarkDue(at=at, equity=False))
        return marks

    def until(self, at: datetime, history: MarketHistory) -> None:
        """Let the exchange and the executor's deadlines act before `at`."""
        quotes_may_change = True
        while True:
            quotes: Sequence[QuoteChanged] = ()
            if self.broker.is_working:
                if quotes_may_change:
                    quotes = self._next_quotes(at, history)
                    quotes_may_change = bool(quotes)  # fewer orders may work later, never more
            elif not self.engine.orders.any_working:
                self._forget_deadlines(at)
            when = self._next_due(at)
            if quotes and (when is None or quotes[0].at <= when):
                when = quotes[0].at
            elif when is not None:
                quotes = ()
            else:
                return
            self.instant(when, quotes, ())

    def _forget_deadlines(self, before: datetime) -> None:
        """Let pass the deadlines of orders that have ended."""
        deadline = self.executor.next_deadline
        if deadline is not None and _whole_second(deadline) < before:
            self.executor.advance(before - _SECOND)

    def _next_due(self, before: datetime) -> datetime | None:
        """Return when the exchange or a deadline acts next, None where that is not before `before`."""
        due, deadline = self.broker.next_due(), self.executor.next_deadline
        when = due if due is not None and due < before else None
        if deadline is not None and deadline < (when or before):
            shown = _whole_second(deadline)
            if shown < (when or before):
                return shown
        return when

    def _next_quotes(self, until: datetime, history: MarketHistory) -> Sequence[QuoteChanged]:
        """Return the quotes that change next, at one instant."""
        now, found = self.clock.at, list[QuoteChanged]()
        for instrument in self._watched():
            changes = history.quotes_between(instrument, now, until)
            if changes and (not found or changes[0].at <= found[0].at):
                if found and changes[0].at < found[0].at:
                    found.clear()
                found += [change for change in changes if change.at == changes[0].at]
        return found

    def _watched(self) -> Iterable[InstrumentId]:
        """Return whose quotes matter between the steps: where books are valued only with bars, those that may fill."""
        working = self.engine.orders.working_instruments
        return working if working and self.cadence.is_daily else self.engine.setup.instruments

    def quote(self, quote: QuoteChanged) -> None:
        """Put a quote in force that came while no order worked, so that nothing followed from it."""
        self.broker.note(quote)
        self.engine.process(quote)

    def _move(self, at: datetime) -> None:
        self.clock.at = self.broker.now = at

    def instant(self, at: datetime, quotes: Sequence[QuoteChanged], events: Sequence[Event]) -> None:
        """Do one instant: exchange, broker's words, quotes, bars, decisions, valuations; then send the approved."""
        self._move(at)
        callbacks: list[BrokerCallback] = []
        for quote in quotes:
            self.heard.add(quote.instrument)
            callbacks += self.broker.quote(quote, at)
        callbacks += self.broker.due(at)
        records: list[Record] = []
        words: list[Event] = []
        for callback in callbacks:
            _take(self.executor.interpret(callback, at), records, words)
        deadline = self.executor.next_deadline
        if deadline is not None and deadline <= at:
            _take(self.executor.advance(at), records, words)
        self._apply([*words, *quotes, *events], records)

    def _apply(self, events: Sequence[Event], done: list[Record]) -> None:
        """Let the engine act on `events`, and hand what was done, with all that follows, to the sink."""
        approved: list[Approved] = []
        for event in events:
            output = self.engine.process(event)
            done += output.records
            approved += output.orders
        at = self.clock.at
        for order in approved:
            done += self.executor.prepare(order, at)
        for order in approved:
            done += self._send(order, at)
        if done:
            self.sink(done)

    def _send(self, order: Approved, at: datetime) -> Sequence[Record]:
        if self.engine.may_send(order):
            return self.executor.send(order, at)
        told: Told = self.executor.withdraw(order, at, f"trading is {self.engine.state.value}")
        done: list[Record] = list(told.records)
        for event in told.events:
            done.extend(self.engine.process(event).records)
        return done
