"""Recorded days as a market: small made-up files, and the shared recordings where they are."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from daemon.adapters.files.recorded_tape import ASSUMED_SIZE
from daemon.adapters.files.replay import NoMarketData, ReplayMarket, default_day
from daemon.domain.errors import BadMarketData
from daemon.domain.timeframe import Timeframe
from daemon.market.listing import UnknownSymbol, con_id_of
from daemon.market.sessions import Session, TradingCalendar, bar_ends
from daemon.market.tape import BarArrays, aggregate

CALENDAR = TradingCalendar()
MINUTE = Timeframe.parse("1m")


def on(day: date) -> Session:
    session = CALENDAR.session_on(day)
    assert session is not None
    return session


DAY = on(date(2024, 6, 13))
NEXT = on(date(2024, 6, 14))
TRADE = ("open", "high", "low", "close", "volume")


def write(root: Path, name: str, session: Session, rows: dict[int, tuple[Any, ...]], names: tuple[str, ...]) -> None:
    """Write (or extend) a file with rows at seconds after the session's open."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(
        [(session.open + timedelta(seconds=s), *row) for s, row in rows.items()], columns=["ts", *names]
    )
    if path.exists():
        table = pd.concat([pd.read_parquet(path), table])
    table.to_parquet(path, index=False)


def trades(root: Path, name: str, rows: dict[int, tuple[Any, ...]], session: Session = DAY) -> None:
    write(root, name, session, rows, TRADE)


def quotes(root: Path, name: str, rows: dict[int, tuple[Any, ...]], session: Session = DAY) -> None:
    write(root, name, session, rows, ("bid_close", "ask_close", "bid_size", "ask_size"))


FLAT = (10.0, 10.0, 10.0, 10.0, 100)


def test_second_rows_land_on_their_second(tmp_path: Path) -> None:
    trades(
        tmp_path,
        "equity-second/XYZ.trade.test.parquet",
        {-1: FLAT, 0: FLAT, 5: (10.0, 12.0, 9.0, 11.0, 40), 7: (11.0, 11.0, 10.0, 11.0, 0), 23399: FLAT, 23400: FLAT},
    )
    tape = ReplayMarket(tmp_path, CALENDAR).tape("XYZ", DAY)
    assert np.flatnonzero(tape.volume).tolist() == [0, 5, 23399]
    assert (tape.open[5], tape.high[5], tape.low[5], tape.close[5], tape.volume[5]) == (10.0, 12.0, 9.0, 11.0, 40)
    assert tape.trades[[0, 5, 7]].tolist() == [1, 4, 0]
    assert tape.vwap_value[5] == 40 * 10.5
    assert np.isnan(tape.close[7])
    assert tape.vwap_value[7] == 0


def test_quote_is_in_force_from_the_second_after_its_bar(tmp_path: Path) -> None:
    trades(tmp_path, "equity-second/XYZ.trade.test.parquet", {0: FLAT})
    quotes(
        tmp_path,
        "equity-second/XYZ.quote.test.parquet",
        {-2: (9.0, 11.0, 1, 2), 3: (9.5, 10.5, 3, 4), 6: (10.9, 10.5, 5, 6), 9: (None, 10.4, 7, 8)},
    )
    tape = ReplayMarket(tmp_path, CALENDAR).tape("XYZ", DAY)
    assert (tape.bid[0], tape.ask[0], tape.bid_size[0], tape.ask_size[0]) == (9.0, 11.0, 1, 2)
    assert tape.bid[3] == 9.0
    assert tape.bid[4:10].tolist() == [9.5] * 6
    assert np.isnan(tape.bid[10:]).all()
    assert (tape.ask[10], tape.bid_size[10], tape.ask_size[10]) == (10.4, 0, 8)
    assert np.flatnonzero(tape.quote_changed).tolist() == [0, 4, 10]


def test_quotes_of_the_day_before_are_not_carried_over(tmp_path: Path) -> None:
    for session in (DAY, NEXT):
        trades(tmp_path, "equity-second/XYZ.trade.test.parquet", {0: FLAT}, session)
        quotes(tmp_path, "equity-second/XYZ.quote.test.parquet", {3: (9.5, 10.5, 3, 4)}, session)
    tape = ReplayMarket(tmp_path, CALENDAR).tape("XYZ", NEXT)
    assert np.isnan(tape.bid[:4]).all()
    assert (tape.bid_size[0], tape.ask_size[0]) == (0, 0)


def test_minute_quotes_wait_for_the_minute_to_end(tmp_path: Path) -> None:
    trades(tmp_path, "equity-minute/XYZ.trade.test.parquet", {0: FLAT})
    quotes(tmp_path, "equity-minute/XYZ.quote.test.parquet", {0: (9.5, 10.5, 3, 4)})
    tape = ReplayMarket(tmp_path, CALENDAR).tape("XYZ", DAY)
    assert np.isnan(tape.bid[59])
    assert tape.bid[60] == 9.5


