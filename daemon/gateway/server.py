"""The gateway as a whole: wires market, broker and clients together and serves until cancelled."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from daemon.domain.errors import ConfigError
from daemon.gateway.bars import Closes
from daemon.gateway.broker import Broker
from daemon.gateway.connection import NO_ID, Connection
from daemon.gateway.contracts import Contracts
from daemon.gateway.days import Days
from daemon.gateway.driver import Driver
from daemon.gateway.history import History
from daemon.gateway.ledger import Ledger
from daemon.gateway.log import GatewayLog
from daemon.gateway.options import GatewayOptions
from daemon.gateway.service_account import AccountDesk
from daemon.gateway.service_market import MarketDesk
from daemon.gateway.service_orders import OrderDesk
from daemon.gateway.service_reference import ReferenceDesk
from daemon.gateway.source import MarketSource
from daemon.gateway.timeline import SECOND_US, Timeline, start_us
from daemon.gateway.wire import account_requests as ar
from daemon.gateway.wire import history_requests as hr
from daemon.gateway.wire import market_requests as mr
from daemon.gateway.wire import reference_requests as rr
from daemon.gateway.wire import session_requests as sr
from daemon.gateway.wire.account_responses import CurrentTime, FamilyCode, FamilyCodes, ManagedAccounts, NextValidId
from daemon.gateway.wire.messages import Request
from daemon.gateway.wire.order_request import PlaceOrder
from daemon.market.sessions import OutOfCalendar
from daemon.matching.commission import PercentOfNotional
from daemon.matching.exchange import SimulatedExchange
from daemon.matching.latency import LatencyModel

LOCKSTEP = "paperd-lockstep"  # in optionalCapabilities of START_API
SIMULATOR_ZONE = "PAPERD"  # zone word of the version frame, by which our daemon knows a simulator
_FARMS = (
    (2104, "Market data farm connection is OK:usfarm"),
    (2106, "HMDS data farm connection is OK:ushmds"),
    (2158, "Sec-def data farm connection is OK:secdefil"),
)

Handler = Callable[[Connection, Any], None]


class GatewayServer:
    """A simulated IB Gateway on one port. Everything but `run` is synchronous and runs on the event loop's thread."""

    def __init__(self, options: GatewayOptions, source: MarketSource, log: GatewayLog) -> None:
        """Open the books and find the market time.

        Raises:
            LedgerBroken: the state file is something else, or another account's.
            ConfigError: neither the options nor the state file say when to start, or the calendar does not reach it.
        """
        self._options = options
        self._source = source
        self._log = log
        self._connections: set[Connection] = set()
        self._ready: dict[int, Connection] = {}
        self._ledger = Ledger.open(options.state_path)
        self._timeline = Timeline(source.calendar, self._first_us(), after_close_s=options.after_close_s)
        closes = Closes(source)
        self._days = Days(source, closes)
        self._contracts = Contracts(source.listings, source.calendar)
        self._market = MarketDesk(options, source, self._contracts, self._days, self._timeline)
        self._reference = ReferenceDesk(
            source=source,
            contracts=self._contracts,
            history=History(source, closes),
            days=self._days,
            timeline=self._timeline,
            market=self._market,
        )
        self._accounts = AccountDesk(lambda: self._broker, self._contracts, source, self._timeline)
        self._orders = OrderDesk(
            lambda: self._broker,
            self._contracts,
            source,
            self._timeline,
            self._ready.get,
            position_changed=self._accounts.position_changed,
        )
        self._broker = Broker(
            options=options,
            ledger=self._ledger,
            exchange=SimulatedExchange(LatencyModel(seed=options.seed)),
            commissions=PercentOfNotional(rate=options.commission_rate),
            days=self._days,
            timeline=self._timeline,
            listener=self._orders,
        )
        self._broker.on_second(refresh=True)
        self._handlers = self._table()
        self._driver: Driver | None = None
        self._server: asyncio.Server | None = None

    @property
    def market_us(self) -> int:
        """Return the market time in microseconds since the epoch."""
        return self._timeline.now_us

    @property
    def broker(self) -> Broker:
        """Return the account's back office, for tests and tools in the same process."""
        return self._broker

    async def run(self, ready: Callable[[int], None]) -> None:
        """Serve until cancelled; `ready` is called with the port once clients can connect.

        Raises:
            OSError: the address cannot be used.
        """
        loop = asyncio.get_running_loop()
        self._driver = Driver(
            self._options,
            self._timeline,
            self._log,
            begin_session=self._begin_session,
            play=self._play,
            save_time=self._broker.save_time,
            due_us=self._broker.due_us,
            followers=self._ready.values(),
        )
        try:
            self._server = await loop.create_server(
                lambda: Connection(self._options, self, self._log), self._options.host, self._options.port
            )
            port = self._server.sockets[0].getsockname()[1]
            self._driver.start()
            self._log("gateway.started", {"host": self._options.host, "port": port, "market_us": self.market_us})
            ready(port)
            await asyncio.Event().wait()
        finally:
            self._driver.stop()
            self._stop()

    def opened(self, connection: Connection) -> bool:
        """Take note of a socket; a few more than the clients allowed, so that the refused ones get their answer."""
        self._connections.add(connection)
        return len(self._connections) <= 2 * self._options.max_clients

    def received(self, connection: Connection, request: Request) -> None:
        """Hand a request to its desk."""
        if isinstance(request, sr.StartApi):
            self._start_api(connection, request)
            return
        handler = self._handlers.get(type(request))
        if handler is None:
            req_id = getattr(request, "req_id", NO_ID)
            connection.error(req_id, 321, f"Error validating request: {type(request).__name__} is not supported here.")
            return
        handler(connection, request)

    def batch_done(self, connection: Connection) -> None:
        """Let time move on, if that is what the client's bytes brought about."""
        if self._driver is not None and connection.is_ready:
            self._driver.poke()

    def closed(self, connection: Connection) -> None:
        """Forget a client."""
        self._connections.discard(connection)
        self._market.forget(connection)
        self._accounts.forget(connection)
        if self._ready.get(connection.client_id) is connection:
            del self._ready[connection.client_id]
            self._log("client.disconnected", {"client_id": connection.client_id, "market_us": self.market_us})
        if self._driver is not None:
            self._driver.left(connection)

    def connection_time(self) -> str:
        """Return the market time as the version frame carries it."""
        moment = datetime.fromtimestamp(self.market_us // SECOND_US, UTC).astimezone(self._source.calendar.timezone)
        return f"{moment:%Y%m%d %H:%M:%S} {SIMULATOR_ZONE}"

    def _first_us(self) -> int:
        """Return the latest of the saved time, the day asked for, and what a client has already lived through."""
        known = [self._options.not_before_us]
        saved = self._ledger.number("market_us")
        if saved is not None:
            known.append(saved)
        elif self._options.start is None:
            raise ConfigError("start: a gateway without saved state needs a date to begin at")
        if self._options.start is not None:
            try:
                known.append(start_us(self._source.calendar, self._options.start))
            except OutOfCalendar as error:
                raise ConfigError(f"start: {error}") from error
        return max(known)

    def _begin_session(self) -> None:
        """Leave the session that ended behind."""
        self._days.begin()
        self._broker.begin_session()
        self._market.begin_session()
        self._log("session.opened", {"day": self._timeline.session.day.isoformat(), "market_us": self.market_us})

    def _play(self) -> None:
        """Do one instant: quotes, then what is due at the exchange, then what clients are owed."""
        now_us = self._timeline.now_us
        whole = now_us % SECOND_US == 0
        if whole:
            self._broker.on_second()
        self._broker.advance(now_us)
        if whole:
            self._market.second()
            self._accounts.second()

    def _start_api(self, connection: Connection, request: sr.StartApi) -> None:
        if connection.is_ready:
            connection.error(NO_ID, 321, "Error validating request.-'startApi' : cause - Already started.")
            return
        if request.client_id in self._ready or len(self._ready) >= self._options.max_clients:
            reason = "client id in use" if request.client_id in self._ready else "too many clients"
            self._log("client.refused", {"client_id": request.client_id, "peer": connection.peer, "reason": reason})
            text = "Unable to connect as the client id is already in use. Retry with a unique client id."
            connection.error(NO_ID, 326, text)
            connection.close()
            return
        connection.started(
            request.client_id, is_lockstep=LOCKSTEP in request.optional_capabilities.replace(";", ",").split(",")
        )
        self._ready[request.client_id] = connection
        self._log(
            "client.connected",
            {
                "client_id": request.client_id,
                "peer": connection.peer,
                "version": connection.version,
                "is_lockstep": connection.is_lockstep,
            },
        )
        connection.respond(ManagedAccounts(accounts=self._options.account))
        connection.respond(NextValidId(order_id=self._broker.next_order_id(request.client_id)))
        for code, text in _FARMS:
            connection.error(NO_ID, code, text)
        if self._driver is not None:
            self._driver.joined(connection)

    def _current_time(self, connection: Connection, request: sr.ReqCurrentTime) -> None:
        if connection.is_lockstep and self._driver is not None and self._driver.answered(connection):
            return
        connection.respond(CurrentTime(time=self.market_us // SECOND_US))

    def _ids(self, connection: Connection, request: sr.ReqIds) -> None:
        connection.respond(NextValidId(order_id=self._broker.next_order_id(connection.client_id)))

    def _managed(self, connection: Connection, request: sr.ReqManagedAccts) -> None:
        connection.respond(ManagedAccounts(accounts=self._options.account))

    def _families(self, connection: Connection, request: sr.ReqFamilyCodes) -> None:
        connection.respond(FamilyCodes(codes=(FamilyCode(account=self._options.account, code=""),)))

    def _nothing(self, connection: Connection, request: Request) -> None:
        """Take a request that has no answer and no effect here."""

    def _table(self) -> Mapping[type[Request], Handler]:
        orders, accounts, market, reference = self._orders, self._accounts, self._market, self._reference
        return {
            sr.ReqCurrentTime: self._current_time,
            sr.ReqIds: self._ids,
            sr.ReqManagedAccts: self._managed,
            sr.ReqFamilyCodes: self._families,
            sr.SetServerLogLevel: self._nothing,
            sr.ReqNewsBulletins: self._nothing,
            sr.CancelNewsBulletins: self._nothing,
            PlaceOrder: orders.place,
            ar.CancelOrder: orders.cancel,
            ar.ReqGlobalCancel: orders.cancel_all,
            ar.ReqOpenOrders: orders.open_orders,
            ar.ReqAllOpenOrders: orders.all_open_orders,
            ar.ReqAutoOpenOrders: orders.auto_open_orders,
            ar.ReqCompletedOrders: orders.completed_orders,
            ar.ReqExecutions: orders.executions,
            ar.ReqAccountUpdates: accounts.account_updates,
            ar.ReqPositions: accounts.positions,
            ar.CancelPositions: accounts.cancel_positions,
            ar.ReqAccountSummary: accounts.summary,
            ar.CancelAccountSummary: accounts.cancel_summary,
            ar.ReqPositionsMulti: accounts.positions_multi,
            ar.CancelPositionsMulti: accounts.cancel_positions_multi,
            ar.ReqAccountUpdatesMulti: accounts.updates_multi,
            ar.CancelAccountUpdatesMulti: accounts.cancel_updates_multi,
            ar.ReqPnL: accounts.pnl,
            ar.CancelPnL: accounts.cancel_pnl,
            ar.ReqPnLSingle: accounts.pnl_single,
            ar.CancelPnLSingle: accounts.cancel_pnl_single,
            mr.ReqMktData: market.market_data,
            mr.CancelMktData: market.cancel_market_data,
            mr.ReqRealTimeBars: market.real_time_bars,
            mr.CancelRealTimeBars: market.cancel_real_time_bars,
            mr.ReqTickByTick: market.tick_by_tick,
            mr.CancelTickByTick: market.cancel_tick_by_tick,
            mr.ReqMarketDataType: market.market_data_type,
            hr.ReqHistoricalData: reference.historical_data,
            hr.CancelHistoricalData: reference.cancel_historical_data,
            hr.ReqHeadTimestamp: reference.head_timestamp,
            hr.CancelHeadTimestamp: reference.cancel_head_timestamp,
            rr.ReqContractDetails: reference.contract_details,
            rr.ReqMatchingSymbols: reference.matching_symbols,
            rr.ReqMarketRule: reference.market_rule,
            rr.ReqSecDefOptParams: reference.option_parameters,
        }

    def _stop(self) -> None:
        """Close the port and the clients, save the time, close the books."""
        if self._server is not None:
            self._server.close()
        for connection in tuple(self._connections):
            connection.close()
        self._driver = None
        self._broker.save_time()
        self._ledger.close()
        self._log("gateway.stopped", {"market_us": self.market_us})
