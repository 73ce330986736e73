"""Ranges of time in IB's terms."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_insync import BarData

from daemon.adapters.ib.history import bar_of, bar_size, chunks, duration, end_time, start_of
from daemon.domain.errors import BadMarketData, ConfigError
from daemon.domain.timeframe import Timeframe

END = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)
MINUTE, DAY = Timeframe.parse("1m"), Timeframe.parse("1d")


@pytest.mark.parametrize(
    ("span", "frame", "text"),
    [
        (timedelta(hours=1), MINUTE, "3660 S"),
        (timedelta(hours=23, minutes=59), MINUTE, "86400 S"),
        (timedelta(days=1), MINUTE, "2 D"),
        (timedelta(hours=1), DAY, "2 D"),
        (timedelta(days=364), DAY, "365 D"),
        (timedelta(days=365), DAY, "2 Y"),
        (timedelta(days=800), DAY, "3 Y"),
    ],
)
def test_duration_covers_the_range_in_the_unit_ib_takes(span: timedelta, frame: Timeframe, text: str) -> None:
    assert duration(END - span, END, frame) == text


@given(hours=st.integers(1, 3000), label=st.sampled_from(["5s", "1m", "5m", "1h", "1d"]))
def test_chunks_cover_the_range_without_overlap(hours: int, label: str) -> None:
    start = END - timedelta(hours=hours)
    parts = list(chunks(start, END, Timeframe.parse(label)))
    assert parts[0][0] == start
    assert parts[-1][1] == END
    assert all(earlier[1] == later[0] for earlier, later in pairwise(parts))
    assert all(timedelta(0) < upper - lower <= timedelta(days=365) for lower, upper in parts)


def test_empty_range_needs_no_request() -> None:
    assert list(chunks(END, END, MINUTE)) == []


def test_sizes_times_and_stamps() -> None:
    assert bar_size(Timeframe.parse("60m")) == "1 hour"
    with pytest.raises(ConfigError):
        bar_size(Timeframe.parse("7m"))
    assert end_time(END) == "20261120 21:00:00 UTC"
    assert start_of("1700000000") == 1_700_000_000
    assert start_of("20261120") == int(datetime(2026, 11, 20, tzinfo=UTC).timestamp())


@pytest.mark.parametrize("change", [{"date": "yesterday"}, {"high": 1.0}, {"close": float("inf")}, {"open": 0.0}])
def test_row_that_is_no_bar_is_bad_market_data(change: dict[str, object]) -> None:
    row = {"date": "1700000000", "open": 10.0, "high": 11.0, "low": 9.0, "close": 10.0, "volume": 5.0, "average": 10.0}
    with pytest.raises(BadMarketData):
        bar_of(
            BarData(**(row | change), barCount=1),  # type: ignore[arg-type]
            MINUTE,
            lambda start, frame: start + frame.seconds,
        )


def test_kinds_of_data_without_volume_have_none() -> None:
    row = BarData("1700000000", 10.0, 11.0, 9.0, 10.5, -1.0, -1.0, -1)  # type: ignore[arg-type]
    bar = bar_of(row, MINUTE, lambda start, frame: start + frame.seconds)
    assert (bar.volume, bar.wap, bar.trades) == (0.0, 10.5, 0)
