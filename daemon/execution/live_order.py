"""An order on its way: identity, evidence, executions and the times of each step."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from daemon.domain.decision import StrategyId
from daemon.domain.fill import Fill
from daemon.domain.order import OrderState, Side
from daemon.domain.records import ArrivalQuoteTaken
from daemon.ports import OrderTicket

_ZERO = Decimal(0)


@dataclass(slots=True)
class Steps:
    """When each step of an order happened; None until it has (or after a restart, for host times)."""

    bar_end: datetime
    decided_at: datetime
    sent_at: datetime | None = None
    acknowledged_at: datetime | None = None
    first_fill_at: datetime | None = None
    last_fill_at: datetime | None = None
    received_ns: int | None = None
    decided_ns: int | None = None
    journaled_ns: int | None = None
    sent_ns: int | None = None
    acknowledged_ns: int | None = None
    filled_ns: int | None = None


@dataclass(slots=True)
class LiveOrder:
    """One order by our own evidence."""

    ticket: OrderTicket
    strategy: StrategyId
    decision_price: Decimal
    reduces: bool
    steps: Steps
    arrival: ArrivalQuoteTaken | None
    state: OrderState = OrderState.SENDING
    perm_ids: set[int] = field(default_factory=set)  # one reference may own several
    attempts: int = 0
    cancel_asked: bool = False
    rejection: str = ""  # the broker's words
    fills: dict[str, Fill] = field(default_factory=dict)  # by execution stem; a correction replaces

    @property
    def side(self) -> Side:
        """Return the direction."""
        return self.ticket.side

    @property
    def filled(self) -> Decimal:
        """Return the quantity executed so far."""
        return sum((fill.quantity for fill in self.fills.values()), _ZERO)

    @property
    def average_price(self) -> Decimal | None:
        """Return the volume-weighted price of the executions, None without any."""
        filled = self.filled
        if not filled:
            return None
        return sum((fill.quantity * fill.price for fill in self.fills.values()), _ZERO) / filled
