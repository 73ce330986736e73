"""History given as numpy columns: bars of one timeframe a symbol, and quotes made around their closes and opens."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from daemon.backtest.day_steps import Instruments
from daemon.backtest.market_history import Step
from daemon.domain.bar import Bar
from daemon.domain.events import BarsClosed, HistoryLoaded, QuoteChanged
from daemon.domain.instrument import InstrumentId
from daemon.domain.timeframe import Timeframe
from daemon.engine.day_columns import DayColumns, DayQuotes, DaySeries
from daemon.engine.series import sliced
from daemon.market.sessions import Session
from daemon.market.windows import BarColumns, BarSchedule

_OPENS_AFTER = timedelta(milliseconds=1)  # the next bar's first price is in force this long after a bar's end


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeQuotes:
    """The quotes around a price."""

    half_spread: float = 0.0  # quote currency per unit
    size: float = 1e9  # units on each side


@dataclass(slots=True)
class ColumnHistory:
    """Implements `MarketHistory`. A bar's close is the quote at its end, the next bar's open the quote right after it.

    So a market order that is decided at a close fills at the next open, as in other backtests. The first `history` bars
    of each symbol lie before the first session, or the first session starts with the first bar.
    """

    bars: Mapping[InstrumentId, BarColumns]  # ascending in time, ends on the schedule
    schedule: BarSchedule
    timeframe: Timeframe
    warm: int = 0  # sessions that only warm up
    quotes: MadeQuotes = field(default_factory=MadeQuotes)
    _day: "ColumnSteps | None" = None

    def warmup(self) -> Iterator[HistoryLoaded]:
        """Yield the bars of the sessions that only warm up."""
        sessions = self._sessions()
        if self.warm == 0:
            return
        opened = sessions[self.warm].open
        for instrument, columns in self.bars.items():
            known = int(np.searchsorted(columns.end, int(opened.timestamp()), side="right"))
            bars = tuple(bar_at(columns, row) for row in range(known))
            yield HistoryLoaded(at=opened, instrument=instrument, timeframe=self.timeframe, bars=bars)

    def sessions(self) -> Iterator[tuple[Session, "ColumnSteps"]]:
        """Yield the sessions, each with its columns."""
        for session in self._sessions()[self.warm :]:
            parts: dict[InstrumentId, BarColumns] = {}
            for instrument, columns in self.bars.items():
                first, last = np.searchsorted(columns.end, (session.open_s, session.close_s), side="right").tolist()
                if last > first:
                    parts[instrument] = sliced(columns, first, last)
            self._day = ColumnSteps(session, self.timeframe, parts, self.quotes)
            yield session, self._day

    def quotes_between(self, instrument: InstrumentId, after: datetime, until: datetime) -> Sequence[QuoteChanged]:
        """Return the quote at the next bar's open, where one lies between the bounds."""
        return self._day.opens_between(instrument, after, until) if self._day is not None else ()

    def _sessions(self) -> tuple[Session, ...]:
        ends = [columns.end for columns in self.bars.values()]
        calendar = self.schedule.calendar
        first, last = (
            datetime.fromtimestamp(int(moment), UTC).astimezone(calendar.timezone).date()
            for moment in (min(end[0] for end in ends), max(end[-1] for end in ends))
        )
        return calendar.sessions_between(first, last)


