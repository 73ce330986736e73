"""Notices when the host's clock is set: order deadlines, the age of quotes and silent streams are reckoned by it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from daemon.domain.errors import ClockStepped
from daemon.domain.records import AlertRaised
from daemon.runtime.clock import MarketClock

log = structlog.get_logger()

_LOOK_S: Final = 1.0
_MOST_S: Final = 5.0  # a larger step makes an order's deadline or a quote's age wrong; time servers slew what is less
_NS_PER_S: Final = 1_000_000_000


class ClockWatch:
    """Ends the daemon when the wall clock was set by more than a few seconds, or the host has slept.

    What is in memory was stamped by another clock. A start is what brings everything into step again, and systemd makes
    one. Where somebody steps the time there is nothing to watch.
    """

    name = "clock-watch"

    def __init__(self, clock: MarketClock, *, tell: Callable[[AlertRaised], Awaitable[None]]) -> None:
        """Take the clock, and what makes an alert durable."""
        self._clock = clock
        self._tell = tell

    async def run(self, ready: asyncio.Event) -> None:
        """Watch until cancelled.

        Raises:
            ClockStepped: the clock was set.
        """
        ready.set()
        before = self._offset_s()
        while True:
            await asyncio.sleep(_LOOK_S)
            offset = self._offset_s()
            step = offset - before
            before = offset
            if abs(step) > _MOST_S and not self._clock.is_stepped:
                await self._end(step)

    def _offset_s(self) -> float:
        """Return by how much the wall is ahead of the host's monotonic clock; 0 where time is stepped."""
        if self._clock.is_stepped:
            return 0.0
        return self._clock.now().timestamp() - self._clock.host_ns() / _NS_PER_S

    async def _end(self, step_s: float) -> None:
        direction = "forward" if step_s > 0 else "back"
        text = f"the host's clock went {abs(step_s):.1f} s {direction} at once: starting anew with it"
        log.critical("clock.stepped", by_s=round(step_s, 3))
        await self._tell(
            AlertRaised(at=self._clock.now(), level="CRITICAL", name="clock.stepped", text=text, strategy=None)
        )
        raise ClockStepped(text)
