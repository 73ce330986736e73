"""Return in relation to risk: Sharpe, Sortino and Calmar; `_rows` as in `returns`."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from daemon.statistics.drawdowns import max_drawdown_rows
from daemon.statistics.returns import cagr_rows, known

_MIN_RETURNS: Final = 2
# Returns computed from values carry rounding of some 1e-16; a spread below this is none at all.
_ROUNDING: Final = 1e-14


def sortino_ratio(returns: NDArray[np.float64], *, periods_per_year: float) -> float | None:
    """Return the annualised mean over downside deviation.

    Args:
        returns: simple returns per period in excess of what is required (0, or the risk-free rate), shape (n,).
        periods_per_year: 252 for daily returns.

    Returns:
        Per square-root year; the downside deviation is the root of the mean over *all* n of min(r, 0) squared. None for
        fewer than two returns, and when none fell short.

    Source:
        Sortino & Price (1994), Performance Measurement in a Downside Risk Framework, Journal of Investing 3(3), 59-64.
    """
    return known(sortino_rows(returns[np.newaxis], periods_per_year=periods_per_year)[0])


def calmar_ratio(returns: NDArray[np.float64], *, periods_per_year: float) -> float | None:
    """Return the compound annual growth rate over the deepest drawdown.

    Args:
        returns: simple returns per period, shape (n,).
        periods_per_year: 252 for daily returns.

    Returns:
        Per year, over the whole series and not only its last three years; None without a drawdown.

    Source:
        Young (1991), Calmar Ratio: A Smoother Tool, Futures 20(1), 40.
    """
    return known(calmar_rows(returns[np.newaxis], periods_per_year=periods_per_year)[0])


def sharpe_rows(returns: NDArray[np.float64], *, periods_per_year: float) -> NDArray[np.float64]:
    """Return `performance.sharpe_ratio` of each row; `returns` has shape (m, n), the answer (m,)."""
    if returns.shape[1] < _MIN_RETURNS:
        return np.full(len(returns), np.nan)
    return np.asarray(ratio(np.mean(returns, axis=1), np.std(returns, axis=1, ddof=1)) * periods_per_year**0.5)


def sortino_rows(returns: NDArray[np.float64], *, periods_per_year: float) -> NDArray[np.float64]:
    """Return `sortino_ratio` of each row; `returns` has shape (m, n), the answer (m,)."""
    if returns.shape[1] < _MIN_RETURNS:
        return np.full(len(returns), np.nan)
    short = np.minimum(returns, 0.0)
    downside = np.sqrt(np.einsum("ij,ij->i", short, short) / returns.shape[1])
    return np.asarray(ratio(np.mean(returns, axis=1), downside) * periods_per_year**0.5)


def calmar_rows(returns: NDArray[np.float64], *, periods_per_year: float) -> NDArray[np.float64]:
    """Return `calmar_ratio` of each row; `returns` has shape (m, n), the answer (m,)."""
    if returns.shape[1] == 0:
        return np.full(len(returns), np.nan)
    return ratio(cagr_rows(returns, periods_per_year=periods_per_year), max_drawdown_rows(returns))


def ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return above over below, NaN where `below` is nothing but rounding. Shapes alike."""
    quotient = np.full(above.shape, np.nan)
    np.divide(above, below, out=quotient, where=below > _ROUNDING)
    return quotient
