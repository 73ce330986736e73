"""What the controls may look at: the account and the strategy at the moment of an intent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from daemon.domain.cheap import cheaply_made
from daemon.domain.decision import StrategyId
from daemon.domain.instrument import InstrumentId
from daemon.domain.order import OrderRef, Side
from daemon.domain.quote import Quote
from daemon.domain.standing import OPEN_ACCESS, Access
from daemon.domain.trading_state import TradingState
from daemon.risk.limits import AccountGuard, AccountLimits, StrategyLimits


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingOrder:
    """An order that may still fill, with what is left of it."""

    order_ref: OrderRef
    strategy: StrategyId
    instrument: InstrumentId
    side: Side
    remaining: Decimal  # units
    reduces: bool
    lost: bool = False  # the broker denies it time and again: it stops openings, and no exit


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class RecentOrder:
    """An order approved a short while ago, for the message and duplicate controls."""

    at: datetime
    strategy: StrategyId
    instrument: InstrumentId
    side: Side
    quantity: Decimal
    limit_price: Decimal | None


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """One ledger, of a strategy or of all, as the controls see it."""

    equity: Decimal
    day_start_equity: Decimal
    position: Decimal  # of the instrument in question, units
    unrealized_pnl: Decimal  # of that position
    orders_today: int

    @property
    def day_loss(self) -> Decimal:
        """Return what was lost since the day began, 0 when there was a gain."""
        return max(self.day_start_equity - self.equity, Decimal(0))


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class RiskView:
    """Everything the controls need, gathered by the engine for one intent."""

    at: datetime
    price: Decimal  # the mark by which notionals are counted
    quote: Quote | None  # last usable one
    quote_confirmed_at: datetime | None  # when the stream last proved that it still holds
    state: TradingState  # the stricter of daemon and strategy
    guard: AccountGuard
    account: Book
    strategy: Book
    account_limits: AccountLimits
    strategy_limits: StrategyLimits
    working: Sequence[WorkingOrder]
    recent: Sequence[RecentOrder]  # of the last minute, oldest first
    access: Access = OPEN_ACCESS
    dispute: str = ""  # how the broker's position differs from the ledgers, empty where it does not
