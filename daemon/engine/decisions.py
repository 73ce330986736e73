"""From completed bars to decisions, and from decisions to approved orders."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from daemon.domain.decision import Decision, Outcome, Reason, Signal
from daemon.domain.instrument import InstrumentId
from daemon.domain.order import Approved, OrderIntent, OrderRef, Refused, Verdict
from daemon.domain.records import AlertRaised, DecisionMade, IntentRecorded, Record, RiskChecked
from daemon.domain.timeframe import Timeframe
from daemon.domain.trading_state import TradingState
from daemon.engine.combine import Combined
from daemon.engine.order_book import OwnOrder
from daemon.engine.references import order_ref
from daemon.engine.sizing import Change, change_to, closing, target_quantity
from daemon.engine.strategy_slot import StrategySlot
from daemon.engine.trading_switch import stricter
from daemon.market.sessions import Session
from daemon.risk.gate import gate
from daemon.risk.view import RiskView
from daemon.strategies.protocol import sound

if TYPE_CHECKING:
    from daemon.engine.engine import Engine

_NS_PER_MS = 1_000_000
_NO_SIDE = Combined(Signal.HOLD, 0.0, 0.0, 0.0, enough_fresh=False)
_OUTCOME_OF_CONTROL = {"quote_age_s": Outcome.NO_QUOTE, "trading_state": Outcome.NOT_TRADING}


@dataclass(frozen=True, slots=True)
class PendingBar:
    """A bar that closed, or should have, and waits for the instant to end."""

    timeframe: Timeframe
    instrument: InstrumentId
    end: int
    missing: bool
    received_host_ns: int


@dataclass(slots=True)
class _Answer:
    """A strategy's answer to one bar, and what came of it."""

    slot: StrategySlot
    bar: PendingBar
    decision: Decision
    decision_id: str
    combined: Combined = _NO_SIDE
    outcome: Outcome = Outcome.NONE
    order_ref: OrderRef | None = None
    expected_price: Decimal | None = None  # on the tick grid, once somebody needs it


class Straight(NamedTuple):
    """An order that followed from a decision, and the records of how it came about."""

    approved: Approved
    records: tuple[Record, ...]


