"""Recorded days with the options that were recorded on them, added to another recorded market."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from daemon.adapters.files.columns import QuoteRows, TradeRows, read_trades
from daemon.adapters.files.option_listings import (
    RECORDED_RULE,
    index_listing,
    last_session,
    option_listings,
    underlying_of,
)
from daemon.adapters.files.option_rows import RecordedOption, read_option_quotes, read_option_trades
from daemon.adapters.files.recorded_tape import QuoteColumns, tape_of
from daemon.adapters.files.replay import NoMarketData
from daemon.market.listing import MARKET_RULES, Listing, Terms, UnknownSymbol
from daemon.market.option_chain import OptionChain, OptionClass
from daemon.market.option_contract import parse_option
from daemon.market.option_pricing import YEAR_S, Conditions, OptionState, OptionTerms, implied_volatility
from daemon.market.option_rates import dividend_yield
from daemon.market.recent import Recent
from daemon.market.sessions import Session, TradingCalendar
from daemon.market.tape import FloatArray, SecondTape

_BAR_S: Final = 60
_NO_QUOTES: Final = QuoteRows(
    start=np.zeros(0, dtype=np.int64),
    bid=np.zeros(0),
    ask=np.zeros(0),
    bid_size=np.zeros(0, dtype=np.int64),
    ask_size=np.zeros(0, dtype=np.int64),
)
_NO_TRADES: Final = TradeRows(
    start=np.zeros(0, dtype=np.int64),
    open=np.zeros(0),
    high=np.zeros(0),
    low=np.zeros(0),
    close=np.zeros(0),
    volume=np.zeros(0, dtype=np.int64),
)


class RecordedMarket(Protocol):
    """What options are added to."""

    @property
    def listings(self) -> Mapping[str, Listing]:
        """Return what is listed, by symbol."""
        ...

    @property
    def calendar(self) -> TradingCalendar:
        """Return the sessions of the exchange."""
        ...

    def tape(self, symbol: str, session: Session) -> SecondTape:
        """Return a session second by second; raise LookupError where there is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recordings:
    """All that was recorded of options, by symbol."""

    listings: Mapping[str, Listing]
    quotes: Mapping[str, QuoteRows]
    trades: Mapping[str, TradeRows]


class _Listings(Mapping[str, Listing]):
    """Listings by symbol; options are found but not iterated over."""

    def __init__(self, plain: Mapping[str, Listing], recordings: Callable[[], _Recordings]) -> None:
        self._plain = plain
        self._recordings = recordings

    def __getitem__(self, symbol: str) -> Listing:
        found = self._plain.get(symbol)
        if found is None and parse_option(symbol) is not None:
            found = self._recordings().listings.get(symbol)
        if found is None:
            raise KeyError(symbol)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._plain)

    def __len__(self) -> int:
        return len(self._plain)


