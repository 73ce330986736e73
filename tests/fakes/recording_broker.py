"""A broker that writes down what it is asked for and says nothing by itself."""

from collections.abc import Mapping

from daemon.domain.errors import BrokerUnavailable
from daemon.ports import BrokerSnapshot, OrderTicket


class RecordingBroker:
    """Implements `ports.Broker`. `diary` may be shared with a journal, to see what came before what."""

    def __init__(self, diary: list[str] | None = None) -> None:
        self.account = "DU1234567"
        self.client_id = 7
        self.is_connected = True
        self.sent: list[OrderTicket] = []
        self.cancelled: list[int] = []
        self.failures = 0  # of the next submits or cancels, how many cannot be sent
        self.failing = BrokerUnavailable("the line is down")  # with what
        self.snapshots: list[BrokerSnapshot] = []
        self.acknowledged = 0
        self.diary: list[str] = diary if diary is not None else []
        self._next_id = 1

    def reserve_order_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def raise_order_id(self, minimum: int) -> None:
        self._next_id = max(self._next_id, minimum)

    def submit(self, ticket: OrderTicket) -> None:
        self._may_fail()
        self.sent.append(ticket)
        self.diary.append(f"submit {ticket.order_ref}")

    def cancel(self, order_id: int) -> None:
        self._may_fail()
        self.cancelled.append(order_id)
        self.diary.append(f"cancel {order_id}")

    async def snapshot(self) -> BrokerSnapshot:
        if not self.snapshots:
            raise BrokerUnavailable("no snapshot was laid out")
        return self.snapshots.pop(0)

    async def account_values(self) -> Mapping[str, str]:
        return {}

    def renew(self, cause: str) -> None:
        self.diary.append(f"renew: {cause}")

    def acknowledge_instant(self) -> None:
        self.acknowledged += 1
        self.diary.append("acknowledge")

    def _may_fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise self.failing
