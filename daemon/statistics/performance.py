"""Return, drawdown and Sharpe ratio of an equity series."""

import numpy as np
from numpy.typing import NDArray

from daemon.statistics.drawdowns import drawdown_series
from daemon.statistics.ratios import sharpe_rows
from daemon.statistics.returns import known


def total_return(equity: NDArray[np.float64]) -> float:
    """Return last over first minus one; 0.02 means 2 %. `equity` has shape (n,), n >= 1, all > 0."""
    return float(equity[-1] / equity[0] - 1.0)


def max_drawdown(equity: NDArray[np.float64]) -> float:
    """Return the deepest fall from a running peak as a positive fraction of that peak; 0.0 without any."""
    return float(np.max(drawdown_series(equity)))


def sharpe_ratio(returns: NDArray[np.float64], *, periods_per_year: float) -> float | None:
    """Return the annualised mean over standard deviation of `returns`, None when it is undefined.

    Args:
        returns: simple returns per period in excess of the risk-free rate, shape (n,).
        periods_per_year: 252 for daily returns.

    Returns:
        Per square-root year; None for fewer than two returns, and for returns that differ by rounding only.

    Source:
        Sharpe (1994), Journal of Portfolio Management 21(1), 49-58; sample deviation with n - 1.
    """
    return known(sharpe_rows(returns[np.newaxis], periods_per_year=periods_per_year)[0])
