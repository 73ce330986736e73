"""Files of bars of one length, Parquet or CSV, read batch by batch and checked row by row."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from daemon.adapters.files.bars_notes import FileNotes, when
from daemon.adapters.files.bars_stamps import StampReader
from daemon.domain.errors import BadMarketData
from daemon.domain.timeframe import Timeframe
from daemon.market.tape import BoolArray, FloatArray, IntArray

Stamping = Literal["start", "end"]

_TIMES: Final = ("ts", "datetime", "timestamp", "time", "date")
_PRICES: Final = ("open", "high", "low", "close")
_VALUES: Final = (*_PRICES, "volume")
PARQUET_MAGIC: Final = b"PAR1"
_BATCH_ROWS: Final = 16_384
_ROW_BYTES: Final = 64  # of a line of text
_BLOCKS_AHEAD: Final = 32  # that the library reads before they are asked for
_SMALLEST_BLOCK: Final = 4_096
_JUMP: Final = 3.0  # from one price to the next, from which a split is suspected


@dataclass(frozen=True, slots=True, kw_only=True)
class FileForm:
    """How a file of bars is to be read, where the file does not say it."""

    bar: Timeframe | None = None  # None = the most common distance of its times
    timezone: ZoneInfo | None = None  # of times without one
    stamps: Stamping = "start"  # what a row's time marks
    batch_rows: int = _BATCH_ROWS  # in memory at a time, about


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BarRows:
    """Rows of a file, shape (n,), ascending in time."""

    row: IntArray  # number in the file, the first row of data is 1
    at: IntArray  # epoch seconds as stamped; of a date: its midnight in UTC
    open: FloatArray  # currency per unit, > 0; likewise the next three
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray  # units, >= 0

    def pick(self, part: slice | BoolArray) -> BarRows:
        """Return the rows that `part` selects."""
        return BarRows(
            row=self.row[part], at=self.at[part], open=self.open[part], high=self.high[part], low=self.low[part],
            close=self.close[part], volume=self.volume[part],
        )  # fmt: skip


def joined(parts: Sequence[BarRows]) -> BarRows:
    """Return rows that follow one another as one."""
    if len(parts) == 1:
        return parts[0]
    return BarRows(
        row=np.concatenate([part.row for part in parts]), at=np.concatenate([part.at for part in parts]),
        open=np.concatenate([part.open for part in parts]), high=np.concatenate([part.high for part in parts]),
        low=np.concatenate([part.low for part in parts]), close=np.concatenate([part.close for part in parts]),
        volume=np.concatenate([part.volume for part in parts]),
    )  # fmt: skip


class BarFile:
    """One file of bars. Only a batch of it is in memory at a time."""

    def __init__(self, path: Path, form: FileForm) -> None:
        """Look at the first rows.

        Raises:
            BadMarketData: it is not there, is empty, is neither Parquet nor CSV, lacks a column, or starts with
                impossible values.
        """
        self.path = path
        self.form = form
        self.notes = FileNotes(path.name)
        self.is_dated = False  # its times are days
        first = next(self.batches(), None)
        if first is None:
            raise BadMarketData(str(path), "the file holds no row of data")
        self.first_at = int(first.at[0])  # as stamped, epoch seconds
        self.bar = form.bar or self._most_common_distance(first)
        self.notes = FileNotes(path.name)  # what was noted of the first rows is noted again when they are read

    def batches(self) -> Iterator[BarRows]:
        """Yield the rows from the beginning.

        Raises:
            BadMarketData: a row is damaged or impossible; file, row and time are named.
        """
        stamps = StampReader(str(self.path), self.form.timezone)
        last: BarRows | None = None
        read = 0
        told = False
        for batch in _batches(self.path, self.form.batch_rows):
            if not batch.num_rows:
                continue
            times = stamps.read(batch.column(0), read + 1)
            self.is_dated = times.is_dates
            rows = BarRows(
                row=np.arange(read + 1, read + batch.num_rows + 1), at=times.seconds,
                **{name: self._floats(batch, number + 1, read) for number, name in enumerate(_VALUES)},
            )  # fmt: skip
            read += batch.num_rows
            self._check_values(rows)
            rows = self._in_order(last, rows)
            self._look_for_jumps(last, rows)
            if not told and (offsets := stamps.mixed()) is not None:
                self.notes.add(
                    "kinds of time zone in one file (each row was taken at its word)", f"{offsets} by row {read}"
                )
                told = True
            if rows.at.size:
                last = rows.pick(slice(-1, None))
                yield rows

    def _floats(self, batch: pa.RecordBatch, column: int, read: int) -> FloatArray:
        try:
            values: FloatArray = (
                batch.column(column).cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
            )
        except pa.ArrowException as error:
            raise BadMarketData(
                str(self.path), f"rows from {read + 1}: {_VALUES[column - 1]} does not hold numbers"
            ) from error
        return values

    def _check_values(self, rows: BarRows) -> None:
        for name in _PRICES:
            values = getattr(rows, name)
            self._refuse(rows, ~(np.isfinite(values) & (values > 0)), f"{name} must be a price above 0", values)
        self._refuse(rows, rows.high < rows.low, "high is below low", rows.high)
        out = (np.maximum(rows.open, rows.close) > rows.high) | (np.minimum(rows.open, rows.close) < rows.low)
        self._refuse(rows, out, "open or close is outside low..high, close", rows.close)
        self._refuse(rows, ~(np.isfinite(rows.volume) & (rows.volume >= 0)), "volume must be 0 or more", rows.volume)

    def _refuse(self, rows: BarRows, bad: BoolArray, problem: str, values: FloatArray) -> None:
        if bad.any():
            row = int(np.argmax(bad))
            raise BadMarketData(
                str(self.path),
                f"row {rows.row[row]} ({when(rows.at[row])}): {problem}, was {values[row]:g}; mend or remove the row",
            )

    def _in_order(self, last: BarRows | None, rows: BarRows) -> BarRows:
        """Return the rows without those that repeat the row before; refuse any other that is not later."""
        whole = joined([last, rows]) if last is not None else rows
        distance = np.diff(whole.at)
        early = np.flatnonzero(distance < 0)
        if early.size:
            row = int(early[0]) + 1
            raise BadMarketData(
                str(self.path),
                f"row {whole.row[row]} ({when(whole.at[row])}): earlier than the row before "
                f"({when(whole.at[row - 1])}); sort the file by time",
            )
        again = np.flatnonzero(distance == 0) + 1
        if not again.size:
            return rows
        for row in again.tolist():
            if any(getattr(whole, name)[row] != getattr(whole, name)[row - 1] for name in _VALUES):
                raise BadMarketData(
                    str(self.path),
                    f"row {whole.row[row]} ({when(whole.at[row])}): the same time as the row before "
                    "with other values; keep one of them",
                )
            self.notes.add("repeated rows were left out", f"row {whole.row[row]} ({when(whole.at[row])})")
        kept = np.ones(whole.at.size, dtype=np.bool_)
        kept[again] = False
        return whole.pick(kept).pick(slice(1 if last is not None else 0, None))

    def _look_for_jumps(self, last: BarRows | None, rows: BarRows) -> None:
        whole = joined([last, rows]) if last is not None else rows
        ratio = whole.open[1:] / whole.close[:-1]
        for row in np.flatnonzero((ratio >= _JUMP) | (ratio <= 1 / _JUMP)).tolist():
            self.notes.add(
                f"jumps by {_JUMP:g}× or more from a close to the next open (a split that was not adjusted for?)",
                f"row {whole.row[row + 1]} ({when(whole.at[row + 1])}): "
                f"{whole.close[row]:g} to {whole.open[row + 1]:g}",
            )

    def _most_common_distance(self, rows: BarRows) -> Timeframe:
        distances, counts = np.unique(np.diff(rows.at), return_counts=True)
        if not distances.size:
            raise BadMarketData(
                str(self.path), "one row does not tell how long its bar is: give --bar, such as --bar 1m"
            )
        seconds = int(distances[np.argmax(counts)])
        try:
            return Timeframe(seconds=seconds)
        except ValueError:
            raise BadMarketData(
                str(self.path),
                f"most rows are {seconds} s apart, bars last from 1s to 1d; give --bar if theirs do",
            ) from None


def _batches(path: Path, rows: int) -> Iterator[pa.RecordBatch]:
    """Yield batches of the columns needed, the time first."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise BadMarketData(str(path), f"the file cannot be read: {error.strerror}") from error
    if not head:
        raise BadMarketData(str(path), "the file is empty")
    if head == PARQUET_MAGIC:
        yield from _parquet(path, rows)
    elif path.suffix.lower() in {".parquet", ".pq"}:
        raise BadMarketData(
            str(path), "it is not a Parquet file, whatever its name says; give a text file with --csv FILE.csv"
        )
    else:
        yield from _csv(path, rows)


