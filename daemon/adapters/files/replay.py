"""Recorded days as a market: Parquet bars and quotes by the second or the minute become the gateway's tapes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal

import numpy as np

from daemon.adapters.files.columns import QuoteRows, TradeRows, read_quotes, read_trades
from daemon.adapters.files.recorded_tape import quotes_around_trades, tape_of
from daemon.market.listing import Listing, UnknownSymbol, con_id_of
from daemon.market.recent import Recent
from daemon.market.sessions import Session, TradingCalendar
from daemon.market.tape import IntArray, SecondTape
from daemon.market.universe import UNIVERSE

Kind = Literal["trade", "quote"]


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder of the layout and the length of the bars in it."""

    name: str
    bar_s: int


# In order of preference. Yahoo's minutes come last: they lack quotes and some minutes.
_FOLDERS: Final = (_Folder("equity-second", 1), _Folder("equity-minute", 60), _Folder("equity-minute-yahoo", 60))


_KINDS: Final[tuple[Kind, ...]] = ("trade", "quote")


class NoMarketData(LookupError):
    """Nothing was recorded for what was asked; the message says what there is."""


class ReplayMarket:
    """The recorded sessions below a folder laid out as `equity-second/SYM.trade.*.parquet`, `equity-minute/...`.

    For each symbol and session the finest trades are taken, then the finest quotes. Only rows of the regular session
    trade; the last quote before the open is in force at the open. A print in the second of the close or later, such
    as the closing cross that is reported after it, is not part of the session.
    """

    def __init__(
        self,
        root: Path,
        calendar: TradingCalendar,
        symbols: Sequence[str] | None = None,
        *,
        tapes_kept: int = 32,
    ) -> None:
        """Find the files below `root` and read the trades of `symbols`; quotes are read when first needed.

        Args:
            root: the folder that holds the `equity-*` folders.
            calendar: whose sessions the recordings are of.
            symbols: what to list; None lists every symbol with trades.
            tapes_kept: tapes to keep in memory, 2.1 MB each.

        Raises:
            NoMarketData: `root` holds no recorded trades.
            UnknownSymbol: one of `symbols` has no recorded trades.
            BadMarketData: a file is damaged or holds impossible values.
        """
        self._root = root
        self.calendar = calendar
        self._files = {(folder, kind): _find(root / folder.name, kind) for folder in _FOLDERS for kind in _KINDS}
        recorded = {symbol for (_, kind), found in self._files.items() if kind == "trade" for symbol in found}
        if not recorded:
            layout = f"{_FOLDERS[0].name}/SYMBOL.trade.SOURCE.parquet"
            raise NoMarketData(f"{root} holds no recorded trades: files must be named like {layout}")
        wanted = sorted(recorded) if symbols is None else list(dict.fromkeys(symbols))
        for symbol in wanted:
            if symbol not in recorded:
                raise UnknownSymbol(symbol, recorded)
        self._trades: dict[Path, TradeRows] = {}
        self._quotes: dict[Path, QuoteRows] = {}
        self._tapes: Recent[tuple[str, Session], SecondTape] = Recent(tapes_kept)
        self.listings: dict[str, Listing] = {symbol: self._listing(symbol) for symbol in wanted}

    def sessions(self, symbol: str) -> tuple[Session, ...]:
        """Return the sessions with recorded trades of `symbol`, oldest first; raise UnknownSymbol if not listed."""
        self._require(symbol)
        return self._traded(symbol)

    def second_sessions(self, symbol: str, kind: Kind) -> tuple[Session, ...]:
        """Return the sessions with second-by-second trades or quotes of `symbol`, oldest first."""
        self._require(symbol)
        rows = self._quotes_of if kind == "quote" else self._trades_of
        return self._sessions_in(rows(path).start for folder, path in self._paths(symbol, kind) if folder.bar_s == 1)

    def tape(self, symbol: str, session: Session) -> SecondTape:
        """Return the seconds of `symbol` in `session`.

        Raises:
            UnknownSymbol: `symbol` is not listed.
            NoMarketData: no trades of that session were recorded.
            BadMarketData: a file is damaged or holds impossible values.
        """
        self._require(symbol)
        return self._tapes.get((symbol, session), partial(self._make_tape, symbol, session))

    def _make_tape(self, symbol: str, session: Session) -> SecondTape:
        trades = self._session_trades(symbol, session)
        quotes = self._session_quotes(symbol, session)
        tick = self.listings[symbol].tick_size
        return tape_of(session, trades, quotes or quotes_around_trades(session, trades, tick))

    def _session_trades(self, symbol: str, session: Session) -> tuple[TradeRows, int]:
        for folder, path in self._paths(symbol, "trade"):
            rows = self._trades_of(path).between(session.open_s, session.close_s)
            if np.any(rows.volume):
                return rows, folder.bar_s
        have = ", ".join(str(known.day) for known in self._traded(symbol)) or "none"
        raise NoMarketData(f"no trades of {symbol} were recorded on {session.day}; recorded sessions: {have}")

    def _session_quotes(self, symbol: str, session: Session) -> tuple[QuoteRows, int] | None:
        for folder, path in self._paths(symbol, "quote"):
            quotes = self._quotes_of(path)
            if quotes.between(session.open_s, session.close_s).start.size:
                midnight = session.open.astimezone(self.calendar.timezone).replace(hour=0, minute=0, second=0)
                return quotes.between(int(midnight.timestamp()), session.close_s), folder.bar_s
        return None

    def _traded(self, symbol: str) -> tuple[Session, ...]:
        found = (self._trades_of(path) for _, path in self._paths(symbol, "trade"))
        return self._sessions_in(rows.start[rows.volume > 0] for rows in found)

    def _sessions_in(self, columns: Iterable[IntArray]) -> tuple[Session, ...]:
        """Return the sessions in which one of `columns` of bar starts has a row, oldest first."""
        found: set[Session] = set()
        for starts in columns:
            # The regular session of an American exchange lies within one UTC day.
            for day in np.unique(starts // 86_400):
                session = self.calendar.session_on(np.datetime64(int(day), "D").item())
                if session is None:
                    continue
                first, stop = np.searchsorted(starts, (session.open_s, session.close_s))
                if stop > first:
                    found.add(session)
        return tuple(sorted(found, key=lambda session: session.day))

    def _trades_of(self, path: Path) -> TradeRows:
        if path not in self._trades:
            self._trades[path] = read_trades(path)
        return self._trades[path]

    def _quotes_of(self, path: Path) -> QuoteRows:
        if path not in self._quotes:
            self._quotes[path] = read_quotes(path)
        return self._quotes[path]

    def _paths(self, symbol: str, kind: Kind) -> Iterator[tuple[_Folder, Path]]:
        for folder in _FOLDERS:
            for path in self._files[folder, kind].get(symbol, ()):
                yield folder, path

    def _require(self, symbol: str) -> None:
        if symbol not in self.listings:
            raise UnknownSymbol(symbol, self.listings)

    def _listing(self, symbol: str) -> Listing:
        known = UNIVERSE.get(symbol)  # for names only: its numbers are invented
        volumes = [int(self._session_trades(symbol, s)[0].volume.sum()) for s in self._traded(symbol)]
        return Listing(
            symbol=symbol,
            con_id=con_id_of(symbol),
            name=known.listing.name if known else symbol,
            primary_exchange=known.listing.primary_exchange if known else "NYSE",
            # The median, because the first and the last recorded day are often partial.
            average_daily_volume=round(float(np.median(volumes))) if volumes else 0,
        )


def default_day(market: ReplayMarket) -> tuple[tuple[str, ...], Session]:
    """Return the symbols with second-by-second trades and quotes, and the second session on which all have both.

    The first such session serves the warm-up as history.

    Raises:
        NoMarketData: there is no such symbol, or fewer than two such sessions.
    """
    both = {
        symbol: set(market.second_sessions(symbol, "trade")) & set(market.second_sessions(symbol, "quote"))
        for symbol in market.listings
    }
    symbols = tuple(sorted(symbol for symbol, sessions in both.items() if sessions))
    if not symbols:
        raise NoMarketData("no symbol has trades and quotes by the second: choose symbols and a day yourself")
    shared = sorted(set.intersection(*(both[symbol] for symbol in symbols)), key=lambda session: session.day)
    if len(shared) < 2:
        raise NoMarketData(f"{', '.join(symbols)} share {len(shared)} recorded sessions, 2 are needed")
    return symbols, shared[1]


def _find(folder: Path, kind: Kind) -> dict[str, tuple[Path, ...]]:
    """Return the files of a kind by symbol, each symbol's in the order of their names."""
    found: dict[str, tuple[Path, ...]] = {}
    for path in sorted(folder.glob(f"*.{kind}.*parquet")):
        symbol = path.name.split(f".{kind}.")[0]
        found[symbol] = (*found.get(symbol, ()), path)
    return found
