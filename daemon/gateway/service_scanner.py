"""Scanner subscriptions: the ranking at once, and again every thirty seconds of the session."""

from typing import Final

from daemon.gateway.connection import Connection
from daemon.gateway.contracts import full_contract
from daemon.gateway.scanner import BadScan, Scanner, parameters_xml
from daemon.gateway.timeline import Timeline
from daemon.gateway.wire.reference_requests import (
    CancelScannerSubscription,
    ReqScannerParameters,
    ReqScannerSubscription,
)
from daemon.gateway.wire.reference_responses import ScannerData, ScannerParameters, ScannerRow

_EVERY_S: Final = 30  # market seconds
_MOST: Final = 10  # subscriptions of one client
_HISTORY_ERROR: Final = "Historical Market Data Service error message:"
_NOTHING: Final = "Historical Market Data Service query message:no items retrieved"


class ScannerDesk:
    """Scanner subscriptions of all clients."""

    def __init__(self, scanner: Scanner, timeline: Timeline) -> None:
        self._scanner = scanner
        self._timeline = timeline
        self._running: dict[Connection, dict[int, ReqScannerSubscription]] = {}

    def forget(self, connection: Connection) -> None:
        """End a client's scanners."""
        self._running.pop(connection, None)

    def second(self) -> None:
        """Rank anew when it is time."""
        row = self._timeline.row
        if not self._running or row % _EVERY_S or row > self._timeline.session.seconds:
            return
        for connection, requests in self._running.items():
            for request in requests.values():
                self._tell(connection, request)

    def parameters(self, connection: Connection, request: ReqScannerParameters) -> None:
        """Tell the catalogue."""
        del request
        connection.respond(ScannerParameters(xml=parameters_xml()))

    def follow(self, connection: Connection, request: ReqScannerSubscription) -> None:
        """Start a scanner."""
        running = self._running.setdefault(connection, {})
        if request.req_id in running:
            connection.error(request.req_id, 102, "Duplicate ticker id")
        elif len(running) >= _MOST:
            text = (
                "Error processing request.-'bO' : cause - Maximum number of API scanner subscriptions has been reached"
            )
            connection.error(request.req_id, 322, text)
        else:
            try:
                self._tell(connection, request)
            except BadScan as error:
                connection.error(request.req_id, 162, f"{_HISTORY_ERROR}{error}")
                return
            running[request.req_id] = request

    def leave(self, connection: Connection, request: CancelScannerSubscription) -> None:
        """End a scanner."""
        if self._running.get(connection, {}).pop(request.req_id, None) is None:
            connection.error(request.req_id, 365, f"No scanner subscription found for ticker id:{request.req_id}")
            return
        text = f"{_HISTORY_ERROR}API scanner subscription cancelled: {request.req_id}"
        connection.error(request.req_id, 162, text)

    def _tell(self, connection: Connection, request: ReqScannerSubscription) -> None:
        found = self._scanner.rank(request)
        if not found:
            connection.error(request.req_id, 165, _NOTHING)
        rows = tuple(
            ScannerRow(rank=rank, contract=full_contract(listing, "SMART"), market_name=listing.trading_class)
            for rank, listing in enumerate(found)
        )
        connection.respond(ScannerData(req_id=request.req_id, rows=rows))
