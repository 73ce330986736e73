"""Whether the broker has an order: yes, no, or nobody knows. Only a complete answer to a question counts as no."""

from collections.abc import Callable, Collection
from enum import Enum

from daemon.domain.callbacks import OrderReported
from daemon.execution.live_order import LiveOrder
from daemon.ports import BrokerSnapshot

OrderOf = Callable[[OrderReported], LiveOrder | None]
"""Finds the order of ours that a report is about."""


class Presence(Enum):
    """The three answers to whether the broker has an order."""

    PRESENT = "the broker has it"
    ABSENT = "a complete snapshot does not show it"
    NOT_ASKED = "it could not be asked, or was sent after the question"


class Sighting:
    """What one attempt at a snapshot says of each order."""

    def __init__(self, snapshot: BrokerSnapshot | None, *, asked: Collection[str], order_of: OrderOf) -> None:
        """Take a complete snapshot, None when it could not be had, and the orders that were out when it was asked for.

        A `BrokerSnapshot` is complete by its type: where an end marker is missing, there is none.
        """
        self._asked = frozenset(asked) if snapshot is not None else frozenset()
        reports = (*snapshot.orders, *snapshot.completed) if snapshot is not None else ()
        self._seen = {order.ticket.order_ref for report in reports if (order := order_of(report)) is not None}

    def of(self, order: LiveOrder) -> Presence:
        """Return whether the broker has `order`."""
        ref = order.ticket.order_ref
        if ref in self._seen:
            return Presence.PRESENT
        return Presence.ABSENT if ref in self._asked else Presence.NOT_ASKED
