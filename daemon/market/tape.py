"""A session's market second by second, and its aggregation to bars for the simulated gateway.

The daemon builds its bars with code of its own, so that the two check each other.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from daemon.market.sessions import Session

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SecondTape:
    """Quotes and trades of one instrument in one session.

    Row i covers the second [open + i, open + i + 1); every array has shape (session.seconds,) and is made read-only.
    Quotes hold from the start of their second to its end. NaN price and size 0 mean that the side is absent.
    """

    session: Session
    bid: FloatArray  # currency per share, NaN = no bid
    ask: FloatArray  # currency per share, NaN = no offer
    bid_size: IntArray  # shares
    ask_size: IntArray  # shares
    open: FloatArray  # first trade of the second, currency per share, NaN where volume is 0; likewise the next three
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: IntArray  # shares
    trades: IntArray  # count of prints, 0 where volume is 0
    vwap_value: FloatArray  # sum of price * volume, currency; 0 where volume is 0
    quote_changed: BoolArray = field(init=False)  # any quote field differs from the row before; row 0 is True

    def __post_init__(self) -> None:
        rows = self.session.seconds
        for item in fields(self):
            if item.name in {"session", "quote_changed"}:
                continue
            column: NDArray[np.generic] = getattr(self, item.name)
            if column.shape != (rows,):
                raise ValueError(f"{item.name} must have shape ({rows},) in session {self.session.day}: {column.shape}")
            column.flags.writeable = False
        changed = _quote_changes(self)
        changed.flags.writeable = False
        object.__setattr__(self, "quote_changed", changed)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BarArrays:
    """Bars as columns of one length, oldest first.

    A bar without trades has volume 0, count 0 and four prices equal to the close before it (NaN if there is none).
    """

    start: IntArray  # epoch seconds, included
    end: IntArray  # epoch seconds, excluded
    open: FloatArray  # currency per share; likewise the next three
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: IntArray  # shares
    value: FloatArray  # sum of price * volume, currency
    count: IntArray  # trades

    @property
    def wap(self) -> FloatArray:
        """Return volume-weighted average prices, shape (n,); the carried close where nothing traded."""
        traded = self.volume > 0
        return np.where(traded, self.value / np.where(traded, self.volume, 1), self.close)

    def __len__(self) -> int:
        return self.end.size


def aggregate(
    tape: SecondTape, ends: IntArray, starts: IntArray | None = None, *, previous_close: float = float("nan")
) -> BarArrays:
    """Fold the trades of a tape into bars.

    Args:
        tape: the session.
        ends: bar ends in epoch seconds, shape (n,), ascending, within the session.
        starts: bar starts; without them each bar starts where the one before ended, the first at the open.
        previous_close: price that bars before the first trade carry; NaN if unknown.

    Raises:
        ValueError: a bar is outside the session, ends before it starts, or overlaps the one before.
    """
    opened = tape.session.open_s
    if starts is None:
        starts = np.append(np.int64(opened), ends)[:-1]
    _check_intervals(starts, ends, opened, tape.session.close_s)
    columns = _Columns(tape.open, tape.high, tape.low, tape.close, tape.volume, tape.vwap_value, tape.trades)
    return _fold(columns, _Spans(starts, ends, starts - opened, ends - opened), previous_close)


def fold_bars(
    bars: BarArrays, ends: IntArray, starts: IntArray | None = None, *, previous_close: float = float("nan")
) -> BarArrays:
    """Fold bars into longer ones, as `aggregate` does with seconds; each short bar goes where its start falls.

    Raises:
        ValueError: there are no bars; or one to make is outside their span, has no length or overlaps the one before.
    """
    if not len(bars):
        raise ValueError("there are no bars to fold")
    opened = bars.start[0]
    if starts is None:
        starts = np.append(opened, ends)[:-1]
    _check_intervals(starts, ends, int(opened), int(bars.end[-1]))
    columns = _Columns(bars.open, bars.high, bars.low, bars.close, bars.volume, bars.value, bars.count)
    first, stop = np.searchsorted(bars.start, starts), np.searchsorted(bars.start, ends)
    return _fold(columns, _Spans(starts, ends, first, stop), previous_close)


@dataclass(frozen=True, slots=True)
class _Columns:
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: IntArray
    value: FloatArray
    count: IntArray


@dataclass(frozen=True, slots=True)
class _Spans:
    """The bars to make, in epoch seconds, and the rows first_row <= row < stop_row that each is made of."""

    starts: IntArray
    ends: IntArray
    first_row: IntArray
    stop_row: IntArray


def _fold(columns: _Columns, spans: _Spans, previous: float) -> BarArrays:
    """Return one bar per span."""
    has_trades = columns.volume > 0
    rows = np.flatnonzero(has_trades)
    before = np.zeros(has_trades.size + 1, dtype=np.int64)
    np.cumsum(has_trades, out=before[1:])
    first, stop = before[spans.first_row], before[spans.stop_row]
    bars = np.flatnonzero(stop > first)
    first, stop = first[bars], stop[bars]
    close = _carry(_place(columns.close[rows[stop - 1]], bars, np.full(spans.ends.size, np.nan)), previous)
    segments = _Segments(rows, first, stop)
    nothing = np.zeros(spans.ends.size, dtype=np.int64)
    return BarArrays(
        start=spans.starts,
        end=spans.ends,
        open=_place(columns.open[rows[first]], bars, close),
        high=_place(segments.reduce(np.maximum, columns.high), bars, close),
        low=_place(segments.reduce(np.minimum, columns.low), bars, close),
        close=close,
        volume=_place(segments.reduce(np.add, columns.volume), bars, nothing),
        value=_place(segments.reduce(np.add, columns.value), bars, nothing.astype(np.float64)),
        count=_place(segments.reduce(np.add, columns.count), bars, nothing),
    )


class _Segments:
    """Runs of rows to reduce, each with at least one row, ascending and apart."""

    def __init__(self, rows: NDArray[np.intp], first: IntArray, stop: IntArray) -> None:
        touching = bool(np.all(first[1:] == stop[:-1]))
        self._rows = rows[: stop[-1]] if stop.size else rows[:0]
        # reduceat takes each run up to the next index. Where something lies between two runs, that becomes a run of
        # its own, at the odd places, and is dropped.
        self._step = 1 if touching else 2
        self._at = first if touching else np.column_stack((first, stop)).ravel()[:-1]

    def reduce(self, operation: np.ufunc, column: NDArray[T]) -> NDArray[T]:
        """Return `operation` over each run of `column`."""
        values = column[self._rows]
        return operation.reduceat(values, self._at)[:: self._step] if values.size else values


def _place(values: NDArray[T], places: NDArray[np.intp], fill: NDArray[T]) -> NDArray[T]:
    """Return a copy of `fill` with `values` at `places`."""
    out = fill.copy()
    out[places] = values
    return out


def _carry(close: FloatArray, previous: float) -> FloatArray:
    """Fill NaN with the last value before it, and leading NaN with `previous`."""
    known = np.where(np.isnan(close), 0, np.arange(1, close.size + 1))
    return np.append(previous, close)[np.maximum.accumulate(known)]


def _check_intervals(starts: IntArray, ends: IntArray, opened: int, closed: int) -> None:
    if starts.shape != ends.shape or ends.ndim != 1:
        raise ValueError(f"starts and ends must be of one length: {starts.shape} and {ends.shape}")
    if ends.size == 0:
        return
    if starts[0] < opened or ends[-1] > closed:
        raise ValueError(f"bars {starts[0]}..{ends[-1]} lie outside {opened}..{closed}")
    if np.any(ends <= starts) or np.any(starts[1:] < ends[:-1]):
        raise ValueError("bars must have a length, ascend and not overlap")


def _quote_changes(tape: SecondTape) -> BoolArray:
    changed = np.ones(tape.session.seconds, dtype=np.bool_)
    changed[1:] = (tape.bid_size[1:] != tape.bid_size[:-1]) | (tape.ask_size[1:] != tape.ask_size[:-1])
    for price in (tape.bid, tape.ask):
        absent = np.isnan(price)
        changed[1:] |= (price[1:] != price[:-1]) & ~(absent[1:] & absent[:-1])
    return changed
