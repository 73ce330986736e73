"""What the broker tells whom: the one seam between orders and the clients that hear of them."""

from typing import Protocol

from daemon.gateway.ledger import ExecutionRow, OrderRow
from daemon.gateway.tickets import Refusal


class BrokerListener(Protocol):
    """Who is told, after it is durable."""

    def order_changed(self, order: OrderRow) -> None:
        """Say that an order has a new state."""
        ...

    def order_held(self, order: OrderRow) -> None:
        """Say that an order waits for the next open."""
        ...

    def order_filled(self, order: OrderRow, execution: ExecutionRow, *legs: ExecutionRow) -> None:
        """Say that an order had an execution; of a combination, the whole first and then its legs."""
        ...

    def order_ended(self, order: OrderRow, text: str) -> None:
        """Say that an order was cancelled, and IB's text for it."""
        ...

    def order_refused(self, order: OrderRow, refusal: Refusal) -> None:
        """Say that an order, or a change of it, was refused or remarked on after it had been taken."""
        ...

    def order_bound(self, order: OrderRow) -> None:
        """Say that a manual order belongs to client 0 from now on."""
        ...

    def holdings_settled(self, order: OrderRow, *executions: ExecutionRow) -> None:
        """Say that holdings ended by exercise, assignment or expiry; the order stands for it in the lists."""
        ...

    def position_changed(self, symbol: str) -> None:
        """Say that a position moved without an execution."""
        ...

    def takes_manual_orders(self) -> bool:
        """Return whether client 0 is there and wants manual orders as they come."""
        ...
