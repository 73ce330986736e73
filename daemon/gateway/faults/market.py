"""The gateway's market with interventions: halts, quotes set by hand, thin books, from a given second on.

It stands between the gateway and its source, so that quotes, streams, bars, history, fills and valuations agree.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np

from daemon.gateway.source import MarketSource, MinuteSource
from daemon.market.listing import Listing
from daemon.market.sessions import Session, TradingCalendar
from daemon.market.tape import BarArrays, SecondTape, aggregate

_MINUTE: Final = 60


@dataclass(slots=True, kw_only=True)
class Intervention:
    """Something done to the market from one second until another."""

    kind: Literal["halt", "quote", "size"]
    symbol: str | None  # None = every symbol
    from_s: int  # epoch seconds, included
    until_s: int | None = None  # excluded, None = not known yet
    bid: float = 0.0  # currency per unit, of a quote
    ask: float = 0.0
    sizes: tuple[int, int] = (1, 1)  # least and most units shown at the touch; a quote shows the most
    seed: int = 0


class ControlledMarket:
    """A market source whose future can be intervened in; without interventions it is the source itself."""

    def __init__(self, source: MarketSource) -> None:
        self.source = source
        self._done: list[Intervention] = []
        self._tapes: dict[tuple[str, Session], SecondTape] = {}

    @property
    def listings(self) -> Mapping[str, Listing]:
        """Return what is listed, by symbol."""
        return self.source.listings

    @property
    def calendar(self) -> TradingCalendar:
        """Return the sessions of the exchange."""
        return self.source.calendar

    def tape(self, symbol: str, session: Session) -> SecondTape:
        """Return a session as it was, is and will be; raise LookupError as the source does."""
        wanted = self._touching(symbol, session)
        if not wanted:
            return self.source.tape(symbol, session)
        key = (symbol, session)
        if key not in self._tapes:
            tape = self.source.tape(symbol, session)
            for intervention in wanted:
                tape = _applied(tape, symbol, intervention)
            self._tapes[key] = tape
        return self._tapes[key]

    def is_halted(self, symbol: str, at_s: int) -> bool:
        """Return whether trading in a symbol is halted at `at_s`, epoch seconds."""
        return any(
            done.kind == "halt"
            and done.symbol in {None, symbol}
            and done.from_s <= at_s
            and (done.until_s is None or at_s < done.until_s)
            for done in self._done
        )

    def intervene(self, intervention: Intervention) -> None:
        """Do something to the market; later ones go on top of earlier ones."""
        self._done.append(intervention)
        self._tapes.clear()

    def end(self, intervention: Intervention, at_s: int) -> None:
        """Let the market go its own way again from `at_s` on."""
        intervention.until_s = at_s
        self._tapes.clear()

    def _touching(self, symbol: str, session: Session) -> list[Intervention]:
        return [
            done
            for done in self._done
            if done.symbol in {None, symbol}
            and done.from_s < session.close_s
            and (done.until_s is None or done.until_s > max(done.from_s, session.open_s))
        ]


class _Minutes(ControlledMarket):
    """The same for a source that also keeps minutes."""

    def minute_bars(self, symbol: str, session: Session) -> BarArrays:
        """Return a session's minutes of trades; raise LookupError as the source does."""
        if not self._touching(symbol, session) and isinstance(self.source, MinuteSource):
            return self.source.minute_bars(symbol, session)
        ends = np.arange(session.open_s + _MINUTE, session.close_s + 1, _MINUTE, dtype=np.int64)
        return aggregate(self.tape(symbol, session), ends)


def controlled(source: MarketSource) -> ControlledMarket:
    """Return a source under control.

    Whatever else it can do (options, corporate actions, lending, ...) it does as before, so that its derivatives follow
    the market as it would have been. Each of these abilities is a property of a class made here, because that is how
    a `runtime_checkable` Protocol finds it.
    """
    base = _Minutes if isinstance(source, MinuteSource) else ControlledMarket
    names = [name for name in dir(source) if not name.startswith("_") and not hasattr(base, name)]
    kind = type(f"Controlled{type(source).__name__}", (base,), {name: _passed_on(name) for name in names})
    made: ControlledMarket = kind(source)
    return made


def _passed_on(name: str) -> property:
    def read(market: ControlledMarket) -> Any:
        return getattr(market.source, name)

    return property(read)


def _applied(tape: SecondTape, symbol: str, done: Intervention) -> SecondTape:
    opened, rows = tape.session.open_s, tape.session.seconds
    second = np.arange(rows) + opened
    on = (second >= done.from_s) & (second < (done.until_s if done.until_s is not None else opened + rows))
    if done.kind == "size":
        least, most = done.sizes
        draw = np.random.default_rng([done.seed, *symbol.encode(), opened])
        shown = draw.integers(least, most, size=(2, rows), endpoint=True)
        return replace(
            tape,
            bid_size=np.where(on, np.minimum(tape.bid_size, shown[0]), tape.bid_size),
            ask_size=np.where(on, np.minimum(tape.ask_size, shown[1]), tape.ask_size),
        )
    halted = done.kind == "halt"
    bid, ask = (float("nan"), float("nan")) if halted else (done.bid, done.ask)
    size = 0 if halted else done.sizes[1]
    traded = float("nan") if halted else (bid + ask) / 2
    volume = np.where(on & halted, 0, tape.volume)
    there = volume > 0
    prices = {
        name: np.where(on, np.where(there, traded, np.nan), getattr(tape, name))
        for name in ("open", "high", "low", "close")
    }
    return replace(
        tape,
        bid=np.where(on, bid, tape.bid),
        ask=np.where(on, ask, tape.ask),
        bid_size=np.where(on, size, tape.bid_size),
        ask_size=np.where(on, size, tape.ask_size),
        volume=volume,
        trades=np.where(on & halted, 0, tape.trades),
        vwap_value=np.where(on, np.where(there, traded * volume, 0.0), tape.vwap_value),
        open=prices["open"],
        high=prices["high"],
        low=prices["low"],
        close=prices["close"],
    )
