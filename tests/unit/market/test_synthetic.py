"""The synthetic market: the same for ever, consistent with itself, and like a market."""

import hashlib
import os
import subprocess
import sys
from dataclasses import fields
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from daemon.domain.timeframe import Timeframe
from daemon.market.listing import UnknownSymbol
from daemon.market.sessions import OutOfCalendar, Session, TradingCalendar, bar_ends
from daemon.market.synthetic import SyntheticMarket
from daemon.market.tape import FloatArray, SecondTape, aggregate, fold_bars
from daemon.market.universe import UNIVERSE

CALENDAR = TradingCalendar()
LAST = CALENDAR.sessions_between(date(2024, 6, 14), date(2024, 6, 14))[0]
MONTH = CALENDAR.sessions_before(LAST, 40)
NAMES = ("SPY", "QQQ", "IWM", "IBM", "F", "PLUG", "SPXU", "COST")
MARKET = SyntheticMarket(7, CALENDAR, NAMES, tapes_kept=400)
MINUTE = Timeframe.parse("1m")


def digest(tape: SecondTape) -> str:
    columns = (getattr(tape, item.name) for item in fields(tape) if item.name != "session")
    return hashlib.sha256(b"".join(column.tobytes() for column in columns)).hexdigest()


def mids(symbol: str, step_s: int) -> list[FloatArray]:
    """Return the log mid prices of each session of the month, every `step_s` seconds."""
    tapes = (MARKET.tape(symbol, session) for session in MONTH)
    return [np.log((tape.bid + tape.ask) / 2)[::step_s] for tape in tapes]


def returns(symbol: str, step_s: int = 300) -> FloatArray:
    return np.concatenate([np.diff(path) for path in mids(symbol, step_s)])


# --- the same for ever


def test_order_and_company_of_questions_do_not_change_a_tape() -> None:
    session = MONTH[10]
    alone = SyntheticMarket(7, CALENDAR, ["IBM"]).tape("IBM", session)
    crowd = SyntheticMarket(7, CALENDAR, sorted(UNIVERSE), tapes_kept=1)
    for symbol, other in (("SPY", MONTH[30]), ("IBM", MONTH[3]), ("QQQ", session)):
        crowd.tape(symbol, other)
    assert digest(crowd.tape("IBM", session)) == digest(alone) == digest(MARKET.tape("IBM", session))


def test_a_calendar_that_ends_later_leaves_tapes_as_they_were() -> None:
    shorter = TradingCalendar(first=date(1999, 1, 1), last=date(2025, 12, 31))
    assert digest(SyntheticMarket(7, shorter, ["SPY"]).tape("SPY", LAST)) == digest(MARKET.tape("SPY", LAST))


def test_another_process_makes_the_same_tape() -> None:
    program = (
        "import hashlib; from datetime import date; from dataclasses import fields\n"
        "from daemon.market.sessions import TradingCalendar; from daemon.market.synthetic import SyntheticMarket\n"
        "c = TradingCalendar(); t = SyntheticMarket(7, c, ['F']).tape('F', c.session_on(date(2024, 6, 14)))\n"
        "columns = [getattr(t, f.name).tobytes() for f in fields(t) if f.name != 'session']\n"
        "print(hashlib.sha256(b''.join(columns)).hexdigest())"
    )
    root = Path(__file__).parents[3]
    environment = os.environ | {"PYTHONHASHSEED": "12345", "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment, cwd=root
    )
    assert done.stdout.strip() == digest(MARKET.tape("F", LAST))


def test_seed_symbol_and_day_each_make_another_tape() -> None:
    tapes = [
        MARKET.tape("SPY", LAST),
        MARKET.tape("IBM", LAST),
        MARKET.tape("SPY", MONTH[0]),
        SyntheticMarket(8, CALENDAR, ["SPY"]).tape("SPY", LAST),
    ]
    assert len({digest(tape) for tape in tapes}) == 4


# --- consistent with itself


