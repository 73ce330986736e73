"""From executions to trades, and what trades tell."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.decision import StrategyId
from daemon.domain.instrument import InstrumentId
from daemon.domain.order import Side
from daemon.statistics.trades import (
    Execution,
    Matching,
    Trades,
    in_market,
    round_trips,
    trade_statistics,
    turnover,
)

OPEN = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
BUY, SELL = Side.BUY, Side.SELL


def facts(*values: object) -> tuple[object, ...]:
    """Return values side by side, to be compared with plain numbers."""
    return values


def execution(
    minute: int,
    side: Side,
    quantity: str,
    price: str,
    *,
    commission: str = "0",
    order: str = "",
    reason: str = "",
    symbol: str = "SPY",
    strategy: str = "s",
    multiplier: str = "1",
) -> Execution:
    return Execution(
        strategy=StrategyId(strategy),
        instrument=InstrumentId(symbol),
        at=OPEN + timedelta(minutes=minute),
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        commission=Decimal(commission),
        multiplier=Decimal(multiplier),
        order=order,
        reason=reason,
    )


def test_a_purchase_and_its_sale_make_a_trade_after_both_commissions() -> None:
    trades = round_trips(
        [
            execution(0, BUY, "100", "50.00", commission="1.00", reason="crossed up"),
            execution(90, SELL, "100", "50.40", commission="1.10", reason="crossed down"),
        ]
    )
    (trade,) = trades.closed
    assert trades.open == ()
    assert facts(trade.side, trade.quantity, trade.entry_price, trade.exit_price) == (
        BUY,
        100,
        Decimal(50),
        Decimal("50.4"),
    )
    assert facts(trade.pnl, trade.commission) == (Decimal("37.90"), Decimal("2.10"))
    assert facts(trade.duration_s, trade.reason) == (5400.0, "crossed down")


def test_a_short_gains_when_the_price_falls() -> None:
    (trade,) = round_trips([execution(0, SELL, "10", "20"), execution(1, BUY, "10", "18")]).closed
    assert facts(trade.side, trade.pnl) == (SELL, 20)


def test_fifo_closes_the_oldest_first() -> None:
    fills = [execution(0, BUY, "100", "10"), execution(1, BUY, "100", "12"), execution(2, SELL, "150", "13")]
    trades = round_trips(fills)
    assert [facts(trade.quantity, trade.entry_price, trade.pnl) for trade in trades.closed] == [
        (100, 10, 300),
        (50, 12, 50),
    ]
    assert [facts(trade.quantity, trade.entry_price) for trade in trades.open] == [(50, 12)]


def test_average_cost_closes_a_share_of_all() -> None:
    fills = [execution(0, BUY, "100", "10"), execution(1, BUY, "100", "12"), execution(2, SELL, "150", "13")]
    trades = round_trips(fills, matching=Matching.AVERAGE)
    assert [facts(trade.quantity, trade.entry_price, trade.pnl) for trade in trades.closed] == [(150, 11, 300)]
    assert [facts(trade.quantity, trade.entry_price) for trade in trades.open] == [(50, 11)]


def test_selling_more_than_is_held_opens_the_other_side() -> None:
    trades = round_trips(
        [execution(0, BUY, "1", "10"), execution(1, SELL, "3", "12", commission="3"), execution(2, BUY, "2", "11")]
    )
    assert [facts(trade.side, trade.quantity, trade.pnl) for trade in trades.closed] == [(BUY, 1, 1), (SELL, 2, 0)]


def test_fills_of_one_order_make_one_trade() -> None:
    trades = round_trips(
        [
            execution(0, BUY, "60", "10.00", order="a", commission="0.60"),
            execution(1, BUY, "40", "10.05", order="a", commission="0.40"),
            execution(5, SELL, "50", "11.00", order="b"),
            execution(6, SELL, "50", "11.00", order="b"),
        ]
    )
    (trade,) = trades.closed
    assert facts(trade.quantity, trade.entry_price, trade.pnl) == (100, Decimal("10.02"), Decimal("97.00"))
    assert trade.duration_s == 360.0


def test_strategies_and_symbols_are_matched_on_their_own() -> None:
    trades = round_trips(
        [
            execution(0, BUY, "1", "10", strategy="a"),
            execution(1, SELL, "1", "11", strategy="b"),
            execution(2, SELL, "1", "12", strategy="a", symbol="QQQ"),
        ]
    )
    assert trades.closed == ()
    assert [trade.side for trade in trades.open] == [BUY, SELL, SELL]


def test_a_multiplier_counts_in_money_and_not_in_prices() -> None:
    (trade,) = round_trips(
        [execution(0, BUY, "2", "3.50", multiplier="100"), execution(1, SELL, "2", "4.00", multiplier="100")]
    ).closed
    assert facts(trade.entry_price, trade.entry_value, trade.pnl) == (Decimal("3.5"), 700, 100)


def test_an_execution_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="quantity must be > 0"):
        execution(0, BUY, "0", "1")


@given(
    st.lists(
        st.tuples(st.sampled_from(Side), st.integers(1, 40), st.integers(900, 1100), st.integers(-5, 99)), max_size=30
    ),
    st.sampled_from(Matching),
)
def test_no_cent_is_lost_once_everything_is_closed(
    wishes: list[tuple[Side, int, int, int]], matching: Matching
) -> None:
    fills = [
        execution(minute, side, str(quantity), str(Decimal(price) / 100), commission=str(Decimal(paid) / 100))
        for minute, (side, quantity, price, paid) in enumerate(wishes)
    ]
    held = sum(fill.quantity * fill.side.sign for fill in fills)
    if held:
        fills.append(execution(99, SELL if held > 0 else BUY, str(abs(held)), "10.00", commission="0.35"))
    trades = round_trips(fills, matching=matching)
    cash = sum((-fill.value * fill.side.sign - fill.commission for fill in fills), Decimal(0))
    assert trades.open == ()
    assert sum((trade.pnl for trade in trades.closed), Decimal(0)).quantize(Decimal("1e-15")) == cash


def three_trades() -> Trades:
    return round_trips(
        [
            execution(0, BUY, "10", "100", reason="in"),
            execution(10, SELL, "10", "106", commission="1", reason="target"),
            execution(20, BUY, "10", "100"),
            execution(40, SELL, "10", "98", reason="stop"),
            execution(50, BUY, "10", "100"),
            execution(80, SELL, "10", "100", reason="stop"),
        ]
    )


def test_trades_are_summed_up() -> None:
    told = trade_statistics(three_trades().closed)  # +59, -20, 0
    assert facts(told.count, told.wins, told.losses) == (3, 1, 1)
    assert facts(told.pnl, told.gross_profit, told.gross_loss, told.best, told.worst) == (39, 59, -20, 59, -20)
    assert told.hit_rate == pytest.approx(1 / 3)
    assert told.profit_factor == pytest.approx(2.95)
    assert told.expectancy == pytest.approx(13.0)
    assert facts(told.average_win, told.average_loss) == (59.0, -20.0)
    assert told.average_duration_s == 1200.0
    assert list(told.reasons.items()) == [("stop", 2), ("target", 1)]


def test_what_no_trade_tells_is_none() -> None:
    told = trade_statistics(())
    assert facts(told.count, told.pnl, told.best, told.hit_rate, told.expectancy) == (0, 0, None, None, None)
    assert facts(told.profit_factor, told.average_win, told.average_loss, told.average_duration_s) == (None,) * 4


def test_only_losses_have_a_profit_factor_of_zero_and_only_gains_none() -> None:
    lost = trade_statistics(round_trips([execution(0, BUY, "1", "9"), execution(1, SELL, "1", "8")]).closed)
    assert (lost.hit_rate, lost.profit_factor, lost.average_win) == (0.0, 0.0, None)
    won = trade_statistics(round_trips([execution(0, BUY, "1", "8"), execution(1, SELL, "1", "9")]).closed)
    assert (won.hit_rate, won.profit_factor, won.average_loss) == (1.0, None, None)


def test_exposure_counts_the_marks_from_entry_until_before_the_exit() -> None:
    held = in_market(
        np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0]), entered=np.array([1.0, 2.0, 5.0]), exited=np.array([3.0, 4.0, np.inf])
    )
    assert held.tolist() == [False, True, True, True, False, True]


def test_turnover_is_half_of_what_was_traded_over_mean_equity_a_year() -> None:
    assert turnover(traded_value=400_000, mean_equity=100_000, years=0.5) == 4.0
    assert turnover(traded_value=1.0, mean_equity=0.0, years=1.0) is None
    assert turnover(traded_value=1.0, mean_equity=1.0, years=0.0) is None
