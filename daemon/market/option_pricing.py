"""Values, Greeks and implied volatilities of options, by QuantLib and in columns; knows no market.

European options have a closed form (Black 1976, on the forward), computed here for whole columns. American ones add
what early exercise is worth, by QuantLib's engine of Barone-Adesi & Whaley (1987), Journal of Finance 42(2), 301-320.
QuantLib counts time in days. A value depends on rate, yield and variance only as products with time, so each option
is valued as one of a whole year whose rate, yield and volatility are scaled to its own time; any time will do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import exp, expm1, isfinite, sqrt
from typing import Final

import numpy as np
import QuantLib as ql  # noqa: N813 - its own documents call it so
from scipy.optimize import brentq
from scipy.special import ndtr

from daemon.market.listing import Right
from daemon.market.tape import FloatArray

YEAR_S: Final = 365 * 86_400  # seconds; calendar time, as brokers count it
_DAY: Final = 1 / 365
_LEAST_DEVIATION: Final = 1e-6  # below it an option is worth what exercising it is
_HIGHEST_VOLATILITY: Final = 5.0
_SAME: Final = 1e-9  # currency by which values must differ to tell volatilities apart
_BUMP: Final = 0.002  # part of the price by which it is moved for delta and gamma


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionTerms:
    """What a value depends on besides the market: strike, right and style."""

    strike: float  # currency per unit of the underlying
    right: Right
    is_american: bool

    @property
    def sign(self) -> int:
        """Return 1 for a call and -1 for a put."""
        return 1 if self.right == "C" else -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What the market says at one moment."""

    price: float  # of the underlying, > 0
    years: float  # to the expiry, >= 0
    rate: float  # a year, continuously compounded
    dividends: float  # yield a year, continuously compounded


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeks:
    """Value and sensitivities of one option, per unit of the underlying."""

    volatility: float  # a year; 0.2 is 20 %
    value: float  # currency
    delta: float  # change of value when the underlying rises by 1
    gamma: float  # change of delta when the underlying rises by 1
    vega: float  # change of value when volatility rises by 0.01
    theta: float  # change of value over one calendar day


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionState:
    """What the model says of one option at one second."""

    terms: OptionTerms
    conditions: Conditions
    volatility: float  # a year

    @property
    def dividend_value(self) -> float:
        """Return what dividends until the expiry are worth now, currency per unit of the underlying."""
        return self.conditions.price * -expm1(-self.conditions.dividends * self.conditions.years)


def european_values(terms: OptionTerms, forward: FloatArray, deviation: FloatArray, discount: FloatArray) -> FloatArray:
    """Return Black's value for columns of one shape.

    Args:
        terms: strike and right; the style does not matter.
        forward: of the underlying for the expiry, > 0.
        deviation: standard deviation of the log price at expiry, volatility * sqrt(years), >= 0.
        discount: value today of one unit of currency at expiry.
    """
    sign, spread = terms.sign, np.maximum(deviation, 1e-9)
    upper = np.log(forward / terms.strike) / spread + spread / 2
    values: FloatArray = discount * sign * (forward * ndtr(sign * upper) - terms.strike * ndtr(sign * (upper - spread)))
    return np.maximum(values, 0.0)


def exercise_value(terms: OptionTerms, price: float) -> float:
    """Return what exercising now brings, never below 0."""
    return max(terms.sign * (price - terms.strike), 0.0)


def option_value(terms: OptionTerms, now: Conditions, volatility: float) -> float:
    """Return the value of an option at a volatility (a year; 0.2 is 20 %)."""
    deviation = volatility * sqrt(now.years)
    if terms.is_american and deviation >= _LEAST_DEVIATION:
        return _american_engine().value(terms, now, deviation)
    european = _european_value(terms, now, deviation)
    return max(european, exercise_value(terms, now.price)) if terms.is_american else european


def exercise_premium(terms: OptionTerms, now: Conditions, volatility: float) -> float:
    """Return what the right to exercise early adds to the European value, >= 0."""
    european = _european_value(terms, now, volatility * sqrt(now.years))
    return max(option_value(terms, now, volatility) - european, 0.0)


