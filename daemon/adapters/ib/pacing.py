"""Staying below IB's limits: messages a second, and events within a sliding window. Times are seconds of the loop."""

import asyncio
from collections import deque
from collections.abc import Callable

_SHORTEST_WAIT_S = 0.001  # rounding must not turn the wait into a busy loop


class SlidingWindow:
    """At most `limit` events within any `seconds`; a limit of 0 is none."""

    def __init__(self, *, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._times: deque[float] = deque()

    def take(self, now: float) -> bool:
        """Count one event and return True, or return False where it would be one too many."""
        if self.wait_s(now) > 0:
            return False
        if self._limit:
            self._times.append(now)
        return True

    def wait_s(self, now: float, *, spare: int = 0) -> float:
        """Return how long the next event has to wait; `spare` events, fewer than the limit, are left for others."""
        while self._times and now - self._times[0] >= self._seconds:
            self._times.popleft()
        beyond = len(self._times) - (self._limit - spare)
        if not self._limit or beyond < 0:
            return 0.0
        return self._times[beyond] + self._seconds - now

    def time_for(self, count: int, now: float) -> float:
        """Return how long `count` further events take when each comes as early as it may."""
        if not self._limit:
            return 0.0
        times, at = deque(self._times), now
        for _ in range(count):
            while times and at - times[0] >= self._seconds:
                times.popleft()
            if len(times) >= self._limit:
                at = times.popleft() + self._seconds
            times.append(at)
        return at - now


class MessageBudget:
    """Messages within any second: bulk requests wait, orders and cancels take their turn or are told there is none.

    Bulk requests leave `reserve` messages unused, so that an order finds room at once. A limit of 0 is none (lockstep).
    """

    def __init__(self, *, per_second: int, reserve: int, now: Callable[[], float]) -> None:
        self._window = SlidingWindow(limit=per_second, seconds=1.0)
        self._reserve = min(reserve, max(per_second - 1, 0))  # something must be left to them
        self._now = now

    def take(self) -> bool:
        """Count one message and return True, or return False where it would be one too many."""
        return self._window.take(self._now())

    async def acquire(self) -> None:
        """Wait until a bulk request may be sent, and count it."""
        while True:
            wait_s = self._window.wait_s(self._now(), spare=self._reserve)
            if wait_s <= 0:
                break
            await asyncio.sleep(max(wait_s, _SHORTEST_WAIT_S))
        self._window.take(self._now())
