"""What is wrong with a configuration, in words: `key: value … problem; cure [where]`."""

import difflib
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticUndefined

from daemon.runtime.redaction import MASK, is_secret_name
from daemon.settings.model import Settings

Key = tuple[str | int, ...]

_LONGEST_SHOWN: Final = 60


class _Nothing(Enum):
    NOTHING = "nothing"


NOTHING: Final = _Nothing.NOTHING  # no value to show


class Verbatim(str):
    """A value that is shown as it is, because whoever found the fault has spelled it already."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing a person has to change."""

    key: Key
    problem: str
    cure: str
    value: object = NOTHING

    def line(self, where: str = "") -> str:
        """Return the fault as one line; `where` says which file, variable or option it came from."""
        value = "" if self.value is NOTHING else f" {_shown(self.key, self.value)}"
        cure = f"; {self.cure}" if self.cure else ""
        return f"{spelled(self.key)}:{value} … {self.problem}{cure}" + (f" [{where}]" if where else "")


def spelled(key: Key) -> str:
    """Return a key as people write it: strategies[0].capital."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).lstrip(".")


def from_pydantic(errors: Iterable[ErrorDetails]) -> Iterator[Fault]:
    """Yield pydantic's errors as faults, without those that only follow from another."""
    for error in errors:
        key = tuple(part for part in error["loc"] if part != "[key]")
        kind = error["type"]
        if kind == "too_short" and error["input"]:
            continue  # its items are at fault, each on a line of its own
        if kind == "extra_forbidden":
            yield _unknown_key(key, error["input"])
            continue
        problem, cure = _worded(kind, error)
        value = NOTHING if kind == "missing" else error["input"]
        yield Fault(key=key, problem=problem, cure=cure or _default_cure(key), value=value)


def field_at(key: Key) -> FieldInfo | None:
    """Return the field that `key` names, or None when it names no field of a section."""
    if not key or not isinstance(key[-1], str):
        return None
    section = section_at(key[:-1])
    return section.model_fields.get(key[-1]) if section else None


def section_at(key: Key) -> type[BaseModel] | None:
    """Return the model that `key` names, or None when it names a value."""
    section: type[BaseModel] = Settings
    for part in key:
        if isinstance(part, int):
            continue
        field = section.model_fields.get(part)
        inner = next(_models_in(field.annotation), None) if field else None
        if inner is None:
            return None
        section = inner
    return section


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models_in(argument)


def _unknown_key(key: Key, value: object) -> Fault:
    name = str(key[-1])
    section = section_at(key[:-1])
    known = list(section.model_fields) if section else []
    near = difflib.get_close_matches(name.lower(), known, n=1)
    elsewhere = [spelled(path) for path in _all_keys(Settings, ()) if path[-1] == name]
    if near:
        cure = f"did you mean {near[0]}?"
    elif elsewhere:
        cure = f"it belongs to {' or '.join(elsewhere)}"
    else:
        cure = f"known here: {', '.join(known)}"
    return Fault(key=key, problem="unknown key", cure=cure, value=value)


def _all_keys(section: type[BaseModel], prefix: Key) -> Iterator[Key]:
    for name, field in section.model_fields.items():
        yield (*prefix, name)
        for inner in _models_in(field.annotation):
            yield from _all_keys(inner, (*prefix, name))


_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "missing": ("is required", "add it"),
    "int_from_float": ("must be a whole number", ""),
    "int_parsing": ("must be a whole number", ""),
    "int_type": ("must be a whole number", ""),
    "float_parsing": ("must be a number", ""),
    "float_type": ("must be a number", ""),
    "decimal_parsing": ("must be a number", ""),
    "decimal_type": ("must be a number", ""),
    "finite_number": ("must be a finite number", ""),
    "bool_parsing": ("must be true or false", ""),
    "bool_type": ("must be true or false", ""),
    "string_type": ("must be text", "put it in quotes"),
    "string_too_short": ("must not be empty", ""),
    "path_type": ("must be a path", "put it in quotes"),
    "too_short": ("must not be empty", "name at least one"),
    "tuple_type": ("must be a list", "write [a, b]"),
    "mapping_type": ("must be a mapping", "write one `key: value` a line below it"),
    "dict_type": ("must be a mapping", "write one `key: value` a line below it"),
    "model_type": ("must be a mapping", "write one `key: value` a line below it"),
    "model_attributes_type": ("must be a mapping", "write one `key: value` a line below it"),
}
_BOUNDS: Final[Mapping[str, tuple[str, str]]] = {
    "greater_than": ("gt", ">"),
    "greater_than_equal": ("ge", "≥"),
    "less_than": ("lt", "<"),
    "less_than_equal": ("le", "≤"),
}


def _worded(kind: str, error: ErrorDetails) -> tuple[str, str]:
    context = error.get("ctx", {})
    if kind in _WORDS:
        return _WORDS[kind]
    if kind in _BOUNDS:
        name, sign = _BOUNDS[kind]
        return f"must be {sign} {_plain(context[name])}", ""
    if kind == "literal_error":
        return _not_among(str(context["expected"]), error["input"])
    if kind.startswith("date_"):
        return "must be a date", "write year-month-day, such as 2026-03-02"
    if kind == "string_pattern_mismatch":
        return f"must have the form {context['pattern']}", ""
    if kind == "value_error":
        problem, _, cure = str(context["error"]).partition("; ")
        return problem, cure
    return error["msg"][:1].lower() + error["msg"][1:], ""


def _not_among(expected: str, value: object) -> tuple[str, str]:
    allowed = [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")]
    near = difflib.get_close_matches(str(value), allowed, n=1)
    return f"must be one of {', '.join(allowed)}", f"did you mean {near[0]}?" if near else ""


def _default_cure(key: Key) -> str:
    field = field_at(key)
    if field is None or field.default is PydanticUndefined:
        return ""
    return f"the default is {_shown(key, field.default)}"


def _shown(key: Key, value: object) -> str:
    if _is_secret(key):
        return MASK
    text = _plain(value)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def _is_secret(key: Key) -> bool:
    field = field_at(key)
    held = field is not None and "SecretStr" in str(field.annotation)
    return held or any(is_secret_name(str(part)) for part in key)


def _plain(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, SecretStr):
        return MASK
    if isinstance(value, str):
        return str(value) if isinstance(value, Verbatim) else repr(value)
    if isinstance(value, Mapping):
        inside = (f"{name}: {MASK if is_secret_name(str(name)) else _plain(item)}" for name, item in value.items())
        return f"{{{', '.join(inside)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_plain, value))}]"
    return str(value)
