"""Which strategies run, on what, and with how much."""

from collections.abc import Mapping
from decimal import Decimal

from pydantic import Field

from daemon.domain.timeframe import Timeframe
from daemon.settings.fields import Amount, Fraction, Frame, Seconds, Share, Symbol, Weight
from daemon.settings.limits import StrategyLimits
from daemon.settings.section import Section


class StrategySettings(Section):
    """One strategy: each has a ledger, capital and limits of its own."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$", description="its name everywhere: journal, logs, commands")
    type: str = Field("sma_cross", min_length=1, description="the rule it follows")
    enabled: bool = Field(True, description="false = left out")
    symbols: tuple[Symbol, ...] = Field(min_length=1, description="what it trades")
    timeframes: tuple[Frame, ...] = Field(min_length=1, description="the bars it decides on")
    capital: Amount = Field(description="its share of the account, account currency")
    position_fraction: Fraction = Field(Decimal("0.3"), description="of its equity, the size of one position")
    allow_short: bool = Field(False, description="may hold less than nothing")
    parameters: Mapping[str, object] = Field(default_factory=dict, description="of its type")
    weights: Mapping[Frame, Weight] = Field(
        default_factory=dict, description="overrides combination.weights by timeframe"
    )
    score_threshold: Share | None = Field(None, description="overrides combination.threshold; null = as there")
    min_fresh_weight: Share | None = Field(None, description="overrides combination.min_fresh; null = as there")
    limits: StrategyLimits = Field(default_factory=StrategyLimits, description="its own limits")
    time_budget_ms: Seconds = Field(
        50.0, description="host milliseconds for one decision; a strategy that needs more is stopped"
    )


def default_strategies() -> tuple[StrategySettings, ...]:
    """Return the two that run when no file says otherwise: one slow over four timeframes, one quick."""
    symbols = ("SPY", "QQQ", "IWM")
    return (
        StrategySettings(
            id="trend",
            symbols=symbols,
            timeframes=tuple(map(Timeframe.parse, ("5m", "15m", "1h", "4h"))),
            capital=Decimal(50_000),
            parameters={"fast": 10, "slow": 30},
        ),
        StrategySettings(
            id="pulse",
            symbols=symbols,
            timeframes=(Timeframe.parse("1m"),),
            capital=Decimal(50_000),
            allow_short=True,
            parameters={"fast": 20, "slow": 60},
            limits=StrategyLimits(daily_trades=30),
        ),
    )
