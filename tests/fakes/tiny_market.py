"""A market small enough to check by hand: two symbols, arithmetic instead of chance, some holes on purpose."""

from datetime import date
from functools import lru_cache

import numpy as np

from daemon.market.listing import Listing
from daemon.market.sessions import Session, TradingCalendar
from daemon.market.tape import SecondTape

SHOWN = 60  # shares at either side of the touch
DEAD = range(200, 260)  # seconds without a usable quote or trades, in every session
_BASE = {"AAA": 10_000, "BBB": 2_500}  # cents at the open


@lru_cache(maxsize=1)
def calendar() -> TradingCalendar:
    """Return the exchange's calendar, cut to the years that tests use."""
    return TradingCalendar("XNYS", first=date(2023, 1, 1), last=date(2024, 12, 31))


class TinyMarket:
    """Prices climb a cent every ten seconds of even minutes and fall in odd ones; two seconds of three trade."""

    def __init__(self) -> None:
        self.calendar = calendar()
        self.listings = {
            symbol: Listing(
                symbol=symbol,
                con_id=1000 + number,
                name=f"{symbol} Corp",
                primary_exchange="NYSE",
                average_daily_volume=10**6,
            )
            for number, symbol in enumerate(_BASE)
        }

    def tape(self, symbol: str, session: Session) -> SecondTape:
        """Return a session; raise LookupError before 2023-06-01 and for unknown symbols."""
        if symbol not in _BASE or session.day < date(2023, 6, 1):
            raise LookupError(f"{symbol} {session.day}")
        return _tape(_BASE[symbol] + session.day.day, session)


@lru_cache(maxsize=64)
def _tape(cents: int, session: Session) -> SecondTape:
    second = np.arange(session.seconds)
    step = np.where(second // 60 % 2 == 0, 1, -1) * (second % 10 == 9)
    bid = (cents + np.concatenate(([0], np.cumsum(step)[:-1]))) / 100
    ask = bid + 0.02
    dead = np.isin(second, list(DEAD))
    volume = np.where((second % 3 == 2) | dead, 0, 10 * (1 + second % 7)).astype(np.int64)
    price = np.where(volume > 0, np.where(second % 2 == 0, bid, np.round(ask, 2)), np.nan)
    return SecondTape(
        session=session,
        bid=np.where(dead, np.nan, bid),
        ask=np.where(dead, np.nan, np.round(ask, 2)),
        bid_size=np.where(dead, 0, SHOWN + second % 2).astype(np.int64),
        ask_size=np.where(dead, 0, SHOWN + second % 2).astype(np.int64),
        open=price,
        high=price.copy(),
        low=price.copy(),
        close=price.copy(),
        volume=volume,
        trades=(volume > 0).astype(np.int64),
        vwap_value=np.where(volume > 0, price * volume, 0.0),
    )
