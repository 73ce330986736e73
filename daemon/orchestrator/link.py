"""Follows the connection: each time it comes up, everything is brought into step before events are worked off again."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from daemon.domain.callbacks import ConnectionChanged
from daemon.domain.errors import Transient
from daemon.domain.standing import Access, LinkState, Standing
from daemon.orchestrator.bar_assembler import BarAssembler
from daemon.orchestrator.sequencer import Sequencer
from daemon.orchestrator.startup import Startup

log = structlog.get_logger()

_RETRY_S: Final = 5.0  # host time
_UNKNOWN: Final = Standing(state=LinkState.DISCONNECTED, cause="not connected yet")


class Link:
    """Holds the sequencer while the broker's and our own view of things are not known to agree.

    Whatever changes between us and the broker reaches the gate from here at once, and those who watch for outages.
    """

    name = "link"

    def __init__(
        self,
        *,
        startup: Startup,
        sequencer: Sequencer,
        assembler: BarAssembler,
        host_ns: Callable[[], int],
        set_access: Callable[[Access], None],
    ) -> None:
        self._startup = startup
        self._sequencer = sequencer
        self._assembler = assembler
        self._host_ns = host_ns
        self._set_access = set_access
        self._came_up = asyncio.Event()
        self._is_up = False
        self._restart = ""
        self.on_news: Callable[[], None] = lambda: None
        self.standing = _UNKNOWN
        self.is_synchronised = False
        self.synchronisations = 0
        self._told = self.state
        self._tell()

    @property
    def state(self) -> LinkState:
        """Return how things stand, the comparison with the broker included."""
        connected = self.standing.state in {LinkState.CONNECTED, LinkState.DATA_SUSPENDED}
        return LinkState.RECONCILING if connected and not self.is_synchronised else self.standing.state

    def on_change(self, change: ConnectionChanged) -> None:
        """Note that the connection went up or down, or that everything has to be compared anew."""
        self._is_up = change.up
        self.is_synchronised = False
        if change.up:
            self._came_up.set()
        else:
            self._assembler.feed_up_since = 0
        self._tell()

    def on_standing(self, standing: Standing) -> None:
        """Note how things stand."""
        self.standing = standing
        self._tell()

    def on_restart(self, restart: str) -> None:
        """Note that the gateway's restart is near, or with nothing that it is over."""
        self._restart = restart
        self._tell()

    async def run(self, ready: asyncio.Event) -> None:
        """Synchronise after each connection; `ready` is set after the first."""
        self._sequencer.hold()
        while True:
            await self._came_up.wait()
            self._came_up.clear()
            self._sequencer.hold()
            if await self._synchronise() and not self._came_up.is_set():  # else all must be compared once more
                self.is_synchronised = True
                self.synchronisations += 1
                self._tell()
                if ready.is_set():
                    self._sequencer.release()
                ready.set()
            else:
                await self._try_again_later()

    def _tell(self) -> None:
        """Let the gate and those who watch know how things stand now."""
        state = self.state
        self._set_access(Access(state=state, restart=self._restart, suspended=self.standing.suspended))
        if state is not self._told:
            self._told = state
            tell = log.info if state in {LinkState.CONNECTED, LinkState.RECONCILING} else log.warning
            tell("connection.changed", state=state.value, cause=self.standing.cause or None)
        self.on_news()

    async def _synchronise(self) -> bool:
        began = self._host_ns()
        try:
            await self._startup.synchronise()
        except Transient as error:
            log.warning("startup.failed", error=str(error), retry_s=_RETRY_S)
            return False
        if not self._is_up:
            self._assembler.feed_up_since = 0
            log.warning("startup.failed", error="the connection was lost meanwhile", retry_s=_RETRY_S)
            return False
        log.info("startup.completed", took_s=round((self._host_ns() - began) / 1e9, 3))
        return True

    async def _try_again_later(self) -> None:
        """Wait for another connection, or try on this one after a while."""
        try:
            async with asyncio.timeout(_RETRY_S):
                await self._came_up.wait()
        except TimeoutError:
            self._came_up.set()
