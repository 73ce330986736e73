"""Lists of orders and executions that clients ask for."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from daemon.gateway.broker import Broker
from daemon.gateway.connection import Connection
from daemon.gateway.history import BadRequest, moment
from daemon.gateway.ledger import ExecutionRow, OrderRow
from daemon.gateway.order_index import FINISHED, MANUAL_CLIENT
from daemon.gateway.order_wire import OrderWriter, commission, sec_type, status
from daemon.gateway.source import MarketSource
from daemon.gateway.timeline import SECOND_US, Timeline
from daemon.gateway.wire.account_requests import ReqAllOpenOrders, ReqCompletedOrders, ReqExecutions, ReqOpenOrders
from daemon.gateway.wire.order_responses import CompletedOrdersEnd, ExecDetailsEnd, OpenOrderEnd

_SIDES = {"BUY": "BUY", "SELL": "SELL", "BOT": "BUY", "SLD": "SELL", "SSHORT": "SELL"}


class OrderLists:
    """Answers about orders and executions; changes nothing but who owns manual orders."""

    def __init__(
        self, broker: Callable[[], Broker], source: MarketSource, timeline: Timeline, writer: OrderWriter
    ) -> None:
        self._find_broker = broker
        self._listings = source.listings
        self._zone = source.calendar.timezone
        self._timeline = timeline
        self._writer = writer

    @property
    def _broker(self) -> Broker:
        return self._find_broker()

    def open_orders(self, connection: Connection, request: ReqOpenOrders) -> None:
        """List the client's own working orders; client 0 takes over the manual ones with that."""
        if connection.client_id == MANUAL_CLIENT:
            self._broker.bind_manual()
        self._list(connection, (order for order in self._broker.working() if order.client_id == connection.client_id))

    def all_open_orders(self, connection: Connection, request: ReqAllOpenOrders) -> None:
        """List everybody's working orders, drafts excepted: nobody else's are transmitted yet."""
        self._list(
            connection,
            (order for order in self._broker.working() if order.transmitted or order.client_id == connection.client_id),
        )

    def completed_orders(self, connection: Connection, request: ReqCompletedOrders) -> None:
        """List the orders that ended since midnight, with `api_only` those entered by clients."""
        midnight = self._midnight_us()
        for order in self._broker.orders.values():
            recent = order.status in FINISHED and (order.completed_us or 0) >= midnight
            if recent and not (request.api_only and order.is_manual):
                connection.respond(self._writer.completed(order))
        connection.respond(CompletedOrdersEnd())

    def executions(self, connection: Connection, request: ReqExecutions) -> None:
        """List the executions since midnight that pass the filter, then their commissions."""
        fault = self._filter_fault(request)
        if fault is not None:
            connection.error(request.req_id, 321, f"Error validating request.-{fault}")
            return
        since = self._midnight_us()
        if request.time:
            since = max(since, int(moment(request.time, self._zone).timestamp()) * SECOND_US)
        found = [row for row in reversed(self._recent(since)) if self._passes(row, request)]
        for row in found:
            order = self._broker.orders[row.perm_id]
            connection.respond(self._writer.execution(row, order, request.req_id))
        connection.respond(ExecDetailsEnd(req_id=request.req_id))
        for row in found:
            connection.respond(commission(row))

    def _list(self, connection: Connection, orders: Iterable[OrderRow]) -> None:
        for order in orders:
            connection.respond(self._writer.open_order(order))
            connection.respond(status(order))
        connection.respond(OpenOrderEnd())

    def _filter_fault(self, request: ReqExecutions) -> str | None:
        """Return what is wrong with a filter; the account must be written exactly, as at IB."""
        if request.account not in {"", self._broker.account.name}:
            return f"'acctCode' : cause - Invalid account code '{request.account[:40]}'."
        if request.side and request.side not in _SIDES:
            return f"'side' : cause - Invalid side '{request.side[:40]}': BUY or SELL."
        try:
            if request.time:
                moment(request.time, self._zone)
        except BadRequest as error:
            return f"'time' : cause - {error}"
        return None

    def _recent(self, since_us: int) -> list[ExecutionRow]:
        """Return executions since a time, latest first."""
        found: list[ExecutionRow] = []
        for row in reversed(self._broker.executions):
            if row.at_us < since_us:
                break
            found.append(row)
        return found

    def _passes(self, row: ExecutionRow, request: ReqExecutions) -> bool:
        listing = self._listings.get(row.symbol)
        ticker = row.symbol if listing is None else listing.ticker
        venues = {"", row.exchange, "" if listing is None else listing.primary_exchange}
        return (
            request.client_id in {0, row.client_id}
            and request.symbol in {"", ticker}
            and request.sec_type in {"", sec_type(row, self._listings)}
            and request.exchange in venues
            and (not request.side or _SIDES[request.side] == row.side)
        )

    def _midnight_us(self) -> int:
        local = datetime.fromtimestamp(self._timeline.now_us // SECOND_US, UTC).astimezone(self._zone)
        midnight = local - timedelta(hours=local.hour, minutes=local.minute, seconds=local.second)
        return int(midnight.timestamp()) * SECOND_US
