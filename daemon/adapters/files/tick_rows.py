"""Recorded ticks as checked columns, read from Parquet: quotes of single exchanges, and trades."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from daemon.domain.errors import BadMarketData
from daemon.market.tape import BoolArray, FloatArray, IntArray

_QUOTES: Final = ("bid_price", "bid_size", "ask_price", "ask_size")
_TRADES: Final = ("price", "size")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuoteTicks:
    """What one exchange, or a source that has joined them, says of its bid or offer; shape (n,), oldest first.

    A row with price 0 on a side says nothing of that side.
    """

    at_ns: IntArray  # since the epoch
    bid: FloatArray  # currency per share
    bid_size: IntArray  # shares; 0 with a price above 0 = withdrawn
    ask: FloatArray
    ask_size: IntArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TradeTicks:
    """Prints of all exchanges, shape (n,), oldest first."""

    at_ns: IntArray  # since the epoch
    price: FloatArray  # currency per share
    size: IntArray  # shares


def read_quote_ticks(path: Path, *, by_exchange: bool) -> dict[str, QuoteTicks]:
    """Read a file of quote ticks, leaving out what is marked suspicious.

    Args:
        path: the file.
        by_exchange: return the ticks of each exchange apart; else those of all under one empty name.

    Raises:
        BadMarketData: the file is damaged, lacks a column, or holds a price or size no market gives.
    """
    frame = _read(path, (*_QUOTES, "exchange"))
    if not by_exchange:
        return {"": _quote_ticks(frame)}
    return {str(exchange): _quote_ticks(rows) for exchange, rows in frame.groupby("exchange", sort=True)}


def read_trade_ticks(path: Path) -> TradeTicks:
    """Read a file of trade ticks, leaving out what is marked suspicious; raise as `read_quote_ticks` does."""
    frame = _read(path, _TRADES)
    price, size = frame["price"].to_numpy(dtype=np.float64), frame["size"].to_numpy()
    traded = (price > 0) & (size > 0)
    return TradeTicks(at_ns=_stamps(frame)[traded], price=price[traded], size=size[traded].astype(np.int64))


def _quote_ticks(rows: pd.DataFrame) -> QuoteTicks:
    bid, bid_size, ask, ask_size = (rows[name].to_numpy() for name in _QUOTES)
    return QuoteTicks(
        at_ns=_stamps(rows),
        bid=bid.astype(np.float64),
        bid_size=bid_size.astype(np.int64),
        ask=ask.astype(np.float64),
        ask_size=ask_size.astype(np.int64),
    )


def _read(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path, columns=["ts", *columns, "suspicious"])
    except (OSError, ValueError, KeyError) as error:  # pyarrow's own errors are ValueErrors
        raise BadMarketData(str(path), f"the file cannot be read as recorded ticks: {error}") from error
    if not isinstance(frame["ts"].dtype, pd.DatetimeTZDtype):
        raise BadMarketData(str(path), f"ts must be a timestamp with time zone, was {frame['ts'].dtype}")
    _require(path, np.append(True, np.diff(_stamps(frame)) >= 0), "ts must not be earlier than in the row before")
    for name in columns:
        if name != "exchange":
            values = frame[name].to_numpy(dtype=np.float64)
            _require(path, np.isfinite(values) & (values >= 0), f"{name} must be 0 or more")
    return frame[~frame["suspicious"]]


def _stamps(frame: pd.DataFrame) -> IntArray:
    stamps: IntArray = frame["ts"].to_numpy(dtype="datetime64[ns]").astype(np.int64)
    return stamps


def _require(path: Path, good: BoolArray, problem: str) -> None:
    bad = np.flatnonzero(~good)
    if bad.size:
        raise BadMarketData(str(path), f"row {int(bad[0])}: {problem}")
