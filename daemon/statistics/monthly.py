"""The table of returns by month and year."""

from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from daemon.statistics.equity_series import EquitySeries

_MONTHS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class YearOfReturns:
    """One calendar year: simple returns, 0.01 = 1 %; None for a month without a known return."""

    year: int
    months: tuple[float | None, ...]  # January to December
    total: float | None  # of the months that are known, compounded


def monthly_returns(equity: EquitySeries, zone: ZoneInfo) -> tuple[YearOfReturns, ...]:
    """Return what each month brought: its last mark over the last mark of the month before, minus one.

    The first month begins with the first mark; if that is its only one, its return is None. So it is when the base is
    not positive. A month without marks is None, and what moved meanwhile is in the next month that has some.

    Args:
        equity: marks of any frequency.
        zone: whose calendar months these are.
    """
    ends = equity.month_ends(zone)
    bases = np.concatenate((np.zeros(1, dtype=np.intp), ends[:-1]))
    months: dict[int, list[float | None]] = {}
    for base, end in zip(bases, ends, strict=True):
        day = equity.local_date(int(end), zone)
        row = months.setdefault(day.year, [None] * _MONTHS)
        row[day.month - 1] = _change(equity.values, int(base), int(end))
    years = range(min(months), max(months) + 1)
    rows = ((year, tuple(months.get(year, [None] * _MONTHS))) for year in years)
    return tuple(YearOfReturns(year=year, months=row, total=_compounded(row)) for year, row in rows)


def _change(values: NDArray[np.float64], base: int, end: int) -> float | None:
    if base == end or values[base] <= 0:
        return None
    return float(values[end] / values[base] - 1.0)


def _compounded(returns: tuple[float | None, ...]) -> float | None:
    defined = [value for value in returns if value is not None]
    return float(np.prod(1.0 + np.asarray(defined)) - 1.0) if defined else None
