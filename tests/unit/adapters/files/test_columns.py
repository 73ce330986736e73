"""Damaged and impossible recordings are refused by file and row."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from daemon.adapters.files.columns import read_quotes, read_trades
from daemon.domain.errors import BadMarketData

GOOD: dict[str, list[Any]] = {
    "open": [10.0, 11.0],
    "high": [12.0, 12.0],
    "low": [9.0, 10.0],
    "close": [11.0, 10.5],
    "volume": [100, 50],
}
QUOTES: dict[str, list[Any]] = {
    "bid_close": [10.0, 10.1],
    "ask_close": [10.2, 10.2],
    "bid_size": [100, 200],
    "ask_size": [300, 400],
}


def write(path: Path, columns: dict[str, list[Any]], ts: list[str] | None = None) -> Path:
    moments = pd.to_datetime(ts or ["2024-06-13T13:30:00Z", "2024-06-13T13:30:01Z"], utc=True, format="ISO8601")
    pd.DataFrame({"ts": moments, **columns}).to_parquet(path)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "SPY.trade.test.parquet"


def test_trades_are_read_with_their_starts(path: Path) -> None:
    rows = read_trades(write(path, GOOD))
    assert rows.start.tolist() == [1718285400, 1718285401]
    assert rows.close.tolist() == [11.0, 10.5]
    assert rows.between(1718285401, 1718285500).volume.tolist() == [50]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"high": [12.0, 9.0], "low": [9.0, 9.5]}, "high is below low, was 9.0"),
        ({"high": [12.0, 10.9]}, "open or close is outside low..high"),
        ({"low": [9.0, 10.8]}, "open or close is outside low..high"),
        ({"open": [10.0, None]}, "open must be a price above 0, was nan"),
        ({"close": [11.0, -1.0]}, "close must be a price above 0, was -1.0"),
        ({"low": [9.0, 0.0]}, "low must be a price above 0"),
        ({"high": [12.0, float("inf")]}, "high must be a price above 0, was inf"),
        ({"volume": [100, -5]}, "volume must be 0 or more, was -5.0"),
        ({"volume": [100, None]}, "volume must be 0 or more, was nan"),
    ],
)
def test_impossible_trades_are_named_by_file_and_row(path: Path, changes: dict[str, list[Any]], problem: str) -> None:
    with pytest.raises(BadMarketData) as caught:
        read_trades(write(path, GOOD | changes))
    assert caught.value.source == str(path)
    assert "row 1 (2024-06-13T13:30:01Z)" in caught.value.problem
    assert problem in caught.value.problem


@pytest.mark.parametrize("second", ["2024-06-13T13:30:00Z", "2024-06-13T13:29:59Z"])
def test_times_that_do_not_ascend_are_refused(path: Path, second: str) -> None:
    with pytest.raises(BadMarketData, match=r"row 1 .*ts must be later than in the row before"):
        read_trades(write(path, GOOD, ["2024-06-13T13:30:00Z", second]))


def test_times_within_a_second_are_refused(path: Path) -> None:
    with pytest.raises(BadMarketData, match="ts must be whole seconds"):
        read_trades(write(path, GOOD, ["2024-06-13T13:30:00Z", "2024-06-13T13:30:01.5Z"]))


def test_missing_times_are_refused(path: Path) -> None:
    moments = pd.Series([pd.Timestamp("2024-06-13T13:30:00Z"), pd.NaT])
    pd.DataFrame({"ts": moments, **GOOD}).to_parquet(path)
    with pytest.raises(BadMarketData, match="row 1: ts is missing"):
        read_trades(path)


def test_times_without_a_zone_are_refused(path: Path) -> None:
    pd.DataFrame({"ts": pd.to_datetime(["2024-06-13T13:30:00", "2024-06-13T13:30:01"]), **GOOD}).to_parquet(path)
    with pytest.raises(BadMarketData, match="ts must be a timestamp with time zone"):
        read_trades(path)


def test_missing_columns_are_named(path: Path) -> None:
    with pytest.raises(BadMarketData, match="column high, volume is missing"):
        read_trades(write(path, {name: GOOD[name] for name in ("open", "low", "close")}))


def test_columns_of_text_are_refused(path: Path) -> None:
    with pytest.raises(BadMarketData, match="column open does not hold numbers"):
        read_trades(write(path, GOOD | {"open": ["ten", "eleven"]}))


@pytest.mark.parametrize("keep", [0, 4, 100, -8])
def test_truncated_files_are_refused(path: Path, keep: int) -> None:
    content = write(path, GOOD).read_bytes()
    path.write_bytes(content[:keep])
    with pytest.raises(BadMarketData, match="cannot be read as Parquet") as caught:
        read_trades(path)
    assert caught.value.source == str(path)


def test_damage_inside_a_file_is_refused(path: Path) -> None:
    content = bytearray(write(path, GOOD).read_bytes())
    content[4:200] = b"\xff" * 196
    path.write_bytes(content)
    with pytest.raises(BadMarketData):
        read_trades(path)


def test_quotes_leave_out_crossed_rows_and_keep_locked_and_one_sided_ones(path: Path) -> None:
    columns: dict[str, list[Any]] = {
        "bid_close": [10.0, 10.3, 10.2, None],
        "ask_close": [10.2, 10.2, 10.2, 10.4],
        "bid_size": [100, 200, 300, 400],
        "ask_size": [1, 2, 3, 4],
    }
    rows = read_quotes(write(path, columns, [f"2024-06-13T13:30:0{i}Z" for i in range(4)]))
    assert (rows.start - 1718285400).tolist() == [0, 2, 3]
    assert rows.bid_size.tolist() == [100, 300, 0]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"bid_close": [10.0, -0.5]}, "bid_close must be above 0, or absent, was -0.5"),
        ({"ask_close": [10.2, 0.0]}, "ask_close must be above 0"),
        ({"ask_size": [1, -1]}, "ask_size must be 0 or more"),
    ],
)
def test_impossible_quotes_are_refused(path: Path, changes: dict[str, list[Any]], problem: str) -> None:
    with pytest.raises(BadMarketData, match=problem):
        read_quotes(write(path, QUOTES | changes))
