"""Historical bars: what a request asks for in IB's words, and the bars it gets, never beyond the present."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isnan
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from daemon.gateway.bars import Closes, Row, What, boundaries, cut, last_trade, rows
from daemon.gateway.source import MarketSource, MinuteSource
from daemon.market.sessions import OutOfCalendar, Session
from daemon.market.tape import BarArrays, IntArray, fold_bars

DAY_S = 86_400
MAX_BARS = 100_000  # of one answer
_SESSION_S = 23_400
_UNIT_S = {"S": 1, "D": _SESSION_S, "W": 5 * _SESSION_S, "M": 21 * _SESSION_S, "Y": 252 * _SESSION_S}  # of open market
_MAX_YEARS = 68
BAR_SECONDS = {
    "1 secs": 1,
    "5 secs": 5,
    "10 secs": 10,
    "15 secs": 15,
    "30 secs": 30,
    "1 min": 60,
    "2 mins": 120,
    "3 mins": 180,
    "5 mins": 300,
    "10 mins": 600,
    "15 mins": 900,
    "20 mins": 1200,
    "30 mins": 1800,
    "1 hour": 3600,
    "2 hours": 7200,
    "3 hours": 10800,
    "4 hours": 14400,
    "8 hours": 28800,
    "1 day": DAY_S,
}
_SPELLINGS = {
    "1 sec": "1 secs",
    "5 sec": "5 secs",
    "10 sec": "10 secs",
    "15 sec": "15 secs",
    "30 sec": "30 secs",
    "1 mins": "1 min",
    "1 hours": "1 hour",
    "1 days": "1 day",
    "1D": "1 day",
}
_LIVE = (What.TRADES, What.MIDPOINT, What.BID, What.ASK)
_DURATION = re.compile(r"(\d{1,7}) ?([SDWMY])", re.ASCII)
_MOMENT = re.compile(r"(\d{8})(-| {1,2})(\d{2}):(\d{2})(?::(\d{2}))?(?: ([A-Za-z_/+\-0-9]{1,40}))?", re.ASCII)


class BadRequest(ValueError):
    """A value of a request that IB would refuse; the text says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRequest:
    """A request for bars, read."""

    symbol: str
    what: What
    bar_s: int  # seconds; 86400 = one bar a session
    count: int  # of duration units
    unit: str  # S D W M Y
    end: datetime  # aware UTC, never later than now


def bar_seconds(text: str) -> int:
    """Return the seconds of a bar size setting."""
    plain = text.strip()
    seconds = BAR_SECONDS.get(_SPELLINGS.get(plain, plain))
    if seconds is None:
        raise BadRequest(f"Historical data bar size setting is invalid. Legal ones are: {', '.join(BAR_SECONDS)}.")
    return seconds


def duration(text: str) -> tuple[int, str]:
    """Return count and unit of a duration such as "2 D"."""
    found = _DURATION.fullmatch(text.strip())
    if found is None or int(found[1]) == 0:
        raise BadRequest(
            "Historical data query end date/time string is invalid. Format: integer{SPACE}unit (S|D|W|M|Y)."
        )
    return int(found[1]), found[2]


def what_to_show(text: str) -> What:
    """Return what the bars are made of; nothing is split here, so that adjusted trades are trades."""
    word = text.strip().upper()
    try:
        return What.TRADES if word == "ADJUSTED_LAST" else What(word)
    except ValueError:
        raise BadRequest(f"Historical data request for {text[:40] or '(empty)'} is not supported.") from None


def live_what(text: str) -> What:
    """Return what bars that go on are made of."""
    what = what_to_show(text)
    if what not in _LIVE or text.strip().upper() != what:
        raise BadRequest(f"Bars of {text[:40]} cannot be kept up to date; use {', '.join(_LIVE)}.")
    return what


def moment(text: str, zone: ZoneInfo) -> datetime:
    """Return the UTC moment of a date and time text; without a zone it is the gateway's, with a dash it is UTC."""
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        raise BadRequest(
            "The date, time, or time-zone entered is invalid. The correct format is yyyymmdd hh:mm:ss xx/xxxx "
            f"where yyyymmdd and xx/xxxx are optional, was '{text[:40]}'."
        )
    day, dash, hour, minute, second, name = found.groups()
    try:
        where = ZoneInfo(name) if name else ZoneInfo("UTC") if dash == "-" else zone
        local = datetime(
            int(day[:4]), int(day[4:6]), int(day[6:]), int(hour), int(minute), int(second or 0), tzinfo=where
        )
        return local.astimezone(UTC)
    except (ValueError, OverflowError, ZoneInfoNotFoundError):
        raise BadRequest(f"The date, time, or time-zone entered is invalid: '{text[:40]}'.") from None


