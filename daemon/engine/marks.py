"""The last usable quotes and closes, and the prices at which positions are valued."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from daemon.domain.bar import Bar
from daemon.domain.events import QuoteChanged
from daemon.domain.instrument import InstrumentId
from daemon.domain.quote import Quote, QuoteFault, quote_fault


@dataclass(slots=True)
class _Market:
    quote: Quote | None = None
    confirmed_at: datetime | None = None  # when the stream last proved the quote still holds
    close: float = 0.0
    close_end: int = 0
    price: Decimal | None = None  # the mark
    has_moved: bool = False  # since `price` was worked out


class Marks:
    """What is known of each instrument's price, bad quotes counted and left out."""

    def __init__(self) -> None:
        self.version = 0  # another one whenever a price may have moved
        self._markets: dict[InstrumentId, _Market] = {}
        self._prices: dict[InstrumentId, Decimal] = {}
        self._moved: set[InstrumentId] = set()  # whose entry in _prices is out of date
        self.bad_quotes: dict[QuoteFault, int] = dict.fromkeys(QuoteFault, 0)

    def on_quote(self, event: QuoteChanged) -> QuoteFault | None:
        """Take a quote; a bad one is counted, and withdraws the last good one."""
        market = self._touch(event.instrument)
        fault = quote_fault(event.bid, event.ask)
        if fault is not None:
            self.bad_quotes[fault] += 1
            market.quote = None
            return fault
        market.quote = Quote(
            at=event.at, bid=event.bid, ask=event.ask, bid_size=event.bid_size, ask_size=event.ask_size
        )
        market.confirmed_at = event.at
        return None

    def on_bar(self, instrument: InstrumentId, bar: Bar, at: datetime) -> None:
        """Take a completed bar: its close is a mark, and it proves that the instrument's streams are alive."""
        self.on_close(instrument, bar.close, bar.end, at, traded=not bar.no_trades)

    def on_close(self, instrument: InstrumentId, close: float, end: int, at: datetime, *, traded: bool) -> None:
        """Take what `on_bar` looks at of a bar."""
        market = self._of(instrument)
        if end >= market.close_end:
            market.close, market.close_end = close, end
        if market.quote is None:
            self._touch(instrument)
        elif traded:
            market.confirmed_at = at

    def on_history(self, instrument: InstrumentId, bar: Bar) -> None:
        """Take the newest bar of a history: a mark to begin with, and no proof of anything."""
        market = self._touch(instrument)
        if bar.end > market.close_end:
            market.close, market.close_end = bar.close, bar.end

    def quote(self, instrument: InstrumentId) -> Quote | None:
        """Return the last quote if it was usable."""
        return self._of(instrument).quote

    def confirmed_at(self, instrument: InstrumentId) -> datetime | None:
        """Return when the quote was last known to hold."""
        return self._of(instrument).confirmed_at

    def price(self, instrument: InstrumentId) -> Decimal | None:
        """Return the mark: the middle of a usable quote, else the last close, else None."""
        market = self._markets.get(instrument)
        if market is None:
            return None
        if market.has_moved:
            market.price, market.has_moved = _mark(market), False
        return market.price

    def prices(self) -> Mapping[InstrumentId, Decimal]:
        """Return all marks; the mapping is updated in place by later calls."""
        for instrument in self._moved:
            price = self.price(instrument)
            if price is not None:
                self._prices[instrument] = price
        self._moved.clear()
        return self._prices

    def _of(self, instrument: InstrumentId) -> _Market:
        market = self._markets.get(instrument)
        if market is None:
            market = self._markets[instrument] = _Market()
        return market

    def _touch(self, instrument: InstrumentId) -> _Market:
        """Return the market of `instrument`, whose price is about to move."""
        self._moved.add(instrument)
        self.version += 1
        market = self._of(instrument)
        market.has_moved = True
        return market


def _mark(market: _Market) -> Decimal | None:
    if market.quote is not None:
        return (Decimal(str(market.quote.bid)) + Decimal(str(market.quote.ask))) / 2
    return Decimal(str(market.close)) if market.close else None
