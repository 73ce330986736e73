"""Generic ticks: which numbers a client may ask for, and what each of them brings."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np

from daemon.gateway.bars import FIVE
from daemon.gateway.days import SymbolDay
from daemon.gateway.symbol_facts import SymbolFacts
from daemon.gateway.wire.market_responses import TickGeneric, TickPrice, TickSize, TickString
from daemon.gateway.wire.messages import Response
from daemon.market.listing import Listing

LEGAL: Final[dict[int, str]] = {
    100: "Option Volume",
    101: "Option Open Interest",
    104: "Historical Volatility",
    105: "Average Opt Volume",
    106: "impvolat",
    162: "Index Future Premium",
    165: "Misc. Stats",
    221: "Mark Price",
    225: "Auction",
    232: "Mark Price",
    233: "RTVolume",
    236: "inventory",
    256: "inventory",
    258: "Fundamentals",
    292: "Wide_news",
    293: "TradeCount",
    294: "TradeRate",
    295: "VolumeRate",
    318: "LastRTHTrade",
    375: "RTTrdVolume",
    411: "rthistvol",
    456: "IBDividends",
    460: "Bond Factor Multiplier",
    577: "EtfNavLast",
    586: "IPOHLMPRC",
    587: "Pl Price Delayed",
    588: "Futures Open Interest",
    595: "Short-Term Volume X Mins",
}
_MODIFIERS = frozenset({"", "mdoff"})
_EASY_TO_BORROW = 3.0  # above 2.5: at least 1000 shares can be sold short
_HARD_TO_BORROW = 2.0  # above 1.5: once shares have been located
_MANY = Decimal(1000)
_MINUTE = 60
_WEEKS_TICKS = ((13, 15), (26, 17), (52, 19))  # weeks and the tick type of their low; the high's follows


class UnknownGenericTick(ValueError):
    """A list names a number that there is not; the text is IB's."""


def wanted_ticks(text: str, sec_type: str) -> frozenset[int]:
    """Return the numbers of a comma list; raise UnknownGenericTick for any other word."""
    words = [word.strip() for word in text.split(",")]
    numbers = [word for word in words if word not in _MODIFIERS]
    if any(not (word.isascii() and word.isdigit() and len(word) < 6 and int(word) in LEGAL) for word in numbers):
        legal = ",".join(f"{number}({name})" for number, name in LEGAL.items())
        raise UnknownGenericTick(
            f"Incorrect generic tick list of {text[:80]}.  Legal ones for ({sec_type}) are: {legal}"
        )
    return frozenset(map(int, numbers))


@dataclass(slots=True, kw_only=True)
class GenericTicks:
    """What one subscription asked for. What the market has no figure for is never told, as at IB."""

    req_id: int
    wanted: frozenset[int]
    listing: Listing
    facts: SymbolFacts
    respond: Callable[[Response], None]

    def begin(self, day: SymbolDay, row: int, now_s: int) -> None:
        """Tell what holds for the session, then what changes within it."""
        if 165 in self.wanted:
            self._misc()
        if 104 in self.wanted:
            self._generic(23, self.facts.historical_volatility(self.listing.symbol))
        if self.wanted & {236, 256}:
            self._shortable()
        if 318 in self.wanted:
            last = day.last_trade(row)
            if last is not None:
                self._price(57, last)
        self._slow(day, row)
        self.second(day, row, now_s)

    def second(self, day: SymbolDay, row: int, now_s: int) -> None:
        """Tell what the second `row` brings: the trade of the second before, and the rest every five seconds."""
        if not 0 < row <= day.seconds:
            return
        if day.volume[row - 1]:
            self._trade(day, row - 1, now_s - 1)
        if row % FIVE == 0:
            self._counts(day, row)
            self._mark(day, row)
        if row % _MINUTE == 0:
            self._slow(day, row)

    def _trade(self, day: SymbolDay, row: int, at_s: int) -> None:
        for number, tick in ((233, 48), (375, 77)):
            if number in self.wanted:
                value = float(day.tape.vwap_value[: row + 1].sum())
                total = day.total_volume[row]
                single = "true" if int(day.tape.trades[row]) == 1 else "false"
                text = f"{day.last[row]};{day.volume[row]};{at_s * 1000};{total};{value / total:.8f};{single}"
                self.respond(TickString(req_id=self.req_id, tick_type=tick, value=text))
        if 318 in self.wanted:
            self._price(57, day.last[row])

    def _counts(self, day: SymbolDay, row: int) -> None:
        minute = slice(max(0, row - _MINUTE), row)
        if 293 in self.wanted:
            self._generic(54, float(day.tape.trades[:row].sum()))
        if 294 in self.wanted:
            self._generic(55, float(day.tape.trades[minute].sum()))
        if 295 in self.wanted:
            self._generic(56, float(day.tape.volume[minute].sum()))

    def _mark(self, day: SymbolDay, row: int) -> None:
        mark = day.mark(row) if self.wanted & {221, 232} else None
        if mark is not None:
            self._price(37, float(mark))

    def _slow(self, day: SymbolDay, row: int) -> None:
        if 106 in self.wanted:
            self._generic(24, self.facts.implied_volatility(self.listing, row))
        if 411 in self.wanted:
            self._generic(58, _volatility_so_far(day, row))

    def _misc(self) -> None:
        for weeks, tick in _WEEKS_TICKS:
            span = self.facts.price_range(self.listing.symbol, weeks)
            if span is not None:
                self._price(tick, span[0])
                self._price(tick + 1, span[1])
        volume = Decimal(self.listing.average_daily_volume)
        self.respond(TickSize(req_id=self.req_id, tick_type=21, size=volume))

    def _shortable(self) -> None:
        if self.listing.sec_type != "STK":
            return
        shares = self.facts.lendable(self.listing.symbol)
        level = _EASY_TO_BORROW if shares is None or shares >= _MANY else _HARD_TO_BORROW if shares > 0 else 1.0
        self._generic(46, level)
        amount = shares if shares is not None else Decimal(self.listing.average_daily_volume)
        self.respond(TickSize(req_id=self.req_id, tick_type=89, size=amount))

    def _generic(self, tick: int, value: float | None) -> None:
        if value is not None:
            self.respond(TickGeneric(req_id=self.req_id, tick_type=tick, value=value))

    def _price(self, tick: int, price: float) -> None:
        self.respond(TickPrice(req_id=self.req_id, tick_type=tick, price=price, size=Decimal(0)))


def _volatility_so_far(day: SymbolDay, row: int) -> float | None:
    """Return the annualised volatility of the session's minutes so far, None with fewer than three."""
    closes = day.tape.close[:row]
    closes = closes[np.isfinite(closes)][::_MINUTE]
    if closes.size < 4:
        return None
    minutes_a_year = 252 * 390
    return float(np.diff(np.log(closes)).std(ddof=1) * np.sqrt(minutes_a_year))
