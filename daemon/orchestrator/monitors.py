"""The monitors: tasks that look at positions, performance and health at fixed intervals of market time."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from daemon.domain.events import Event, MarkDue
from daemon.market.sessions import TradingCalendar
from daemon.runtime.clock import MarketClock


class Monitor:
    """Calls `look` at every multiple of an interval while the market is open (or always)."""

    def __init__(
        self,
        name: str,
        *,
        interval: timedelta,
        clock: MarketClock,
        calendar: TradingCalendar,
        look: Callable[[datetime], None],
        sessions_only: bool = True,
    ) -> None:
        self.name = name
        self._interval_s = interval.total_seconds()
        self._clock = clock
        self._calendar = calendar
        self._look = look
        self._sessions_only = sessions_only
        self._alarm = clock.alarm()

    async def run(self, ready: asyncio.Event) -> None:
        """Look until cancelled."""
        with self._clock.participant():
            ready.set()
            due = self._clock.now()
            while True:
                due = self._next(max(due, self._clock.now()))
                await self._alarm.sleep_until(due)
                now = self._clock.now()
                if not self._sessions_only or self._calendar.session_at(now) is not None:
                    self._look(now)

    def _next(self, now: datetime) -> datetime:
        """Return the first multiple of the interval after `now`; while the market is closed, after it opens."""
        if self._sessions_only and self._calendar.session_at(now) is None:
            now = max(now, self._calendar.next_session(now).open)
        multiple = now.timestamp() // self._interval_s + 1
        return datetime.fromtimestamp(multiple * self._interval_s, UTC)


def position_monitor(
    *, interval: timedelta, clock: MarketClock, calendar: TradingCalendar, post: Callable[[Event], None]
) -> Monitor:
    """Return the monitor that values the open positions."""
    return Monitor(
        "position-monitor",
        interval=interval,
        clock=clock,
        calendar=calendar,
        look=lambda at: post(MarkDue(at=at, equity=False)),
    )


def performance_monitor(
    *, interval: timedelta, clock: MarketClock, calendar: TradingCalendar, post: Callable[[Event], None]
) -> Monitor:
    """Return the monitor that values all ledgers."""
    return Monitor(
        "performance-monitor",
        interval=interval,
        clock=clock,
        calendar=calendar,
        look=lambda at: post(MarkDue(at=at, equity=True)),
    )
