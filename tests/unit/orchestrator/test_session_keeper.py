"""A year of sessions as the exchange has published it: each opens once and closes once, whatever the clocks do."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from daemon.domain.events import Event, SessionClosed, SessionOpened
from daemon.domain.timeframe import Timeframe
from daemon.market.sessions import TradingCalendar
from daemon.market.windows import BarSchedule
from daemon.orchestrator.bar_assembler import BarAssembler
from daemon.orchestrator.session_keeper import SessionKeeper
from daemon.runtime.clock import MarketClock

NEW_YORK = ZoneInfo("America/New_York")
YEAR = 2026
# NYSE, "Holidays & Trading Hours", 2026
HOLIDAYS = {
    date(2026, 1, 1), date(2026, 1, 19), date(2026, 2, 16), date(2026, 4, 3), date(2026, 5, 25),
    date(2026, 6, 19), date(2026, 7, 3), date(2026, 9, 7), date(2026, 11, 26), date(2026, 12, 25),
}  # fmt: skip
EARLY_CLOSES = {date(2026, 11, 27), date(2026, 12, 24)}
REPORT_AFTER = timedelta(seconds=30)


class Reports:
    """Remembers the days it was asked to report on."""

    def __init__(self) -> None:
        self.days: list[date] = []

    async def report(self, day: date) -> str | None:
        self.days.append(day)
        return None


def published(day: date) -> tuple[datetime, datetime] | None:
    """Return when the exchange opens and closes on a day, by its own clock, or None when it does not."""
    if day.weekday() >= 5 or day in HOLIDAYS:
        return None
    close = 13 if day in EARLY_CLOSES else 16
    opens = datetime(day.year, day.month, day.day, 9, 30, tzinfo=NEW_YORK)
    return opens.astimezone(UTC), opens.replace(hour=close, minute=0).astimezone(UTC)


async def test_each_session_of_a_year_opens_and_closes_once() -> None:
    calendar, clock, posted, reports = TradingCalendar("XNYS"), MarketClock(), [], Reports()
    schedule = BarSchedule(calendar=calendar, anchor="clock")
    begin = datetime(YEAR, 1, 1, tzinfo=UTC)
    clock.step(begin)

    async def flush() -> None:
        return

    def post(event: Event) -> None:
        posted.append(event)

    keeper = SessionKeeper(
        clock=clock, calendar=calendar, assembler=BarAssembler(schedule, (), (Timeframe.parse("1h"),)),
        reporter=reports, post=post, flush=flush, report_after=REPORT_AFTER, days=None, on_last_day=lambda: None,
    )  # fmt: skip
    keeping = asyncio.create_task(keeper.run(asyncio.Event()))
    await asyncio.sleep(0)
    moment, end = begin, datetime(YEAR + 1, 1, 1, tzinfo=UTC)
    while moment < end:  # every half hour, and the two moments after a close; midnights are among them
        for after in (timedelta(0), REPORT_AFTER, REPORT_AFTER + timedelta(seconds=1)):
            clock.step(moment + after)
            clock.release_due()
            await clock.settle()
        moment += timedelta(minutes=30)
    keeping.cancel()
    await asyncio.wait({keeping})

    days = [date(YEAR, 1, 1) + timedelta(days=count) for count in range(365)]
    sessions = {day: hours for day in days if (hours := published(day)) is not None}
    assert len(sessions) == 251
    opened = [event for event in posted if isinstance(event, SessionOpened)]
    closed = [event for event in posted if isinstance(event, SessionClosed)]
    assert [(event.at, event.open_s, event.close_s) for event in opened] == [
        (opens, int(opens.timestamp()), int(closes.timestamp())) for opens, closes in sessions.values()
    ]
    assert [event.at for event in closed] == [closes + REPORT_AFTER for _, closes in sessions.values()]
    assert reports.days == list(sessions)
    # The week in which clocks change: an hour earlier in UTC, in March; an hour later in November.
    assert [sessions[date(2026, 3, day)][0].hour for day in (6, 9)] == [14, 13]
    assert [sessions[date(2026, 10, 30)][0].hour, sessions[date(2026, 11, 2)][0].hour] == [13, 14]
