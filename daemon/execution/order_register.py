"""The executor's orders, found by our reference, by the broker's ids and by execution; old ones are forgotten."""

from datetime import datetime, timedelta
from typing import Final

from daemon.execution.live_order import LiveOrder

_KEPT: Final = timedelta(days=5)  # late executions and corrections come within days, if ever
_LOOK_EVERY: Final = timedelta(days=1)


class OrderRegister:
    """All orders about which the broker may still have something to say."""

    def __init__(self) -> None:
        self._orders: dict[str, LiveOrder] = {}  # by order reference
        self._working: dict[str, LiveOrder] = {}  # of these, the ones that have not ended
        self._by_id: dict[int, LiveOrder] = {}  # by our own order id
        self._by_perm: dict[int, LiveOrder] = {}
        self._by_exec: dict[str, LiveOrder] = {}  # by execution id, corrected ones included
        self._looked_at: datetime | None = None  # when old orders were looked for last

    def __getitem__(self, ref: str) -> LiveOrder:
        """Return the order with our reference `ref`."""
        return self._orders[ref]

    def get(self, ref: str) -> LiveOrder | None:
        """Return the order with our reference `ref`, None when there is none."""
        return self._orders.get(ref)

    def add(self, order: LiveOrder) -> None:
        """Take an order, with all that is known of it."""
        ref = order.ticket.order_ref
        self._orders[ref] = self._by_id[order.ticket.order_id] = order
        for perm_id in order.perm_ids:
            self._by_perm[perm_id] = order
        for fill in order.fills.values():
            self._by_exec[fill.exec_id] = order
        self.note_state(order)

    def note_state(self, order: LiveOrder) -> None:
        """Take note of whether an order has ended."""
        if order.state.is_terminal:
            self._working.pop(order.ticket.order_ref, None)
        else:
            self._working[order.ticket.order_ref] = order

    def note_perm_id(self, order: LiveOrder, perm_id: int) -> None:
        """Take note of a permanent id that the broker gave an order."""
        order.perm_ids.add(perm_id)
        self._by_perm[perm_id] = order

    def note_execution(self, order: LiveOrder, exec_id: str) -> None:
        """Take note of whose an execution is."""
        self._by_exec[exec_id] = order

    @property
    def working(self) -> tuple[LiveOrder, ...]:
        """Return the orders that have not ended."""
        return tuple(self._working.values())

    def of_id(self, order_id: int) -> LiveOrder | None:
        """Return the order with our own order id."""
        return self._by_id.get(order_id)

    def of_perm_id(self, perm_id: int) -> LiveOrder | None:
        """Return the order with the broker's permanent id."""
        return self._by_perm.get(perm_id)

    def of_execution(self, exec_id: str) -> LiveOrder | None:
        """Return the order to which an execution is known to belong."""
        return self._by_exec.get(exec_id)

    def forget_old(self, at: datetime) -> None:
        """Drop the orders that ended days before market time `at`; looks once a day."""
        if self._looked_at is not None and at - self._looked_at < _LOOK_EVERY:
            return
        self._looked_at = at
        old = [o for o in self._orders.values() if o.state.is_terminal and at - o.steps.decided_at > _KEPT]
        for order in old:
            del self._orders[order.ticket.order_ref]
            self._by_id.pop(order.ticket.order_id, None)
            for perm_id in order.perm_ids:
                self._by_perm.pop(perm_id, None)
        if old:
            kept = {id(order) for order in self._orders.values()}
            self._by_exec = {exec_id: order for exec_id, order in self._by_exec.items() if id(order) in kept}
