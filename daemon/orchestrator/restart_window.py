"""Keeps the gate shut around the gateway's daily restart: from shortly before it until everything is in step again."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import structlog

from daemon.domain.restart_schedule import RestartSchedule
from daemon.orchestrator.link import Link
from daemon.runtime.clock import MarketClock

log = structlog.get_logger()

_LOOK: Final = timedelta(seconds=1)


class RestartWindow:
    """A service for a gateway whose restart time is known."""

    name = "restart-window"

    def __init__(self, schedule: RestartSchedule, *, clock: MarketClock, link: Link) -> None:
        self._schedule = schedule
        self._clock = clock
        self._link = link
        self._alarm = clock.alarm()

    async def run(self, ready: asyncio.Event) -> None:
        """Shut and open the gate until cancelled."""
        with self._clock.participant():
            ready.set()
            began = self._clock.now()
            while True:
                restart = self._schedule.near(self._clock.now())
                if restart is not None and began < restart:  # who begins after it is in step with what came of it
                    await self._stay_shut(restart)
                await self._alarm.sleep_until(self._schedule.next_blackout(self._clock.now()))

    async def _stay_shut(self, restart: datetime) -> None:
        """Keep the gate shut until the gateway has come back after its restart, or the time for that is over."""
        end = restart + self._schedule.expected
        local = restart.astimezone(self._schedule.zone)
        self._link.on_restart(f"the gateway restarts at {local:%H:%M %Z}")
        log.info("restart.awaited", at=restart.isoformat(), until=end.isoformat())
        before = self._link.synchronisations
        while (now := self._clock.now()) < end:
            if now < restart:
                before = self._link.synchronisations  # whatever reconnects before it is not the restart
            elif self._link.synchronisations > before and self._link.is_synchronised:
                break
            await self._alarm.sleep_until(min(now + _LOOK, end))
        self._link.on_restart("")
        log.info("restart.passed", in_step=self._link.is_synchronised)
