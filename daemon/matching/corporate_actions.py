"""Splits and cash dividends as pure functions of a position; orders are `SimulatedExchange.corporate_action`'s."""

from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Final

from daemon.domain.position import Position

_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """`new` shares for every `old` ones: 2 for 1, or 1 for 10."""

    new: int
    old: int

    def __post_init__(self) -> None:
        """Refuse a split of nothing."""
        if self.new <= 0 or self.old <= 0:
            raise ValueError(f"a split's numbers must be > 0, were {self.new} for {self.old}")

    def price(self, before: Decimal) -> Decimal:
        """Return what a price from before the split stands for after it."""
        return before * self.old / self.new


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitPosition:
    """A position after a split."""

    position: Position
    cash: Decimal  # paid for the fraction that could not be kept; a short pays it


def split_position(
    position: Position, split: Split, *, price_after: Decimal, lot: Decimal = Decimal(1)
) -> SplitPosition:
    """Return a position after a split, with cash in lieu of what is less than a lot.

    The total cost stays with the shares, but for the fraction's part; the fraction is sold at `price_after`, so the
    value at that price does not change beyond the cent, and what it earned is realised.

    Args:
        position: as it was before.
        split: new for old.
        price_after: the market's first price after the split, currency per share.
        lot: the smallest quantity that can be held.
    """
    exact = position.quantity * split.new / split.old
    kept = (exact / lot).to_integral_value(rounding=ROUND_DOWN) * lot
    fraction = exact - kept
    if fraction == 0:
        return SplitPosition(position=replace(position, quantity=kept), cash=Decimal(0))
    fraction_cost = position.total_cost * fraction / exact
    cash = (fraction * price_after).quantize(_CENT, ROUND_HALF_UP)
    after = replace(
        position,
        quantity=kept,
        total_cost=position.total_cost - fraction_cost,
        realized_pnl=position.realized_pnl + cash - fraction_cost,
    )
    return SplitPosition(position=after, cash=cash)


def dividend(quantity: Decimal, per_share: Decimal) -> Decimal:
    """Return the cash a dividend brings for the position held at the close before the ex-date, in whole cents.

    Positive for a long position; a short one pays the same to the lender.

    Raises:
        ValueError: the amount is not a number >= 0.
    """
    if not per_share.is_finite() or per_share < 0:
        raise ValueError(f"per_share must be >= 0, was {per_share}")
    return (quantity * per_share).quantize(_CENT, ROUND_HALF_UP)