def greeks(terms: OptionTerms, now: Conditions, volatility: float) -> Greeks:
    """Return value and sensitivities at a volatility, by small moves of price, volatility and time."""
    value = option_value(terms, now, volatility)
    step = now.price * _BUMP
    up = option_value(terms, _moved(now, price=now.price + step), volatility)
    down = option_value(terms, _moved(now, price=now.price - step), volatility)
    # Over the last day theta is what is left.
    day = min(_DAY, now.years)
    return Greeks(
        volatility=volatility,
        value=value,
        delta=(up - down) / (2 * step),
        gamma=(up - 2 * value + down) / step**2,
        vega=option_value(terms, now, volatility + 0.005) - option_value(terms, now, max(volatility - 0.005, 0.0)),
        theta=option_value(terms, _moved(now, years=now.years - day), volatility) - value,
    )


def implied_volatility(terms: OptionTerms, now: Conditions, value: float, *, near: float | None = None) -> float | None:
    """Return the volatility that gives `value`, None when none does: below exercise, or above 500 % a year.

    With `near`, it is looked for around that volatility first, which is twice as fast.
    """
    if not isfinite(value) or value <= 0 or now.years <= 0:
        return None

    def miss(volatility: float) -> float:
        return option_value(terms, now, volatility) - value

    if near is not None and miss(near * 0.8) < -_SAME < _SAME < miss(near * 1.25):
        return float(brentq(miss, near * 0.8, near * 1.25, xtol=1e-6, rtol=1e-8))
    lowest = _LEAST_DEVIATION / sqrt(now.years)
    if not miss(lowest) < -_SAME < _SAME < miss(_HIGHEST_VOLATILITY):
        return None
    return float(brentq(miss, lowest, _HIGHEST_VOLATILITY, xtol=1e-6, rtol=1e-8))


def _european_value(terms: OptionTerms, now: Conditions, deviation: float) -> float:
    forward = now.price * exp((now.rate - now.dividends) * now.years)
    return float(ql.blackFormula(_TYPES[terms.right], terms.strike, forward, deviation, exp(-now.rate * now.years)))


def _moved(now: Conditions, *, price: float | None = None, years: float | None = None) -> Conditions:
    return Conditions(
        price=now.price if price is None else price,
        years=now.years if years is None else years,
        rate=now.rate,
        dividends=now.dividends,
    )


_TYPES: Final[dict[str, int]] = {"C": ql.Option.Call, "P": ql.Option.Put}


class _AmericanEngine:
    """A Barone-Adesi-Whaley engine whose market is set anew for each value."""

    def __init__(self) -> None:
        today = ql.Date(1, 1, 2020)  # any day: only the year between it and the expiry counts
        ql.Settings.instance().evaluationDate = today
        days = ql.Actual365Fixed()
        self._price, self._rate, self._yield, self._deviation = (ql.SimpleQuote(1.0) for _ in range(4))
        handle, flat = ql.QuoteHandle, ql.FlatForward
        process = ql.BlackScholesMertonProcess(
            handle(self._price),
            ql.YieldTermStructureHandle(flat(today, handle(self._yield), days)),
            ql.YieldTermStructureHandle(flat(today, handle(self._rate), days)),
            ql.BlackVolTermStructureHandle(
                ql.BlackConstantVol(today, ql.NullCalendar(), handle(self._deviation), days)
            ),
        )
        self._engine = ql.BaroneAdesiWhaleyApproximationEngine(process)
        self._exercise = ql.AmericanExercise(today, today + 365)

    def value(self, terms: OptionTerms, now: Conditions, deviation: float) -> float:
        """Return an option's value; `deviation` is volatility * sqrt(years)."""
        self._price.setValue(now.price)
        self._rate.setValue(now.rate * now.years)
        self._yield.setValue(now.dividends * now.years)
        self._deviation.setValue(deviation)
        european = _european_value(terms, now, deviation)
        try:
            value = float(self._option(terms.strike, terms.right).NPV())
        except RuntimeError:
            # At extreme volatilities the search for the price at which exercise pays runs away.
            value = european
        # The approximation can fall a hair below either bound.
        return max(value, european, exercise_value(terms, now.price))

    @lru_cache(maxsize=512)  # noqa: B019 - there is one engine, and it stays
    def _option(self, strike: float, right: Right) -> ql.VanillaOption:
        option = ql.VanillaOption(ql.PlainVanillaPayoff(_TYPES[right], strike), self._exercise)
        option.setPricingEngine(self._engine)
        return option


@lru_cache(maxsize=1)
def _american_engine() -> _AmericanEngine:
    return _AmericanEngine()
