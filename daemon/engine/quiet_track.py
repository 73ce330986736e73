"""The bars of a session known beforehand: series laid behind what the engine knows, and moments that look at them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import NoReturn

from daemon.domain.instrument import InstrumentId
from daemon.domain.timeframe import Timeframe
from daemon.engine.day_columns import DayColumns, DaySeries
from daemon.engine.series import ForeseenWindow, SeriesStore
from daemon.engine.strategy_slot import heads
from daemon.market.windows import BarColumns
from daemon.strategies.protocol import Features, Moment


class Track:
    """One series of the day behind the bars that the engine knows already."""

    def __init__(self, store: SeriesStore, instrument: InstrumentId, timeframe: Timeframe, series: DaySeries) -> None:
        self._store, self._instrument, self._timeframe, self._series = store, instrument, timeframe, series
        self._window: ForeseenWindow = store.foreseen(instrument, timeframe, series.bars)
        self.rows = self._window.foreseen
        self.base = len(self._window)
        self.instants: list[int] = series.rows.tolist()

    @cached_property
    def closes(self) -> list[float]:
        """Return the closes of all rows."""
        listed: list[float] = self.rows.close.tolist()
        return listed

    def instant_end(self, place: int) -> int:
        """Return when a bar of the day ends, epoch seconds."""
        return int(self.rows.end[self.base + place])

    def lay_down(self) -> None:
        """Put the day into the engine's windows."""
        self._store.use(self._instrument, self._timeframe, self._window)

    def count_at(self, row: int) -> int:
        """Return the number of rows that are known at an instant, its own bar included."""
        return self.base + bisect_right(self.instants, row)

    def reach(self, row: int) -> None:
        """Show what closed before `row`."""
        self._window.reach(self.base + bisect_left(self.instants, row))


class NeedsBooks(BaseException):
    """A strategy asked for what only the books know. No Exception: a strategy's own guard must not swallow it."""


class RowMoment(Moment):
    """A moment of a day laid down beforehand: a row number over lists.

    It holds the lane's parts and not the lane: a day's arrays go with its lanes, without waiting for the collector.
    """

    __slots__ = ("_day", "_every", "_lists", "_tracks", "_values", "row", "shown")

    explained = False

    def __init__(
        self,
        instrument: InstrumentId,
        day: DayColumns,
        tracks: Mapping[Timeframe, Track],
        values: Mapping[Timeframe, Features],
        lists: Mapping[Timeframe, Mapping[str, list[float]]],
    ) -> None:
        """Take the features as arrays and as lists."""
        self.instrument = instrument
        self._day, self._tracks, self._values, self._every = day, tracks, values, lists
        self.row = self.shown = 0  # instant of the day; index of the bar among all rows of its timeframe

    def look_at(self, timeframe: Timeframe) -> None:
        """Make `timeframe` the one whose bar has closed."""
        self.timeframe, self._lists = timeframe, self._every[timeframe]

    def value(self, name: str, timeframe: Timeframe | None = None) -> float:
        """Return the latest value of a feature, of the triggering timeframe unless another is named."""
        if timeframe is None:
            return self._lists[name][self.shown]
        return self._every[timeframe][name][self._tracks[timeframe].count_at(self.row) - 1]

    @property
    def close(self) -> float:
        """Return the close of the triggering bar."""
        return self._tracks[self.timeframe].closes[self.shown]

    @property
    def at(self) -> datetime:  # type: ignore[override]
        """Return market time."""
        return datetime.fromtimestamp(int(self._day.at[self.row]), UTC)

    @property
    def bars(self) -> Mapping[Timeframe, BarColumns]:  # type: ignore[override]
        """Return the completed bars of all timeframes."""
        return {frame: track.rows.head(track.count_at(self.row)) for frame, track in self._tracks.items()}

    @property
    def features(self) -> Mapping[Timeframe, Features]:  # type: ignore[override]
        """Return the features of the same rows."""
        return {frame: heads(self._values[frame], track.count_at(self.row)) for frame, track in self._tracks.items()}

    @property
    def equity(self) -> NoReturn:  # type: ignore[override]
        """Refuse: equity is the engine's business."""
        raise NeedsBooks


class ToldMoment(RowMoment):
    """A moment of which somebody will read what the strategy says."""

    __slots__ = ("_equity",)

    explained = True

    def value(self, name: str, timeframe: Timeframe | None = None) -> float:
        """Return the latest value of a feature, of the triggering timeframe unless another is named."""
        frame = timeframe or self.timeframe
        return float(self._values[frame][name][self._tracks[frame].count_at(self.row) - 1])

    @property
    def equity(self) -> Decimal:  # type: ignore[override]
        """Return the strategy's own, quote currency."""
        return self._equity()

    def worth(self, equity: Callable[[], Decimal]) -> None:
        """Take the way to ask for the equity."""
        self._equity = equity
