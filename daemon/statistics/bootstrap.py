"""How well a statistic of dependent data is known: percentile intervals from the stationary bootstrap."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_AT_ONCE: Final = 1 << 17  # values resampled at once, 1 MiB: what fits a core's cache
MIN_VALUES: Final = 10  # an interval from fewer would only pretend
_ROUNDING: Final = 1e-9  # relative; a narrower interval is none

# Takes resampled data of shape (m, n); answers each statistic's values, shape (m,), NaN where undefined.
Statistics = Callable[[NDArray[np.float64]], Mapping[str, NDArray[np.float64]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Where the statistic lies in `level` of all resamples, the same share missing on either side."""

    low: float
    high: float
    level: float  # 0.95 = 95 %


def bootstrap_intervals(
    values: NDArray[np.float64],
    statistics: Statistics,
    *,
    rng: np.random.Generator,
    samples: int = 5_000,
    level: float = 0.95,
    block: float | None = None,
) -> dict[str, Interval | None]:
    """Return the percentile interval of each statistic of `values`, all from the same resamples.

    Args:
        values: shape (n,), in the order of time, finite.
        statistics: what to measure, many resamples at a time.
        rng: the same seed gives the same intervals.
        samples: resamples, > 0.
        level: share of the resamples within the interval.
        block: mean length of the blocks, in values, >= 1; None = `block_length(values)`.

    Returns:
        By the name of the statistic. None where there are fewer than ten values; where the statistic is undefined in
        more resamples than are cut off on one side, as one end would be unknown; and where all resamples agree, as
        values that are alike (only losses, say) do not tell how much others would differ.

    Source:
        Politis & Romano (1994), The Stationary Bootstrap, Journal of the American Statistical Association 89(428),
        1303-1313; percentile method of Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.
    """
    if values.size < MIN_VALUES:
        return dict.fromkeys(statistics(values[np.newaxis]))
    mean_block = block_length(values) if block is None else block
    parts = [statistics(part) for part in _resamples(values, samples, mean_block, rng)]
    return {name: _interval(np.concatenate([part[name] for part in parts]), level) for name in parts[0]}


def stationary_indices(n: int, *, rows: int, block: float, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return where each value of `rows` resamples comes from: blocks of geometric length, each from a random start.

    Args:
        n: values that there are, >= 1.
        rows: resamples.
        block: mean length of a block, >= 1; 1 draws each value on its own.
        rng: source of chance.

    Returns:
        Shape (rows, n), in 0 .. 2 n - 1: an index of n or more means the series begun again (modulo n).
    """
    if block == 1:
        return rng.integers(0, n, size=(rows, n), dtype=np.intp)
    begins = rng.random((rows, n), dtype=np.float32) < 1.0 / block
    begins[:, 0] = True
    places = np.flatnonzero(begins)
    shifts = rng.integers(0, n, size=places.size, dtype=np.int32) - (places.astype(np.int32) % np.int32(n))
    lengths = np.diff(places, append=rows * n)
    return np.repeat(shifts, lengths).reshape(rows, n) + np.arange(n)


def block_length(values: NDArray[np.float64]) -> float:
    """Return the mean block length that estimates the variance of the mean best, in values.

    Args:
        values: shape (n,), in the order of time.

    Returns:
        From 1 to min(3 sqrt n, n / 3); 1.0 for constant and for very short series.

    Source:
        Politis & White (2004), Automatic Block-Length Selection for the Dependent Bootstrap, Econometric Reviews 23(1),
        53-70, with the correction of Patton, Politis & White (2009), Econometric Reviews 28(4), 372-375.
    """
    n = values.size
    if n < MIN_VALUES or not np.ptp(values) > 0:
        return 1.0
    centred = values - np.mean(values)
    neighbours = max(5, math.ceil(math.sqrt(math.log10(n))))  # K_n: lags in a row that must be small
    most = min(math.ceil(math.sqrt(n)) + neighbours, n - 1)
    covariances = np.array([centred[lag:] @ centred[: n - lag] for lag in range(most + 1)]) / n
    small = np.abs(covariances[1:] / covariances[0]) < 2.0 * math.sqrt(math.log10(n) / n)
    quiet = np.flatnonzero(np.convolve(small, np.ones(neighbours), mode="valid") == neighbours)
    # The first of the small lags, as the `arch` package has it, and not the lag before it, as the paper's text has it.
    bandwidth = min(2 * (int(quiet[0]) + 1), most) if quiet.size else most
    lags = np.arange(1, bandwidth + 1)
    weighted = 2.0 * np.minimum(1.0, 2.0 * (1.0 - lags / bandwidth)) * covariances[1 : bandwidth + 1]  # flat-top window
    spectrum = covariances[0] + float(np.sum(weighted))
    slope = float(np.sum(weighted * lags))
    if spectrum == 0:
        return 1.0
    return float(np.clip(((slope / spectrum) ** 2 * n) ** (1 / 3), 1.0, math.ceil(min(3.0 * math.sqrt(n), n / 3.0))))


def _resamples(
    values: NDArray[np.float64], samples: int, block: float, rng: np.random.Generator
) -> Iterator[NDArray[np.float64]]:
    twice = np.concatenate((values, values))  # so that a block which runs over the end goes on at the beginning
    most = max(1, _AT_ONCE // values.size)
    for done in range(0, samples, most):
        yield twice[stationary_indices(values.size, rows=min(most, samples - done), block=block, rng=rng)]


def _interval(measured: NDArray[np.float64], level: float) -> Interval | None:
    defined = measured[np.isfinite(measured)]
    tail = (1.0 - level) / 2.0
    if measured.size - defined.size > tail * measured.size:
        return None
    low, high = np.quantile(defined, (tail, 1.0 - tail))
    if high - low <= _ROUNDING * max(abs(low), abs(high)):
        return None
    return Interval(low=float(low), high=float(high), level=level)
