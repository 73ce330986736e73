"""The time of a file's last bar without reading the file: from a Parquet file's end, or the last line of a text."""

import csv
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from daemon.adapters.files.bars_file import PARQUET_MAGIC, FileForm, columns_read, csv_header
from daemon.adapters.files.bars_stamps import StampReader
from daemon.domain.errors import BadMarketData

_TAIL_BYTES: Final = 1 << 16


def last_time(path: Path, form: FileForm) -> int | None:
    """Return the time of the last row as stamped, epoch seconds; None where it cannot be told without reading all."""
    try:
        column = _last_of_parquet(path) if _is_parquet(path) else _last_of_text(path)
        return None if column is None else int(StampReader(str(path), form.timezone).read(column, 1).seconds[-1])
    except (BadMarketData, pa.ArrowException, OSError, UnicodeDecodeError, csv.Error):
        return None  # whoever reads the file says what is wrong, and where


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC


def _last_of_parquet(path: Path) -> pa.Array | None:
    with pq.ParquetFile(path) as file:
        filled = [group for group in range(file.num_row_groups) if file.metadata.row_group(group).num_rows]
        if not filled:
            return None
        name = columns_read(path, file.schema_arrow.names)[0]
        column = file.read_row_group(filled[-1], columns=[name]).column(name)
        return column.slice(len(column) - 1).combine_chunks()


def _last_of_text(path: Path) -> pa.Array | None:
    names, delimiter = csv_header(path)
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(size - _TAIL_BYTES, 0))
        lines = [line for line in file.read().decode("utf-8-sig").splitlines() if line.strip()]
    row = next(csv.reader(lines[-1:], delimiter=delimiter), [])
    place = names.index(columns_read(path, names)[0])
    return pa.array([row[place]]) if len(lines) > 1 and len(row) == len(names) else None
