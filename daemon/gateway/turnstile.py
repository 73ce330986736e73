"""Pacing at the door: which requests are too many, what they are answered, and whose connection ends for it."""

from collections.abc import Callable, Hashable
from typing import Final

from daemon.gateway.connection import NO_ID, Connection
from daemon.gateway.history import BadRequest, bar_seconds
from daemon.gateway.options import GatewayOptions
from daemon.gateway.request_limits import MESSAGES_A_SECOND, OPEN_MOST, SMALL_BAR_S, HistoryLimits, MessageRate
from daemon.gateway.wire.contract import Contract
from daemon.gateway.wire.history_requests import ReqHistoricalData, ReqHistoricalTicks
from daemon.gateway.wire.market_requests import ReqRealTimeBars, ReqTickByTick
from daemon.gateway.wire.messages import Request

_HISTORY_ERROR: Final = "Historical Market Data Service error message:"
_VIOLATION: Final = "Historical data request pacing violation"
_TICKS: Final = (
    "Max number of tick-by-tick requests has been reached: "
    "no more than one request for the same instrument within 15 seconds"
)
_PACED: Final = "+PACEAPI"  # connect option: the gateway slows the client down instead of refusing
_MOST_CLIENTS: Final = 256  # remembered by id


class Turnstile:
    """Lets requests through or answers them. It counts host time, and never lockstep clients: they run ahead of it."""

    def __init__(
        self, options: GatewayOptions, host_s: Callable[[], float], open_histories: Callable[[Connection], int]
    ) -> None:
        """Take the options, a clock of host seconds, and how many histories a client has kept up to date."""
        self.is_on = options.pacing == "on" or (options.pacing == "auto" and options.speed == 1.0)
        self._host_s = host_s
        self._open_histories = open_histories
        self._rates: dict[Connection, MessageRate] = {}
        self._clients: dict[int, HistoryLimits] = {}  # by client id: reconnecting does not help

    def forget(self, connection: Connection) -> None:
        """Forget a connection; its client id is remembered for as long as its requests count."""
        self._rates.pop(connection, None)

    def admits(self, connection: Connection, request: Request) -> bool:
        """Return whether a request may be handled; otherwise it has been answered."""
        if not self.is_on or connection.is_lockstep:
            return True
        now_s = self._host_s()
        if _PACED not in connection.connect_options:
            count = self._rates.setdefault(connection, MessageRate()).take(now_s)
            if count > MESSAGES_A_SECOND:
                self._end(connection, count)
                return False
        match request:
            case ReqHistoricalData() | ReqHistoricalTicks():
                return self._history(connection, request, now_s)
            case ReqRealTimeBars():
                if not self._limits(connection, now_s).bars(now_s):
                    connection.error(request.req_id, 420, f"Invalid Real-time Query:{_VIOLATION}")
                    return False
            case ReqTickByTick():
                if not self._limits(connection, now_s).once(now_s, ("ticks", request.contract)):
                    connection.error(request.req_id, 10190, _TICKS)
                    return False
        return True

    def _history(self, connection: Connection, request: ReqHistoricalData | ReqHistoricalTicks, now_s: float) -> bool:
        if self._open_histories(connection) >= OPEN_MOST:
            text = f"Only {OPEN_MOST} simultaneous API historical data requests allowed."
            connection.error(request.req_id, 162, f"{_HISTORY_ERROR}{text}")
            return False
        if isinstance(request, ReqHistoricalData) and not _is_small(request.bar_size):
            return True
        what = request.what_to_show.strip().upper()
        limits = self._limits(connection, now_s)
        if limits.history(now_s, _content(request), _family(request.contract, what), is_double=what == "BID_ASK"):
            return True
        connection.error(request.req_id, 162, f"{_HISTORY_ERROR}{_VIOLATION}")
        return False

    def _limits(self, connection: Connection, now_s: float) -> HistoryLimits:
        if len(self._clients) >= _MOST_CLIENTS:
            self._clients = {key: limits for key, limits in self._clients.items() if not limits.is_idle(now_s)}
        return self._clients.setdefault(connection.client_id, HistoryLimits())

    def _end(self, connection: Connection, count: int) -> None:
        text = f"Max rate of messages per second has been exceeded:max={MESSAGES_A_SECOND} rec={count} (1)"
        connection.error(NO_ID, 100, text)
        connection.flush()
        connection.end("too many messages a second")


def _is_small(bar_size: str) -> bool:
    try:
        return bar_seconds(bar_size) <= SMALL_BAR_S
    except BadRequest:
        return True


def _content(request: ReqHistoricalData | ReqHistoricalTicks) -> Hashable:
    """Return everything a request asks for; its id is no part of that."""
    if isinstance(request, ReqHistoricalTicks):
        span: Hashable = (request.start, request.end, request.number_of_ticks)
    else:
        span = (request.end, request.duration, request.bar_size)
    return (type(request), request.contract, span, request.what_to_show, request.use_rth)


def _family(contract: Contract, what: str) -> Hashable:
    return (contract.con_id, contract.symbol, contract.sec_type, contract.exchange, contract.local_symbol, what)
