"""Recorded ticks as a market: best quotes of several exchanges, prints by the second."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.adapters.files.best_quote import best_quotes
from daemon.adapters.files.replay import NoMarketData, ReplayMarket
from daemon.adapters.files.tick_replay import TickReplay
from daemon.adapters.files.tick_rows import QuoteTicks
from daemon.domain.errors import BadMarketData
from daemon.market.listing import UnknownSymbol
from daemon.market.sessions import Session, TradingCalendar

CALENDAR = TradingCalendar()


def on(day: date) -> Session:
    session = CALENDAR.session_on(day)
    assert session is not None
    return session


DAY = on(date(2024, 6, 13))


def ticks(*rows: tuple[float, float, int, float, int]) -> QuoteTicks:
    """Return ticks of (seconds after the open, bid, its size, ask, its size)."""
    columns = list(zip(*rows, strict=True))
    return QuoteTicks(
        at_ns=np.array([round((DAY.open_s + at) * 1_000_000_000) for at in columns[0]]),
        bid=np.array(columns[1]),
        bid_size=np.array(columns[2]),
        ask=np.array(columns[3]),
        ask_size=np.array(columns[4]),
    )


def test_best_of_two_exchanges_has_the_size_of_all_that_show_it() -> None:
    quotes = best_quotes(
        DAY,
        {
            "N": ticks((-5.0, 10.0, 100, 0, 0), (-4.0, 0, 0, 10.05, 200), (2.5, 10.01, 300, 0, 0)),
            "Q": ticks((0.2, 10.0, 400, 0, 0), (0.3, 0, 0, 10.04, 100)),
        },
    )
    assert (quotes.bid[0], quotes.ask[0], quotes.bid_size[0], quotes.ask_size[0]) == (10.0, 10.05, 100, 200)
    assert (quotes.bid[1], quotes.ask[1], quotes.bid_size[1], quotes.ask_size[1]) == (10.0, 10.04, 500, 100)
    assert (quotes.bid[3], quotes.bid_size[3]) == (10.01, 300)


def test_older_quote_goes_when_two_exchanges_cross_or_lock() -> None:
    stale = ticks((1.0, 10.10, 100, 0, 0), (1.0, 0, 0, 10.20, 100))
    for offer in (10.05, 10.10):
        fresh = ticks((1.0, 10.00, 200, 0, 0), (5.0, 0, 0, offer, 300))
        quotes = best_quotes(DAY, {"N": stale, "Q": fresh})
        assert (quotes.bid[5], quotes.ask[5]) == (10.00, offer)
        assert quotes.bid[4] == 10.10


def test_withdrawn_side_is_absent_and_yesterdays_quotes_do_not_count() -> None:
    gone = {"N": ticks((1.0, 10.0, 100, 0, 0), (3.0, 10.0, 0, 0, 0), (-86_400.0 + 5, 0, 0, 11.0, 5))}
    quotes = best_quotes(DAY, gone)
    assert quotes.bid[2] == 10.0
    assert np.isnan(quotes.bid[3])
    assert quotes.bid_size[3] == 0
    assert np.isnan(quotes.ask).all()
    assert np.isnan(best_quotes(DAY, {}).bid).all()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("NQP"), st.integers(0, 60), st.booleans(), st.integers(990, 1010), st.integers(1, 9)),
        max_size=40,
    )
)
def test_best_quotes_never_cross_and_come_from_an_exchange(rows: list[tuple[str, int, bool, int, int]]) -> None:
    by_exchange: dict[str, list[tuple[float, float, int, float, int]]] = {}
    for exchange, at, is_bid, cents, size in sorted(rows, key=lambda row: row[1]):
        price = cents / 100
        row = (float(at), price, size, 0.0, 0) if is_bid else (float(at), 0.0, 0, price, size)
        by_exchange.setdefault(exchange, []).append(row)
    quotes = best_quotes(DAY, {exchange: ticks(*said) for exchange, said in by_exchange.items()})
    both = np.isfinite(quotes.bid) & np.isfinite(quotes.ask)
    assert np.all(quotes.bid[both] <= quotes.ask[both])
    said = {cents / 100 for _, _, is_bid, cents, _ in rows if is_bid}
    assert set(quotes.bid[np.isfinite(quotes.bid)].tolist()) <= said
    assert np.array_equal(quotes.bid_size > 0, np.isfinite(quotes.bid))


def write(root: Path, kind: str, rows: list[tuple[Any, ...]]) -> None:
    names = ["price", "size"] if kind == "trade" else ["bid_price", "bid_size", "ask_price", "ask_size"]
    path = root / f"equity-tick/XYZ.{kind}.test.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    stamped = [(DAY.open + timedelta(seconds=row[0]), *row[1:]) for row in rows]
    pd.DataFrame(stamped, columns=["ts", *names, "exchange", "suspicious"]).to_parquet(path, index=False)


TRADES = [
    (-10.0, 9.0, 50, "N", False),
    (0.1, 10.0, 100, "N", False),
    (0.5, 10.02, 200, "Q", False),
    (0.6, 99.0, 100, "Q", True),
    (0.9, 9.99, 100, "N", False),
    (7.0, 10.01, 10, "N", False),
    (23_400.0, 10.5, 9_999, "N", False),
]


def test_prints_of_a_second_become_its_bar_and_suspicious_ones_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, "trade", TRADES)
    write(tmp_path, "quote", [(0.0, 9.99, 100, 0.0, 0, "N", False), (0.0, 0.0, 0, 10.03, 300, "Q", False)])
    market = TickReplay(tmp_path, CALENDAR)
    tape = market.tape("XYZ", DAY)
    assert (tape.open[0], tape.high[0], tape.low[0], tape.close[0]) == (10.0, 10.02, 9.99, 9.99)
    assert (tape.volume[0], tape.trades[0]) == (400, 3)
    assert tape.vwap_value[0] == pytest.approx(10.0 * 100 + 10.02 * 200 + 9.99 * 100)
    assert tape.volume.sum() == 410
    assert (tape.bid[0], tape.ask[0], tape.ask_size[0]) == (9.99, 10.03, 300)
    assert market.sessions("XYZ") == (DAY,)
    assert market.listings["XYZ"].average_daily_volume == 410


def test_rows_of_each_exchange_stand_for_themselves_only_when_said_so(tmp_path: Path) -> None:
    write(tmp_path, "trade", TRADES)
    said = [
        (0.0, 10.00, 100, 0.0, 0, "N", False),
        (0.0, 0.0, 0, 10.05, 100, "N", False),
        (3.0, 9.98, 100, 0.0, 0, "Q", False),
        (4.0, 11.0, 100, 0.0, 0, "Q", True),
    ]
    write(tmp_path, "quote", said)
    joined = TickReplay(tmp_path, CALENDAR).tape("XYZ", DAY)
    assert (joined.bid[2], joined.bid[5]) == (10.00, 9.98)
    apart = TickReplay(tmp_path, CALENDAR, quotes="exchange").tape("XYZ", DAY)
    assert (apart.bid[2], apart.bid[5]) == (10.00, 10.00)


def test_without_quotes_they_are_set_around_the_last_trade(tmp_path: Path) -> None:
    write(tmp_path, "trade", TRADES)
    tape = TickReplay(tmp_path, CALENDAR).tape("XYZ", DAY)
    assert np.isnan(tape.bid[0])
    assert (tape.bid[1], tape.ask[1]) == (9.98, 10.0)


def test_what_is_not_recorded_or_damaged_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoMarketData, match="equity-tick/SYMBOL"):
        TickReplay(tmp_path, CALENDAR)
    write(tmp_path, "trade", TRADES)
    with pytest.raises(UnknownSymbol):
        TickReplay(tmp_path, CALENDAR, ["ABC"])
    market = TickReplay(tmp_path, CALENDAR)
    with pytest.raises(NoMarketData, match="recorded sessions: 2024-06-13"):
        market.tape("XYZ", on(date(2024, 6, 14)))
    with pytest.raises(UnknownSymbol):
        market.tape("ABC", DAY)
    write(tmp_path, "trade", [*TRADES, (1.0, 10.0, 1, "N", False)])
    with pytest.raises(BadMarketData, match="row 7: ts"):
        TickReplay(tmp_path, CALENDAR)
    write(tmp_path, "trade", [(1.0, -10.0, 1, "N", False)])
    with pytest.raises(BadMarketData, match="row 0: price"):
        TickReplay(tmp_path, CALENDAR)


# --- the shared recordings


def test_recorded_ticks_and_seconds_tell_one_story(shared_data: Path) -> None:
    session = on(date(2013, 10, 8))
    by_tick = TickReplay(shared_data, CALENDAR, ["IBM"]).tape("IBM", session)
    by_second = ReplayMarket(shared_data, CALENDAR, ["IBM"]).tape("IBM", session)
    for one, other in ((by_tick.bid, by_second.bid), (by_tick.ask, by_second.ask)):
        assert float(np.mean(np.abs(one - other) < 1e-9)) > 0.999
    assert by_tick.volume.sum() == pytest.approx(by_second.volume.sum(), rel=0.03)
    traded = (by_tick.volume > 0) & (by_second.volume > 0)
    # The seconds leave out some prints that were reported late, which the ticks do not tell from others.
    assert float(np.mean(np.abs(by_tick.close[traded] - by_second.close[traded]) < 0.011)) > 0.95
