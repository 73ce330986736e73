"""What quotes tell besides the touch: the session's open, high, low, the close before, the last trade."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import isnan, nan
from typing import Final, Protocol, runtime_checkable

import numpy as np

from daemon.gateway.days import SymbolDay
from daemon.gateway.streams import LAST, VOLUME
from daemon.gateway.wire.market_responses import TickGeneric, TickPrice, TickSize, TickString
from daemon.gateway.wire.messages import Response

HIGH, LOW, CLOSE, OPEN = 6, 7, 9, 14  # tick types
BID_EXCHANGE, ASK_EXCHANGE, LAST_EXCHANGE = 32, 33, 84
LAST_TIMESTAMP, HALTED = 45, 49
GENERAL_HALT = 1.0

# Tick types by which delayed data is told; those that have none are not told.
DELAYED: Final[Mapping[int, int]] = {
    0: 69, 1: 66, 2: 67, 3: 70, 4: 68, 5: 71, 6: 72, 7: 73, 8: 74, 9: 75, 14: 76, 45: 88, 49: 90,
}  # fmt: skip
LIVE: Final[Mapping[int, int]] = {tick: tick for tick in (*DELAYED, BID_EXCHANGE, ASK_EXCHANGE, LAST_EXCHANGE)}


@runtime_checkable
class HaltSource(Protocol):
    """A market whose symbols can be halted."""

    def is_halted(self, symbol: str, at_s: int) -> bool:
        """Return whether trading in a symbol is halted at `at_s`, epoch seconds."""
        ...


@dataclass(slots=True, kw_only=True)
class SessionTicks:
    """The session so far, told at the start and every five seconds where something changed."""

    req_id: int
    symbol: str
    letter: str  # of the primary exchange in the map of letters, "" = not in it
    names: Mapping[int, int]  # tick types as they are told: LIVE or DELAYED
    halts: HaltSource | None
    respond: Callable[[Response], None]
    last_row: int = -1  # second of the session's latest trade that was told
    high: float = nan  # currency per unit
    low: float = nan

    def begin(self, day: SymbolDay, row: int, now_s: int) -> None:
        """Tell everything that is known at the second `row` of the session, which is epoch `now_s`."""
        if not isnan(day.previous_close):
            self._price(CLOSE, day.previous_close)
        if self.letter:
            for tick in (BID_EXCHANGE, ASK_EXCHANGE, LAST_EXCHANGE):
                self._string(tick, self.letter)
        # Whoever halts and resumes trading tells those who are subscribed; who comes later is told here.
        if self.halts is not None and self.halts.is_halted(self.symbol, now_s):
            self._generic(HALTED, GENERAL_HALT)
        last = day.so_far.last_row[min(row, day.seconds) - 1] if row > 0 else -1
        if last >= 0:
            self._price(LAST, day.last[last], day.volume[last])
            self._size(VOLUME, day.total_volume[last])
        self.five(day, row)

    def five(self, day: SymbolDay, row: int) -> None:
        """Tell what the seconds before `row` brought since the last time."""
        at, known = min(row, day.seconds) - 1, day.so_far
        last = known.last_row[at] if at >= 0 else -1
        if last <= self.last_row:
            return
        if self.last_row < 0:
            first = int(np.flatnonzero(day.tape.volume)[0])
            self._price(OPEN, float(day.tape.open[first]))
        high, low = known.high[at], known.low[at]
        if high != self.high:
            self.high = high
            self._price(HIGH, high)
        if low != self.low:
            self.low = low
            self._price(LOW, low)
        self.last_row = last
        self._string(LAST_TIMESTAMP, str(day.tape.session.open_s + last))

    def next_session(self) -> None:
        """Begin to count anew."""
        self.last_row, self.high, self.low = -1, nan, nan

    def _price(self, tick: int, price: float, size: int = 0) -> None:
        self.respond(TickPrice(req_id=self.req_id, tick_type=self.names[tick], price=price, size=Decimal(size)))

    def _size(self, tick: int, size: int) -> None:
        self.respond(TickSize(req_id=self.req_id, tick_type=self.names[tick], size=Decimal(size)))

    def _generic(self, tick: int, value: float) -> None:
        self.respond(TickGeneric(req_id=self.req_id, tick_type=self.names[tick], value=value))

    def _string(self, tick: int, value: str) -> None:
        name = self.names.get(tick)
        if name is not None:
            self.respond(TickString(req_id=self.req_id, tick_type=name, value=value))
