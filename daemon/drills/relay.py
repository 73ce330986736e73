"""Stands between the daemon and the gateway, lets bytes pass, and looks at each order before the gateway sees it."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from daemon.runtime.clock import MarketClock
from daemon.simulation.wire import placed_order
from daemon.simulation.witness import Journaled, journaled

_HELLO: Final = b"API\0"
_LENGTH: Final = 4  # bytes before each message
_CHUNK: Final = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """One order on its way to the gateway."""

    order_ref: str
    order_id: int
    symbol: str
    at: datetime  # host time
    connected_at: datetime  # host time at which its connection began
    was: Journaled  # what the journal held of it at that moment


class Relay:
    """Listens for the daemon on a port of loopback, and connects to the gateway for each connection it takes."""

    def __init__(self, journal: Path, clock: MarketClock) -> None:
        """Take where the daemon's journal will be; `clock` gives the host's time."""
        self._journal = journal
        self._clock = clock
        self._server: asyncio.Server | None = None
        self._pairs: set[asyncio.Task[None]] = set()
        self._connected = 0
        self._let_go = asyncio.Event()
        self.gateway_port = 0  # 0 = the gateway cannot be reached
        self.lingers = False  # what the daemon closes stays open towards the gateway, as behind a dead network path
        self.passed: list[Passed] = []
        self.on_order: Callable[[Passed], bool] = lambda _order: True
        """Called before an order is handed on; False keeps it, and all that follows on its connection, from the
        gateway."""

    @property
    def port(self) -> int:
        """Return the port that the daemon connects to."""
        if self._server is None:
            raise RuntimeError("the relay does not listen")
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def connected(self) -> int:
        """Return how many connections of daemons there are."""
        return self._connected

    async def open(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def close(self) -> None:
        """End every connection and stop listening."""
        if self._server is not None:
            self._server.close()
        for pair in self._pairs:
            pair.cancel()
        if self._pairs:
            await asyncio.wait(self._pairs)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._pairs.add(task)
            task.add_done_callback(self._pairs.discard)
        connected_at = self._clock.now()
        try:
            upstream = await asyncio.open_connection("127.0.0.1", self.gateway_port)
        except OSError:
            writer.close()  # nobody listens: the daemon sees its connection end at once
            return
        outward = asyncio.create_task(self._orders_watched(reader, upstream[1], connected_at))
        inward = asyncio.create_task(_pumped(upstream[0], writer))
        try:
            await self._passed_on(outward, inward, writer)
            if self.lingers:
                await self._let_go.wait()
        finally:
            upstream[1].close()
            await asyncio.wait({outward, inward})
            for end in (writer, upstream[1]):
                with contextlib.suppress(ConnectionError):
                    await end.wait_closed()

    async def _passed_on(
        self, outward: asyncio.Task[None], inward: asyncio.Task[None], writer: asyncio.StreamWriter
    ) -> None:
        """Wait until one of both sides ends, then end the daemon's."""
        self._connected += 1
        try:
            await asyncio.wait({outward, inward}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._connected -= 1
            outward.cancel()
            inward.cancel()
            writer.close()

    def let_go(self) -> None:
        """End what lingers, and linger no more."""
        self.lingers = False
        self._let_go.set()

    async def _orders_watched(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connected_at: datetime
    ) -> None:
        """Hand on what the daemon writes, frame by frame, until it ends."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            hello = await reader.readexactly(len(_HELLO))
            writer.write(hello)
            while True:
                head = await reader.readexactly(_LENGTH)
                frame = head + await reader.readexactly(int.from_bytes(head, "big"))
                if not self._may_pass(frame, connected_at):
                    await asyncio.get_running_loop().create_future()
                writer.write(frame)
                await writer.drain()

    def _may_pass(self, frame: bytes, connected_at: datetime) -> bool:
        request = placed_order(frame)
        if request is None:
            return True
        ref, number = request.order.order_ref, request.order_id
        order = Passed(
            order_ref=ref,
            order_id=number,
            symbol=request.contract.symbol,
            at=self._clock.now(),
            connected_at=connected_at,
            was=journaled(self._journal, ref, number),
        )
        self.passed.append(order)
        return self.on_order(order)


async def _pumped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hand on what the gateway writes until it ends."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
