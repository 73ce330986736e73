"""Sessions and bar boundaries against published holidays, early closes and clock changes."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.timeframe import Timeframe
from daemon.market.sessions import (
    Anchor,
    OutOfCalendar,
    Session,
    TradingCalendar,
    bar_ends,
    bar_start,
    bar_starts,
    last_bar_end,
    offset_from_close,
)

CALENDAR = TradingCalendar()
NEW_YORK = ZoneInfo("America/New_York")
FULL_DAY = date(2024, 6, 13)
HALF_DAYS = [date(2015, 12, 24), date(2019, 12, 24), date(2013, 7, 3)]


def on(day: date) -> Session:
    session = CALENDAR.session_on(day)
    assert session is not None
    return session


def local(moment: datetime) -> str:
    return moment.astimezone(NEW_YORK).strftime("%H:%M:%S")


def clock(ends: np.ndarray) -> list[str]:
    return [datetime.fromtimestamp(int(end), NEW_YORK).strftime("%H:%M") for end in ends]


# --- the calendar


def test_calendar_reaches_from_1998_to_years_ahead() -> None:
    assert CALENDAR.sessions_between(date(1998, 1, 1), date(1998, 1, 6))[0].day == date(1998, 1, 2)
    assert on(date(2035, 12, 31)).seconds == 23400
    assert CALENDAR.last_day == date(2035, 12, 31)
    assert CALENDAR.timezone == NEW_YORK


@pytest.mark.parametrize(
    "day",
    [
        date(2001, 9, 11),  # attacks
        date(2012, 10, 29),  # hurricane
        date(2018, 12, 5),  # mourning
        date(2020, 4, 10),  # Good Friday
        date(2022, 6, 20),  # Juneteenth observed
        date(2024, 12, 25),
        date(2026, 7, 3),  # Independence Day observed
        date(2024, 6, 15),  # Saturday
    ],
)
def test_exchange_is_closed_on_holidays_and_weekends(day: date) -> None:
    assert CALENDAR.session_on(day) is None


@pytest.mark.parametrize("day", HALF_DAYS)
def test_half_day_closes_at_13_local(day: date) -> None:
    session = on(day)
    assert (local(session.open), local(session.close)) == ("09:30:00", "13:00:00")
    assert session.seconds == 12600


@pytest.mark.parametrize(
    ("day", "utc_open"),
    [
        (date(2008, 3, 7), 14),
        (date(2008, 3, 10), 13),
        (date(2026, 3, 6), 14),
        (date(2026, 3, 9), 13),
        (date(2026, 10, 30), 13),
        (date(2026, 11, 2), 14),
    ],
)
def test_open_follows_the_local_clock_through_daylight_saving(day: date, utc_open: int) -> None:
    session = on(day)
    assert session.open == datetime(day.year, day.month, day.day, utc_open, 30, tzinfo=UTC)
    assert local(session.open) == "09:30:00"
    assert session.close_s - session.open_s == session.seconds == 23400


def test_session_contains_its_open_and_not_its_close() -> None:
    session = on(FULL_DAY)
    second = timedelta(seconds=1)
    assert CALENDAR.session_at(session.open) == session
    assert CALENDAR.session_at(session.close - second) == session
    assert CALENDAR.session_at(session.open - second) is None
    assert CALENDAR.session_at(session.close) is None


def test_next_session_includes_one_that_opens_now() -> None:
    session = on(FULL_DAY)
    assert CALENDAR.next_session(session.open) == session
    assert CALENDAR.next_session(session.open + timedelta(microseconds=1)).day == date(2024, 6, 14)
    assert CALENDAR.next_session(datetime(2024, 12, 24, 22, tzinfo=UTC)).day == date(2024, 12, 26)


def test_neighbours_skip_what_is_closed() -> None:
    thursday = on(date(2020, 4, 9))
    monday = CALENDAR.session_after(thursday)
    assert monday.day == date(2020, 4, 13)
    assert CALENDAR.session_before(monday) == thursday


def test_sessions_before_come_oldest_first() -> None:
    session = on(date(2024, 6, 20))
    assert [s.day.day for s in CALENDAR.sessions_before(session, 3)] == [14, 17, 18]
    assert CALENDAR.sessions_before(session, 0) == ()


def test_sessions_between_includes_both_days() -> None:
    assert [s.day.day for s in CALENDAR.sessions_between(date(2024, 6, 14), date(2024, 6, 18))] == [14, 17, 18]
    assert CALENDAR.sessions_between(date(2024, 6, 15), date(2024, 6, 16)) == ()
    assert len(CALENDAR.sessions_between(date(2023, 1, 1), date(2023, 12, 31))) == 250


def test_calendar_refuses_to_answer_beyond_its_days() -> None:
    first, last = on(date(1998, 1, 2)), on(date(2035, 12, 31))
    with pytest.raises(OutOfCalendar, match=r"1997-12-31.*1998-01-01\.\.2035-12-31"):
        CALENDAR.session_on(date(1997, 12, 31))
    with pytest.raises(OutOfCalendar):
        CALENDAR.session_at(datetime(2036, 1, 2, 15, tzinfo=UTC))
    with pytest.raises(OutOfCalendar):
        CALENDAR.next_session(last.open + timedelta(hours=1))
    with pytest.raises(OutOfCalendar):
        CALENDAR.session_after(last)
    with pytest.raises(OutOfCalendar):
        CALENDAR.session_before(first)
    with pytest.raises(OutOfCalendar):
        CALENDAR.sessions_before(first, 1)
    with pytest.raises(OutOfCalendar):
        CALENDAR.sessions_between(date(2035, 1, 1), date(2036, 1, 1))


def test_calendar_refuses_a_session_that_is_not_its_own() -> None:
    session = on(FULL_DAY)
    stranger = Session(day=session.day, open=session.open, close=session.close - timedelta(minutes=1))
    with pytest.raises(OutOfCalendar, match="is not a session of XNYS"):
        CALENDAR.session_after(stranger)


def test_calendar_refuses_a_moment_without_a_time_zone() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        CALENDAR.session_at(datetime(2024, 6, 13, 15))  # noqa: DTZ001


def test_calendar_refuses_an_unknown_exchange() -> None:
    with pytest.raises(ValueError, match="calendar 'XXXX' is unknown"):
        TradingCalendar("XXXX")


def test_session_refuses_naive_or_reversed_times() -> None:
    good = on(FULL_DAY)
    with pytest.raises(ValueError, match="must be aware UTC"):
        Session(day=good.day, open=good.open.replace(tzinfo=None), close=good.close)
    with pytest.raises(ValueError, match="must be after open"):
        Session(day=good.day, open=good.close, close=good.open)


# --- bar boundaries

ENDS = {"1m": (390, 210), "5m": (78, 42), "15m": (26, 14), "1h": (7, 4), "4h": (2, 2), "1d": (1, 1), "5s": (4680, 2520)}


@pytest.mark.parametrize("label", ENDS)
def test_full_and_half_days_have_the_known_number_of_bars(label: str) -> None:
    timeframe = Timeframe.parse(label)
    full, half = ENDS[label]
    assert bar_ends(on(FULL_DAY), timeframe).size == full
    assert all(bar_ends(on(day), timeframe).size == half for day in HALF_DAYS)


@pytest.mark.parametrize(
    ("label", "anchor", "day", "expected"),
    [
        ("1h", "clock", FULL_DAY, ["10:00", "11:00", "12:00", "13:00", "14:00", "15:00", "16:00"]),
        ("4h", "clock", FULL_DAY, ["12:00", "16:00"]),
        ("1d", "clock", FULL_DAY, ["16:00"]),
        ("1h", "open", FULL_DAY, ["10:30", "11:30", "12:30", "13:30", "14:30", "15:30", "16:00"]),
        ("4h", "open", FULL_DAY, ["13:30", "16:00"]),
        ("1d", "open", FULL_DAY, ["16:00"]),
        ("1h", "clock", HALF_DAYS[0], ["10:00", "11:00", "12:00", "13:00"]),
        ("4h", "clock", HALF_DAYS[0], ["12:00", "13:00"]),
        ("1h", "open", HALF_DAYS[0], ["10:30", "11:30", "12:30", "13:00"]),
        ("1h", "clock", date(2008, 3, 7), ["10:00", "11:00", "12:00", "13:00", "14:00", "15:00", "16:00"]),
        ("1h", "clock", date(2008, 3, 10), ["10:00", "11:00", "12:00", "13:00", "14:00", "15:00", "16:00"]),
        ("4h", "clock", date(2026, 3, 9), ["12:00", "16:00"]),
    ],
)
def test_bars_end_where_the_exchange_clock_says(label: str, anchor: Anchor, day: date, expected: list[str]) -> None:
    assert clock(bar_ends(on(day), Timeframe.parse(label), anchor)) == expected


def test_exchange_elsewhere_counts_in_its_own_clock() -> None:
    india = TradingCalendar("XBOM", first=date(2024, 1, 1), last=date(2024, 1, 31))
    session = india.session_on(date(2024, 1, 3))
    assert session is not None
    ends = bar_ends(session, Timeframe.parse("1h"), "clock", india.timezone)
    assert datetime.fromtimestamp(int(ends[0]), india.timezone).strftime("%H:%M") == "10:00"


def test_bar_start_is_the_boundary_before() -> None:
    session, hour = on(FULL_DAY), Timeframe.parse("1h")
    ten = session.open + timedelta(minutes=30)
    assert bar_start(session, hour, ten) == session.open
    assert bar_start(session, hour, session.close) == session.close - timedelta(hours=1)
    assert bar_start(session, hour, session.close, "open") == session.close - timedelta(minutes=30)


@pytest.mark.parametrize("minutes", [0, 29, 391])
def test_bar_start_refuses_an_end_that_is_no_boundary(minutes: int) -> None:
    session = on(FULL_DAY)
    with pytest.raises(ValueError, match="no 1h bar of session 2024-06-13 ends at"):
        bar_start(session, Timeframe.parse("1h"), session.open + timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("moment", "label", "expected"),
    [
        ("2024-06-13 10:00:00", "1h", "2024-06-13 10:00"),
        ("2024-06-13 10:59:59", "1h", "2024-06-13 10:00"),
        ("2024-06-13 09:59:59", "1h", "2024-06-12 16:00"),
        ("2024-06-13 09:30:00", "1m", "2024-06-12 16:00"),
        ("2024-06-13 23:00:00", "4h", "2024-06-13 16:00"),
        ("2024-06-16 12:00:00", "1d", "2024-06-14 16:00"),
        ("2019-12-25 12:00:00", "1h", "2019-12-24 13:00"),
        ("2026-03-09 09:31:00", "5m", "2026-03-06 16:00"),
    ],
)
def test_last_bar_end_looks_back_into_earlier_sessions(moment: str, label: str, expected: str) -> None:
    at = datetime.fromisoformat(moment).replace(tzinfo=NEW_YORK)
    found = last_bar_end(CALENDAR, at, Timeframe.parse(label))
    assert found is not None
    assert found.astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M") == expected


def test_last_bar_end_is_none_before_the_calendars_first_bar() -> None:
    first = on(date(1998, 1, 2))
    minute = Timeframe.parse("1m")
    assert last_bar_end(CALENDAR, first.open - timedelta(hours=1), minute) is None
    assert last_bar_end(CALENDAR, first.open + timedelta(seconds=59), minute) is None
    assert last_bar_end(CALENDAR, first.open + timedelta(seconds=60), minute) == first.open + timedelta(seconds=60)


def test_offset_from_close_follows_an_early_close_and_stays_in_the_session() -> None:
    assert local(offset_from_close(on(FULL_DAY), 15)) == "15:45:00"
    assert local(offset_from_close(on(HALF_DAYS[0]), 15)) == "12:45:00"
    assert local(offset_from_close(on(HALF_DAYS[0]), 300)) == "09:30:00"
    assert local(offset_from_close(on(FULL_DAY), -5)) == "16:05:00"


SESSIONS = CALENDAR.sessions_between(date(2000, 1, 1), date(2027, 12, 31))
TIMEFRAMES = st.integers(min_value=1, max_value=86400).map(lambda seconds: Timeframe(seconds=seconds))


@given(st.sampled_from(SESSIONS), TIMEFRAMES, st.sampled_from(["clock", "open"]))
def test_bars_tile_the_session(session: Session, timeframe: Timeframe, anchor: Anchor) -> None:
    ends, starts = bar_ends(session, timeframe, anchor), bar_starts(session, timeframe, anchor)
    lengths = ends - starts
    assert starts[0] == session.open_s
    assert ends[-1] == session.close_s
    assert np.array_equal(starts[1:], ends[:-1])
    assert np.all(lengths > 0)
    assert np.all(lengths <= timeframe.seconds)
    assert np.all(lengths[1:-1] == timeframe.seconds)
    if anchor == "clock":
        midnight = session.open.astimezone(NEW_YORK).replace(hour=0, minute=0, second=0).timestamp()
        assert np.all((ends[:-1] - int(midnight)) % timeframe.seconds == 0)
    else:
        assert np.all((ends[:-1] - session.open_s) % timeframe.seconds == 0)


@given(st.sampled_from(SESSIONS), TIMEFRAMES, st.integers(min_value=-86400, max_value=86400))
def test_last_bar_end_is_never_late_and_never_more_than_a_bar_behind(
    session: Session, timeframe: Timeframe, offset_s: int
) -> None:
    moment = session.open + timedelta(seconds=offset_s)
    found = last_bar_end(CALENDAR, moment, timeframe)
    assert found is not None
    assert found <= moment
    inside = CALENDAR.session_at(moment)
    if inside is not None and found < inside.open:
        assert moment.timestamp() < bar_ends(inside, timeframe)[0]
    elif inside is not None:
        assert moment - found < timedelta(seconds=timeframe.seconds)


@given(st.integers(min_value=0, max_value=len(SESSIONS) - 2))
def test_after_and_before_undo_each_other(index: int) -> None:
    session = SESSIONS[index]
    assert CALENDAR.session_after(session) == SESSIONS[index + 1]
    assert CALENDAR.session_before(SESSIONS[index + 1]) == session
    assert CALENDAR.next_session(session.close) == SESSIONS[index + 1]
