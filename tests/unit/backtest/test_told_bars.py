"""Bars are counted once, whether they became records or were foreseen."""

from datetime import UTC, datetime

import numpy as np

from daemon.backtest.told_bars import ToldBars
from daemon.domain.bar import flat_bar
from daemon.domain.decision import StrategyId
from daemon.domain.instrument import InstrumentId
from daemon.domain.records import BarSeen
from daemon.domain.timeframe import Timeframe
from daemon.engine.quiet import QuietDecisions

SPY, M1 = InstrumentId("SPY"), Timeframe.parse("1m")
START = 1_700_000_000 // 60 * 60


def seen(number: int) -> BarSeen:
    end = START + 60 * number
    at = datetime.fromtimestamp(end, UTC)
    return BarSeen.of(flat_bar(start=end - 60, end=end, close=100.0), at=at, instrument=SPY, timeframe=M1)


def foreseen(strategy: str, numbers: range) -> QuietDecisions:
    size = len(numbers)
    return QuietDecisions(
        StrategyId(strategy), SPY, M1, START + 60 * np.array(numbers), np.zeros(size, np.int8), np.zeros(size),
        np.zeros(size, np.int8),
    )  # fmt: skip


def test_records_of_a_foreseen_session_are_a_part_of_it() -> None:
    told = ToldBars()
    told.foreseen(foreseen("one", range(1, 11)))
    told.foreseen(foreseen("two", range(1, 11)))
    told.session_done([seen(3), seen(7)])
    assert told.counts == {(SPY, "1m"): 10}
    told.session_done([seen(number) for number in range(20, 25)])
    assert told.counts == {(SPY, "1m"): 15}
    assert told.by_timeframe() == {"1m": 15}
    assert told.span == (datetime.fromtimestamp(START + 60, UTC), datetime.fromtimestamp(START + 24 * 60, UTC))


def test_nothing_has_no_span() -> None:
    assert ToldBars().span is None
