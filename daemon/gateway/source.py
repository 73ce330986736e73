"""The market behind the gateway: what it needs from a synthetic or recorded one."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from daemon.market.listing import Listing
from daemon.market.option_chain import OptionChain
from daemon.market.option_pricing import OptionState
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


@runtime_checkable
class DerivativeSource(Protocol):
    """A market that also has options or futures; `listings` finds each by its symbol without listing them all."""

    def by_con_id(self, con_id: int) -> Listing | None:
        """Return the contract of a number, None if there is none."""
        ...

    def chains(self, underlying: str, session: Session) -> tuple[OptionChain, ...]:
        """Return the option chains on an underlying in a session; none when it has no options then."""
        ...

    def futures(self, session: Session) -> tuple[Listing, ...]:
        """Return the futures that trade in a session."""
        ...

    def option_state(self, symbol: str, session: Session, row: int) -> OptionState | None:
        """Return what determines an option's value at a second of a session; None when that is not known."""
        ...
