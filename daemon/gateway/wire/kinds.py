"""The types a single field can have, and how each is written as text and read back."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

UNSET_INT = 2147483647
UNSET_FLOAT = 1.7976931348623157e308
UNSET_FLOAT_TEXT = "1.7976931348623157E308"
UNSET_DECIMALS = (Decimal(2**127 - 1), Decimal(UNSET_INT), Decimal(UNSET_FLOAT_TEXT))
FRACTIONAL_SIZES = 163  # first version whose clients read sizes as decimals
LARGEST_INT = 2**63 - 1  # what the protocol's own programs can hold
MAX_EXPONENT = 40  # a longer number is an attack, not a quantity

_INT = re.compile(r"[+-]?\d{1,40}", re.ASCII)
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U(000[0-9a-fA-F]{5}|0010[0-9a-fA-F]{4})|(\\))")
_NOT_PLAIN = re.compile(r"[^ -\[\]-~]")
_INFINITE = frozenset({"Infinite", "Infinity", "inf"})
_ORDER_TYPES = {"PEGBENCH": "PEG BENCH", "PEGBEST": "PEG BEST", "PEGMID": "PEG MID"}


@dataclass(frozen=True, slots=True)
class Kind:
    """A field type; both functions raise ValueError or TypeError on what they cannot handle."""

    name: str
    encode: Callable[[object, int], str]  # value, negotiated version
    decode: Callable[[str], object]


def decimal_text(value: Decimal) -> str:
    """The shortest plain spelling: 100, 0.5, never 1E+2."""
    if not value.is_finite() or abs(value.adjusted()) > MAX_EXPONENT:
        raise ValueError("not a finite number of sane size")
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def size_text(value: Decimal, version: int) -> str:
    """A size as the version's clients read it: before 163 they call int() on it, so cut fractions."""
    return decimal_text(value if version >= FRACTIONAL_SIZES else Decimal(int(value)))


def float_text(value: float) -> str:
    """A float as Python and Java both read it."""
    if math.isfinite(value):
        return repr(float(value))
    if value == math.inf:
        return "Infinity"
    raise ValueError("not a number a client can use")


def _encode_int(value: object, version: int) -> str:
    if not isinstance(value, int):
        raise TypeError("not an int")
    return str(int(value))


def _decode_int(text: str) -> int:
    if not text:
        return 0
    if not _INT.fullmatch(text):
        raise ValueError("not an integer")
    number = int(text)
    if abs(number) > LARGEST_INT:
        raise ValueError("not an integer of 64 bits")
    return number


def _decode_int_or_zero(text: str) -> int:
    number = _decode_int(text)
    return 0 if number == UNSET_INT else number


def _decode_optional_int(text: str) -> int | None:
    number = _decode_int(text)
    return None if not text or number == UNSET_INT else number


def _encode_optional_int(value: object, version: int) -> str:
    return "" if value is None else _encode_int(value, version)


def _encode_float(value: object, version: int) -> str:
    if not isinstance(value, float | int):
        raise TypeError("not a float")
    return float_text(value)


def _encode_optional_float(value: object, version: int) -> str:
    return "" if value is None else _encode_float(value, version)


def _encode_sentinel_float(value: object, version: int) -> str:
    return UNSET_FLOAT_TEXT if value is None else _encode_float(value, version)


def _encode_client_float(value: object, version: int) -> str:
    return "Infinite" if value == math.inf else _encode_optional_float(value, version)


def _decode_optional_float(text: str) -> float | None:
    if not text:
        return None
    if text in _INFINITE:
        return math.inf
    number = float(text) if _FLOAT.fullmatch(text) else math.nan
    if not math.isfinite(number):
        raise ValueError("not a number")
    return None if number == UNSET_FLOAT else number


def _decode_float(text: str) -> float:
    number = _decode_optional_float(text)
    return 0.0 if number is None else number


def _encode_bool(value: object, version: int) -> str:
    return "1" if value else "0"


def _encode_word(value: object, version: int) -> str:
    return "true" if value else "false"


def _encode_optional_bool(value: object, version: int) -> str:
    return "" if value is None else _encode_bool(value, version)


def _decode_optional_bool(text: str) -> bool | None:
    if not text:
        return None
    lowered = text.lower()
    if lowered not in ("0", "1", "false", "true"):
        raise ValueError("not a boolean")
    return lowered in ("1", "true")


def _decode_bool(text: str) -> bool:
    return _decode_optional_bool(text) is True


def _encode_decimal(value: object, version: int) -> str:
    if not isinstance(value, Decimal | int):
        raise TypeError("not a Decimal")
    return decimal_text(Decimal(value))


def _encode_size(value: object, version: int) -> str:
    if not isinstance(value, Decimal | int):
        raise TypeError("not a Decimal")
    return size_text(Decimal(value), version)


def _decode_decimal(text: str) -> Decimal:
    if not text:
        return Decimal(0)
    if not _FLOAT.fullmatch(text):
        raise ValueError("not a decimal number")
    number = Decimal(text)
    if number in UNSET_DECIMALS:
        return Decimal(0)
    if abs(number.adjusted()) > MAX_EXPONENT:
        raise ValueError("not a decimal number of sane size")
    return number


def _encode_text(value: object, version: int) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    if "\0" in value:
        raise ValueError("a field cannot contain NUL")
    return value


def _decode_text(text: str) -> str:
    return text


def _escape(match: re.Match[str]) -> str:
    char = match.group()
    if char == "\\":
        return "\\\\"
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08x}"


def _encode_escaped(value: object, version: int) -> str:
    return _NOT_PLAIN.sub(_escape, _encode_text(value, version))


def _unescape(match: re.Match[str]) -> str:
    code = match.group(1) or match.group(2)
    return chr(int(code, 16)) if code else "\\"


def _decode_escaped(text: str) -> str:
    return _ESCAPE.sub(_unescape, text)


def _decode_order_type(text: str) -> str:
    return _ORDER_TYPES.get(text, text)


IDENTIFIER = Kind("identifier", _encode_int, _decode_int)  # every value is itself, no unset
INT = Kind("int", _encode_int, _decode_int_or_zero)  # unset reads as 0
OPTIONAL_INT = Kind("optional int", _encode_optional_int, _decode_optional_int)
FLOAT = Kind("float", _encode_float, _decode_float)  # unset reads as 0.0
OPTIONAL_FLOAT = Kind("optional float", _encode_optional_float, _decode_optional_float)
SENTINEL_FLOAT = Kind("sentinel float", _encode_sentinel_float, _decode_optional_float)  # unset is sent as DBL_MAX
CLIENT_FLOAT = Kind("client float", _encode_client_float, _decode_optional_float)  # +inf is sent as "Infinite"
BOOL = Kind("bool", _encode_bool, _decode_bool)
WORD_BOOL = Kind("bool in words", _encode_word, _decode_bool)  # "true" and "false"
OPTIONAL_BOOL = Kind("optional bool", _encode_optional_bool, _decode_optional_bool)
DECIMAL = Kind("decimal", _encode_decimal, _decode_decimal)  # position or order quantity
SIZE = Kind("size", _encode_size, _decode_decimal)  # market data size: whole below 163
TEXT = Kind("text", _encode_text, _decode_text)
ESCAPED = Kind("escaped text", _encode_escaped, _decode_escaped)  # printable ASCII with \uXXXX
ORDER_TYPE = Kind("order type", _encode_text, _decode_order_type)  # one spelling, so that blocks can key on it
