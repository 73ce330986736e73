"""Bars cut from the seconds of the market, for streams and for history, by IB's rules."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import date
from enum import StrEnum
from math import isnan
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from daemon.gateway.source import MarketSource
from daemon.market.sessions import OutOfCalendar, Session
from daemon.market.tape import BarArrays, SecondTape, aggregate

FIVE = 5  # seconds of a real-time bar


class What(StrEnum):
    """What a bar is made of (IB's whatToShow)."""

    TRADES = "TRADES"
    MIDPOINT = "MIDPOINT"
    BID = "BID"
    ASK = "ASK"
    BID_ASK = "BID_ASK"  # opens at the average bid, closes at the average ask, from the lowest bid to the highest ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One bar as it goes on the wire."""

    start: int  # epoch seconds
    day: date  # the session's date
    open: float
    high: float
    low: float
    close: float
    volume: int  # shares; -1 for quote bars
    wap: float  # -1 for quote bars
    count: int  # trades; -1 for quote bars


def boundaries(session: Session, seconds: int, zone: ZoneInfo) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return starts and ends of a session's bars: whole multiples of the length on the exchange's clock, clipped."""
    opened, closed = session.open_s, session.close_s
    local = session.open.astimezone(zone)
    midnight = opened - (local.hour * 3600 + local.minute * 60 + local.second)
    first = midnight + (opened - midnight) // seconds * seconds
    starts = np.arange(first, closed, seconds, dtype=np.int64)
    ends = np.minimum(starts + seconds, closed)
    starts[0] = opened
    return starts, ends


def cut(
    tape: SecondTape, what: What, starts: NDArray[np.int64], ends: NDArray[np.int64], previous_close: float
) -> BarArrays:
    """Return the bars of a tape; quote bars are made of each second's quote and have a count of seconds."""
    if what is What.TRADES:
        return aggregate(tape, ends, starts, previous_close=previous_close)
    if what is What.BID_ASK:
        bid, ask = (_quotes(tape, side, starts, ends) for side in (What.BID, What.ASK))
        return replace(ask, open=bid.wap, low=bid.low, close=ask.wap)
    return _quotes(tape, what, starts, ends)


def _quotes(tape: SecondTape, what: What, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> BarArrays:
    return aggregate(_quote_tape(tape, what), ends, starts, previous_close=float("nan"))


def rows(bars: BarArrays, what: What, day: date) -> Iterator[Row]:
    """Yield the bars that have a price."""
    trades = what is What.TRADES
    columns = (bars.start, bars.open, bars.high, bars.low, bars.close, bars.volume, bars.wap, bars.count)
    for start, opened, high, low, close, volume, wap, count in zip(
        *(column.tolist() for column in columns), strict=True
    ):
        if not isnan(close):  # not NaN: before the first trade ever there is no bar
            yield Row(
                start=start,
                day=day,
                open=opened,
                high=high,
                low=low,
                close=close,
                volume=volume if trades else -1,
                wap=round(wap, 6) if trades else -1.0,
                count=count if trades else -1,
            )


def row_at(bars: BarArrays, index: int, what: What, day: date) -> Row | None:
    """Return one bar, None where it has no price."""
    columns = {field.name: getattr(bars, field.name)[index : index + 1] for field in fields(bars)}
    return next(rows(BarArrays(**columns), what, day), None)


class Closes:
    """The last trade of the session before another, looked up once."""

    def __init__(self, source: MarketSource) -> None:
        self._source = source
        self._known: dict[tuple[str, date], float] = {}

    def before(self, symbol: str, session: Session) -> float:
        """Return the last traded price before `session`, NaN when the market has nothing there."""
        key = (symbol, session.day)
        if key not in self._known:
            try:
                tape = self._source.tape(symbol, self._source.calendar.session_before(session))
            except (LookupError, OutOfCalendar):
                return self._known.setdefault(key, float("nan"))
            self._known[key] = last_trade(tape)
        return self._known[key]


def last_trade(tape: SecondTape) -> float:
    """Return the last traded price of a tape, NaN without any."""
    traded = np.flatnonzero(tape.volume)
    return float(tape.close[traded[-1]]) if traded.size else float("nan")


def _quote_tape(tape: SecondTape, what: What) -> SecondTape:
    """Return a tape whose 'trades' are one a second at the quote, where there is one."""
    if what is What.BID:
        price = tape.bid
    elif what is What.ASK:
        price = tape.ask
    else:
        price = np.round((tape.bid + tape.ask) / 2, 6)
    there = (np.isfinite(price) & (price > 0)).astype(np.int64)
    clean = np.where(there > 0, price, np.nan)
    return SecondTape(
        session=tape.session,
        bid=tape.bid,
        ask=tape.ask,
        bid_size=tape.bid_size,
        ask_size=tape.ask_size,
        open=clean,
        high=clean.copy(),
        low=clean.copy(),
        close=clean.copy(),
        volume=there,
        trades=there.copy(),
        vwap_value=np.where(there > 0, price, 0.0),
    )
