"""A network in memory: who listens where, what a connection does to the bytes, and how it is broken.

Each connection is two pipes. A pipe keeps the order of its bytes and may delay, split, hold back, cut or rewrite them;
how is drawn from the seed, or ordered by a fault.
"""

import asyncio
import contextvars
import errno
import os
import random
from collections.abc import Callable
from typing import Final

from daemon.simulation.loop import VirtualLoop
from daemon.simulation.process import PROCESS, Process
from daemon.simulation.transport import MemoryTransport, Pipe

_FIRST_PORT: Final = 40_000
_CONNECT_S: Final = (0.000_05, 0.002)

Factory = Callable[[], asyncio.BaseProtocol]


class Network:
    """All listeners and connections of one world."""

    def __init__(self, loop: VirtualLoop, chance: random.Random) -> None:
        self.loop = loop
        self._chance = chance
        self._listeners: dict[tuple[str, int], MemoryServer] = {}
        self._next_port = _FIRST_PORT
        self.connections: list[Link] = []  # those that are open
        self._speaking = asyncio.Event()
        self._speaking.set()
        self.on_connected: list[Callable[[Link], None]] = []
        self.refused = 0
        loop.network = self

    def listen(self, factory: Factory, host: str, port: int) -> "MemoryServer":
        """Listen at an address; port 0 takes a free one.

        Raises:
            OSError: somebody listens there already.
        """
        if port == 0:
            self._next_port += 1
            port = self._next_port
        if (host, port) in self._listeners:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        server = MemoryServer(self, factory, (host, port))
        self._listeners[host, port] = server
        return server

    def ignore(self, address: tuple[str, int]) -> None:
        """Stop listening at an address."""
        self._listeners.pop(address, None)

    def hold(self, seconds: float) -> None:
        """Let nothing through for a while, and answer nobody who connects."""
        self._speaking.clear()
        self.loop.call_later(seconds, self._speaking.set, context=self.loop.outside)
        for link in self.connections:
            link.hold(seconds)

    async def connect(self, factory: Factory, host: str, port: int) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        """Return a connection; raise ConnectionRefusedError when nothing listens."""
        await asyncio.sleep(self._chance.uniform(*_CONNECT_S))
        await self._speaking.wait()
        server = self._listeners.get((host, port))
        if server is None:
            self.refused += 1
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        protocol = factory()
        self._next_port += 1
        link = Link(self.loop, self._chance, client=("127.0.0.1", self._next_port), server=(host, port))
        link.client.serve(protocol, contextvars.copy_context())
        self.connections = [each for each in self.connections if each.is_open]
        self.connections.append(link)
        _close_with(PROCESS.get(), link.client)
        for tell in self.on_connected:
            tell(link)
        protocol.connection_made(link.client)
        self.loop.call_soon(server.accept, link.server, context=server.context)
        return link.client, protocol


class MemoryServer:
    """A listener; it ends with its process."""

    def __init__(self, network: Network, factory: Factory, address: tuple[str, int]) -> None:
        self._network = network
        self._factory = factory
        self._address = address
        self.context = contextvars.copy_context()
        self.sockets = (_Address(address),)
        process = PROCESS.get()
        if process is not None:
            process.on_death.append(self.close)

    def accept(self, transport: MemoryTransport) -> None:
        """Serve one more client."""
        protocol = self._factory()
        transport.serve(protocol, contextvars.copy_context())
        _close_with(PROCESS.get(), transport)
        protocol.connection_made(transport)

    def close(self) -> None:
        """Stop listening; connections stay."""
        self._network.ignore(self._address)


class _Address:
    """What is asked of a listening socket."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address

    def getsockname(self) -> tuple[str, int]:
        """Return host and port."""
        return self._address


class Link:
    """One connection: both ends, and what faults can be done to it."""

    def __init__(
        self, loop: VirtualLoop, chance: random.Random, *, client: tuple[str, int], server: tuple[str, int]
    ) -> None:
        self.up, self.down = Pipe(loop, chance), Pipe(loop, chance)  # from the client, and to it
        self.client = MemoryTransport(loop, out=self.up, into=self.down, peer=server)
        self.server = MemoryTransport(loop, out=self.down, into=self.up, peer=client)

    @property
    def is_open(self) -> bool:
        """Return whether either end still believes in it."""
        return not (self.client.is_gone and self.server.is_gone)

    def reset(self) -> None:
        """Break it: both ends get a reset, and what was under way is lost."""
        for pipe in (self.up, self.down):
            pipe.lose_all()
        for end in (self.client, self.server):
            end.break_off(ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)))

    def finish(self) -> None:
        """Close it from both sides after what is under way has arrived."""
        for end in (self.client, self.server):
            end.send_end()

    def hold(self, seconds: float) -> None:
        """Let nothing through for a while, ends of connections included; TCP delivers it afterwards."""
        for pipe in (self.up, self.down):
            pipe.hold(seconds)


def _close_with(process: Process | None, transport: MemoryTransport) -> None:
    if process is not None:
        process.on_death.append(transport.die)
