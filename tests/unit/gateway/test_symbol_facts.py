"""Slow facts about a symbol against the market's own figures."""

from datetime import date

import numpy as np
import pytest

from daemon.gateway.bars import Closes
from daemon.gateway.history import History
from daemon.gateway.source import MarketSource
from daemon.gateway.symbol_facts import SymbolFacts
from daemon.gateway.timeline import SECOND_US, Timeline, start_us
from daemon.market.option_market import OptionMarket
from daemon.market.sessions import TradingCalendar
from daemon.market.synthetic import SyntheticMarket
from tests.fakes.tiny_market import TinyMarket, calendar


def facts(source: MarketSource, day: date) -> SymbolFacts:
    timeline = Timeline(source.calendar, start_us(source.calendar, day) + SECOND_US, after_close_s=120)
    return SymbolFacts(source, History(source, Closes(source)), timeline)


def test_price_ranges_are_those_of_the_weeks_before_and_widen() -> None:
    found, market = facts(TinyMarket(), date(2024, 3, 5)), TinyMarket()
    session = calendar().session_on(date(2024, 3, 5))
    assert session is not None
    days = calendar().sessions_before(session, 65)
    lows = [np.nanmin(market.tape("AAA", day).low) for day in days]
    highs = [np.nanmax(market.tape("AAA", day).high) for day in days]
    assert found.price_range("AAA", 13) == (min(lows), max(highs))
    half, year = found.price_range("AAA", 26), found.price_range("AAA", 52)
    assert half is not None
    assert year is not None
    assert year[0] <= half[0] <= min(lows)
    assert found.price_range("ZZZ", 13) is None


def test_historical_volatility_is_that_of_thirty_daily_changes() -> None:
    market, found = TinyMarket(), facts(TinyMarket(), date(2024, 3, 5))
    session = calendar().session_on(date(2024, 3, 5))
    assert session is not None
    closes = []
    for day in calendar().sessions_before(session, 31):
        tape = market.tape("AAA", day)
        closes.append(tape.close[np.flatnonzero(tape.volume)[-1]])
    wanted = np.diff(np.log(closes)).std(ddof=1) * np.sqrt(252)
    assert found.historical_volatility("AAA") == pytest.approx(wanted)
    assert found.historical_volatility("ZZZ") is None


def test_implied_volatility_is_known_where_there_are_options() -> None:
    market = OptionMarket(SyntheticMarket(7, TradingCalendar(last=date(2027, 12, 31)), ["SPY"]))
    found = facts(market, date(2026, 3, 3)).implied_volatility(market.listings["SPY"], 0)
    assert found is not None
    assert 0.05 < found < 1.0
    assert facts(TinyMarket(), date(2024, 3, 5)).implied_volatility(TinyMarket().listings["AAA"], 0) is None


def test_shares_can_be_lent_without_limit_where_the_market_says_nothing() -> None:
    assert facts(TinyMarket(), date(2024, 3, 5)).lendable("AAA") is None
