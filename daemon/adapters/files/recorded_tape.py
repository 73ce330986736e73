"""From recorded rows to one tape of seconds: where prints go, and which quote was in force when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from daemon.adapters.files.columns import QuoteRows, TradeRows
from daemon.market.sessions import Session
from daemon.market.tape import FloatArray, IntArray, SecondTape

ASSUMED_SIZE: Final = 500  # shares on each side of a quote that was not recorded but set around the last trade

# A minute's open, first extreme, second extreme and close go to these parts of it.
_PRINT_AT: Final = (0.0, 1 / 3, 2 / 3, 59 / 60)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuoteColumns:
    """Quotes by second of a session, shape (n,); NaN and 0 where a side is absent."""

    bid: FloatArray
    ask: FloatArray
    bid_size: IntArray
    ask_size: IntArray


def tape_of(
    session: Session, trades: tuple[TradeRows, int], quotes: tuple[QuoteRows, int] | QuoteColumns
) -> SecondTape:
    """Join the session's trade rows (and the seconds of their bars) with its quotes.

    The files do not tell the number of prints: `trades` counts the fewest that give the row's prices. They do not tell
    the average price either: `vwap_value` takes a row's volume at the mean of its four prices.
    """
    rows, bar_s = trades
    prints = rows if bar_s == 1 else _within_bars(rows, bar_s)
    prints = _with_volume(prints)
    shown = quotes if isinstance(quotes, QuoteColumns) else quotes_in_force(session, *quotes)
    at = prints.start - session.open_s
    mean = (prints.open + prints.high + prints.low + prints.close) / 4
    return SecondTape(
        session=session,
        bid=shown.bid,
        ask=shown.ask,
        bid_size=shown.bid_size,
        ask_size=shown.ask_size,
        open=_placed(session, at, prints.open),
        high=_placed(session, at, prints.high),
        low=_placed(session, at, prints.low),
        close=_placed(session, at, prints.close),
        volume=_counted(session, at, prints.volume),
        trades=_counted(session, at, _fewest_prints(prints)),
        vwap_value=np.nan_to_num(_placed(session, at, mean * prints.volume)),
    )


def quotes_in_force(session: Session, rows: QuoteRows, bar_s: int) -> QuoteColumns:
    """Return the quote known at the start of each second: the last one whose bar of `bar_s` seconds had ended."""
    seconds = np.arange(session.open_s, session.close_s)
    last = np.searchsorted(rows.start + bar_s, seconds, side="right")  # 0 = none yet
    return QuoteColumns(
        bid=np.append(np.nan, rows.bid)[last],
        ask=np.append(np.nan, rows.ask)[last],
        bid_size=np.append(0, rows.bid_size)[last],
        ask_size=np.append(0, rows.ask_size)[last],
    )


def quotes_around_trades(session: Session, trades: tuple[TradeRows, int], tick: float) -> QuoteColumns:
    """Return quotes of `ASSUMED_SIZE` a tick below and above the last trade of the seconds before; none before one."""
    rows, bar_s = trades
    prints = _with_volume(rows if bar_s == 1 else _within_bars(rows, bar_s))
    per_unit = round(1 / tick)
    ticks = np.maximum(np.rint(prints.close * per_unit), 2)
    sizes = np.full(ticks.size, ASSUMED_SIZE, dtype=np.int64)
    made = QuoteRows(
        start=prints.start, bid=(ticks - 1) / per_unit, ask=(ticks + 1) / per_unit, bid_size=sizes, ask_size=sizes
    )
    return quotes_in_force(session, made, 1)


def _within_bars(rows: TradeRows, bar_s: int) -> TradeRows:
    """Return four prints in place of each bar, with its open, extremes, close and volume; one if its volume is < 4.

    A bar that closed higher visits its low first, another its high.
    """
    rising = rows.close >= rows.open
    prices = np.column_stack(
        (rows.open, np.where(rising, rows.low, rows.high), np.where(rising, rows.high, rows.low), rows.close)
    )
    quarter = rows.volume // 4
    volumes = np.column_stack((quarter, quarter, quarter, rows.volume - 3 * quarter))
    starts = rows.start[:, None] + np.array([int(part * bar_s) for part in _PRINT_AT])
    high, low, opened = prices.copy(), prices.copy(), prices.copy()
    small = rows.volume < 4
    volumes[small] = 0
    volumes[small, 3] = rows.volume[small]
    opened[small, 3], high[small, 3], low[small, 3] = rows.open[small], rows.high[small], rows.low[small]
    return TradeRows(
        start=starts.ravel(),
        open=opened.ravel(),
        high=high.ravel(),
        low=low.ravel(),
        close=prices.ravel(),
        volume=volumes.ravel(),
    )


def _with_volume(rows: TradeRows) -> TradeRows:
    some = rows.volume > 0
    return TradeRows(
        start=rows.start[some],
        open=rows.open[some],
        high=rows.high[some],
        low=rows.low[some],
        close=rows.close[some],
        volume=rows.volume[some],
    )


def _fewest_prints(rows: TradeRows) -> IntArray:
    above = rows.high > np.maximum(rows.open, rows.close)
    below = rows.low < np.minimum(rows.open, rows.close)
    flat = rows.high == rows.low
    return np.where(flat, 1, 2 + above.astype(np.int64) + below)


def _placed(session: Session, at: IntArray, values: FloatArray) -> FloatArray:
    column = np.full(session.seconds, np.nan)
    column[at] = values
    return column


def _counted(session: Session, at: IntArray, values: NDArray[np.int64]) -> IntArray:
    column = np.zeros(session.seconds, dtype=np.int64)
    column[at] = values
    return column
