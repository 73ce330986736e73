"""Which options are listed when."""

from datetime import date

import pytest

from daemon.market.option_chain import (
    OptionClass,
    chain,
    expirations,
    expiry_in_week,
    is_expiration,
    is_monthly_week,
    last_trading_day,
    third_friday,
)
from daemon.market.sessions import Session, TradingCalendar

CALENDAR = TradingCalendar(first=date(2023, 1, 1), last=date(2027, 12, 31))
SHARES = OptionClass(
    root="AAA", underlying="AAA", underlying_ticker="AAA", strike_unit=1.0, market_rule=32, is_american=True
)
INDEX = OptionClass(
    root="SPX", underlying="SPX", underlying_ticker="SPX", strike_unit=5.0, market_rule=110, is_american=False,
    settles_at_open=True, has_weeklies=False,
)  # fmt: skip


def session(day: date) -> Session:
    found = CALENDAR.session_on(day)
    assert found is not None
    return found


def test_weeklies_reach_eight_weeks_and_monthlies_a_year() -> None:
    days = expirations(CALENDAR, SHARES, date(2026, 3, 2))
    assert [f"{day:%m%d}" for day in days[:8]] == ["0306", "0313", "0320", "0327", "0402", "0410", "0417", "0424"]
    later = [f"{day:%y%m%d}" for day in days[8:]]
    # 2026-06-19 is a holiday.
    assert later == [
        "260515", "260618", "260717", "260821", "260918", "261016", "261120", "261218", "270115", "270219",
    ]  # fmt: skip


def test_expiration_on_a_holiday_moves_to_the_session_before() -> None:
    assert expiry_in_week(CALENDAR, date(2026, 3, 30)) == date(2026, 4, 2)  # Good Friday is the third of April
    assert is_expiration(CALENDAR, SHARES, date(2026, 4, 2))
    assert not is_expiration(CALENDAR, SHARES, date(2026, 4, 3))
    assert not is_expiration(CALENDAR, SHARES, date(2026, 3, 5))


@pytest.mark.parametrize(
    ("year", "month", "day"), [(2024, 3, 15), (2025, 8, 15), (2026, 5, 15), (2026, 10, 16), (2027, 1, 15)]
)
def test_third_friday(year: int, month: int, day: int) -> None:
    assert third_friday(year, month) == date(year, month, day)
    assert is_monthly_week(date(year, month, day - 1))
    assert not is_monthly_week(date(year, month, day - 7))


def test_what_settles_at_the_open_has_third_fridays_only_and_trades_until_the_day_before() -> None:
    days = expirations(CALENDAR, INDEX, date(2026, 3, 19))
    assert days[:2] == (date(2026, 3, 20), date(2026, 4, 17))
    assert last_trading_day(CALENDAR, INDEX, days[0]) == date(2026, 3, 19)
    assert expirations(CALENDAR, INDEX, date(2026, 3, 20))[0] == date(2026, 4, 17)
    assert last_trading_day(CALENDAR, SHARES, date(2026, 3, 20)) == date(2026, 3, 20)


def test_strikes_are_dense_near_the_price_and_sparse_far_from_it() -> None:
    listed = chain(CALENDAR, SHARES, session(date(2026, 3, 2)), 203.3)
    assert {200.0, 203.0, 204.0} < set(listed.strikes)
    assert 121.0 not in listed.strikes
    assert 120.0 in listed.strikes
    assert listed.strikes[0] >= 203 * 0.54
    assert listed.strikes[-1] <= 203 * 1.46
    weekly, monthly = (set(listed.strikes_of(day)) for day in (date(2026, 3, 6), date(2026, 3, 20)))
    assert weekly < monthly == set(listed.strikes)
    assert listed == chain(CALENDAR, SHARES, session(date(2026, 3, 2)), 203.3)


def test_cheap_share_has_strikes_too() -> None:
    assert chain(CALENDAR, SHARES, session(date(2026, 3, 2)), 2.2).strikes[:3] == (1.0, 2.0, 3.0)
