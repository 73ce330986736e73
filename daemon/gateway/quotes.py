"""One client's subscription to the quotes of a symbol: the touch, the session's numbers, generic ticks."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from daemon.gateway.bars import FIVE
from daemon.gateway.days import SymbolDay
from daemon.gateway.generic_ticks import GenericTicks
from daemon.gateway.session_ticks import DELAYED, SessionTicks
from daemon.gateway.streams import QuoteStream, Send
from daemon.gateway.wire import hot

DELAY_S: Final = 900  # market seconds by which delayed data is old
LIVE_DATA, FROZEN_DATA, DELAYED_DATA, DELAYED_FROZEN_DATA = 1, 2, 3, 4  # types of message 58


@dataclass(slots=True, kw_only=True)
class DelayedTouch(QuoteStream):
    """The touch under the tick types of delayed data."""

    def _price(self, tick: int, price: float, size: int) -> bytes:
        return hot.tick_price_frame(self.req_id, DELAYED[tick], price, size=Decimal(size), version=self.version)

    def _size(self, tick: int, size: int) -> bytes:
        return hot.tick_size_frame(self.req_id, DELAYED[tick], Decimal(size), version=self.version)


@dataclass(slots=True, kw_only=True)
class Quotes:
    """Everything that a request for market data brings."""

    touch: QuoteStream
    session: SessionTicks
    generic: GenericTicks | None
    may_freeze: bool  # the client asked for frozen data: it is told when the session ends and begins
    data_type: int  # as it was told last
    delay_s: int = 0

    @property
    def req_id(self) -> int:
        """Return the request's id."""
        return self.touch.req_id

    @property
    def symbol(self) -> str:
        """Return whose quotes they are."""
        return self.touch.symbol

    def begin(self, day: SymbolDay, row: int, now_s: int, send: Send) -> None:
        """Send everything known at the second `row` of the session, epoch `now_s`."""
        row = min(row, day.seconds - 1) - self.delay_s
        self.touch.second(day, row, send, force=True)
        self.session.begin(day, row, now_s - self.delay_s)
        if self.generic is not None:
            self.generic.begin(day, row, now_s - self.delay_s)

    def second(self, day: SymbolDay, row: int, now_s: int, send: Send) -> None:
        """Send what the second `row` brings."""
        if self.delay_s:
            row -= self.delay_s
            now_s -= self.delay_s
        self.touch.second(day, row, send)
        if row % FIVE == 0:
            self.session.five(day, row)
        if self.generic is not None:
            self.generic.second(day, row, now_s)
