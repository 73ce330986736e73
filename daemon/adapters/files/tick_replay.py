"""Recorded days as a market made from ticks: every exchange's quotes become one, prints are counted by the second."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final, Literal

import numpy as np

from daemon.adapters.files.best_quote import best_quotes
from daemon.adapters.files.columns import TradeRows
from daemon.adapters.files.recorded_tape import quotes_around_trades
from daemon.adapters.files.replay import NoMarketData
from daemon.adapters.files.tick_rows import QuoteTicks, TradeTicks, read_quote_ticks, read_trade_ticks
from daemon.market.listing import Listing, UnknownSymbol, con_id_of
from daemon.market.recent import Recent
from daemon.market.sessions import Session, TradingCalendar
from daemon.market.tape import FloatArray, SecondTape
from daemon.market.universe import UNIVERSE

QuoteSource = Literal["best", "exchange"]

_FOLDER: Final = "equity-tick"
_SECOND_NS: Final = 1_000_000_000


class TickReplay:
    """The recorded sessions of `equity-tick/SYM.trade.*.parquet` and `SYM.quote.*.parquet` below a folder.

    Quotes become the best bid and offer at the start of each second. Without a file of quotes, they are set a tick
    around the last trade. What the recording marks as suspicious is left out.
    """

    def __init__(
        self,
        root: Path,
        calendar: TradingCalendar,
        symbols: Sequence[str] | None = None,
        *,
        quotes: QuoteSource = "best",
        tapes_kept: int = 16,
    ) -> None:
        """Find the files below `root` and read the trades; quotes are read when first needed.

        Args:
            root: the folder that holds `equity-tick`.
            calendar: whose sessions the recordings are of.
            symbols: what to list; None lists every symbol with trades.
            quotes: "best" when each row tells the best bid or offer of all exchanges and who shows it, as the
                recordings of 2013 do; "exchange" when it tells that of its own exchange, and the best is to be found.
            tapes_kept: tapes to keep in memory, 2.1 MB each.

        Raises:
            NoMarketData: `root` holds no recorded ticks.
            UnknownSymbol: one of `symbols` has no recorded trades.
            BadMarketData: a file is damaged or holds impossible values.
        """
        self.calendar = calendar
        self._by_exchange = quotes == "exchange"
        self._trade_files = _find(root / _FOLDER, "trade")
        self._quote_files = _find(root / _FOLDER, "quote")
        if not self._trade_files:
            raise NoMarketData(f"{root} holds no recorded ticks: files must be named {_FOLDER}/SYMBOL.trade.*.parquet")
        wanted = sorted(self._trade_files) if symbols is None else list(dict.fromkeys(symbols))
        for symbol in wanted:
            if symbol not in self._trade_files:
                raise UnknownSymbol(symbol, self._trade_files)
        self._trades = {symbol: read_trade_ticks(self._trade_files[symbol]) for symbol in wanted}
        self._quotes: Recent[str, dict[str, QuoteTicks]] = Recent(4)
        self._tapes: Recent[tuple[str, Session], SecondTape] = Recent(tapes_kept)
        self.listings: dict[str, Listing] = {symbol: self._listing(symbol) for symbol in wanted}

    def sessions(self, symbol: str) -> tuple[Session, ...]:
        """Return the sessions with recorded trades of `symbol`, oldest first; raise UnknownSymbol if not listed."""
        if symbol not in self._trades:
            raise UnknownSymbol(symbol, self._trades)
        # The regular session of an American exchange lies within one UTC day.
        days = np.unique(self._trades[symbol].at_ns // (86_400 * _SECOND_NS))
        found = (self.calendar.session_on(np.datetime64(int(day), "D").item()) for day in days)
        return tuple(session for session in found if session is not None and self._within(symbol, session).price.size)

    def tape(self, symbol: str, session: Session) -> SecondTape:
        """Return the seconds of `symbol` in `session`.

        Raises:
            UnknownSymbol: `symbol` is not listed.
            NoMarketData: no trades of that session were recorded.
            BadMarketData: a file is damaged or holds impossible values.
        """
        if symbol not in self._trades:
            raise UnknownSymbol(symbol, self._trades)
        return self._tapes.get((symbol, session), partial(self._make_tape, symbol, session))

    def _make_tape(self, symbol: str, session: Session) -> SecondTape:
        ticks = self._within(symbol, session)
        if not ticks.price.size:
            have = ", ".join(str(known.day) for known in self.sessions(symbol)) or "none"
            raise NoMarketData(f"no trades of {symbol} were recorded on {session.day}; recorded sessions: {have}")
        rows, at, count, value = _by_second(ticks, session)
        path = self._quote_files.get(symbol)
        if path is None:
            quotes = quotes_around_trades(session, (rows, 1), self.listings[symbol].tick_size)
        else:
            quotes = best_quotes(session, self._ticks_of(symbol, path))

        def placed(values: FloatArray) -> FloatArray:
            column = np.full(session.seconds, np.nan)
            column[at] = values
            return column

        return SecondTape(
            session=session,
            bid=quotes.bid,
            ask=quotes.ask,
            bid_size=quotes.bid_size,
            ask_size=quotes.ask_size,
            open=placed(rows.open),
            high=placed(rows.high),
            low=placed(rows.low),
            close=placed(rows.close),
            volume=np.nan_to_num(placed(rows.volume.astype(np.float64))).astype(np.int64),
            trades=np.nan_to_num(placed(count)).astype(np.int64),
            vwap_value=np.nan_to_num(placed(value)),
        )

    def _ticks_of(self, symbol: str, path: Path) -> dict[str, QuoteTicks]:
        return self._quotes.get(symbol, partial(read_quote_ticks, path, by_exchange=self._by_exchange))

    def _within(self, symbol: str, session: Session) -> TradeTicks:
        ticks = self._trades[symbol]
        part = slice(*np.searchsorted(ticks.at_ns, (session.open_s * _SECOND_NS, session.close_s * _SECOND_NS)))
        return TradeTicks(at_ns=ticks.at_ns[part], price=ticks.price[part], size=ticks.size[part])

    def _listing(self, symbol: str) -> Listing:
        known = UNIVERSE.get(symbol)  # for names only: its numbers are invented
        volumes = [int(self._within(symbol, session).size.sum()) for session in self.sessions(symbol)]
        return Listing(
            symbol=symbol,
            con_id=con_id_of(symbol),
            name=known.listing.name if known else symbol,
            primary_exchange=known.listing.primary_exchange if known else "NYSE",
            average_daily_volume=round(float(np.median(volumes))) if volumes else 0,
        )


def _by_second(
    ticks: TradeTicks, session: Session
) -> tuple[TradeRows, np.ndarray[tuple[int], np.dtype[np.intp]], FloatArray, FloatArray]:
    """Return the bars of the seconds with prints, their rows, their counts of prints and sums of price * size."""
    second = (ticks.at_ns // _SECOND_NS - session.open_s).astype(np.intp)
    at, first = np.unique(second, return_index=True)
    last = np.append(first[1:], second.size) - 1
    price, size = ticks.price, ticks.size
    rows = TradeRows(
        start=session.open_s + at.astype(np.int64),
        open=price[first],
        high=np.maximum.reduceat(price, first),
        low=np.minimum.reduceat(price, first),
        close=price[last],
        volume=np.add.reduceat(size, first),
    )
    return rows, at, (last - first + 1).astype(np.float64), np.add.reduceat(price * size, first)


def _find(folder: Path, kind: str) -> dict[str, Path]:
    """Return the first file of a kind by symbol."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob(f"*.{kind}.*parquet")):
        found.setdefault(path.name.split(f".{kind}.")[0], path)
    return found
