"""The one bounded queue: everything that happens waits here for the sequencer, in the order in which it happened."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Heard = TypeVar("Heard")
Posted = TypeVar("Posted")


class InboxFull(Exception):
    """More happened than was worked off; going on would mean to forget something."""


class Inbox(Generic[Heard, Posted]):
    """A queue with one consumer and two lanes: what is heard from outside, and what our own tasks post.

    Neither `put` nor `post` blocks; overflowing raises where the consumer sees it.
    """

    def __init__(self, limit: int) -> None:
        self._heard: deque[Heard] = deque()
        self._posted: list[Posted] = []
        self._limit = limit
        self._arrived = asyncio.Event()
        self._overflowed = False

    def __len__(self) -> int:
        """Return how many items wait."""
        return len(self._heard) + len(self._posted)

    @property
    def has_posted(self) -> bool:
        """Return whether anything was posted that has not been taken."""
        return bool(self._posted)

    def put(self, item: Heard) -> None:
        """Add what was heard; beyond the limit it is refused, and the consumer is told at its next `wait`."""
        if len(self._heard) >= self._limit:
            self._overflowed = True
        else:
            self._heard.append(item)
        self._arrived.set()

    def post(self, item: Posted) -> None:
        """Add what one of our own tasks has to say; beyond the limit as for `put`."""
        if len(self._posted) >= self._limit:
            self._overflowed = True
        else:
            self._posted.append(item)
        self._arrived.set()

    def nudge(self) -> None:
        """Wake the consumer though nothing new is there."""
        self._arrived.set()

    async def wait(self) -> None:
        """Wait until something is there.

        Raises:
            InboxFull: an item had to be refused since the last call.
        """
        await self._arrived.wait()
        if self._overflowed:
            raise InboxFull(f"more than {self._limit} events waited")

    def take(self) -> list[Heard]:
        """Return and remove everything that was heard."""
        heard = list(self._heard)
        self._heard.clear()
        self._arrived.clear()
        return heard

    def take_batch(self, is_end: Callable[[Heard], bool]) -> list[Heard]:
        """Return and remove what was heard up to the first item that ends a batch; nothing while none does."""
        for position, item in enumerate(self._heard):
            if is_end(item):
                batch = [self._heard.popleft() for _ in range(position + 1)]
                if not self._heard:
                    self._arrived.clear()
                return batch
        self._arrived.clear()
        return []

    def take_posted(self) -> list[Posted]:
        """Return and remove everything that was posted."""
        posted, self._posted = self._posted, []
        return posted
