"""Recorded quotes and trades of options as checked columns by contract, read from Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from daemon.adapters.files.columns import QuoteRows, TradeRows
from daemon.domain.errors import BadMarketData
from daemon.market.option_contract import OptionKey
from daemon.market.tape import FloatArray, IntArray

_IDENTITY: Final = ("underlying", "expiry", "right", "strike")
_QUOTES: Final = ("bid_close", "ask_close", "bid_size", "ask_size")
_TRADES: Final = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedOption:
    """One contract of a file."""

    key: OptionKey
    is_american: bool


def read_option_quotes(path: Path) -> dict[RecordedOption, QuoteRows]:
    """Read the closing quotes of quote bars by contract, leaving out those with the bid above the ask.

    Raises:
        BadMarketData: the file is damaged, lacks a column, or holds a price or size no market gives.
    """
    found: dict[RecordedOption, QuoteRows] = {}
    for option, rows in _contracts(path, _QUOTES):
        start, (bid, ask, bid_size, ask_size) = _starts(path, option, rows), _columns(rows, _QUOTES)
        for name, price, size in (("bid", bid, bid_size), ("ask", ask, ask_size)):
            _require(path, option, np.isnan(price) | (price > 0), f"{name}_close must be above 0, or absent")
            size[np.isnan(price)] = 0
            _require(path, option, size >= 0, f"{name}_size must be 0 or more")
        quotes = QuoteRows(
            start=start, bid=bid, ask=ask, bid_size=bid_size.astype(np.int64), ask_size=ask_size.astype(np.int64)
        )
        found[option] = quotes.pick(~(bid > ask))
    return found


def read_option_trades(path: Path) -> dict[RecordedOption, TradeRows]:
    """Read trade bars by contract; raise as `read_option_quotes` does."""
    found: dict[RecordedOption, TradeRows] = {}
    for option, rows in _contracts(path, _TRADES):
        start, (opened, high, low, close, volume) = _starts(path, option, rows), _columns(rows, _TRADES)
        inside = (low > 0) & (low <= np.minimum(opened, close)) & (np.maximum(opened, close) <= high)
        _require(path, option, inside, "prices must be above 0, with open and close inside low..high")
        _require(path, option, volume >= 0, "volume must be 0 or more")
        found[option] = TradeRows(
            start=start, open=opened, high=high, low=low, close=close, volume=volume.astype(np.int64)
        )
    return found


def _contracts(path: Path, columns: Sequence[str]) -> Iterator[tuple[RecordedOption, pd.DataFrame]]:
    """Yield each contract of a file and its rows."""
    try:
        frame = pd.read_parquet(path, columns=["ts", *_IDENTITY, "style", *columns])
    except (OSError, ValueError, KeyError) as error:  # pyarrow's own errors are ValueErrors
        raise BadMarketData(str(path), f"the file cannot be read as recorded options: {error}") from error
    if not isinstance(frame["ts"].dtype, pd.DatetimeTZDtype):
        raise BadMarketData(str(path), f"ts must be a timestamp with time zone, was {frame['ts'].dtype}")
    for _, rows in frame.groupby(list(_IDENTITY), sort=True):
        root, expiry, right, strike, style = (rows[name].iloc[0] for name in (*_IDENTITY, "style"))
        if right not in {"C", "P"} or not strike > 0:
            raise BadMarketData(str(path), f"right must be C or P and strike above 0, was {right!r} and {strike!r}")
        key = OptionKey(root=str(root), expiry=expiry, right=right, strike=float(strike))
        yield RecordedOption(key=key, is_american=style == "american"), rows


def _starts(path: Path, option: RecordedOption, rows: pd.DataFrame) -> IntArray:
    start: IntArray = rows["ts"].to_numpy(dtype="datetime64[s]").astype(np.int64)
    _require(path, option, np.append(True, np.diff(start) > 0), "ts must be later than in the row before")
    return start


def _columns(rows: pd.DataFrame, names: Sequence[str]) -> list[FloatArray]:
    return [rows[name].to_numpy(dtype=np.float64, copy=True) for name in names]


def _require(path: Path, option: RecordedOption, good: np.ndarray, problem: str) -> None:
    bad = np.flatnonzero(~good)
    if bad.size:
        raise BadMarketData(str(path), f"{option.key.symbol}, its row {int(bad[0])}: {problem}")
