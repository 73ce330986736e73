"""Executions and what they cost."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from daemon.domain.cheap import cheaply_made
from daemon.domain.instrument import InstrumentId
from daemon.domain.order import OrderRef, Side


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One execution of (a part of) an order."""

    exec_id: str
    order_ref: OrderRef
    instrument: InstrumentId
    side: Side
    quantity: Decimal  # units, > 0
    price: Decimal  # quote currency per unit
    at: datetime  # market time at which the daemon learnt of it, UTC
    executed_at: datetime  # the broker's own time, to the second, UTC

    def __post_init__(self) -> None:
        """Refuse an execution of nothing."""
        if self.quantity <= 0:
            raise ValueError(f"quantity must be > 0, was {self.quantity}")

    @property
    def signed_quantity(self) -> Decimal:
        """Return the change of position it brings."""
        return self.quantity * self.side.sign


ADJUSTMENT: Final = "adj-"
"""How the ids of fills begin that a person has confirmed in the place of executions nobody can tell of any more."""


def is_adjustment(exec_id: str) -> bool:
    """Return whether a fill was confirmed by a person, and is no execution that the broker reported."""
    return exec_id.startswith(ADJUSTMENT)


def execution_stem(exec_id: str) -> str:
    """Return what a correction shares with the execution it corrects: the id without its last dotted part.

    IB numbers corrections in the last part: `0000e0d5.01.02` replaces `0000e0d5.01.01`.
    """
    stem, dot, _ = exec_id.rpartition(".")
    return stem if dot else exec_id
