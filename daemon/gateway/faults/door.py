"""The listening socket: it can be shut, opened again and moved while the gateway runs."""

import asyncio
from collections.abc import Callable


class Door:
    """Where clients come in.

    It closes at once. Opening takes the loop a turn: `open_again` and `move` wish for it, and `keep` does it.
    """

    def __init__(self, make: Callable[[], asyncio.Protocol], host: str, port: int) -> None:
        self._make = make
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._shut = 0  # wishes to be shut that are in force
        self._changed = asyncio.Event()

    @property
    def port(self) -> int:
        """Return the port that is listened on, or would be."""
        return self._port

    async def open(self) -> int:
        """Listen and return the port.

        Raises:
            OSError: the address cannot be used.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._make, self._host, self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        return self._port

    async def keep(self) -> None:
        """Carry out wishes until cancelled; raises as `open` does."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._server is None and not self._shut:
                await self.open()

    def shut(self) -> None:
        """Refuse connections from now on; those that are open stay."""
        self._shut += 1
        self.close()

    def open_again(self) -> None:
        """Take back one `shut`."""
        self._shut -= 1
        self._changed.set()

    def move(self, port: int) -> None:
        """Listen on another port, 0 = any free one."""
        self._port = port
        self.close()
        self._changed.set()

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            self._server = None
