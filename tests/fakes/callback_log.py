"""A sink that keeps what it is told and lets a test wait for it."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from daemon.domain.callbacks import Callback

T = TypeVar("T")
TIMEOUT_S = 10.0


class CallbackLog:
    """Callable as a CallbackSink."""

    def __init__(self) -> None:
        self.all: list[Callback] = []
        self._news = asyncio.Event()

    def __call__(self, callback: Callback) -> None:
        self.all.append(callback)
        self._news.set()

    def of(self, kind: type[T]) -> list[T]:
        return [callback for callback in self.all if isinstance(callback, kind)]

    async def wait_for(self, kind: type[T], count: int = 1, *, where: Callable[[T], bool] = lambda _: True) -> list[T]:
        """Return the callbacks of one kind as soon as there are `count` of them."""
        async with asyncio.timeout(TIMEOUT_S):
            while len(found := [one for one in self.of(kind) if where(one)]) < count:
                self._news.clear()
                await self._news.wait()
        return found
