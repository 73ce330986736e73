"""What must never be shown: values under telling names, and values registered as secret."""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final

MASK: Final = "**********"
_TELLING: Final = (
    "token",
    "password",
    "passwd",
    "passphrase",
    "secret",
    "apikey",
    "authorization",
    "credential",
    "cookie",
)
_SHORTEST: Final = 6  # shorter values would mask ordinary words
_DEEPEST: Final = 6  # nested values below are shown as text
_HARMLESS: Final[frozenset[type]] = frozenset({int, float, bool, type(None), datetime, Decimal})
_URL_PASSWORD: Final = re.compile(r"(://[^\s:/@]*:)[^\s@/]+(?=@)")
_NAMED_VALUE: Final = re.compile(
    r"(?i)((?:token|password|passwd|secret|api[_-]?key|secret[_-]?key)\"?'?\s*[=:]\s*|authorization\"?'?\s*[=:]\s*|bearer\s+)"
    r"(?:(?:bearer|basic)\s+)?[^\s,;&]+"
)


@lru_cache(maxsize=2048)
def is_secret_name(name: str) -> bool:
    """Return whether a value under `name` is never shown."""
    plain = name.lower().replace("_", "").replace("-", "")
    return any(word in plain for word in _TELLING)


class Redactor:
    """Masks secrets in values of any shape; cheap while there is nothing to mask."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.harmless: frozenset[type] = _HARMLESS | {str}  # types whose values hold nothing to mask

    def register(self, value: str) -> None:
        """Mask `value` wherever it turns up from now on; values under six characters are too common to mask."""
        if len(value) >= _SHORTEST and value not in self._values:
            self._values.add(value)
            longest_first = sorted(self._values, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))
            self.harmless = _HARMLESS

    def text(self, text: str) -> str:
        """Return `text` with registered values masked."""
        return text if self._pattern is None else self._pattern.sub(MASK, text)

    def foreign_text(self, text: str) -> str:
        """Return `text` that others wrote (messages, tracebacks), also without what looks like a secret."""
        return _NAMED_VALUE.sub(rf"\1{MASK}", _URL_PASSWORD.sub(rf"\1{MASK}", self.text(text)))

    def value(self, value: object, depth: int = 0) -> object:
        """Return `value` with every secret in it masked, however it is nested."""
        if type(value) in self.harmless:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            if depth >= _DEEPEST:
                return self.text(str(value))
            return {
                self.text(str(name)): MASK if is_secret_name(str(name)) else self.value(item, depth + 1)
                for name, item in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset):
            if depth >= _DEEPEST:
                return self.text(str(value))
            return [self.value(item, depth + 1) for item in value]
        if isinstance(value, bytes | BaseException):
            return self.foreign_text(str(value))
        return value
