"""The bar lengths people write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.timeframe import Timeframe


@pytest.mark.parametrize(
    ("label", "seconds"),
    [("1s", 1), ("5s", 5), ("30s", 30), ("1m", 60), ("5m", 300), ("15m", 900), ("1h", 3600), ("4h", 14400)],
)
def test_timeframe_reads_and_writes_its_label(label: str, seconds: int) -> None:
    timeframe = Timeframe.parse(label)
    assert timeframe.seconds == seconds
    assert str(timeframe) == label


@pytest.mark.parametrize(("spelling", "canonical"), [("60s", "1m"), ("60m", "1h"), ("24h", "1d"), (" 90s ", "90s")])
def test_timeframe_writes_another_spelling_canonically(spelling: str, canonical: str) -> None:
    assert str(Timeframe.parse(spelling)) == canonical
    assert Timeframe.parse(spelling) == Timeframe.parse(canonical)
    assert hash(Timeframe.parse(spelling)) == hash(Timeframe.parse(canonical))


@pytest.mark.parametrize("label", ["", "5", "m", "0m", "-5m", "1.5h", "5 m", "5M", "5min", "1w", "\u0665m", "999999s"])
def test_timeframe_refuses_what_it_cannot_read_and_says_how_to_write_it(label: str) -> None:
    with pytest.raises(ValueError, match="is not understood: write a count and a unit") as caught:
        Timeframe.parse(label)
    assert repr(label) in str(caught.value)


@pytest.mark.parametrize("label", ["2d", "25h", "86401s"])
def test_timeframe_refuses_more_than_a_day(label: str) -> None:
    with pytest.raises(ValueError, match=f"{label}.*use 1d or shorter"):
        Timeframe.parse(label)


@pytest.mark.parametrize("seconds", [0, -60, 86401])
def test_timeframe_refuses_seconds_out_of_range(seconds: int) -> None:
    with pytest.raises(ValueError, match=f"was {seconds} seconds"):
        Timeframe(seconds=seconds)


def test_timeframes_order_by_length() -> None:
    labels = ["4h", "1d", "5s", "1m", "15m"]
    assert [str(t) for t in sorted(map(Timeframe.parse, labels))] == ["5s", "1m", "15m", "4h", "1d"]


@given(st.integers(min_value=1, max_value=86400))
def test_a_label_reads_back_as_the_same_timeframe(seconds: int) -> None:
    timeframe = Timeframe(seconds=seconds)
    assert Timeframe.parse(str(timeframe)) == timeframe
