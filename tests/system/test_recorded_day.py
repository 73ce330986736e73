"""A recorded day is seen bar for bar as it was recorded."""

from pathlib import Path

import pandas as pd
import pytest

from tests.system.books import Books
from tests.system.programs import Play, Plays

DAY = "2013-10-08"
FREQUENCIES = {"1m": "1min", "5m": "5min", "15m": "15min", "1h": "1h", "4h": "4h"}


@pytest.fixture(scope="module")
def recorded(plays: Plays, shared_data: Path) -> Play:
    return plays("recorded", "--days", 1, "--speed", "max", "--data", shared_data)


def test_recorded_symbols_trade_on_their_day(recorded: Play) -> None:
    assert recorded.summary()["days"] == 1
    books = Books(recorded.state)
    assert {bar["instrument"] for bar in books.rows("bar")} == {"SPY", "IBM"}
    assert [row["day"] for row in books.rows("session", "phase = 'CLOSED'")] == [DAY]
    assert books.positions() == books.gateway_positions()
    assert books.executions()


@pytest.mark.parametrize("symbol", ["SPY", "IBM"])
@pytest.mark.parametrize("timeframe", FREQUENCIES)
def test_bars_are_an_independent_resample(recorded: Play, shared_data: Path, symbol: str, timeframe: str) -> None:
    recorded.summary()
    (file,) = (shared_data / "equity-second").glob(f"{symbol}.trade.*.parquet")
    seconds = pd.read_parquet(file).set_index("ts").tz_convert("America/New_York")
    regular = seconds.loc[DAY].between_time("09:30", "16:00", inclusive="left")
    rule = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    wanted = regular.resample(FREQUENCIES[timeframe], origin="start_day").agg(rule)
    wanted = wanted[wanted["volume"] > 0]

    seen = pd.DataFrame(Books(recorded.state).rows("bar", f"instrument = '{symbol}' AND timeframe = '{timeframe}'"))
    assert len(seen) == {"1m": 390, "5m": 78, "15m": 26, "1h": 7, "4h": 2}[timeframe]
    traded = seen[seen["volume"] > 0]
    starts = pd.to_datetime(traded["start"], unit="s", utc=True).dt.tz_convert("America/New_York")
    labels = starts.dt.floor(FREQUENCIES[timeframe]) if timeframe != "4h" else starts.dt.normalize() + pd.to_timedelta(
        starts.dt.hour // 4 * 4, unit="h"
    )  # fmt: skip
    assert labels.tolist() == wanted.index.tolist()
    for column in rule:
        assert traded[column].tolist() == wanted[column].astype(float).tolist(), column
    quiet = seen[seen["volume"] == 0]
    assert (quiet[["open", "high", "low"]].eq(quiet["close"], axis=0)).all().all()


def test_too_little_history_is_told_as_warm_up(recorded: Play) -> None:
    """Two recorded sessions come before the day: too few for thirty bars of four hours."""
    recorded.summary()
    decisions = Books(recorded.state).rows("decision", "timeframe = '4h'")
    assert {(decision["signal"], decision["reason"]) for decision in decisions} == {("HOLD", "WARMUP")}
