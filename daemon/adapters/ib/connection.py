"""Keeps one connection to a gateway: makes it, guards it, watches it, and makes a new one when it is gone."""

import asyncio
import itertools
import random
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

import structlog

from daemon.adapters.ib.client import RawIB
from daemon.adapters.ib.errors import (
    CONTRACT_FARM_BROKEN,
    FARM_BACK,
    FARMS_BROKEN,
    FARMS_UP,
    LOST_UPSTREAM,
    PORT_CHANGED,
    REGAINED_WITH_DATA,
    REGAINED_WITHOUT_DATA,
    VALIDATION_FAILED,
    ConnectFailed,
    RequestFailed,
    RequestTimedOut,
    Trouble,
    code_trouble,
)
from daemon.adapters.ib.guard import check_port, chosen_account
from daemon.adapters.ib.heartbeat import watch
from daemon.adapters.ib.library import quieten
from daemon.adapters.ib.pacing import MessageBudget
from daemon.adapters.ib.requests import take_snapshot
from daemon.adapters.ib.settings import IbSettings
from daemon.adapters.ib.situation import Situation
from daemon.adapters.ib.state import ConnectionState
from daemon.adapters.ib.streams import Streams
from daemon.adapters.ib.subscriber import Subscriber
from daemon.domain.broker_codes import CodeKind, classify
from daemon.domain.callbacks import Callback, ConnectionChanged, StandingChanged
from daemon.domain.clock import Clock
from daemon.domain.errors import BrokerUnavailable, ConfigError
from daemon.domain.standing import LinkState, Standing
from daemon.ports import BrokerSnapshot, CallbackSink

log = structlog.get_logger()

