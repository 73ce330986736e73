"""Files of bars are read in every usual form; what is wrong is refused by file, row and time, what is odd is told."""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from daemon.adapters.files.bars_file import BarFile, FileForm, joined
from daemon.adapters.files.bars_notes import FileNotes
from daemon.domain.errors import BadMarketData
from daemon.domain.timeframe import Timeframe

MINUTE = Timeframe(seconds=60)
NEW_YORK = ZoneInfo("America/New_York")
FIRST = 1_718_285_400  # 2024-06-13 13:30 UTC
HEAD = "time,open,high,low,close,volume"


def csv(tmp_path: Path, *lines: str, head: str = HEAD, name: str = "SPY.csv") -> Path:
    path = tmp_path / name
    path.write_text("\n".join([head, *lines]) + "\n")
    return path


def rows(*stamps: object) -> list[str]:
    return [f"{stamp},10,11,9,10.5,100" for stamp in stamps]


def times(path: Path, **form: Any) -> list[int]:
    return [int(at) for batch in BarFile(path, FileForm(**form)).batches() for at in batch.at]


def refusal(path: Path, **form: Any) -> str:
    with pytest.raises(BadMarketData) as error:
        times(path, **form)
    assert path.name in str(error.value)
    return str(error.value)


def noted(path: Path, **form: Any) -> str:
    file = BarFile(path, FileForm(**form))
    assert sum(batch.at.size for batch in file.batches())
    return "\n".join(file.notes.sentences())


@pytest.mark.parametrize(
    "stamps",
    [
        ("2024-06-13T13:30:00Z", "2024-06-13T13:31:00Z"),
        ("2024-06-13 09:30:00-04:00", "2024-06-13 09:31:00-04:00"),
        ("2024-06-13T09:30-0400", "2024-06-13T09:31-0400"),
        (FIRST, FIRST + 60),
        (FIRST * 1000, (FIRST + 60) * 1000),
        (f"{FIRST}.0", f"{FIRST + 60}.0"),
    ],
)
def test_times_are_read_as_they_are_written(tmp_path: Path, stamps: tuple[object, ...]) -> None:
    assert times(csv(tmp_path, *rows(*stamps))) == [FIRST, FIRST + 60]


def test_naive_times_need_their_zone(tmp_path: Path) -> None:
    path = csv(tmp_path, *rows("2024-06-13 09:30:00", "2024-06-13 09:31:00"))
    assert "row 1: 2024-06-13T09:30:00 has no time zone: say which clock it is, such as --timezone" in refusal(path)
    assert times(path, timezone=NEW_YORK) == [FIRST, FIRST + 60]


@pytest.mark.parametrize(
    "head", ["Date,Open,High,Low,Close,Volume", "TS,OPEN,HIGH,LOW,CLOSE,VOLUME", "datetime,open,high,low,close,volume"]
)
def test_columns_have_any_case(tmp_path: Path, head: str) -> None:
    assert times(csv(tmp_path, *rows(FIRST, FIRST + 60), head=head)) == [FIRST, FIRST + 60]


def test_other_delimiters_and_columns_do_not_matter(tmp_path: Path) -> None:
    path = csv(
        tmp_path,
        f"x;{FIRST};10;11;9;10.5;100",
        f"y;{FIRST + 60};10;11;9;10.5;100",
        head="note;time;open;high;low;close;volume",
    )
    assert times(path) == [FIRST, FIRST + 60]


def test_length_is_the_most_common_distance(tmp_path: Path) -> None:
    path = csv(tmp_path, *rows(*(FIRST + 300 * n for n in (0, 1, 2, 9, 10))))
    assert BarFile(path, FileForm()).bar == Timeframe(seconds=300)
    assert BarFile(path, FileForm(bar=MINUTE)).bar == Timeframe(seconds=60)
    assert "give --bar" in refusal(csv(tmp_path, *rows(FIRST)))


def test_daily_dates_need_no_zone(tmp_path: Path) -> None:
    file = BarFile(csv(tmp_path, *rows("2024-06-12", "2024-06-13", "2024-06-14")), FileForm())
    assert (file.bar, file.is_dated) == (Timeframe(seconds=86_400), True)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"{FIRST + 60},nan,11,9,10,1", "row 2 (2024-06-13T13:31:00Z): open must be a price above 0, was nan"),
        (f"{FIRST + 60},10,11,9,,1", "row 2 (2024-06-13T13:31:00Z): close must be a price above 0, was nan"),
        (f"{FIRST + 60},10,8,9,10,1", "row 2 (2024-06-13T13:31:00Z): high is below low, was 8"),
        (
            f"{FIRST + 60},10,11,9,12,1",
            "row 2 (2024-06-13T13:31:00Z): open or close is outside low..high, close, was 12",
        ),
        (f"{FIRST + 60},10,11,9,10,-1", "row 2 (2024-06-13T13:31:00Z): volume must be 0 or more, was -1"),
        (f"{FIRST + 60},ten,11,9,10,1", f"row 2 ({FIRST + 60}): open 'ten' is no number"),
        (f"{FIRST + 60},10,11", "row 2: 3 fields, the header has 6"),
        (
            f"{FIRST - 60},10,11,9,10,1",
            "row 2 (2024-06-13T13:29:00Z): earlier than the row before (2024-06-13T13:30:00Z); sort",
        ),
        (f"{FIRST},10,11,9,10,1", "row 2 (2024-06-13T13:30:00Z): the same time as the row before with other values"),
        (",10,11,9,10,1", "row 2: the time is missing"),
        ("soon,10,11,9,10,1", "row 2: 'soon' is not understood as a time"),
    ],
)
def test_bad_rows_are_refused(tmp_path: Path, line: str, said: str) -> None:
    first = "2024-06-13T13:30:00" if line.startswith("soon") else FIRST
    assert said in refusal(csv(tmp_path, *rows(first), line), timezone=ZoneInfo("UTC"))


