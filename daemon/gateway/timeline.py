"""Which instants the market has: every second of a session, a sparse evening, then the next open."""

from datetime import UTC, date, datetime, time

from daemon.market.sessions import OutOfCalendar, Session, TradingCalendar

SECOND_US = 1_000_000
EVENING_STEP_S = 5


class Timeline:
    """Market time in microseconds and the session it belongs to. Knows no prices and never goes back."""

    def __init__(self, calendar: TradingCalendar, now_us: int, *, after_close_s: int) -> None:
        self._calendar = calendar
        self._after_close_us = after_close_s * SECOND_US
        self.now_us = now_us
        self.session = session_of(calendar, now_us, after_close_s)
        self._enter(self.session)
        if now_us < self._open_us:
            self.now_us = self._open_us

    @property
    def open_us(self) -> int:
        """Return the current session's open."""
        return self._open_us

    @property
    def close_us(self) -> int:
        """Return the current session's close."""
        return self._close_us

    @property
    def next_open_us(self) -> int | None:
        """Return the next session's open, None at the calendar's end."""
        return self._next_open_us

    @property
    def row(self) -> int:
        """Return the index of the current second in the session's tape; may lie beyond its end."""
        return (self.now_us - self._open_us) // SECOND_US

    def is_jump(self, to_us: int) -> bool:
        """Return whether an instant belongs to the next session."""
        return self._next_open_us is not None and to_us >= self._next_open_us

    def next_us(self, due_us: int | None) -> int | None:
        """Return the next instant, None at the calendar's end; `due_us` is when the exchange next has work."""
        step = SECOND_US if self.now_us < self._close_us else EVENING_STEP_S * SECOND_US
        following = (self.now_us - self._open_us) // step * step + step + self._open_us
        if due_us is not None and self.now_us < due_us < following:
            return due_us
        if following > self._close_us + self._after_close_us:
            return self._next_open_us
        return following

    def move(self, to_us: int) -> bool:
        """Set the time; return whether a new session began with it."""
        self.now_us = to_us
        if not self.is_jump(to_us):
            return False
        self._enter(self._calendar.session_after(self.session))
        return True

    def _enter(self, session: Session) -> None:
        self.session = session
        self._open_us = session.open_s * SECOND_US
        self._close_us = session.close_s * SECOND_US
        try:
            self._next_open_us: int | None = self._calendar.session_after(session).open_s * SECOND_US
        except OutOfCalendar:
            self._next_open_us = None


def session_of(calendar: TradingCalendar, now_us: int, after_close_s: int) -> Session:
    """Return the session that is on at `now_us` (its evening included), else the next one."""
    moment = datetime.fromtimestamp(now_us / SECOND_US, UTC)
    before = calendar.last_open_before(moment)
    if before is not None and now_us <= (before.close_s + after_close_s) * SECOND_US:
        return before
    return calendar.next_session(moment)


def start_us(calendar: TradingCalendar, day: date) -> int:
    """Return the open of the first session on or after `day`."""
    moment = datetime.combine(day, time(), tzinfo=calendar.timezone)
    return calendar.next_session(moment).open_s * SECOND_US
