"""Recorded options as a market: small made-up files, and the shared recordings where they are."""

from datetime import date, timedelta
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from daemon.adapters.files.option_replay import OptionReplay
from daemon.adapters.files.replay import NoMarketData, ReplayMarket
from daemon.domain.errors import BadMarketData
from daemon.gateway.source import DerivativeSource
from daemon.market.listing import UnknownSymbol
from daemon.market.option_contract import OptionKey
from daemon.market.sessions import Session, TradingCalendar

CALENDAR = TradingCalendar()


def on(day: date) -> Session:
    session = CALENDAR.session_on(day)
    assert session is not None
    return session


DAY = on(date(2024, 6, 13))
EXPIRY = date(2024, 6, 21)
CALL = OptionKey(root="XYZ", expiry=EXPIRY, right="C", strike=10.0)
PUT = OptionKey(root="XYZ", expiry=EXPIRY, right="P", strike=9.5)
QUOTE = ("bid_close", "ask_close", "bid_size", "ask_size")
TRADE = ("open", "high", "low", "close", "volume")


def write(root: Path, kind: str, rows: list[tuple[OptionKey, int, tuple[Any, ...]]]) -> None:
    """Write a file of one kind with rows at seconds after the open."""
    names = QUOTE if kind == "quote" else TRADE
    path = root / f"option-minute/XYZ.{kind}.test.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(
        [
            (DAY.open + timedelta(seconds=at), key.root, key.expiry, key.right, key.strike, "american", *values)
            for key, at, values in rows
        ],
        columns=["ts", "underlying", "expiry", "right", "strike", "style", *names],
    )
    table.to_parquet(path, index=False)


def shares(root: Path) -> ReplayMarket:
    """Write a share that is quoted at 10.00 to 10.02 all day, and return its market."""
    folder = root / "equity-minute"
    folder.mkdir(parents=True, exist_ok=True)
    flat = pd.DataFrame([(DAY.open, 10.01, 10.01, 10.01, 10.01, 500)], columns=["ts", *TRADE])
    flat.to_parquet(folder / "XYZ.trade.test.parquet", index=False)
    quoted = pd.DataFrame([(DAY.open - timedelta(minutes=5), 10.0, 10.02, 300, 300)], columns=["ts", *QUOTE])
    at_open = quoted.assign(ts=DAY.open)
    pd.concat([quoted, at_open]).to_parquet(folder / "XYZ.quote.test.parquet", index=False)
    return ReplayMarket(root, CALENDAR)


def test_recorded_quote_is_in_force_from_the_end_of_its_minute(tmp_path: Path) -> None:
    write(
        tmp_path,
        "quote",
        [
            (CALL, 0, (0.30, 0.35, 10, 20)),
            (CALL, 60, (nan, 0.40, 0, 7)),
            (CALL, 120, (0.60, 0.55, 5, 5)),
            (PUT, 0, (0.1, 0.15, 1, 2)),
        ],
    )
    write(tmp_path, "trade", [(CALL, 60, (0.31, 0.36, 0.30, 0.33, 8))])
    market = OptionReplay(tmp_path, shares(tmp_path))
    tape = market.tape(CALL.symbol, DAY)
    assert np.isnan(tape.bid[59])
    assert (tape.bid[60], tape.ask[60], tape.bid_size[60], tape.ask_size[60]) == (0.30, 0.35, 10, 20)
    assert np.isnan(tape.bid[120])
    assert (tape.ask[120], tape.bid_size[120], tape.ask_size[120]) == (0.40, 0, 7)
    assert tape.ask[-1] == 0.40  # the crossed quote of the third minute is left out
    assert tape.volume.sum() == 8
    assert (tape.high[60:120][tape.volume[60:120] > 0].max(), tape.close[119]) == (0.36, 0.33)
    assert market.tape(PUT.symbol, DAY).volume.sum() == 0


def test_contracts_are_found_by_symbol_and_number_and_chains_hold_what_was_recorded(tmp_path: Path) -> None:
    write(tmp_path, "quote", [(CALL, 0, (0.3, 0.35, 1, 1)), (PUT, 0, (0.1, 0.15, 1, 2))])
    market = OptionReplay(tmp_path, shares(tmp_path))
    assert isinstance(market, DerivativeSource)
    assert list(market.listings) == ["XYZ"]
    listing = market.listings[CALL.symbol]
    assert market.by_con_id(listing.con_id) == listing
    assert listing.terms is not None
    assert (listing.terms.multiplier, listing.terms.right, listing.terms.is_american) == (100, "C", True)
    (chain,) = market.chains("XYZ", DAY)
    assert (chain.expirations, chain.strikes) == ((EXPIRY,), (9.5, 10.0))
    assert chain.strikes_of(EXPIRY) == chain.strikes
    assert market.chains("XYZ", on(date(2024, 6, 14))) == ()
    assert market.futures(DAY) == ()
    assert market.tape("XYZ", DAY).volume.sum() == 500


