"""A clock that stands still until it is told otherwise."""

from datetime import datetime, timedelta


class SettableClock:
    """Market time as set; each look at the host's time costs one millisecond."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.ns = 0

    def now(self) -> datetime:
        return self.at

    def host_ns(self) -> int:
        self.ns += 1_000_000
        return self.ns

    def pass_s(self, seconds: float) -> datetime:
        """Let market time pass; return the new time."""
        self.at += timedelta(seconds=seconds)
        return self.at