class Decider:
    """Asks the strategies in a fixed order, combines their timeframes, and takes intents through the gate."""

    def __init__(self, engine: Engine, host_ns: Callable[[], int] | None) -> None:
        self._engine = engine
        self._host_ns = host_ns
        self._due: dict[Timeframe, int] = {}
        self._due_at: datetime | None = None  # of which moment `_due` is
        self._ends: dict[Timeframe, list[int]] = {}  # bar ends of the session `_ends_of`
        self._ends_of: Session | None = None
        self._rank = {instrument: rank for rank, instrument in enumerate(engine.setup.instruments)}

    @property
    def measures_host_time(self) -> bool:
        """Return whether decisions are held to time budgets."""
        return self._host_ns is not None

    def prime(self, at: datetime) -> list[Record]:
        """Work out the signals of the newest bars in the windows, without acting: what a running daemon would know.

        Return the alerts of strategies that failed at it.
        """
        failed: list[Record] = []
        for slot in self._engine.accounts.slots:
            for instrument in slot.setup.instruments:
                for timeframe in slot.setup.strategy.timeframes:
                    end = self._engine.series.window(instrument, timeframe).last_end
                    known = slot.signals.get(instrument, {}).get(timeframe)
                    if not slot.failure and end and (known is None or known.bar_end < end):
                        bar = PendingBar(timeframe, instrument, end, missing=False, received_host_ns=0)
                        failed += self._alert(slot, self._ask(slot, bar, at, primes=True), at)
        return failed

    def decide(self, pending: Sequence[PendingBar], at: datetime) -> tuple[list[Record], tuple[Approved, ...]]:
        """Return the records of all decisions on the bars of one instant, and the orders that were approved."""
        records: list[Record] = []
        orders: list[Approved] = []
        answers = [self._answer(slot, bar, at, records) for bar, slot in self._interested(pending)]
        # The longest timeframe acts; one whose bar never came cannot.
        acting = {(answer.slot.id, answer.bar.instrument): answer for answer in answers if not answer.bar.missing}
        for answer in answers:
            if answer.bar.missing or answer is acting[answer.slot.id, answer.bar.instrument]:
                self._act(answer, at, records, orders)
            else:
                answer.outcome = Outcome.COMBINED
            records.append(self._record(answer, at))
        return records, tuple(orders)

    def straight(
        self, slot: StrategySlot, bar: PendingBar, decision: Decision, combined: Combined, at: datetime
    ) -> Straight | None:
        """Return what follows where a decision becomes an order at once; None, with nothing done, where it does not."""
        answer = _Answer(slot, bar, decision, f"{slot.id}:{bar.instrument}:{bar.timeframe}:{bar.end}", combined)
        changes = self._changes(answer)
        if not changes or self._not_now(answer, at) is not None:
            return None
        verdict = self._judge(answer, changes[0], at)
        if isinstance(verdict, Refused):
            return None
        answer.order_ref, answer.outcome = verdict.intent.order_ref, Outcome.ORDER
        return Straight(verdict, (self._checked(verdict, at), self._book(verdict, at), self._record(answer, at)))

    def take_back(self, approved: Approved) -> None:
        """Forget the order that was approved last, as if it had never been asked for."""
        self._engine.orders.take_back(approved.intent)
        self._engine.accounts.slot(approved.intent.strategy).orders_today -= 1

    def _interested(self, pending: Sequence[PendingBar]) -> Iterator[tuple[PendingBar, StrategySlot]]:
        """Yield bars with the strategies they concern: by timeframe ascending, instrument, strategy."""
        for bar in sorted(pending, key=lambda item: (item.timeframe, self._rank[item.instrument])):
            for slot in self._engine.accounts.slots:
                if bar.instrument in slot.setup.instruments and bar.timeframe in slot.setup.strategy.timeframes:
                    yield bar, slot

    def _answer(self, slot: StrategySlot, bar: PendingBar, at: datetime, records: list[Record]) -> _Answer:
        if bar.missing:
            decision = Decision(signal=Signal.HOLD, reason=Reason.NO_DATA)
        elif slot.failure:
            decision = Decision(signal=Signal.HOLD, reason=Reason.STRATEGY_FAILED, note=slot.failure)
        else:
            decision = self._ask(slot, bar, at)
            records.extend(self._alert(slot, decision, at))
        return _Answer(slot, bar, decision, f"{slot.id}:{bar.instrument}:{bar.timeframe}:{bar.end}")

    @staticmethod
    def _alert(slot: StrategySlot, decision: Decision, at: datetime) -> list[Record]:
        if decision.reason is not Reason.STRATEGY_FAILED:
            return []
        text = f"strategy {slot.id} was stopped: {slot.failure}"
        return [AlertRaised(at=at, level="CRITICAL", name="strategy.failed", text=text, strategy=slot.id)]

    def _ask(self, slot: StrategySlot, bar: PendingBar, at: datetime, *, primes: bool = False) -> Decision:
        """Return the strategy's decision; one that raises, answers nonsense, or takes too long, is stopped alone."""
        began = self._host_ns() if self._host_ns is not None else 0
        equity = slot.equity(self._engine.marks)
        try:
            decision = sound(slot.decide(self._engine.series, bar.instrument, bar.timeframe, at, equity))
        except Exception as error:  # noqa: BLE001 - a user's code may raise anything, and must not stop the others
            slot.failure = f"{type(error).__name__}: {error}"
            return Decision(signal=Signal.HOLD, reason=Reason.STRATEGY_FAILED, note=slot.failure)
        budget = slot.setup.time_budget_ms
        if self._host_ns is not None and budget is not None:
            taken_ms = (self._host_ns() - began) / _NS_PER_MS
            if taken_ms > budget:
                slot.failure = f"a decision took {taken_ms:.1f} ms, its budget is {budget:g} ms"
                return Decision(signal=Signal.HOLD, reason=Reason.STRATEGY_FAILED, note=slot.failure)
        slot.remember(bar.instrument, bar.timeframe, decision, bar.end, with_memory=not primes)
        return decision

    def _act(self, answer: _Answer, at: datetime, records: list[Record], orders: list[Approved]) -> None:
        """Find what follows from the combined signal of one strategy and instrument."""
        if answer.bar.missing or answer.decision.reason is Reason.STRATEGY_FAILED:
            return
        slot, instrument = answer.slot, answer.bar.instrument
        answer.combined = slot.combined(instrument, self._due_ends(at, slot.setup.strategy.timeframes))
        changes = self._changes(answer)
        if changes and (refusal := self._not_now(answer, at)) is not None:
            answer.outcome = refusal
            return
        for change in changes:
            verdict = self._judge(answer, change, at)
            records.append(self._checked(verdict, at))
            if isinstance(verdict, Refused):
                answer.outcome = _OUTCOME_OF_CONTROL.get(verdict.failed.control, Outcome.REFUSED)
                continue
            answer.order_ref = verdict.intent.order_ref
            answer.outcome = Outcome.DRY_RUN if self._engine.setup.dry_run else Outcome.ORDER
            if not self._engine.setup.dry_run:
                records.append(self._book(verdict, at))
                orders.append(verdict)
            return

    def _due_ends(self, at: datetime, timeframes: Sequence[Timeframe]) -> Mapping[Timeframe, int]:
        """Return the last bar ends that should have passed at `at`; the same for every strategy and instrument."""
        if at != self._due_at:
            self._due_at = at
            self._due.clear()
        for timeframe in timeframes:
            if timeframe not in self._due:
                self._due[timeframe] = self._last_end(at, timeframe)
        return self._due

    def _last_end(self, at: datetime, timeframe: Timeframe) -> int:
        """Return the last bar end that should have passed; within the session its own ends are looked up."""
        schedule, session = self._engine.setup.schedule, self._engine.session
        if session is None:
            return schedule.last_end(at, timeframe)
        if session is not self._ends_of:
            self._ends_of = session
            self._ends.clear()
        ends = self._ends.get(timeframe)
        if ends is None:
            ends = self._ends[timeframe] = schedule.ends(session, timeframe).tolist()
        passed = bisect_right(ends, int(at.timestamp()))
        return ends[passed - 1] if passed else schedule.last_end(at, timeframe)

    def _changes(self, answer: _Answer) -> tuple[Change, ...]:
        """Return the orders to try, best first: a flip that may not open can still close. Sets the outcome if none."""
        combined, slot = answer.combined, answer.slot
        if not combined.enough_fresh:
            answer.outcome = Outcome.WARMUP if answer.decision.reason is Reason.WARMUP else Outcome.STALE_SIGNALS
            return ()
        if combined.signal is Signal.HOLD:
            answer.outcome = Outcome.NO_SIDE
            return ()
        held = slot.ledger.position(answer.bar.instrument).quantity
        target = self._target(answer)
        if target == 0 and (combined.signal is Signal.BUY or slot.setup.sizing.allow_short):
            answer.outcome = Outcome.TOO_SMALL
            stands_against = held * (1 if combined.signal is Signal.BUY else -1) < 0
            return (closing(held),) if stands_against else ()
        change = change_to(target, held)
        if change is None:
            answer.outcome = Outcome.IN_POSITION if held else Outcome.NOT_SHORTABLE
            return ()
        return (change, closing(held)) if held and not change.reduces else (change,)

    def _target(self, answer: _Answer) -> Decimal:
        slot = answer.slot
        return target_quantity(
            answer.combined.signal,
            equity=slot.equity(self._engine.marks),
            price=self._expected_price(answer),
            rule=slot.setup.sizing,
        )

    def _not_now(self, answer: _Answer, at: datetime) -> Outcome | None:
        """Return why no order can be made at this moment, None when one can."""
        engine = self._engine
        if engine.session is None or at >= engine.session.close:
            return Outcome.SESSION_CLOSED
        if engine.state is TradingState.STOPPING:
            return Outcome.NOT_TRADING
        if engine.orders.has_working(answer.slot.id, answer.bar.instrument):
            return Outcome.WORKING_ORDER
        return None

    def _judge(self, answer: _Answer, change: Change, at: datetime) -> Verdict:
        engine, slot, bar = self._engine, answer.slot, answer.bar
        kind = "reduce" if change.reduces else "open"
        intent = OrderIntent(
            order_ref=order_ref(engine.setup.instance, at, answer.decision_id, kind),
            strategy=slot.id,
            instrument=engine.setup.instruments[bar.instrument],
            side=change.side,
            quantity=change.quantity,
            decision_id=answer.decision_id,
            decision_price=self._expected_price(answer),
            bar_end=datetime.fromtimestamp(bar.end, UTC),
            decided_at=at,
            reduces=change.reduces,
            received_host_ns=bar.received_host_ns,
        )
        return gate(intent, self._view(intent, slot, at))

    def _view(self, intent: OrderIntent, slot: StrategySlot, at: datetime) -> RiskView:
        engine, instrument = self._engine, intent.instrument.id
        strategy, account = engine.accounts.books(slot, instrument, engine.marks)
        return RiskView(
            at=at,
            price=engine.marks.price(instrument) or intent.decision_price,
            quote=engine.marks.quote(instrument),
            quote_confirmed_at=engine.marks.confirmed_at(instrument),
            state=stricter(engine.state, slot.state),
            guard=engine.guard,
            account=account,
            strategy=strategy,
            account_limits=engine.setup.account_limits,
            strategy_limits=slot.setup.limits,
            working=engine.orders.working(),
            recent=engine.orders.recent(at),
            access=engine.access,
            dispute=engine.disputes.get(instrument, ""),
        )

    def _book(self, approved: Approved, at: datetime) -> IntentRecorded:
        """Count an approved order as working from now on, and return its record."""
        intent = approved.intent
        self._engine.orders.note(intent)
        self._engine.orders.add(
            OwnOrder(
                order_ref=intent.order_ref,
                strategy=intent.strategy,
                instrument=intent.instrument.id,
                side=intent.side,
                quantity=intent.quantity,
                reduces=intent.reduces,
                decided_at=at,
            )
        )
        self._engine.accounts.slot(intent.strategy).orders_today += 1
        return IntentRecorded(
            at=at,
            order_ref=intent.order_ref,
            decision_id=intent.decision_id,
            strategy=intent.strategy,
            instrument=intent.instrument.id,
            side=intent.side,
            quantity=intent.quantity,
            order_type=intent.order_type,
            limit_price=intent.limit_price,
            decision_price=intent.decision_price,
            bar_end=int(intent.bar_end.timestamp()),
            reduces=intent.reduces,
            reserved_value=intent.quantity * intent.decision_price,
        )

    def _checked(self, verdict: Verdict, at: datetime) -> RiskChecked:
        return RiskChecked(
            at=at,
            decision_id=verdict.intent.decision_id,
            order_ref=verdict.intent.order_ref,
            passed=isinstance(verdict, Approved),
            checks=verdict.checks,
            limits_hash=self._engine.setup.limits_hash,
        )

    def _expected_price(self, answer: _Answer) -> Decimal:
        if answer.expected_price is None:
            engine, bar, expected = self._engine, answer.bar, answer.decision.expected_price
            if expected is None:
                expected = float(engine.series.window(bar.instrument, bar.timeframe).columns().close[-1])
            answer.expected_price = engine.setup.instruments[bar.instrument].to_tick(expected)
        return answer.expected_price

    def _record(self, answer: _Answer, at: datetime) -> DecisionMade:
        decision, bar = answer.decision, answer.bar
        return DecisionMade(
            at=at,
            decision_id=answer.decision_id,
            strategy=answer.slot.id,
            instrument=bar.instrument,
            timeframe=str(bar.timeframe),
            bar_end=bar.end,
            signal=decision.signal,
            confidence=decision.confidence,
            reason=decision.reason,
            note=decision.note,
            reasoning=decision.reasoning,
            buy_score=answer.combined.buy,
            sell_score=answer.combined.sell,
            combined=answer.combined.signal,
            outcome=answer.outcome,
            expected_price=decision.expected_price,
            position=answer.slot.ledger.position(bar.instrument).quantity,
            order_ref=answer.order_ref,
            memory=decision.memory,
        )