def test_without_quotes_the_last_trade_is_quoted_a_tick_around(tmp_path: Path) -> None:
    trades(tmp_path, "equity-second/XYZ.trade.test.parquet", {2: FLAT, 4: (0.01, 0.01, 0.01, 0.01, 5)})
    tape = ReplayMarket(tmp_path, CALENDAR).tape("XYZ", DAY)
    assert np.isnan(tape.bid[:3]).all()
    assert (tape.bid[3], tape.ask[3]) == (9.99, 10.01)
    assert tape.bid_size[3] == tape.ask_size[3] == ASSUMED_SIZE
    assert (tape.bid[5], tape.ask[5]) == (0.01, 0.03)


def test_minutes_aggregate_back_to_themselves(tmp_path: Path) -> None:
    rows = {
        0: (10.0, 12.0, 9.0, 11.0, 1003),
        60: (11.0, 11.5, 8.0, 9.0, 77),
        180: (9.0, 9.5, 8.5, 9.2, 3),
        240: (9.2, 9.2, 9.2, 9.2, 0),
        300: (9.0, 9.0, 9.0, 9.0, 4),
    }
    trades(tmp_path, "equity-minute/XYZ.trade.test.parquet", rows)
    tape = ReplayMarket(tmp_path, CALENDAR).tape("XYZ", DAY)
    bars = aggregate(tape, bar_ends(DAY, MINUTE))
    traded = {second: row for second, row in rows.items() if row[4]}
    assert np.flatnonzero(bars.count).tolist() == [second // 60 for second in traded]
    for second, row in traded.items():
        assert tuple(getattr(bars, name)[second // 60] for name in TRADE) == row
    assert np.flatnonzero(tape.volume[:60]).tolist() == [0, 20, 40, 59]
    assert tape.close[[0, 20, 40, 59]].tolist() == [10.0, 9.0, 12.0, 11.0]
    assert tape.close[[60, 80, 100, 119]].tolist() == [11.0, 11.5, 8.0, 9.0]


def test_seconds_are_preferred_to_minutes_session_by_session(tmp_path: Path) -> None:
    trades(tmp_path, "equity-second/XYZ.trade.test.parquet", {7: FLAT})
    trades(tmp_path, "equity-minute/XYZ.trade.test.parquet", {0: (9.0, 9.0, 9.0, 9.0, 8)})
    trades(tmp_path, "equity-minute/XYZ.trade.test.parquet", {0: (9.0, 9.0, 9.0, 9.0, 8)}, NEXT)
    market = ReplayMarket(tmp_path, CALENDAR)
    assert np.flatnonzero(market.tape("XYZ", DAY).volume).tolist() == [7]
    assert np.flatnonzero(market.tape("XYZ", NEXT).volume).tolist() == [0, 20, 40, 59]
    assert market.sessions("XYZ") == (DAY, NEXT)
    assert market.second_sessions("XYZ", "trade") == (DAY,)
    assert market.second_sessions("XYZ", "quote") == ()


def test_listing_measures_volume_and_knows_famous_names(tmp_path: Path) -> None:
    for session, volume in ((DAY, 100), (NEXT, 300)):
        trades(tmp_path, "equity-minute/IBM.trade.test.parquet", {0: (9.0, 9.0, 9.0, 9.0, volume)}, session)
    trades(tmp_path, "equity-minute/XYZ.trade.test.parquet", {-60: FLAT})
    listings = ReplayMarket(tmp_path, CALENDAR).listings
    assert listings["IBM"].average_daily_volume == 200
    assert listings["IBM"].name == "International Business Machines Corporation"
    assert listings["XYZ"].con_id == con_id_of("XYZ")
    assert listings["XYZ"].average_daily_volume == 0


def test_what_was_not_recorded_is_named(tmp_path: Path) -> None:
    trades(tmp_path, "equity-minute/XYZ.trade.test.parquet", {0: FLAT})
    market = ReplayMarket(tmp_path, CALENDAR)
    with pytest.raises(
        NoMarketData, match=r"no trades of XYZ were recorded on 2024-06-14; recorded sessions: 2024-06-13"
    ):
        market.tape("XYZ", NEXT)
    with pytest.raises(UnknownSymbol):
        market.tape("ABC", DAY)
    with pytest.raises(UnknownSymbol):
        ReplayMarket(tmp_path, CALENDAR, ["ABC"])
    assert issubclass(NoMarketData, LookupError)


def test_folder_without_recordings_says_how_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(NoMarketData, match=r"equity-second/SYMBOL\.trade\.SOURCE\.parquet"):
        ReplayMarket(tmp_path / "nowhere", CALENDAR)


def test_damaged_file_stops_the_market_that_lists_its_symbol(tmp_path: Path) -> None:
    trades(tmp_path, "equity-minute/XYZ.trade.test.parquet", {0: FLAT})
    (tmp_path / "equity-minute/BAD.trade.test.parquet").write_bytes(b"PAR1")
    with pytest.raises(BadMarketData, match=r"BAD\.trade"):
        ReplayMarket(tmp_path, CALENDAR)
    assert list(ReplayMarket(tmp_path, CALENDAR, ["XYZ", "XYZ"]).listings) == ["XYZ"]


def test_default_day_is_the_second_that_all_symbols_with_seconds_share(tmp_path: Path) -> None:
    third = CALENDAR.session_after(NEXT)
    for symbol, sessions in (("AAA", (DAY, NEXT, third)), ("BBB", (DAY, third)), ("CCC", (NEXT,))):
        for session in sessions:
            trades(tmp_path, f"equity-second/{symbol}.trade.test.parquet", {0: FLAT}, session)
            if symbol != "CCC":
                quotes(tmp_path, f"equity-second/{symbol}.quote.test.parquet", {0: (9.0, 10.0, 1, 1)}, session)
    assert default_day(ReplayMarket(tmp_path, CALENDAR)) == (("AAA", "BBB"), third)
    with pytest.raises(NoMarketData, match="no symbol has trades and quotes by the second"):
        default_day(ReplayMarket(tmp_path, CALENDAR, ["CCC"]))


def test_default_day_needs_two_shared_sessions(tmp_path: Path) -> None:
    trades(tmp_path, "equity-second/AAA.trade.test.parquet", {0: FLAT})
    quotes(tmp_path, "equity-second/AAA.quote.test.parquet", {0: (9.0, 10.0, 1, 1)})
    with pytest.raises(NoMarketData, match="AAA share 1 recorded sessions, 2 are needed"):
        default_day(ReplayMarket(tmp_path, CALENDAR))


# --- the shared recordings


@pytest.fixture(scope="module")
def market(shared_data: Path) -> ReplayMarket:
    return ReplayMarket(shared_data, CALENDAR)


def rows_of(folder: Path, symbol: str, session: Session) -> pd.DataFrame:
    path = next(folder.glob(f"{symbol}.trade.*.parquet"))
    table = pd.read_parquet(path)
    inside = (table.ts >= session.open) & (table.ts < session.close) & (table.volume > 0)
    return table[inside].set_index("ts")


def resampled(seconds: pd.DataFrame, rule: str) -> pd.DataFrame:
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    return seconds.resample(rule, label="left").agg(how).dropna()


def assert_same(bars: BarArrays, table: pd.DataFrame) -> None:
    traded = bars.count > 0
    assert int(traded.sum()) == len(table) > 0
    for name in TRADE:
        assert np.array_equal(getattr(bars, name)[traded], table[name].to_numpy()), name


def test_recorded_default_day_is_the_eighth_of_october_2013(market: ReplayMarket) -> None:
    assert default_day(market) == (("IBM", "SPY"), on(date(2013, 10, 8)))


@pytest.mark.parametrize(("label", "rule"), [("1m", "1min"), ("5m", "5min"), ("15m", "15min"), ("1h", "1h")])
@pytest.mark.parametrize("symbol", ["SPY", "IBM"])
def test_recorded_seconds_aggregate_as_pandas_resamples_them(
    market: ReplayMarket, shared_data: Path, symbol: str, label: str, rule: str
) -> None:
    for session in market.second_sessions(symbol, "trade"):
        bars = aggregate(market.tape(symbol, session), bar_ends(session, Timeframe.parse(label)))
        assert_same(bars, resampled(rows_of(shared_data / "equity-second", symbol, session), rule))


@pytest.mark.parametrize("symbol", ["AAPL", "GOOG", "SHY", "TWX", "IWM", "SOXL"])
def test_recorded_minutes_aggregate_back_to_themselves(market: ReplayMarket, shared_data: Path, symbol: str) -> None:
    folder = "equity-minute" if symbol in {"AAPL", "GOOG", "SHY", "TWX"} else "equity-minute-yahoo"
    for session in market.sessions(symbol):
        bars = aggregate(market.tape(symbol, session), bar_ends(session, MINUTE))
        assert_same(bars, rows_of(shared_data / folder, symbol, session))


@pytest.mark.parametrize(("symbol", "moved"), [("SPY", 33), ("IBM", 113)])
def test_recorded_seconds_and_minutes_tell_one_story(
    market: ReplayMarket, shared_data: Path, symbol: str, moved: int
) -> None:
    """Prices agree but for IBM's close; volume is booked a minute apart here and there."""
    session = on(date(2013, 10, 8))
    bars = aggregate(market.tape(symbol, session), bar_ends(session, MINUTE))
    minutes = rows_of(shared_data / "equity-minute", symbol, session)
    for name in ("open", "high", "low"):
        assert np.array_equal(getattr(bars, name), minutes[name].to_numpy()), name
    assert np.sum(bars.close != minutes["close"].to_numpy()) == (symbol == "IBM")
    assert np.sum(bars.volume != minutes["volume"].to_numpy()) == moved


def test_recorded_quotes_are_usable_all_day(market: ReplayMarket) -> None:
    for symbol in ("SPY", "IBM"):
        tape = market.tape(symbol, on(date(2013, 10, 8)))
        assert np.all(tape.bid <= tape.ask)
        assert np.mean(tape.bid == tape.ask) < 0.02
