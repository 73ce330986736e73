"""Keeps one connection to a gateway: makes it, guards it, watches it, and makes a new one when it is gone."""

import asyncio
import itertools
import random
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import structlog

from daemon.adapters.ib.client import RawIB
from daemon.adapters.ib.errors import (
    FARM_BACK,
    FARMS_UP,
    LOST_UPSTREAM,
    PORT_CHANGED,
    REGAINED_WITH_DATA,
    REGAINED_WITHOUT_DATA,
    ConnectFailed,
    RequestTimedOut,
    Trouble,
    code_trouble,
    trouble_of,
)
from daemon.adapters.ib.guard import check_port, chosen_account
from daemon.adapters.ib.library import quieten
from daemon.adapters.ib.pacing import MessageBudget
from daemon.adapters.ib.requests import take_snapshot
from daemon.adapters.ib.settings import IbSettings
from daemon.adapters.ib.state import ConnectionState
from daemon.adapters.ib.streams import Streams
from daemon.adapters.ib.subscriber import Subscriber
from daemon.domain.broker_codes import CodeKind, classify
from daemon.domain.callbacks import Callback, ConnectionChanged
from daemon.domain.clock import Clock
from daemon.domain.errors import BrokerUnavailable
from daemon.ports import BrokerSnapshot, CallbackSink

log = structlog.get_logger()

_MISSES = 2  # unanswered heartbeats before a connection counts as dead
_NEW_PORT = re.compile(r"(\d{4,5})\D*$")


