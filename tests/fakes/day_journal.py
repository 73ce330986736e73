"""A journal with one made-up trading day, written through the real writer."""

import asyncio
import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from daemon.domain.decision import Outcome, Reason, Signal, StrategyId
from daemon.domain.instrument import InstrumentId
from daemon.domain.order import CheckResult, OrderRef, OrderState, OrderType, Side
from daemon.domain.records import (
    AlertRaised,
    BarSeen,
    CommissionRecorded,
    DecisionMade,
    EquityMarked,
    ExecutionChecked,
    FillRecorded,
    GapSeen,
    IntentRecorded,
    PositionMarked,
    Record,
    RiskChecked,
    RunStarted,
    SessionMarked,
    TradingStateChanged,
)
from daemon.journal.writer import JournalWriter

DAY: Final = "2026-03-02"
OPEN: Final = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
CLOSE: Final = datetime(2026, 3, 2, 21, 0, tzinfo=UTC)
SPY: Final = InstrumentId("SPY")
TREND: Final = StrategyId("trend")
PULSE: Final = StrategyId("pulse")


def write_journal(state: Path, *days: list[Record]) -> Path:
    """Write the records to the state directory's journal and return its path."""
    path = state / "journal.db"
    state.mkdir(parents=True, exist_ok=True)

    async def write() -> None:
        async with await JournalWriter.open(path) as journal:
            for records in days:
                await journal.append(records)

    asyncio.run(write())
    return path


def beginning(*, exchange: str = "XNYS") -> list[Record]:
    """Return how a daemon's first day begins."""
    return [
        RunStarted(
            at=OPEN - timedelta(minutes=5), run_id="r1", instance="s7", mode="paper", version="0.1.0",
            account="DU1000001", seed=7, config_hash="c", limits_hash="l", config={"calendar": {"exchange": exchange}},
        ),
        SessionMarked(at=OPEN, day=DAY, phase="OPENED"),
    ]  # fmt: skip


def ending() -> list[Record]:
    """Return how a day ends."""
    return [SessionMarked(at=CLOSE + timedelta(seconds=30), day=DAY, phase="CLOSED")]


def quiet_day() -> list[Record]:
    """Return a day on which nothing was traded."""
    return [*beginning(), *(_decision(number, TREND, Outcome.WARMUP) for number in range(3)), *ending()]


def busy_day(*, symbol: str = "SPY") -> list[Record]:
    """Return a day with two strategies, four fills, a refusal, a gap, a pause and an alert."""
    instrument = InstrumentId(symbol)
    return [
        *beginning(),
        *_bars(instrument),
        GapSeen(at=OPEN + timedelta(hours=1), instrument=instrument, timeframe="1m", end=0, cause="no_data"),
        *(_decision(number, TREND, Outcome.IN_POSITION) for number in range(40)),
        *(_decision(100 + number, PULSE, Outcome.NO_SIDE) for number in range(5)),
        _decision(200, PULSE, Outcome.REFUSED),
        RiskChecked(
            at=OPEN + timedelta(minutes=200), decision_id="d200", order_ref=OrderRef("refused"),
            passed=False, checks=(CheckResult("position_value", "pulse", "120000.00", "100000", passed=False),),
            limits_hash="l",
        ),
        *_order("o1", TREND, instrument, Side.BUY, 20, "500.10", minutes=10),
        *_order("o2", TREND, instrument, Side.SELL, 10, "503.30", minutes=130),
        *_order("o3", PULSE, instrument, Side.SELL, 5, "502.005", minutes=70),
        *_order("o4", PULSE, instrument, Side.BUY, 5, "501.25", minutes=240),
        *_marks(),
        PositionMarked(
            at=CLOSE, strategy=TREND, instrument=instrument, quantity=Decimal(10), total_cost=Decimal("5001.00"),
            realized_pnl=Decimal("32.00"), unrealized_pnl=Decimal("19.00"), price=Decimal("502.00"),
        ),
        PositionMarked(
            at=CLOSE, strategy=PULSE, instrument=instrument, quantity=Decimal(0), total_cost=Decimal(0),
            realized_pnl=Decimal("3.77"), unrealized_pnl=Decimal(0), price=Decimal("502.00"),
        ),
        TradingStateChanged(
            at=OPEN + timedelta(hours=2), state="PAUSED", strategy=PULSE, who="ann (uid 1000)", why="asked by a person"
        ),
        AlertRaised(
            at=OPEN + timedelta(hours=3), level="WARNING", name="slippage.exceeded", text="SPY: 21 bps", strategy=PULSE
        ),
        *ending(),
    ]  # fmt: skip


