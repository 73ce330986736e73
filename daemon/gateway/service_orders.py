"""Orders as clients place them and hear of them; lists of orders and executions are in `service_order_lists`."""

from collections.abc import Callable

from daemon.gateway.broker import Broker
from daemon.gateway.combos import BAG, BadLegs, legs_of
from daemon.gateway.connection import Connection
from daemon.gateway.contracts import Contracts
from daemon.gateway.history_wire import clock_text
from daemon.gateway.ledger import ExecutionRow, OrderRow, Role
from daemon.gateway.order_index import MANUAL_CLIENT
from daemon.gateway.order_wire import OrderWriter, commission, raw_ticket, status, what_if
from daemon.gateway.rows import SETTLED, new_row
from daemon.gateway.source import MarketSource
from daemon.gateway.subscriptions import UNKNOWN_CONTRACT
from daemon.gateway.tickets import Desk, RawTicket, Refusal, Ticket, Traded, judge
from daemon.gateway.timeline import SECOND_US, Timeline
from daemon.gateway.wire.account_requests import CancelOrder, ReqAutoOpenOrders, ReqGlobalCancel
from daemon.gateway.wire.contract import Contract
from daemon.gateway.wire.messages import Response
from daemon.gateway.wire.order_request import PlaceOrder
from daemon.gateway.wire.order_responses import OrderBound

_LIVE = -1  # request id of what is pushed


