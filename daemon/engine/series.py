"""The bar windows of all instruments and timeframes, re-anchored at each session."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from daemon.domain.bar import Bar
from daemon.domain.instrument import InstrumentId
from daemon.domain.timeframe import Timeframe
from daemon.market.sessions import Session
from daemon.market.windows import BarColumns, BarSchedule, BarWindow


class ForeseenWindow(BarWindow):
    """A window over rows that a backtest laid down beforehand; its users see those that have closed, and no more."""

    def __init__(self, rows: BarColumns, count: int) -> None:
        """Show the first `count` of `rows`, which become the window's own."""
        self._rows, self._count = rows, count

    @property
    def foreseen(self) -> BarColumns:
        """Return all rows, also those of bars that have not closed yet."""
        return self._rows

    def reach(self, count: int) -> None:
        """Show the first `count` rows, as if the others up to there had been appended."""
        self._count = count


class SeriesStore:
    """Windows by instrument and timeframe."""

    def __init__(self, schedule: BarSchedule, *, history: int) -> None:
        """Keep `history` bars before the first bar of the session, and all of the session."""
        self.schedule = schedule
        self._history = history
        self._windows: dict[InstrumentId, dict[Timeframe, BarWindow]] = {}

    def window(self, instrument: InstrumentId, timeframe: Timeframe) -> BarWindow:
        """Return the window, a new one when there was none."""
        windows = self._windows.get(instrument)
        if windows is None:
            windows = self._windows[instrument] = {}
        window = windows.get(timeframe)
        if window is None:
            window = windows[timeframe] = BarWindow()
        return window

    def load(self, instrument: InstrumentId, timeframe: Timeframe, bars: Sequence[Bar]) -> None:
        """Put `bars`, oldest first, in the place of the window."""
        window = BarWindow()
        for bar in bars:
            window.append(bar)
        self._windows.setdefault(instrument, {})[timeframe] = window

    def foreseen(self, instrument: InstrumentId, timeframe: Timeframe, later: BarColumns) -> ForeseenWindow:
        """Return a window with the rows of the present one and, behind them and out of sight, bars that will close."""
        known = self.window(instrument, timeframe).columns()
        return ForeseenWindow(joined(known, later), len(known))

    def use(self, instrument: InstrumentId, timeframe: Timeframe, window: BarWindow) -> None:
        """Put `window` in the place of the present one."""
        self._windows.setdefault(instrument, {})[timeframe] = window

    def columns(self, instrument: InstrumentId, timeframes: Sequence[Timeframe]) -> Mapping[Timeframe, BarColumns]:
        """Return the columns of several timeframes of one instrument."""
        return {timeframe: self.window(instrument, timeframe).columns() for timeframe in timeframes}

    def anchor(self, session: Session) -> None:
        """Forget what lies before the session's anchor, so that live and backtest see the same first row."""
        for windows in self._windows.values():
            for timeframe, window in windows.items():
                _, end = self.schedule.anchor_end(session, timeframe, self._history)
                window.drop_before(end)


def column_arrays(bars: BarColumns) -> tuple[NDArray[np.int64] | NDArray[np.float64], ...]:
    """Return the columns in the order of their fields."""
    return bars.start, bars.end, bars.open, bars.high, bars.low, bars.close, bars.volume, bars.wap, bars.trades


def joined(first: BarColumns, later: BarColumns) -> BarColumns:
    """Return the rows of both, copied."""
    return BarColumns(
        start=np.concatenate((first.start, later.start)),
        end=np.concatenate((first.end, later.end)),
        open=np.concatenate((first.open, later.open)),
        high=np.concatenate((first.high, later.high)),
        low=np.concatenate((first.low, later.low)),
        close=np.concatenate((first.close, later.close)),
        volume=np.concatenate((first.volume, later.volume)),
        wap=np.concatenate((first.wap, later.wap)),
        trades=np.concatenate((first.trades, later.trades)),
    )


def sliced(bars: BarColumns, first: int, last: int) -> BarColumns:
    """Return the rows first <= row < last."""
    part = slice(first, last)
    return BarColumns(
        bars.start[part],
        bars.end[part],
        bars.open[part],
        bars.high[part],
        bars.low[part],
        bars.close[part],
        bars.volume[part],
        bars.wap[part],
        bars.trades[part],
    )
