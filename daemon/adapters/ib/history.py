"""How a range of time is asked for in IB's terms: bar sizes, durations, chunks; and what its bars mean. Pure."""

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from daemon.adapters.ib.library import BarData
from daemon.domain.bar import Bar, check_bar
from daemon.domain.errors import BadMarketData, ConfigError
from daemon.domain.timeframe import Timeframe

BarEnd = Callable[[int, Timeframe], int]
"""Start of a bar and timeframe -> end of the bar, both epoch seconds. A daily bar's start is 00:00 UTC of its date."""

DAY_S: Final = 86400
_DAYS_PER_REQUEST: Final = 365
_BARS_PER_REQUEST: Final = 2000
_SESSION_S: Final = 23400  # bars of a day are counted by a full regular session

_BAR_SIZES: Final = {
    5: "5 secs", 10: "10 secs", 15: "15 secs", 30: "30 secs",
    60: "1 min", 120: "2 mins", 180: "3 mins", 300: "5 mins", 600: "10 mins", 900: "15 mins", 1200: "20 mins",
    1800: "30 mins", 3600: "1 hour", 7200: "2 hours", 10800: "3 hours", 14400: "4 hours", 28800: "8 hours",
    DAY_S: "1 day",
}  # fmt: skip


def bar_size(timeframe: Timeframe) -> str:
    """Return IB's name of a timeframe, or raise ConfigError where it has no such bars."""
    try:
        return _BAR_SIZES[timeframe.seconds]
    except KeyError as error:
        sizes = ", ".join(str(Timeframe(seconds=seconds)) for seconds in _BAR_SIZES)
        raise ConfigError(f"IB has no bars of {timeframe}: use one of {sizes}") from error


def duration(start: datetime, end: datetime, timeframe: Timeframe) -> str:
    """Return the duration string that covers (start, end], and the whole of the bar in which `start` lies.

    IB counts S up to a day, D up to a year, Y beyond, backwards from the end.
    """
    seconds = math.ceil((end - start).total_seconds()) + timeframe.seconds
    if seconds <= DAY_S and timeframe.seconds < DAY_S:
        return f"{seconds} S"
    days = math.ceil(seconds / DAY_S)
    return f"{days} D" if days <= _DAYS_PER_REQUEST else f"{math.ceil(days / _DAYS_PER_REQUEST)} Y"


def end_time(end: datetime) -> str:
    """Return a moment as requests carry it."""
    return end.astimezone(UTC).strftime("%Y%m%d %H:%M:%S UTC")


def chunks(start: datetime, end: datetime, timeframe: Timeframe) -> Iterator[tuple[datetime, datetime]]:
    """Cut (start, end] into ranges that hold no more bars than IB likes to send at once, oldest first."""
    bars_a_day = max(1, _SESSION_S // timeframe.seconds)
    span = timedelta(days=min(_DAYS_PER_REQUEST, max(1, _BARS_PER_REQUEST // bars_a_day)))
    while start < end:
        upper = min(start + span, end)
        yield start, upper
        start = upper


def start_of(date: str) -> int:
    """Return the start of a bar from its stamp: epoch seconds, or the date of a daily bar.

    Raises:
        ValueError: it is neither.
    """
    if len(date) == len("20261120"):
        return int(datetime.strptime(date, "%Y%m%d").replace(tzinfo=UTC).timestamp())
    return int(date)


def bar_of(row: BarData, timeframe: Timeframe, bar_end: BarEnd) -> Bar:
    """Return a row of an answer as a bar.

    Raises:
        BadMarketData: its values are no bar's.
    """
    source = f"IB history {timeframe}"
    try:
        start = start_of(str(row.date))
        end = bar_end(start, timeframe)
    except (ValueError, LookupError) as error:
        raise BadMarketData(source, f"bar stamped {row.date!r}: {error}") from error
    volume = max(row.volume, 0.0)  # -1 where the kind of data has none
    wap = row.average if row.average > 0 else row.close
    bar = Bar(
        start=start, end=end, open=row.open, high=row.high, low=row.low, close=row.close,
        volume=volume, wap=wap, trades=max(row.barCount, 0),
    )  # fmt: skip
    check_bar(bar, source)
    return bar
