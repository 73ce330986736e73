"""Falls of equity from its running peak: how deep, how long, and the worst ones from start to recovery."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawdown:
    """One fall from a peak until the peak is reached again; places are indices into the equity series."""

    depth: float  # > 0; fraction of the peak, 0.1 = 10 %
    start: int  # the last mark at the peak
    trough: int  # the first mark at the lowest value
    recovery: int | None  # the first mark at the peak or above; None = not reached

    def __post_init__(self) -> None:
        """Refuse a fall that ends before it begins."""
        if not self.start < self.trough or (self.recovery is not None and self.recovery <= self.trough):
            raise ValueError(f"start {self.start}, trough {self.trough} and recovery {self.recovery} are out of order")


def drawdown_series(equity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far each value is below the highest so far, as a fraction of that; 0.0 at a peak.

    Args:
        equity: shape (..., n), oldest first; the first value of each series > 0. More than 1.0 comes out when equity is
            negative: more than the peak was lost.

    Returns:
        Same shape, all >= 0.

    Source:
        Magdon-Ismail & Atiya (2004), Maximum Drawdown, Risk Magazine 17(10), 99-102.
    """
    return np.asarray(1.0 - equity / np.maximum.accumulate(equity, axis=-1))


def worst_drawdowns(equity: NDArray[np.float64], *, count: int = 5) -> tuple[Drawdown, ...]:
    """Return the `count` deepest falls, deepest first; of equally deep ones, the earlier first.

    Args:
        equity: shape (n,), n >= 1, oldest first, the first value > 0.
        count: how many at most.
    """
    depths = drawdown_series(equity)
    begins, ends = _runs(depths > 0)
    if begins.size == 0:
        return ()
    deepest = np.maximum.reduceat(depths, begins)  # up to the next run: what lies between is 0
    order = np.argsort(-deepest, kind="stable")[:count]
    return tuple(_drawdown(depths, int(begins[run]), int(ends[run])) for run in order)


def longest_drawdown(equity: NDArray[np.float64]) -> int:
    """Return the most periods from a peak to the mark that reaches it again, or to the end; 0 without a fall.

    Args:
        equity: shape (n,), n >= 1, oldest first, the first value > 0.
    """
    begins, ends = _runs(drawdown_series(equity) > 0)
    # A fall runs from the mark before it; one that lasts to the end is counted up to the last mark.
    return int(np.max(np.minimum(ends, equity.size - 1) - (begins - 1), initial=0))


def max_drawdown_rows(returns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the deepest drawdown that each row of simple returns makes; (m, n) in, (m,) out."""
    return np.asarray(growth_drawdowns(returns).max(axis=1, initial=0.0))


def longest_drawdown_rows(below: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return `longest_drawdown` of each row, in periods.

    Args:
        below: whether, after each return, there was more before, shape (m, n); see `growth_drawdowns`.
    """
    if below.shape[1] == 0:
        return np.zeros(len(below))
    places = np.arange(1, below.shape[1] + 1, dtype=np.int32)
    fallen = places - np.maximum.accumulate(np.where(below, np.int32(0), places), axis=1)  # marks since the peak
    recovers = below[:, :-1] & ~below[:, 1:]  # the mark that reaches the peak again counts as well
    longest = np.maximum((fallen[:, :-1] + recovers).max(axis=1, initial=0), fallen[:, -1])
    return np.asarray(longest, dtype=np.float64)


def growth_drawdowns(returns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the drawdown after each return of each row, with what was there before the first as a peak; (m, n)."""
    growth = np.cumprod(1.0 + returns, axis=1)
    return np.asarray(1.0 - growth / np.maximum(np.maximum.accumulate(growth, axis=1), 1.0))


def _runs(below: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the first index of each run of True, and the index after its last."""
    steps = np.diff(below.astype(np.int8), prepend=0, append=0)
    return np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)


def _drawdown(depths: NDArray[np.float64], begin: int, end: int) -> Drawdown:
    trough = begin + int(np.argmax(depths[begin:end]))
    return Drawdown(
        depth=float(depths[trough]), start=begin - 1, trough=trough, recovery=end if end < depths.size else None
    )
