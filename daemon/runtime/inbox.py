"""The one bounded queue: everything that happens waits here for the sequencer, in the order in which it happened."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeGuard, TypeVar

Item = TypeVar("Item")
Kind = TypeVar("Kind")


class InboxFull(Exception):
    """More happened than was worked off; going on would mean to forget something."""


class Inbox(Generic[Item]):
    """A queue with one consumer. `put` never blocks; overflowing raises where the consumer sees it."""

    def __init__(self, limit: int) -> None:
        self._items: deque[Item] = deque()
        self._limit = limit
        self._arrived = asyncio.Event()
        self._overflowed = False

    def __len__(self) -> int:
        """Return how many items wait."""
        return len(self._items)

    def put(self, item: Item) -> None:
        """Add an item; beyond the limit it is refused, and the consumer is told at its next `wait`."""
        if len(self._items) >= self._limit:
            self._overflowed = True
        else:
            self._items.append(item)
        self._arrived.set()

    async def wait(self) -> None:
        """Wait until something is there.

        Raises:
            InboxFull: an item had to be refused since the last call.
        """
        await self._arrived.wait()
        if self._overflowed:
            raise InboxFull(f"more than {self._limit} events waited")

    def nudge(self) -> None:
        """Wake the consumer though nothing new is there."""
        self._arrived.set()

    def take(self) -> list[Item]:
        """Return and remove everything that waits."""
        items = list(self._items)
        self._items.clear()
        self._arrived.clear()
        return items

    def take_batch(self, is_end: Callable[[Item], bool]) -> list[Item]:
        """Return and remove the items up to the first that ends a batch; nothing while no batch is complete."""
        for position, item in enumerate(self._items):
            if is_end(item):
                batch = [self._items.popleft() for _ in range(position + 1)]
                if not self._items:
                    self._arrived.clear()
                return batch
        self._arrived.clear()
        return []

    def take_where(self, wanted: Callable[[Item], TypeGuard[Kind]]) -> list[Kind]:
        """Return and remove the items that are wanted; the others keep their places."""
        if not self._items:
            return []
        chosen = [item for item in self._items if wanted(item)]
        if chosen:
            self._items = deque(item for item in self._items if not wanted(item))
        return chosen
