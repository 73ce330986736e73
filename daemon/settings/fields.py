"""The kinds of value a setting can have, each with its bounds and its own words for what is wrong."""

import math
import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema

from daemon.domain.timeframe import Timeframe

_SYMBOL: Final = re.compile(r"[A-Z][A-Z0-9. -]{0,15}")


def _number(value: object) -> object:
    if value is True or value is False:
        raise ValueError("must be a number, not true or false; write digits")
    return value


def _plain(value: Decimal) -> Decimal:
    """Return one spelling for equal amounts (5E+4, 50000.0 -> 50000), so that equal settings have equal hashes."""
    return Decimal(format(value.normalize(), "f"))


def _location(value: Path) -> Path:
    if not str(value).isascii() and any("\ud800" <= letter <= "\udfff" for letter in str(value)):
        raise ValueError("has bytes that are not UTF-8; rename the file or folder")
    return value


def _symbol(value: str) -> str:
    if _SYMBOL.fullmatch(value) is None:
        upper = value.strip().upper()
        cure = f"write {upper}" if _SYMBOL.fullmatch(upper) else "write an exchange symbol such as SPY"
        raise ValueError(f"must be an upper-case symbol; {cure}")
    return value


def _timeframe(value: object) -> Timeframe:
    return value if isinstance(value, Timeframe) else Timeframe.parse(str(value))


def _speed(value: object) -> float | Literal["max"]:
    if value == "max":
        return "max"
    problem = 'must be a number > 0 or the word max; write 60 for sixty times the clock, or "max"'
    try:
        speed = float(str(value))
    except ValueError:
        raise ValueError(problem) from None
    if not (math.isfinite(speed) and speed > 0):
        raise ValueError(problem)
    return speed


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, LookupError, OSError):  # unknown, or no name of a zone at all
        raise ValueError("must be a time zone of the IANA list; write it like America/New_York") from None
    return value


_NUMBER: Final = BeforeValidator(_number)

Port = Annotated[int, Field(ge=1, le=65535), _NUMBER]
Count = Annotated[int, Field(ge=1), _NUMBER]
Natural = Annotated[int, Field(ge=0), _NUMBER]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False), _NUMBER]
Delay = Annotated[float, Field(ge=0, allow_inf_nan=False), _NUMBER]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False), _NUMBER]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), _NUMBER]
Amount = Annotated[Decimal, Field(gt=0), AfterValidator(_plain), _NUMBER]
Fraction = Annotated[Decimal, Field(gt=0, le=1), AfterValidator(_plain), _NUMBER]
Rate = Annotated[Decimal, Field(ge=0, lt=1), AfterValidator(_plain), _NUMBER]
TimeOfDay = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Zone = Annotated[str, AfterValidator(_zone)]
Location = Annotated[Path, AfterValidator(_location)]
Symbol = Annotated[str, AfterValidator(_symbol)]
Speed = Annotated[float | Literal["max"], BeforeValidator(_speed)]
Frame = Annotated[
    Timeframe,
    PlainValidator(_timeframe),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^[1-9][0-9]{0,4}[smhd]$"}),
]
