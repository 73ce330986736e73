"""Windows as columns, and where they are anchored."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

from daemon.domain.bar import Bar, flat_bar
from daemon.domain.timeframe import Timeframe
from daemon.market.sessions import TradingCalendar
from daemon.market.windows import BarSchedule, BarWindow

HOUR = Timeframe.parse("1h")
FIVE = Timeframe.parse("5m")


def bar(end: int, close: float = 10.0) -> Bar:
    return flat_bar(start=end - 60, end=end, close=close)


@pytest.fixture(scope="module")
def schedule() -> BarSchedule:
    return BarSchedule(calendar=TradingCalendar("XNYS"))


def test_a_window_grows_beyond_its_first_capacity_and_keeps_every_bar() -> None:
    window = BarWindow()
    for index in range(3000):
        assert window.append(bar(60 * (index + 1), float(index)))
    columns = window.columns()
    assert len(columns) == 3000
    assert np.array_equal(columns.close, np.arange(3000.0))


def test_a_bar_that_is_not_newer_is_not_appended() -> None:
    window = BarWindow()
    window.append(bar(120))
    assert not window.append(bar(120))
    assert not window.append(bar(60))
    assert len(window) == 1


def test_dropping_the_oldest_bars_leaves_the_rest_in_place() -> None:
    window = BarWindow()
    for end in (60, 120, 180):
        window.append(bar(end, float(end)))
    window.drop_before(120)
    assert window.columns().close.tolist() == [120.0, 180.0]
    window.append(bar(240, 240.0))
    assert window.columns().end.tolist() == [120, 180, 240]


def test_a_revision_overwrites_its_bar_only() -> None:
    window = BarWindow()
    for end in (60, 120):
        window.append(bar(end))
    assert window.replace(bar(60, 99.0))
    assert window.columns().close.tolist() == [99.0, 10.0]
    assert not window.replace(bar(90))


def test_columns_become_a_data_frame_indexed_by_bar_end() -> None:
    window = BarWindow()
    window.append(bar(60))
    frame = window.columns().to_pandas()
    assert frame.index[0].isoformat() == "1970-01-01T00:01:00+00:00"
    assert frame["close"].tolist() == [10.0]


def test_the_anchor_lies_the_given_number_of_bars_before_the_session(schedule: BarSchedule) -> None:
    session = schedule.calendar.session_on(date(2026, 3, 3))
    assert session is not None
    start, end = schedule.anchor_end(session, HOUR, 7)
    before = schedule.calendar.session_on(date(2026, 3, 2))
    assert before is not None
    assert start == before.open_s
    assert end == before.open_s + 1800


def test_the_anchor_counts_short_sessions_as_the_calendar_has_them(schedule: BarSchedule) -> None:
    session = schedule.calendar.session_on(date(2015, 12, 28))
    assert session is not None
    _, end = schedule.anchor_end(session, HOUR, 4 + 1)
    half_day = schedule.calendar.session_on(date(2015, 12, 24))
    full_day = schedule.calendar.session_on(date(2015, 12, 23))
    assert half_day is not None
    assert full_day is not None
    assert end == full_day.close_s


def test_the_last_end_is_of_the_day_before_until_the_first_bar_closes(schedule: BarSchedule) -> None:
    yesterday = schedule.calendar.session_on(date(2026, 3, 2))
    assert yesterday is not None
    assert schedule.last_end(datetime(2026, 3, 3, 14, 59, tzinfo=UTC), HOUR) == yesterday.close_s
    assert schedule.last_end(datetime(2026, 3, 3, 15, 0, tzinfo=UTC), HOUR) == int(
        datetime(2026, 3, 3, 15, tzinfo=UTC).timestamp()
    )


def test_the_next_end_crosses_nights_and_weekends(schedule: BarSchedule) -> None:
    friday_close = datetime(2026, 3, 6, 21, 0, tzinfo=UTC)
    session, end = schedule.next_end(friday_close, FIVE)
    assert session.day == date(2026, 3, 9)
    assert end == session.open_s + 300


def test_a_bar_starting_inside_a_session_ends_on_its_boundary(schedule: BarSchedule) -> None:
    session = schedule.calendar.session_on(date(2026, 3, 3))
    assert session is not None
    assert schedule.bar_end(session.open_s, HOUR, session) == session.open_s + 1800
