"""What a backtest is fed with: warm-up bars, and then the market session by session, instant by instant."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from daemon.domain.events import BarsClosed, HistoryLoaded, QuoteChanged
from daemon.domain.instrument import InstrumentId
from daemon.market.sessions import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Everything the market does at one instant, in the order in which the daemon hears it."""

    at: datetime
    quotes: tuple[QuoteChanged, ...] = ()
    bars: tuple[BarsClosed, ...] = ()


class MarketHistory(Protocol):
    """A stretch of market, oldest first."""

    def warmup(self) -> Iterator[HistoryLoaded]:
        """Yield the bars before the first session, a series each."""
        ...

    def sessions(self) -> Iterator[tuple[Session, Sequence[Step]]]:
        """Yield each session with its steps, ascending in time."""
        ...

    def quotes_between(self, instrument: InstrumentId, after: datetime, until: datetime) -> Sequence[QuoteChanged]:
        """Return the changes of an instrument's quote with after < at < until that no step tells.

        They matter only while an order works.
        """
        ...