def test_mixed_zones_are_refused_or_told(tmp_path: Path) -> None:
    some = csv(tmp_path, *rows("2024-06-13T13:30:00Z", "2024-06-13T13:31:00"))
    assert "row 2: '2024-06-13T13:31:00' has no offset, other rows are otherwise" in refusal(some)
    summer = csv(tmp_path, *rows("2024-11-01T09:30:00-04:00", "2024-11-04T09:30:00-05:00"), name="a.csv")
    assert noted(summer, bar=MINUTE) == ""
    two = csv(tmp_path, *rows("2024-06-13T09:30:00-04:00", "2024-06-13T13:31:00Z"), name="b.csv")
    assert "kinds of time zone in one file" in noted(two)
    assert "-04:00, Z by row 2" in noted(two)


def test_repeated_rows_are_told(tmp_path: Path) -> None:
    path = csv(tmp_path, *rows(FIRST, FIRST + 60, FIRST + 60, FIRST + 120))
    assert times(path) == [FIRST, FIRST + 60, FIRST + 120]
    assert "SPY.csv: 1 repeated rows were left out: row 3 (2024-06-13T13:31:00Z)" in noted(path)


@pytest.mark.parametrize("factor", [15, 1 / 15, 3])
def test_jump_like_a_split_is_told(tmp_path: Path, factor: float) -> None:
    price = 10.5 * factor
    path = csv(tmp_path, *rows(FIRST), f"{FIRST + 60},{price},{price},{price},{price},1")
    assert "1 jumps by 3× or more" in noted(path)
    assert f"row 2 (2024-06-13T13:31:00Z): 10.5 to {price:g}" in noted(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (HEAD.encode() + b"\n", "the file holds no row of data"),
        (b"\xff\xfe\x00\x01\x80\x81", "neither a Parquet nor a CSV file"),
        (b"PAR1 and nothing that follows it", "cannot be read as Parquet"),
        (b"time,open,high,close\n1,2,3,4\n", "column low, volume is missing; the file has time, open, high, close"),
        (b"date,time,open,high,low,close,volume\n", "columns date and time are two: join them"),
    ],
)
def test_files_that_are_none_are_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "SPY.csv"
    path.write_bytes(content)
    assert said in refusal(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "none.csv")
    path = tmp_path / "SPY.parquet"
    path.write_text("hello\n")
    assert "it is not a Parquet file" in refusal(path)


def test_parquet_and_csv_give_the_same_rows_batch_by_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.adapters.files.bars_file._SMALLEST_BLOCK", 200)
    chance = np.random.default_rng(1)
    low = 10 + chance.random(50)
    frame = pd.DataFrame({
        "ts": pd.to_datetime(FIRST + 60 * np.arange(50), unit="s", utc=True),
        "open": low + 0.1, "high": low + 0.3, "low": low,
        "close": low + 0.2, "volume": chance.integers(0, 9, 50),
    })  # fmt: skip
    frame.to_parquet(tmp_path / "SPY.parquet")
    frame.to_csv(tmp_path / "SPY.csv", index=False)
    batches = [
        list(BarFile(tmp_path / name, FileForm(bar=MINUTE, batch_rows=7)).batches())
        for name in ("SPY.parquet", "SPY.csv")
    ]
    assert all(len(each) > 5 for each in batches)
    one, other = (joined(each) for each in batches)
    assert one.row.tolist() == other.row.tolist() == list(range(1, 51))
    for name in ("at", "open", "high", "low", "close", "volume"):
        assert getattr(one, name).tolist() == getattr(other, name).tolist()


def test_faults_at_the_border_of_batches_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.adapters.files.bars_file._SMALLEST_BLOCK", 60)
    path = csv(tmp_path, *rows(*(FIRST + 60 * n for n in (0, 1, 2, 3, 4, 5, 6, 7, 8, 8, 9, 3))))
    file = BarFile(path, FileForm(bar=MINUTE, batch_rows=1))
    with pytest.raises(BadMarketData, match=r"row 12 .*: earlier than the row before"):
        list(file.batches())
    assert "repeated rows were left out: row 10" in file.notes.sentences()[0]


def test_notes_name_the_first_places_and_count_the_rest() -> None:
    notes = FileNotes("SPY.csv")
    for number in range(5):
        notes.add("odd rows", f"row {number}")
    assert notes.sentences() == ("SPY.csv: 5 odd rows: row 0; row 1; row 2; …",)
