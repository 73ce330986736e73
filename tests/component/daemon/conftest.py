"""Asyncio's debug mode is off here: the whole daemon runs in these tests, which would take three times as long."""

import asyncio

import pytest


@pytest.fixture(autouse=True)
async def _without_debug() -> None:
    asyncio.get_running_loop().set_debug(False)
