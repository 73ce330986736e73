"""How much to hold: turns a side into the order that leads from the present position to the wanted one."""

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from daemon.domain.decision import Signal
from daemon.domain.order import Side

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SizingRule:
    """How a strategy sizes its positions."""

    position_fraction: Decimal  # of the strategy's equity, per instrument
    allow_short: bool


@dataclass(frozen=True, slots=True)
class Change:
    """An order that would bring the wanted position about."""

    side: Side
    quantity: Decimal
    reduces: bool  # it only makes the position smaller


def target_quantity(signal: Signal, *, equity: Decimal, price: Decimal, rule: SizingRule) -> Decimal:
    """Return the signed whole number of units to hold; 0 where a short would be needed and is not allowed."""
    if signal is Signal.HOLD or price <= 0 or equity <= 0:
        return _ZERO
    units = (equity * rule.position_fraction / price).to_integral_value(rounding=ROUND_DOWN)
    if signal is Signal.BUY:
        return units
    return -units if rule.allow_short else _ZERO


def change_to(target: Decimal, held: Decimal) -> Change | None:
    """Return the order from `held` to `target`, None when they lie on the same side already.

    A position is not resized while its side stands: a drifting equity must not churn orders.
    """
    if target == held or target * held > 0:
        return None
    difference = target - held
    return Change(
        side=Side.BUY if difference > 0 else Side.SELL,
        quantity=abs(difference),
        reduces=target == 0,
    )


def closing(held: Decimal) -> Change:
    """Return the order that only closes a position, `held` != 0."""
    return Change(side=Side.SELL if held > 0 else Side.BUY, quantity=abs(held), reduces=True)
