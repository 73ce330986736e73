"""A TWS client made of bytes: for tests in which the bytes themselves matter."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from daemon.gateway.wire.framing import FrameReader

PATIENCE_S = 60.0  # host seconds until a test gives up


def frame(*fields: object) -> bytes:
    """Return fields as one frame."""
    payload = b"".join(str(field).encode() + b"\0" for field in fields)
    return struct.pack(">I", len(payload)) + payload


class RawClient:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.told: list[list[str]] = []  # every frame read so far
        self._frames = FrameReader()
        self._waiting: list[list[str]] = []

    @classmethod
    @asynccontextmanager
    async def opened(cls, port: int, versions: str = "v157..176") -> "AsyncIterator[RawClient]":
        """Connect and send the handshake."""
        raw = cls(*await asyncio.open_connection("127.0.0.1", port))
        raw.writer.write(b"API\0" + struct.pack(">I", len(versions)) + versions.encode())
        try:
            yield raw
        finally:
            raw.writer.close()

    @classmethod
    @asynccontextmanager
    async def connected(cls, port: int, client_id: int = 9) -> "AsyncIterator[RawClient]":
        """Connect and read everything up to the last notice after START_API."""
        async with cls.opened(port) as raw:
            raw.send(71, 2, client_id, "")
            await raw.until("2158")
            yield raw

    def send(self, *fields: object) -> None:
        """Send one request."""
        self.writer.write(frame(*fields))

    async def next(self) -> list[str]:
        """Return the next frame."""
        while not self._waiting:
            data = await asyncio.wait_for(self.reader.read(65536), PATIENCE_S)
            assert data, "the connection has ended"
            self._waiting.extend(self._frames.feed(data))
        fields = self._waiting.pop(0)
        self.told.append(fields)
        return fields

    async def until(self, wanted: str) -> list[str]:
        """Return the next frame whose number, or whose error code, is `wanted`."""
        while True:
            fields = await self.next()
            if fields[0] == wanted or (fields[0] == "4" and fields[3] == wanted):
                return fields

    async def rest(self) -> bytes:
        """Return the bytes until the end of the connection."""
        return await asyncio.wait_for(self.reader.read(), PATIENCE_S)

    async def exactly(self, size: int) -> bytes:
        """Return the next bytes."""
        return await asyncio.wait_for(self.reader.readexactly(size), PATIENCE_S)
