"""What orders do to one another: one-cancels-all groups, and children that wait for their parent.

A fill changes the other members of its group at the same instant, so a group is never filled beyond its one quantity;
the overfill that IB's type 3 allows between venues is not simulated, and types 2 and 3 have the same arithmetic.
"""

from collections.abc import Callable, Mapping
from decimal import ROUND_FLOOR, Decimal
from typing import Final

from daemon.matching.orders import ExchangeOrder, OcaType

Reduction = Callable[[Decimal, Decimal, Decimal], Decimal]
_NOTHING: Final = Decimal(0)


def cancelled(remaining: Decimal, filled: Decimal, filler_before: Decimal) -> Decimal:
    """Return that nothing is left of the others."""
    del remaining, filled, filler_before
    return _NOTHING


def reduced(remaining: Decimal, filled: Decimal, filler_before: Decimal) -> Decimal:
    """Return what is left of another member: less by the share of the filler's open quantity that was filled.

    Rounded down to whole units, so that the filled shares of all members never add up to more than one.
    """
    if remaining == filler_before:
        return remaining - filled
    left = remaining * (filler_before - filled) / filler_before
    return left.to_integral_value(rounding=ROUND_FLOOR)


REDUCTIONS: Final[Mapping[OcaType, Reduction]] = {
    OcaType.CANCEL_WITH_BLOCK: cancelled,
    OcaType.REDUCE_WITH_BLOCK: reduced,
    OcaType.REDUCE_NO_BLOCK: reduced,
}


class OrderGroups:
    """Who belongs to whom among the live orders."""

    def __init__(self) -> None:
        self._members: dict[str, list[str]] = {}  # OCA group -> keys, in order of submission
        self._children: dict[str, list[str]] = {}  # parent -> keys
        self._filled: set[str] = set()  # OCA groups that are used up

    def add(self, order: ExchangeOrder) -> None:
        """Take a live order in."""
        if order.oca_group:
            self._members.setdefault(order.oca_group, []).append(order.key)
        if order.parent_key:
            self._children.setdefault(order.parent_key, []).append(order.key)

    def drop(self, order: ExchangeOrder) -> None:
        """Let go of an order that is finished."""
        for index, name in ((self._members, order.oca_group), (self._children, order.parent_key)):
            keys = index.get(name)
            if keys is not None and order.key in keys:
                keys.remove(order.key)
                if not keys:
                    del index[name]

    def others(self, order: ExchangeOrder) -> tuple[str, ...]:
        """Return the other live members of an order's OCA group."""
        return tuple(key for key in self._members.get(order.oca_group, ()) if key != order.key)

    def children(self, key: str) -> tuple[str, ...]:
        """Return the live children of an order."""
        return tuple(self._children.get(key, ()))

    def use_up(self, group: str) -> None:
        """Remember that a group takes no more members."""
        self._filled.add(group)

    def is_used_up(self, group: str) -> bool:
        """Return whether a group has done what it was for."""
        return group in self._filled


def open_after(
    oca_type: OcaType, others: Mapping[str, Decimal], *, filled: Decimal, filler_before: Decimal
) -> dict[str, Decimal]:
    """Return what is open of each other member once `filled` of the filler's `filler_before` units have been filled."""
    rule = REDUCTIONS[oca_type]
    return {key: rule(remaining, filled, filler_before) for key, remaining in others.items()}