class IbConnection:
    """The one connection of a daemon, as a service. The broker and the feed live on it."""

    name = "ib-connection"

    def __init__(
        self,
        settings: IbSettings,
        *,
        clock: Clock,
        sink: CallbackSink,
        jitter: random.Random,
        expects_bars: Callable[[datetime], bool],
    ) -> None:
        """Make a connection that is not open yet; needs a running loop.

        Args:
            settings: where to connect and within which limits.
            clock: market time for the streams and the snapshot; the loop's time for everything else.
            sink: takes every callback; an exception it raises ends `run`.
            jitter: spreads the back-off.
            expects_bars: whether a session is open at a moment, so that silent streams are a fault.
        """
        quieten()
        self._settings = settings
        self._port = settings.port
        self._clock = clock
        self._sink = sink
        self._jitter = jitter
        self._loop = asyncio.get_running_loop()
        streams = Streams(lines=settings.market_data_lines, verify_s=settings.verify_s, expects_bars=expects_bars)
        self.subscriber = Subscriber(
            streams, now=self._now, host_now=self._loop.time, new_bar_streams=settings.new_bar_streams
        )
        self._budget = self._new_budget(paced=True)
        self._ib: RawIB | None = None
        self._up = False
        self._upstream_up = True
        self._came_up = asyncio.Event()
        self._farms_up = asyncio.Event()
        self._snapshot_lock = asyncio.Lock()
        self._instants: deque[RawIB | None] = deque()  # who sent each instant that was not acknowledged yet
        self._owes_acknowledgement = False
        self._account = ""
        self._order_id = 1
        self._since: datetime | None = None
        self._last_error: Trouble | None = None
        self._attempts = 0
        self._connections = 0

    # ---- what others ask

    @property
    def settings(self) -> IbSettings:
        """Return the settings."""
        return self._settings

    def use_port(self, port: int) -> None:
        """Connect to `port` from now on: an embedded gateway tells its port only once it listens."""
        self._port = port

    @property
    def account(self) -> str:
        """Return the account in use, empty before the first connection."""
        return self._account

    @property
    def is_up(self) -> bool:
        """Return whether orders can be sent: connected, synchronised, and the gateway connected to IB."""
        return self._up and self._upstream_up

    @property
    def is_lockstep(self) -> bool:
        """Return whether the gateway of the present connection waits for acknowledgements."""
        return self._ib is not None and self._ib.is_lockstep

    @property
    def budget(self) -> MessageBudget:
        """Return the budget of messages of the present connection."""
        return self._budget

    @property
    def state(self) -> ConnectionState:
        """Return a picture for people."""
        ib = self._ib
        return ConnectionState(
            up=self._up,
            upstream_up=self._up and self._upstream_up,
            lockstep=self.is_lockstep,
            server_version=ib.server_version if ib else 0,
            host=self._settings.host,
            port=self._port,
            client_id=self._settings.client_id,
            account=self._account,
            since=self._since,
            last_error=self._last_error,
            attempts=self._attempts,
            reconnects=max(0, self._connections - 1),
            undecodable=ib.wrapper.undecodable if ib else 0,
            bar_streams_wait_s=0.0 if self.is_lockstep else self.subscriber.wait_s,
            streams=tuple(stream.state for stream in self.subscriber.streams),
        )

    def _now(self) -> datetime:
        # In lockstep the gateway's instants are the time; the daemon's clock follows when it has worked them off.
        return self._clock.now() if self._ib is None else self._ib.wrapper.now()

    async def until_up(self) -> None:
        """Wait until the connection is up."""
        await self._came_up.wait()

    def current(self) -> RawIB:
        """Return the open connection.

        Raises:
            BrokerUnavailable: there is none, or it is not ready.
        """
        if self._ib is None or not self._up:
            where = f"{self._settings.host}:{self._port}"
            raise BrokerUnavailable(f"not connected to {where}: {self._last_error or 'connecting'}")
        return self._ib

    def tradable(self) -> RawIB:
        """Return the open connection if the gateway can also reach IB; raises as `current`."""
        ib = self.current()
        if not self._upstream_up:
            raise BrokerUnavailable("the gateway has lost its connection to IB (code 1100)")
        return ib

    async def snapshot(self) -> BrokerSnapshot:
        """Return all the broker knows.

        Raises:
            BrokerUnavailable: it could not be had completely. After a missing end marker the connection is made
                anew, because a late marker would end the next request too early.
        """
        async with self._snapshot_lock:
            return await self._take_snapshot(self.tradable())

    def reserve_order_id(self) -> int:
        """Return the next order id, which is never returned again."""
        if self._ib is not None:
            self.raise_order_id(self._ib.wrapper.next_valid_id)
        self._order_id += 1
        return self._order_id - 1

    def raise_order_id(self, minimum: int) -> None:
        """Make the next order id at least `minimum`."""
        self._order_id = max(self._order_id, minimum)

    def acknowledge_instant(self) -> None:
        """Acknowledge the oldest instant handed to the sink, unless its connection is gone.

        While the connection is still being set up the acknowledgement is kept back: without its streams the daemon
        would miss what the market does next.
        """
        if not self._instants:
            return
        ib = self._instants.popleft()
        if ib is None or ib is not self._ib:
            return
        if self._up:
            self._acknowledge(ib)
        else:
            self._owes_acknowledgement = True

    def _acknowledge(self, ib: RawIB) -> None:
        self._owes_acknowledgement = False
        if ib.is_open:
            ib.send(ib.client.reqCurrentTime)

    def drop(self, cause: str) -> None:
        """Break off the present connection and make a new one."""
        if self._ib is not None:
            self._ib.drop(cause)

    # ---- the service

    async def run(self, ready: asyncio.Event) -> None:
        """Keep connected until cancelled. `ready` is set at once: without a gateway the daemon waits for it.

        Raises:
            ForbiddenError: the port or an account is not for paper money.
            ConfigError: the pinned account does not exist, or none is pinned and there are several.
        """
        asyncio.set_event_loop(self._loop)
        check_port(self._port)
        ready.set()
        delays = self._delays()
        while True:
            up_s = await self._session()
            if up_s >= self._settings.steady_s:
                delays = self._delays()
            await asyncio.sleep(next(delays) * self._jitter.uniform(0.8, 1.2))

    def _delays(self) -> Iterator[float]:
        return itertools.chain(self._settings.backoff_s, itertools.repeat(self._settings.backoff_s[-1]))

    async def _session(self) -> float:
        """Connect once and serve until the end; return for how many seconds the connection was up."""
        ib = RawIB(self, self.subscriber.streams, self._clock.now, timezone=self._settings.timezone)
        self._ib = ib
        self._farms_up.clear()
        self._owes_acknowledgement = False
        up_at: float | None = None
        try:
            await self._open(ib)
            up_at = self._loop.time()
            self._went_up(ib)
            raise ConnectFailed(Trouble(f"the connection was lost: {await self._serve(ib)}", "it is made anew"))
        except BrokerUnavailable as error:
            self._note_failure(error)
        finally:
            self._ib = None
            ib.close()
            self._went_down()
        return 0.0 if up_at is None else self._loop.time() - up_at

    async def _open(self, ib: RawIB) -> None:
        settings = self._settings
        await ib.open(settings.host, self._port, settings.client_id, settings.connect_timeout_s)
        self._account = chosen_account(ib.accounts, settings.account)
        self._budget = self._new_budget(paced=not ib.is_lockstep)
        self._upstream_up = True
        self.subscriber.streams.all_lost()
        await self._take_snapshot(ib)
        if ib.is_lockstep:
            await self.subscriber.subscribe_missing(ib, self._budget)

    async def _serve(self, ib: RawIB) -> str:
        async with asyncio.TaskGroup() as group:
            children = [
                group.create_task(self._watch(ib), name="ib-heartbeat"),
                group.create_task(self._keep_streams(ib), name="ib-streams"),
            ]
            await asyncio.wait({ib.lost})
            for child in children:
                child.cancel()
        return ib.lost.result()

    async def _watch(self, ib: RawIB) -> None:
        """Ask a silent gateway whether it lives, and break off when it does not answer twice."""
        heartbeat_s = self._settings.heartbeat_s
        misses, asked = 0, False
        while True:
            checked_at = self._loop.time()
            await asyncio.sleep(heartbeat_s)
            if ib.wrapper.heard_at >= checked_at:
                misses, asked = 0, False
                continue
            misses += asked
            if misses >= _MISSES:
                ib.drop(f"the gateway has not answered for {heartbeat_s * (_MISSES + 1):g} s")
                return
            asked = self._probe(ib)

    def _probe(self, ib: RawIB) -> bool:
        # In lockstep the request for the time is the acknowledgement of an instant.
        if ib.is_open:
            ib.send(ib.client.reqManagedAccts if ib.is_lockstep else ib.client.reqCurrentTime)
        return True

    async def _keep_streams(self, ib: RawIB) -> None:
        try:
            if not ib.is_lockstep:
                await self._until_farms_are_up()
                await self._set_data_type(ib)
            await self.subscriber.keep(ib, self._budget, self._settings.check_s)
        except BrokerUnavailable as error:
            ib.drop(str(error))

    async def _until_farms_are_up(self) -> None:
        try:
            async with asyncio.timeout(self._settings.farm_wait_s):
                await self._farms_up.wait()
        except TimeoutError:
            log.info("farms.unannounced", waited_s=self._settings.farm_wait_s)

    async def _set_data_type(self, ib: RawIB) -> None:
        if self._settings.market_data_type != 1:
            await self._budget.acquire()
            ib.send(lambda: ib.client.reqMarketDataType(self._settings.market_data_type))

    async def _take_snapshot(self, ib: RawIB) -> BrokerSnapshot:
        timeout_s = self._settings.request_timeout_s
        try:
            return await take_snapshot(
                ib, self._budget, account=self._account, timeout_s=timeout_s, taken_at=ib.wrapper.now()
            )
        except RequestTimedOut as error:
            ib.drop(str(error))
            raise

    def _new_budget(self, *, paced: bool) -> MessageBudget:
        rate = self._settings.messages_per_second if paced else 0.0
        return MessageBudget(per_second=rate, reserve=self._settings.order_reserve, now=self._loop.time)

    # ---- up and down

    def _went_up(self, ib: RawIB) -> None:
        self._up, self._last_error, self._attempts = True, None, 0
        self._connections += 1
        self._since = self._now()
        log.info(
            "connection.opened",
            host=self._settings.host, port=self._port, client_id=self._settings.client_id, account=self._account,
            server_version=ib.server_version, lockstep=ib.is_lockstep, streams=len(self.subscriber.streams),
        )  # fmt: skip
        self._tell_change("connected")
        self._came_up.set()
        if self._owes_acknowledgement:
            self._acknowledge(ib)

    def _went_down(self) -> None:
        self._came_up.clear()
        if self._up:
            self._up = False
            self._since = self._now()
            self._tell_change(str(self._last_error or "connection closed"))

    def _tell_change(self, detail: str) -> None:
        self._sink(ConnectionChanged(up=self.is_up, detail=detail))

    def _note_failure(self, error: BrokerUnavailable) -> None:
        trouble = trouble_of(error)
        self._attempts += 1
        if trouble != self._last_error:
            log.warning("connection.failed", cause=trouble.cause, cure=trouble.cure, attempt=self._attempts)
        self._last_error = trouble

    # ---- what the wire says (Listener)

    def told(self, callbacks: Sequence[Callback]) -> None:
        """Hand callbacks to the sink."""
        for callback in callbacks:
            self._sink(callback)

    def instant_came(self) -> None:
        """Remember which connection sent the instant."""
        self._instants.append(self._ib)

    def accounts_named(self, accounts: Sequence[str]) -> None:
        """Refuse accounts that are no paper accounts, whenever they are named."""
        chosen_account(accounts, self._settings.account)

    def noticed(self, request_id: int, code: int, text: str) -> None:
        """Act on errors and notices about the connection and the streams."""
        if code in FARMS_UP:
            self._farms_up.set()
        if self.subscriber.streams.knows(request_id):
            self.subscriber.failed(request_id, code, text)
        elif code == FARM_BACK:
            self.subscriber.streams.distrust(self._now())
        elif classify(code).kind is CodeKind.CONNECTION:
            self._connection_code(code, text)

    def _connection_code(self, code: int, text: str) -> None:
        trouble = code_trouble(code, text)
        log.warning("connection.noticed", code=code, cause=trouble.cause, cure=trouble.cure)
        if code in LOST_UPSTREAM:
            self._set_upstream(text, up=False)
        elif code == REGAINED_WITHOUT_DATA:
            self.subscriber.streams.all_lost()
            self.subscriber.wake.set()
            self._set_upstream(text, up=True)
        elif code == REGAINED_WITH_DATA:
            self.subscriber.streams.distrust(self._now())
            self._set_upstream(text, up=True)
        elif code == PORT_CHANGED:
            self._change_port(text)

    def _set_upstream(self, text: str, *, up: bool) -> None:
        self._upstream_up = up
        if self._up:
            # Also when it was up before: after 1101 and 1102 everything has to be compared with the broker again.
            self._tell_change(text)

    def _change_port(self, text: str) -> None:
        match = _NEW_PORT.search(text)
        if match is not None:
            check_port(int(match[1]))
            self._port = int(match[1])
