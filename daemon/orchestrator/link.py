"""Follows the connection: each time it comes up, everything is brought into step before events are worked off again."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from daemon.domain.callbacks import ConnectionChanged
from daemon.domain.errors import Transient
from daemon.orchestrator.bar_assembler import BarAssembler
from daemon.orchestrator.sequencer import Sequencer
from daemon.orchestrator.startup import Startup

log = structlog.get_logger()

_RETRY_S: Final = 5.0  # host time


class Link:
    """Holds the sequencer while the broker's and our own view of things are not known to agree."""

    name = "link"

    def __init__(
        self, *, startup: Startup, sequencer: Sequencer, assembler: BarAssembler, host_ns: Callable[[], int]
    ) -> None:
        self._startup = startup
        self._sequencer = sequencer
        self._assembler = assembler
        self._host_ns = host_ns
        self._came_up = asyncio.Event()
        self._is_up = False
        self.is_synchronised = False
        self.synchronisations = 0

    def on_change(self, change: ConnectionChanged) -> None:
        """Note that the connection went up or down."""
        self._is_up = change.up
        if change.up:
            self._came_up.set()
        else:
            self.is_synchronised = False
            self._assembler.feed_up_since = 0

    async def run(self, ready: asyncio.Event) -> None:
        """Synchronise after each connection; `ready` is set after the first."""
        self._sequencer.hold()
        while True:
            await self._came_up.wait()
            self._came_up.clear()
            self._sequencer.hold()
            if await self._synchronise():
                self.is_synchronised = True
                self.synchronisations += 1
                if ready.is_set():
                    self._sequencer.release()
                ready.set()
            else:
                await self._try_again_later()

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
