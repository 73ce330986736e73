"""Between connections and the server: shows faults every connection and request, and tracks what is whose."""

from daemon.gateway.connection import Connection, Switchboard
from daemon.gateway.faults.control import FaultControl
from daemon.gateway.faults.link import Link, Subscription
from daemon.gateway.faults.when import Happening
from daemon.gateway.wire.account_requests import (
    ReqAllOpenOrders,
    ReqCompletedOrders,
    ReqExecutions,
    ReqOpenOrders,
)
from daemon.gateway.wire.history_requests import CancelHistoricalData, ReqHistoricalData
from daemon.gateway.wire.market_requests import (
    CancelMktData,
    CancelRealTimeBars,
    CancelTickByTick,
    ReqMarketDataType,
    ReqMktData,
    ReqRealTimeBars,
    ReqTickByTick,
)
from daemon.gateway.wire.messages import Request
from daemon.gateway.wire.order_request import PlaceOrder
from daemon.gateway.wire.session_requests import ReqCurrentTime, StartApi

_LISTINGS = (ReqOpenOrders, ReqAllOpenOrders, ReqCompletedOrders, ReqExecutions)
_CANCELS = (CancelMktData, CancelRealTimeBars, CancelTickByTick, CancelHistoricalData)


class FaultySwitchboard:
    """The server's switchboard with faults in front of it."""

    def __init__(self, server: Switchboard, control: FaultControl) -> None:
        self._server = server
        self._control = control

    def opened(self, connection: Connection) -> bool:
        """Put a link between a new connection and its socket."""
        link = Link(connection, self._control)
        connection.wire = link
        self._control.opened(link)
        return self._server.opened(connection)

    def received(self, connection: Connection, request: Request) -> None:
        """Let faults look at a request before and after the server handles it."""
        link = self._control.link(connection)
        if link is None or (isinstance(request, ReqCurrentTime) and self._control.is_quiet):
            self._server.received(connection, request)
            return
        for event in self._tracked(link, request):
            self._control.happened(event, link)
        if self._control.keeps(link, request):
            return
        if isinstance(request, _LISTINGS) and not self._control.is_idle:
            connection.flush()
            link.is_answering = True
            self._server.received(connection, request)
            connection.flush()
            link.is_answering = False
        else:
            self._server.received(connection, request)
        if isinstance(request, StartApi) and connection.is_ready:
            self._control.joined()
        self._control.handled(link, request)

    def batch_done(self, connection: Connection) -> None:
        """Pass it on."""
        self._server.batch_done(connection)

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        self._control.closed(connection)
        self._server.closed(connection)

    def connection_time(self) -> str:
        """Return the time text of the version frame."""
        return self._server.connection_time()

    def _tracked(self, link: Link, request: Request) -> list[Happening]:
        """Remember what a request is about; return what triggers count of it."""
        symbol = None
        contract = getattr(request, "contract", None)
        if contract is not None:
            symbol = self._control.stage.symbol_of(contract)
        name = type(request).__name__
        events = [Happening(kind="request", client=link.client_id, symbol=symbol, request=name)]
        match request:
            case PlaceOrder():
                if request.order_id not in link.orders and not request.order.what_if:
                    events.append(Happening(kind="order", client=link.client_id, symbol=symbol))
                link.orders[request.order_id] = symbol or ""
            case ReqMktData() | ReqRealTimeBars() | ReqTickByTick() | ReqHistoricalData():
                kind = _kind(request)
                link.streams[request.req_id] = Subscription(kind, symbol or "")
                link.dead.discard(request.req_id)
                if kind != "history":
                    events.append(Happening(kind="subscription", client=link.client_id, symbol=symbol))
            case ReqMarketDataType():
                link.data_type = request.data_type
            case _ if isinstance(request, _CANCELS):
                link.dead.discard(request.req_id)
        return events


def _kind(request: ReqMktData | ReqRealTimeBars | ReqTickByTick | ReqHistoricalData) -> str:
    match request:
        case ReqMktData():
            return "quotes"
        case ReqRealTimeBars():
            return "bars"
        case ReqTickByTick():
            return "ticks"
        case _:
            return "updates" if request.keep_up_to_date else "history"
