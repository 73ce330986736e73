"""The report of a day as values; `None` stands for what the day does not tell."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from daemon.domain.records import AlertRaised


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a ledger, or the whole account, made of the day. Money is in the account's currency."""

    start: Decimal | None  # equity at the day's start; None = never valued that day
    end: Decimal | None
    pnl: Decimal | None  # end - start, after commission
    pnl_fraction: float | None  # of the start; 0.01 = 1 %
    realized: Decimal  # before commission
    commission: Decimal
    drawdown: Decimal | None  # deepest fall below the day's peak so far, >= 0
    drawdown_fraction: float | None  # of that peak


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """How often one control refused an order."""

    control: str
    scope: str
    count: int
    example: str  # offered and allowed of the first one


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyDay:
    """One strategy's day."""

    strategy: str
    result: Result
    orders: int  # intents that passed every control
    filled_orders: int  # of these, with at least one execution
    fills: int
    traded_value: Decimal
    decisions: Mapping[str, int]  # outcome -> count
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """How a figure is spread; None where there was nothing to measure."""

    count: int
    p50: float | None
    mean: float | None
    p95: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionQuality:
    """How well the finished orders were carried out. Slippage is in basis points, positive = cost."""

    slippage_bps: Mapping[str, Distribution]  # reference -> decision, mid, touch
    parts_bps: Mapping[str, Distribution]  # delay, spread, impact: they add up to the slippage against the decision
    market_ms: Mapping[str, Distribution]  # stage -> market milliseconds
    host_ms: Mapping[str, Distribution]  # stage -> host milliseconds
    warnings: int  # orders that passed a bound


@dataclass(frozen=True, slots=True, kw_only=True)
class FillLine:
    """An execution that stands."""

    at: datetime  # market time at which the daemon learnt of it
    strategy: str
    instrument: str
    side: str
    quantity: Decimal
    price: Decimal
    commission: Decimal | None  # None: not reported yet


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPosition:
    """What a strategy held when it was last valued that day."""

    strategy: str
    instrument: str
    quantity: Decimal
    average_cost: Decimal
    price: Decimal
    value: Decimal
    unrealized: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityPoint:
    """The whole account at one moment."""

    at: datetime
    equity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class GapLine:
    """Bars that never came."""

    instrument: str
    timeframe: str
    cause: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """Trading was paused, resumed or limited."""

    at: datetime
    state: str
    strategy: str | None  # None = the whole daemon
    who: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DayReport:
    """One day as the journal tells it."""

    day: date
    exchange: str
    timezone: str  # of the exchange, IANA name
    opened: datetime
    closes: datetime
    closed: bool  # whether the daemon saw the session's close
    only: str | None  # the one strategy it is about, None = all
    mode: str
    account: str
    version: str
    seed: int | None
    starts: int  # daemons that began that day
    currency: str | None  # None: no commission named one
    result: Result  # of the whole account, or of the one strategy
    strategies: tuple[StrategyDay, ...]
    curve: tuple[EquityPoint, ...]
    bars: Mapping[str, int]  # timeframe -> bars of all instruments
    gaps: tuple[GapLine, ...]
    quality: ExecutionQuality
    fills: tuple[FillLine, ...]
    positions: tuple[HeldPosition, ...]
    changes: tuple[StateChange, ...]
    alerts: tuple[AlertRaised, ...]
