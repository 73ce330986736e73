"""The tear sheet of a backtest as values; `None` stands for what the run does not tell."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from daemon.statistics.monthly import YearOfReturns
from daemon.statistics.trades import OpenTrade, RoundTrip, TradeStatistics


class Unit(StrEnum):
    """What a figure is measured in."""

    FRACTION = "fraction"  # 0.01 = 1 %
    RATIO = "ratio"
    MONEY = "money"  # account currency
    SECONDS = "seconds"
    DAYS = "days"  # that had marks
    PER_YEAR = "per_year"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """What was run, in the words of whoever ran it."""

    title: str  # "sma_cross on SPY"
    strategies: tuple[str, ...]
    exchange: str  # MIC
    timezone: str  # of the exchange, IANA name
    currency: str
    version: str  # of paperd
    seed: int | None
    parameters: Mapping[str, Mapping[str, str]]  # heading -> name -> value
    periods_per_year: float = 252.0  # trading days
    risk_free_rate: float = 0.0  # per year, 0.02 = 2 %; taken off before Sharpe and Sortino


@dataclass(frozen=True, slots=True, kw_only=True)
class BarsInfo:
    """What the run was fed with."""

    source: str  # where it came from
    counts: Mapping[str, int]  # "SPY 1m" -> bars
    first: datetime | None  # UTC
    last: datetime | None
    kept: str = ""  # what of it the journal holds, in words


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One statistic and how well it is known."""

    label: str
    unit: Unit
    value: float | None
    low: float | None  # ends of the bootstrap interval; None = there is none
    high: float | None
    missing: str  # why there is no value or no interval; empty when there are both
    meaning: str  # how it is computed


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """How the intervals were made."""

    samples: int
    level: float  # 0.95 = 95 %
    seed: int
    block_days: float  # mean length of a block of daily returns
    block_trades: float  # mean length of a block of trades


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Equity and drawdown for the plots: the highest and lowest mark of each stretch, so that no spike is lost."""

    times: tuple[float, ...]  # seconds since the epoch, UTC
    equity: tuple[float, ...]
    drawdown: tuple[float, ...]  # fraction of the peak, >= 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawdownLine:
    """One of the deepest falls, with dates."""

    depth: float
    start: datetime  # the last mark at the peak
    trough: datetime
    recovery: datetime | None  # None = not by the end


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What trading took. Account currency."""

    executions: int
    traded_value: Decimal  # of all purchases and sales
    commission: Decimal
    commission_bps: float | None  # of the traded value
    commission_of_profit: float | None  # of closed trades, over their pnl before it; None without a gain
    slippage: Decimal | None  # against the prices decided on; None = not measured


@dataclass(frozen=True, slots=True, kw_only=True)
class TearSheet:
    """A backtest's result, measured."""

    settings: RunSettings
    bars: BarsInfo
    start: datetime  # of the first mark, UTC
    end: datetime
    start_equity: float
    end_equity: float
    marks: int
    days: int  # daily returns
    figures: Mapping[str, Figure]
    method: Method
    curve: Curve
    drawdowns: tuple[DrawdownLine, ...]
    monthly: tuple[YearOfReturns, ...]
    trade_statistics: TradeStatistics
    trades: tuple[RoundTrip, ...]
    open_trades: tuple[OpenTrade, ...]
    costs: Costs
    warnings: tuple[str, ...]
