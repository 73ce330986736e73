"""How many requests of a kind a client may make: IB's limits as counts within sliding windows of host time."""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final

MESSAGES_A_SECOND: Final = 50
SAME_REQUEST_S: Final = 15.0
SAME_CONTRACT_S: Final = 2.0
SAME_CONTRACT_MOST: Final = 5  # a sixth within the time is refused
WINDOW_S: Final = 600.0
WINDOW_MOST: Final = 60
OPEN_MOST: Final = 50  # histories kept up to date at a time
SMALL_BAR_S: Final = 30  # longer bars are not counted


@dataclass(slots=True)
class Window:
    """Events within the last `seconds`; what is older is forgotten."""

    seconds: float
    times: deque[float] = field(default_factory=deque)

    def count(self, now_s: float) -> int:
        """Return how many there are."""
        while self.times and now_s - self.times[0] >= self.seconds:
            self.times.popleft()
        return len(self.times)

    def add(self, now_s: float, times: int = 1) -> None:
        """Count an event, `times` fold."""
        self.times.extend([now_s] * times)


class MessageRate:
    """The messages of one connection."""

    __slots__ = ("_window",)

    def __init__(self) -> None:
        self._window = Window(1.0)

    def take(self, now_s: float) -> int:
        """Count a message and return how many came within the last second."""
        self._window.add(now_s)
        return self._window.count(now_s)


class HistoryLimits:
    """One client's requests for history, for ticks and for real-time bars."""

    def __init__(self) -> None:
        self._all = Window(WINDOW_S)
        self._bars = Window(WINDOW_S)
        self._same: dict[Hashable, float] = {}  # request to when it came last
        self._families: dict[Hashable, Window] = {}  # contract, exchange and kind of data to its requests

    def history(self, now_s: float, request: Hashable, family: Hashable, *, is_double: bool) -> bool:
        """Count a request for history and return True, or False where it violates the pacing.

        Args:
            now_s: host seconds.
            request: everything it asks for; the same again within 15 s is refused.
            family: its contract, exchange and kind of data; a sixth within 2 s is refused.
            is_double: it asks for bid and ask together, which counts twice within the 60 of ten minutes.
        """
        self._forget(now_s)
        weight = 2 if is_double else 1
        window = self._families.setdefault(family, Window(SAME_CONTRACT_S))
        if (
            request in self._same
            or window.count(now_s) >= SAME_CONTRACT_MOST
            or self._all.count(now_s) + weight > WINDOW_MOST
        ):
            return False
        self._same[request] = now_s
        window.add(now_s)
        self._all.add(now_s, weight)
        return True

    def once(self, now_s: float, request: Hashable) -> bool:
        """Count a request and return True, or False where the same came within 15 s."""
        self._forget(now_s)
        if request in self._same:
            return False
        self._same[request] = now_s
        return True

    def bars(self, now_s: float) -> bool:
        """Count a request for real-time bars and return True, or False where it is the 61st within ten minutes."""
        if self._bars.count(now_s) >= WINDOW_MOST:
            return False
        self._bars.add(now_s)
        return True

    def is_idle(self, now_s: float) -> bool:
        """Return whether nothing counts any more."""
        self._forget(now_s)
        return not (self._same or self._families or self._all.count(now_s) or self._bars.count(now_s))

    def _forget(self, now_s: float) -> None:
        """Drop what is too old to count, so that a client cannot fill the memory."""
        self._same = {key: at_s for key, at_s in self._same.items() if now_s - at_s < SAME_REQUEST_S}
        self._families = {key: window for key, window in self._families.items() if window.count(now_s)}
