"""Writes the bars of a session, as they were when decisions were made on them, to one Parquet file an instrument."""

import os
from datetime import date
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Engine, Row, select

from daemon.journal.schema import BAR

_TIME: Final = pa.timestamp("us", tz="UTC")
_SCHEMA: Final = pa.schema(
    [
        ("ts_start", _TIME),
        ("ts_end", _TIME),
        ("timeframe", pa.string()),
        ("open", pa.float64()),
        ("high", pa.float64()),
        ("low", pa.float64()),
        ("close", pa.float64()),
        ("volume", pa.float64()),
        ("wap", pa.float64()),
        ("trades", pa.int64()),
    ]
)
_MICROSECONDS: Final = 1_000_000


def export_session_bars(engine: Engine, bars: Path, *, day: date, open_s: int, close_s: int) -> tuple[Path, ...]:
    """Write the bars that ended after `open_s` and not after `close_s` (epoch seconds); return the files.

    Each is `bars`/<instrument>/<day>.parquet, with all timeframes together by end and then in the order seen. A file
    of the same name is replaced whole: whoever reads it sees the old or the new one.
    """
    return tuple(
        _write(_table(rows), bars / folder_name(instrument) / f"{day.isoformat()}.parquet")
        for instrument, rows in _session_bars(engine, open_s, close_s).items()
    )


def folder_name(instrument: str) -> str:
    """Return an instrument's folder: its name, with what a path could misread as %XX."""
    name = quote(instrument, safe=" ")
    return name.replace(".", "%2E") if not name.strip(".") else name


def _session_bars(engine: Engine, open_s: int, close_s: int) -> dict[str, list[Row[tuple[object, ...]]]]:
    query = select(BAR).where(BAR.c.end > open_s, BAR.c.end <= close_s).order_by(BAR.c.instrument, BAR.c.end, BAR.c.seq)
    grouped: dict[str, list[Row[tuple[object, ...]]]] = {}
    with engine.connect() as connection:
        for row in connection.execute(query):
            grouped.setdefault(row.instrument, []).append(row)
    return grouped


def _table(rows: list[Row[tuple[object, ...]]]) -> pa.Table:
    columns: dict[str, list[object]] = {
        "ts_start": [row.start * _MICROSECONDS for row in rows],
        "ts_end": [row.end * _MICROSECONDS for row in rows],
    }
    columns |= {name: [getattr(row, name) for row in rows] for name in _SCHEMA.names if name not in columns}
    return pa.table(columns, schema=_SCHEMA)


def _write(table: pa.Table, path: Path) -> Path:
    """Write next to `path`, sync, and rename over it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.tmp")
    try:
        with unfinished.open("wb") as file:
            pq.write_table(table, file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path
