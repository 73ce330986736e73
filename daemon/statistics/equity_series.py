"""Equity over time, and where its days and months end on an exchange's calendar."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EquitySeries:
    """What an account or a ledger was worth, mark by mark."""

    times: NDArray[np.float64]  # shape (n,), n >= 1; seconds since the epoch, UTC; never going back
    values: NDArray[np.float64]  # shape (n,); account currency

    def __post_init__(self) -> None:
        """Refuse a series that could not be measured."""
        if self.times.ndim != 1 or self.times.shape != self.values.shape or self.times.size == 0:
            raise ValueError(f"one value for each time, at least one: {self.times.shape} and {self.values.shape}")
        if not (np.isfinite(self.times).all() and np.isfinite(self.values).all()):
            raise ValueError("times and values must be finite")
        if np.any(np.diff(self.times) < 0):
            raise ValueError("times must not go back")

    def day_ends(self, zone: ZoneInfo) -> NDArray[np.intp]:
        """Return the index of the last mark of each date in `zone` that has any, shape (days,)."""
        return _last_before(self.times, _midnights(*self._dates(zone), zone))

    def month_ends(self, zone: ZoneInfo) -> NDArray[np.intp]:
        """Return the index of the last mark of each month in `zone` that has any, shape (months,)."""
        return _last_before(self.times, _month_starts(*self._dates(zone), zone))

    def daily(self, zone: ZoneInfo) -> "EquitySeries":
        """Return the last mark of each date, after the very first mark when that day has more than one.

        So the first day's return counts when it is known: the base is what the account began with.
        """
        ends = self.day_ends(zone)
        kept = ends if ends[0] == 0 else np.concatenate((np.zeros(1, dtype=np.intp), ends))
        return EquitySeries(times=self.times[kept], values=self.values[kept])

    def local_date(self, index: int, zone: ZoneInfo) -> date:
        """Return the date of one mark in `zone`."""
        return datetime.fromtimestamp(float(self.times[index]), UTC).astimezone(zone).date()

    def _dates(self, zone: ZoneInfo) -> tuple[date, date]:
        return self.local_date(0, zone), self.local_date(-1, zone)


def _last_before(times: NDArray[np.float64], bounds: Iterator[float]) -> NDArray[np.intp]:
    """Return the last index before each bound; a span without a mark repeats the one before and is left out."""
    after = np.searchsorted(times, np.fromiter(bounds, dtype=np.float64), side="left")
    return np.unique(after) - 1


def _midnights(first: date, last: date, zone: ZoneInfo) -> Iterator[float]:
    for number in range(1, (last - first).days + 2):
        yield datetime.combine(first + timedelta(days=number), time(), zone).timestamp()


def _month_starts(first: date, last: date, zone: ZoneInfo) -> Iterator[float]:
    for number in range(first.year * 12 + first.month, last.year * 12 + last.month + 1):
        year, month = divmod(number, 12)
        yield datetime(year, month + 1, 1, tzinfo=zone).timestamp()
