r"""One number for what happened, so that two runs can be shown to be the same.

`content_hash` is the SHA-256, in hex, of these bytes. For each table of `TABLES`, in that order:

1. one line: the JSON array `[table, [column, …]]` of the columns that count, in the order of the schema;
2. one line for each row, in the order of `seq`: the JSON array of its values in the same order.

Lines end in `\n`; JSON is UTF-8 without spaces. In a row a text is a string, a whole number or float a number (the
shortest form that reads back equal), a flag true or false, nothing null, a time
`YYYY-MM-DDTHH:MM:SS.ffffff+00:00`, a decimal its plain digits without an exponent and without zeros at the end of a
fraction (`1E+2` and `100.00` are both `100`), and a mapping or list the string of its JSON with sorted keys.

Columns that do not count: `seq`; host time, which is every column named `host_…` or `…_host_ns`; and whatever names
the run and not what happened: `run_id`, `version`, `config`, `config_hash`. Tables that do not count tell of the
process (`run`, `session`, `control_action`, `alert`, `adjustment`), of the broker's numbering (`order_ref`), or are
computed from others (`execution_check`, `gap`, `bar_revision`). SQLite and PostgreSQL give the same hash for the same
records.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

import orjson
from sqlalchemy import Column, Connection, Engine, Table, select

from daemon.journal import schema
from daemon.journal.columns import json_text, time_text
from daemon.journal.rows import plain_digits

TABLES: Final = (
    schema.BAR,
    schema.DECISION,
    schema.INTENT,
    schema.ORDER_EVENT,
    schema.FILL,
    schema.COMMISSION,
    schema.RISK_CHECK,
    schema.ARRIVAL_QUOTE,
    schema.POSITION,
    schema.EQUITY,
)
_IDENTITY: Final = frozenset({"seq", "run_id", "version", "config", "config_hash"})
_ROWS_AT_ONCE: Final = 2000


def content_hash(engine: Engine, *, after_seq: int = 0) -> str:
    """Return the hash described above, of the rows with a `seq` above `after_seq`."""
    digest = hashlib.sha256()
    with engine.connect() as connection:
        for table in TABLES:
            _add_table(digest, connection, table, after_seq)
    return digest.hexdigest()


def counted_columns(table: Table) -> list[Column[object]]:
    """Return the columns of `table` that take part, in the schema's order."""
    return [column for column in table.columns if column.name not in _IDENTITY and not _is_host_time(column.name)]


def _is_host_time(name: str) -> bool:
    return name.startswith("host_") or name.endswith("_host_ns")


def _add_table(digest: "hashlib._Hash", connection: Connection, table: Table, after_seq: int) -> None:
    columns = counted_columns(table)
    digest.update(_line([table.name, [column.name for column in columns]]))
    query = select(*columns).where(table.c.seq > after_seq).order_by(table.c.seq)
    for row in connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query):
        digest.update(_line([_canonical(value) for value in row]))


def _line(values: list[object]) -> bytes:
    return orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE)


def _canonical(value: object) -> object:
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, Decimal):
        return plain_digits(value)
    return json_text(value) if isinstance(value, (Mapping, list)) else value
