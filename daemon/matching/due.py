"""What becomes due at the exchange, in the order of time, kind and submission."""

from enum import IntEnum
from heapq import heappop, heappush
from typing import Final

from daemon.matching.orders import ExchangeOrder


class Kind(IntEnum):
    """What is due; the number orders events of one instant."""

    CLOSE = 0
    EXPIRE = 1
    ACKNOWLEDGE = 2
    ARRIVE = 3
    REPLACE = 4
    CANCEL = 5


_KINDS: Final = tuple(Kind)  # by number; calling Kind would be slower


class DueQueue:
    """A heap of events; equal times and kinds keep the order in which they were pushed."""

    __slots__ = ("_heap", "_pushed")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, int, str, ExchangeOrder | None]] = []
        self._pushed = 0

    def push(self, at_us: int, kind: Kind, key: str = "", changed: ExchangeOrder | None = None) -> None:
        """Make something due."""
        self._pushed += 1
        heappush(self._heap, (at_us, int(kind), self._pushed, key, changed))

    def pop(self) -> tuple[int, Kind, str, ExchangeOrder | None]:
        """Return and forget the next event: when, what, whose, and the change it brings."""
        at_us, kind, _, key, changed = heappop(self._heap)
        return at_us, _KINDS[kind], key, changed

    def next_us(self) -> int | None:
        """Return when the next event is due, None when nothing is."""
        return self._heap[0][0] if self._heap else None
