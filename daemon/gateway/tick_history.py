"""Past ticks and how often each price traded, read out of the seconds of the market; never beyond the present."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import numpy as np

from daemon.gateway.source import MarketSource, MinuteSource
from daemon.gateway.wire.history_responses import BidAskTick, HistogramEntry, MidPointTick, TradeTick
from daemon.market.sessions import OutOfCalendar, Session
from daemon.market.tape import BoolArray, FloatArray, SecondTape

Tick = TradeTick | BidAskTick | MidPointTick
MOST_TICKS: Final = 1000  # of one answer
_MOST_SESSIONS: Final = 60  # looked through for one answer
_SECONDS_KEPT: Final = 5  # sessions of a histogram read second by second; more are read in minutes


@dataclass(frozen=True, slots=True, kw_only=True)
class TickQuery:
    """What past ticks are wanted of a symbol."""

    symbol: str
    kind: str  # TRADES, BID_ASK or MIDPOINT
    count: int
    start_s: int | None = None  # epoch seconds: the first ticks from here on
    end_s: int | None = None  # or the last ones before here
    ignore_size: bool = False  # a change of size alone is no tick of BID_ASK
    exchange: str = ""


class TickHistory:
    """Reads ticks; one second has at most one of each kind."""

    def __init__(self, source: MarketSource) -> None:
        self._source = source

    def ticks(self, query: TickQuery, now_s: int) -> list[Tick]:
        """Return the ticks of a query, oldest first; `now_s` (epoch seconds) and later is not known yet."""
        if query.start_s is not None:
            return self._forward(query, query.start_s, now_s)
        return self._backward(query, min(now_s, query.end_s if query.end_s is not None else now_s))

    def histogram(self, symbol: str, sessions: int, now_s: int) -> tuple[HistogramEntry, ...]:
        """Return the prices of the last sessions, the present one included, and the units traded at each."""
        totals: dict[float, int] = {}
        for number, session in zip(range(sessions), self._sessions_back(now_s), strict=False):
            for price, volume in self._traded(symbol, session, now_s, in_seconds=number < _SECONDS_KEPT):
                totals[price] = totals.get(price, 0) + volume
        return tuple(HistogramEntry(price=price, count=Decimal(totals[price])) for price in sorted(totals))

    def _forward(self, query: TickQuery, start_s: int, now_s: int) -> list[Tick]:
        found: list[Tick] = []
        calendar = self._source.calendar
        try:
            session = calendar.last_open_before(_moment(start_s)) or calendar.next_session(_moment(start_s))
            for _ in range(_MOST_SESSIONS):
                if session.open_s >= now_s or len(found) >= query.count:
                    break
                found.extend(self._of_session(query, session, start_s, now_s)[: query.count - len(found)])
                session = calendar.session_after(session)
        except OutOfCalendar:
            return found
        return found

    def _backward(self, query: TickQuery, end_s: int) -> list[Tick]:
        found: list[Tick] = []
        for _, session in zip(range(_MOST_SESSIONS), self._sessions_back(end_s), strict=False):
            found = self._of_session(query, session, 0, end_s) + found
            if len(found) >= query.count:
                break
        return found[-query.count :]

    def _sessions_back(self, end_s: int) -> Iterator[Session]:
        """Yield the sessions that opened before a moment, latest first."""
        try:
            session = self._source.calendar.last_open_before(_moment(end_s))
            while session is not None:
                yield session
                session = self._source.calendar.session_before(session)
        except OutOfCalendar:
            return

    def _of_session(self, query: TickQuery, session: Session, start_s: int, end_s: int) -> list[Tick]:
        first, stop = max(0, start_s - session.open_s), min(session.seconds, end_s - session.open_s)
        if first >= stop:
            return []
        try:
            tape = self._source.tape(query.symbol, session)
        except LookupError:
            return []
        select, make = _READERS[query.kind]
        return [make(tape, row, query.exchange) for row in select(tape, query.ignore_size) if first <= row < stop]

    def _traded(self, symbol: str, session: Session, now_s: int, *, in_seconds: bool) -> Iterator[tuple[float, int]]:
        source = self._source
        try:
            if not in_seconds and isinstance(source, MinuteSource):
                bars = source.minute_bars(symbol, session)
                yield from zip(bars.close.tolist(), bars.volume.tolist(), strict=True)
                return
            tape = source.tape(symbol, session)
        except LookupError:
            return
        rows = np.flatnonzero(tape.volume[: max(0, now_s - session.open_s)])
        yield from zip(tape.close[rows].tolist(), tape.volume[rows].tolist(), strict=True)


def _moment(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)


def _trades(tape: SecondTape, _ignore_size: bool) -> list[int]:  # noqa: FBT001 - one of three of a kind
    return np.flatnonzero(tape.volume).tolist()


def _quotes(tape: SecondTape, ignore_size: bool) -> list[int]:  # noqa: FBT001 - one of three of a kind
    changed = _moved(tape.bid) | _moved(tape.ask) if ignore_size else tape.quote_changed
    return np.flatnonzero(changed & np.isfinite(tape.bid) & np.isfinite(tape.ask)).tolist()


def _mids(tape: SecondTape, _ignore_size: bool) -> list[int]:  # noqa: FBT001 - one of three of a kind
    return _quotes(tape, ignore_size=True)


def _moved(prices: FloatArray) -> BoolArray:
    """Return where a price differs from the one before, the first one included."""
    moved = np.ones(prices.size, dtype=np.bool_)
    moved[1:] = prices[1:] != prices[:-1]
    return moved


def _trade(tape: SecondTape, row: int, exchange: str) -> Tick:
    return TradeTick(
        time=tape.session.open_s + row,
        price=float(tape.close[row]),
        size=Decimal(int(tape.volume[row])),
        exchange=exchange,
    )


def _quote(tape: SecondTape, row: int, _exchange: str) -> Tick:
    return BidAskTick(
        time=tape.session.open_s + row,
        bid=float(tape.bid[row]),
        ask=float(tape.ask[row]),
        bid_size=Decimal(int(tape.bid_size[row])),
        ask_size=Decimal(int(tape.ask_size[row])),
    )


def _mid(tape: SecondTape, row: int, _exchange: str) -> Tick:
    return MidPointTick(
        time=tape.session.open_s + row, price=round((float(tape.bid[row]) + float(tape.ask[row])) / 2, 6)
    )


_Reader = tuple[Callable[[SecondTape, bool], list[int]], Callable[[SecondTape, int, str], Tick]]
_READERS: Final[dict[str, _Reader]] = {
    "TRADES": (_trades, _trade),
    "BID_ASK": (_quotes, _quote),
    "MIDPOINT": (_mids, _mid),
}
KINDS: Final = tuple(_READERS)