class OrderDesk:
    """Takes order requests to the broker and its news to the clients concerned: the owner, and the master if any.

    Orders entered by hand belong to client 0 once it has taken them over; before that the master alone hears of them.
    """

    def __init__(
        self,
        broker: Callable[[], Broker],
        contracts: Contracts,
        source: MarketSource,
        timeline: Timeline,
        client: Callable[[int], Connection | None],
        *,
        position_changed: Callable[[str], None],
        master_client_id: int | None = None,
    ) -> None:
        self._find_broker = broker
        self._contracts = contracts
        self._zone = source.calendar.timezone
        self._timeline = timeline
        self._client = client
        self._tell_position = position_changed
        self._master_id = master_client_id
        self._binder: Connection | None = None  # client 0, when it wants manual orders as they come
        self.writer = OrderWriter(contracts, source.listings, self._zone)

    @property
    def _broker(self) -> Broker:
        return self._find_broker()

    # What the broker tells (BrokerListener).

    def order_changed(self, order: OrderRow) -> None:
        """Push openOrder and orderStatus."""
        self._push(order, self.writer.open_order(order), status(order))

    def order_held(self, order: OrderRow) -> None:
        """Tell the owner that the order waits for the open."""
        next_open = self._timeline.open_us
        if self._timeline.now_us >= next_open:
            next_open = self._timeline.next_open_us or next_open
        until = clock_text(next_open // SECOND_US, self._zone)
        self._remark(
            order,
            399,
            f"Order Message:\n{order.side} {order.quantity} {order.symbol}\n"
            f"Warning: your order will not be placed at the exchange until {until}",
        )

    def order_filled(self, order: OrderRow, execution: ExecutionRow, *legs: ExecutionRow) -> None:
        """Push executions, order, status and commissions, in this order."""
        rows = (execution, *legs)
        self._push(
            order,
            *(self.writer.execution(row, order, _LIVE) for row in rows),
            self.writer.open_order(order),
            status(order),
            *(commission(row) for row in rows),
        )
        for row in rows:
            if row.role != Role.COMBO:
                self._tell_position(row.symbol)

    def order_ended(self, order: OrderRow, text: str) -> None:
        """Push the end of an order and IB's message about it."""
        self._push(order, status(order))
        self._remark(order, 202, text)

    def order_refused(self, order: OrderRow, refusal: Refusal) -> None:
        """Push where an order stands after it was refused or remarked on, and why."""
        self._push(order, status(order))
        self._remark(order, refusal.code, refusal.text)

    def order_bound(self, order: OrderRow) -> None:
        """Push that a manual order belongs to client 0 now."""
        bound = OrderBound(perm_id=order.perm_id, client_id=order.client_id, order_id=order.order_id)
        self._push(order, bound, self.writer.open_order(order), status(order))

    def holdings_settled(self, order: OrderRow, *executions: ExecutionRow) -> None:
        """Push executions and commissions; an order that nobody placed has no openOrder and no status."""
        self._push(
            order,
            *(self.writer.execution(row, order, _LIVE) for row in executions),
            *(commission(row) for row in executions),
        )
        for row in executions:
            self._tell_position(row.symbol)

    def position_changed(self, symbol: str) -> None:
        """Push a position that moved without an execution."""
        self._tell_position(symbol)

    def takes_manual_orders(self) -> bool:
        """Return whether client 0 wants manual orders as they come."""
        return self._binder is not None and self._client(MANUAL_CLIENT) is self._binder

    # What clients ask.

    def place(self, connection: Connection, request: PlaceOrder) -> None:
        """Place or change an order, or answer a what-if."""
        ticket = self.ticket(request.contract, raw_ticket(request))
        if isinstance(ticket, Refusal):
            refusal: Refusal | None = ticket
        elif request.order.what_if:
            refusal = self._what_if(connection, request.order_id, ticket)
        else:
            refusal = self._broker.place(
                connection.client_id, request.order_id, ticket, transmit=request.order.transmit
            )
        if refusal is not None:
            connection.error(request.order_id, refusal.code, refusal.text)

    def ticket(self, contract: Contract, raw: RawTicket) -> Ticket | Refusal:
        """Return what can be traded of what somebody wrote, or IB's refusal."""
        traded = self._traded(contract)
        if isinstance(traded, Refusal):
            return traded
        desk = Desk(account=self._broker.account.name, zone=self._zone, now_us=self._timeline.now_us)
        return judge(raw, traded, desk)

    def cancel(self, connection: Connection, request: CancelOrder) -> None:
        """Cancel one of the client's own orders; others' are unknown to it."""
        refusal = self._broker.cancel(connection.client_id, request.order_id)
        if refusal is not None:
            connection.error(request.order_id, refusal.code, refusal.text)

    def cancel_all(self, connection: Connection, request: ReqGlobalCancel) -> None:
        """Cancel everybody's orders."""
        self._broker.cancel_all()

    def auto_open_orders(self, connection: Connection, request: ReqAutoOpenOrders) -> None:
        """Bind manual orders to client 0 from now on, or no longer."""
        if connection.client_id != MANUAL_CLIENT:
            text = "Error validating request.-'bN' : cause - Only the default client (i.e 0) can auto bind orders."
            connection.error(_LIVE, 321, text)
            return
        self._binder = connection if request.auto_bind else None

    def _traded(self, contract: Contract) -> Traded | Refusal:
        if contract.sec_type == BAG:
            return self._combination(contract)
        listing = self._contracts.find(contract)
        if listing is None:
            return Refusal(code=200, text=UNKNOWN_CONTRACT)
        if listing.sec_type == "IND":
            return Refusal(code=201, text="Order rejected - reason:The contract is not available for trading")
        return Traded.of(listing)

    def _combination(self, contract: Contract) -> Traded | Refusal:
        try:
            legs = legs_of(contract, lambda con_id: self._contracts.find(Contract(con_id=con_id)))
        except BadLegs as error:
            return Refusal(code=321, text=f"Error validating request.-'comboLegs' : cause - {error}.")
        return Traded(symbol=contract.symbol or legs[0].symbol, currency=contract.currency or "USD", legs=legs)

    def _what_if(self, connection: Connection, order_id: int, ticket: Ticket) -> Refusal | None:
        preview = self._broker.judge.preview(ticket)
        if isinstance(preview, Refusal):
            return preview
        row = new_row(
            ticket,
            perm_id=0,
            client_id=connection.client_id,
            order_id=order_id,
            account=self._broker.account.name,
            at_us=self._timeline.now_us,
        )
        connection.respond(what_if(row, preview, self.writer))
        return None

    def _push(self, order: OrderRow, *responses: Response) -> None:
        """Send responses about an order to everyone concerned: the one place where that is done."""
        for connection in self._concerned(order):
            for response in responses:
                connection.respond(response)

    def _remark(self, order: OrderRow, code: int, text: str) -> None:
        """Send an error or notice about an order to its owner: the one place where that is done."""
        owner = self._owner(order)
        if owner is not None:
            owner.error(order.order_id, code, text)

    def _owner(self, order: OrderRow) -> Connection | None:
        return self._client(order.client_id) if order.order_id else None

    def _concerned(self, order: OrderRow) -> list[Connection]:
        master = None if self._master_id is None else self._client(self._master_id)
        owner = self._client(order.client_id) if order.order_type == SETTLED else self._owner(order)
        found = [connection for connection in (owner, master) if connection is not None]
        return list(dict.fromkeys(found))
