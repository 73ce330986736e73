"""Indices, index futures and currency pairs of the synthetic market, and the classes of options it lists."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from daemon.market.listing import MARKET_RULES, ONE_CENT, Listing, Terms, con_id_of
from daemon.market.option_chain import OptionClass, expiry_in_week, third_friday
from daemon.market.sessions import TradingCalendar
from daemon.market.universe import MARKET_FACTOR, UNIVERSE, Profile

SPX: Final = "SPX"
VIX: Final = "VIX"
EURUSD: Final = "EUR.USD"
PENNY_RULE: Final = 32
NICKEL_RULE: Final = 110
INDEX_OPTION_TURNOVER: Final = 3.5e10  # currency a day, as if the index were a fund of that turnover

_MONTH_CODES: Final = "FGHJKMNQUVXZ"
_QUARTER_MONTHS: Final = (3, 6, 9, 12)
_QUARTERS_LISTED: Final = 5


def _index(symbol: str, name: str) -> Listing:
    return Listing(
        symbol=symbol,
        con_id=con_id_of(f"index {symbol}"),
        name=name,
        primary_exchange="CBOE",
        sec_type="IND",
        average_daily_volume=0,
        terms=Terms(ticker=symbol, local_symbol=symbol, trading_class=symbol),
    )


SPX_PROFILE: Final = Profile(
    listing=_index(SPX, "S&P 500 Stock Index"),
    base_price=5_600.0,
    loadings=((MARKET_FACTOR, 1.0),),
    own_volatility=0.0,
)
VIX_LISTING: Final = _index(VIX, "CBOE Volatility Index")
EURUSD_PROFILE: Final = Profile(
    listing=Listing(
        symbol=EURUSD,
        con_id=con_id_of(f"pair {EURUSD}"),
        name="European Monetary Union Euro",
        primary_exchange="IDEALPRO",
        sec_type="CASH",
        tick_size=0.00005,
        average_daily_volume=10_000_000_000,
        market_rule=239,
        terms=Terms(ticker="EUR", local_symbol=EURUSD, trading_class=EURUSD),
    ),
    base_price=1.08,
    loadings=(),
    own_volatility=0.0045,
)
OTHERS: Final[Mapping[str, Listing]] = MappingProxyType(
    {listing.symbol: listing for listing in (SPX_PROFILE.listing, VIX_LISTING, EURUSD_PROFILE.listing)}
)

# Ticker, name, multiplier, contracts a day.
_FUTURES: Final = {
    "ES": ("E-mini S&P 500", 50, 1_500_000),
    "MES": ("Micro E-mini S&P 500", 5, 1_000_000),
}
FUTURE_TICKERS: Final = frozenset(_FUTURES)

# Names in the penny programme: cents below three dollars.
_PENNY: Final = frozenset(
    {"EEM", "XLF", "GLD", "SLV", "TLT", "AAPL", "MSFT", "NVDA", "AMZN", "META", "TSLA"}
    | {"AMD", "INTC", "GOOGL", "GOOG", "BAC", "JPM", "F", "C", "PLTR", "NFLX", "MU", "T", "VZ", "XLE", "HYG", "SMH"}
)
# Funds whose options have a strike at every dollar and cents at every price.
_DOLLAR: Final = frozenset({"SPY", "QQQ", "IWM", "DIA"})


def _strike_unit(profile: Profile) -> float:
    price = profile.base_price
    if profile.listing.symbol in _DOLLAR:
        return 1.0
    return 0.5 if price < 30 else 1.0 if price < 250 else 2.5


def _stock_class(profile: Profile) -> OptionClass:
    symbol = profile.listing.symbol
    return OptionClass(
        root=symbol.replace(" ", ""),
        underlying=symbol,
        underlying_ticker=symbol,
        strike_unit=_strike_unit(profile),
        market_rule=ONE_CENT if symbol in _DOLLAR else PENNY_RULE if symbol in _PENNY else NICKEL_RULE,
        is_american=True,
    )


def _index_class(root: str, *, settles_at_open: bool) -> OptionClass:
    return OptionClass(
        root=root,
        underlying=SPX,
        underlying_ticker=SPX,
        strike_unit=5.0,
        market_rule=NICKEL_RULE,
        is_american=False,
        settles_at_open=settles_at_open,
        has_weeklies=not settles_at_open,
    )


# By root. The order decides contract numbers: add new ones at the end of the universe only.
OPTION_CLASSES: Final[Mapping[str, OptionClass]] = MappingProxyType(
    {
        made.root: made
        for made in (
            _index_class("SPX", settles_at_open=True),
            _index_class("SPXW", settles_at_open=False),
            *map(_stock_class, UNIVERSE.values()),
        )
    }
)


def future_listing(calendar: TradingCalendar, ticker: str, expiry: date) -> Listing:
    """Return a future's listing; its key has the whole year, which its local symbol lacks."""
    name, multiplier, volume = _FUTURES[ticker]
    session = calendar.session_on(expiry)
    code = _MONTH_CODES[expiry.month - 1]
    key = f"{ticker}{code}{expiry.year}"
    rule = 67
    return Listing(
        symbol=key,
        con_id=con_id_of(f"future {key}"),
        name=name,
        primary_exchange="CME",
        sec_type="FUT",
        tick_size=MARKET_RULES[rule][0][1],
        average_daily_volume=volume,
        market_rule=rule,
        terms=Terms(
            ticker=ticker,
            local_symbol=f"{ticker}{code}{expiry.year % 10}",
            trading_class=ticker,
            multiplier=multiplier,
            underlying=SPX,
            expiry=expiry,
            last_trading_day=expiry if session is None else calendar.session_before(session).day,
            settles_at_open=True,
        ),
    )


@lru_cache(maxsize=16)
def all_futures(calendar: TradingCalendar) -> Mapping[str, Listing]:
    """Return every quarterly future the calendar reaches, by key."""
    found: dict[str, Listing] = {}
    for year in range(2000, calendar.last_day.year + 1):
        for month in _QUARTER_MONTHS:
            friday = third_friday(year, month)
            expiry = expiry_in_week(calendar, friday.fromordinal(friday.toordinal() - 4))
            if expiry is not None:
                made = (future_listing(calendar, ticker, expiry) for ticker in _FUTURES)
                found.update((listing.symbol, listing) for listing in made)
    return MappingProxyType(found)


def futures_on(calendar: TradingCalendar, day: date) -> tuple[Listing, ...]:
    """Return the futures that trade on `day`: the next five quarters of each ticker, nearest first."""
    found: list[Listing] = []
    for ticker in _FUTURES:
        alive = [
            listing for listing in all_futures(calendar).values() if listing.ticker == ticker and ends(listing) >= day
        ]
        found.extend(sorted(alive, key=ends)[:_QUARTERS_LISTED])
    return tuple(found)


def ends(listing: Listing) -> date:
    """Return the last trading day of a contract that expires; the calendar's far end for the others."""
    terms = listing.terms
    return date.max if terms is None or terms.last_trading_day is None else terms.last_trading_day
