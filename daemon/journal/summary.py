"""What `paperd run --json` prints at the end: a run in numbers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, select

from daemon.journal import queries, schema
from daemon.journal.queries import Span

_MARKET_STAGES: Final = (
    "bar_to_received",
    "sent_to_acknowledged",
    "sent_to_first_fill",
    "sent_to_last_fill",
)
_HOST_STAGES: Final = (
    "received_to_decided",
    "decided_to_journaled",
    "journaled_to_sent",
    "received_to_sent",
    "sent_to_acknowledged",
    "sent_to_filled",
)
_SLIPPAGE: Final = "arrival_bps"
_MEASURED: Final = (
    *(f"{stage}_ms" for stage in _MARKET_STAGES),
    *(f"host_{stage}_ms" for stage in _HOST_STAGES),
    _SLIPPAGE,
)
_Measures = dict[str, NDArray[np.float64]]
_ERROR_LEVELS: Final = ("ERROR", "CRITICAL")


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How long a stage took, in milliseconds; None where no order passed it."""

    p50: float | None
    p99: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slippage:
    """Cost against the mid at arrival, in basis points; positive = paid, None where nothing filled."""

    p50: float | None
    mean: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A run in numbers; money is in the account's currency."""

    days: int  # sessions that closed
    bars: Mapping[str, int]  # timeframe -> bars of all instruments
    decisions: int
    decisions_by_outcome: Mapping[str, int]
    orders: int  # intents that passed every control
    fills: int  # executions that stand
    commission: Decimal
    pnl: Decimal  # equity now - equity at the start of the run
    equity: Decimal | None  # the whole account's latest valuation; None before the first
    latency: Mapping[str, Mapping[str, Latency]]  # "market" and "host": stage -> milliseconds
    slippage_bps: Slippage
    errors: int  # alerts of level ERROR and CRITICAL

    def to_dict(self) -> dict[str, object]:
        """Return it as plain values for JSON; money becomes text, so that no digit is lost."""
        plain = asdict(self)
        for name in ("commission", "pnl", "equity"):
            plain[name] = None if plain[name] is None else str(plain[name])
        return plain


def run_summary(engine: Engine, *, since_seq: int) -> RunSummary:
    """Return the numbers of all rows above `since_seq`, the writer's `last_seq` before the run's first record."""
    span = Span(after_seq=since_seq)
    checks = _measures(engine, span)
    outcomes = queries.decisions_by_outcome(engine, span)
    equity = queries.equity_ends(engine, span)
    return RunSummary(
        days=len(queries.session_days(engine, span)),
        bars=queries.bars_by_timeframe(engine, span),
        decisions=sum(outcomes.values()),
        decisions_by_outcome={outcome.value: count for outcome, count in outcomes.items()},
        orders=queries.count_orders(engine, span),
        fills=queries.count_fills(engine, span),
        commission=queries.total_commission(engine, span),
        pnl=_pnl(engine, span),
        equity=equity[1].equity if equity else None,
        latency={
            "market": {stage: _latency(checks[f"{stage}_ms"]) for stage in _MARKET_STAGES},
            "host": {stage: _latency(checks[f"host_{stage}_ms"]) for stage in _HOST_STAGES},
        },
        slippage_bps=_slippage(checks[_SLIPPAGE]),
        errors=len(queries.alerts(engine, span, levels=_ERROR_LEVELS)),
    )


def _pnl(engine: Engine, span: Span) -> Decimal:
    """Return the gain of the strategies that ran: since their last valuation before the run, else since its start.

    Strategy by strategy, because a run may have fewer of them than the one before.
    """
    gain = Decimal(0)
    for strategy in queries.strategies_valued(engine, span):
        ends = queries.equity_ends(engine, span, strategy=strategy)
        if ends is not None:
            before = queries.last_equity_before(engine, span, strategy=strategy)
            gain += ends[1].equity - (before.equity if before else ends[0].day_start_equity)
    return gain


def _measures(engine: Engine, span: Span) -> _Measures:
    """Return what the finished orders' checks measured, without what is not known."""
    table = schema.EXECUTION_CHECK
    measures: _Measures = {}
    with engine.connect() as connection:
        for name in _MEASURED:
            query = select(table.c[name]).where(table.c[name].is_not(None), *queries.within(table, span))
            measures[name] = np.fromiter(connection.scalars(query), dtype=np.float64)
    return measures


def _latency(values: NDArray[np.float64]) -> Latency:
    if not values.size:
        return Latency(p50=None, p99=None)
    p50, p99 = np.percentile(values, (50, 99))
    return Latency(p50=float(p50), p99=float(p99))


def _slippage(values: NDArray[np.float64]) -> Slippage:
    if not values.size:
        return Slippage(p50=None, mean=None)
    return Slippage(p50=float(np.median(values)), mean=float(np.mean(values)))