class ColumnSteps(Sequence[Step]):
    """Implements `DaySteps`; steps are made when asked for. The first one, by index, is the opening instant."""

    def __init__(
        self, session: Session, timeframe: Timeframe, bars: Mapping[InstrumentId, BarColumns], quotes: MadeQuotes
    ) -> None:
        self._session, self._timeframe, self._bars, self._made = session, timeframe, bars, quotes
        all_ends = [columns.end for columns in bars.values()]
        same = all(len(end) == len(all_ends[0]) and (end == all_ends[0]).all() for end in all_ends)
        self._at: NDArray[np.int64] = (
            (all_ends[0] if same else np.unique(np.concatenate(all_ends))) if all_ends else np.empty(0, np.int64)
        )
        self._ends: list[int] = self._at.tolist()
        self._rows = {name: np.searchsorted(self._at, columns.end) for name, columns in bars.items()}

    @cached_property
    def columns(self) -> DayColumns:
        """Return the day as columns."""
        half, series, quotes = self._made.half_spread, {}, {}
        for name, bars in self._bars.items():
            rows = self._rows[name]
            size = np.full(len(rows), self._made.size)
            series[name, self._timeframe] = DaySeries(bars, rows)
            quotes[name] = DayQuotes(
                rows=rows, bid=bars.close - half, ask=bars.close + half, bid_size=size, ask_size=size
            )
        return DayColumns(at=self._at, series=series, quotes=quotes)

    def part(self, row: int, bars: Instruments, quotes: Instruments) -> Step:
        """Return what one instant tells of some instruments."""
        end = self._ends[row]
        at = datetime.fromtimestamp(end, UTC)
        told, closed = [], []
        for name, columns in self._bars.items():
            if quotes is not None and name not in quotes:
                continue
            place = self._place(name, row)
            if place is None:
                continue
            told.append(self._quote(name, at, float(columns.close[place])))
            if bars is None or name in bars:
                closed.append((name, bar_at(columns, place)))
        ended = (BarsClosed(at=at, timeframe=self._timeframe, end=end, bars=tuple(closed)),) if closed else ()
        return Step(at=at, quotes=tuple(told), bars=ended)

    def bar(self, instrument: InstrumentId, timeframe: Timeframe, place: int) -> Bar:
        """Return one bar of the day by its place in its series."""
        del timeframe
        return bar_at(self._bars[instrument], place)

    def quote(self, instrument: InstrumentId, place: int) -> QuoteChanged:
        """Return one quote of the day by its place among those of its instrument."""
        columns = self._bars[instrument]
        return self._quote(
            instrument, datetime.fromtimestamp(int(columns.end[place]), UTC), float(columns.close[place])
        )

    def opens_between(self, instrument: InstrumentId, after: datetime, until: datetime) -> Sequence[QuoteChanged]:
        """Return the quote at the open that follows a bar's end, where it is told between the bounds."""
        since, before = int(after.timestamp()), until.timestamp()
        row = bisect_left(self._ends, since)
        for each in (row - 1, row):
            if not 0 <= each < len(self._ends) - 1 or not since <= self._ends[each] < before:
                continue
            at = datetime.fromtimestamp(self._ends[each], UTC) + _OPENS_AFTER
            if after < at < until:
                place = self._place(instrument, each + 1)
                return (
                    () if place is None else (self._quote(instrument, at, float(self._bars[instrument].open[place])),)
                )
        return ()

    def __len__(self) -> int:
        """Return the number of steps, the opening included."""
        return len(self._ends) + 1

    def __getitem__(self, index: int) -> Step:  # type: ignore[override]
        """Return a step; the opening instant is the first."""
        if not 0 <= index <= len(self._ends):
            raise IndexError(index)
        return self.part(index - 1, None, None) if index else self.opening

    @property
    def later(self) -> list[Step]:
        """Return the steps after the opening."""
        return [self.part(row, None, None) for row in range(len(self._ends))]

    @property
    def opening(self) -> Step:
        """Return the quotes at the session's open: the opens of the first bars."""
        at = self._session.open
        told = tuple(
            self._quote(name, at, float(columns.open[0]))
            for name, columns in self._bars.items()
            if self._place(name, 0) is not None
        )
        return Step(at=at, quotes=told)

    def _place(self, instrument: InstrumentId, row: int) -> int | None:
        rows = self._rows.get(instrument)
        if rows is None:
            return None
        if len(rows) == len(self._ends):
            return row
        place = int(np.searchsorted(rows, row))
        return place if place < len(rows) and rows[place] == row else None

    def _quote(self, instrument: InstrumentId, at: datetime, price: float) -> QuoteChanged:
        half, size = self._made.half_spread, self._made.size
        return QuoteChanged(
            at=at, instrument=instrument, bid=price - half, ask=price + half, bid_size=size, ask_size=size
        )


def bar_at(columns: BarColumns, row: int) -> Bar:
    """Return one row as a value."""
    return Bar(
        start=int(columns.start[row]),
        end=int(columns.end[row]),
        open=float(columns.open[row]),
        high=float(columns.high[row]),
        low=float(columns.low[row]),
        close=float(columns.close[row]),
        volume=float(columns.volume[row]),
        wap=float(columns.wap[row]),
        trades=int(columns.trades[row]),
    )
