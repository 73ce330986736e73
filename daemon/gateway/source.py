"""The market behind the gateway: what it needs from a synthetic or recorded one."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from daemon.market.listing import Listing
from daemon.market.sessions import Session, TradingCalendar
from daemon.market.tape import BarArrays, SecondTape


class MarketSource(Protocol):
    """Listed instruments and their market, session by session."""

    @property
    def listings(self) -> Mapping[str, Listing]:
        """Return what is listed, by symbol."""
        ...

    @property
    def calendar(self) -> TradingCalendar:
        """Return the sessions of the exchange."""
        ...

    def tape(self, symbol: str, session: Session) -> SecondTape:
        """Return a session second by second; the same arguments give equal values for ever.

        Raises:
            LookupError: the symbol is not listed, or there is nothing for that session.
        """
        ...


@runtime_checkable
class MinuteSource(Protocol):
    """A market that also keeps minutes, so that months of history need not go through seconds."""

    def minute_bars(self, symbol: str, session: Session) -> BarArrays:
        """Return a session's minutes of trades; raise LookupError as `tape` does."""
        ...
