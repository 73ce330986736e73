"""The column types of the journal, the same in meaning on SQLite and PostgreSQL.

| in a record | SQLite                                   | PostgreSQL  |
|-------------|------------------------------------------|-------------|
| datetime    | TEXT `2026-01-05T14:30:00.000000+00:00`  | TIMESTAMPTZ |
| Decimal     | TEXT, digit for digit                    | NUMERIC     |
| Mapping     | TEXT, JSON with sorted keys              | TEXT, JSON  |
| tuple       | TEXT, a JSON array for each tuple        | TEXT, JSON  |

The text of a time has a fixed width and always UTC, so that it sorts as the time does.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import DateTime, Dialect, Numeric, Text, TypeDecorator
from sqlalchemy.types import TypeEngine

_JSON_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY


def in_utc(value: datetime) -> datetime:
    """Return the same moment in UTC; a time without zone is no moment and is refused."""
    if value.tzinfo is None:
        raise ValueError(f"market time must be aware, was {value.isoformat()}")
    return value.astimezone(UTC)


@lru_cache(maxsize=64)  # the records of one instant share it, and the text costs as much as the rest of a row
def time_text(value: datetime) -> str:
    """Return the sortable text of a moment."""
    return in_utc(value).isoformat(timespec="microseconds")


def json_text(value: Mapping[str, object] | Sequence[object]) -> str:
    """Return JSON with sorted keys. As JSON has no NaN and no infinity, they become null.

    Raises:
        TypeError: a value has no form in JSON.
    """
    return orjson.dumps(value, default=_plain, option=_JSON_OPTIONS).decode()


def _plain(value: object) -> object:
    """Return what JSON can say for the values it has no word for."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):  # a named one
        return tuple(value)
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _is_sqlite(dialect: Dialect) -> bool:
    return dialect.name == "sqlite"


class MarketTime(TypeDecorator[datetime]):
    """An aware moment, always in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Use text where the database knows no time zones."""
        return Text() if _is_sqlite(dialect) else DateTime(timezone=True)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> object:
        """Return what the driver takes."""
        if value is None:
            return None
        return time_text(value) if _is_sqlite(dialect) else in_utc(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return the moment in UTC."""
        del dialect
        if value is None:
            return None
        return datetime.fromisoformat(value) if isinstance(value, str) else in_utc(value)


class Exact(TypeDecorator[Decimal]):
    """A decimal that comes back as it went in."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Use text where the database would make it binary."""
        return Text() if _is_sqlite(dialect) else Numeric()

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> object:
        """Return what the driver takes."""
        return str(value) if value is not None and _is_sqlite(dialect) else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Return the decimal."""
        del dialect
        return None if value is None else Decimal(value)


class JsonText(TypeDecorator[Mapping[str, object] | Sequence[object]]):
    """A small mapping, or a list, as JSON text with sorted keys, so that equal ones are equal texts."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Mapping[str, object] | Sequence[object] | None, dialect: Dialect) -> str | None:
        """Return the text."""
        del dialect
        return None if value is None else json_text(value)

    def process_result_value(
        self, value: str | None, dialect: Dialect
    ) -> Mapping[str, object] | Sequence[object] | None:
        """Return the mapping or list."""
        del dialect
        if value is None:
            return None
        loaded: dict[str, object] | list[object] = orjson.loads(value)
        return loaded
