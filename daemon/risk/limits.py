"""The limits of an account and of a strategy, as values that never change while the daemon runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Final

PAPER_ACCOUNT_PREFIX: Final = "D"
PRODUCTION_PORTS: Final = frozenset({4001, 7496})
_MONEY: Final = frozenset({"position_value", "daily_loss_value", "emergency_loss"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedLimits:
    """What binds the account and each strategy alike; money in the account's currency."""

    position_fraction: Decimal = Decimal("0.95")  # of the equity, per instrument
    position_shares: Decimal = Decimal(10_000)  # units, per instrument
    position_value: Decimal = Decimal(100_000)  # per instrument
    position_loss: Decimal | None = Decimal(2_000)  # unrealised loss that forbids adding to a position; None = off
    daily_trades: int = 10  # orders a session
    daily_loss_fraction: Decimal = Decimal("0.02")  # of the equity at the start of the day
    daily_loss_value: Decimal = Decimal(2_000)
    emergency_loss: Decimal = Decimal(5_000)  # loss of a day that halts until a person resumes
    emergency_stop: bool = True
    auto_stop_on_daily_limit: bool = True
    texts: Mapping[str, str] = field(init=False, repr=False, compare=False)  # each limit as checks quote it, by name

    def __post_init__(self) -> None:
        """Write the limits out once: they are quoted with every order."""
        object.__setattr__(self, "texts", {limit.name: self._text(limit.name) for limit in fields(self) if limit.init})

    @property
    def position_loss_bound(self) -> Decimal:
        """Return the loss that forbids adding, infinite where the limit is off."""
        return self.position_loss if self.position_loss is not None else Decimal("Infinity")

    def _text(self, name: str) -> str:
        if name == "position_loss":
            return f"{self.position_loss_bound:.2f}"
        value = getattr(self, name)
        return f"{value:.2f}" if name in _MONEY else str(value)

    def daily_loss_bound(self, day_start_equity: Decimal) -> Decimal:
        """Return the tighter of the two daily limits as an amount."""
        return min(self.daily_loss_value, self.daily_loss_fraction * day_start_equity)


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyLimits(SharedLimits):
    """What one strategy may do, measured on its own ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLimits(SharedLimits):
    """What all strategies together may do."""

    daily_trades: int = 40
    open_orders: int = 20
    open_orders_per_instrument: int = 3
    messages_per_second: int = 5
    messages_per_minute: int = 60
    duplicate_window_s: float = 2.0  # market seconds
    quote_age_s: float = 5.0  # market seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountGuard:
    """What proves that an order can only reach a paper account."""

    account: str  # the broker's id; paper ids start with D
    port: int  # 0 where there is no port
    live_authorised: bool = False
