"""The clock, and the only place that asks what time it is.

Market time follows the wall until somebody steps it; from then on it moves by steps only. Tasks that live by the clock
are its participants: `settle` waits until all of them sleep again, and that makes a daemon of many tasks as
reproducible as a loop.
"""

import asyncio
import heapq
import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime


class MarketClock:
    """Market time for sleepers and stamps, and the host's monotonic time for durations."""

    def __init__(self) -> None:
        self._stepped_to: datetime | None = None
        self._sleepers: list[tuple[datetime, int, Alarm]] = []
        self._order = itertools.count()
        self._busy = 0
        self._settled = asyncio.Event()
        self._settled.set()

    def now(self) -> datetime:
        """Return market time, aware UTC."""
        return self._stepped_to if self._stepped_to is not None else datetime.now(UTC)

    def host_ns(self) -> int:
        """Return monotonic host time in nanoseconds."""
        return time.monotonic_ns()

    @property
    def is_stepped(self) -> bool:
        """Return whether time moves by steps only."""
        return self._stepped_to is not None

    def step(self, to: datetime) -> None:
        """Move market time to `to`; it never goes back. Nobody is woken yet."""
        self._stepped_to = to if self._stepped_to is None else max(self._stepped_to, to)

    def release_due(self) -> None:
        """Wake the sleepers whose time has come, in the order of their times."""
        now = self.now()
        while self._sleepers and self._sleepers[0][0] <= now:
            _, _, alarm = heapq.heappop(self._sleepers)
            alarm.expire()

    @contextmanager
    def participant(self) -> Iterator[None]:
        """Count the calling task among those that `settle` waits for: it either works or sleeps on an alarm."""
        self._began()
        try:
            yield
        finally:
            self._rested()

    @property
    def is_settled(self) -> bool:
        """Return whether every participant sleeps."""
        return self._busy == 0

    async def settle(self) -> None:
        """Wait until every participant sleeps."""
        await self._settled.wait()

    def alarm(self) -> "Alarm":
        """Return an alarm for one participant."""
        return Alarm(self)

    def _began(self) -> None:
        self._busy += 1
        self._settled.clear()

    def _rested(self) -> None:
        self._busy -= 1
        if self._busy == 0:
            self._settled.set()


class Alarm:
    """Where one participant waits for market time, or for somebody to wake it."""

    def __init__(self, clock: MarketClock) -> None:
        self._clock = clock
        self._waiting: asyncio.Future[bool] | None = None
        self._due: datetime | None = None
        self._woken = False

    async def sleep_until(self, when: datetime) -> bool:
        """Wait until market time `when`, or until `wake`; return True when woken early."""
        if self._woken:
            self._woken = False
            return True
        if when <= self._clock.now():
            return False
        self._waiting = asyncio.get_running_loop().create_future()
        self._due = when
        timer = self._arrange(when)
        self._clock._rested()  # noqa: SLF001 - clock and alarm are one mechanism
        try:
            return await self._waiting
        finally:
            # Cancelled while asleep: the task is at work again, whoever had been about to wake it.
            if self._waiting is not None:
                self._waiting = None
                self._clock._began()  # noqa: SLF001
            if timer is not None:
                timer.cancel()

    def wake(self) -> None:
        """End the wait now; while nobody waits, the next wait ends at once."""
        if self._waiting is None:
            self._woken = True
        else:
            self._finish(early=True)

    def expire(self) -> None:
        """End the wait if its time has come. An alarm that was woken leaves an old entry with the clock: no harm."""
        if self._waiting is not None and self._due is not None and self._due <= self._clock.now():
            self._finish(early=False)

    def _arrange(self, when: datetime) -> asyncio.TimerHandle | None:
        if self._clock.is_stepped:
            heapq.heappush(self._clock._sleepers, (when, next(self._clock._order), self))  # noqa: SLF001
            return None
        delay = (when - self._clock.now()).total_seconds()
        return asyncio.get_running_loop().call_later(delay, self._on_timer, when)

    def _on_timer(self, when: datetime) -> None:
        # A host timer may fire a hair before the wall shows its time.
        if self._waiting is not None and self._due == when:
            self._finish(early=False)

    def _finish(self, *, early: bool) -> None:
        waiting = self._waiting
        if waiting is None or waiting.done():
            return  # cancelled, and not run since: the sleeper counts itself
        self._waiting = None
        self._clock._began()  # noqa: SLF001
        waiting.set_result(early)
