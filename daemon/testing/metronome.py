"""Market time in a test's hand: a follower of the market that answers only up to the instant it was told."""

import asyncio

from daemon.gateway.server import GatewayServer
from daemon.gateway.timeline import SECOND_US


class Metronome:
    """Follows the market in lockstep without a socket. Used on the gateway's thread alone."""

    client_id = -1
    is_ready = True
    is_lockstep = True
    sets_pace = True

    def __init__(self, server: GatewayServer) -> None:
        self._server = server
        self._now_us = 0
        self._until_us = 0
        self._owed = False
        self._reached: asyncio.Event = asyncio.Event()

    def send_step(self, at_us: int) -> None:
        """Take note of an instant that is over; let the next one come if it is wanted."""
        self._now_us, self._owed = at_us, True
        if at_us < self._until_us:
            asyncio.get_running_loop().call_soon(self._answer)
        else:
            self._reached.set()

    def flush(self) -> None:
        """Do nothing: there is no socket."""

    async def advance_to(self, at_us: int) -> None:
        """Let market time, in µs since the epoch, run to the first whole second at or after `at_us`."""
        self._until_us = -(-at_us // SECOND_US) * SECOND_US
        if self._now_us < self._until_us:
            self._reached.clear()
            self._answer()
            await self._reached.wait()

    def _answer(self) -> None:
        if self._owed:
            self._owed = False
            self._server.answered(self)