def test_volatility_is_the_one_the_recorded_quote_implies(tmp_path: Path) -> None:
    write(tmp_path, "quote", [(CALL, 0, (0.30, 0.34, 1, 1)), (PUT, 0, (nan, 0.15, 0, 2))])
    market = OptionReplay(tmp_path, shares(tmp_path))
    state = market.option_state(CALL.symbol, DAY, 100)
    assert state is not None
    assert state.conditions.price == pytest.approx(10.01)
    # At the money a value of 0.4 * price * volatility * sqrt(years): 0.32 over eight days is about half.
    assert state.volatility == pytest.approx(0.52, abs=0.03)
    assert market.option_state(PUT.symbol, DAY, 100) is None  # no bid, no middle
    assert market.option_state("XYZ", DAY, 100) is None
    assert market.option_state(CALL.symbol, on(date(2024, 6, 14)), 100) is None


def test_what_is_not_recorded_is_said(tmp_path: Path) -> None:
    base = shares(tmp_path)
    with pytest.raises(NoMarketData, match="option-minute/SYMBOL"):
        OptionReplay(tmp_path, base)
    write(tmp_path, "quote", [(CALL, 0, (0.3, 0.35, 1, 1))])
    market = OptionReplay(tmp_path, base)
    with pytest.raises(NoMarketData, match="nothing of"):
        market.tape(CALL.symbol, on(date(2024, 6, 14)))
    with pytest.raises(UnknownSymbol):
        market.tape(PUT.symbol, DAY)


@pytest.mark.parametrize(
    ("values", "problem"),
    [((-0.3, 0.35, 1, 1), "bid_close must be above 0"), ((0.3, 0.35, -1, 1), "bid_size must be 0 or more")],
)
def test_impossible_quote_is_refused_with_its_contract(tmp_path: Path, values: tuple[float, ...], problem: str) -> None:
    base = shares(tmp_path)
    write(tmp_path, "quote", [(CALL, 0, (0.3, 0.35, 1, 1)), (CALL, 60, values)])
    market = OptionReplay(tmp_path, base)
    with pytest.raises(BadMarketData, match=f"XYZ   240621C00010000, its row 1: {problem}"):
        market.tape(CALL.symbol, DAY)


def test_damaged_file_is_refused(tmp_path: Path) -> None:
    base = shares(tmp_path)
    (tmp_path / "option-minute").mkdir()
    (tmp_path / "option-minute/XYZ.quote.test.parquet").write_bytes(b"PAR1")
    market = OptionReplay(tmp_path, base)
    assert market.tape("XYZ", DAY).volume.sum() == 500
    with pytest.raises(BadMarketData, match="cannot be read"):
        market.chains("XYZ", DAY)


# --- the shared recordings


@pytest.fixture(scope="module")
def market(shared_data: Path) -> OptionReplay:
    return OptionReplay(shared_data, ReplayMarket(shared_data, CALENDAR))


@pytest.mark.parametrize(
    ("root", "day", "right", "strike", "expiry"),
    [
        ("GOOG", date(2015, 12, 24), "C", 750.0, date(2016, 1, 15)),
        ("SPXW", date(2021, 1, 4), "P", 3700.0, date(2021, 1, 6)),
        ("TWX", date(2014, 6, 5), "P", 67.5, date(2014, 10, 18)),
    ],
)
def test_recorded_quotes_come_out_as_recorded(
    market: OptionReplay, shared_data: Path, root: str, day: date, right: str, strike: float, expiry: date
) -> None:
    session = on(day)
    table = pd.read_parquet(next((shared_data / "option-minute").glob(f"{root}.quote.*")))
    wanted = (table.right == right) & (table.strike == strike) & (table.expiry == expiry)
    rows = table[wanted & (table.ts >= session.open) & (table.ts < session.close)]
    rows = rows[~(rows.bid_close > rows.ask_close)]
    assert len(rows) > 100
    key = OptionKey(root=root, expiry=expiry, right="C" if right == "C" else "P", strike=strike)
    tape = market.tape(key.symbol, session)
    at = (rows.ts.to_numpy("datetime64[s]").astype(np.int64) + 60) - session.open_s
    inside = at < session.seconds
    assert np.array_equal(tape.bid[at[inside]], rows.bid_close.to_numpy()[inside], equal_nan=True)
    assert np.array_equal(tape.ask[at[inside]], rows.ask_close.to_numpy()[inside], equal_nan=True)
    sizes = np.where(np.isnan(rows.ask_close), 0, rows.ask_size)[inside]
    assert np.array_equal(tape.ask_size[at[inside]], sizes)


def test_recorded_quotes_imply_a_plausible_smile(market: OptionReplay) -> None:
    session = on(date(2015, 12, 24))
    found = [
        market.option_state(
            OptionKey(root="GOOG", expiry=date(2016, 1, 15), right="P", strike=strike).symbol, session, 3600
        )
        for strike in (680.0, 700.0, 720.0, 740.0)
    ]
    smile = [state.volatility for state in found if state is not None]
    assert len(smile) == 4
    assert smile == sorted(smile, reverse=True)  # low strikes cost more volatility
    assert all(0.1 < volatility < 0.6 for volatility in smile)


def test_recorded_index_is_listed_for_its_options(market: OptionReplay) -> None:
    session = on(date(2021, 1, 4))
    assert {chain.option_class.root for chain in market.chains("SPX", session)} == {"SPX", "SPXW"}
    assert market.listings["SPX"].sec_type == "IND"
    assert np.nanmax(market.tape("SPX", session).high) == 3769.99
    state = market.option_state("SPXW  210106P03700000", session, 7200)
    assert state is not None
    assert 0.2 < state.volatility < 0.4
