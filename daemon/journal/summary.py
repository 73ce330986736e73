"""What `paperd run --json` prints at the end: a run in numbers."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Final

import numpy as np
from sqlalchemy import Engine

from daemon.domain.records import EquityMarked, ExecutionChecked
from daemon.journal import queries
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
    checks = queries.execution_checks(engine, span)
    outcomes = queries.decisions_by_outcome(engine, span)
    equity = queries.equity_series(engine, span)
    return RunSummary(
        days=len(queries.session_days(engine, span)),
        bars=queries.bars_by_timeframe(engine, span),
        decisions=sum(outcomes.values()),
        decisions_by_outcome={outcome.value: count for outcome, count in outcomes.items()},
        orders=queries.count_orders(engine, span),
        fills=len(queries.fills(engine, span)),
        commission=queries.total_commission(engine, span),
        pnl=_pnl(engine, span, equity),
        equity=equity[-1].equity if equity else None,
        latency={
            "market": {stage: _latency(checks, f"{stage}_ms") for stage in _MARKET_STAGES},
            "host": {stage: _latency(checks, f"host_{stage}_ms") for stage in _HOST_STAGES},
        },
        slippage_bps=_slippage(checks),
        errors=len(queries.alerts(engine, span, levels=_ERROR_LEVELS)),
    )


def _pnl(engine: Engine, span: Span, equity: tuple[EquityMarked, ...]) -> Decimal:
    """Return the gain of the strategies that ran: since their last valuation before the run, else since its start.

    Strategy by strategy, because a run may have fewer of them than the one before.
    """
    gain = Decimal(0)
    for strategy in queries.strategies_valued(engine, span):
        marks = queries.equity_series(engine, span, strategy=strategy)
        before = queries.last_equity_before(engine, span, strategy=strategy)
        gain += marks[-1].equity - (before.equity if before else marks[0].day_start_equity)
    return gain if equity else Decimal(0)


def _known(checks: Iterable[ExecutionChecked], field: str) -> list[float]:
    return [value for value in (getattr(check, field) for check in checks) if value is not None]


def _latency(checks: tuple[ExecutionChecked, ...], field: str) -> Latency:
    values = _known(checks, field)
    if not values:
        return Latency(p50=None, p99=None)
    p50, p99 = np.percentile(values, (50, 99))
    return Latency(p50=float(p50), p99=float(p99))


def _slippage(checks: tuple[ExecutionChecked, ...]) -> Slippage:
    values = _known(checks, "arrival_bps")
    if not values:
        return Slippage(p50=None, mean=None)
    return Slippage(p50=float(np.median(values)), mean=float(np.mean(values)))
