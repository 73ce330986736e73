"""Recorded bars and quotes as checked numpy columns, read from Parquet; what they mean for a session is `replay`'s."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from daemon.domain.errors import BadMarketData
from daemon.market.tape import BoolArray, FloatArray, IntArray

_TRADE_COLUMNS: Final = ("open", "high", "low", "close", "volume")
_QUOTE_COLUMNS: Final = ("bid_close", "ask_close", "bid_size", "ask_size")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TradeRows:
    """Trade bars of one file, shape (n,), oldest first; only intervals with activity have a row."""

    start: IntArray  # epoch seconds
    open: FloatArray  # currency per share; likewise the next three
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: IntArray  # shares, >= 0

    def between(self, first_s: int, stop_s: int) -> TradeRows:
        """Return the rows with first_s <= start < stop_s."""
        part = slice(*np.searchsorted(self.start, (first_s, stop_s)))
        return TradeRows(
            start=self.start[part],
            open=self.open[part],
            high=self.high[part],
            low=self.low[part],
            close=self.close[part],
            volume=self.volume[part],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuoteRows:
    """Quotes at the end of each quote bar of one file, shape (n,), oldest first; crossed ones are left out."""

    start: IntArray  # epoch seconds of the bar's start
    bid: FloatArray  # currency per share, NaN = side absent
    ask: FloatArray
    bid_size: IntArray  # shares, 0 where the side is absent
    ask_size: IntArray

    def between(self, first_s: int, stop_s: int) -> QuoteRows:
        """Return the rows with first_s <= start < stop_s."""
        return self.pick(slice(*np.searchsorted(self.start, (first_s, stop_s))))

    def pick(self, part: slice | BoolArray) -> QuoteRows:
        """Return the rows that `part` selects."""
        return QuoteRows(
            start=self.start[part],
            bid=self.bid[part],
            ask=self.ask[part],
            bid_size=self.bid_size[part],
            ask_size=self.ask_size[part],
        )


def read_trades(path: Path) -> TradeRows:
    """Read a file of trade bars.

    Raises:
        BadMarketData: the file is damaged, lacks a column, or holds a price or volume no market gives.
    """
    table = _read(path, _TRADE_COLUMNS)
    start = _starts(path, table)
    opened, high, low, close = (_floats(path, table, name) for name in _TRADE_COLUMNS[:4])
    volume = _floats(path, table, "volume")
    for name, column in zip(_TRADE_COLUMNS[:4], (opened, high, low, close), strict=True):
        _refuse(path, start, ~(np.isfinite(column) & (column > 0)), f"{name} must be a price above 0", column)
    _refuse(path, start, high < low, "high is below low", high)
    _refuse(
        path,
        start,
        (np.maximum(opened, close) > high) | (np.minimum(opened, close) < low),
        "open or close is outside low..high",
        close,
    )
    _refuse(path, start, ~(np.isfinite(volume) & (volume >= 0)), "volume must be 0 or more", volume)
    return TradeRows(start=start, open=opened, high=high, low=low, close=close, volume=volume.astype(np.int64))


def read_quotes(path: Path) -> QuoteRows:
    """Read the closing quotes of a file of quote bars, leaving out those with the bid above the ask.

    Raises:
        BadMarketData: the file is damaged, lacks a column, or holds a price or size no market gives.
    """
    table = _read(path, _QUOTE_COLUMNS)
    start = _starts(path, table)
    bid, ask = _floats(path, table, "bid_close"), _floats(path, table, "ask_close")
    sizes = [_floats(path, table, name) for name in ("bid_size", "ask_size")]
    for name, price in (("bid_close", bid), ("ask_close", ask)):
        _refuse(path, start, (price <= 0) | np.isinf(price), f"{name} must be above 0, or absent", price)
    for name, price, size in zip(("bid_size", "ask_size"), (bid, ask), sizes, strict=True):
        size[np.isnan(price)] = 0
        _refuse(path, start, ~(np.isfinite(size) & (size >= 0)), f"{name} must be 0 or more", size)
    rows = QuoteRows(
        start=start, bid=bid, ask=ask, bid_size=sizes[0].astype(np.int64), ask_size=sizes[1].astype(np.int64)
    )
    return rows.pick(~(bid > ask))


def _read(path: Path, columns: Sequence[str]) -> pa.Table:
    names = ["ts", *columns]
    try:
        with pq.ParquetFile(path) as file:
            lacking = [name for name in names if name not in file.schema_arrow.names]
            if lacking:
                raise BadMarketData(str(path), f"column {', '.join(lacking)} is missing")
            return file.read(columns=names)
    except (pa.ArrowException, OSError) as error:
        raise BadMarketData(str(path), f"the file cannot be read as Parquet: {error}") from error


def _starts(path: Path, table: pa.Table) -> IntArray:
    column = table.column("ts")
    if not pa.types.is_timestamp(column.type) or column.type.tz is None:
        raise BadMarketData(str(path), f"ts must be a timestamp with time zone, was {column.type}")
    if column.null_count:
        raise BadMarketData(str(path), f"row {int(np.argmax(column.is_null().to_numpy()))}: ts is missing")
    try:
        whole = column.cast(pa.timestamp("s", tz="UTC"))
    except pa.ArrowInvalid as error:
        raise BadMarketData(str(path), "ts must be whole seconds") from error
    start: IntArray = whole.to_numpy().astype("datetime64[s]").astype(np.int64)
    late = np.flatnonzero(np.diff(start) <= 0)
    if late.size:
        row = int(late[0]) + 1
        raise BadMarketData(str(path), f"row {row} ({_when(start[row])}): ts must be later than in the row before")
    return start


def _floats(path: Path, table: pa.Table, name: str) -> FloatArray:
    try:
        values: FloatArray = table.column(name).cast(pa.float64()).to_numpy().astype(np.float64)  # null becomes NaN
    except pa.ArrowException as error:
        raise BadMarketData(str(path), f"column {name} does not hold numbers") from error
    return values


def _refuse(path: Path, start: IntArray, bad: BoolArray, problem: str, values: FloatArray) -> None:
    rows = np.flatnonzero(bad)
    if rows.size:
        row = int(rows[0])
        raise BadMarketData(str(path), f"row {row} ({_when(start[row])}): {problem}, was {values[row]}")


def _when(seconds: np.int64) -> str:
    return f"{np.datetime64(int(seconds), 's')}Z"
