"""Carries simple market orders from the decision to the ledger in one straight line, where nothing can come between.

While nothing works at the exchange, an order that is filled whole on arrival, before the next instant of the session,
goes through the same hands as any other: the decider, the controls, the seeded latency, the exchange's book, the
commission, the ledger. What it does not need is their conversation by events and callbacks. This module knows the order
in which they would speak, and no rule of its own; whatever is out of the ordinary is left to them, with nothing done.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from daemon.backtest.simulated_broker import from_us, to_us
from daemon.domain.events import CommissionReceived, FillReceived, OrderChanged, QuoteChanged
from daemon.domain.fill import Fill
from daemon.domain.instrument import InstrumentId
from daemon.domain.order import OrderIntent, OrderRef, OrderState
from daemon.domain.records import ArrivalQuoteTaken, BarSeen, OrderEventSeen, OrderRefAssigned
from daemon.domain.trading_state import TradingState
from daemon.engine.decisions import PendingBar, Straight
from daemon.engine.quiet_lane import Answered, Lane
from daemon.execution.live_order import LiveOrder, Steps
from daemon.execution.paper_executor import arrival_quote, ticket_of
from daemon.execution.quality import execution_check
from daemon.journal.bulk import EncodedRow, Recorded
from daemon.journal.columns import time_text

if TYPE_CHECKING:
    from daemon.backtest.day_steps import DaySteps
    from daemon.backtest.driver import BacktestDriver
    from daemon.backtest.market_history import MarketHistory

_ZERO: Final = Decimal(0)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(slots=True)
class _Journey:
    """One order on its way."""

    straight: Straight
    arrival: ArrivalQuoteTaken
    quotes: Sequence[QuoteChanged]  # that are told while it works
    acknowledged: datetime
    arrived: datetime
    price: Decimal
    order_id: int = 0

    @property
    def intent(self) -> OrderIntent:
        """Return what is ordered."""
        return self.straight.approved.intent


_Step = tuple[datetime, OrderRef, _Journey, QuoteChanged | None]  # an acknowledgement or a fill, or else a quote


class OrderLane:
    """The straight line through one session."""

    def __init__(self, driver: BacktestDriver, steps: DaySteps, history: MarketHistory) -> None:
        self._driver, self._steps, self._history = driver, steps, history
        day, engine = steps.columns, driver.engine
        self._quoted: dict[InstrumentId, list[int]] = {
            name: quotes.rows.tolist() for name, quotes in day.quotes.items()
        }
        interests: dict[InstrumentId, int] = {}
        for slot in engine.accounts.slots:
            for name in slot.setup.instruments:
                interests[name] = interests.get(name, 0) + len(slot.setup.strategy.timeframes)
        told = [name for name, _ in day.series]
        in_order = told == [name for name in engine.setup.instruments if name in told]
        self._alone = {name for name in told if interests.get(name) == 1 == told.count(name)}
        if engine.setup.dry_run or not in_order:
            self._alone.clear()

    def carry(self, row: int, at: datetime, lanes: Sequence[Lane], before: datetime) -> bool:
        """Carry the orders of an instant to their fills; return False, with nothing done, where they are not simple.

        Args:
            row: the instant.
            at: the same, market time.
            lanes: those of which something follows, in the order of the instruments.
            before: the next instant of the session, or its close; every order must have been filled by then.
        """
        if not all(self._is_simple(lane, row, at) for lane in lanes):
            return False
        seen: list[Recorded] = [self._show(lane, row, at) for lane in lanes]
        answers = [lane.explain(row, self._driver.engine.marks) for lane in lanes]
        journeys: list[_Journey] = []
        for lane, answer in zip(lanes, answers, strict=True):
            journey = self._plan(lane, answer, at, before) if answer is not None else None
            if journey is None:
                break
            journeys.append(journey)
        steps = _in_order(journeys) if len(journeys) == len(lanes) else None
        if steps is None:
            for journey in reversed(journeys):
                self._driver.engine.decider.take_back(journey.straight.approved)
            for lane in lanes:
                lane.step_back(row)
            return False
        for lane, answer in zip(lanes, answers, strict=True):
            if answer is not None:
                lane.remember(answer)
        self._send(at, seen, journeys)
        for step in steps:
            self._happens(step, seen)
        self._driver.sink(seen)
        return True

    def _is_simple(self, lane: Lane, row: int, at: datetime) -> bool:
        engine, instrument = self._driver.engine, lane.instrument
        return (
            instrument in self._alone
            and engine.state is TradingState.RUNNING
            and lane.slot.state is TradingState.RUNNING
            and self._quote_place(instrument, row) is not None
            and not engine.orders.worked(instrument, at)
        )

    def _quote_place(self, instrument: InstrumentId, row: int) -> int | None:
        """Return which of an instrument's quotes is told at an instant."""
        rows = self._quoted.get(instrument, [])
        place = bisect_left(rows, row)
        return place if place < len(rows) and rows[place] == row else None

    def _show(self, lane: Lane, row: int, at: datetime) -> EncodedRow:
        """Let the engine see what the market says of an instrument, and return the row of its bar."""
        instrument, place = lane.instrument, self._quote_place(lane.instrument, row)
        marks = self._driver.engine.marks
        if place is not None:
            marks.on_quote(self._steps.quote(instrument, place))
        bar = self._steps.bar(instrument, lane.frame, lane.step_to(row))
        marks.on_bar(instrument, bar, at)
        return BarSeen, (
            time_text(at), instrument, str(lane.frame), bar.start, bar.end, bar.open, bar.high, bar.low, bar.close,
            bar.volume, bar.wap, bar.trades,
        )  # fmt: skip

    def _plan(self, lane: Lane, answer: Answered, at: datetime, before: datetime) -> _Journey | None:
        """Return the order that follows and its way to the fill, None where it is not simple."""
        engine, broker, rules = self._driver.engine, self._driver.broker, self._driver.executor.rules
        bar = PendingBar(lane.frame, lane.instrument, answer.bar_end, missing=False, received_host_ns=0)
        straight = engine.decider.straight(lane.slot, bar, answer.decision, answer.combined, at)
        if straight is None:
            return None
        intent, quote = straight.approved.intent, engine.marks.quote(lane.instrument)
        delays = broker.exchange.delays(intent.order_ref)
        sent_us = to_us(at)
        acknowledged, arrived = from_us(sent_us + delays.acknowledged_us), from_us(sent_us + delays.arrived_us)
        price = None
        if quote is not None and arrived < before and arrived - at < rules.timeout:
            quotes = self._history.quotes_between(lane.instrument, at, arrived + _MICROSECOND)
            if not quotes or quotes[-1].at < acknowledged:
                price = broker.met(lane.instrument, quotes[-1] if quotes else quote, intent.quantity, intent.side)
        if quote is None or price is None:
            engine.decider.take_back(straight.approved)
            return None
        return _Journey(straight, arrival_quote(intent, quote, at), quotes, acknowledged, arrived, price)

    def _send(self, at: datetime, seen: list[Recorded], journeys: Sequence[_Journey]) -> None:
        """Record what is seen, decided, prepared and sent at the instant itself."""
        engine, broker = self._driver.engine, self._driver.broker
        seen += engine.quotes_seen([journey.intent.instrument.id for journey in journeys], at)
        for journey in journeys:
            seen += journey.straight.records
        for journey in journeys:
            journey.order_id, ref = broker.reserve_order_id(), journey.intent.order_ref
            seen += [
                (OrderRefAssigned, (time_text(at), ref, journey.order_id, broker.client_id, 0)),
                _event(journey, at, OrderState.SENDING, "journal"),
                journey.arrival,
            ]
        seen += [_event(journey, at, OrderState.SENDING, "wire", text="sent") for journey in journeys]

    def _happens(self, step: _Step, seen: list[Recorded]) -> None:
        """Let a quote, an acknowledgement or an execution happen."""
        at, _, journey, quote = step
        engine = self._driver.engine
        if quote is not None:
            engine.marks.on_quote(quote)
            seen += engine.quotes_seen([quote.instrument], at)
        elif at == journey.acknowledged:
            seen.append(_event(journey, at, OrderState.SUBMITTED, "orderStatus", text="PreSubmitted"))
        else:
            self._fill(journey, at, seen)

    def _fill(self, journey: _Journey, at: datetime, seen: list[Recorded]) -> None:
        """Book an execution of the whole order."""
        engine, broker, rules, intent = (
            self._driver.engine, self._driver.broker, self._driver.executor.rules, journey.intent
        )  # fmt: skip
        exec_id, fee = broker.executed(intent.quantity, journey.price)
        fill = Fill(
            exec_id=exec_id, order_ref=intent.order_ref, instrument=intent.instrument.id, side=intent.side,
            quantity=intent.quantity, price=journey.price, at=at, executed_at=at.replace(microsecond=0),
        )  # fmt: skip
        steps = Steps(
            bar_end=intent.bar_end, decided_at=intent.decided_at, sent_at=intent.decided_at,
            acknowledged_at=journey.acknowledged,
        )  # fmt: skip
        order = LiveOrder(
            ticket=ticket_of(intent, journey.order_id), strategy=intent.strategy, decision_price=intent.decision_price,
            reduces=intent.reduces, steps=steps, arrival=journey.arrival, state=OrderState.FILLED,
        )  # fmt: skip
        order.take(fill)
        seen.append(_event(journey, at, OrderState.FILLED, "execution", text=exec_id, filled=order.filled))
        seen.append(execution_check(order, at, lag_warning=rules.lag_warning, slippage_warning=rules.slippage_warning))
        seen += engine.process(FillReceived(at=at, fill=fill)).records
        engine.process(OrderChanged(at=at, order_ref=intent.order_ref, state=OrderState.FILLED, text=exec_id))
        paid = CommissionReceived(
            at=at, exec_id=exec_id, order_ref=intent.order_ref, amount=fee, currency=intent.instrument.currency
        )
        seen += engine.process(paid).records


def _in_order(journeys: Sequence[_Journey]) -> list[_Step] | None:
    """Return what happens to the orders after they were sent, None where two things of different kinds coincide."""
    steps: list[_Step] = []
    for journey in journeys:
        ref = journey.intent.order_ref
        steps += [(quote.at, ref, journey, quote) for quote in journey.quotes]
        steps += [(journey.acknowledged, ref, journey, None), (journey.arrived, ref, journey, None)]
    steps.sort(key=itemgetter(0, 1))
    for one, other in pairwise(steps):
        if one[0] == other[0] and not (one[3] and other[3]):
            return None
    return steps


def _event(
    journey: _Journey, at: datetime, state: OrderState, source: str, *, text: str = "", filled: Decimal = _ZERO
) -> EncodedRow:
    """Return the row of a step in an order's life; host time stands still."""
    return OrderEventSeen, (time_text(at), journey.intent.order_ref, state.value, source, 0, text, str(filled), 0)
