"""Sums up how a day's orders were carried out."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from daemon.domain.records import ExecutionChecked
from daemon.reports.values import Distribution, ExecutionQuality

_SLIPPAGE: Final[Mapping[str, str]] = {"decision": "decision_bps", "mid": "arrival_bps", "touch": "touch_bps"}
_PARTS: Final[Mapping[str, str]] = {"delay": "delay_bps", "spread": "spread_bps", "impact": "impact_bps"}
_MARKET: Final = ("bar_to_received", "sent_to_acknowledged", "sent_to_first_fill", "sent_to_last_fill")
_HOST: Final = (
    "received_to_decided",
    "decided_to_journaled",
    "journaled_to_sent",
    "received_to_sent",
    "sent_to_acknowledged",
    "sent_to_filled",
)


def execution_quality(checks: Sequence[ExecutionChecked]) -> ExecutionQuality:
    """Return the figures of finished orders; of an order that was checked more than once, the last check counts."""
    last = tuple({check.order_ref: check for check in checks}.values())
    return ExecutionQuality(
        slippage_bps={name: _spread_of(last, field) for name, field in _SLIPPAGE.items()},
        parts_bps={name: _spread_of(last, field) for name, field in _PARTS.items()},
        market_ms={stage: _spread_of(last, f"{stage}_ms") for stage in _MARKET},
        host_ms={stage: _spread_of(last, f"host_{stage}_ms") for stage in _HOST},
        warnings=sum(1 for check in last if check.warning),
    )


def distribution(values: Iterable[float]) -> Distribution:
    """Return the median, the mean and the 95th percentile (linear between neighbours) of `values`."""
    known = np.fromiter(values, dtype=np.float64)
    if known.size == 0:
        return Distribution(count=0, p50=None, mean=None, p95=None)
    p50, p95 = np.percentile(known, (50, 95))
    return Distribution(count=known.size, p50=float(p50), mean=float(known.mean()), p95=float(p95))


def _spread_of(checks: Iterable[ExecutionChecked], field: str) -> Distribution:
    return distribution(value for value in (getattr(check, field) for check in checks) if value is not None)
