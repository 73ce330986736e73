"""One message being written or read, field by field; every fault names the message and the field."""

from daemon.gateway.wire.errors import FieldError
from daemon.gateway.wire.kinds import Kind


class Writer:
    """The fields of one message being written."""

    __slots__ = ("fields", "message", "version")

    def __init__(self, message: str, version: int) -> None:
        self.message = message
        self.version = version
        self.fields: list[str] = []

    def put(self, path: str, kind: Kind, value: object) -> None:
        """Append one value, or raise a FieldError that names it."""
        try:
            self.fields.append(kind.encode(value, self.version))
        except (ValueError, TypeError, ArithmeticError) as fault:
            raise FieldError(message=self.message, field=path, value=repr(value), reason=str(fault)) from fault

    def put_count(self, count: int) -> None:
        """Append the number of repetitions that follow."""
        self.fields.append(str(count))


class Cursor:
    """A position in the fields of one message being read."""

    __slots__ = ("_at", "_fields", "message", "version")

    def __init__(self, message: str, version: int, fields: list[str]) -> None:
        self.message = message
        self.version = version
        self._fields = fields
        self._at = 1  # field 0 is the message id

    @property
    def left(self) -> int:
        """How many fields are still unread."""
        return len(self._fields) - self._at

    def skip(self, path: str) -> str:
        """Pass over the next field whatever it holds, and return its text."""
        if self._at >= len(self._fields):
            raise self.fault(path, "", "the message ends before this field")
        self._at += 1
        return self._fields[self._at - 1]

    def take(self, path: str, kind: Kind) -> object:
        """Read the next field, or raise a FieldError that names it."""
        text = self.skip(path)
        try:
            return kind.decode(text)
        except (ValueError, ArithmeticError) as fault:
            raise self.fault(path, text, str(fault)) from fault

    def take_count(self, path: str) -> int:
        """Read the number of repetitions that follow; more than there are fields left is a fault."""
        text = self.skip(path)
        count = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
        if not text or 0 <= count <= self.left:
            return max(count, 0)
        raise self.fault(path, text, f"not a count that fits the {self.left} fields left")

    def finish(self) -> None:
        """Raise when fields are left over: the two ends do not agree on the layout."""
        if self.left:
            raise self.fault("end", self._fields[self._at], f"{self.left} fields too many")

    def fault(self, path: str, value: str, reason: str) -> FieldError:
        """An error about this message."""
        return FieldError(message=self.message, field=path, value=value, reason=reason)
