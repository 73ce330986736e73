"""The port Broker on an IB connection. Whatever the broker tells arrives at the connection's sink."""

from collections.abc import Mapping

from daemon.adapters.ib.connection import IbConnection
from daemon.adapters.ib.requests import account_summary
from daemon.adapters.ib.translate import order_of
from daemon.domain.errors import PaceKept
from daemon.ports import BrokerSnapshot, OrderTicket


class IbBroker:
    """Orders at IB."""

    def __init__(self, connection: IbConnection) -> None:
        self._connection = connection

    @property
    def account(self) -> str:
        """Return the account in use, empty before the first connection."""
        return self._connection.account

    @property
    def client_id(self) -> int:
        """Return the id under which orders are owned."""
        return self._connection.settings.client_id

    @property
    def is_connected(self) -> bool:
        """Return whether the connection is up and has been synchronised."""
        return self._connection.is_up

    def reserve_order_id(self) -> int:
        """Return the next order id, never one that was used before."""
        return self._connection.reserve_order_id()

    def raise_order_id(self, minimum: int) -> None:
        """Make the next order id at least `minimum`."""
        self._connection.raise_order_id(minimum)

    def submit(self, ticket: OrderTicket) -> None:
        """Write the order's bytes to the socket before returning.

        Raises:
            BrokerUnavailable: nothing was sent.
        """
        ib = self._connection.tradable()
        contract = self._connection.subscriber.contract(ticket.instrument)
        order = order_of(ticket, self._connection.account)
        self._take_turn()
        ib.send(lambda: ib.client.placeOrder(ticket.order_id, contract, order))
        self._connection.raise_order_id(ticket.order_id + 1)

    def cancel(self, order_id: int) -> None:
        """Ask for a cancel; also while the gateway has lost IB, for it may pass it on later.

        Raises:
            BrokerUnavailable: nothing was sent.
        """
        ib = self._connection.current()
        self._take_turn()
        ib.send(lambda: ib.client.cancelOrder(order_id))

    def _take_turn(self) -> None:
        """Keep below the rate at which the gateway refuses messages and ends connections."""
        if not self._connection.budget.take():
            raise PaceKept("as many messages as ib.messages_per_second allows were sent within this second")

    async def snapshot(self) -> BrokerSnapshot:
        """Return what the broker knows; raises BrokerUnavailable when it could not be had completely."""
        return await self._connection.snapshot()

    async def account_values(self) -> Mapping[str, str]:
        """Return the account summary: tag -> value; raises BrokerUnavailable as for `snapshot`."""
        connection = self._connection
        return await account_summary(
            connection.current(),
            connection.budget,
            account=connection.account,
            timeout_s=connection.settings.request_timeout_s,
        )

    def renew(self, cause: str) -> None:
        """Break off the connection and make a new one: it stands, but what comes over it cannot be used."""
        self._connection.drop(cause)

    def acknowledge_instant(self) -> None:
        """In lockstep, let market time move on; elsewhere do nothing."""
        self._connection.acknowledge_instant()
