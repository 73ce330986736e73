"""Trading sessions of an exchange and the bar boundaries inside them; holds no prices and never asks the time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

import exchange_calendars
import numpy as np
from exchange_calendars.errors import InvalidCalendarName
from numpy.typing import NDArray

from daemon.domain.timeframe import Timeframe

Anchor = Literal["clock", "open"]

# Fixed, because the library's own default range moves with today's date and starts only 20 years back.
_FIRST_DAY: Final = date(1998, 1, 1)
_LAST_DAY: Final = date(2035, 12, 31)
_NEW_YORK: Final = ZoneInfo("America/New_York")


class OutOfCalendar(LookupError):
    """A day or a session was asked for that the calendar does not reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One regular trading session of an exchange, half-open: a moment t belongs to it when open <= t < close."""

    day: date  # the exchange's date
    open: datetime  # aware UTC, whole second
    close: datetime  # aware UTC, whole second, > open

    def __post_init__(self) -> None:
        if self.open.utcoffset() != timedelta(0) or self.close.utcoffset() != timedelta(0):
            raise ValueError(f"session {self.day}: open and close must be aware UTC")
        if self.close <= self.open:
            raise ValueError(f"session {self.day}: close {self.close} must be after open {self.open}")

    @property
    def open_s(self) -> int:
        """Return the open in epoch seconds."""
        return int(self.open.timestamp())

    @property
    def close_s(self) -> int:
        """Return the close in epoch seconds."""
        return int(self.close.timestamp())

    @property
    def seconds(self) -> int:
        """Return the length in seconds: 23,400 for a full NYSE day."""
        return self.close_s - self.open_s


@lru_cache(maxsize=4)
def _schedule(
    name: str, first: date, last: date
) -> tuple[ZoneInfo, tuple[date, ...], tuple[int, ...], tuple[int, ...]]:
    """Return an exchange's time zone, days, opens and closes (epoch seconds): making them takes tens of ms."""
    try:
        source = exchange_calendars.get_calendar(name, start=first.isoformat(), end=last.isoformat())
    except InvalidCalendarName as error:
        raise ValueError(f"calendar {name!r} is unknown: use an ISO 10383 code such as XNYS") from error
    opens, closes = ((source.schedule[end].astype("int64") // 1_000_000_000).tolist() for end in ("open", "close"))
    days = tuple(stamp.date() for stamp in source.sessions)
    return ZoneInfo(str(source.tz)), days, tuple(opens), tuple(closes)


class TradingCalendar:
    """The sessions of one exchange, from the `exchange_calendars` library; lunch breaks are not modelled."""

    def __init__(self, name: str = "XNYS", *, first: date = _FIRST_DAY, last: date = _LAST_DAY) -> None:
        """Load the sessions of exchange `name` (ISO 10383 code) from `first` to `last`, both included.

        Raises:
            ValueError: the library knows no such exchange.
        """
        self.name = name
        self._timezone, self._days, self._opens, self._closes = _schedule(name, first, last)
        self._first, self._last = first, last
        self._built: dict[int, Session] = {}

    @property
    def timezone(self) -> ZoneInfo:
        """Return the exchange's own time zone."""
        return self._timezone

    @property
    def last_day(self) -> date:
        """Return the last day the calendar covers."""
        return self._last

    def session_on(self, day: date) -> Session | None:
        """Return the session of the exchange's date `day`, or None on a weekend or holiday.

        Raises:
            OutOfCalendar: `day` is outside the calendar.
        """
        if not self._first <= day <= self._last:
            raise self._beyond(day)
        index = bisect_left(self._days, day)
        return self._session(index) if index < len(self._days) and self._days[index] == day else None

    def session_at(self, moment: datetime) -> Session | None:
        """Return the session that is open at `moment` (aware), or None while the exchange is closed."""
        seconds = self._seconds(moment)
        index = bisect_right(self._opens, seconds) - 1
        return self._session(index) if index >= 0 and seconds < self._closes[index] else None

    def next_session(self, moment: datetime) -> Session:
        """Return the first session that opens at or after `moment` (aware).

        Raises:
            OutOfCalendar: the calendar ends before it.
        """
        index = bisect_left(self._opens, self._seconds(moment))
        if index == len(self._days):
            raise self._beyond(moment.date())
        return self._session(index)

    def session_after(self, session: Session) -> Session:
        """Return the session that follows `session`, or raise OutOfCalendar."""
        return self._checked(self._index(session) + 1, session.day)

    def session_before(self, session: Session) -> Session:
        """Return the session that precedes `session`, or raise OutOfCalendar."""
        return self._checked(self._index(session) - 1, session.day)

    def sessions_between(self, first: date, last: date) -> tuple[Session, ...]:
        """Return the sessions with first <= day <= last, oldest first; raise OutOfCalendar beyond the calendar."""
        for day in (first, last):
            if not self._first <= day <= self._last:
                raise self._beyond(day)
        return tuple(map(self._session, range(bisect_left(self._days, first), bisect_right(self._days, last))))

    def sessions_before(self, session: Session, count: int) -> tuple[Session, ...]:
        """Return the `count` sessions before `session`, oldest first; raise OutOfCalendar if there are fewer."""
        index = self._index(session)
        self._checked(index - count, session.day)
        return tuple(map(self._session, range(index - count, index)))

    def last_open_before(self, moment: datetime) -> Session | None:
        """Return the latest session whose open is at or before `moment` (aware), or None before the first."""
        index = bisect_right(self._opens, self._seconds(moment)) - 1
        return self._session(index) if index >= 0 else None

    def last_close_before(self, moment: datetime) -> datetime | None:
        """Return the latest close at or before `moment` (aware), aware UTC, or None before the first."""
        index = bisect_right(self._closes, self._seconds(moment)) - 1
        return self._session(index).close if index >= 0 else None

    def _seconds(self, moment: datetime) -> float:
        if moment.tzinfo is None:
            raise ValueError(f"moment {moment} has no time zone: pass an aware datetime")
        if not self._first <= moment.astimezone(self._timezone).date() <= self._last:
            raise self._beyond(moment.date())
        return moment.timestamp()

    def _index(self, session: Session) -> int:
        index = bisect_left(self._days, session.day)
        if index == len(self._days) or self._session(index) != session:
            raise OutOfCalendar(f"{session.day} is not a session of {self.name}")
        return index

    def _checked(self, index: int, day: date) -> Session:
        if not 0 <= index < len(self._days):
            raise self._beyond(day)
        return self._session(index)

    def _session(self, index: int) -> Session:
        session = self._built.get(index)
        if session is None:
            opened, closed = (datetime.fromtimestamp(s, UTC) for s in (self._opens[index], self._closes[index]))
            session = self._built[index] = Session(day=self._days[index], open=opened, close=closed)
        return session

    def _beyond(self, day: date) -> OutOfCalendar:
        return OutOfCalendar(f"{day} leads outside calendar {self.name}, which covers {self._first}..{self._last}")


@lru_cache(maxsize=512)  # a hundred sessions of five timeframes: what a warm-up asks for again
def bar_ends(
    session: Session, timeframe: Timeframe, anchor: Anchor = "clock", timezone: ZoneInfo = _NEW_YORK
) -> NDArray[np.int64]:
    """Return the scheduled ends of the bars of `session`.

    With anchor "clock" (IB's convention) boundaries are multiples of `timeframe` counted from midnight of the
    exchange's wall clock, so the first bar may be short: 1h bars of a NYSE day end at 10:00, 11:00, ... 16:00.
    With "open" they are counted from the open. Either way the last bar ends at the close, and may be short.

    Args:
        session: the session to divide.
        timeframe: length of a whole bar.
        anchor: where counting starts.
        timezone: the exchange's; matters to "clock" only. The offset at the open is used for the whole session.

    Returns:
        Epoch seconds of shape (bars,), ascending, the last equal to the close; read-only.
    """
    step, opened, closed = timeframe.seconds, session.open_s, session.close_s
    elapsed = _wall_clock_s(session.open, timezone) % step if anchor == "clock" else 0
    inner = np.arange(opened - elapsed + step, closed, step, dtype=np.int64)
    ends = np.append(inner, np.int64(closed))
    ends.flags.writeable = False
    return ends


@lru_cache(maxsize=512)  # a hundred sessions of five timeframes: what a warm-up asks for again
def bar_starts(
    session: Session, timeframe: Timeframe, anchor: Anchor = "clock", timezone: ZoneInfo = _NEW_YORK
) -> NDArray[np.int64]:
    """Return the starts of the bars that `bar_ends` gives for the same arguments, in the same order."""
    ends = bar_ends(session, timeframe, anchor, timezone)
    starts = np.concatenate(([np.int64(session.open_s)], ends[:-1]))
    starts.flags.writeable = False
    return starts


def bar_start(
    session: Session,
    timeframe: Timeframe,
    end: datetime,
    anchor: Anchor = "clock",
    timezone: ZoneInfo = _NEW_YORK,
) -> datetime:
    """Return the start of the bar of `session` that ends at `end` (aware).

    Raises:
        ValueError: no bar of that timeframe ends there.
    """
    ends = bar_ends(session, timeframe, anchor, timezone)
    index = int(np.searchsorted(ends, end.timestamp()))
    if index == ends.size or ends[index] != end.timestamp():
        raise ValueError(f"no {timeframe} bar of session {session.day} ends at {end.isoformat()}")
    return datetime.fromtimestamp(int(bar_starts(session, timeframe, anchor, timezone)[index]), UTC)


def last_bar_end(
    calendar: TradingCalendar, moment: datetime, timeframe: Timeframe, anchor: Anchor = "clock"
) -> datetime | None:
    """Return the last scheduled bar end at or before `moment` (aware), in an earlier session if need be.

    None when the calendar has no bar that early.
    """
    session = calendar.last_open_before(moment)
    if session is None:
        return None
    ends = bar_ends(session, timeframe, anchor, calendar.timezone)
    index = int(np.searchsorted(ends, moment.timestamp(), side="right")) - 1
    if index >= 0:
        return datetime.fromtimestamp(int(ends[index]), UTC)
    try:
        return calendar.session_before(session).close
    except OutOfCalendar:
        return None


def offset_from_close(session: Session, minutes: int) -> datetime:
    """Return the moment `minutes` before the close, but never before the open; a negative count is after the close."""
    return max(session.open, session.close - timedelta(minutes=minutes))


def _wall_clock_s(moment: datetime, timezone: ZoneInfo) -> int:
    local = moment.astimezone(timezone)
    return local.hour * 3600 + local.minute * 60 + local.second
