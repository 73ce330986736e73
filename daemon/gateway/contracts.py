"""Contracts on the wire and listings of the market: finding one from the other, and describing it."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal

from daemon.gateway.derivatives import DerivativeSearch
from daemon.gateway.source import DerivativeSource
from daemon.gateway.wire.contract import Contract, ContractDetails
from daemon.market.listing import Listing
from daemon.market.sessions import OutOfCalendar, Session, TradingCalendar

EXCHANGE_ZONE = "US/Eastern"  # as IB names it
_ORDER_TYPES = "ACTIVETIM,DAY,GTC,IOC,LMT,MKT,STP,WHATIF"
_HOURS_SESSIONS = 6
ANY_EXCHANGE = frozenset({"", "SMART"})
OPTION_EXCHANGES = ("SMART", "AMEX", "CBOE", "ISE", "PHLX")
_ROUTED = frozenset({"STK", "OPT"})  # what SMART takes
_ROUND_LOT = {"STK": 100, "CASH": 1000}


class Contracts:
    """The listed contracts, by number, by symbol and by description."""

    def __init__(
        self,
        listings: Mapping[str, Listing],
        calendar: TradingCalendar,
        *,
        derivatives: DerivativeSource | None = None,
        session: Callable[[], Session] | None = None,
    ) -> None:
        """Take what is listed; where there are options or futures, also the session whose chains are current."""
        self._listings = listings
        self._by_id = {listing.con_id: listing for listing in listings.values()}
        self._calendar = calendar
        self._derivatives = derivatives
        self._search = None if derivatives is None or session is None else DerivativeSearch(derivatives, session)

    def find(self, contract: Contract) -> Listing | None:
        """Return the one listing a contract means, or None for none or several; a number decides alone, as at IB."""
        found = self.matches(contract)
        return found[0] if len(found) == 1 else None

    def matches(self, contract: Contract) -> list[Listing]:
        """Return every listing that fits a contract; an option without its strike, right or expiry means a chain."""
        if contract.con_id:
            return self._numbered(contract.con_id)
        return [listing for listing in self._candidates(contract) if _fits(listing, contract)]

    def symbol_of(self, con_id: int) -> str:
        """Return the symbol of a contract number, "" for an unknown one."""
        found = self._numbered(con_id)
        return found[0].symbol if found else ""

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

    def has_options(self, listing: Listing) -> bool:
        """Return whether there are options on a listing."""
        return self._search is not None and bool(self._search.chains(listing.symbol))

    def describe(self, listing: Listing, now: datetime) -> ContractDetails:
        """Return what contract details say about a listing; hours begin with today's."""
        hours = self._hours(now)
        exchanges = exchanges_of(listing)
        terms = listing.terms
        under = None if terms is None or not terms.underlying else self._listings.get(terms.underlying)
        expiry = None if terms is None else terms.expiry
        return ContractDetails(
            market_name=listing.trading_class,
            min_tick=listing.tick_size,
            order_types=_ORDER_TYPES,
            valid_exchanges=",".join(exchanges),
            under_con_id=0 if under is None else under.con_id,
            long_name=listing.name,
            contract_month="" if expiry is None else f"{expiry:%Y%m}",
            time_zone_id=EXCHANGE_ZONE,
            trading_hours=hours,
            liquid_hours=hours,
            agg_group=1,
            under_symbol="" if under is None else under.ticker,
            under_sec_type="" if under is None else under.sec_type,
            market_rule_ids=",".join([str(listing.market_rule)] * len(exchanges)),
            real_expiration_date="" if expiry is None else f"{expiry:%Y%m%d}",
            stock_type="COMMON" if listing.sec_type == "STK" else "",
            min_size=Decimal(1),
            size_increment=Decimal(1),
            suggested_size_increment=Decimal(_ROUND_LOT.get(listing.sec_type, 1)),
        )

    def _numbered(self, con_id: int) -> list[Listing]:
        known = self._by_id.get(con_id)
        if known is None and self._derivatives is not None:
            known = self._derivatives.by_con_id(con_id)
        return [] if known is None else [known]

    def _candidates(self, contract: Contract) -> Iterator[Listing]:
        """Yield what the contract's names may mean."""
        plain = self._listings.get(contract.symbol or contract.local_symbol)
        if contract.sec_type == "CASH" and contract.symbol:
            plain = self._listings.get(f"{contract.symbol}.{contract.currency}")
        if plain is not None and (plain.terms is None or plain.terms.expiry is None):
            yield plain
        if self._search is not None:
            yield from self._search.candidates(contract, self._listings)

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


def exchanges_of(listing: Listing) -> tuple[str, ...]:
    """Return where a listing can be traded, the usual destination first."""
    if listing.sec_type == "STK":
        return ("SMART", listing.primary_exchange)
    if listing.sec_type == "OPT":
        return OPTION_EXCHANGES
    return (listing.primary_exchange,)


def answer_exchange(listing: Listing, asked: str) -> str:
    """Return the exchange that contract details name: the one asked for, else the usual destination."""
    return asked if asked in exchanges_of(listing) else exchanges_of(listing)[0]


def full_contract(listing: Listing, exchange: str = "") -> Contract:
    """Return a listing as responses spell it; without an exchange, the primary one."""
    terms = listing.terms
    expires = ""
    if terms is not None and terms.expiry is not None:
        day = terms.last_trading_day if terms.right else terms.expiry
        expires = f"{day or terms.expiry:%Y%m%d}"
    return Contract(
        con_id=listing.con_id,
        symbol=listing.ticker,
        sec_type=listing.sec_type,
        last_trade_date=expires,
        strike=0.0 if terms is None else terms.strike,
        right="" if terms is None else terms.right,
        multiplier=str(listing.multiplier) if expires else "",
        exchange=exchange or ("SMART" if listing.sec_type == "OPT" else listing.primary_exchange),
        primary_exchange=listing.primary_exchange if listing.sec_type == "STK" else "",
        currency=listing.currency,
        local_symbol=listing.local_symbol,
        trading_class=listing.trading_class,
    )


def _fits(listing: Listing, contract: Contract) -> bool:
    """Return whether every field that a contract fills says what the listing says."""
    # A local symbol names an option or a future alone, so that its kind need not be said.
    of_any_kind = not contract.sec_type and (listing.sec_type == "STK" or contract.local_symbol)
    if contract.sec_type != listing.sec_type and not of_any_kind:
        return False
    allowed = {"", *exchanges_of(listing), listing.primary_exchange}
    if contract.exchange not in allowed | ({"SMART"} if listing.sec_type in _ROUTED else set()):
        return False
    primary = contract.primary_exchange in allowed | {"SMART"}
    named = contract.local_symbol.replace(" ", "") in {"", listing.local_symbol.replace(" ", "")}
    return (
        primary
        and contract.currency in {"", listing.currency}
        and contract.symbol in {"", listing.ticker}
        and (named or listing.sec_type == "STK")
        and (listing.terms is None or contract.trading_class in {"", listing.trading_class})
        and (not contract.multiplier or contract.multiplier == str(listing.multiplier))
    )
