"""Staying below IB's limits: messages a second, and events within a sliding window. Times are seconds of the loop."""

import asyncio
from collections import deque
from collections.abc import Callable

_SHORTEST_WAIT_S = 0.001  # rounding must not turn the wait into a busy loop


class MessageBudget:
    """A token bucket for bulk requests; orders and cancels take their tokens without waiting.

    It holds one second's worth. Bulk requests leave `reserve` tokens untouched, so that an order finds room at once.
    A rate of 0 is no limit (lockstep).
    """

    def __init__(self, *, per_second: float, reserve: int, now: Callable[[], float]) -> None:
        self._rate = per_second
        self._reserve = reserve
        self._now = now
        self._tokens = per_second
        self._counted_at = now()

    def spend(self) -> None:
        """Count one message that was sent without waiting; bulk requests then wait the longer."""
        if self._rate:
            self._refill()
            self._tokens -= 1

    async def acquire(self) -> None:
        """Wait until a bulk request may be sent, and count it."""
        while self._rate:
            self._refill()
            missing = self._reserve + 1 - self._tokens
            if missing <= 0:
                self._tokens -= 1
                return
            await asyncio.sleep(max(missing / self._rate, _SHORTEST_WAIT_S))

    def _refill(self) -> None:
        now = self._now()
        self._tokens = min(self._rate, self._tokens + (now - self._counted_at) * self._rate)
        self._counted_at = now


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

    def wait_s(self, now: float) -> float:
        """Return how long the next event has to wait."""
        while self._times and now - self._times[0] >= self._seconds:
            self._times.popleft()
        if not self._limit or len(self._times) < self._limit:
            return 0.0
        return self._times[0] + self._seconds - now

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
