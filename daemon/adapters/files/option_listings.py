"""Listings of recorded options and of the indices they are on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

from daemon.adapters.files.option_rows import RecordedOption
from daemon.market.listing import ONE_CENT, Listing, Terms, con_id_of
from daemon.market.sessions import TradingCalendar

RECORDED_RULE: Final = ONE_CENT  # recorded prices are taken as they are
_INDEX_CLASSES: Final = {"SPXW": "SPX"}  # classes that are not named as their underlying
_MULTIPLIER: Final = 100


def option_listings(
    calendar: TradingCalendar, options: Mapping[str, RecordedOption], taken: set[int]
) -> dict[str, Listing]:
    """Return the listings of all contracts, numbered so that no two share a number."""
    found: dict[str, Listing] = {}
    for symbol in sorted(options):
        number = con_id_of(symbol)
        while number in taken:
            number += 1
        taken.add(number)
        found[symbol] = _listing(calendar, options[symbol], number)
    return found


def _listing(calendar: TradingCalendar, option: RecordedOption, number: int) -> Listing:
    key = option.key
    underlying = underlying_of(key.root)
    return Listing(
        symbol=key.symbol,
        con_id=number,
        name=underlying,
        primary_exchange="CBOE",
        sec_type="OPT",
        average_daily_volume=0,
        market_rule=RECORDED_RULE,
        terms=Terms(
            ticker=underlying,
            local_symbol=key.symbol,
            trading_class=key.root,
            multiplier=_MULTIPLIER,
            underlying=underlying,
            expiry=key.expiry,
            last_trading_day=last_session(calendar, key.expiry),
            strike=key.strike,
            right=key.right,
            is_american=option.is_american,
        ),
    )


def index_listing(symbol: str) -> Listing:
    """Return the listing of an index that was recorded for its options."""
    return Listing(
        symbol=symbol,
        con_id=con_id_of(f"index {symbol}"),
        name=symbol,
        primary_exchange="CBOE",
        sec_type="IND",
        average_daily_volume=0,
        terms=Terms(ticker=symbol, local_symbol=symbol, trading_class=symbol),
    )


def underlying_of(root: str) -> str:
    """Return the symbol of the listing that a class of options is on."""
    return _INDEX_CLASSES.get(root, root)


def last_session(calendar: TradingCalendar, expiry: date) -> date:
    """Return the last session up to an expiry: until 2015 monthly options expired on Saturdays."""
    sessions = calendar.sessions_between(expiry - timedelta(days=7), expiry)
    return sessions[-1].day if sessions else expiry
