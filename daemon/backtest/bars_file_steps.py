"""A session of files as columns; its steps are made when asked for, which in a quiet session few are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

from daemon.backtest.column_history import bar_at
from daemon.backtest.market_history import Step
from daemon.domain.bar import Bar
from daemon.domain.events import BarsClosed, QuoteChanged
from daemon.domain.instrument import InstrumentId
from daemon.domain.timeframe import Timeframe
from daemon.engine.day_columns import DayColumns, DayQuotes, DaySeries, Series
from daemon.market.windows import BarColumns

if TYPE_CHECKING:
    from daemon.backtest.day_steps import Instruments


@dataclass(frozen=True, slots=True)
class MadeQuotes:
    """The quotes that follow an instrument's bars, one at the end of each."""

    end: NDArray[np.int64]  # epoch seconds
    bid: NDArray[np.float64]
    ask: NDArray[np.float64]
    size: NDArray[np.float64]  # on each side


class FileSteps(Sequence[Step]):
    """Implements `DaySteps` for the instants at which bars end, each of which must have a bar that is decided on."""

    def __init__(
        self,
        series: Mapping[Series, BarColumns],
        quotes: Mapping[InstrumentId, MadeQuotes],
        missing: Mapping[int, Mapping[Timeframe, Sequence[InstrumentId]]],
    ) -> None:
        """Take bars and quotes by instrument, and the bars that are missing by their end, epoch seconds."""
        ends = [bars.end for bars in series.values()]
        told = ends[0] if all(np.array_equal(ends[0], each) for each in ends) else np.unique(np.concatenate(ends))
        if missing:
            told = np.union1d(told, np.array(sorted(missing), np.int64))
        self._at: NDArray[np.int64] = told
        self._ends: list[int] = told.tolist()
        self._series, self._quotes, self._missing = series, quotes, missing
        self._timeframes = sorted(
            {timeframe for _, timeframe in series} | {each for by in missing.values() for each in by}
        )
        self._rows = {key: np.searchsorted(told, bars.end) for key, bars in series.items()}
        self._quoted = {name: np.searchsorted(told, each.end) for name, each in quotes.items()}

    @cached_property
    def columns(self) -> DayColumns:
        """Return the session as columns."""
        return DayColumns(
            at=self._at,
            series={key: DaySeries(bars, self._rows[key]) for key, bars in self._series.items()},
            quotes={
                name: DayQuotes(
                    rows=self._quoted[name],
                    bid=each.bid,
                    ask=each.ask,
                    bid_size=each.size,
                    ask_size=each.size,
                )
                for name, each in self._quotes.items()
            },
            loud=frozenset(np.searchsorted(self._at, np.array(sorted(self._missing), np.int64)).tolist()),
        )

    def part(self, row: int, bars: Instruments, quotes: Instruments) -> Step:
        """Return what one instant tells of some instruments."""
        end = self._ends[row]
        at = datetime.fromtimestamp(end, UTC)
        told = tuple(
            self.quote(name, place)
            for name in self._quotes
            if (quotes is None or name in quotes) and (place := _place(self._quoted[name], row, len(self))) is not None
        )
        gone = self._missing.get(end, {}) if bars is None else {}
        closed = (
            BarsClosed(
                at=at,
                timeframe=timeframe,
                end=end,
                bars=tuple(self._closed(row, timeframe, bars)),
                missing=tuple(gone.get(timeframe, ())),
            )
            for timeframe in self._timeframes
        )
        return Step(at=at, quotes=told, bars=tuple(each for each in closed if each.bars or each.missing))

    def bar(self, instrument: InstrumentId, timeframe: Timeframe, place: int) -> Bar:
        """Return one bar of the day by its place in its series."""
        return bar_at(self._series[instrument, timeframe], place)

    def quote(self, instrument: InstrumentId, place: int) -> QuoteChanged:
        """Return one quote of the day by its place among those of its instrument."""
        each = self._quotes[instrument]
        size = float(each.size[place])
        return QuoteChanged(
            at=datetime.fromtimestamp(int(each.end[place]), UTC),
            instrument=instrument,
            bid=float(each.bid[place]),
            ask=float(each.ask[place]),
            bid_size=size,
            ask_size=size,
        )

    def __len__(self) -> int:
        """Return the number of instants."""
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> Step: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Step]: ...
    def __getitem__(self, index: int | slice) -> Step | Sequence[Step]:
        """Return all that is told at an instant, or at several."""
        rows = range(len(self))[index]
        return self.part(rows, None, None) if isinstance(rows, int) else [self.part(row, None, None) for row in rows]

    def _closed(self, row: int, timeframe: Timeframe, wanted: Instruments) -> list[tuple[InstrumentId, Bar]]:
        found = []
        for (name, frame), rows in self._rows.items():
            if frame == timeframe and (wanted is None or name in wanted):
                place = _place(rows, row, len(self))
                if place is not None:
                    found.append((name, self.bar(name, frame, place)))
        return found


class OpenedSteps(Sequence[Step]):
    """The opening instant, and the others behind it."""

    def __init__(self, opening: Step, later: FileSteps) -> None:
        self._opening, self._later = opening, later

    def __len__(self) -> int:
        """Return the number of instants, the opening included."""
        return 1 + len(self._later)

    @overload
    def __getitem__(self, index: int) -> Step: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Step]: ...
    def __getitem__(self, index: int | slice) -> Step | Sequence[Step]:
        """Return an instant; all but the opening are still columns."""
        if index == slice(1, None):
            return self._later
        if isinstance(index, slice):
            return [self[place] for place in range(len(self))[index]]
        place = range(len(self))[index]
        return self._later[place - 1] if place else self._opening


def _place(rows: NDArray[np.int64], row: int, instants: int) -> int | None:
    """Return which of a series' own rows is told at an instant of the day."""
    if len(rows) == instants:
        return row
    place = int(np.searchsorted(rows, row))
    return place if place < len(rows) and rows[place] == row else None
