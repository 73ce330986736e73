"""The clock of a simulated process: virtual seconds for the host, and a wall that a fault may set wrong."""

from datetime import UTC, datetime, timedelta

from daemon.runtime.clock import MarketClock
from daemon.simulation.loop import VirtualLoop

_NS_PER_S = 1_000_000_000


class Wall:
    """What the wall clock of the simulated machine shows; all its processes share it."""

    def __init__(self, loop: VirtualLoop, start: datetime) -> None:
        self._loop = loop
        self._start = start
        self._error = timedelta()

    def now(self) -> datetime:
        """Return the time on the wall, aware UTC."""
        return self.true_now() + self._error

    def true_now(self) -> datetime:
        """Return the time as it would be had nobody set the clock, aware UTC."""
        return self._start + timedelta(seconds=self._loop.time())

    def set_wrong(self, error: timedelta) -> None:
        """Show the time with an error from now on."""
        self._error = error


class SimulatedClock(MarketClock):
    """The daemon's clock in a simulated process."""

    def __init__(self, loop: VirtualLoop, wall: Wall) -> None:
        super().__init__()
        self._loop = loop
        self._wall = wall

    def now(self) -> datetime:
        """Return market time, aware UTC: the last step's, or the wall's where nobody steps."""
        return super().now() if self.is_stepped else self._wall.now().astimezone(UTC)

    def host_ns(self) -> int:
        """Return the virtual seconds in nanoseconds."""
        return round(self._loop.time() * _NS_PER_S)
