"""What commands print: one JSON object for machines, plain tables for people."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]

_NARROWEST: Final = 100  # a pipe has no width: tables take what they need up to this


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table."""

    name: str
    number: bool = False  # right-aligned


def print_json(value: Mapping[str, object]) -> None:
    """Print one JSON object on a line of its own."""
    import orjson

    line = orjson.dumps(dict(value), default=_plain, option=orjson.OPT_NON_STR_KEYS)
    typer.echo(line.decode())


def print_facts(facts: Mapping[str, object]) -> None:
    """Print names and values in two columns."""
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        typer.echo(f"{name:<{width}}  {shown(value)}")


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> None:
    """Print rows below their headings; numbers to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column.name, justify="right" if column.number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(shown(value)) for value in row))  # Text: a value is never taken for markup
    terminal = sys.stdout.isatty()
    Console(file=sys.stdout, highlight=False, width=None if terminal else _NARROWEST).print(table)


def shown(value: object) -> str:
    """Return a value as people read it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.2f}".rstrip("0").rstrip(".")
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {shown(item)}" for name, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value)) or "none"
    return str(value)


def _plain(value: object) -> str:
    if isinstance(value, Decimal | Path | date):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")
