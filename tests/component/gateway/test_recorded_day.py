"""A recorded day through the gateway: what a client gets as history and as real-time bars is what was recorded."""

# ib_insync is typed in parts only.
# mypy: disable-error-code="no-untyped-call"

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ib_insync import IB, Stock

from daemon.adapters.files.replay import ReplayMarket
from daemon.market.sessions import TradingCalendar
from daemon.testing.gateway import IbGateway, running_gateway

DAY, DAY_BEFORE = date(2013, 10, 8), "2013-10-07"
SYMBOLS = ("SPY", "IBM")
SESSION_S = 23_400
RULE = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}


@pytest.fixture
async def replayed(shared_data: Path) -> AsyncIterator[tuple[IbGateway, IB]]:
    source = ReplayMarket(shared_data, TradingCalendar("XNYS"), list(SYMBOLS))
    with running_gateway(source=source, start=DAY, held=True) as gateway:
        ib = IB()
        await ib.connectAsync(gateway.host, gateway.port, clientId=1)
        yield gateway, ib
        ib.disconnect()


def recorded(shared_data: Path, symbol: str, day: str, frequency: str) -> pd.DataFrame:
    """Return the recording's own bars of a session, those without trades left out."""
    (file,) = (shared_data / "equity-second").glob(f"{symbol}.trade.*.parquet")
    seconds = pd.read_parquet(file).set_index("ts").tz_convert("America/New_York")
    regular = seconds.loc[day].between_time("09:30", "16:00", inclusive="left")
    bars = regular.resample(frequency, origin="start_day").agg(RULE)
    return bars[bars["volume"] > 0]


def told(bars: list[Any], start: str, opened: str) -> pd.DataFrame:
    """Return a client's bars that had trades."""
    rows = [(getattr(b, start), getattr(b, opened), b.high, b.low, b.close, float(b.volume)) for b in bars if b.volume]
    frame = pd.DataFrame(rows, columns=["start", *RULE]).set_index("start")
    frame.index = pd.to_datetime(frame.index, utc=True).tz_convert("America/New_York")
    return frame


def assert_equal(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    assert found.index.tolist() == wanted.index.tolist()
    for column in RULE:
        assert found[column].tolist() == wanted[column].astype(float).tolist(), column


@pytest.mark.parametrize("symbol", SYMBOLS)
async def test_history_and_real_time_bars_are_the_recording(
    replayed: tuple[IbGateway, IB], shared_data: Path, symbol: str
) -> None:
    gateway, ib = replayed
    (contract,) = await ib.qualifyContractsAsync(Stock(symbol, "SMART", "USD"))
    live = ib.reqRealTimeBars(contract, 5, "TRADES", True)
    await asyncio.sleep(0.1)
    await asyncio.to_thread(gateway.market.advance, SESSION_S)
    async with asyncio.timeout(20):
        while len(live) < SESSION_S // 5:  # noqa: ASYNC110 - the library fills a list
            await asyncio.sleep(0.05)
    assert_equal(told(list(live), "time", "open_"), recorded(shared_data, symbol, DAY.isoformat(), "5s"))

    history = await ib.reqHistoricalDataAsync(contract, "", "2 D", "1 min", "TRADES", True, 2)
    minutes = pd.concat(recorded(shared_data, symbol, day, "1min") for day in (DAY_BEFORE, DAY.isoformat()))
    assert_equal(told(list(history), "date", "open"), minutes)
