"""What one client is subscribed to, and the frames each second of the market owes it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from math import inf

from daemon.gateway.bars import FIVE, Row, What
from daemon.gateway.days import SymbolDay
from daemon.gateway.wire import hot
from daemon.gateway.wire.market_responses import TickByTickBidAsk, TickByTickLast, TickByTickMidPoint
from daemon.gateway.wire.messages import Response

BID, ASK, LAST, VOLUME = 1, 2, 4, 8  # tick types
BID_SIZE, ASK_SIZE = 0, 3
_NO_PRICE = -1.0

Send = Callable[[bytes], None]


@dataclass(slots=True, kw_only=True)
class QuoteStream:
    """A streaming quote: the touch as it was sent last."""

    req_id: int
    symbol: str
    version: int  # negotiated with the client
    bid: float = 0.0
    ask: float = 0.0
    bid_size: int = -1
    ask_size: int = -1

    def second(self, day: SymbolDay, row: int, send: Send, *, force: bool = False) -> None:
        """Send what the second `row` changes: its quote, the trades of the second before, volume every 5 s."""
        if 0 <= row < day.seconds and (force or day.changed[row]):
            self._touch(day, row, send)
        if 0 < row <= day.seconds:
            before = row - 1
            if day.volume[before]:
                send(self._price(LAST, day.last[before], day.volume[before]))
            if row % FIVE == 0:
                send(self._size(VOLUME, day.total_volume[before]))

    def _touch(self, day: SymbolDay, row: int, send: Send) -> None:
        bid, bid_size = _side(day.bid[row], day.bid_size[row])
        if bid != self.bid:
            send(self._price(BID, bid, bid_size))
        elif bid_size != self.bid_size:
            send(self._size(BID_SIZE, bid_size))
        ask, ask_size = _side(day.ask[row], day.ask_size[row])
        if ask != self.ask:
            send(self._price(ASK, ask, ask_size))
        elif ask_size != self.ask_size:
            send(self._size(ASK_SIZE, ask_size))
        self.bid, self.bid_size, self.ask, self.ask_size = bid, bid_size, ask, ask_size

    def _price(self, tick: int, price: float, size: int) -> bytes:
        return hot.tick_price_frame(self.req_id, tick, price, size=Decimal(size), version=self.version)

    def _size(self, tick: int, size: int) -> bytes:
        return hot.tick_size_frame(self.req_id, tick, Decimal(size), version=self.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class BarStream:
    """Five-second bars, each sent at its end."""

    req_id: int
    symbol: str
    what: What
    version: int  # negotiated with the client

    def second(self, day: SymbolDay, row: int, start_s: int, send: Send) -> None:
        """Send the bar that ends now, if one does; `start_s` is its start in epoch seconds."""
        if row % FIVE or not 0 < row <= day.seconds:
            return
        bar = day.five(self.what, start_s)
        if bar is not None:
            send(
                hot.real_time_bar_frame(
                    self.req_id,
                    bar.start,
                    (bar.open, bar.high, bar.low, bar.close),
                    volume=Decimal(bar.volume),
                    wap=bar.wap,
                    count=bar.count,
                    version=self.version,
                )
            )


@dataclass(slots=True, kw_only=True)
class UpdatingBars:
    """The forming bar of a history that is kept up to date, folded from five-second bars."""

    req_id: int
    symbol: str
    what: What
    bar_s: int
    format_date: int
    forming: Row | None = None
    value: float = 0.0  # sum of price * volume of the forming bar
    starts: list[int] = field(default_factory=list)  # of the session's bars, ascending
    at: int = 0  # index of the forming one

    def add(self, five: Row) -> Row:
        """Fold in a five-second bar and return the forming bar."""
        while self.at + 1 < len(self.starts) and self.starts[self.at + 1] <= five.start:
            self.at += 1
            self.forming = None
        if self.forming is None:
            self.value = 0.0
        known = self.forming or Row(
            start=self.starts[self.at],
            day=five.day,
            open=five.open,
            high=five.high,
            low=five.low,
            close=five.close,
            volume=0,
            wap=five.wap,
            count=0,
        )
        self.value += five.wap * five.volume
        trades = self.what is What.TRADES
        volume = known.volume + five.volume if trades else -1
        self.forming = Row(
            start=known.start,
            day=known.day,
            open=five.open if trades and not known.volume else known.open,
            high=max(known.high, five.high) if not trades or known.volume else five.high,
            low=min(known.low, five.low) if not trades or known.volume else five.low,
            close=five.close,
            volume=volume,
            wap=round(self.value / volume, 6) if volume > 0 else five.wap,
            count=known.count + five.count if trades else -1,
        )
        return self.forming


@dataclass(slots=True, kw_only=True)
class TickStream:
    """Tick-by-tick data of one kind: Last, AllLast, BidAsk or MidPoint."""

    req_id: int
    symbol: str
    kind: str
    exchange: str = ""  # where its trades are made
    ignore_size: bool = False  # a change of size alone is no tick of BidAsk
    told: tuple[float, float] | None = None  # bid and ask of the latest tick

    def second(self, day: SymbolDay, row: int, now_s: int, respond: Callable[[Response], None]) -> None:
        """Send what the second `row` (epoch `now_s`) brings: its quote, or the trades of the second before."""
        if self.kind in {"Last", "AllLast"}:
            if 0 < row <= day.seconds and day.volume[row - 1]:
                respond(self._trade(day, row - 1, now_s - 1))
        elif 0 <= row < day.seconds and day.changed[row]:
            tick = self._quote(day, row, now_s)
            if tick is not None:
                respond(tick)

    def _trade(self, day: SymbolDay, row: int, at_s: int) -> Response:
        return TickByTickLast(
            req_id=self.req_id,
            tick_type=1 if self.kind == "Last" else 2,
            time=at_s,
            price=day.last[row],
            size=Decimal(day.volume[row]),
            exchange=self.exchange,
        )

    def _quote(self, day: SymbolDay, row: int, now_s: int) -> Response | None:
        bid, bid_size = _side(day.bid[row], day.bid_size[row])
        ask, ask_size = _side(day.ask[row], day.ask_size[row])
        before, self.told = self.told, (bid, ask)
        if self.kind == "BidAsk":
            if self.ignore_size and before == self.told:
                return None
            return TickByTickBidAsk(
                req_id=self.req_id,
                time=now_s,
                bid=bid,
                ask=ask,
                bid_size=Decimal(bid_size),
                ask_size=Decimal(ask_size),
            )
        if bid <= 0 or ask <= 0 or before == self.told:
            return None
        return TickByTickMidPoint(req_id=self.req_id, time=now_s, mid=round((bid + ask) / 2, 6))


def _side(price: float, size: int) -> tuple[float, int]:
    """Return a side of the touch as it is sent: an absent one is price -1 with size 0."""
    return (price, size) if 0 < price < inf else (_NO_PRICE, 0)
