"""Where a journal may be, and the records of an order's life."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from daemon.domain.adjustment import AdjustmentState
from daemon.domain.decision import Outcome, Reason, Signal, StrategyId
from daemon.domain.instrument import InstrumentId
from daemon.domain.order import CheckResult, OrderRef, OrderState, OrderType, Side
from daemon.domain.records import (
    AdjustmentRecorded,
    AlertRaised,
    ArrivalQuoteTaken,
    BarRevisionSeen,
    BarSeen,
    CommissionRecorded,
    DecisionMade,
    EquityMarked,
    ExecutionChecked,
    FillRecorded,
    GapSeen,
    HistorySeen,
    IntentRecorded,
    OrderEventSeen,
    OrderRefAssigned,
    PositionMarked,
    QuoteSeen,
    Record,
    RiskChecked,
    RunStarted,
    SessionMarked,
    TradingStateChanged,
)

OPEN = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
SPY = InstrumentId("SPY")
SMA = StrategyId("sma_cross")
Story = Callable[[int], tuple[Record, ...]]


@pytest.fixture(params=["sqlite", "postgresql"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return where a journal that does not exist yet will be, on each kind of database."""
    if request.param == "sqlite":
        return str(tmp_path / "journal.db")
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def story() -> Story:
    """Return a function that gives the records of the order with a number, one of every class, in a likely order."""
    return order_story


def order_story(number: int) -> tuple[Record, ...]:
    at = OPEN + timedelta(minutes=5 * number)
    end = int(at.timestamp())
    ref, decision_id, exec_id = OrderRef(f"pd-test-{number:04d}"), f"d{number:04d}", f"0001.{number:04d}.01"
    bar = {"open": 500.0, "high": 501.0, "low": 499.5, "close": 500.5, "volume": 1000.0, "wap": 500.1}
    return (
        RunStarted(
            at=at,
            run_id=f"r{number}",
            instance="test",
            mode="paper",
            version="0.1.0",
            account="DU1",
            seed=7,
            config_hash="c",
            limits_hash="l",
            config={"strategies": ["sma_cross"]},
        ),
        SessionMarked(at=at, day="2026-01-05", phase="OPENED"),
        BarSeen(at=at, instrument=SPY, timeframe="5m", start=end - 300, end=end, trades=12, **bar),
        GapSeen(at=at, instrument=SPY, timeframe="1h", end=end, cause="feed down"),
        DecisionMade(
            at=at,
            decision_id=decision_id,
            strategy=SMA,
            instrument=SPY,
            timeframe="5m",
            bar_end=end,
            signal=Signal.BUY,
            confidence=0.8,
            reason=Reason.SIGNAL,
            note="",
            reasoning={"slow": 499.0, "fast": 500.0},
            buy_score=0.8,
            sell_score=0.0,
            combined=Signal.BUY,
            outcome=Outcome.ORDER,
            expected_price=500.5,
            position=Decimal(0),
            order_ref=ref,
            memory={"trades": number},
        ),
        RiskChecked(
            at=at,
            decision_id=decision_id,
            order_ref=ref,
            passed=True,
            checks=(
                CheckResult("paper_only", "account", "DU1:4002", "account D…", passed=True),
                CheckResult("position_value", "account", "5005.00", "25000", passed=True),
            ),
            limits_hash="l",
        ),
        IntentRecorded(
            at=at,
            order_ref=ref,
            decision_id=decision_id,
            strategy=SMA,
            instrument=SPY,
            side=Side.BUY,
            quantity=Decimal(10),
            order_type=OrderType.MARKET,
            limit_price=None,
            decision_price=Decimal("500.50"),
            bar_end=end,
            reduces=False,
            reserved_value=Decimal("5005.00"),
        ),
        ArrivalQuoteTaken(
            at=at,
            order_ref=ref,
            bid=Decimal("500.49"),
            ask=Decimal("500.51"),
            mid=Decimal("500.50"),
            bid_size=Decimal(300),
            ask_size=Decimal(200),
            quote_at=at - timedelta(milliseconds=250),
        ),
        OrderRefAssigned(at=at, order_ref=ref, order_id=number, client_id=1, perm_id=0),
        OrderEventSeen(
            at=at,
            order_ref=ref,
            state=OrderState.SENDING,
            source="journal",
            code=0,
            text="",
            filled=Decimal(0),
            host_ns=5,
        ),
        FillRecorded(
            at=at,
            exec_id=exec_id,
            order_ref=ref,
            strategy=SMA,
            instrument=SPY,
            side=Side.BUY,
            quantity=Decimal(10),
            price=Decimal("500.52"),
            executed_at=at.replace(microsecond=0),
            replaces=None,
        ),
        CommissionRecorded(at=at, exec_id=exec_id, order_ref=ref, strategy=SMA, amount=Decimal("1.10"), currency="USD"),
        OrderEventSeen(
            at=at,
            order_ref=ref,
            state=OrderState.FILLED,
            source="wire",
            code=0,
            text="all",
            filled=Decimal(10),
            host_ns=9,
        ),
        check(at, ref, number),
        PositionMarked(
            at=at,
            strategy=SMA,
            instrument=SPY,
            quantity=Decimal(10 * number),
            total_cost=Decimal("5005.20") * number,
            realized_pnl=Decimal(0),
            unrealized_pnl=Decimal("-0.20"),
            price=Decimal("500.50"),
        ),
        *(equity(at, strategy, number) for strategy in (SMA, StrategyId("*"))),
        TradingStateChanged(at=at, state="RUNNING", strategy=None, who="daemon", why="start"),
        AlertRaised(at=at, level="ERROR" if number % 2 else "WARNING", name="data.stalled", text="late", strategy=SMA),
        HistorySeen(at=at, instrument=SPY, timeframe="5m", start=end - 300, end=end, trades=12, **bar),
        QuoteSeen(at=at, instrument=SPY, bid=99.99, ask=100.01, bid_size=300.0, ask_size=200.0, confirmed_at=at),
        BarRevisionSeen(at=at, instrument=SPY, timeframe="5m", start=end - 300, end=end, trades=13, **bar),
        AdjustmentRecorded(
            at=at,
            adjustment_id=f"adj-{number}",
            instrument=SPY,
            quantity=Decimal(-number),
            order_ref=None,
            strategy=None,
            state=AdjustmentState.PROPOSED,
            price=None,
            who="daemon",
            why="the broker holds it",
        ),
    )


