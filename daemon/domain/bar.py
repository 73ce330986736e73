"""A completed bar of one instrument and timeframe."""

from dataclasses import dataclass

from daemon.domain.errors import BadMarketData
from daemon.domain.price import is_number


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Prices in quote currency per unit; the interval is [start, end)."""

    start: int  # epoch seconds, UTC
    end: int  # epoch seconds, UTC
    open: float
    high: float
    low: float
    close: float
    volume: float  # units
    wap: float  # volume-weighted average price; the close where nothing traded
    trades: int  # number of trades; 0 marks a flat bar of an interval without any

    @property
    def no_trades(self) -> bool:
        """Return whether the feed was up and nothing traded."""
        return self.trades == 0


def flat_bar(*, start: int, end: int, close: float) -> Bar:
    """Return the bar of an interval in which nothing traded, at the last close."""
    return Bar(start=start, end=end, open=close, high=close, low=close, close=close, volume=0.0, wap=close, trades=0)


def check_bar(bar: Bar, source: str) -> None:
    """Raise BadMarketData when a bar's values contradict each other."""
    prices = (bar.open, bar.high, bar.low, bar.close)
    if not all(is_number(price) and price > 0 for price in prices):
        raise BadMarketData(source, f"bar ending {bar.end}: prices must be finite and > 0, were {prices}")
    if bar.high < max(bar.open, bar.close) or bar.low > min(bar.open, bar.close):
        raise BadMarketData(source, f"bar ending {bar.end}: open and close must lie within low and high, were {prices}")
    if bar.volume < 0:
        raise BadMarketData(source, f"bar ending {bar.end}: volume must be >= 0, was {bar.volume}")
