"""Returns of an equity series, their growth and their volatility.

Functions that end in `_rows` measure each row of a matrix at once, for the bootstrap; in their answer, and only there,
an undefined value is NaN. Everywhere else it is None.
"""

import math

import numpy as np
from numpy.typing import NDArray


def simple_returns(equity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return value over value before, minus one; 0.01 means 1 %.

    Args:
        equity: shape (n,), oldest first, all > 0.

    Returns:
        Shape (n - 1,), empty for fewer than two values.

    Raises:
        ValueError: a value is not > 0, so that no return is defined.
    """
    _check_positive(equity)
    return equity[1:] / equity[:-1] - 1.0


def log_returns(equity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithm of value over value before; they add up over time. Shapes and errors as `simple_returns`."""
    _check_positive(equity)
    return np.diff(np.log(equity))


def cagr(returns: NDArray[np.float64], *, periods_per_year: float) -> float | None:
    """Return the compound annual growth rate; 0.10 means 10 % a year.

    Args:
        returns: simple returns per period, shape (n,).
        periods_per_year: 252 for daily returns; n / periods_per_year are the years.

    Returns:
        (1 + r_1) ... (1 + r_n) to the power of 1 / years, minus one; None without returns, when more than all was lost
        and when it is beyond what a float can hold.

    Source:
        CFA Institute, Global Investment Performance Standards (GIPS) 2020, annualised time-weighted return.
    """
    return known(cagr_rows(returns[np.newaxis], periods_per_year=periods_per_year)[0])


def annualised_volatility(returns: NDArray[np.float64], *, periods_per_year: float) -> float | None:
    """Return the sample deviation (n - 1) of `returns` per square-root year; 0.20 means 20 %; None for fewer than two.

    Source:
        Hull, Options, Futures, and Other Derivatives, section on estimating volatility from historical data, with
        simple returns in the place of logarithmic ones.
    """
    return known(volatility_rows(returns[np.newaxis], periods_per_year=periods_per_year)[0])


def total_return_rows(returns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the compounded return of each row; `returns` has shape (m, n), the answer (m,)."""
    return np.asarray(np.prod(1.0 + returns, axis=1) - 1.0)


def cagr_rows(returns: NDArray[np.float64], *, periods_per_year: float) -> NDArray[np.float64]:
    """Return `cagr` of each row; `returns` has shape (m, n), the answer (m,)."""
    periods = returns.shape[1]
    if periods == 0:
        return np.full(len(returns), np.nan)
    growth = 1.0 + total_return_rows(returns)
    with np.errstate(over="ignore"):
        yearly = np.where(growth >= 0, growth, np.nan) ** (periods_per_year / periods) - 1.0
    return np.where(np.isfinite(yearly), yearly, np.nan)


def volatility_rows(returns: NDArray[np.float64], *, periods_per_year: float) -> NDArray[np.float64]:
    """Return `annualised_volatility` of each row; `returns` has shape (m, n), the answer (m,)."""
    if returns.shape[1] < 2:
        return np.full(len(returns), np.nan)
    return np.asarray(np.std(returns, axis=1, ddof=1) * periods_per_year**0.5)


def known(value: float) -> float | None:
    """Return one number out of a `_rows` answer: None where it is undefined."""
    return float(value) if math.isfinite(value) else None


def _check_positive(equity: NDArray[np.float64]) -> None:
    if not np.all(equity > 0):
        raise ValueError("equity must be > 0: a return from nothing, or from debt, is not defined")
