"""Field tables: the parts a message is made of; one table both writes and reads.

A part knows the path of its value in the message ("order.tif") and the versions it exists in.
A `Layout` binds a table to the dataclass it describes.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Generic, Protocol, TypeVar, get_type_hints

from daemon.gateway.wire.fields import Cursor, Writer
from daemon.gateway.wire.kinds import BOOL, IDENTIFIER, Kind

ALWAYS = 0
FOREVER = 1_000_000

T_co = TypeVar("T_co", covariant=True)
Draft = dict[str, object]  # values read so far, by path


class Part(Protocol):
    """One entry of a field table."""

    @property
    def since(self) -> int:
        """First version that has this part."""
        ...

    @property
    def until(self) -> int:
        """Last version that has this part."""
        ...

    def write(self, source: object, writer: Writer) -> None:
        """Append this part of `source`."""
        ...

    def read(self, cursor: Cursor, draft: Draft) -> None:
        """Read this part into `draft`."""
        ...


Table = tuple[Part, ...]


def write_table(table: Table, source: object, writer: Writer) -> None:
    """Append every part the writer's version has."""
    for part in table:
        if part.since <= writer.version <= part.until:
            part.write(source, writer)


def read_table(table: Table, cursor: Cursor, draft: Draft) -> None:
    """Read every part the cursor's version has."""
    for part in table:
        if part.since <= cursor.version <= part.until:
            part.read(cursor, draft)


