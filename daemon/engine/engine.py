"""The heart's one door: `Engine.process(event)` in, records and approved orders out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from daemon.domain.cheap import cheaply_made
from daemon.domain.decision import StrategyId
from daemon.domain.events import (
    BarRevised,
    BarsClosed,
    CommissionReceived,
    DisputesFound,
    Event,
    FillReceived,
    HistoryLoaded,
    InstantClosed,
    MarkDue,
    OrderChanged,
    QuoteChanged,
    SessionClosed,
    SessionOpened,
    TradingStateSet,
)
from daemon.domain.fill import Fill
from daemon.domain.instrument import InstrumentId
from daemon.domain.order import Approved
from daemon.domain.quote import Quote
from daemon.domain.records import (
    AlertRaised,
    BarRevisionSeen,
    BarSeen,
    CommissionRecorded,
    FillRecorded,
    GapSeen,
    QuoteSeen,
    Record,
    SessionMarked,
    TradingStateChanged,
)
from daemon.domain.standing import OPEN_ACCESS, Access
from daemon.domain.trading_state import TradingState
from daemon.engine.accounts import Accounts
from daemon.engine.decisions import Decider, PendingBar
from daemon.engine.marks import Marks
from daemon.engine.order_book import KEPT, OrderBook
from daemon.engine.restore import restore_state
from daemon.engine.series import SeriesStore
from daemon.engine.setup import EngineSetup
from daemon.engine.trading_switch import BREAKER, TradingSwitch, stricter
from daemon.market.sessions import Session


@cheaply_made
@dataclass(frozen=True, slots=True)
class Output:
    """What followed from an event: rows for the journal, and orders for the executor."""

    records: tuple[Record, ...] = ()
    orders: tuple[Approved, ...] = ()


_NOTHING = Output()


class Engine:
    """Bars, decisions, risk, sizing and ledgers of all strategies, deterministic and without I/O."""

    def __init__(self, setup: EngineSetup, *, host_ns: Callable[[], int] | None = None) -> None:
        """Build a heart.

        Args:
            setup: what it trades and within which limits.
            host_ns: a stopwatch for the strategies' time budgets; None switches the budgets off.
        """
        self.setup = setup
        self.series = SeriesStore(setup.schedule, history=setup.history)
        self.marks = Marks()
        self.orders = OrderBook()
        self.accounts = Accounts(setup.strategies)
        self._switch = TradingSwitch()
        self.guard = setup.guard
        self.access = OPEN_ACCESS
        self.session: Session | None = None
        self.decider = Decider(self, host_ns)
        self.disputes: Mapping[InstrumentId, str] = {}  # where the broker's position is not explained
        self._pending: list[PendingBar] = []
        self._quotes_told: dict[InstrumentId, Quote] = {}  # the quotes that were recorded last
        self._handlers: dict[type, Callable[..., Output]] = {
            QuoteChanged: self._on_quote,
            BarsClosed: self._on_bars,
            InstantClosed: self._on_instant,
            FillReceived: self._on_fill,
            CommissionReceived: self._on_commission,
            OrderChanged: self._on_order,
            MarkDue: self._on_mark,
            HistoryLoaded: self._on_history,
            SessionOpened: self._on_session_opened,
            SessionClosed: self._on_session_closed,
            BarRevised: self._on_revision,
            TradingStateSet: self._on_state,
            DisputesFound: self._on_disputes,
        }

    def process(self, event: Event) -> Output:
        """Take one event and return what follows from it."""
        return self._handlers[type(event)](event)

    def restore(self, records: Iterable[Record]) -> None:
        """Rebuild ledgers, orders and states from the journal; nothing is decided and nothing recorded."""
        restore_state(self, records)

    def state_hash(self) -> str:
        """Return a digest of everything that a restart must bring back."""
        return self.accounts.digest(self.orders.working(), self.state)

    @property
    def measures_host_time(self) -> bool:
        """Return whether decisions are held to time budgets."""
        return self.decider.measures_host_time

    def set_account(self, account: str) -> None:
        """Take the account id that the broker named; the paper-only control looks at it."""
        self.guard = replace(self.guard, account=account)

    def set_access(self, access: Access) -> None:
        """Take what stands in the way of opening; it binds at once, also orders that are approved and not sent yet."""
        self.access = access

    def _on_quote(self, event: QuoteChanged) -> Output:
        self.marks.on_quote(event)
        if self.orders.worked(event.instrument, event.at):
            return Output(self.quotes_seen([event.instrument], event.at))
        return _NOTHING

    def _on_history(self, event: HistoryLoaded) -> Output:
        self.series.load(event.instrument, event.timeframe, event.bars)
        for slot in self.accounts.slots:
            slot.forget_features(event.instrument)
        if event.bars:
            self.marks.on_history(event.instrument, event.bars[-1])
        return _NOTHING

    def _on_bars(self, event: BarsClosed) -> Output:
        label = str(event.timeframe)
        records: list[Record] = []
        for instrument, bar in event.bars:
            if not self.series.window(instrument, event.timeframe).append(bar):
                continue
            self.marks.on_bar(instrument, bar, event.at)
            self._pending.append(
                PendingBar(
                    event.timeframe, instrument, event.end, missing=False, received_host_ns=event.received_host_ns
                )
            )
            records.append(BarSeen.of(bar, at=event.at, instrument=instrument, timeframe=event.timeframe))
        for instrument in event.missing:
            self._pending.append(
                PendingBar(
                    event.timeframe, instrument, event.end, missing=True, received_host_ns=event.received_host_ns
                )
            )
            records.append(
                GapSeen(at=event.at, instrument=instrument, timeframe=label, end=event.end, cause="no data came")
            )
        return Output(tuple(records))

    def _on_instant(self, event: InstantClosed) -> Output:
        if not self._pending:
            return _NOTHING
        pending, self._pending = self._pending, []
        quotes = self.quotes_seen(dict.fromkeys(bar.instrument for bar in pending), event.at)
        tripped = self._breakers(event.at)
        records, orders = self.decider.decide(pending, event.at)
        return Output((*quotes, *tripped, *records), orders)

    def _on_fill(self, event: FillReceived) -> Output:
        fill = event.fill
        order = self.orders.get(fill.order_ref)
        if order is None:
            self.accounts.leave_behind(fill, event.replaces)
            return Output((_unattributed(fill, event.at),))
        self.orders.on_fill(fill, event.replaces)
        recorded = FillRecorded(
            at=event.at,
            exec_id=fill.exec_id,
            order_ref=fill.order_ref,
            strategy=order.strategy,
            instrument=fill.instrument,
            side=fill.side,
            quantity=fill.quantity,
            price=fill.price,
            executed_at=fill.executed_at,
            replaces=event.replaces.exec_id if event.replaces is not None else None,
        )
        slot = self.accounts.find(order.strategy)
        if slot is None:
            self.accounts.leave_behind(fill, event.replaces)
            return Output((recorded, _unattributed(fill, event.at)))
        slot.ledger.book_fill(fill, event.replaces)
        return Output((recorded, self.accounts.position_record(slot, fill.instrument, event.at, self.marks)))

    def _on_commission(self, event: CommissionReceived) -> Output:
        order = self.orders.get(event.order_ref)
        if order is None:
            return _NOTHING
        slot = self.accounts.find(order.strategy)
        if slot is not None:
            slot.ledger.book_commission(event.exec_id, event.amount)
        recorded = CommissionRecorded(
            at=event.at,
            exec_id=event.exec_id,
            order_ref=event.order_ref,
            strategy=order.strategy,
            amount=event.amount,
            currency=event.currency,
        )
        return Output((recorded,))

    def _on_order(self, event: OrderChanged) -> Output:
        self.orders.on_state(event.order_ref, event.state, event.at)
        return _NOTHING

    def _on_mark(self, event: MarkDue) -> Output:
        quotes = self.quotes_seen(self.accounts.held(), event.at)
        records = self.accounts.marked(event.at, self.marks, equity=event.equity)
        return Output((*quotes, *self._breakers(event.at), *records))

    def _on_session_opened(self, event: SessionOpened) -> Output:
        opened = Session(
            day=datetime.fromtimestamp(event.open_s, UTC).astimezone(self.setup.schedule.calendar.timezone).date(),
            open=datetime.fromtimestamp(event.open_s, UTC),
            close=datetime.fromtimestamp(event.close_s, UTC),
        )
        joined_again = self.accounts.day == opened.day.isoformat()
        self.session = opened
        self.series.anchor(opened)
        for slot in self.accounts.slots:
            slot.forget_features()
            slot.ledger.forget_before(event.at - KEPT)
        failed = self.decider.prime(event.at)
        self.orders.forget_old(event.at)
        if joined_again:
            return Output(tuple(failed))
        records: list[Record] = [*failed, SessionMarked(at=event.at, day=opened.day.isoformat(), phase="OPENED")]
        records.extend(self.quotes_seen(self.accounts.held(), event.at))
        self.accounts.begin_day(opened.day.isoformat(), self.marks)
        records.extend(self._lift_reduce_only(event.at))
        records.extend(self.accounts.marked(event.at, self.marks, equity=True))
        return Output(tuple(records))

    def _on_session_closed(self, event: SessionClosed) -> Output:
        day = self.session.day.isoformat() if self.session is not None else ""
        self.session = None
        return Output(
            (
                *self.accounts.marked(event.at, self.marks, equity=True),
                SessionMarked(at=event.at, day=day, phase="CLOSED"),
            )
        )

    def _on_revision(self, event: BarRevised) -> Output:
        bar = event.bar
        self.series.window(event.instrument, event.timeframe).replace(bar)
        for slot in self.accounts.slots:
            slot.forget_features(event.instrument)
        recorded = BarRevisionSeen.of(bar, at=event.at, instrument=event.instrument, timeframe=event.timeframe)
        return Output((recorded,))

    def _on_state(self, event: TradingStateSet) -> Output:
        return Output(self.set_state(event.at, event.state, strategy=event.strategy, who=event.who, why=event.why))

    def _on_disputes(self, event: DisputesFound) -> Output:
        self.disputes = dict(event.disputes)
        return _NOTHING

    def set_state(
        self, at: datetime, state: TradingState, *, strategy: StrategyId | None, who: str, why: str
    ) -> tuple[Record, ...]:
        """Change what may be sent, for one strategy or all; nothing is recorded when nothing changes."""
        switch = self._switch if strategy is None else self.accounts.slot(strategy).switch
        if not switch.turn(state, who):
            return ()
        return (TradingStateChanged(at=at, state=state.value, strategy=strategy, who=who, why=why),)

    @property
    def state(self) -> TradingState:
        """Return what the daemon as a whole may send."""
        return self._switch.state

    def may_send(self, order: Approved) -> bool:
        """Return whether an approved order may still go out."""
        return not self.hindrance(order)

    def hindrance(self, order: Approved) -> str:
        """Return why an approved order may no longer go out, empty while it may: much can have changed since."""
        intent = order.intent
        state = stricter(self.state, self.accounts.slot(intent.strategy).state)
        if intent.reduces:
            return f"trading is {state.value}" if state is TradingState.HALTED else ""
        if not state.may_open:
            return f"trading is {state.value}"
        return self.disputes.get(intent.instrument.id, "") or self.access.hindrance(intent.instrument.id)

    def quotes_seen(self, instruments: Iterable[InstrumentId], at: datetime) -> tuple[Record, ...]:
        """Return the quotes in force of these instruments, without those recorded already."""
        records: list[Record] = []
        for instrument in instruments:
            quote, confirmed_at = self.marks.quote(instrument), self.marks.confirmed_at(instrument)
            if quote is None or confirmed_at is None or quote is self._quotes_told.get(instrument):
                continue
            self._quotes_told[instrument] = quote
            records.append(
                QuoteSeen(
                    at=at,
                    instrument=instrument,
                    bid=quote.bid,
                    ask=quote.ask,
                    bid_size=quote.bid_size,
                    ask_size=quote.ask_size,
                    confirmed_at=confirmed_at,
                )
            )
        return tuple(records)

    def _breakers(self, at: datetime) -> tuple[Record, ...]:
        """Return what the loss limits bring about now."""
        records: list[Record] = []
        for trip in self.accounts.trips(self.marks, self.setup.account_limits):
            changed = self.set_state(at, trip.state, strategy=trip.strategy, who=BREAKER, why=trip.why)
            if changed:
                records.extend(changed)
                records.append(
                    AlertRaised(at=at, level="CRITICAL", name="breaker.tripped", text=trip.why, strategy=trip.strategy)
                )
        return tuple(records)

    def _lift_reduce_only(self, at: datetime) -> Sequence[Record]:
        """Return the records of daily limits that end with their day."""
        records: list[Record] = []
        switches = ((None, self._switch), *((slot.id, slot.switch) for slot in self.accounts.slots))
        for strategy, switch in switches:
            if switch.breaker is TradingState.REDUCE_ONLY:
                records.extend(
                    self.set_state(at, TradingState.RUNNING, strategy=strategy, who=BREAKER, why="a new day began")
                )
        return records


def _unattributed(fill: Fill, at: datetime) -> AlertRaised:
    what = f"{fill.side.value} {fill.quantity} {fill.instrument} at {fill.price} ({fill.order_ref})"
    text = f"{what} belongs to no strategy that runs"
    return AlertRaised(at=at, level="CRITICAL", name="fill.unattributed", text=text, strategy=None)