_LOOK_IN_LOCKSTEP = timedelta(seconds=5)  # market time
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
        streams = Streams(
            lines=settings.market_data_lines,
            silence_s=settings.silence_s,
            probe_s=settings.probe_s,
            expects_bars=expects_bars,
        )
        self.subscriber = Subscriber(
            streams, now=self._now, host_now=self._loop.time, new_bar_streams=settings.new_bar_streams
        )
        self._budget = self._new_budget(paced=True)
        self._ib: RawIB | None = None
        self._situation = Situation(streams, host_now=self._loop.time, restart=settings.restart)
        self._standing: Standing | None = None  # told last
        self._looked_at: datetime | None = None
        self._came_up = asyncio.Event()
        self._farms_up = asyncio.Event()
        self._snapshot_lock = asyncio.Lock()
        self._instants: deque[RawIB | None] = deque()  # who sent each instant that was not acknowledged yet
        self._owes_acknowledgement = False
        self._account = ""
        self._order_id = 1

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
        return self._situation.is_tradable

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
        ib, situation = self._ib, self._situation
        standing = situation.standing(self._now())
        return ConnectionState(
            state=standing.state,
            cause=standing.cause,
            cure=standing.cure,
            suspended=dict(standing.suspended),
            farms_broken=tuple(situation.farms.values()),
            up=situation.up,
            upstream_up=situation.is_tradable,
            lockstep=self.is_lockstep,
            server_version=ib.server_version if ib else 0,
            host=self._settings.host,
            port=self._port,
            client_id=self._settings.client_id,
            account=self._account,
            since=situation.since,
            last_error=situation.last_error,
            attempts=situation.attempts,
            reconnects=max(0, situation.connections - 1),
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
        if self._ib is None or not self._situation.up:
            where = f"{self._settings.host}:{self._port}"
            raise BrokerUnavailable(f"not connected to {where}: {self._situation.last_error or 'connecting'}")
        return self._ib

    def tradable(self) -> RawIB:
        """Return the open connection if the gateway can also reach IB; raises as `current`."""
        ib = self.current()
        if not self._situation.upstream_up:
            raise BrokerUnavailable("the gateway has lost its connection to IB (code 1100)")
        return ib

    async def snapshot(self) -> BrokerSnapshot:
        """Return all the broker knows.

        Raises:
            BrokerUnavailable: it could not be had completely. After a missing end marker, or a refusal of requests
                without a number, the connection is made anew: a late marker would end the next request too early.
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
        if self._situation.up:
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
        self._situation.begins()
        self._farms_up.clear()
        self._owes_acknowledgement = False
        up_at: float | None = None
        try:
            await self._open(ib)
            up_at = self._loop.time()
            self._went_up(ib)
            raise ConnectFailed(Trouble(f"the connection was lost: {await self._serve(ib)}", "it is made anew"))
        except BrokerUnavailable as error:
            self._situation.failed(error)
        finally:
            self._ib = None
            ib.close()
            self._went_down(ib)
        return 0.0 if up_at is None else self._loop.time() - up_at

    async def _open(self, ib: RawIB) -> None:
        settings = self._settings
        await ib.open(settings.host, self._port, settings.client_id, settings.connect_timeout_s)
        self._account = self._chosen(ib.accounts)
        self._budget = self._new_budget(paced=not ib.is_lockstep)
        self.subscriber.streams.all_lost()
        await self._take_snapshot(ib)
        if ib.is_lockstep:
            await self.subscriber.subscribe_missing(ib, self._budget)

    def _chosen(self, accounts: Sequence[str]) -> str:
        """Return the account to use: the one that was used before, once there has been one.

        Raises:
            ForbiddenError, ConfigError, BrokerUnavailable: as `chosen_account`; but a login that has lost the account
                is waited for, since a daemon at work must not end of it.
        """
        try:
            return chosen_account(accounts, self._settings.account or self._account)
        except ConfigError as error:
            if not self._account:
                raise
            raise BrokerUnavailable(str(error)) from error

    async def _serve(self, ib: RawIB) -> str:
        async with asyncio.TaskGroup() as group:
            children = [
                group.create_task(watch(ib, self._settings.heartbeat_s), name="ib-heartbeat"),
                group.create_task(self._keep_streams(ib), name="ib-streams"),
            ]
            await asyncio.wait({ib.lost})
            for child in children:
                child.cancel()
        return ib.lost.result()

    async def _keep_streams(self, ib: RawIB) -> None:
        try:
            if not ib.is_lockstep:
                await self._until_farms_are_up()
                await self._set_data_type(ib)
            await self.subscriber.keep(ib, self._budget, check_s=self._settings.check_s, looked=self._look)
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
        except RequestFailed as error:
            if error.code == VALIDATION_FAILED:  # of a request without a number, whose end marker may still come
                ib.drop(str(error))
            raise

    def _new_budget(self, *, paced: bool) -> MessageBudget:
        rate = self._settings.messages_per_second if paced else 0
        return MessageBudget(per_second=rate, reserve=self._settings.order_reserve, now=self._loop.time)

    # ---- up and down

    def _went_up(self, ib: RawIB) -> None:
        self._situation.went_up(self._now())
        log.info(
            "connection.opened",
            host=self._settings.host, port=self._port, client_id=self._settings.client_id, account=self._account,
            server_version=ib.server_version, lockstep=ib.is_lockstep, streams=len(self.subscriber.streams),
        )  # fmt: skip
        self._tell_change("connected")
        self._came_up.set()
        if self._owes_acknowledgement:
            self._acknowledge(ib)

    def _went_down(self, ib: RawIB) -> None:
        self._came_up.clear()
        if self._situation.went_down(self._now(), heard_at=ib.wrapper.heard_at):
            self._tell_change(str(self._situation.last_error))
        else:
            self._tell_standing()

    def _tell_change(self, detail: str) -> None:
        self._tell_standing()
        self._sink(ConnectionChanged(up=self.is_up, detail=detail))

    def _tell_standing(self) -> None:
        """Tell how things stand, if that is news."""
        standing = self._situation.standing(self._now())
        before = self._standing
        if before is None or _news_of(standing) != _news_of(before):
            self._standing = standing
            self._sink(StandingChanged(standing=standing))

    def _look(self) -> None:
        """See how the streams are doing, and what that says about the connection."""
        now = self._looked_at = self._now()
        self.subscriber.streams.review(now)
        self._tell_standing()
        if self._situation.is_upstream_proven:
            self.drop("data flow although IB is said to be lost (code 1100)")

    # ---- what the wire says (Listener)

    def told(self, callbacks: Sequence[Callback]) -> None:
        """Hand callbacks to the sink."""
        for callback in callbacks:
            self._sink(callback)

    def instant_came(self) -> None:
        """Remember which connection sent the instant."""
        self._instants.append(self._ib)
        if self._looked_at is None or self._now() - self._looked_at >= _LOOK_IN_LOCKSTEP:
            self._look()
            if self.subscriber.streams.overdue(self._now()):
                self.subscriber.wake.set()  # the market may be faster than the looks of host time

    def accounts_named(self, accounts: Sequence[str]) -> None:
        """Refuse accounts that are no paper accounts, whenever they are named."""
        chosen_account(accounts, self._settings.account)

    def noticed(self, request_id: int, code: int, text: str) -> None:
        """Act on errors and notices about the connection and the streams."""
        streams = self.subscriber.streams
        if code in FARMS_UP:
            self._farms_up.set()
        if streams.knows(request_id):
            self.subscriber.failed(request_id, code, text)
        elif code in FARMS_BROKEN or code == CONTRACT_FARM_BROKEN:
            self._farm_broke(code, text)
        elif code in FARMS_UP:
            self._situation.farm_changed(text, up=True)
            if code == FARM_BACK:
                streams.distrust(self._now())
        elif classify(code).kind is CodeKind.CONNECTION:
            self._connection_code(code, text)
        self._tell_standing()

    def _farm_broke(self, code: int, text: str) -> None:
        self._situation.farm_changed(text, up=False)
        log.warning("connection.noticed", code=code, cause=text, cure=classify(code).cure)
        if code in FARMS_BROKEN:
            self.subscriber.streams.distrust(self._now(), f"{text} (code {code})")

    def _connection_code(self, code: int, text: str) -> None:
        trouble = code_trouble(code, text)
        log.warning("connection.noticed", code=code, cause=trouble.cause, cure=trouble.cure)
        if code in LOST_UPSTREAM:
            self._set_upstream(text, up=False)
        elif code == REGAINED_WITHOUT_DATA:
            self.subscriber.streams.all_lost()
            self.subscriber.streams.distrust(self._now(), f"{text} (code {code})")
            self.subscriber.wake.set()
            self._set_upstream(text, up=True)
        elif code == REGAINED_WITH_DATA:
            self.subscriber.streams.distrust(self._now(), f"{text} (code {code})")
            self._set_upstream(text, up=True)
        elif code == PORT_CHANGED:
            self._change_port(text)

    def _set_upstream(self, text: str, *, up: bool) -> None:
        self._situation.upstream_changed(self._now(), text, up=up)
        if self._situation.up:
            # Also when it was up before: after 1101 and 1102 everything has to be compared with the broker again.
            self._tell_change(text)

    def _change_port(self, text: str) -> None:
        match = _NEW_PORT.search(text)
        if match is not None:
            check_port(int(match[1]))
            self._port = int(match[1])


def _news_of(standing: Standing) -> tuple[object, ...]:
    """Return what of a standing is worth telling again when it differs; causes change with every attempt."""
    return standing.state, standing.suspended, standing.cause if standing.state is LinkState.AWAITING_REAUTH else ""
