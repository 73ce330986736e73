"""An order on its way: identity, evidence, executions and the times of each step."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

from daemon.domain.decision import StrategyId
from daemon.domain.fill import Fill, execution_stem, is_adjustment
from daemon.domain.order import OrderRef, OrderState, Side
from daemon.domain.records import ArrivalQuoteTaken
from daemon.ports import OrderTicket

ACKNOWLEDGED: Final = frozenset({"PreSubmitted", "Submitted", "Filled"})
"""The broker's words that say that it has taken an order."""

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
    rejection: str = ""  # the words of an error that refused it
    refused_at: datetime | None = None  # when that came
    fills: dict[str, Fill] = field(default_factory=dict)  # by execution stem; a correction replaces
    filled: Decimal = _ZERO  # quantity executed so far
    commissions: dict[str, Decimal] = field(default_factory=dict)  # by execution id
    absences: int = 0  # complete snapshots in a row that did not show it
    told_filled: Decimal = _ZERO  # the most that the broker has counted as filled, whether or not it told how
    ended_at: datetime | None = None  # when it ended last, by our evidence

    @property
    def ref(self) -> OrderRef:
        """Return the order's reference as the type that records use."""
        return OrderRef(self.ticket.order_ref)

    @property
    def side(self) -> Side:
        """Return the direction."""
        return self.ticket.side

    def take(self, fill: Fill, replaces: Fill | None = None) -> None:
        """Take an execution in the place of `replaces`, and the times of it."""
        if replaces is not None:
            del self.fills[execution_stem(replaces.exec_id)]
        self.fills[execution_stem(fill.exec_id)] = fill
        self.filled = sum([each.quantity for each in self.fills.values()], _ZERO)
        self.steps.first_fill_at = self.steps.first_fill_at or fill.at
        self.steps.last_fill_at = fill.at

    @property
    def stand_in(self) -> Fill | None:
        """Return a fill that a person has confirmed in the place of executions, None when there is none."""
        return next((fill for fill in self.fills.values() if is_adjustment(fill.exec_id)), None)

    def refuse(self, text: str, code: int, at: datetime) -> None:
        """Take note of an error that refuses the order; it may live all the same."""
        self.rejection, self.refused_at = f"{text} (code {code})", at

    def forget_refusal(self) -> None:
        """Take note that the order lives on."""
        self.rejection, self.refused_at = "", None

    def was_refused_before(self, moment: datetime) -> bool:
        """Return whether the error that refuses the order came at or before `moment`."""
        return self.refused_at is not None and self.refused_at <= moment

    @property
    def was_refused(self) -> bool:
        """Return whether the broker has said that it refused the order, and nothing of it has filled."""
        return bool(self.rejection) and not self.filled

    @property
    def is_given_up(self) -> bool:
        """Return whether nothing more is done about the order unless it is heard of."""
        return self.state.is_terminal or self.state is OrderState.LOST

    @property
    def in_doubt(self) -> bool:
        """Return whether nobody knows what has become of the order."""
        return self.state in {OrderState.UNKNOWN, OrderState.LOST}

    @property
    def remaining(self) -> Decimal:
        """Return what has not been executed, as far as we know."""
        return max(self.ticket.quantity - self.filled, _ZERO)

    @property
    def average_price(self) -> Decimal | None:
        """Return the volume-weighted price of the executions, None without any."""
        if not self.filled:
            return None
        return sum([fill.quantity * fill.price for fill in self.fills.values()], _ZERO) / self.filled
