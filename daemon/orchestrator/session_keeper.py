"""Opens and closes each trading day: daily counters, the end-of-day report, and the end of a run of N days."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta

import structlog

from daemon.domain.events import Event, SessionClosed, SessionOpened
from daemon.market.sessions import Session, TradingCalendar
from daemon.orchestrator.bar_assembler import BarAssembler
from daemon.ports import DayReporter
from daemon.runtime.clock import MarketClock

log = structlog.get_logger()


class SessionKeeper:
    """Follows the exchange's calendar; the end-of-day reporter is its last act of each day."""

    name = "end-of-day"

    def __init__(
        self,
        *,
        clock: MarketClock,
        calendar: TradingCalendar,
        assembler: BarAssembler,
        reporter: DayReporter,
        post: Callable[[Event], None],
        flush: Callable[[], Awaitable[None]],
        report_after: timedelta,
        days: int | None,
        on_last_day: Callable[[], None],
    ) -> None:
        """The report is written `report_after` the close; after `days` closes `on_last_day` is called."""
        self._clock = clock
        self._calendar = calendar
        self._assembler = assembler
        self._reporter = reporter
        self._post = post
        self._flush = flush
        self._report_after = report_after
        self._days_left = days
        self._on_last_day = on_last_day
        self._alarm = clock.alarm()
        self.days_closed = 0

    async def run(self, ready: asyncio.Event) -> None:
        """Keep the days until cancelled."""
        with self._clock.participant():
            ready.set()
            while True:
                session = await self._opened()
                await self._sleep_until(session.close + self._report_after)
                self._post(SessionClosed(at=self._clock.now()))
                # The sequencer works off the close once this task sleeps; the report comes one instant later.
                await self._sleep_until(self._clock.now() + timedelta(seconds=1))
                await self._close(session.day)

    async def _opened(self) -> Session:
        """Wait for the session that is open or opens next."""
        now = self._clock.now()
        session = self._calendar.session_at(now) or self._calendar.next_session(now)
        await self._sleep_until(session.open)
        self._assembler.begin_session(session)
        # Start-up may have told the heart of a session that is on; told twice it is the same.
        self._post(SessionOpened(at=self._clock.now(), open_s=session.open_s, close_s=session.close_s))
        log.info("day.opened", day=session.day.isoformat(), closes=session.close.isoformat())
        return session

    async def _close(self, day: date) -> None:
        await self._flush()
        path = await self._reporter.report(day)
        self.days_closed += 1
        log.info("day.closed", day=day.isoformat(), report=path)
        if self._days_left is not None:
            self._days_left -= 1
            if self._days_left <= 0:
                self._on_last_day()

    async def _sleep_until(self, when: datetime) -> None:
        while self._clock.now() < when:
            await self._alarm.sleep_until(when)
