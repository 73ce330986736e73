"""Contracts on the wire and listings of the market: finding one from the other, and describing it."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from daemon.gateway.wire.contract import Contract, ContractDetails
from daemon.market.listing import Listing
from daemon.market.sessions import OutOfCalendar, TradingCalendar

EXCHANGE_ZONE = "US/Eastern"  # as IB names it
_EXCHANGES = "SMART,{primary}"
_ORDER_TYPES = "ACTIVETIM,DAY,GTC,IOC,LMT,MKT,STP,WHATIF"
_HOURS_SESSIONS = 6
MARKET_RULE = 26  # IB's id of "one cent at every price"
ANY_EXCHANGE = frozenset({"", "SMART"})


class Contracts:
    """The listed contracts, by number and by symbol."""

    def __init__(self, listings: Mapping[str, Listing], calendar: TradingCalendar) -> None:
        self._listings = listings
        self._by_id = {listing.con_id: listing for listing in listings.values()}
        self._calendar = calendar

    def find(self, contract: Contract) -> Listing | None:
        """Return the one listing a contract means, or None; a number decides alone, as at IB."""
        if contract.con_id:
            return self._by_id.get(contract.con_id)
        listing = self._listings.get(contract.symbol or contract.local_symbol)
        if listing is None or contract.sec_type not in {"", listing.sec_type}:
            return None
        exchanges = ANY_EXCHANGE | {listing.primary_exchange}
        fits = (
            contract.currency in {"", listing.currency}
            and contract.exchange in exchanges
            and contract.primary_exchange in exchanges
        )
        return listing if fits else None

    def symbol_of(self, con_id: int) -> str:
        """Return the symbol of a contract number, "" for an unknown one."""
        listing = self._by_id.get(con_id)
        return "" if listing is None else listing.symbol

    def of_symbol(self, symbol: str, exchange: str = "") -> Contract:
        """Return a symbol's contract; a bare one when a state file holds what this market does not list."""
        listing = self._listings.get(symbol)
        if listing is not None:
            return full_contract(listing, exchange)
        return Contract(symbol=symbol, sec_type="STK", exchange=exchange, currency="USD", local_symbol=symbol)

    def matching(self, pattern: str) -> list[Listing]:
        """Return at most 16 listings whose symbol begins with, or whose name contains, a pattern."""
        wanted = pattern.strip().upper()
        if not wanted:
            return []
        hits = [
            listing
            for symbol, listing in sorted(self._listings.items())
            if symbol.startswith(wanted) or wanted in listing.name.upper()
        ]
        return sorted(hits, key=lambda listing: not listing.symbol.startswith(wanted))[:16]

    def describe(self, listing: Listing, now: datetime) -> ContractDetails:
        """Return what contract details say about a listing; hours begin with today's."""
        hours = self._hours(now)
        return ContractDetails(
            market_name=listing.symbol,
            min_tick=listing.tick_size,
            order_types=_ORDER_TYPES,
            valid_exchanges=_EXCHANGES.format(primary=listing.primary_exchange),
            long_name=listing.name,
            time_zone_id=EXCHANGE_ZONE,
            trading_hours=hours,
            liquid_hours=hours,
            agg_group=1,
            market_rule_ids=f"{MARKET_RULE},{MARKET_RULE}",
            stock_type="COMMON",
            min_size=Decimal(1),
            size_increment=Decimal(1),
            suggested_size_increment=Decimal(100),
        )

    def _hours(self, now: datetime) -> str:
        zone = self._calendar.timezone
        today = now.astimezone(zone).date()
        parts: list[str] = []
        try:
            session = self._calendar.last_open_before(now)
            if session is None or session.day != today:
                if self._calendar.session_on(today) is None:
                    parts.append(f"{today:%Y%m%d}:CLOSED")
                session = self._calendar.next_session(now)
            while len(parts) < _HOURS_SESSIONS:
                opened, closed = session.open.astimezone(zone), session.close.astimezone(zone)
                parts.append(f"{opened:%Y%m%d:%H%M}-{closed:%Y%m%d:%H%M}")
                session = self._calendar.session_after(session)
        except OutOfCalendar:
            return ";".join(parts)
        return ";".join(parts)


def full_contract(listing: Listing, exchange: str = "") -> Contract:
    """Return a listing as responses spell it; without an exchange, the primary one."""
    return Contract(
        con_id=listing.con_id,
        symbol=listing.symbol,
        sec_type=listing.sec_type,
        exchange=exchange or listing.primary_exchange,
        primary_exchange=listing.primary_exchange,
        currency=listing.currency,
        local_symbol=listing.symbol,
        trading_class=listing.symbol,
    )
