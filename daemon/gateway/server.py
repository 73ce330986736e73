"""The gateway as a whole: wires market, broker and clients together and serves until cancelled."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from daemon.domain.errors import ConfigError
from daemon.gateway.back_office import open_broker
from daemon.gateway.bars import Closes
from daemon.gateway.broker import Broker
from daemon.gateway.connection import NO_ID, Connection
from daemon.gateway.contracts import Contracts
from daemon.gateway.days import Days
from daemon.gateway.driver import Driver, Follower
from daemon.gateway.faults.bookings import Bookings
from daemon.gateway.faults.control import FaultControl
from daemon.gateway.faults.door import Door
from daemon.gateway.faults.latency import AdjustableLatency
from daemon.gateway.faults.market import controlled
from daemon.gateway.faults.stage import Stage
from daemon.gateway.faults.switchboard import FaultySwitchboard
from daemon.gateway.history import History
from daemon.gateway.ledger import Ledger
from daemon.gateway.log import Fact, GatewayLog
from daemon.gateway.options import GatewayOptions
from daemon.gateway.service_account import AccountDesk
from daemon.gateway.service_information import Handler, InformationDesk
from daemon.gateway.service_market import MarketDesk
from daemon.gateway.service_options import OptionDesk
from daemon.gateway.service_order_lists import OrderLists
from daemon.gateway.service_orders import OrderDesk
from daemon.gateway.service_reference import ReferenceDesk
from daemon.gateway.source import DerivativeSource, MarketSource
from daemon.gateway.symbol_facts import SymbolFacts
from daemon.gateway.timeline import SECOND_US, Timeline, start_us
from daemon.gateway.turnstile import Turnstile
from daemon.gateway.wire import account_requests as ar
from daemon.gateway.wire import history_requests as hr
from daemon.gateway.wire import market_requests as mr
from daemon.gateway.wire import reference_requests as rr
from daemon.gateway.wire import session_requests as sr
from daemon.gateway.wire.account_responses import CurrentTime, ManagedAccounts, NextValidId
from daemon.gateway.wire.messages import Request
from daemon.gateway.wire.order_request import PlaceOrder
from daemon.market.sessions import OutOfCalendar

LOCKSTEP = "paperd-lockstep"  # in optionalCapabilities of START_API
SIMULATOR_ZONE = "PAPERD"  # zone word of the version frame, by which our daemon knows a simulator
_FARMS = (
    (2104, "Market data farm connection is OK:usfarm"),
    (2106, "HMDS data farm connection is OK:ushmds"),
    (2158, "Sec-def data farm connection is OK:secdefil"),
)

_ID_IN_USE = "Unable to connect as the client id is already in use. Retry with a unique client id."
_LARGEST_CLIENT_ID = 2**31 - 1


class GatewayServer:
    """A simulated IB Gateway on one port. Everything but `run` is synchronous and runs on the event loop's thread."""

    def __init__(self, options: GatewayOptions, source: MarketSource, log: GatewayLog) -> None:
        """Open the books and find the market time.

        Raises:
            LedgerBroken: the state file is something else, or another account's.
            ConfigError: neither the options nor the state file say when to start, or the calendar does not reach it.
        """
        source = market = controlled(source)
        self._options = options
        self._source = source
        self._log = log
        self._connections: dict[Connection, None] = {}  # in the order they came
        self._ready: dict[int, Connection] = {}
        self._companions: list[Follower] = []
        self._ledger = Ledger.open(options.state_path)
        self._timeline = Timeline(source.calendar, self._first_us(), after_close_s=options.after_close_s)
        closes = Closes(source)
        self._days = Days(source, closes)
        self._contracts = Contracts(
            source.listings,
            source.calendar,
            derivatives=source if isinstance(source, DerivativeSource) else None,
            session=lambda: self._timeline.session,
        )
        history = History(source, closes)
        self._market = MarketDesk(
            options,
            source,
            self._contracts,
            self._days,
            self._timeline,
            facts=SymbolFacts(source, history, self._timeline),
        )
        self._information = InformationDesk(
            options,
            source,
            self._contracts,
            self._days,
            self._timeline,
            subscriptions=self._market.subscriptions,
        )
        self._turnstile = Turnstile(
            options, _host_s, open_histories=lambda client: len(self._market.streams(client).updating)
        )
        self._reference = ReferenceDesk(
            source=source,
            contracts=self._contracts,
            history=history,
            days=self._days,
            timeline=self._timeline,
            market=self._market,
        )
        self._options_desk = OptionDesk(
            source=source,
            contracts=self._contracts,
            timeline=self._timeline,
            account=options.account,
            books=lambda: self._broker,
        )
        self._accounts = AccountDesk(lambda: self._broker, self._contracts, source, self._timeline)
        self._orders = OrderDesk(
            lambda: self._broker,
            self._contracts,
            source,
            self._timeline,
            self._ready.get,
            position_changed=self._accounts.position_changed,
            master_client_id=options.master_client_id,
        )
        self._order_lists = OrderLists(lambda: self._broker, source, self._timeline, self._orders.writer)
        latency = AdjustableLatency(seed=options.seed)
        self._broker = open_broker(
            options,
            source,
            self._ledger,
            days=self._days,
            timeline=self._timeline,
            listener=self._orders,
            latency=latency,
        )
        self._door: Door | None = None
        stage = Stage(
            timeline=self._timeline,
            days=self._days,
            contracts=self._contracts,
            broker=self._broker,
            bookings=Bookings(self._broker, self._orders, self._timeline),
            desk=self._market,
            market=market,
            latency=latency,
            handler=self,
            door=lambda: self._door,
        )
        self.faults = FaultControl(stage, log, seed=options.seed)
        self._handlers = self._table()
        self._driver: Driver | None = None

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
        self._driver = Driver(
            self._options,
            self._timeline,
            self._log,
            begin_session=self._begin_session,
            play=self._play,
            save_time=self._broker.save_time,
            due_us=self._due_us,
            followers=lambda: (*self._ready.values(), *self._companions),
        )
        try:
            switchboard = FaultySwitchboard(self, self.faults)
            self._door = Door(
                lambda: Connection(self._options, switchboard, self._log), self._options.host, self._options.port
            )
            port = await self._door.open()
            self._driver.start()
            self._log("gateway.started", {"host": self._options.host, "port": port, "market_us": self.market_us})
            ready(port)
            await self._door.keep()
        finally:
            self._driver.stop()
            self._stop()

    def follow(self, follower: Follower) -> None:
        """Let something in this process keep step with the market as a lockstep client does, without a socket."""
        self._companions.append(follower)
        if self._driver is not None:
            self._driver.joined(follower)

    def unfollow(self, follower: Follower) -> None:
        """Let it go again."""
        self._companions.remove(follower)
        if self._driver is not None:
            self._driver.left(follower)

    def answered(self, follower: Follower) -> None:
        """Take a follower's answer and move on as far as is possible now."""
        if self._driver is not None and self._driver.answered(follower):
            self._driver.poke()

    def opened(self, connection: Connection) -> bool:
        """Take note of a socket; a few more than the clients allowed, so that the refused ones get their answer.

        Beyond that the one that has waited longest without START_API goes, so that nobody can block the door.
        """
        self._connections[connection] = None
        if len(self._connections) > 2 * self._options.max_clients:
            oldest = next((other for other in self._connections if not other.is_ready), connection)
            del self._connections[oldest]
            oldest.drop("too many connections")
        return True

    def received(self, connection: Connection, request: Request) -> None:
        """Hand a request to its desk."""
        if isinstance(request, sr.StartApi):
            self._start_api(connection, request)
            return
        if not self._turnstile.admits(connection, request):
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
        self._connections.pop(connection, None)
        self._turnstile.forget(connection)
        self._market.forget(connection)
        self._information.forget(connection)
        self._accounts.forget(connection)
        if self._ready.get(connection.client_id) is connection:
            del self._ready[connection.client_id]
            who: dict[str, Fact] = {"client_id": connection.client_id, "peer": connection.peer}
            self._log("client.disconnected", who | {"market_us": self.market_us})
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
        self._information.begin_session()
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
            self._information.second()
            self._accounts.second()
        self.faults.tick()

    def _due_us(self) -> int | None:
        """Return when the exchange or a fault next has something to do."""
        return min((due for due in (self._broker.due_us(), self.faults.due_us()) if due is not None), default=None)

    def _start_api(self, connection: Connection, request: sr.StartApi) -> None:
        if connection.is_ready:
            connection.error(NO_ID, 321, "Error validating request.-'startApi' : cause - Already started.")
            return
        if not 0 <= request.client_id <= _LARGEST_CLIENT_ID:
            self._refuse(connection, request, f"client id {request.client_id} is not from 0 to {_LARGEST_CLIENT_ID}")
            return
        if request.client_id in self._ready or len(self._ready) >= self._options.max_clients:
            reason = "client id in use" if request.client_id in self._ready else "too many clients"
            self._refuse(connection, request, reason)
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

    def _refuse(self, connection: Connection, request: sr.StartApi, reason: str) -> None:
        self._log("client.refused", {"client_id": request.client_id, "peer": connection.peer, "reason": reason})
        connection.error(NO_ID, 326, _ID_IN_USE)
        connection.close()

    def _current_time(self, connection: Connection, request: sr.ReqCurrentTime) -> None:
        if connection.is_lockstep and self._driver is not None and self._driver.answered(connection):
            return
        connection.respond(CurrentTime(time=self.market_us // SECOND_US))

    def _ids(self, connection: Connection, request: sr.ReqIds) -> None:
        connection.respond(NextValidId(order_id=self._broker.next_order_id(connection.client_id)))

    def _managed(self, connection: Connection, request: sr.ReqManagedAccts) -> None:
        connection.respond(ManagedAccounts(accounts=self._options.account))

    def _table(self) -> Mapping[type[Request], Handler]:
        orders, accounts, market, reference = self._orders, self._accounts, self._market, self._reference
        chains, lists = self._options_desk, self._order_lists
        return {
            sr.ReqCurrentTime: self._current_time,
            sr.ReqIds: self._ids,
            sr.ReqManagedAccts: self._managed,
            **self._information.handlers(),
            PlaceOrder: orders.place,
            ar.CancelOrder: orders.cancel,
            ar.ReqGlobalCancel: orders.cancel_all,
            ar.ReqOpenOrders: lists.open_orders,
            ar.ReqAllOpenOrders: lists.all_open_orders,
            ar.ReqAutoOpenOrders: orders.auto_open_orders,
            ar.ReqCompletedOrders: lists.completed_orders,
            ar.ReqExecutions: lists.executions,
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
            mr.ReqMarketDataType: market.market_data_type,
            hr.ReqHistoricalData: reference.historical_data,
            hr.CancelHistoricalData: reference.cancel_historical_data,
            hr.ReqHeadTimestamp: reference.head_timestamp,
            hr.CancelHeadTimestamp: reference.cancel_head_timestamp,
            rr.ReqContractDetails: reference.contract_details,
            rr.ReqMatchingSymbols: reference.matching_symbols,
            rr.ReqMarketRule: reference.market_rule,
            rr.ReqSecDefOptParams: chains.option_parameters,
            mr.CalculateImpliedVolatility: chains.implied_volatility,
            mr.CancelCalculateImpliedVolatility: chains.cancel_calculation,
            mr.CalculateOptionPrice: chains.option_price,
            mr.CancelCalculateOptionPrice: chains.cancel_calculation,
            mr.ExerciseOptions: chains.exercise,
        }

    def _stop(self) -> None:
        """Close the port and the clients, save the time, close the books."""
        self.faults.close()
        if self._door is not None:
            self._door.close()
        for connection in tuple(self._connections):
            connection.close()
        self._driver = None
        self._broker.save_time()
        self._ledger.close()
        self._log("gateway.stopped", {"market_us": self.market_us})


def _host_s() -> float:
    """Return host seconds, of which only differences mean anything."""
    return asyncio.get_running_loop().time()
