"""The gateway's daily restart: in whose window a moment lies, over changes of the clocks too."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from daemon.domain.restart_schedule import RestartSchedule

NIGHTLY = RestartSchedule(
    at=time(23, 45),
    zone=ZoneInfo("America/New_York"),
    blackout=timedelta(seconds=60),
    expected=timedelta(minutes=10),
)
RESTART = datetime(2026, 11, 21, 4, 45, tzinfo=UTC)  # 23:45 EST of the day before


@pytest.mark.parametrize(
    ("seconds", "inside"), [(-61, False), (-60, True), (0, True), (599, True), (600, False), (3600, False)]
)
def test_the_window_is_from_the_blackout_to_the_end_of_the_expected_outage(seconds: int, inside: bool) -> None:
    assert NIGHTLY.near(RESTART + timedelta(seconds=seconds)) == (RESTART if inside else None)


@pytest.mark.parametrize("day", [0, 1, 200, 364])
def test_the_next_blackout_is_the_first_one_after_now(day: int) -> None:
    now = RESTART + timedelta(days=day)
    following = NIGHTLY.next_blackout(now)
    assert now < following <= now + timedelta(hours=25)
    assert (following + NIGHTLY.blackout).astimezone(NIGHTLY.zone).time() == NIGHTLY.at
    assert NIGHTLY.near(following - timedelta(microseconds=1)) is None
    assert NIGHTLY.near(following) == following + NIGHTLY.blackout


def test_local_time_counts_when_clocks_change() -> None:
    summer = datetime(2026, 7, 2, 3, 45, tzinfo=UTC)
    assert NIGHTLY.near(summer) == summer
    assert NIGHTLY.near(summer + timedelta(hours=1)) is None


def test_a_restart_at_midnight_begins_its_blackout_the_day_before() -> None:
    midnight = RestartSchedule(
        at=time(0, 0), zone=ZoneInfo("UTC"), blackout=timedelta(minutes=1), expected=timedelta(1)
    )
    restart = datetime(2026, 11, 21, tzinfo=UTC)
    assert midnight.near(restart - timedelta(seconds=30)) == restart
