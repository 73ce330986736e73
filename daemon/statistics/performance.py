"""Return, drawdown and Sharpe ratio of an equity series."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_MIN_RETURNS: Final = 2


def total_return(equity: NDArray[np.float64]) -> float:
    """Return last over first minus one; 0.02 means 2 %. `equity` has shape (n,), n >= 1, all > 0."""
    return float(equity[-1] / equity[0] - 1.0)


def max_drawdown(equity: NDArray[np.float64]) -> float:
    """Return the deepest fall from a running peak as a positive fraction of that peak; 0.0 without any."""
    peaks = np.maximum.accumulate(equity)
    return float(np.max(1.0 - equity / peaks))


def sharpe_ratio(returns: NDArray[np.float64], *, periods_per_year: float) -> float | None:
    """Return the annualised mean over standard deviation of `returns`, None when it is undefined.

    Args:
        returns: simple returns per period in excess of the risk-free rate, shape (n,).
        periods_per_year: 252 for daily returns.

    Source:
        Sharpe (1994), Journal of Portfolio Management 21(1), 49-58; sample deviation with n - 1.
    """
    if len(returns) < _MIN_RETURNS:
        return None
    deviation = float(np.std(returns, ddof=1))
    return float(np.mean(returns)) / deviation * periods_per_year**0.5 if deviation > 0 else None
