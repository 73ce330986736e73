"""Which commission schedule an execution is charged by, chosen for an account by name."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Protocol

from daemon.domain.order import Side
from daemon.gateway.account import ZERO
from daemon.matching.commission import (
    AlpacaStocks,
    CommissionSchedule,
    IbOptions,
    IbTieredStocks,
    PercentOfNotional,
    PerShare,
)

_PERCENT = "percent"


class Charged(Protocol):
    """An execution as far as its commission depends on it."""

    @property
    def side(self) -> Side:
        """Return what the account did."""
        ...

    @property
    def quantity(self) -> Decimal:
        """Return the units or contracts."""
        ...

    @property
    def price(self) -> Decimal:
        """Return the price, currency per unit."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Contracted:
    """What is charged by the contract and not by its value: the kind of instrument, and what a point is worth."""

    kind: str = "STK"  # STK, OPT or FUT
    multiplier: Decimal = Decimal(1)


@dataclass(slots=True, kw_only=True)
class CommissionPlan:
    """Schedules by kind of instrument, and what each order has had already: minimums are by order."""

    shares: CommissionSchedule
    by_contract: dict[str, CommissionSchedule] = field(default_factory=dict)  # else shares', on price times multiplier
    _before: dict[tuple[int, str], tuple[Decimal, Decimal]] = field(default_factory=dict)

    def charge(self, perm_id: int, symbol: str, execution: Charged, contracted: Contracted) -> Decimal:
        """Return the commission of an execution, and remember it as the order's."""
        filled, notional = self._before.get((perm_id, symbol), (ZERO, ZERO))
        charge = self.estimate(execution, contracted, filled=filled, notional=notional)
        self.remember(perm_id, symbol, execution.quantity, execution.price)
        return charge

    def estimate(
        self, execution: Charged, contracted: Contracted, *, filled: Decimal = ZERO, notional: Decimal = ZERO
    ) -> Decimal:
        """Return what an execution would cost after `filled` units worth `notional` at prices per unit."""
        own = self.by_contract.get(contracted.kind)
        scale = contracted.multiplier if own is None else Decimal(1)
        return (own or self.shares).charge(
            quantity=execution.quantity,
            price=abs(execution.price) * scale,
            filled_before=filled,
            notional_before=notional * scale,
            side=execution.side,
        )

    def remember(self, perm_id: int, symbol: str, quantity: Decimal, price: Decimal) -> None:
        """Count an execution among those its order has had."""
        filled, notional = self._before.get((perm_id, symbol), (ZERO, ZERO))
        self._before[perm_id, symbol] = (filled + quantity, notional + quantity * abs(price))


# IBKR's list price of an index future in 2025, 0.85 a contract, with the exchange's and regulator's part of an E-mini.
_FUTURE = IbOptions(tiers=((ZERO, Decimal("2.25")),), minimum=ZERO)


def _by_contract() -> dict[str, CommissionSchedule]:
    return {"OPT": IbOptions(), "FUT": _FUTURE}


_NAMED: dict[str, Callable[[], CommissionPlan]] = {
    "ib-fixed": lambda: CommissionPlan(shares=PerShare(), by_contract=_by_contract()),
    "ib-tiered": lambda: CommissionPlan(shares=IbTieredStocks(), by_contract=_by_contract()),
    "alpaca": lambda: CommissionPlan(shares=AlpacaStocks(), by_contract=_by_contract()),
}


def plan_named(text: str) -> CommissionPlan:
    """Return the plan of a name: `percent:0.002`, `ib-fixed`, `ib-tiered` or `alpaca`.

    Raises:
        ValueError: there is no such plan.
    """
    name, _, rate = text.partition(":")
    if name == _PERCENT and _is_rate(rate):
        return CommissionPlan(shares=PercentOfNotional(rate=Decimal(rate)))
    if name not in _NAMED or rate:
        known = ", ".join(_NAMED)
        raise ValueError(f"commission_schedule {text!r} is none: use percent:RATE (0.002 is 0.2 %, below 1), {known}")
    return _NAMED[name]()


def _is_rate(text: str) -> bool:
    try:
        return 0 <= Decimal(text) < 1
    except InvalidOperation:
        return False
