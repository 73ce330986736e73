"""A loop per timeframe: waits for each scheduled bar end and posts the bars that ended there, once."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from daemon.domain.events import BarsClosed, Event
from daemon.domain.timeframe import Timeframe
from daemon.market.windows import BarSchedule
from daemon.orchestrator.bar_assembler import BarAssembler
from daemon.runtime.clock import MarketClock


class BarLoop:
    """Watches the boundaries of one timeframe."""

    def __init__(
        self,
        timeframe: Timeframe,
        *,
        clock: MarketClock,
        schedule: BarSchedule,
        assembler: BarAssembler,
        grace: timedelta,
        caught_up: Callable[[], Awaitable[object]],
        post: Callable[[Event], None],
    ) -> None:
        """A bar is final when all its parts have come, or `grace` after its end in market time.

        Not before `caught_up`, though: while the broker is compared with, parts wait that belong into it.
        """
        self.name = f"bars-{timeframe}"
        self._timeframe = timeframe
        self._clock = clock
        self._schedule = schedule
        self._assembler = assembler
        self._grace = grace
        self._until_caught_up = caught_up
        self._post = post
        self._alarm = clock.alarm()
        self.last_end = 0

    async def run(self, ready: asyncio.Event) -> None:
        """Post `BarsClosed` for every scheduled end until cancelled."""
        with self._clock.participant():
            ready.set()
            final = self._assembler.final_until.get(self._timeframe)
            after = self._clock.now() if final is None else datetime.fromtimestamp(final, UTC)
            while True:
                session, end = self._schedule.next_end(after, self._timeframe)
                ended = datetime.fromtimestamp(end, UTC)
                if self._clock.now() < session.open:
                    await self._sleep_until(session.open)
                self._assembler.begin_session(session)
                await self._until_complete(end, ended + self._grace)
                await self._until_caught_up()
                final = self._assembler.final_until.get(self._timeframe, 0)
                if end <= final:  # it was had from history meanwhile, and maybe later ones too
                    after = datetime.fromtimestamp(final, UTC)
                    continue
                self._close(end)
                after = ended

    async def _until_complete(self, end: int, deadline: datetime) -> None:
        if self._assembler.expect(self._timeframe, end, self._alarm):
            return
        # A wake may be left over from the bar before: only the assembler knows.
        while self._clock.now() < deadline and not self._assembler.is_complete(self._timeframe, end):
            await self._alarm.sleep_until(deadline)

    async def _sleep_until(self, when: datetime) -> None:
        while self._clock.now() < when:
            await self._alarm.sleep_until(when)

    def _close(self, end: int) -> None:
        bars, missing = self._assembler.take(self._timeframe, end)
        self.last_end = end
        self._post(
            BarsClosed(
                at=self._clock.now(),
                timeframe=self._timeframe,
                end=end,
                bars=bars,
                missing=missing,
                received_host_ns=self._assembler.last_part_host_ns,
            )
        )
