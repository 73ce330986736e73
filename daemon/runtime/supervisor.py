"""Starts services in order and stops them in reverse, whatever the cause; nothing dies unseen."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog

log = structlog.get_logger()


class Service(Protocol):
    """A part that runs until it is cancelled."""

    @property
    def name(self) -> str:
        """Return the name for logs and for the task."""
        ...

    async def run(self, ready: asyncio.Event) -> None:
        """Open what is needed, set `ready`, then work; release in `finally` or `async with`."""
        ...


class ServiceExited(Exception):
    """A service returned although nobody had asked it to."""

    def __init__(self, name: str) -> None:
        super().__init__(f"service {name} ended by itself")
        self.name = name


class Supervisor:
    """Runs services until one fails or `stop` is called."""

    def __init__(self, services: Sequence[Service], *, stop_s: float = 5.0) -> None:
        """Take the services in their starting order; each has `stop_s` seconds of host time to end."""
        self._services = services
        self._stop_s = stop_s
        self._stop = asyncio.Event()
        self._failures: list[Exception] = []

    def stop(self) -> None:
        """Begin the orderly stop; more calls change nothing."""
        self._stop.set()

    async def run(self) -> None:
        """Run until stopped.

        Raises:
            ExceptionGroup: what the services failed with; all have been stopped.
        """
        running: list[asyncio.Task[None]] = []
        async with asyncio.TaskGroup() as group:
            try:
                for service in self._services:
                    ready = asyncio.Event()
                    running.append(group.create_task(self._guard(service, ready), name=service.name))
                    await self._until_ready(ready)
                    if self._stop.is_set():
                        break
                await self._stop.wait()
            finally:
                self._stop.set()
                for task in reversed(running):
                    await self._end(task)
        if self._failures:
            raise ExceptionGroup("services failed", self._failures)

    async def _guard(self, service: Service, ready: asyncio.Event) -> None:
        try:
            await service.run(ready)
            if not self._stop.is_set():
                self._failed(service, ServiceExited(service.name))
        except asyncio.CancelledError:
            if self._stop.is_set():
                raise
            self._failed(service, ServiceExited(service.name))  # its own work was cancelled, by nobody here
        except Exception as error:  # noqa: BLE001 - recorded, so that the others stop in order
            self._failed(service, error)
        finally:
            ready.set()
            if self._failures:
                self.stop()

    def _failed(self, service: Service, error: Exception) -> None:
        log.error("service.failed", service=service.name, error=f"{type(error).__name__}: {error}")
        self._failures.append(error)

    async def _until_ready(self, ready: asyncio.Event) -> None:
        waits = {asyncio.ensure_future(ready.wait()), asyncio.ensure_future(self._stop.wait())}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _end(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        _, late = await asyncio.wait({task}, timeout=self._stop_s)
        if late:
            log.error("service.overran", service=task.get_name(), limit_s=self._stop_s)
