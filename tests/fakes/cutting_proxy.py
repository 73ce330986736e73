"""A proxy between daemon and gateway that resets both sides in the middle of a frame, at the byte it is told."""

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_LENGTH = struct.Struct(">I")
_HELLO = b"API\0"  # what a client says before its first frame
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close means RST
PLACE_ORDER = b"3"


@dataclass(slots=True)
class Cut:
    """Where the next cut is made."""

    message: bytes  # the number of the message whose frame is cut
    after: int  # bytes of the frame that still get through, its length included


@dataclass(slots=True)
class CuttingProxy:
    """Passes frames on, both ways; counts the orders that it has let through."""

    port: int = 0
    upstream: int = 0
    to_gateway: Cut | None = None
    to_daemon: Cut | None = None
    cuts: int = 0
    lengths: dict[bytes, int] = field(default_factory=dict)  # of the last frame of each message, in bytes
    orders: Counter[int] = field(default_factory=Counter)  # frames of PlaceOrder that went through whole, by order id
    _pipes: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of the daemon."""
        try:
            theirs, ours = await asyncio.open_connection("127.0.0.1", self.upstream)
        except OSError:
            reset(writer)
            return
        async with asyncio.TaskGroup() as group:
            pipes = {
                group.create_task(self._pass_on(reader, ours, is_up=True)),
                group.create_task(self._pass_on(theirs, writer, is_up=False)),
            }
            await asyncio.wait(pipes, return_when=asyncio.FIRST_COMPLETED)
            for pipe in pipes:
                pipe.cancel()
            reset(writer)
            reset(ours)

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, is_up: bool) -> None:
        try:
            if is_up:
                sink.write(await source.readexactly(len(_HELLO)))
            while True:
                head = await source.readexactly(_LENGTH.size)
                frame = head + await source.readexactly(_LENGTH.unpack(head)[0])
                fields = frame[_LENGTH.size :].split(b"\0", 3)
                cut = self.to_gateway if is_up else self.to_daemon
                self.lengths[fields[0]] = len(frame)
                if cut is not None and cut.message == fields[0]:
                    self.to_gateway = self.to_daemon = None
                    self.cuts += 1
                    sink.write(frame[: cut.after])
                    await sink.drain()
                    return
                if is_up and fields[0] == PLACE_ORDER:
                    self.orders[int(fields[1])] += 1
                sink.write(frame)
                await sink.drain()
        except (asyncio.IncompleteReadError, OSError):
            return


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with a reset, once what was written has left."""
    connection = writer.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


@asynccontextmanager
async def cutting_proxy(upstream: int) -> AsyncIterator[CuttingProxy]:
    """Run a proxy in front of a gateway's port."""
    proxy = CuttingProxy(upstream=upstream)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await asyncio.sleep(0)
