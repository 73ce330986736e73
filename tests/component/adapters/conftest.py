"""A connection to a scripted gateway, run as the supervisor runs it."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace

import pytest

from daemon.adapters.ib.connection import IbConnection
from daemon.adapters.ib.settings import IbSettings
from daemon.runtime.clock import MarketClock
from tests.fakes.callback_log import CallbackLog

FAST = IbSettings(
    client_id=7, backoff_s=(0.01,), connect_timeout_s=2.0, request_timeout_s=2.0, history_timeout_s=2.0,
    heartbeat_s=5.0, farm_wait_s=0.05, check_s=0.05,
)  # fmt: skip

Running = Callable[..., AbstractAsyncContextManager[IbConnection]]


@pytest.fixture
def sink() -> CallbackLog:
    return CallbackLog()


@pytest.fixture
def running(sink: CallbackLog) -> Running:
    """Return a context that runs a connection to a port with changed settings."""

    @asynccontextmanager
    async def run(port: int, **changes: object) -> AsyncIterator[IbConnection]:
        settings = replace(FAST, port=port, **changes)  # type: ignore[arg-type]
        connection = IbConnection(
            settings, clock=MarketClock(), sink=sink, jitter=random.Random(1), expects_bars=lambda _at: True
        )
        service = asyncio.create_task(connection.run(asyncio.Event()))
        try:
            yield connection
        finally:
            service.cancel()
            with suppress(asyncio.CancelledError):
                await service

    return run