class History:
    """Reads bars out of a market, session by session."""

    def __init__(self, source: MarketSource, closes: Closes) -> None:
        self._source = source
        self._closes = closes

    def bars(self, request: HistoryRequest) -> list[Row]:
        """Return the bars of a request, oldest first; the forming one holds what is known at the end."""
        end_s = int(request.end.timestamp())
        first_s, sessions = self._span(request)
        found: list[Row] = []
        close = float("nan")
        for index, session in enumerate(sessions):
            starts, ends = boundaries(session, request.bar_s, self._source.calendar.timezone)
            wanted = (starts < end_s) & (ends > first_s)
            starts, ends = starts[wanted], np.minimum(ends[wanted], end_s)
            if not starts.size:
                continue
            try:
                if index == 0 and request.what is What.TRADES:
                    close = self._closes.before(request.symbol, session)
                bars, close = self._cut(request, session, starts, ends, close)
            except LookupError:
                continue
            found.extend(rows(bars, request.what, session.day))
        return found

    def sessions(self, request: HistoryRequest) -> list[Session]:
        """Return the sessions that a request's span reaches into, oldest first."""
        return self._span(request)[1]

    def _cut(
        self, request: HistoryRequest, session: Session, starts: IntArray, ends: IntArray, close: float
    ) -> tuple[BarArrays, float]:
        """Return one session's bars and its last trade; from minutes where whole ones do, which are cheap to keep."""
        source = self._source
        whole = session.close_s <= int(request.end.timestamp()) and request.bar_s % 60 == 0
        if whole and request.what is What.TRADES and isinstance(source, MinuteSource):
            minutes = source.minute_bars(request.symbol, session)
            traded = np.flatnonzero(minutes.volume)
            last = float(minutes.close[traded[-1]]) if traded.size else close
            return fold_bars(minutes, ends, starts, previous_close=close), last
        tape = source.tape(request.symbol, session)
        last = last_trade(tape)
        return cut(tape, request.what, starts, ends, close), close if isnan(last) else last

    def _span(self, request: HistoryRequest) -> tuple[int, list[Session]]:
        """Return the first second asked for and the sessions that reach into the span, oldest first."""
        calendar = self._source.calendar
        try:
            last = calendar.last_open_before(request.end - timedelta(seconds=1))
            if last is None:
                return 0, []
            if request.unit == "D":
                sessions = [*calendar.sessions_before(last, request.count - 1), last]
                return sessions[0].open_s, sessions
            if request.unit == "S":
                return self._seconds_back(last, int(request.end.timestamp()), request.count)
            first = _calendar_back(request.end, request.count, request.unit)
            zone = calendar.timezone
            sessions = list(calendar.sessions_between(first.astimezone(zone).date(), last.day))
            return int(first.timestamp()), [session for session in sessions if session.close > first]
        except (OutOfCalendar, OverflowError, ValueError):
            raise BadRequest("Historical data query goes back further than the market's calendar.") from None

    def _seconds_back(self, last: Session, end_s: int, count: int) -> tuple[int, list[Session]]:
        """Walk back `count` seconds of open market."""
        sessions = [last]
        left = count - (min(end_s, last.close_s) - last.open_s)
        while left > 0:
            sessions.append(self._source.calendar.session_before(sessions[-1]))
            left -= sessions[-1].seconds
        return sessions[-1].open_s - left, sessions[::-1]


def _calendar_back(end: datetime, count: int, unit: str) -> datetime:
    if unit == "W":
        return end - timedelta(weeks=count)
    months = count * (12 if unit == "Y" else 1)
    year, month = divmod(end.year * 12 + end.month - 1 - months, 12)
    last_day = (datetime(year + (month + 1) // 12, (month + 1) % 12 + 1, 1, tzinfo=UTC) - timedelta(days=1)).day
    return end.replace(year=year, month=month + 1, day=min(end.day, last_day))


def check_size(bar_s: int, count: int, unit: str) -> None:
    """Raise BadRequest for more bars than one answer may hold."""
    if count * _UNIT_S[unit] > _MAX_YEARS * _UNIT_S["Y"]:
        raise BadRequest(f"Historical data query goes back more than {_MAX_YEARS} years.")
    if count * _UNIT_S[unit] // min(bar_s, _SESSION_S) > MAX_BARS:
        raise BadRequest(f"Historical data request for more than {MAX_BARS} bars: invalid step.")
