"""The tape as the exchange gets it: quotes, prints and auctions of the symbols that orders are about."""

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal

from daemon.gateway.combos import legs_from
from daemon.gateway.days import Days, SymbolDay
from daemon.gateway.ledger import OrderRow
from daemon.gateway.timeline import Timeline
from daemon.market.listing import Listing
from daemon.matching.book import to_price
from daemon.matching.exchange import SimulatedExchange
from daemon.matching.orders import Outcome
from daemon.matching.rules import TradingRules

_CONFIRM_S = 4  # a combination takes no quote of a leg that is older than five seconds


class TapeFeed:
    """Plays the seconds of the session to the exchange, of every symbol that had an order or is a leg of one."""

    def __init__(self, days: Days, timeline: Timeline, listings: Mapping[str, Listing]) -> None:
        self._days = days
        self._timeline = timeline
        self._listings = listings
        self._followed: dict[str, int] = {}  # symbol to the row of the quote it was sent last
        self._legs: set[str] = set()  # of combinations: their quotes must not grow old

    def follow(self, exchange: SimulatedExchange, row: OrderRow) -> list[str]:
        """Begin to play what an order is about; return the symbols that are new."""
        symbols = [leg.symbol for leg in legs_from(row.legs)] if row.legs else [row.symbol]
        new = [symbol for symbol in symbols if symbol not in self._followed]
        if row.legs:
            self._legs.update(symbols)
        for symbol in new:
            self._followed[symbol] = 0
            listing = self._listings.get(symbol)
            if listing is not None:
                exchange.set_rules(symbol, rules_of(listing))
        return new

    def second(self, exchange: SimulatedExchange, *, refresh: bool, watching: Collection[str]) -> list[Outcome]:
        """Put the current second in force: the prints of the one before, then the quotes; auctions at both ends.

        `watching` names the symbols whose prints matter to somebody.
        """
        row, at_us = self._timeline.row, self._timeline.now_us
        outcomes: list[Outcome] = []
        for symbol in self._followed:
            day = self._days.of(symbol, self._timeline.session)
            if day is None or not 0 <= row <= day.seconds:
                continue
            if row > 0 and symbol in watching and day.volume[row - 1]:
                size = float(day.volume[row - 1])
                outcomes.extend(exchange.on_trade(symbol, day.last[row - 1], size, at_us=at_us))
            if row == 0:
                outcomes.extend(exchange.open_auction(symbol, first_print(day), at_us))
            if row == day.seconds:
                outcomes.extend(exchange.close_auction(symbol, last_print(day), at_us))
            else:
                outcomes.extend(self._quote(exchange, symbol, day, refresh=refresh))
        return outcomes

    def quotes(self, exchange: SimulatedExchange, symbols: Iterable[str]) -> list[Outcome]:
        """Put the quotes of symbols in force that have just become of interest."""
        outcomes: list[Outcome] = []
        for symbol in symbols:
            day = self._days.of(symbol, self._timeline.session)
            if day is not None:
                outcomes.extend(self._quote(exchange, symbol, day, refresh=True))
        return outcomes

    def _quote(self, exchange: SimulatedExchange, symbol: str, day: SymbolDay, *, refresh: bool) -> list[Outcome]:
        row = self._timeline.row
        if not 0 <= row < day.seconds:
            return []
        grown_old = symbol in self._legs and row - self._followed[symbol] >= _CONFIRM_S
        if not (refresh or grown_old or day.changed[row]):
            return []
        self._followed[symbol] = row
        return exchange.on_quote(
            symbol, day.bid[row], day.ask[row], day.bid_size[row], day.ask_size[row], at_us=self._timeline.now_us
        )


def rules_of(listing: Listing) -> TradingRules:
    """Return the grid of prices of a listing."""
    return TradingRules(
        price_increments=tuple((Decimal(repr(edge)), Decimal(repr(step))) for edge, step in listing.increments)
    )


def first_print(day: SymbolDay) -> Decimal | None:
    """Return the official open: the first price of the tape, None without any."""
    first = next((row for row in range(day.seconds) if day.volume[row]), None)
    return None if first is None else to_price(float(day.tape.open[first]))


def last_print(day: SymbolDay) -> Decimal | None:
    """Return the official close: the last price of the tape, None without any."""
    last = next((row for row in reversed(range(day.seconds)) if day.volume[row]), None)
    return None if last is None else to_price(day.last[last])
