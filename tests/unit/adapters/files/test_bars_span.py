"""The last time of a file is found without reading it, and a file that cannot tell is no error here."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from daemon.adapters.files.bars_file import FileForm
from daemon.adapters.files.bars_span import last_time

HEAD = "open,high,low,close,volume,time"
NEW_YORK = ZoneInfo("America/New_York")
LAST = int(datetime(2024, 6, 13, 15, 59, tzinfo=NEW_YORK).timestamp())


def text(path: Path, *times: str, end: str = "\n") -> Path:
    path.write_text("\n".join([HEAD, *(f"1,2,0.5,1,10,{time}" for time in times)]) + end)
    return path


@pytest.mark.parametrize("written", ["2024-06-13T15:59:00-04:00", str(LAST), str(LAST * 1000)])
@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_last_line_of_a_text(written: str, end: str, tmp_path: Path) -> None:
    assert last_time(text(tmp_path / "a.csv", "0", written, end=end), FileForm()) == LAST


def test_last_line_of_a_long_text(tmp_path: Path) -> None:
    times = [str(LAST - 60 * number) for number in range(20_000, -1, -1)]
    assert last_time(text(tmp_path / "a.csv", *times), FileForm()) == LAST


def test_times_without_a_zone_are_read_in_the_one_given(tmp_path: Path) -> None:
    file = text(tmp_path / "a.csv", "2024-06-13 15:59:00")
    assert last_time(file, FileForm(timezone=NEW_YORK)) == LAST
    assert last_time(file, FileForm()) is None


def test_last_row_group_of_parquet(tmp_path: Path) -> None:
    times = [datetime.fromtimestamp(LAST - 60 * number, UTC) for number in range(99, -1, -1)]
    columns = {name: [1.0] * 100 for name in ("open", "high", "low", "close", "volume")}
    table = pa.table({"ts": times, **columns})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=30)
    assert last_time(tmp_path / "a.parquet", FileForm()) == LAST


@pytest.mark.parametrize("content", ["", f"{HEAD}\n", f"{HEAD}\n1,2,3\n", "a,b\n1,2\n", f"{HEAD}\n1,2,0.5,1,10,soon\n"])
def test_what_cannot_be_told_is_none(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(content)
    assert last_time(tmp_path / "a.csv", FileForm()) is None


def test_no_file_is_none(tmp_path: Path) -> None:
    assert last_time(tmp_path / "a.csv", FileForm()) is None
