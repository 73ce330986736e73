"""The current session of each symbol, ready to be read second by second without numpy's cost per item."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import cast

import numpy as np

from daemon.domain.quote import quote_fault
from daemon.gateway.bars import FIVE, Closes, Row, What, cut, row_at
from daemon.gateway.source import MarketSource
from daemon.market.sessions import Session
from daemon.market.tape import BarArrays, SecondTape
from daemon.matching.book import to_price


@dataclass(frozen=True, slots=True)
class SoFar:
    """A session up to each of its seconds, that second included. Indices are seconds since the open."""

    high: Sequence[float]  # currency per unit, NaN before the first trade, like the low
    low: Sequence[float]
    last_row: Sequence[int]  # second of the latest trade, -1 before the first


class SymbolDay:
    """One symbol's session. Indices are seconds since the open."""

    def __init__(self, tape: SecondTape, previous_close: float) -> None:
        self.tape = tape
        self.previous_close = previous_close
        self.bid = cast("Sequence[float]", tape.bid.data)
        self.ask = cast("Sequence[float]", tape.ask.data)
        self.bid_size = cast("Sequence[int]", tape.bid_size.data)
        self.ask_size = cast("Sequence[int]", tape.ask_size.data)
        self.last = cast("Sequence[float]", tape.close.data)
        self.volume = cast("Sequence[int]", tape.volume.data)
        self.changed = cast("Sequence[bool]", tape.quote_changed.data)
        self.total_volume = cast("Sequence[int]", np.cumsum(tape.volume).data)
        self.seconds = tape.session.seconds
        self._fives: dict[What, BarArrays] = {}

    @cached_property
    def so_far(self) -> SoFar:
        """Return the session's extremes and its latest trade, up to each second."""
        tape = self.tape
        rows = np.where(tape.volume > 0, np.arange(tape.volume.size), -1)
        return SoFar(
            high=cast("Sequence[float]", np.fmax.accumulate(tape.high).data),
            low=cast("Sequence[float]", np.fmin.accumulate(tape.low).data),
            last_row=cast("Sequence[int]", np.maximum.accumulate(rows).data),
        )

    def five(self, what: What, start: int) -> Row | None:
        """Return the five-second bar that starts at `start` (epoch seconds), None where there is no price at all."""
        session = self.tape.session
        index, beside = divmod(start - session.open_s, FIVE)
        if beside or not session.open_s <= start < session.close_s:
            return None
        bars = self._fives.get(what)
        if bars is None:
            starts = np.arange(session.open_s, session.close_s, FIVE, dtype=np.int64)
            ends = np.minimum(starts + FIVE, session.close_s)
            bars = self._fives[what] = cut(self.tape, what, starts, ends, self.previous_close)
        return row_at(bars, index, what, session.day)

    def mark(self, row: int) -> Decimal | None:
        """Return the price holdings are valued at: the middle of the touch, else the last trade, else None."""
        at = min(row, self.seconds - 1)
        if at >= 0:
            bid, ask = self.bid[at], self.ask[at]
            if quote_fault(bid, ask) is None:
                return to_price((bid + ask) / 2)
        last = self.last_trade(row)
        return None if last is None else to_price(last)

    def last_trade(self, row: int) -> float | None:
        """Return the latest traded price before the second `row`, the last session's if need be."""
        before = np.flatnonzero(self.tape.volume[: max(0, row)])
        price = float(self.tape.close[before[-1]]) if before.size else self.previous_close
        return None if math.isnan(price) else price


class Days:
    """The loaded session of every symbol that something is known about; emptied when a new session begins."""

    def __init__(self, source: MarketSource, closes: Closes) -> None:
        self._source = source
        self._closes = closes
        self._loaded: dict[str, SymbolDay | None] = {}

    def begin(self) -> None:
        """Forget the session that ended."""
        self._loaded.clear()

    def of(self, symbol: str, session: Session) -> SymbolDay | None:
        """Return a symbol's session, loading it the first time; None when the market has none."""
        if symbol not in self._loaded:
            self._loaded[symbol] = self._load(symbol, session)
        return self._loaded[symbol]

    def _load(self, symbol: str, session: Session) -> SymbolDay | None:
        try:
            tape = self._source.tape(symbol, session)
        except LookupError:
            return None
        return SymbolDay(tape, self._closes.before(symbol, session))