def _bars(instrument: InstrumentId) -> list[Record]:
    bars: list[Record] = []
    for minute in range(390):
        end = OPEN + timedelta(minutes=minute + 1)
        bars.append(_bar(instrument, "1m", end))
        if (minute + 1) % 5 == 0:
            bars.append(_bar(instrument, "5m", end))
    return bars


def _bar(instrument: InstrumentId, timeframe: str, end: datetime) -> BarSeen:
    seconds = int(end.timestamp())
    return BarSeen(
        at=end, instrument=instrument, timeframe=timeframe, start=seconds - 60, end=seconds, open=500.0, high=501.0,
        low=499.0, close=500.5, volume=1000.0, wap=500.2, trades=12,
    )  # fmt: skip


def _decision(number: int, strategy: StrategyId, outcome: Outcome) -> DecisionMade:
    return DecisionMade(
        at=OPEN + timedelta(minutes=number), decision_id=f"d{number}", strategy=strategy, instrument=SPY,
        timeframe="5m", bar_end=0,
        signal=Signal.HOLD, confidence=0.5, reason=Reason.NO_SIGNAL, note="", reasoning={},
        buy_score=0.2, sell_score=0.1, combined=Signal.HOLD, outcome=outcome, expected_price=None, position=Decimal(0),
        order_ref=None, memory=None,
    )  # fmt: skip


def _order(
    ref: str, strategy: StrategyId, instrument: InstrumentId, side: Side, units: int, price: str, *, minutes: int
) -> list[Record]:
    at = OPEN + timedelta(minutes=minutes)
    value = Decimal(price) * units
    order_ref = OrderRef(ref)
    return [
        IntentRecorded(
            at=at, order_ref=order_ref, decision_id=f"for-{ref}", strategy=strategy, instrument=instrument, side=side,
            quantity=Decimal(units), order_type=OrderType.MARKET, limit_price=None, decision_price=Decimal("500.00"),
            bar_end=1_772_461_800, reduces=False, reserved_value=value,
        ),
        FillRecorded(
            at=at + timedelta(seconds=1), exec_id=f"e-{ref}", order_ref=order_ref, strategy=strategy,
            instrument=instrument, side=side, quantity=Decimal(units), price=Decimal(price),
            executed_at=at + timedelta(seconds=1), replaces=None,
        ),
        CommissionRecorded(
            at=at + timedelta(seconds=1), exec_id=f"e-{ref}", order_ref=order_ref, strategy=strategy,
            amount=value * Decimal("0.002"), currency="USD",
        ),
        ExecutionChecked(
            at=at + timedelta(seconds=2), order_ref=order_ref, strategy=strategy, instrument=instrument,
            state=OrderState.FILLED, expected_price=Decimal("500.00"), filled_price=Decimal(price),
            expected_quantity=Decimal(units), filled_quantity=Decimal(units), decision_bps=float(minutes) / 10,
            arrival_bps=1.5, touch_bps=-0.25, delay_bps=0.5, spread_bps=0.75, impact_bps=0.25,
            bar_to_received_ms=2000.0,
            sent_to_acknowledged_ms=40.0, sent_to_first_fill_ms=120.0, sent_to_last_fill_ms=150.0,
            host_received_to_decided_ms=0.31, host_decided_to_journaled_ms=0.42, host_journaled_to_sent_ms=0.05,
            host_received_to_sent_ms=0.78, host_sent_to_acknowledged_ms=1.2, host_sent_to_filled_ms=2.5, warning="",
        ),
    ]  # fmt: skip


def _marks() -> list[Record]:
    """Return an equity curve that rises by 80, falls by 130 and ends 10.25 above its start."""
    marks: list[Record] = []
    for minute in range(0, 391, 5):
        change = Decimal(str(round(80 * math.sin(minute / 390 * math.pi * 1.9), 2)))
        if minute == 390:
            change = Decimal("10.25")
        at = OPEN + timedelta(minutes=minute)
        marks += [
            _mark(at, TREND, Decimal(50_000), change),
            _mark(at, PULSE, Decimal(50_000), Decimal(0)),
            _mark(at, StrategyId("*"), Decimal(100_000), change),
        ]
    return marks


def _mark(at: datetime, strategy: StrategyId, start: Decimal, change: Decimal) -> EquityMarked:
    return EquityMarked(
        at=at, strategy=strategy, cash=start, market_value=change, equity=start + change, realized_pnl=Decimal("32.00"),
        unrealized_pnl=change, commission=Decimal("40.03"), day_start_equity=start,
    )  # fmt: skip
