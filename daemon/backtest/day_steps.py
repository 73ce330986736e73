"""A session's steps and the same as columns, for drivers that pass over instants without consequences."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from daemon.backtest.market_history import Step
from daemon.domain.bar import Bar
from daemon.domain.events import BarsClosed, QuoteChanged
from daemon.domain.instrument import InstrumentId
from daemon.domain.quote import quote_fault
from daemon.domain.timeframe import Timeframe
from daemon.engine.day_columns import DayColumns, DayQuotes, DaySeries
from daemon.market.windows import BarColumns

Instruments = Collection[InstrumentId] | None
"""Whose bars and quotes are wanted; None = everyone's."""


@runtime_checkable
class DaySteps(Protocol):
    """Steps of a session after its opening instant, of which parts can be had."""

    @property
    def columns(self) -> DayColumns:
        """Return the same steps as columns."""
        ...

    def part(self, row: int, bars: Instruments, quotes: Instruments) -> Step:
        """Return what one instant tells of some instruments."""
        ...

    def bar(self, instrument: InstrumentId, timeframe: Timeframe, place: int) -> Bar:
        """Return one bar of the day by its place in its series."""
        ...

    def quote(self, instrument: InstrumentId, place: int) -> QuoteChanged:
        """Return one quote of the day by its place among those of its instrument."""
        ...


class ListedSteps:
    """Implements `DaySteps` over steps that are there already."""

    def __init__(
        self,
        steps: Sequence[Step],
        columns: DayColumns,
        bars: Mapping[tuple[InstrumentId, Timeframe], Sequence[Bar]],
        quotes: Mapping[InstrumentId, Sequence[QuoteChanged]],
    ) -> None:
        self._steps, self.columns, self._bars, self._quotes = steps, columns, bars, quotes

    @classmethod
    def of(cls, steps: Sequence[Step]) -> "ListedSteps | None":
        """Return the steps with their columns, None where columns could not say the same."""
        bars: dict[tuple[InstrumentId, Timeframe], list[tuple[int, Bar]]] = {}
        quotes: dict[InstrumentId, list[tuple[int, QuoteChanged]]] = {}
        loud: set[int] = set()
        for row, step in enumerate(steps):
            if step.at.microsecond or not step.bars:
                return None
            for quote in step.quotes:
                told = quotes.setdefault(quote.instrument, [])
                if quote_fault(quote.bid, quote.ask) is not None or quote.at > step.at or (told and told[-1][0] == row):
                    return None
                told.append((row, quote))
            for closed in step.bars:
                if closed.missing or closed.end != int(step.at.timestamp()):
                    loud.add(row)
                for instrument, bar in closed.bars:
                    bars.setdefault((instrument, closed.timeframe), []).append((row, bar))
        at = np.array([int(step.at.timestamp()) for step in steps], np.int64)
        series = {
            key: DaySeries(bar_columns([bar for _, bar in rows]), _rows(row for row, _ in rows))
            for key, rows in bars.items()
        }
        touch = {
            instrument: DayQuotes(
                rows=_rows(row for row, _ in told),
                bid=np.array([quote.bid for _, quote in told]),
                ask=np.array([quote.ask for _, quote in told]),
                bid_size=np.array([quote.bid_size for _, quote in told]),
                ask_size=np.array([quote.ask_size for _, quote in told]),
            )
            for instrument, told in quotes.items()
        }
        spoken = {instrument: [quote for _, quote in told] for instrument, told in quotes.items()}
        listed = {key: [bar for _, bar in rows] for key, rows in bars.items()}
        return cls(steps, DayColumns(at=at, series=series, quotes=touch, loud=frozenset(loud)), listed, spoken)

    def part(self, row: int, bars: Instruments, quotes: Instruments) -> Step:
        """Return what one instant tells of some instruments."""
        step = self._steps[row]
        if bars is None:
            return step
        closed = []
        for each in step.bars:
            wanted = tuple(item for item in each.bars if item[0] in bars)
            if wanted:
                closed.append(
                    BarsClosed(
                        at=each.at,
                        timeframe=each.timeframe,
                        end=each.end,
                        bars=wanted,
                        received_host_ns=each.received_host_ns,
                    )
                )
        told = tuple(quote for quote in step.quotes if quotes is None or quote.instrument in quotes)
        return Step(at=step.at, quotes=told, bars=tuple(closed))

    def bar(self, instrument: InstrumentId, timeframe: Timeframe, place: int) -> Bar:
        """Return one bar of the day by its place in its series."""
        return self._bars[instrument, timeframe][place]

    def quote(self, instrument: InstrumentId, place: int) -> QuoteChanged:
        """Return one quote of the day by its place among those of its instrument."""
        return self._quotes[instrument][place]


def bar_columns(bars: Sequence[Bar]) -> BarColumns:
    """Return bars as columns."""
    return BarColumns(
        start=np.array([bar.start for bar in bars], np.int64),
        end=np.array([bar.end for bar in bars], np.int64),
        open=np.array([bar.open for bar in bars], np.float64),
        high=np.array([bar.high for bar in bars], np.float64),
        low=np.array([bar.low for bar in bars], np.float64),
        close=np.array([bar.close for bar in bars], np.float64),
        volume=np.array([bar.volume for bar in bars], np.float64),
        wap=np.array([bar.wap for bar in bars], np.float64),
        trades=np.array([bar.trades for bar in bars], np.int64),
    )


def _rows(rows: Iterable[int]) -> NDArray[np.int64]:
    return np.fromiter(rows, np.int64)
