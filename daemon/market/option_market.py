"""The synthetic market with what derives from it: options on everything listed, indices, futures, a currency pair.

Nothing is computed for a contract before somebody asks for it.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from daemon.domain.timeframe import Timeframe
from daemon.market import option_chain
from daemon.market.listing import Listing, Terms, UnknownSymbol
from daemon.market.option_chain import OptionChain
from daemon.market.option_listings import DerivativeListings, expiring
from daemon.market.option_pricing import YEAR_S, Conditions, OptionState, OptionTerms
from daemon.market.option_quotes import OptionPath, OptionTexture, option_tape
from daemon.market.option_rates import INTEREST_RATE, dividend_yield
from daemon.market.option_surface import Surface, make_surface
from daemon.market.other_listings import (
    EURUSD,
    EURUSD_PROFILE,
    INDEX_OPTION_TURNOVER,
    SPX,
    SPX_PROFILE,
    VIX,
    ends,
    futures_on,
)
from daemon.market.other_tapes import future_tape, index_tape, pair_tape, volatility_index_tape
from daemon.market.recent import Recent
from daemon.market.sessions import Session, bar_ends
from daemon.market.synthetic import Outlook, SyntheticMarket
from daemon.market.synthetic_daily import stream
from daemon.market.tape import BarArrays, FloatArray, SecondTape, aggregate

_TAPES_KEPT: Final = 96  # about 200 MB when full
_PRICES_KEPT: Final = 64
_MINUTE: Final = Timeframe.parse("1m")


class OptionMarket:
    """A market source for whatever its base lists, with options, indices, futures and a currency pair added."""

    def __init__(self, base: SyntheticMarket) -> None:
        """Add to `base`, whose seed and calendar are this market's."""
        self._base = base
        self.calendar = base.calendar
        self.listings = DerivativeListings(base.calendar, base.listings)
        self._tapes: Recent[tuple[str, Session], SecondTape] = Recent(_TAPES_KEPT)
        self._surfaces: Recent[tuple[str, Session], Surface] = Recent(512)
        self._prices: Recent[tuple[str, Session], FloatArray] = Recent(_PRICES_KEPT)
        self._minutes: Recent[tuple[str, Session], BarArrays] = Recent(2048)

    def tape(self, symbol: str, session: Session) -> SecondTape:
        """Return a session second by second.

        Raises:
            UnknownSymbol: `symbol` is not listed.
            LookupError: it does not trade in that session: not listed yet, or expired.
        """
        if symbol in self._base.listings:
            return self._base.tape(symbol, session)
        return self._tapes.get((symbol, session), partial(self._make_tape, symbol, session))

    def minute_bars(self, symbol: str, session: Session) -> BarArrays:
        """Return a session's minutes of trades; raise as `tape` does."""
        if symbol in self._base.listings:
            return self._base.minute_bars(symbol, session)

        def make() -> BarArrays:
            return aggregate(self.tape(symbol, session), bar_ends(session, _MINUTE, "clock", self.calendar.timezone))

        return self._minutes.get((symbol, session), make)

    def by_con_id(self, con_id: int) -> Listing | None:
        """Return the contract of a number, None if there is none."""
        return self.listings.by_number(con_id)

    def chains(self, underlying: str, session: Session) -> tuple[OptionChain, ...]:
        """Return the option chains on an underlying in a session; none when it has no options."""
        classes = self.listings.classes_on(underlying)
        if not classes:
            return ()
        price = self._outlook(underlying, session).price
        return tuple(option_chain.chain(self.calendar, found, session, price) for found in classes)

    def futures(self, session: Session) -> tuple[Listing, ...]:
        """Return the futures that trade in a session."""
        return futures_on(self.calendar, session.day)

    def option_state(self, symbol: str, session: Session, row: int) -> OptionState | None:
        """Return what the model says of an option at a second of a session; None when it is no option or not traded."""
        listing = self.listings.get(symbol)
        if listing is None or listing.sec_type != "OPT" or not 0 <= row < session.seconds:
            return None
        try:
            terms = self._traded(listing, session)
        except LookupError:
            return None
        price = float(self._price(terms.underlying, session)[row])
        years = max(self._expires_s(listing) - session.open_s - row, 0) / YEAR_S
        dividends = dividend_yield(terms.underlying)
        surface = self.surface(terms.underlying, session)
        return OptionState(
            terms=OptionTerms(strike=terms.strike, right=terms.right, is_american=terms.is_american),
            conditions=Conditions(price=price, years=years, rate=INTEREST_RATE, dividends=dividends),
            volatility=surface.volatility(price, terms.strike, years, INTEREST_RATE - dividends),
        )

    def surface(self, underlying: str, session: Session) -> Surface:
        """Return an underlying's implied volatility in a session; raise UnknownSymbol as `tape` does."""

        def make() -> Surface:
            outlook = self._outlook(underlying, session)
            return make_surface(
                self._base.seed,
                underlying,
                session.day,
                daily_volatility=outlook.volatility,
                long_volatility=outlook.long_volatility,
                beta=outlook.beta,
                price=outlook.price,
            )

        return self._surfaces.get((underlying, session), make)

    def _make_tape(self, symbol: str, session: Session) -> SecondTape:
        listing = self.listings.get(symbol)
        if listing is None:
            raise UnknownSymbol(symbol, self.listings)
        if listing.sec_type == "OPT":
            return self._option_tape(listing, session)
        if symbol == EURUSD:
            return pair_tape(listing, session, self._base.path_of(EURUSD_PROFILE, session))
        if symbol == SPX:
            return index_tape(session, self._price(SPX, session), step_s=1)
        if symbol == VIX:
            return volatility_index_tape(session, self.surface(SPX, session), self._price(SPX, session))
        if listing not in self.futures(session):
            raise LookupError(f"{symbol} does not trade on {session.day}: its last day is {ends(listing)}")
        path = self._base.path_of(SPX_PROFILE, session, stream_name=symbol)
        return future_tape(listing, session, path, expires_s=self._expires_s(listing))

    def _option_tape(self, listing: Listing, session: Session) -> SecondTape:
        path = self._path(listing, session)
        underlying = self.listings.class_of(listing).underlying
        if underlying == SPX:
            turnover, spread = INDEX_OPTION_TURNOVER, 0.0001 * float(path.price[0])
        else:
            tape = self._base.tape(underlying, session)
            turnover = self._base.listings[underlying].average_daily_volume * float(path.price[0])
            spread = float(np.nanmean(tape.ask - tape.bid))
        random = stream(self._base.seed, "option", listing.symbol, session.day)
        texture = OptionTexture.of(path, turnover, spread)
        return option_tape(random, session, listing.increments, path, texture)

    def _traded(self, listing: Listing, session: Session) -> Terms:
        """Return an option's terms; raise LookupError when it does not trade in that session."""
        terms, expiry = expiring(listing)
        if not option_chain.is_listed(self.calendar, self.listings.class_of(listing), expiry, session.day):
            raise LookupError(
                f"{listing.symbol} does not trade on {session.day}: its last day is {ends(listing)}, and options are "
                f"listed {option_chain.WEEKS_LISTED} weeks ahead, monthly ones a year"
            )
        return terms

    def _path(self, listing: Listing, session: Session) -> OptionPath:
        terms = self._traded(listing, session)
        return OptionPath.of(
            OptionTerms(strike=terms.strike, right=terms.right, is_american=terms.is_american),
            self.surface(terms.underlying, session),
            self._price(terms.underlying, session),
            session,
            expires_s=self._expires_s(listing),
            rate=INTEREST_RATE,
            dividends=dividend_yield(terms.underlying),
        )

    def _price(self, underlying: str, session: Session) -> FloatArray:
        """Return an underlying's price at the start of each second: the middle of its quote, or the index itself."""

        def make() -> FloatArray:
            if underlying == SPX:
                return self._base.path_of(SPX_PROFILE, session).fair
            tape = self._base.tape(underlying, session)
            return (tape.bid + tape.ask) / 2

        return self._prices.get((underlying, session), make)

    def _outlook(self, underlying: str, session: Session) -> Outlook:
        if underlying == SPX:
            return self._base.outlook_of(SPX_PROFILE, session)
        return self._base.outlook(underlying, session)

    def _expires_s(self, listing: Listing) -> int:
        """Return when a contract is settled: the close of its last day, or its open."""
        terms, expiry = expiring(listing)
        (session,) = self.calendar.sessions_between(expiry, expiry)
        return session.open_s if terms.settles_at_open else session.close_s
