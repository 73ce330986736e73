"""A gateway on a loopback socket and the real ib_insync client, with market time in the test's hand."""

# ib_insync is typed in parts only.
# mypy: disable-error-code="no-untyped-call"

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime

from ib_insync import IB, Stock

from daemon.gateway.log import Fact
from daemon.gateway.options import GatewayOptions
from daemon.gateway.server import LOCKSTEP, GatewayServer
from tests.fakes.tiny_market import TinyMarket, calendar

DAY = date(2024, 3, 5)
SESSION = calendar().next_session(datetime(2024, 3, 5, tzinfo=UTC))
SECOND = 1_000_000
PATIENCE_S = 60.0  # host seconds until a test gives up


class Events:
    """Remembers what the gateway logs."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, Fact]]] = []

    def take(self, event: str, fields: dict[str, Fact], /) -> None:
        self.seen.append((event, fields))

    def named(self, event: str) -> list[dict[str, Fact]]:
        return [fields for name, fields in self.seen if name == event]


class Running:
    """A gateway that serves in this loop."""

    def __init__(self, server: GatewayServer, port: int, log: Events, source: TinyMarket) -> None:
        self.server = server
        self.port = port
        self.log = log
        self.source = source


class SteppedIB(IB):
    """ib_insync in lockstep: answers the gateway's steps up to the instant the test allows."""

    def __init__(self) -> None:
        super().__init__()
        self.client.optCapab = LOCKSTEP
        self.client.MaxRequests = 0
        self.now_us = 0
        self.errors: list[tuple[int, int, str]] = []
        self.on_step: Callable[[int], None] = lambda _at: None
        self._until = 0
        self._owed = False
        self._arrived = asyncio.Event()
        self.client.decoder.handlers[49] = self._step
        self.errorEvent += lambda req_id, code, text, _contract: self.errors.append((req_id, code, text))

    async def open(self, port: int, client_id: int = 1) -> "SteppedIB":
        await self.connectAsync("127.0.0.1", port, clientId=client_id, timeout=PATIENCE_S)
        while not self.now_us:
            await asyncio.wait_for(self._arrived.wait(), PATIENCE_S)
        return self

    async def advance(self, seconds: float) -> None:
        """Let market time run on."""
        await self.advance_to(self.now_us + round(seconds * SECOND))

    async def advance_to(self, until_us: int) -> None:
        """Let market time run to the first instant at or after `until_us`; the client has seen all of it."""
        self._until = until_us
        while self.now_us < until_us:
            self._arrived.clear()
            self._answer()
            await asyncio.wait_for(self._arrived.wait(), PATIENCE_S)

    def _step(self, fields: list[str]) -> None:
        self.now_us = int(fields[2])
        self._owed = True
        self.on_step(self.now_us)
        if self.now_us < self._until:
            self._answer()
        else:
            self._arrived.set()

    def _answer(self) -> None:
        if self._owed:
            self._owed = False
            self.client.reqCurrentTime()


@asynccontextmanager
async def serving(**changes: object) -> AsyncIterator[Running]:
    """Run a gateway for as long as the block lasts, then stop it cleanly."""
    log, source = Events(), TinyMarket()
    server = GatewayServer(replace(GatewayOptions(start=DAY), **changes), source, log.take)  # type: ignore[arg-type]
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(server.run(port.set_result))
    try:
        yield Running(server, await asyncio.wait_for(port, PATIENCE_S), log, source)
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=PATIENCE_S)


@asynccontextmanager
async def client(port: int, client_id: int = 1) -> AsyncIterator[SteppedIB]:
    """Connect a lockstep client."""
    ib = SteppedIB()
    try:
        yield await ib.open(port, client_id)
    finally:
        ib.disconnect()


def stock(symbol: str = "AAA") -> Stock:
    return Stock(symbol, "SMART", "USD")
