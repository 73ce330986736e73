"""The heart alone: bars a second through `Engine.process`, without queue, tasks or disk. The backtest lives on it."""

import cProfile
import gc
import io
import math
import pstats
import random
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

from daemon.domain.bar import Bar
from daemon.domain.events import (
    BarsClosed,
    CommissionReceived,
    Event,
    FillReceived,
    HistoryLoaded,
    InstantClosed,
    OrderChanged,
    QuoteChanged,
    SessionClosed,
    SessionOpened,
)
from daemon.domain.fill import Fill
from daemon.domain.instrument import InstrumentId
from daemon.domain.order import Approved, OrderState
from daemon.domain.timeframe import Timeframe
from daemon.engine.engine import Engine
from daemon.market.sessions import Session
from tests.benchmarks import market
from tests.benchmarks.figures import Figure, median
from tests.benchmarks.processes import measured
from tests.benchmarks.wiring import engine_setup, sma_cross, strategy_setup

PART = "engine alone"
_NAME = InstrumentId("B000")
_MINUTE = Timeframe.parse("1m")


def measure(*, rounds: int, sessions: int) -> list[Figure]:
    """Return bars a second for one symbol, one strategy, one timeframe."""
    results = [measured(passage, sessions) for _ in range(rounds)]
    rate = median([bars / took for bars, took, _, _ in results])
    _, _, orders, records = results[0]
    return [
        Figure(
            part=PART,
            name=f"sma_cross, 1 symbol, 1m, {sessions} sessions, {orders} orders",
            measured=rate,
            unit="bars/s",
            goal=330_000.0,
            better="more",
        ),
        Figure(part=PART, name="one bar and its decision", measured=1e6 / rate, unit="µs"),
        Figure(part=PART, name="records a bar", measured=records, unit=""),
    ]


def passage(sessions: int) -> tuple[int, float, int, float]:
    """Return bars, seconds, orders and records a bar."""
    engine, played = _engine(), _sessions(sessions)
    bars = orders = records = executions = 0
    took_ns = 0
    process = engine.process
    gc.collect()
    for session, events in played:
        for event in _opening(session, events[0]):
            process(event)
        answers: tuple[Event, ...] = ()
        began = time.perf_counter_ns()
        for closed, ended in events:
            for answer in answers:
                process(answer)
            answers = ()
            records += len(process(closed).records)
            output = process(ended)
            records += len(output.records)
            bars += 1
            if output.orders:
                executions += 1
                answers = _filled(output.orders[0], executions, closed.at)
                orders += 1
        took_ns += time.perf_counter_ns() - began
        for answer in answers:
            process(answer)
        process(SessionClosed(at=session.close))
    return bars, took_ns / 1e9, orders, records / bars


def profile(sessions: int = 10, rows: int = 10) -> str:
    """Return where the time goes, by own time."""
    return measured(_profile, sessions, rows)


def _profile(sessions: int, rows: int) -> str:
    profiler, out = cProfile.Profile(), io.StringIO()
    profiler.runcall(passage, sessions)
    statistics = pstats.Stats(profiler, stream=out)
    statistics.sort_stats("tottime").print_stats("daemon|talib|numpy|decimal|built-in", rows)
    return out.getvalue()


def _engine() -> Engine:
    return Engine(engine_setup((_NAME,), [strategy_setup("sma", sma_cross((_MINUTE,)), (_NAME,), allow_short=True)]))


def _sessions(count: int) -> list[tuple[Session, list[tuple[BarsClosed, InstantClosed]]]]:
    calendar = market.schedule().calendar
    days = calendar.sessions_between(date(2024, 1, 2), date(2025, 12, 31))[:count]
    walk = random.Random(7)
    close, played = 100.0, []
    for session in days:
        events = []
        for end in market.schedule().ends(session, _MINUTE).tolist():
            before, close = close, round(close * math.exp(walk.gauss(0, 0.0005)), 2)
            at = datetime.fromtimestamp(end, UTC)
            bar = _bar(end, before, close)
            events.append((BarsClosed(at=at, timeframe=_MINUTE, end=end, bars=((_NAME, bar),)), InstantClosed(at=at)))
        played.append((session, events))
    return played


def _bar(end: int, before: float, close: float) -> Bar:
    return Bar(
        start=end - 60,
        end=end,
        open=before,
        high=max(before, close) + 0.01,
        low=min(before, close) - 0.01,
        close=close,
        volume=1000.0,
        wap=(before + close) / 2,
        trades=20,
    )


def _opening(session: Session, first: tuple[BarsClosed, InstantClosed]) -> Sequence[Event]:
    """Return history, session and a quote; bars confirm the quote from then on."""
    at, close = session.open, first[0].bars[0][1].open
    start, _ = market.schedule().anchor_end(session, _MINUTE, 200)
    ends = []
    for day in market.schedule().calendar.sessions_between(datetime.fromtimestamp(start, UTC).date(), session.day):
        ends += [end for end in market.schedule().ends(day, _MINUTE).tolist() if start < end <= session.open_s]
    history = tuple(_bar(end, close, close) for end in ends)
    return (
        HistoryLoaded(at=at, instrument=_NAME, timeframe=_MINUTE, bars=history),
        SessionOpened(at=at, open_s=session.open_s, close_s=session.close_s),
        QuoteChanged(
            at=at, instrument=_NAME, bid=round(close - 0.01, 2), ask=round(close + 0.01, 2), bid_size=500, ask_size=500
        ),
    )


def _filled(order: Approved, number: int, at: datetime) -> tuple[Event, ...]:
    intent = order.intent
    exec_id = f"x{number:08d}.01"
    fill = Fill(
        exec_id=exec_id,
        order_ref=intent.order_ref,
        instrument=_NAME,
        side=intent.side,
        quantity=intent.quantity,
        price=intent.decision_price,
        at=at,
        executed_at=at,
    )
    return (
        FillReceived(at=at, fill=fill),
        OrderChanged(at=at, order_ref=intent.order_ref, state=OrderState.FILLED),
        CommissionReceived(at=at, exec_id=exec_id, order_ref=intent.order_ref, amount=Decimal(1), currency="USD"),
    )