@pytest.mark.parametrize("symbol", sorted(UNIVERSE))
def test_every_listed_name_has_a_possible_market(symbol: str) -> None:
    market = SyntheticMarket(3, CALENDAR, [symbol])
    for day in (date(2000, 1, 3), date(2024, 6, 14)):
        session = CALENDAR.session_on(day)
        assert session is not None
        assert_possible(market.tape(symbol, session), session)


@pytest.mark.parametrize("day", [date(2015, 12, 24), date(2013, 7, 3), date(2008, 3, 10), date(2027, 11, 26)])
def test_short_and_shifted_days_have_a_possible_market(day: date) -> None:
    session = CALENDAR.session_on(day)
    assert session is not None
    tape = MARKET.tape("PLUG", session)
    assert tape.bid.shape == (session.seconds,)
    assert_possible(tape, session)


def assert_possible(tape: SecondTape, session: Session) -> None:
    assert tape.session == session
    assert np.all(tape.bid > 0)
    assert np.all(tape.bid < tape.ask)
    for price in (tape.bid, tape.ask):
        assert np.array_equal(price, np.rint(price * 100) / 100)
    for size in (tape.bid_size, tape.ask_size):
        assert np.all(size >= 100)
        assert np.all(size % 100 == 0)
    traded = tape.volume > 0
    assert traded[0]
    assert traded[-1]
    assert np.array_equal(traded, tape.trades > 0)
    assert np.all(tape.volume >= tape.trades)
    assert np.all(np.isnan(tape.close) == ~traded)
    opened, high, low, close = (getattr(tape, name)[traded] for name in ("open", "high", "low", "close"))
    assert np.all(high <= tape.ask[traded])
    assert np.all(low >= tape.bid[traded])
    assert np.all(high >= np.maximum(opened, close))
    assert np.all(low <= np.minimum(opened, close))
    wap = tape.vwap_value[traded] / tape.volume[traded]
    assert np.all((wap >= low - 1e-9) & (wap <= high + 1e-9))
    assert np.all(tape.vwap_value[~traded] == 0)


@pytest.mark.parametrize("symbol", ["SPY", "IBM", "PLUG"])
def test_open_connects_to_the_close_before_with_a_modest_gap(symbol: str) -> None:
    paths = mids(symbol, 1)
    gaps = np.array([after[0] - before[-1] for before, after in pairwise(paths)])
    days = np.array([path[-1] - path[0] for path in paths])
    assert 0.1 < np.std(gaps) / np.std(days) < 0.9
    assert np.max(np.abs(gaps)) < 6 * np.std(days)


def test_minute_bars_are_the_tape_aggregated_and_fold_to_hours() -> None:
    tape, hours = MARKET.tape("IBM", LAST), bar_ends(LAST, Timeframe.parse("1h"))
    minutes = MARKET.minute_bars("IBM", LAST)
    assert minutes is MARKET.minute_bars("IBM", LAST)
    assert len(minutes) == 390
    assert minutes.volume.sum() == tape.volume.sum()
    folded, direct = fold_bars(minutes, hours), aggregate(tape, hours)
    for name in ("open", "high", "low", "close", "volume", "count"):
        assert np.array_equal(getattr(folded, name), getattr(direct, name)), name


def test_market_before_the_year_2000_is_refused() -> None:
    early = CALENDAR.sessions_between(date(1999, 12, 31), date(1999, 12, 31))[0]
    with pytest.raises(OutOfCalendar, match="starts on 2000-01-03"):
        MARKET.tape("SPY", early)


def test_symbols_outside_the_universe_or_the_list_are_refused() -> None:
    with pytest.raises(UnknownSymbol, match="did you mean"):
        SyntheticMarket(7, CALENDAR, ["SPYY"])
    with pytest.raises(UnknownSymbol, match="'MSFT' is not listed"):
        MARKET.tape("MSFT", LAST)
    assert list(MARKET.listings) == list(NAMES)


# --- like a market


