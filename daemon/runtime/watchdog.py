"""Tells systemd that the daemon is there and that its loop turns; never tied to the broker's connection."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from daemon.runtime.notify import Notifier

log = structlog.get_logger()

_EVERY_S: Final = 5.0
_MAX_LAG_S: Final = 2.0
_NS_PER_S: Final = 1_000_000_000


class Watchdog:
    """Says READY once the services before it are up, and WATCHDOG while the loop keeps its times."""

    name = "watchdog"

    def __init__(self, notifier: Notifier, host_ns: Callable[[], int]) -> None:
        self._notifier = notifier
        self._host_ns = host_ns

    async def run(self, ready: asyncio.Event) -> None:
        """Feed the watchdog until cancelled; a loop that lags is left to systemd."""
        self._notifier.ready()
        ready.set()
        while True:
            before = self._host_ns()
            await asyncio.sleep(_EVERY_S)
            lag_s = (self._host_ns() - before) / _NS_PER_S - _EVERY_S
            if lag_s <= _MAX_LAG_S:
                self._notifier.watchdog()
            else:
                log.warning("loop.lagged", lag_s=round(lag_s, 3))