def _parquet(path: Path, rows: int) -> Iterator[pa.RecordBatch]:
    try:
        with pq.ParquetFile(path) as file:
            names = columns_read(path, file.schema_arrow.names)
            for batch in file.iter_batches(batch_size=rows, columns=names):
                yield batch.select(names)
    except (pa.ArrowException, OSError) as error:
        raise BadMarketData(str(path), f"the file cannot be read as Parquet: {error}") from error


def csv_header(path: Path) -> tuple[list[str], str]:
    """Return the names of a text file's columns, and what separates them.

    Raises:
        BadMarketData: it holds no text.
    """
    try:
        with path.open(encoding="utf-8-sig") as text:
            header = text.readline(1 << 16)
    except UnicodeDecodeError as error:
        raise BadMarketData(str(path), "it is neither a Parquet nor a CSV file: it holds no text") from error
    delimiter = max(",;\t", key=header.count)
    return next(csv.reader([header], delimiter=delimiter), []), delimiter


def _csv(path: Path, rows: int) -> Iterator[pa.RecordBatch]:
    found, delimiter = csv_header(path)
    names = columns_read(path, found)
    kinds = {names[0]: pa.string(), **dict.fromkeys(names[1:], pa.float64())}
    try:
        with pa_csv.open_csv(
            path,
            read_options=pa_csv.ReadOptions(
                block_size=max(rows * _ROW_BYTES // _BLOCKS_AHEAD, _SMALLEST_BLOCK), column_names=found, skip_rows=1
            ),
            parse_options=pa_csv.ParseOptions(delimiter=delimiter),
            convert_options=pa_csv.ConvertOptions(column_types=kinds, include_columns=names, strings_can_be_null=True),
        ) as reader:
            yield from _gathered(reader, rows)
    except pa.ArrowException as error:
        if "Empty CSV" in str(error):
            return
        raise BadMarketData(
            str(path), _fault(path, delimiter, names) or f"the file cannot be read as CSV: {error}"
        ) from error


def _gathered(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Yield batches joined to at least `rows` rows, the last one with what is left."""
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        waiting.append(batch)
        count += batch.num_rows
        if count >= rows:
            yield pa.concat_batches(waiting)
            waiting, count = [], 0
    if waiting:
        yield pa.concat_batches(waiting)


def _fault(path: Path, delimiter: str, names: Sequence[str]) -> str:
    """Return the first row that is not one of numbers: the library does not always say which it was."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        rows = csv.reader(text, delimiter=delimiter)
        header = next(rows)
        places = [(name, header.index(name)) for name in names]
        for number, row in enumerate(rows, 1):
            if row and len(row) != len(header):
                return f"row {number}: {len(row)} fields, the header has {len(header)}"
            at = row[places[0][1]] if row else ""
            for name, place in places[1:]:
                if row and not _is_number(row[place]):
                    return f"row {number} ({at}): {name} {row[place]!r} is no number; mend or remove the row"
    return ""


def _is_number(text: str) -> bool:
    try:
        float(text or "nan")
    except ValueError:
        return False
    return True


def columns_read(path: Path, found: Sequence[str]) -> list[str]:
    """Return the names of the columns to read, as the file writes them: time, prices, volume."""
    by_name = {name.strip().lower(): name for name in found}
    times = [name for name in _TIMES if name in by_name]
    if {"date", "time"} <= set(times):
        raise BadMarketData(str(path), "columns date and time are two: join them into one column named time")
    lacking = [name for name in _VALUES if name not in by_name]
    if not times:
        lacking.insert(0, "time (or ts, datetime, date)")
    if lacking:
        raise BadMarketData(
            str(path), f"column {', '.join(lacking)} is missing; the file has {', '.join(found) or 'none'}"
        )
    return [by_name[times[0]], *(by_name[name] for name in _VALUES)]
