"""Listings of the synthetic market that are made when asked for: options by the million, futures of every quarter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from functools import lru_cache

from daemon.market import option_chain
from daemon.market.listing import MARKET_RULES, Listing, Terms
from daemon.market.option_chain import OptionClass
from daemon.market.option_contract import OptionKey, OptionNumbers, parse_option
from daemon.market.other_listings import OPTION_CLASSES, OTHERS, SPX, all_futures
from daemon.market.sessions import TradingCalendar
from daemon.market.universe import UNIVERSE


class DerivativeListings(Mapping[str, Listing]):
    """Listings by symbol. Options and futures are found when asked for; iteration is over everything else."""

    def __init__(self, calendar: TradingCalendar, base: Mapping[str, Listing]) -> None:
        self._calendar = calendar
        self._plain = {**base, **OTHERS}
        self._futures = all_futures(calendar)
        self._classes = {root: found for root, found in OPTION_CLASSES.items() if found.underlying in self._plain}
        every = (*self._plain.values(), *self._futures.values())
        self._by_number = {listing.con_id: listing for listing in every}
        self.numbers = _numbers(calendar)
        self._option = lru_cache(maxsize=65_536)(self._make_option)

    def __getitem__(self, symbol: str) -> Listing:
        """Return a listing; raise KeyError for what is not listed, ever or on that underlying."""
        found = self._plain.get(symbol) or self._futures.get(symbol) or self._option(symbol)
        if found is None:
            raise KeyError(symbol)
        return found

    def __iter__(self) -> Iterator[str]:
        """Iterate over shares, funds, indices and pairs."""
        return iter(self._plain)

    def __len__(self) -> int:
        return len(self._plain)

    def classes_on(self, underlying: str) -> tuple[OptionClass, ...]:
        """Return the option classes on an underlying."""
        return tuple(found for found in self._classes.values() if found.underlying == underlying)

    def by_number(self, con_id: int) -> Listing | None:
        """Return the contract of a number."""
        known = self._by_number.get(con_id)
        if known is not None:
            return known
        found = self.numbers.week_of(con_id)
        if found is None or found[0] not in self._classes:
            return None
        root, monday, strike, right = found
        expiry = option_chain.expiry_in_week(self._calendar, monday)
        if expiry is None:
            return None
        return self.get(OptionKey(root=root, expiry=expiry, right=right, strike=strike).symbol)

    def class_of(self, listing: Listing) -> OptionClass:
        """Return the class of a listed option."""
        return self._classes[listing.trading_class]

    def _make_option(self, symbol: str) -> Listing | None:
        key = parse_option(symbol)
        found = None if key is None else self._classes.get(key.root)
        if key is None or found is None or key.symbol != symbol or not self.numbers.has_strike(key):
            return None
        if not option_chain.is_expiration(self._calendar, found, key.expiry):
            return None
        name = self._plain[found.underlying].name
        return Listing(
            symbol=symbol,
            con_id=self.numbers.number(key),
            name=name,
            primary_exchange="CBOE" if found.underlying == SPX else "AMEX",
            sec_type="OPT",
            tick_size=MARKET_RULES[found.market_rule][0][1],
            average_daily_volume=0,
            market_rule=found.market_rule,
            terms=Terms(
                ticker=found.underlying_ticker,
                local_symbol=symbol,
                trading_class=found.root,
                multiplier=found.multiplier,
                underlying=found.underlying,
                expiry=key.expiry,
                last_trading_day=option_chain.last_trading_day(self._calendar, found, key.expiry),
                strike=key.strike,
                right=key.right,
                is_american=found.is_american,
                settles_at_open=found.settles_at_open,
            ),
        )


@lru_cache(maxsize=8)
def _numbers(calendar: TradingCalendar) -> OptionNumbers:
    others = (*(profile.listing for profile in UNIVERSE.values()), *OTHERS.values(), *all_futures(calendar).values())
    units = {root: found.strike_unit for root, found in OPTION_CLASSES.items()}
    return OptionNumbers(units, (listing.con_id for listing in others))


def expiring(listing: Listing) -> tuple[Terms, date]:
    """Return the terms and the expiry of an option or future; raise ValueError for what does not expire."""
    if listing.terms is None or listing.terms.expiry is None:
        raise ValueError(f"{listing.symbol} does not expire")
    return listing.terms, listing.terms.expiry