class OptionReplay:
    """A recorded market with the options below `option-minute/` and the indices below `index-minute/`.

    Files are named `SYMBOL.quote.SOURCE.parquet` and `SYMBOL.trade.SOURCE.parquet`, and are read when something about
    an option is first asked. A quote is in force from the end of its minute, as for shares. A contract is listed on
    the days on which something of it was recorded.
    """

    def __init__(self, root: Path, base: RecordedMarket, *, rate: float = 0.0, tapes_kept: int = 64) -> None:
        """Find the files below `root`; whatever asks for an option first may raise BadMarketData.

        Args:
            root: the folder that holds `option-minute`.
            base: the recorded shares; its listings and calendar stay as they are.
            rate: interest a year on the recorded days, for volatilities; near 0 from 2009 to 2021.
            tapes_kept: option tapes to keep in memory, 2.1 MB each.

        Raises:
            NoMarketData: no options are recorded below `root`.
        """
        self._base = base
        self.calendar = base.calendar
        self._root = root
        self._rate = rate
        if not has_options(root):
            raise NoMarketData(f"{root} holds no recorded options: files must be named option-minute/SYMBOL.quote.*")
        underlyings = {underlying_of(path.name.split(".")[0]) for path in (root / "option-minute").glob("*.parquet")}
        self._indices = {
            path.name.split(".")[0]: path
            for path in sorted((root / "index-minute").glob("*.trade.*parquet"))
            if path.name.split(".")[0] in underlyings
        }
        self._plain = {**base.listings, **{symbol: index_listing(symbol) for symbol in self._indices}}
        self.listings: Mapping[str, Listing] = _Listings(self._plain, self._recordings)
        self._kept: Recent[str, _Recordings] = Recent(1)
        self._by_id: dict[int, Listing] = {listing.con_id: listing for listing in self._plain.values()}
        self._tapes: Recent[tuple[str, Session], SecondTape] = Recent(tapes_kept)
        self._chains: Recent[tuple[str, Session], tuple[OptionChain, ...]] = Recent(16)

    def tape(self, symbol: str, session: Session) -> SecondTape:
        """Return the seconds of `symbol` in `session`.

        Raises:
            UnknownSymbol: `symbol` is not listed.
            NoMarketData: nothing of it was recorded in that session.
        """
        if symbol in self._base.listings:
            return self._base.tape(symbol, session)
        if symbol not in self.listings:
            raise UnknownSymbol(symbol, self.listings)
        return self._tapes.get((symbol, session), partial(self._make_tape, symbol, session))

    def by_con_id(self, con_id: int) -> Listing | None:
        """Return the contract of a number, None if there is none."""
        known = self._by_id.get(con_id)
        if known is None:
            self._recordings()
        return known or self._by_id.get(con_id)

    def chains(self, underlying: str, session: Session) -> tuple[OptionChain, ...]:
        """Return the options on an underlying of which something was recorded in a session."""
        return self._chains.get((underlying, session), partial(self._make_chains, underlying, session))

    def futures(self, session: Session) -> tuple[Listing, ...]:
        """Return no futures: none are replayed."""
        del session
        return ()

    def option_state(self, symbol: str, session: Session, row: int) -> OptionState | None:
        """Return the volatility that the middle of the recorded quote implies; None where it cannot be told."""
        listing = self.listings.get(symbol)
        terms = None if listing is None or listing.sec_type != "OPT" else listing.terms
        if terms is None or not 0 <= row < session.seconds:
            return None
        try:
            tape, price = self.tape(symbol, session), self._price(terms.underlying, session, row)
        except LookupError:
            return None
        option = OptionTerms(strike=terms.strike, right=terms.right, is_american=terms.is_american)
        years = max(self._expires_s(terms) - session.open_s - row, 0) / YEAR_S
        now = Conditions(price=price, years=years, rate=self._rate, dividends=dividend_yield(terms.underlying))
        if not price > 0:
            return None
        volatility = implied_volatility(option, now, float((tape.bid[row] + tape.ask[row]) / 2))
        return None if volatility is None else OptionState(terms=option, conditions=now, volatility=volatility)

    def _make_tape(self, symbol: str, session: Session) -> SecondTape:
        if symbol in self._indices:
            return self._index_tape(symbol, session)
        found = self._recordings()
        quotes = found.quotes.get(symbol, _NO_QUOTES).between(session.open_s, session.close_s)
        trades = found.trades.get(symbol, _NO_TRADES).between(session.open_s, session.close_s)
        if not quotes.start.size and not trades.start.size:
            raise NoMarketData(f"nothing of {symbol} was recorded on {session.day}")
        return tape_of(session, (trades, _BAR_S), (quotes, _BAR_S))

    def _index_tape(self, symbol: str, session: Session) -> SecondTape:
        rows = read_trades(self._indices[symbol]).between(session.open_s, session.close_s)
        if not rows.start.size:
            raise NoMarketData(f"nothing of {symbol} was recorded on {session.day}")
        absent, nothing = np.full(session.seconds, np.nan), np.zeros(session.seconds, dtype=np.int64)
        quotes = QuoteColumns(bid=absent, ask=absent.copy(), bid_size=nothing, ask_size=nothing.copy())
        return tape_of(session, (rows, _BAR_S), quotes)

    def _price(self, underlying: str, session: Session, row: int) -> float:
        """Return an underlying's price at a second: the middle of its quote, else its last trade; NaN before any."""
        tape = self.tape(underlying, session)
        middle = float((tape.bid[row] + tape.ask[row]) / 2)
        if np.isfinite(middle):
            return middle
        traded: FloatArray = tape.close[: row + 1][tape.volume[: row + 1] > 0]
        return float(traded[-1]) if traded.size else float("nan")

    def _expires_s(self, terms: Terms) -> int:
        """Return the close of the last trading day; recorded morning settlements are not told apart."""
        session = None if terms.last_trading_day is None else self.calendar.session_on(terms.last_trading_day)
        return 0 if session is None else session.close_s

    def _make_chains(self, underlying: str, session: Session) -> tuple[OptionChain, ...]:
        by_root: dict[str, list[Terms]] = {}
        for symbol, listing in self._recordings().listings.items():
            if listing.terms is not None and listing.terms.underlying == underlying and self._has(symbol, session):
                by_root.setdefault(listing.terms.trading_class, []).append(listing.terms)
        return tuple(self._chain(root, listed, session) for root, listed in by_root.items())

    def _chain(self, root: str, listed: list[Terms], session: Session) -> OptionChain:
        expirations = sorted({terms.expiry for terms in listed if terms.expiry is not None})
        return OptionChain(
            option_class=OptionClass(
                root=root,
                underlying=underlying_of(root),
                underlying_ticker=underlying_of(root),
                strike_unit=MARKET_RULES[RECORDED_RULE][0][1],
                market_rule=RECORDED_RULE,
                is_american=listed[0].is_american,
            ),
            day=session.day,
            expirations=tuple(expirations),
            last_trading_days=tuple(last_session(self.calendar, day) for day in expirations),
            strikes=tuple(sorted({terms.strike for terms in listed})),
            weekly_reach=inf,
        )

    def _has(self, symbol: str, session: Session) -> bool:
        found = self._recordings()
        for rows in (found.quotes.get(symbol), found.trades.get(symbol)):
            if rows is not None:
                at = int(np.searchsorted(rows.start, session.open_s))
                if at < rows.start.size and rows.start[at] < session.close_s:
                    return True
        return False

    def _recordings(self) -> _Recordings:
        return self._kept.get("", self._read)

    def _read(self) -> _Recordings:
        folder = self._root / "option-minute"
        options: dict[str, RecordedOption] = {}
        quotes: dict[str, QuoteRows] = {}
        trades: dict[str, TradeRows] = {}
        for path in sorted(folder.glob("*.quote.*parquet")):
            for option, quoted in read_option_quotes(path).items():
                options[option.key.symbol], quotes[option.key.symbol] = option, quoted
        for path in sorted(folder.glob("*.trade.*parquet")):
            for option, traded in read_option_trades(path).items():
                options[option.key.symbol], trades[option.key.symbol] = option, traded
        listings = option_listings(self.calendar, options, set(self._by_id))
        self._by_id.update((listing.con_id, listing) for listing in listings.values())
        return _Recordings(listings=listings, quotes=quotes, trades=trades)


def has_options(root: Path) -> bool:
    """Return whether options are recorded below a folder."""
    return any((root / "option-minute").glob("*.quote.*parquet"))
