"""From values to quotes: values through a session, the tick grid, absent sides."""

from datetime import date

import numpy as np
import pytest

from daemon.market.listing import MARKET_RULES, Right
from daemon.market.option_pricing import YEAR_S, Conditions, OptionTerms, option_value
from daemon.market.option_quotes import OptionPath, OptionTexture, option_tape
from daemon.market.option_surface import Surface
from daemon.market.sessions import Session, TradingCalendar
from daemon.market.tape import FloatArray

CALENDAR = TradingCalendar()
SURFACE = Surface(variance=0.05, long_variance=0.04, skew=-0.6, smile=0.8, reference=100.0, leverage=9.0)
RATE, DIVIDENDS = 0.043, 0.02


def day() -> Session:
    session = CALENDAR.session_on(date(2026, 3, 3))
    assert session is not None
    return session


def prices(seed: int = 1) -> FloatArray:
    """Return a walk of about one percent a day around 100."""
    steps = np.random.default_rng(seed).normal(0, 0.01 / 153, day().seconds)
    walk: FloatArray = 100 * np.exp(np.cumsum(steps))
    return walk


def path(strike: float, right: Right, days: float, *, american: bool = True) -> OptionPath:
    terms = OptionTerms(strike=strike, right=right, is_american=american)
    expires = day().close_s + round(days * 86_400)
    return OptionPath.of(terms, SURFACE, prices(), day(), expires_s=expires, rate=RATE, dividends=DIVIDENDS)


@pytest.mark.parametrize("right", ["C", "P"])
@pytest.mark.parametrize("days", [0, 3, 45, 360])
@pytest.mark.parametrize("strike", [80.0, 99.5, 100.0, 125.0])
@pytest.mark.parametrize("american", [True, False])
def test_values_of_a_session_are_those_of_its_moments(strike: float, right: Right, days: float, american: bool) -> None:
    found = path(strike, right, days, american=american)
    for row in range(0, day().seconds, 2339):
        price = float(found.price[row])
        years = (day().close_s - day().open_s - row + days * 86_400) / YEAR_S
        now = Conditions(price=price, years=years, rate=RATE, dividends=DIVIDENDS)
        volatility = SURFACE.volatility(price, strike, years, RATE - DIVIDENDS)
        assert found.value[row] == pytest.approx(option_value(found.terms, now, volatility), abs=0.003)


def test_worthless_option_has_no_bid_and_an_offer_of_one_step() -> None:
    found = path(160.0, "C", 3)
    texture = OptionTexture.of(found, 5e9, 0.01)
    tape = option_tape(np.random.default_rng(3), day(), MARKET_RULES[110], found, texture)
    assert np.isnan(tape.bid).all()
    assert not tape.bid_size.any()
    assert np.all(tape.ask == 0.05)


def test_quotes_step_by_dimes_above_three_dollars_and_by_nickels_below() -> None:
    found = path(100.0, "C", 45)
    texture = OptionTexture.of(found, 5e9, 0.01)
    tape = option_tape(np.random.default_rng(3), day(), MARKET_RULES[110], found, texture)
    high = tape.ask[tape.ask >= 3]
    assert high.size
    assert np.allclose(high * 10, np.rint(high * 10))
    cheap = option_tape(np.random.default_rng(3), day(), MARKET_RULES[110], path(110.0, "C", 20), texture)
    assert np.any(np.abs(cheap.ask * 10 - np.rint(cheap.ask * 10)) > 0.1)
    assert np.allclose(cheap.ask * 20, np.rint(cheap.ask * 20))


def test_far_strikes_and_thin_names_are_quoted_wider_and_smaller() -> None:
    near, far = path(100.0, "P", 20), path(70.0, "P", 20)
    busy = OptionTexture.of(near, 1e10, 0.01)
    assert OptionTexture.of(far, 1e10, 0.01).volatility_spread > busy.volatility_spread
    thin = OptionTexture.of(near, 1e8, 0.01)
    assert thin.volatility_spread > busy.volatility_spread
    assert thin.depth < busy.depth
    assert thin.daily_volume < busy.daily_volume