@dataclass(frozen=True, slots=True)
class Layout(Generic[T_co]):
    """A dataclass and the table that spells it; a path "a.b" goes to field b of the dataclass in a."""

    cls: type[T_co]
    table: Table
    _hints: Mapping[str, Callable[..., object]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hints", get_type_hints(self.cls))

    def write(self, source: object, writer: Writer) -> None:
        """Append all fields of `source`."""
        write_table(self.table, source, writer)

    def read(self, cursor: Cursor) -> T_co:
        """Read all fields and build the value; what is not on the wire keeps its default."""
        draft: Draft = {}
        read_table(self.table, cursor, draft)
        return self.build(draft)

    def build(self, draft: Draft) -> T_co:
        """Make the value from its parts' values by path."""
        own: Draft = {}
        nested: dict[str, Draft] = {}
        for path, value in draft.items():
            head, dot, tail = path.partition(".")
            if dot:
                nested.setdefault(head, {})[tail] = value
            else:
                own[head] = value
        for head, values in nested.items():
            own[head] = self._hints[head](**values)
        make: Callable[..., T_co] = self.cls
        return make(**own)


@dataclass(frozen=True, slots=True)
class Field:
    """One value in one field."""

    path: str
    kind: Kind
    since: int = ALWAYS
    until: int = FOREVER
    _get: Callable[[object], object] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_get", attrgetter(self.path))

    def write(self, source: object, writer: Writer) -> None:
        """Append the value."""
        writer.put(self.path, self.kind, self._get(source))

    def read(self, cursor: Cursor, draft: Draft) -> None:
        """Read the value."""
        draft[self.path] = cursor.take(self.path, self.kind)


@dataclass(frozen=True, slots=True)
class Constant:
    """A field that always carries the same text and that no reader looks at."""

    name: str
    text: str
    since: int = ALWAYS
    until: int = FOREVER

    def write(self, source: object, writer: Writer) -> None:
        """Append the text."""
        writer.fields.append(self.text)

    def read(self, cursor: Cursor, draft: Draft) -> None:
        """Pass over whatever the peer put there."""
        cursor.skip(self.name)


@dataclass(frozen=True, slots=True)
class When:
    """Parts that are there only if a value written before them passes a test."""

    path: str
    test: Callable[[object], bool]
    table: Table
    since: int = ALWAYS
    until: int = FOREVER

    def write(self, source: object, writer: Writer) -> None:
        """Append the parts if the test passes."""
        value: object = attrgetter(self.path)(source)
        if self.test(value):
            write_table(self.table, source, writer)

    def read(self, cursor: Cursor, draft: Draft) -> None:
        """Read the parts if the test passes."""
        if self.test(draft[self.path]):
            read_table(self.table, cursor, draft)


@dataclass(frozen=True, slots=True)
class Maybe:
    """A flag, and after a 1 the record it announces."""

    path: str
    layout: Layout[object]
    since: int = ALWAYS
    until: int = FOREVER

    def write(self, source: object, writer: Writer) -> None:
        """Append the flag, and the record if there is one."""
        record: object = attrgetter(self.path)(source)
        writer.put(self.path, BOOL, record is not None)
        if record is not None:
            self.layout.write(record, writer)

    def read(self, cursor: Cursor, draft: Draft) -> None:
        """Read the flag, and after a 1 the record."""
        present = cursor.take(self.path, BOOL)
        draft[self.path] = self.layout.read(cursor) if present else None


@dataclass(frozen=True, slots=True)
class Many:
    """A count, then that many records."""

    path: str
    layout: Layout[object]
    since: int = ALWAYS
    until: int = FOREVER

    def write(self, source: object, writer: Writer) -> None:
        """Append the count and the records."""
        records: tuple[object, ...] = attrgetter(self.path)(source)
        writer.put_count(len(records))
        for record in records:
            self.layout.write(record, writer)

    def read(self, cursor: Cursor, draft: Draft) -> None:
        """Read the count and as many records."""
        count = cursor.take_count(self.path)
        draft[self.path] = tuple(self.layout.read(cursor) for _ in range(count))


@dataclass(frozen=True, slots=True)
class ManyOf:
    """A count, then that many single fields."""

    path: str
    kind: Kind
    since: int = ALWAYS
    until: int = FOREVER

    def write(self, source: object, writer: Writer) -> None:
        """Append the count and the values."""
        values: tuple[object, ...] = attrgetter(self.path)(source)
        writer.put_count(len(values))
        for value in values:
            writer.put(self.path, self.kind, value)

    def read(self, cursor: Cursor, draft: Draft) -> None:
        """Read the count and as many values."""
        count = cursor.take_count(self.path)
        draft[self.path] = tuple(cursor.take(self.path, self.kind) for _ in range(count))


@dataclass(frozen=True, slots=True)
class Variants:
    """A count, then that many records whose first field says which layout follows."""

    path: str
    layouts: Mapping[int, Layout[object]]
    since: int = ALWAYS
    until: int = FOREVER

    def write(self, source: object, writer: Writer) -> None:
        """Append the count, and every record after its number."""
        records: tuple[object, ...] = attrgetter(self.path)(source)
        numbers = {layout.cls: number for number, layout in self.layouts.items()}
        writer.put_count(len(records))
        for record in records:
            number = numbers[type(record)]
            writer.put(self.path, IDENTIFIER, number)
            self.layouts[number].write(record, writer)

    def read(self, cursor: Cursor, draft: Draft) -> None:
        """Read the count, and every record by its number."""
        count = cursor.take_count(self.path)
        draft[self.path] = tuple(self._read_one(cursor) for _ in range(count))

    def _read_one(self, cursor: Cursor) -> object:
        number = cursor.take(self.path, IDENTIFIER)
        layout = self.layouts.get(number) if isinstance(number, int) else None
        if layout is None:
            raise cursor.fault(self.path, str(number), "no such type")
        return layout.read(cursor)


@dataclass(frozen=True, slots=True)
class OptionsTail:
    """The end of the oldest requests: an option count and one field of options.

    ibapi 10.x sends only one of the two, so what is left of the message decides.
    """

    path: str
    since: int = ALWAYS
    until: int = FOREVER

    def write(self, source: object, writer: Writer) -> None:
        """Append both fields."""
        options: str = attrgetter(self.path)(source)
        writer.put_count(options.count(";"))
        writer.fields.append(options)

    def read(self, cursor: Cursor, draft: Draft) -> None:
        """Read what is left, and keep the options."""
        last = ""
        for _ in range(min(cursor.left, 2)):
            last = cursor.skip(self.path)
        draft[self.path] = "" if last == "0" else last


def each(kind: Kind, *paths: str) -> Table:
    """Consecutive fields of the same kind."""
    return tuple(Field(path, kind) for path in paths)


REQ_ID: Table = each(IDENTIFIER, "req_id")


def is_one_of(*texts: str) -> Callable[[object], bool]:
    """Test: the value is one of these."""
    return lambda value: value in texts


def is_set(value: object) -> bool:
    """Test: there is some text, or at least one record."""
    return bool(value)


def is_positive(value: object) -> bool:
    """Test: a number above zero; +inf does not count, no client does so."""
    return isinstance(value, float | int) and 0 < value < math.inf


def is_infinite(value: object) -> bool:
    """Test: +inf, which stands for "up to mid"."""
    return value == math.inf
