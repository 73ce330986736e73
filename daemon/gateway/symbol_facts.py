"""Slow facts about a symbol, worked out once a session: price ranges, volatilities, shares to be lent."""

from datetime import UTC, datetime
from typing import Final

import numpy as np

from daemon.gateway.bars import Row, What
from daemon.gateway.history import DAY_S, BadRequest, History, HistoryRequest
from daemon.gateway.locating import lendable
from daemon.gateway.source import DerivativeSource, MarketSource
from daemon.gateway.timeline import Timeline
from daemon.market.listing import Listing
from daemon.market.option_contract import OptionKey

_YEAR_WEEKS: Final = 52
_WEEK_DAYS: Final = 5
_VOLATILITY_DAYS: Final = 30
_YEAR_DAYS: Final = 252
_HORIZON_DAYS: Final = 30  # of the implied volatility that stands for a symbol


class SymbolFacts:
    """What generic ticks tell of a symbol."""

    def __init__(self, source: MarketSource, history: History, timeline: Timeline) -> None:
        self._source = source
        self._history = history
        self._timeline = timeline
        self.lendable = lendable(source, timeline)
        self._days: dict[str, tuple[int, list[Row]]] = {}  # symbol to the session's open and the year's days

    def price_range(self, symbol: str, weeks: int) -> tuple[float, float] | None:
        """Return the lowest and highest price of the weeks before this session, currency per unit."""
        days = self._year(symbol)[-weeks * _WEEK_DAYS :]
        if not days:
            return None
        return min(day.low for day in days), max(day.high for day in days)

    def historical_volatility(self, symbol: str) -> float | None:
        """Return the annualised volatility of the last 30 daily closes, None with fewer than three."""
        closes = np.array([day.close for day in self._year(symbol)[-_VOLATILITY_DAYS - 1 :]])
        if closes.size < 4:
            return None
        return float(np.diff(np.log(closes)).std(ddof=1) * np.sqrt(_YEAR_DAYS))

    def implied_volatility(self, listing: Listing, row: int) -> float | None:
        """Return the volatility a year that options about a month out imply at the money; None without options."""
        source, session = self._source, self._timeline.session
        if not isinstance(source, DerivativeSource):
            return None
        chains = source.chains(listing.symbol, session)
        if not chains:
            return None
        chain = max(chains, key=lambda found: len(found.expirations))
        expiry = min(chain.expirations, key=lambda day: abs((day - session.day).days - _HORIZON_DAYS))
        strikes = chain.strikes_of(expiry)
        if not strikes:
            return None
        middle = strikes[len(strikes) // 2]
        key = OptionKey(root=chain.option_class.root, expiry=expiry, right="C", strike=middle)
        state = source.option_state(key.symbol, session, max(0, min(row, session.seconds - 1)))
        return None if state is None else state.volatility

    def _year(self, symbol: str) -> list[Row]:
        opened = self._timeline.session.open_s
        known = self._days.get(symbol)
        if known is None or known[0] != opened:
            known = self._days[symbol] = (opened, self._read(symbol, opened))
        return known[1]

    def _read(self, symbol: str, opened: int) -> list[Row]:
        request = HistoryRequest(
            symbol=symbol,
            what=What.TRADES,
            bar_s=DAY_S,
            count=_YEAR_WEEKS,
            unit="W",
            end=datetime.fromtimestamp(opened, UTC),
        )
        try:
            return self._history.bars(request)
        except BadRequest:
            return []
