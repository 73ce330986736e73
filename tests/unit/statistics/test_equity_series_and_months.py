"""Days and months of an exchange's calendar in a series of marks."""

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from daemon.statistics.equity_series import EquitySeries
from daemon.statistics.monthly import YearOfReturns, monthly_returns

ZONE = ZoneInfo("America/New_York")


def series(*marks: tuple[str, float]) -> EquitySeries:
    times = [datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp() for text, _ in marks]
    return EquitySeries(times=np.array(times), values=np.array([value for _, value in marks]))


def test_the_first_mark_is_the_base_of_a_first_day_with_several() -> None:
    equity = series(
        ("2026-03-02 09:30", 100.0),
        ("2026-03-02 15:59", 101.0),
        ("2026-03-03 16:00", 102.0),
        ("2026-03-05 12:00", 103.0),
    )
    assert equity.daily(ZONE).values.tolist() == [100.0, 101.0, 102.0, 103.0]
    assert equity.day_ends(ZONE).tolist() == [1, 2, 3]


def test_a_first_day_with_one_mark_is_its_own_base() -> None:
    assert series(("2026-03-02 16:00", 100.0), ("2026-03-03 16:00", 102.0)).daily(ZONE).values.tolist() == [
        100.0,
        102.0,
    ]


def test_days_end_at_the_exchanges_midnight_in_winter_and_in_summer() -> None:
    equity = series(
        ("2026-03-07 23:59", 1.0), ("2026-03-08 00:00", 2.0), ("2026-03-08 23:59", 3.0), ("2026-03-09 00:00", 4.0)
    )
    assert equity.day_ends(ZONE).tolist() == [0, 2, 3]


@pytest.mark.parametrize(
    ("times", "values", "fault"),
    [
        ([1.0], [1.0, 2.0], "one value for each time"),
        ([], [], "at least one"),
        ([1.0, 2.0], [1.0, np.nan], "finite"),
        ([2.0, 1.0], [1.0, 1.0], "must not go back"),
    ],
)
def test_a_series_that_cannot_be_measured_is_refused(times: list[float], values: list[float], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        EquitySeries(times=np.array(times), values=np.array(values))


def test_months_are_measured_from_the_end_of_the_month_before() -> None:
    equity = series(
        ("2025-11-28 16:00", 100.0),
        ("2025-12-01 16:00", 105.0),
        ("2025-12-31 16:00", 110.0),
        ("2026-01-02 16:00", 99.0),
        ("2026-03-31 16:00", 108.9),
    )
    first, second = monthly_returns(equity, ZONE)
    assert first == YearOfReturns(year=2025, months=(*(None,) * 11, first.months[11]), total=first.total)
    assert [first.months[11], first.total] == pytest.approx([0.1, 0.1])
    assert second.months == (second.months[0], None, second.months[2], *(None,) * 9)
    assert [second.months[0], second.months[2], second.total] == pytest.approx([-0.1, 0.1, -0.01])


def test_a_first_month_with_several_marks_begins_with_the_first() -> None:
    (year,) = monthly_returns(series(("2026-03-02 09:30", 100.0), ("2026-03-02 16:00", 102.0)), ZONE)
    assert year.months[2] == pytest.approx(0.02)


def test_a_year_without_marks_is_an_empty_row() -> None:
    table = monthly_returns(series(("2023-03-02 09:30", 100.0), ("2025-03-02 16:00", 102.0)), ZONE)
    assert [(year.year, year.total) for year in table] == [(2023, None), (2024, None), (2025, pytest.approx(0.02))]


def test_what_nothing_became_is_not_a_return() -> None:
    (year,) = monthly_returns(series(("2026-03-02 16:00", 0.0), ("2026-04-02 16:00", 5.0)), ZONE)
    assert (year.months[3], year.total) == (None, None)
