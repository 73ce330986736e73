"""Histories given as columns: the same market bar by bar and quietly, holes included."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from daemon.backtest.column_history import ColumnHistory, MadeQuotes
from daemon.backtest.driver import Quietly
from daemon.domain.instrument import InstrumentId
from daemon.domain.records import FillRecorded, IntentRecorded
from daemon.market.windows import BarColumns
from daemon.strategies.sma_cross import SmaCross, SmaCrossParameters
from tests.unit.backtest.quiet_stage import M1, SCHEDULE, assert_same, run, setup, strategy, trips

SYMBOLS = ("AAA", "BBB", "CCC")


def columns(seed: int, *, days: int = 3, holes: float = 0.0) -> BarColumns:
    """Return a random walk on the minutes of some days, with some of them missing."""
    random = np.random.default_rng(seed)
    sessions = SCHEDULE.calendar.sessions_between(date(2024, 3, 4), date(2024, 3, 29))[:days]
    ends = np.concatenate([SCHEDULE.ends(session, M1) for session in sessions])
    ends = ends[random.random(len(ends)) >= holes]
    close = np.round(100.0 * np.exp(np.cumsum(random.normal(0.0, 0.0006, len(ends)))), 2)
    opened = np.round(np.concatenate(([100.0], close[:-1])) + random.integers(-2, 3, len(ends)) / 100, 2)
    trades = np.where(random.random(len(ends)) < 0.1, 0, 5)
    return BarColumns(
        ends - 60,
        ends,
        opened,
        np.maximum(opened, close),
        np.minimum(opened, close),
        close,
        np.full(len(ends), 100.0),
        close,
        trades,
    )


def history(symbols: int, *, seed: int, holes: float = 0.0, warm: int = 0) -> ColumnHistory:
    bars = {InstrumentId(name): columns(seed + number, holes=holes) for number, name in enumerate(SYMBOLS[:symbols])}
    return ColumnHistory(bars=bars, schedule=SCHEDULE, timeframe=M1, warm=warm, quotes=MadeQuotes(half_spread=0.01))


@pytest.mark.parametrize("quietly", ["decide", "decide_all"])
@pytest.mark.parametrize(
    ("symbols", "holes", "warm", "daily_loss"),
    [
        (1, 0.0, 0, 10**8),
        (3, 0.0, 1, 10**8),
        (3, 0.1, 0, 10**8),
        (3, 0.3, 1, 10**8),
        (3, 0.0, 0, 300),
        (2, 0.2, 0, 200),
    ],
)
def test_quiet_equals_told(symbols: int, holes: float, warm: int, daily_loss: int, quietly: Quietly) -> None:
    rules = SmaCross(SmaCrossParameters(fast=5, slow=20), (M1,))
    heart = setup(
        [strategy("sma", rules, SYMBOLS[:symbols], allow_short=True, daily_loss=daily_loss)], daily_loss=daily_loss
    )
    told = run(heart, history(symbols, seed=1, holes=holes, warm=warm), None)
    quiet = run(heart, history(symbols, seed=1, holes=holes, warm=warm), quietly)
    assert_same(told, quiet)
    assert quiet.count(FillRecorded) > 5
    assert (trips(told) > 0) == (daily_loss < 10**8)


def test_an_order_fills_at_the_next_open() -> None:
    rules = SmaCross(SmaCrossParameters(fast=5, slow=20), (M1,))
    heart = setup([strategy("sma", rules, SYMBOLS[:1], allow_short=True)])
    market = history(1, seed=2)
    done = run(heart, market, "decide_all")
    bars = market.bars[InstrumentId("AAA")]
    following = dict(zip(bars.end[:-1].tolist(), bars.open[1:].tolist(), strict=True))
    intents = {record.order_ref: record for record in done.records if isinstance(record, IntentRecorded)}
    fills = [record for record in done.records if isinstance(record, FillRecorded)]
    assert len(fills) > 5
    for fill in fills:
        intent = intents[fill.order_ref]
        sign = 1 if intent.side.value == "BUY" else -1
        assert float(fill.price) == pytest.approx(following[intent.bar_end] + sign * 0.01, abs=1e-4)


def test_quotes_between_leaves_its_bounds_out() -> None:
    market = history(1, seed=3)
    session, steps = next(market.sessions())
    name = InstrumentId("AAA")
    end = datetime.fromtimestamp(int(steps.columns.at[0]), UTC)
    opens = end + timedelta(milliseconds=1)
    assert [quote.at for quote in market.quotes_between(name, end, end + timedelta(seconds=1))] == [opens]
    assert not market.quotes_between(name, opens, end + timedelta(seconds=1))
    assert not market.quotes_between(name, end, opens)
    assert not market.quotes_between(name, session.close, session.close + timedelta(hours=1))
