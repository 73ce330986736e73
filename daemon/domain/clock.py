"""What a clock promises. The clocks themselves are in `runtime`; the heart only ever sees the time of its events."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Two times: the market's, and the host's for durations."""

    def now(self) -> datetime:
        """Return the market's time, aware UTC."""
        ...

    def host_ns(self) -> int:
        """Return the host's monotonic time in nanoseconds; only differences mean anything."""
        ...
