"""Option values against the tables they were published with."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.market.listing import Right
from daemon.market.option_pricing import (
    Conditions,
    OptionTerms,
    european_values,
    exercise_premium,
    greeks,
    implied_volatility,
    option_value,
)


def terms(right: Right, strike: float, *, american: bool = False) -> OptionTerms:
    return OptionTerms(strike=strike, right=right, is_american=american)


def test_european_values_are_those_of_hulls_example() -> None:
    # Hull, Options, Futures and Other Derivatives, example 15.6.
    now = Conditions(price=42.0, years=0.5, rate=0.10, dividends=0.0)
    assert option_value(terms("C", 40.0), now, 0.2) == pytest.approx(4.76, abs=0.005)
    assert option_value(terms("P", 40.0), now, 0.2) == pytest.approx(0.81, abs=0.005)


@pytest.mark.parametrize(
    ("right", "price", "years", "volatility", "value"),
    [
        # Haug, The Complete Guide to Option Pricing Formulas, table of the Barone-Adesi and Whaley approximation:
        # strike 100, interest 10 %, cost of carry 0. QuantLib holds its engine to 0.003 of the same figures.
        ("C", 90.0, 0.1, 0.15, 0.0206),
        ("C", 100.0, 0.1, 0.15, 1.8771),
        ("C", 110.0, 0.1, 0.15, 10.0089),
        ("C", 100.0, 0.5, 0.35, 9.5106),
        ("P", 90.0, 0.1, 0.15, 10.0000),
        ("P", 100.0, 0.1, 0.15, 1.8770),
        ("P", 110.0, 0.1, 0.15, 0.0410),
    ],
)
def test_american_values_are_those_of_haugs_table(
    right: Right, price: float, years: float, volatility: float, value: float
) -> None:
    now = Conditions(price=price, years=years, rate=0.10, dividends=0.10)
    assert option_value(terms(right, 100.0, american=True), now, volatility) == pytest.approx(value, abs=3e-3)


@settings(max_examples=60, deadline=None)
@given(
    price=st.floats(50, 200),
    years=st.floats(1e-5, 1.5),
    volatility=st.floats(0.03, 1.5),
    rate=st.floats(0.0, 0.08),
    dividends=st.floats(0.0, 0.07),
    right=st.sampled_from(["C", "P"]),
)
def test_american_option_is_worth_no_less_than_the_european_one_or_exercise(
    price: float, years: float, volatility: float, rate: float, dividends: float, right: Right
) -> None:
    now = Conditions(price=price, years=years, rate=rate, dividends=dividends)
    american = option_value(terms(right, 100.0, american=True), now, volatility)
    sign = 1 if right == "C" else -1
    assert american >= option_value(terms(right, 100.0), now, volatility) - 1e-9
    assert american >= max(sign * (price - 100.0), 0.0)
    assert exercise_premium(terms(right, 100.0, american=True), now, volatility) >= 0.0


def test_columns_agree_with_single_values() -> None:
    prices, years, volatility, rate, dividends = np.array([80.0, 100.0, 125.0]), 0.3, 0.25, 0.04, 0.01
    forward = prices * np.exp((rate - dividends) * years)
    one = np.ones(3)
    for right in ("C", "P"):
        option = terms("C" if right == "C" else "P", 100.0)
        columns = european_values(option, forward, one * volatility * years**0.5, one * np.exp(-rate * years))
        single = [
            option_value(option, Conditions(price=price, years=years, rate=rate, dividends=dividends), volatility)
            for price in prices.tolist()
        ]
        assert columns.tolist() == pytest.approx(single, rel=1e-9)


def test_expired_option_is_worth_its_exercise() -> None:
    now = Conditions(price=107.0, years=0.0, rate=0.04, dividends=0.0)
    assert option_value(terms("C", 100.0), now, 0.2) == pytest.approx(7.0)
    assert option_value(terms("P", 100.0, american=True), now, 0.2) == 0.0
    column = european_values(terms("C", 100.0), np.array([107.0]), np.zeros(1), np.ones(1))
    assert column[0] == pytest.approx(7.0)


@pytest.mark.parametrize("american", [False, True])
@pytest.mark.parametrize("right", ["C", "P"])
def test_implied_volatility_is_the_one_that_made_the_value(right: Right, american: bool) -> None:
    option = terms(right, 105.0, american=american)
    now = Conditions(price=100.0, years=0.2, rate=0.043, dividends=0.013)
    for volatility in (0.15, 0.3, 0.9):
        value = option_value(option, now, volatility)
        assert implied_volatility(option, now, value) == pytest.approx(volatility, abs=1e-4)
        for near in (volatility, volatility * 1.1, volatility * 3):
            assert implied_volatility(option, now, value, near=near) == pytest.approx(volatility, abs=1e-4)


def test_no_volatility_explains_an_impossible_price() -> None:
    now = Conditions(price=100.0, years=0.2, rate=0.04, dividends=0.0)
    assert implied_volatility(terms("P", 120.0, american=True), now, 19.0) is None
    assert implied_volatility(terms("C", 100.0), now, 99.9) is None
    assert implied_volatility(terms("C", 100.0), now, float("nan")) is None
    assert implied_volatility(terms("C", 100.0), Conditions(price=100.0, years=0.0, rate=0, dividends=0), 1.0) is None


def test_greeks_are_those_of_the_closed_form() -> None:
    # Hull, chapter 19: price 49, strike 50, interest 5 %, volatility 20 %, 20 weeks.
    now = Conditions(price=49.0, years=0.3846, rate=0.05, dividends=0.0)
    known = greeks(terms("C", 50.0), now, 0.2)
    assert known.delta == pytest.approx(0.522, abs=5e-4)
    assert known.gamma == pytest.approx(0.066, abs=5e-4)
    assert known.vega == pytest.approx(0.121, abs=5e-4)
    assert known.theta == pytest.approx(-4.31 / 365, abs=2e-4)
    assert known.value == pytest.approx(2.40, abs=5e-3)


def test_call_that_hardly_moves_is_worth_the_better_of_waiting_and_exercise() -> None:
    # Here QuantLib's search for the price at which exercise pays runs away.
    now = Conditions(price=100.0, years=1.0, rate=0.0, dividends=0.05)
    assert option_value(terms("C", 90.0, american=True), now, 0.01) == 10.0
    assert option_value(terms("C", 150.0, american=True), now, 0.01) == pytest.approx(0.0, abs=1e-9)
