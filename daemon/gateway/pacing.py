"""How fast market time may run: the one place where it meets host time."""

from collections.abc import Callable

_CATCH_UP_S = 0.25  # host seconds of delay that are made up for


class Pacer:
    """Maps market time to host time at a speed, from an anchor that moves when the market jumps or was held up."""

    def __init__(self, market_us: int, host_s: Callable[[], float]) -> None:
        """Take the market time of now, and a clock of host seconds of which only differences mean anything."""
        self._host_s = host_s
        self._speed: float | None = None
        self._anchor_us = market_us
        self._anchor_host_s = self._host_s()

    def anchor(self, market_us: int) -> None:
        """Say that market time is `market_us` now."""
        self._anchor_us = market_us
        self._anchor_host_s = self._host_s()

    def wait_s(self, now_us: int, next_us: int, speed: float | None) -> float:
        """Return how many host seconds to wait before the instant `next_us`; 0 when it is due or not paced at all.

        Speed is in market seconds per host second, None = as fast as it goes. A market that was held up for longer
        than a moment does not race to catch up: it is anchored anew.
        """
        if speed != self._speed:
            self._speed = speed
            self.anchor(now_us)
        if speed is None:
            return 0.0
        wait = self._anchor_host_s + (next_us - self._anchor_us) / 1e6 / speed - self._host_s()
        if wait < -_CATCH_UP_S:
            self.anchor(next_us)
        return max(0.0, wait)
