"""Corporate actions as the market announces them: splits and cash dividends of shares."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol, runtime_checkable

from daemon.domain.instrument import InstrumentId
from daemon.domain.position import Position as PlainPosition
from daemon.gateway.account import Position
from daemon.gateway.source import MarketSource
from daemon.market.sessions import Session
from daemon.matching.corporate_actions import Split, split_position


@dataclass(frozen=True, slots=True, kw_only=True)
class StockSplit:
    """A symbol's shares become more or fewer before the open of `ex_day`."""

    symbol: str
    ex_day: date
    split: Split

    @property
    def key(self) -> str:
        """Return what tells it from all others."""
        return f"split {self.symbol} {self.ex_day} {self.split.new}:{self.split.old}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CashDividend:
    """Who held a symbol at the close before `ex_day` is paid, here on that day; who was short pays."""

    symbol: str
    ex_day: date
    per_share: Decimal  # currency

    @property
    def key(self) -> str:
        """Return what tells it from all others."""
        return f"dividend {self.symbol} {self.ex_day} {self.per_share}"


CorporateAction = StockSplit | CashDividend


@runtime_checkable
class CorporateSource(Protocol):
    """A market that knows what its companies do."""

    def corporate_actions(self, session: Session) -> Sequence[CorporateAction]:
        """Return what takes effect before the open of a session."""
        ...


def actions_of(source: MarketSource) -> Callable[[Session], Sequence[CorporateAction]]:
    """Return what a market announces, nothing where it knows of nothing."""
    if isinstance(source, CorporateSource):
        return source.corporate_actions
    return lambda _session: ()


def after_split(held: Position, split: Split, price_after: Decimal) -> tuple[Position, Decimal]:
    """Return a holding after a split, and the cash for the fraction that could not be kept."""
    plain = PlainPosition(
        instrument=InstrumentId(held.symbol),
        quantity=held.quantity,
        total_cost=held.cost,
        realized_pnl=held.realized,
    )
    done = split_position(plain, split, price_after=price_after)
    after = Position(
        symbol=held.symbol,
        quantity=done.position.quantity,
        cost=done.position.total_cost,
        realized=done.position.realized_pnl,
        multiplier=held.multiplier,
        financed=held.financed,
    )
    return after, done.cash
