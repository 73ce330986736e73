"""Between records and rows: converters are worked out once for each record class from its fields' types.

A row holds a record's fields in their order, without `seq`. Drivers take few types: SQLite wants times and decimals as
text, psycopg takes them as they are; both want built-in types, so subclasses (enums, numpy's numbers) become them.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import orjson

from daemon.domain.records import RECORD_TYPES, Record
from daemon.journal.columns import in_utc, json_text, time_text

Converter = Callable[[Any], object]
R = TypeVar("R", bound=Record)

FIELD_NAMES: Mapping[type[Record], tuple[str, ...]] = {
    record_type: tuple(field.name for field in fields(record_type)) for record_type in RECORD_TYPES
}
"""Each record's fields, which are its table's columns after `seq` and in the same order."""


def record_from_row(record_type: type[R], row: Iterable[object]) -> R:
    """Return the record of a row (without `seq`), whichever driver it came from."""
    decoders = _DECODERS[record_type]
    values = [value if value is None else decode(value) for decode, value in zip(decoders, row, strict=True)]
    named: dict[str, Any] = dict(zip(FIELD_NAMES[record_type], values, strict=True))
    return record_type(**named)


class RowEncoder:
    """Turns records of one class into rows for one database."""

    __slots__ = ("_row",)

    def __init__(self, record_type: type[Record], *, as_text: bool) -> None:
        """Work out the converters; `as_text` is for databases without decimals and time zones.

        The row is put together by one expression made of the fields' names: a loop over them takes much longer.
        """
        named: dict[str, Converter] = {}
        for name, hint in _hints(record_type):
            if _core(hint)[0] is not str:
                named[f"to_{name}"] = _encoder(hint, f"{record_type.__name__}.{name}", as_text=as_text)
        terms = [
            f"to_{name}(record.{name})" if f"to_{name}" in named else f"record.{name}"
            for name in FIELD_NAMES[record_type]
        ]
        row = f"lambda seq, record: (seq, {', '.join(terms)})"  # of our own field names
        made = eval(row, dict(named))  # noqa: S307  # nosec B307
        self._row: Callable[[int, Record], tuple[object, ...]] = made

    def row(self, seq: int, record: Record) -> tuple[object, ...]:
        """Return the row of `record`, with `seq` in front.

        Raises:
            ValueError: a value cannot be kept, e.g. a time without zone or a required number that is NaN.
            TypeError: a mapping holds what JSON cannot say.
        """
        return self._row(seq, record)


class RowCanon:
    """Brings rows of one class to the form that is the same on every database: what a hash is taken of."""

    __slots__ = ("_conversions", "_table")

    def __init__(self, record_type: type[Record]) -> None:
        """Work out which columns drivers give in different forms."""
        self._table = record_type.TABLE
        found = [(place, _CANON.get(_core(hint)[0])) for place, (_, hint) in enumerate(_hints(record_type), start=2)]
        self._conversions = tuple((place, convert) for place, convert in found if convert is not None)

    def line(self, row: Iterable[object]) -> bytes:
        """Return one line of JSON for a row that begins with `seq`, as it goes to a driver or comes from one.

        Raises:
            TypeError, ValueError: a value is none that this program writes.
        """
        values = [self._table, *row]
        for place, convert in self._conversions:
            value = values[place]
            if value is not None:
                values[place] = convert(value)
        return orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE)


def plain_digits(value: Decimal | str) -> str:
    """Return a decimal, or its text, without an exponent and without zeros at the end of a fraction.

    Raises:
        ValueError: the text is no number.
    """
    digits = value if isinstance(value, str) else str(value)
    if "E" in digits or "e" in digits:
        try:
            number = Decimal(digits)
        except InvalidOperation as error:
            raise ValueError(f"{digits!r} is no number") from error
        digits = format(number, "f") if number else "0"
    digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return "0" if digits == "-0" else digits


def _moment_text(value: datetime | str) -> str:
    return value if isinstance(value, str) else time_text(value)


_CANON: Mapping[Any, Converter] = {datetime: _moment_text, Decimal: plain_digits, bool: int}


def _hints(record_type: type[Record]) -> list[tuple[str, Any]]:
    hints = get_type_hints(record_type)
    return [(name, hints[name]) for name in FIELD_NAMES[record_type]]


def _core(hint: Any) -> tuple[Any, bool]:
    """Return a hint without `None` and without NewType, and whether None was allowed."""
    nullable = False
    if get_origin(hint) in (Union, UnionType):
        nullable = True
        (hint,) = [part for part in get_args(hint) if part is not type(None)]
    return getattr(hint, "__supertype__", hint), nullable


def _is_mapping(core: Any) -> bool:
    return get_origin(core) is Mapping


def _encoder(hint: Any, name: str, *, as_text: bool) -> Converter:
    core, nullable = _core(hint)
    if core is float:
        return _known_or_none if nullable else _known(name)
    convert = _plain_encoder(core, as_text=as_text)
    return (lambda value: None if value is None else convert(value)) if nullable else convert


def _plain_encoder(core: Any, *, as_text: bool) -> Converter:
    if get_origin(core) is tuple:
        return _tuples_text
    if _is_mapping(core):
        return _numbers_text if get_args(core)[1] is float else json_text
    if core is datetime:
        return time_text if as_text else in_utc
    if core is Decimal:
        return str if as_text else Decimal
    if issubclass(core, Enum):
        return str
    if core not in (int, bool):
        raise TypeError(f"the journal has no column for {core!r}")
    builtin: Converter = core
    return builtin


def _known(name: str) -> Converter:
    """Return a converter that refuses NaN, which SQLite would silently turn into NULL."""

    def convert(value: float) -> float:
        if value != value:  # noqa: PLR0124 - NaN alone differs from itself; twice as fast as isnan
            raise ValueError(f"{name} must be a number, was NaN")
        return float(value)

    return convert


def _known_or_none(value: float | None) -> float | None:
    """Return a number, or None for one that is not known."""
    return None if value is None or value != value else float(value)  # noqa: PLR0124 - as above


def _tuples_text(value: Iterable[tuple[object, ...]]) -> str:
    """Return JSON of named tuples; as plain ones they are written without being asked for each."""
    return json_text([tuple(each) for each in value])


def _numbers_text(value: Mapping[str, float]) -> str:
    """Return JSON of named numbers; what is not finite is kept as a string ("nan", "inf", "-inf")."""
    return json_text({name: number if math.isfinite(number) else str(float(number)) for name, number in value.items()})


def _decoder(hint: Any) -> Converter:
    core, _ = _core(hint)
    if get_origin(core) is tuple:
        return _tuples(get_args(core)[0])
    if _is_mapping(core):
        return _numbers if get_args(core)[1] is float else _mapping
    if core is datetime:
        return _moment
    converter: Converter = core  # Decimal, float, int, bool, str and enums take what drivers give
    return converter


def _moment(value: str | datetime) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else in_utc(value)


def _mapping(value: str | dict[str, object]) -> dict[str, object]:
    if isinstance(value, dict):
        return value
    loaded: dict[str, object] = orjson.loads(value)
    return loaded


def _tuples(named: Any) -> Converter:
    """Return a converter from JSON arrays to tuples of a `NamedTuple`."""

    def convert(value: str | list[list[object]]) -> tuple[object, ...]:
        listed = orjson.loads(value) if isinstance(value, str) else value
        return tuple(named(*each) for each in listed)

    return convert


def _numbers(value: str | dict[str, object]) -> dict[str, float]:
    return {name: float(number) for name, number in _mapping(value).items()}  # type: ignore[arg-type]


_DECODERS: Mapping[type[Record], tuple[Converter, ...]] = {
    record_type: tuple(_decoder(hint) for _, hint in _hints(record_type)) for record_type in RECORD_TYPES
}
