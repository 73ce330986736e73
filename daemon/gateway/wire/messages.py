"""Message tables: which id and layout every message class has, and finding the right one."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic

from daemon.gateway.wire.errors import FieldError
from daemon.gateway.wire.fields import Cursor, Writer
from daemon.gateway.wire.tables import ALWAYS, Constant, Layout, T_co, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Anything a client can send."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """Anything a server can send."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownMessage:
    """A well-formed id that no message has, or none at this version: answer with error 505."""

    msg_id: int


@dataclass(frozen=True, slots=True)
class Message(Generic[T_co]):
    """One row of a message table."""

    msg_id: int
    layout: Layout[T_co]
    since: int = ALWAYS
    selector: tuple[int, frozenset[str]] | None = None  # field number and texts, when an id is shared

    def fits(self, fields: list[str], version: int) -> bool:
        """Whether this row describes these fields."""
        if version < self.since:
            return False
        if self.selector is None:
            return True
        position, texts = self.selector
        return len(fields) > position and fields[position] in texts


def message(
    msg_id: int,
    cls: type[T_co],
    *table: Table,
    v: int | None = None,
    since: int = ALWAYS,
    selector: tuple[int, frozenset[str]] | None = None,
) -> Message[T_co]:
    """A row from its tables in a row; `v` is the literal version field after the id, if there is one."""
    head: Table = () if v is None else (Constant("version", str(v)),)
    return Message(msg_id, Layout(cls, head + tuple(part for parts in table for part in parts)), since, selector)


class Catalogue(Generic[T_co]):
    """All messages of one direction, by id and by class."""

    def __init__(self, rows: Iterable[Message[T_co]]) -> None:
        self.rows = tuple(rows)
        self._by_class: dict[type, Message[T_co]] = {row.layout.cls: row for row in self.rows}
        self._by_id: dict[int, list[Message[T_co]]] = {}
        for row in self.rows:
            self._by_id.setdefault(row.msg_id, []).append(row)

    def encode(self, value: object, version: int) -> list[str]:
        """Write a message.

        Raises:
            FieldError: the class is not in this catalogue or not in this version, or a value cannot
                be written.
        """
        name = type(value).__name__
        row = self._by_class.get(type(value))
        if row is None or version < row.since:
            raise FieldError(message=name, field="message", value=name, reason=f"not a message of version {version}")
        writer = Writer(name, version)
        writer.fields.append(str(row.msg_id))
        row.layout.write(value, writer)
        return writer.fields

    def decode(self, fields: list[str], version: int) -> T_co | UnknownMessage:
        """Read a message.

        Raises:
            FieldError: the fields are not what the table says.
        """
        msg_id = self._message_id(fields)
        rows = self._by_id.get(msg_id, [])
        row = next((row for row in rows if row.fits(fields, version)), None)
        if row is None:
            return UnknownMessage(msg_id=msg_id)
        cursor = Cursor(row.layout.cls.__name__, version, fields)
        value = row.layout.read(cursor)
        cursor.finish()
        return value

    @staticmethod
    def _message_id(fields: list[str]) -> int:
        text = fields[0] if fields else ""
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise FieldError(message="frame", field="message id", value=text, reason="not a message id")
        return int(text)
