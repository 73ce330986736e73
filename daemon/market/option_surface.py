"""Implied volatility by strike and time, free of static arbitrage: a surface of the SSVI family for each session.

Total variance of an option with log-moneyness k = ln(strike / forward) and time T to its expiry, in years, is

    w(k, theta) = theta / 2 * (1 + rho * phi * k + sqrt((phi * k + rho)**2 + 1 - rho**2))
    phi(theta) = eta / sqrt(theta * (1 + theta))

with theta the at-the-money total variance, which reverts from today's level v to the long-run one:

    theta(T) = v_long * T + (v - v_long) * (1 - exp(-kappa * T)) / kappa

No butterfly and no calendar spread has a negative price while eta * (1 + |rho|) <= 2 and theta grows with T
(Gatheral & Jacquier 2014, Arbitrage-free SVI volatility surfaces, Quantitative Finance 14(1), 59-71, section 4).
Skew (rho), smile (eta) and level are drawn for each symbol and day; within the day v moves against the price.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from daemon.market.synthetic_daily import stream
from daemon.market.tape import FloatArray

_KAPPA: Final = 4.0  # a year: half of a shock to variance is gone after two months
_PREMIUM: Final = 1.12  # implied volatility at the money over the volatility that moves the tape
_LEVERAGE: Final = 9.0  # by how much ln(variance) falls when ln(price) rises by 1
_MOST_SMILE: Final = 0.95  # of the bound below which there is no butterfly arbitrage


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """One underlying's implied volatility in one session."""

    variance: float  # a year, at the money and now, at the session's reference price
    long_variance: float  # a year
    skew: float  # rho, -1..1; below 0, puts cost more
    smile: float  # eta, > 0
    reference: float  # the underlying's price at which `variance` holds
    leverage: float = 0.0  # ln(variance) falls by this when ln(price) rises by 1

    def __post_init__(self) -> None:
        if min(self.variance, self.long_variance, self.smile, self.reference) <= 0 or not -1 < self.skew < 1:
            raise ValueError(f"variances, smile and reference must be above 0 and skew in -1..1: {self}")
        if self.smile * (1 + abs(self.skew)) > 2:
            raise ValueError(f"smile {self.smile} with skew {self.skew} lets butterflies have negative prices")

    def at_the_money(self, price: FloatArray | float, years: FloatArray | float) -> FloatArray:
        """Return total variance at the money, for prices of the underlying and times to expiry of one shape."""
        now = self.variance * np.exp(-self.leverage * np.log(np.asarray(price) / self.reference))
        years = np.asarray(years, dtype=np.float64)
        total: FloatArray = (
            self.long_variance * years + (now - self.long_variance) * -np.expm1(-_KAPPA * years) / _KAPPA
        )
        return total

    def total_variance(
        self, price: FloatArray | float, forward: FloatArray | float, strike: float, years: FloatArray | float
    ) -> FloatArray:
        """Return w = sigma**2 * T.

        Args:
            price: of the underlying, shape (n,) or a number; moves the level.
            forward: of the underlying for the expiry, same shape.
            strike: of the option.
            years: to the expiry, >= 0, same shape.
        """
        theta = np.maximum(self.at_the_money(price, years), 1e-12)
        phi = self.smile / np.sqrt(theta * (1 + theta))
        away = phi * np.log(strike / np.asarray(forward))
        rest = 1 - self.skew**2
        total: FloatArray = theta / 2 * (1 + self.skew * away + np.sqrt((away + self.skew) ** 2 + rest))
        return total

    def volatility(self, price: float, strike: float, years: float, carry: float) -> float:
        """Return sigma at one moment; 0 at expiry.

        Args:
            price: of the underlying.
            strike: of the option.
            years: to the expiry, >= 0.
            carry: interest less dividends, a year, continuously compounded.
        """
        if years <= 0:
            return 0.0
        return float(np.sqrt(self.total_variance(price, price * float(np.exp(carry * years)), strike, years) / years))


def make_surface(
    seed: int, symbol: str, day: object, *, daily_volatility: float, long_volatility: float, beta: float, price: float
) -> Surface:
    """Draw a symbol's surface of one day.

    Args:
        seed: the market's.
        symbol: the underlying's.
        day: the session's date.
        daily_volatility: standard deviation of the log return in this session.
        long_volatility: the same in the long run.
        beta: weight of the market in the return; puts cost more where it is above 0, calls where it is below.
        price: the underlying's close before.
    """
    random = stream(seed, "surface", symbol, day)
    lean = float(np.clip(0.35 + 0.35 * abs(beta), 0.2, 0.75)) + 0.05 * float(random.standard_normal())
    skew = float(np.clip(-np.sign(beta) * lean, -0.85, 0.85))
    bound = 2 / (1 + abs(skew))
    smile = float(np.clip(0.60 + 0.05 * random.standard_normal(), 0.4, _MOST_SMILE)) * bound
    level = _PREMIUM * float(np.exp(0.03 * random.standard_normal()))
    return Surface(
        variance=(level * daily_volatility) ** 2 * 252,
        long_variance=(_PREMIUM * long_volatility) ** 2 * 252,
        skew=skew,
        smile=smile,
        reference=price,
        # A variance that moved against its own price more than its beta suggests would not look like the market's.
        leverage=_LEVERAGE * float(np.clip(beta, -1.0, 1.0)),
    )
