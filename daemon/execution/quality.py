"""What an order cost against its decision, its arrival quote and its own haste."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from daemon.domain.order import Side
from daemon.domain.records import ArrivalQuoteTaken, ExecutionChecked
from daemon.execution.live_order import LiveOrder
from daemon.statistics.execution import shortfall_parts_bps, slippage_bps

_MS: Final = timedelta(milliseconds=1)
_NS_PER_MS: Final = 1_000_000


def execution_check(
    order: LiveOrder, at: datetime, *, lag_warning: timedelta, slippage_warning: Decimal
) -> ExecutionChecked:
    """Return the finished order compared with its decision (REQUIREMENTS 3.4, 3.7).

    Args:
        order: an order that has ended.
        at: market time, UTC.
        lag_warning: time from decision to last fill above which the check warns.
        slippage_warning: cost as a fraction of the decision price above which it warns; 0.002 is 0.2 %.
    """
    steps, price = order.steps, order.average_price
    decision, arrival, touch, parts = _slippage(order, price)
    delay, spread, impact = parts
    return ExecutionChecked(
        at=at,
        order_ref=order.ref,
        strategy=order.strategy,
        instrument=order.ticket.instrument.id,
        state=order.state,
        expected_price=order.decision_price,
        filled_price=price,
        expected_quantity=order.ticket.quantity,
        filled_quantity=order.filled,
        decision_bps=decision,
        arrival_bps=arrival,
        touch_bps=touch,
        delay_bps=delay,
        spread_bps=spread,
        impact_bps=impact,
        bar_to_received_ms=_market_ms(steps.bar_end, steps.decided_at),
        sent_to_acknowledged_ms=_market_ms(steps.sent_at, steps.acknowledged_at),
        sent_to_first_fill_ms=_market_ms(steps.sent_at, steps.first_fill_at),
        sent_to_last_fill_ms=_market_ms(steps.sent_at, steps.last_fill_at),
        host_received_to_decided_ms=_host_ms(steps.received_ns, steps.decided_ns),
        host_decided_to_journaled_ms=_host_ms(steps.decided_ns, steps.journaled_ns),
        host_journaled_to_sent_ms=_host_ms(steps.journaled_ns, steps.sent_ns),
        host_received_to_sent_ms=_host_ms(steps.received_ns, steps.sent_ns),
        host_sent_to_acknowledged_ms=_host_ms(steps.sent_ns, steps.acknowledged_ns),
        host_sent_to_filled_ms=_host_ms(steps.sent_ns, steps.filled_ns),
        warning=_warning(order, price, decision, lag_warning=lag_warning, slippage_warning=slippage_warning),
    )


def touch_of(arrival: ArrivalQuoteTaken, side: Side) -> Decimal:
    """Return the side of the quote that an order has to cross."""
    return arrival.ask if side is Side.BUY else arrival.bid


_Parts = tuple[float | None, float | None, float | None]


def _slippage(order: LiveOrder, price: Decimal | None) -> tuple[float | None, float | None, float | None, _Parts]:
    """Return slippage against decision, arrival mid and touch, and the parts of the first."""
    if price is None:
        return None, None, None, (None, None, None)
    sign, paid, decision = order.side.sign, float(price), float(order.decision_price)
    against_decision = slippage_bps(reference=decision, price=paid, sign=sign)
    if order.arrival is None:
        return against_decision, None, None, (None, None, None)
    mid, touch = float(order.arrival.mid), float(touch_of(order.arrival, order.side))
    return (
        against_decision,
        slippage_bps(reference=mid, price=paid, sign=sign),
        slippage_bps(reference=touch, price=paid, sign=sign),
        shortfall_parts_bps(decision=decision, mid=mid, touch=touch, price=paid, sign=sign),
    )


def _warning(
    order: LiveOrder,
    price: Decimal | None,
    decision_bps: float | None,
    *,
    lag_warning: timedelta,
    slippage_warning: Decimal,
) -> str:
    warnings = []
    last = order.steps.last_fill_at
    if last is not None and last - order.steps.decided_at > lag_warning:
        warnings.append(f"lag {(last - order.steps.decided_at).total_seconds():.1f} s")
    if price is not None and (price - order.decision_price) * order.side.sign > slippage_warning * order.decision_price:
        warnings.append(f"slippage {decision_bps or 0.0:.1f} bps")
    return ", ".join(warnings)


def _market_ms(start: datetime | None, end: datetime | None) -> float | None:
    return (end - start) / _MS if start is not None and end is not None else None


def _host_ms(start_ns: int | None, end_ns: int | None) -> float | None:
    return (end_ns - start_ns) / _NS_PER_MS if start_ns and end_ns else None
