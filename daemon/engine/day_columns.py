"""A session's bars and quotes as columns, for callers that know all of it beforehand."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from daemon.domain.instrument import InstrumentId
from daemon.domain.timeframe import Timeframe
from daemon.market.windows import BarColumns

Series = tuple[InstrumentId, Timeframe]


@dataclass(frozen=True, slots=True)
class DaySeries:
    """The bars of one instrument and timeframe."""

    bars: BarColumns
    rows: NDArray[np.int64]  # which instant of the day each bar is told at, ascending


@dataclass(frozen=True, slots=True)
class DayQuotes:
    """The quotes of one instrument that are told where bars end; all of them usable."""

    rows: NDArray[np.int64]  # which instant of the day each quote is told at, ascending
    bid: NDArray[np.float64]  # quote currency per unit
    ask: NDArray[np.float64]
    bid_size: NDArray[np.float64]  # units
    ask_size: NDArray[np.float64]

    @property
    def mid(self) -> NDArray[np.float64]:
        """Return the middles."""
        return (self.bid + self.ask) / 2


@dataclass(frozen=True, slots=True)
class DayColumns:
    """Everything that is told in a session after its opening instant, by instant."""

    at: NDArray[np.int64]  # epoch seconds, ascending
    series: Mapping[Series, DaySeries]
    quotes: Mapping[InstrumentId, DayQuotes]
    loud: frozenset[int] = field(default_factory=frozenset)  # instants that columns do not tell in full, such as gaps

    def __len__(self) -> int:
        """Return the number of instants."""
        return len(self.at)
