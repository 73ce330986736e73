"""The time column of a file of bars, in whatever form it is written, as epoch seconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from daemon.domain.errors import BadMarketData
from daemon.market.tape import IntArray

_DAY_S: Final = 86_400
_ZONED: Final = r"[T ]\d{2}:?\d{2}.*(?:Z|[+-]\d{2}(?::?\d{2})?)$"
_OFFSET: Final = r"(?P<offset>Z|[+-]\d{2}(?::?\d{2})?)$"
_DIGITS: Final = r"^\d{9,19}(?:\.0*)?$"
_LEAP: Final = timedelta(hours=1)  # by which one place's clock may differ from itself: summer time


@dataclass(frozen=True, slots=True, eq=False)
class Stamps:
    """Times of the rows of one batch, shape (n,)."""

    seconds: IntArray  # epoch; of a time without zone at midnight: midnight UTC of its date
    is_dates: bool  # days without a time of day, which need no zone


class StampReader:
    """Reads the time column of one file, batch by batch, and holds it to one way of writing."""

    def __init__(self, file: str, timezone: ZoneInfo | None) -> None:
        self._file = file
        self._timezone = timezone
        self._offsets: set[str] = set()
        self._zoned: bool | None = None  # whether the first text had an offset

    def read(self, column: pa.Array, first_row: int) -> Stamps:
        """Return the times; `first_row` is the number of the batch's first row.

        Raises:
            BadMarketData: one is missing, cannot be read, or has no time zone while others have or nobody said which.
        """
        if column.null_count:
            row = int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))
            raise self._bad(first_row + row, "the time is missing")
        kind = column.type
        if pa.types.is_date(kind):
            return Stamps(column.cast(pa.timestamp("s")).to_numpy(zero_copy_only=False).astype(np.int64), is_dates=True)
        if pa.types.is_timestamp(kind):
            return self._aware(column, first_row) if kind.tz is not None else self._naive(column, first_row)
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return self._text(column, first_row)
        if pa.types.is_integer(kind) or pa.types.is_floating(kind):
            return self._epoch(column.cast(pa.float64()).to_numpy(zero_copy_only=False), first_row)
        raise BadMarketData(self._file, f"times must be timestamps, ISO 8601 or epoch seconds, were {kind}")

    def mixed(self) -> str | None:
        """Return the offsets that were met when they are not those of one place, else None."""
        known = sorted(self._offsets)
        hours = [_offset(text) for text in known]
        return ", ".join(known) if hours and max(hours) - min(hours) > _LEAP else None

    def _text(self, column: pa.Array, first_row: int) -> Stamps:
        digits = _matches(column, _DIGITS)
        if digits.all():
            return self._epoch(column.cast(pa.float64()).to_numpy(zero_copy_only=False), first_row)
        zoned = _matches(column, _ZONED)
        if self._zoned is None:
            self._zoned = bool(zoned[0])
        odd = np.flatnonzero(zoned != self._zoned)
        if odd.size and not digits.any():
            row = int(odd[0])
            has = "has an offset" if zoned[row] else "has no offset"
            raise self._bad(
                first_row + row, f"{column[row].as_py()!r} {has}, other rows are otherwise; write all times with one"
            )
        if self._zoned:
            self._offsets |= set(pc.extract_regex(column, _OFFSET).field("offset").unique().to_pylist())
            return self._aware(self._cast(column, pa.timestamp("us", tz="UTC"), first_row), first_row)
        return self._naive(self._cast(column, pa.timestamp("us"), first_row), first_row)

    def _cast(self, column: pa.Array, kind: pa.DataType, first_row: int) -> pa.Array:
        try:
            return column.cast(kind)
        except pa.ArrowInvalid:
            for row, text in enumerate(column):
                try:
                    text.cast(kind)
                except pa.ArrowInvalid:
                    cure = "write ISO 8601 such as 2024-06-13T09:30:00-04:00, or epoch seconds"
                    raise self._bad(first_row + row, f"{text.as_py()!r} is not understood as a time: {cure}") from None
            raise

    def _epoch(self, values: np.ndarray, first_row: int) -> Stamps:
        """Take numbers for seconds, milli-, micro- or nanoseconds, by their size."""
        size = float(np.abs(values).max(initial=0.0))
        unit = next((10**power for power in (0, 3, 6, 9) if size < 1e11 * 10**power), None)
        if unit is None or not np.isfinite(values).all() or size < 1e8:
            raise self._bad(first_row, f"{values[0]:g} is no epoch time: use seconds or milliseconds since 1970")
        return self._whole(values / unit, first_row)

    def _aware(self, column: pa.Array, first_row: int) -> Stamps:
        return self._whole(
            column.cast(pa.timestamp("ns", tz="UTC")).to_numpy(zero_copy_only=False).astype(np.int64) / 1e9, first_row
        )

    def _naive(self, column: pa.Array, first_row: int) -> Stamps:
        if self._timezone is None:
            stamps = self._whole(
                column.cast(pa.timestamp("ns")).to_numpy(zero_copy_only=False).astype(np.int64) / 1e9, first_row
            )
            late = np.flatnonzero(stamps.seconds % _DAY_S)
            if not late.size:
                return Stamps(stamps.seconds, is_dates=True)
            row = int(late[0])
            cure = "say which clock it is, such as --timezone America/New_York"
            raise self._bad(first_row + row, f"{np.datetime64(int(stamps.seconds[row]), 's')} has no time zone: {cure}")
        try:
            aware = pc.assume_timezone(column, str(self._timezone))
        except pa.ArrowInvalid as error:
            raise self._bad(
                first_row, f"a time between this row and the next {len(column)} is not one of {self._timezone}: {error}"
            ) from error
        return self._aware(aware, first_row)

    def _whole(self, seconds: np.ndarray, first_row: int) -> Stamps:
        whole = np.floor(seconds).astype(np.int64)
        broken = np.flatnonzero(seconds != whole)
        if broken.size:
            raise self._bad(first_row + int(broken[0]), f"times must be whole seconds, was {seconds[broken[0]]:.6f}")
        return Stamps(whole, is_dates=False)

    def _bad(self, row: int, problem: str) -> BadMarketData:
        return BadMarketData(self._file, f"row {row}: {problem}")


def _matches(column: pa.Array, pattern: str) -> np.ndarray:
    found: np.ndarray = pc.match_substring_regex(column, pattern).to_numpy(zero_copy_only=False)
    return found


def _offset(text: str) -> timedelta:
    """Return an offset as it is written at the end of a time."""
    if text == "Z":
        return timedelta(0)
    padded = text if len(text) > 3 else f"{text}00"
    found = datetime.strptime(padded.replace(":", ""), "%z").utcoffset()
    return found or timedelta(0)
