"""Risk limits (3.11). Each applies to the account, to each strategy, or to both; the tightest wins.

Nothing changes them while the daemon runs; their hash is part of every risk record.
"""

from decimal import Decimal

from pydantic import Field

from daemon.settings.fields import Amount, Count, Fraction, Seconds
from daemon.settings.section import Section


class SharedLimits(Section):
    """What binds the account and each strategy alike, each with numbers of its own."""

    position_fraction: Fraction = Field(Decimal("0.95"), description="one position's value / equity")
    position_shares: Count = Field(10_000, description="units in one position")
    position_value: Amount = Field(Decimal(100_000), description="value of one position, account currency")
    position_loss: Amount | None = Field(
        Decimal(2_000), description="unrealised loss of one position, account currency; null = none"
    )
    daily_trades: Count = Field(10, description="orders a session")
    daily_loss_fraction: Fraction = Field(
        Decimal("0.02"), description="day's loss / equity at its start, from which nothing opens"
    )
    daily_loss_value: Amount = Field(Decimal(2_000), description="the same as an amount, account currency")
    emergency_loss: Amount = Field(Decimal(5_000), description="day's loss that halts until a person resumes")
    emergency_stop: bool = Field(True, description="halt on it; false = warn only")
    auto_stop_on_daily_limit: bool = Field(True, description="stop by itself on the daily loss; false = warn only")


class StrategyLimits(SharedLimits):
    """The limits of one strategy, measured on its own ledger and equity."""


class AccountLimits(SharedLimits):
    """The limits of the account, over all strategies together."""

    daily_trades: Count = Field(40, description="orders a session")
    messages_per_second: Count = Field(
        5, description="orders a market second; above it those that open are refused, never queued; exits are not"
    )
    messages_per_minute: Count = Field(60, description="the same a market minute")
    duplicate_window_s: Seconds = Field(2.0, description="market seconds in which an equal order is refused")
    quote_age_s: Seconds = Field(5.0, description="market seconds after which a quote is too old to open on")
    open_orders: Count = Field(20, description="working orders at once")
    open_orders_per_symbol: Count = Field(3, description="the same for one symbol")


class Limits(Section):
    """Risk limits. Each strategy has its own besides; every limit that applies is checked and the tightest wins."""

    account: AccountLimits = Field(default_factory=AccountLimits, description="over all strategies together")
