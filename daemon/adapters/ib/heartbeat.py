"""Finds out whether a gateway still answers: asked at a steady beat, given up after two answers that did not come."""

import asyncio
from typing import Final

from daemon.adapters.ib.client import RawIB

_MISSES: Final = 2  # beats in a row without an answer before a connection counts as dead


async def watch(ib: RawIB, heartbeat_s: float) -> None:
    """Ask at every beat, and break the connection off when two questions in a row got no answer by the next beat.

    A gateway that falls silent right after an answer is found after three beats: 18 s of host time with beats of 6 s.
    Only answers count: quotes that go on flowing say nothing about whether an order would still be heard.
    """
    misses = 0
    while True:
        asked = ib.wrapper.answers
        _ask(ib)
        await asyncio.sleep(heartbeat_s)
        misses = misses + 1 if ib.wrapper.answers == asked else 0
        if misses >= _MISSES:
            ib.drop(f"the gateway has not answered for {heartbeat_s * _MISSES:g} s")
            return


def _ask(ib: RawIB) -> None:
    # In lockstep the request for the time is the acknowledgement of an instant.
    if ib.is_open:
        ib.send(ib.client.reqManagedAccts if ib.is_lockstep else ib.client.reqCurrentTime)
