"""Options and futures from what a request says of them: by local symbol, by all fields, or a chain when some lack."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date

from daemon.gateway.source import DerivativeSource
from daemon.gateway.wire.contract import Contract
from daemon.market.listing import Listing
from daemon.market.option_chain import OptionChain
from daemon.market.option_contract import OptionKey, OptionRight, parse_option
from daemon.market.sessions import Session

_EXPIRY = re.compile(r"\d{6}(\d{2})?", re.ASCII)
_RIGHTS: dict[str, tuple[OptionRight, ...]] = {
    "C": ("C",),
    "CALL": ("C",),
    "P": ("P",),
    "PUT": ("P",),
    "": ("C", "P"),
    "?": ("C", "P"),
    "0": ("C", "P"),
}


class DerivativeSearch:
    """Finds options and futures of the current session."""

    def __init__(self, source: DerivativeSource, session: Callable[[], Session]) -> None:
        self._source = source
        self._session = session

    def chains(self, underlying: str) -> tuple[OptionChain, ...]:
        """Return the current chains on an underlying."""
        return self._source.chains(underlying, self._session())

    def candidates(self, contract: Contract, listings: Mapping[str, Listing]) -> Iterator[Listing]:
        """Yield the options and futures that fit a request's symbol, expiry, strike and right; the rest is unchecked.

        What is named by a local symbol is found on every day before it expires; a description finds what is listed
        now.
        """
        kind = contract.sec_type
        if kind in {"", "OPT"} and contract.local_symbol:
            key = parse_option(contract.local_symbol)
            found = None if key is None else listings.get(key.symbol)
            if found is not None and not self._is_over(found):
                yield found
        elif kind == "OPT" and contract.symbol:
            yield from self._options(contract, listings)
        if kind in {"", "FUT"} and (kind or contract.local_symbol):
            yield from self._futures(contract)

    def _is_over(self, listing: Listing) -> bool:
        terms = listing.terms
        last = None if terms is None else terms.last_trading_day
        return last is not None and last < self._session().day

    def _options(self, contract: Contract, listings: Mapping[str, Listing]) -> Iterator[Listing]:
        rights = _RIGHTS.get(contract.right.upper())
        if rights is None or (contract.last_trade_date and not _EXPIRY.fullmatch(contract.last_trade_date)):
            return
        for chain in self._source.chains(_underlying(contract, listings), self._session()):
            if contract.trading_class in {"", chain.option_class.root}:
                for expiry in _expirations(chain, contract.last_trade_date):
                    yield from _listed(chain, expiry, contract, rights, listings)

    def _futures(self, contract: Contract) -> Iterator[Listing]:
        for listing in self._source.futures(self._session()):
            named = not contract.local_symbol or contract.local_symbol == listing.local_symbol
            of_ticker = bool(contract.local_symbol) or contract.symbol == listing.ticker
            if named and of_ticker and _expires(listing, contract.last_trade_date):
                yield listing


def _underlying(contract: Contract, listings: Mapping[str, Listing]) -> str:
    """Return the key of the listing that an option's symbol names."""
    found = listings.get(contract.symbol)
    return contract.symbol if found is None else found.symbol


def _expirations(chain: OptionChain, text: str) -> list[date]:
    """Return the expirations that a day or month may mean; those settled at the open last trade on an earlier day."""
    if chain.option_class.settles_at_open:
        return list(chain.expirations)
    return [expiry for expiry in chain.expirations if f"{expiry:%Y%m%d}".startswith(text)]


def _listed(
    chain: OptionChain,
    expiry: date,
    contract: Contract,
    rights: tuple[OptionRight, ...],
    listings: Mapping[str, Listing],
) -> Iterator[Listing]:
    """Yield the options of one expiration that fit a request."""
    for strike in _strikes(chain, expiry, contract.strike):
        for right in rights:
            key = OptionKey(root=chain.option_class.root, expiry=expiry, right=right, strike=strike)
            found = listings.get(key.symbol)
            if found is not None and _expires(found, contract.last_trade_date):
                yield found


def _strikes(chain: OptionChain, expiry: date, wanted: float) -> tuple[float, ...]:
    """Return the strikes of an expiration, or the one asked for when it lies among them."""
    listed = chain.strikes_of(expiry)
    if not wanted:
        return listed
    return (wanted,) if listed and listed[0] <= wanted <= listed[-1] else ()


def _expires(listing: Listing, text: str) -> bool:
    """Return whether a contract expires or last trades on the day, or in the month, a request names."""
    terms = listing.terms
    if not text:
        return True
    if terms is None:
        return False
    days = [f"{day:%Y%m%d}" for day in (terms.expiry, terms.last_trading_day) if day is not None]
    return any(day.startswith(text) for day in days)