def equity(at: datetime, strategy: StrategyId, number: int) -> EquityMarked:
    return EquityMarked(
        at=at,
        strategy=strategy,
        cash=Decimal(90000),
        market_value=Decimal(10000) + number,
        equity=Decimal(100000) + number,
        realized_pnl=Decimal("0.25") * number,
        unrealized_pnl=Decimal(number),
        commission=Decimal("1.10") * number,
        day_start_equity=Decimal(100000),
    )


def check(at: datetime, ref: OrderRef, number: int) -> ExecutionChecked:
    return ExecutionChecked(
        at=at,
        order_ref=ref,
        strategy=SMA,
        instrument=SPY,
        state=OrderState.FILLED,
        expected_price=Decimal("500.50"),
        filled_price=Decimal("500.52"),
        expected_quantity=Decimal(10),
        filled_quantity=Decimal(10),
        decision_bps=0.4,
        arrival_bps=float(number),
        touch_bps=0.2,
        delay_bps=0.0,
        spread_bps=0.2,
        impact_bps=0.2,
        bar_to_received_ms=100.0 * number,
        sent_to_acknowledged_ms=40.0,
        sent_to_first_fill_ms=60.0,
        sent_to_last_fill_ms=60.0,
        host_received_to_decided_ms=0.2,
        host_decided_to_journaled_ms=0.4,
        host_journaled_to_sent_ms=0.1,
        host_received_to_sent_ms=0.7,
        host_sent_to_acknowledged_ms=None,
        host_sent_to_filled_ms=None,
        warning="",
    )


ROWS = len(order_story(1)) + 1
"""Rows that one story leaves behind, its seal with them."""
