"""Which options a market lists on a day: expirations by the exchange's calendar, strikes around the price before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

import numpy as np

from daemon.market.sessions import OutOfCalendar, Session, TradingCalendar

WEEKS_LISTED: Final = 8
MONTHS_LISTED: Final = 12
_FRIDAY: Final = 4
_NEAR: Final = 0.06  # part of the price on either side where every strike is listed
_WEEKLY_REACH: Final = 0.20
_MONTHLY_REACH: Final = 0.45


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionClass:
    """A family of options on one underlying."""

    root: str  # the class's name
    underlying: str  # symbol of its listing
    underlying_ticker: str
    strike_unit: float  # currency; every strike is a multiple
    market_rule: int
    is_american: bool
    settles_at_open: bool = False
    has_weeklies: bool = True  # else third Fridays only
    multiplier: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionChain:
    """What a class lists on one day."""

    option_class: OptionClass
    day: date
    expirations: tuple[date, ...]  # when they are settled, ascending
    last_trading_days: tuple[date, ...]  # of each expiration
    strikes: tuple[float, ...]  # of any expiration, ascending
    weekly_reach: float = _WEEKLY_REACH  # part of the price beyond which weeklies have no strikes

    def strikes_of(self, expiry: date) -> tuple[float, ...]:
        """Return the strikes of one expiration: nearer to the price for weeklies."""
        if is_monthly_week(expiry):
            return self.strikes
        middle = self.strikes[len(self.strikes) // 2]
        return tuple(strike for strike in self.strikes if abs(strike / middle - 1) <= self.weekly_reach)


def third_friday(year: int, month: int) -> date:
    """Return the third Friday of a month."""
    first = date(year, month, 1)
    return first + timedelta(days=(_FRIDAY - first.weekday()) % 7 + 14)


def is_monthly_week(day: date) -> bool:
    """Return whether `day` lies in the week of its month's third Friday."""
    friday = day + timedelta(days=_FRIDAY - day.weekday())
    return friday == third_friday(friday.year, friday.month)


@lru_cache(maxsize=4096)
def expiry_in_week(calendar: TradingCalendar, monday: date) -> date | None:
    """Return a week's expiration: its Friday, or the session before if that is a holiday; None without any session."""
    try:
        sessions = calendar.sessions_between(monday, monday + timedelta(days=_FRIDAY))
    except OutOfCalendar:
        return None
    return sessions[-1].day if sessions else None


@lru_cache(maxsize=1024)
def expirations(calendar: TradingCalendar, option_class: OptionClass, day: date) -> tuple[date, ...]:
    """Return what trades on `day`: Fridays of the next 8 weeks and third Fridays for a year, holidays moved."""
    monday = day - timedelta(days=day.weekday())
    mondays = {monday + timedelta(weeks=week) for week in range(WEEKS_LISTED) if option_class.has_weeklies}
    for ahead in range(MONTHS_LISTED + 1):
        year, month = divmod(day.year * 12 + day.month - 1 + ahead, 12)
        mondays.add(third_friday(year, month + 1) - timedelta(days=_FRIDAY))
    found = filter(None, (expiry_in_week(calendar, start) for start in mondays))
    # What settles at the open of its last day trades until the day before.
    first = day + timedelta(days=1) if option_class.settles_at_open else day
    return tuple(sorted(expiry for expiry in found if first <= expiry <= day + timedelta(days=366)))


def last_trading_day(calendar: TradingCalendar, option_class: OptionClass, expiry: date) -> date:
    """Return the last day an expiration trades: the session before when it settles at the open."""
    session = calendar.session_on(expiry)
    if session is None or not option_class.settles_at_open:
        return expiry
    return calendar.session_before(session).day


def is_expiration(calendar: TradingCalendar, option_class: OptionClass, expiry: date) -> bool:
    """Return whether options of the class expire on that day, whenever they are listed."""
    if not option_class.has_weeklies and not is_monthly_week(expiry):
        return False
    return expiry_in_week(calendar, expiry - timedelta(days=expiry.weekday())) == expiry


def is_listed(calendar: TradingCalendar, option_class: OptionClass, expiry: date, day: date) -> bool:
    """Return whether an expiration of the class trades on `day`."""
    return expiry in expirations(calendar, option_class, day)


def chain(calendar: TradingCalendar, option_class: OptionClass, session: Session, price: float) -> OptionChain:
    """Return what a class lists in a session.

    Args:
        calendar: the exchange's.
        option_class: the family.
        session: the day.
        price: the underlying's close before, currency per unit; strikes stay the same all day.
    """
    settled = expirations(calendar, option_class, session.day)
    return OptionChain(
        option_class=option_class,
        day=session.day,
        expirations=settled,
        last_trading_days=tuple(last_trading_day(calendar, option_class, expiry) for expiry in settled),
        strikes=_strikes(price, option_class.strike_unit),
    )


def _strikes(price: float, unit: float) -> tuple[float, ...]:
    """Return every multiple of the unit near the price, every fifth out to the monthly reach."""
    # Far from the price a market lists fewer strikes; a low price still gets ten on either side.
    near = max(round(price * _NEAR / unit), 10)
    middle = round(price / unit)
    reach = max(round(price * _MONTHLY_REACH / unit), near)
    steps = np.arange(max(middle - reach, 1), min(middle + reach, 2047) + 1)
    listed = steps[(np.abs(steps - middle) <= near) | (steps % 5 == 0)]
    return tuple((listed * unit).tolist())
