"""The volatility surface: no butterfly and no calendar spread for nothing, and the shapes traders know."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from daemon.market.option_pricing import OptionTerms, european_values
from daemon.market.option_surface import Surface, make_surface

DAY = date(2026, 3, 2)
SPOT = 100.0


def drawn(seed: int, symbol: str, volatility: float, beta: float) -> Surface:
    return make_surface(seed, symbol, DAY, daily_volatility=volatility, long_volatility=0.012, beta=beta, price=SPOT)


def calls(surface: Surface, strikes: NDArray[np.float64], years: float, spot: float = SPOT) -> NDArray[np.float64]:
    """Return call values on a forward equal to the price, without interest."""
    one = np.ones(1)
    return np.array(
        [
            european_values(
                OptionTerms(strike=strike, right="C", is_american=False),
                one * spot,
                np.sqrt(surface.total_variance(one * spot, one * spot, strike, one * years)),
                one,
            )[0]
            for strike in strikes.tolist()
        ]
    )


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    volatility=st.floats(0.003, 0.08),
    beta=st.floats(-4, 4),
    years=st.sampled_from([1 / 365, 7 / 365, 0.1, 0.5, 1.0]),
    spot=st.floats(85, 115),
)
def test_no_butterfly_has_a_negative_price(
    seed: int, volatility: float, beta: float, years: float, spot: float
) -> None:
    values = calls(drawn(seed, "AAA", volatility, beta), np.arange(50.0, 160.0, 2.0), years, spot)
    assert np.all(np.diff(values) <= 1e-9)
    assert np.all(np.diff(values, 2) >= -1e-9)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), volatility=st.floats(0.003, 0.08), beta=st.floats(-4, 4), away=st.floats(-0.6, 0.6))
def test_total_variance_grows_with_time_at_every_moneyness(
    seed: int, volatility: float, beta: float, away: float
) -> None:
    surface = drawn(seed, "AAA", volatility, beta)
    years = np.linspace(1 / 365, 1.2, 200)
    spot = np.full(years.size, SPOT)
    total = surface.total_variance(spot, spot, SPOT * float(np.exp(away)), years)
    assert np.all(np.diff(total) >= 0)


def test_surface_with_arbitrage_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="butterflies"):
        Surface(variance=0.04, long_variance=0.04, skew=-0.7, smile=1.3, reference=SPOT)


def test_surface_of_impossible_numbers_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        Surface(variance=0.0, long_variance=0.04, skew=-0.7, smile=0.5, reference=SPOT)
    with pytest.raises(ValueError, match=r"skew in -1\.\.1"):
        Surface(variance=0.04, long_variance=0.04, skew=-1.0, smile=0.5, reference=SPOT)


def test_volatility_at_expiry_is_nothing() -> None:
    surface = drawn(7, "AAA", 0.01, 1.0)
    assert surface.volatility(SPOT, 90.0, 0.0, 0.03) == 0.0
    forward = SPOT * float(np.exp(0.03 * 0.1))
    total = float(surface.total_variance(SPOT, forward, 90.0, 0.1))
    assert surface.volatility(SPOT, 90.0, 0.1, 0.03) == pytest.approx((total / 0.1) ** 0.5)


def test_puts_of_an_index_cost_more_and_calls_of_an_inverse_fund() -> None:
    one = np.ones(1)
    for beta, sign in ((1.0, 1), (-3.0, -1)):
        surface = drawn(7, "AAA", 0.012, beta)
        low, high = (
            float(surface.total_variance(one * SPOT, one * SPOT, strike, one * 0.1)[0]) for strike in (90.0, 111.0)
        )
        assert (low - high) * sign > 0


def test_level_rises_when_the_price_falls_and_reverts_with_time() -> None:
    surface = drawn(7, "AAA", 0.03, 1.0)
    near, far = 5 / 365, 1.0
    assert surface.at_the_money(97.0, near) > surface.at_the_money(100.0, near)
    volatility = [float(np.sqrt(surface.at_the_money(SPOT, years) / years)) for years in (near, 0.25, far)]
    assert volatility == sorted(volatility, reverse=True)  # today is wilder than the long run


def test_surface_is_that_of_its_seed_symbol_and_day() -> None:
    assert drawn(7, "AAA", 0.01, 1.0) == drawn(7, "AAA", 0.01, 1.0)
    assert drawn(7, "AAA", 0.01, 1.0) != drawn(8, "AAA", 0.01, 1.0)
    assert drawn(7, "AAA", 0.01, 1.0) != drawn(7, "BBB", 0.01, 1.0)