def test_volume_and_volatility_smile_over_the_day() -> None:
    volume = np.mean([MARKET.tape("IBM", s).volume.reshape(13, -1).sum(axis=1) for s in MONTH], axis=0)
    assert volume[0] > 2.5 * volume[6]
    assert volume[-1] > 2 * volume[6]
    moves = np.square(np.diff(np.array(mids("IBM", 60)), axis=1))
    assert moves[:, :60].mean() > 1.5 * moves[:, 150:240].mean()


def test_volume_averages_to_the_listed_volume() -> None:
    for symbol in NAMES:
        mean = np.mean([MARKET.tape(symbol, session).volume.sum() for session in MONTH])
        assert 0.6 < mean / MARKET.listings[symbol].average_daily_volume < 1.6, symbol


def test_spread_is_wider_at_the_open_and_for_smaller_names() -> None:
    spread = np.mean([MARKET.tape("COST", s).ask - MARKET.tape("COST", s).bid for s in MONTH], axis=0)
    assert spread[:600].mean() > 1.4 * spread[9000:14000].mean()
    in_bps = {
        symbol: np.mean([2e4 * (t.ask - t.bid) / (t.ask + t.bid) for t in (MARKET.tape(symbol, s) for s in MONTH[:5])])
        for symbol in ("SPY", "IBM", "PLUG")
    }
    assert in_bps["SPY"] < 0.6
    assert in_bps["SPY"] < in_bps["IBM"] < 4 < in_bps["PLUG"]


def test_liquid_names_requote_every_few_seconds_and_trade_in_nearly_all() -> None:
    spy, ibm = ([MARKET.tape(symbol, session) for session in MONTH[:10]] for symbol in ("SPY", "IBM"))
    assert 1 <= 23400 / np.mean([tape.quote_changed.sum() for tape in spy]) <= 3
    quiet = [np.mean([np.mean(tape.volume == 0) for tape in tapes]) for tapes in (spy, ibm)]
    assert 0.005 < quiet[0] < 0.15 < quiet[1] < 0.6


def test_indices_move_together_and_an_inverse_fund_against_them() -> None:
    spy = returns("SPY")
    assert 0.5 < np.corrcoef(spy, returns("IWM"))[0, 1] < 0.9
    assert 0.7 < np.corrcoef(spy, returns("QQQ"))[0, 1] < 0.98
    assert 0.2 < np.corrcoef(spy, returns("IBM"))[0, 1] < 0.7
    assert np.corrcoef(spy, returns("SPXU"))[0, 1] < -0.9
    assert 2.5 < np.std(returns("SPXU")) / np.std(spy) < 3.5


def test_volatility_comes_in_clusters_with_fat_tails() -> None:
    moves = returns("SPY")
    size = np.abs(moves)
    assert np.corrcoef(size[:-1], size[1:])[0, 1] > 0.1
    assert np.mean((moves - moves.mean()) ** 4) / np.var(moves) ** 2 > 3.5
    by_day = np.std(np.array([np.diff(path) for path in mids("SPY", 300)]), axis=1)
    assert by_day.max() > 1.8 * by_day.min()


def test_some_days_trend_and_most_do_not() -> None:
    paths = np.array(mids("SPY", 300))
    efficiency = np.abs(paths[:, -1] - paths[:, 0]) / np.abs(np.diff(paths, axis=1)).sum(axis=1)
    assert np.quantile(efficiency, 0.9) > 0.15
    assert np.median(efficiency) < 0.2


def test_prices_stay_within_reach_of_their_base_over_the_years() -> None:
    year_starts = [CALENDAR.sessions_between(date(year, 1, 1), date(year, 1, 8))[0] for year in range(2000, 2028)]
    for symbol, profile in UNIVERSE.items():
        market = SyntheticMarket(1, CALENDAR, [symbol])
        levels = [market._daily.open_and_close(profile, market._daily.row(s))[1] for s in year_starts]
        ratio = np.exp(np.array(levels)) / profile.base_price
        assert np.all((ratio > 0.02) & (ratio < 50)), symbol
