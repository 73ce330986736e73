"""What an execution costs, rounded to the cent the way the schedule bills it."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Protocol

_CENT = Decimal("0.01")


class CommissionSchedule(Protocol):
    """Commissions by execution; partial fills of one order may share a minimum."""

    def charge(self, *, quantity: Decimal, price: Decimal, filled_before: Decimal, notional_before: Decimal) -> Decimal:
        """Return the commission of an execution (account currency, whole cents).

        `filled_before` (units) and `notional_before` (currency) are the same order's earlier executions.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PercentOfNotional:
    """A share of what the execution is worth."""

    rate: Decimal = Decimal("0.002")  # of notional: 0.002 is 0.2 %

    def charge(self, *, quantity: Decimal, price: Decimal, filled_before: Decimal, notional_before: Decimal) -> Decimal:
        """Return the rounded share of this execution alone; earlier ones do not matter."""
        del filled_before, notional_before
        return (quantity * price * self.rate).quantize(_CENT, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class PerShare:
    """IB's fixed shape: so much a share, at least a minimum an order, at most a share of the trade's value."""

    per_share: Decimal = Decimal("0.005")
    minimum: Decimal = Decimal("1.00")
    maximum_rate: Decimal = Decimal("0.01")  # of notional

    def charge(self, *, quantity: Decimal, price: Decimal, filled_before: Decimal, notional_before: Decimal) -> Decimal:
        """Return what this execution adds to the order's commission."""
        before = self._total(filled_before, notional_before)
        return self._total(filled_before + quantity, notional_before + quantity * price) - before

    def _total(self, quantity: Decimal, notional: Decimal) -> Decimal:
        if quantity == 0:
            return Decimal(0)
        charged = min(max(quantity * self.per_share, self.minimum), notional * self.maximum_rate)
        return charged.quantize(_CENT, ROUND_HALF_UP)
