"""Writes a report out: JSON for machines, one self-contained HTML page for people."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from daemon.reports import equity_curve as drawing
from daemon.reports import wording
from daemon.reports.values import DayReport

_TEMPLATES: Final = Path(__file__).parent / "templates"
_FILTERS: Final[Mapping[str, Callable[..., str]]] = {
    "money": wording.money,
    "quantity": wording.quantity,
    "price": wording.price,
    "percent": wording.percent,
    "figure": wording.figure,
    "words": wording.words,
    "outcome": wording.outcome,
    "direction": wording.direction,
}


def to_json(report: DayReport) -> bytes:
    """Return the report as JSON: times in UTC, money and quantities as text so that no digit is lost."""
    return orjson.dumps(report, default=_plain, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def to_html(report: DayReport) -> bytes:
    """Return the report as a page that needs no other file and no network."""
    zone = ZoneInfo(report.timezone)
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(_FILTERS, clock=partial(wording.clock, timezone=zone))
    curve = drawing.equity_curve(
        report.curve, start=report.result.start, opened=report.opened, closes=report.closes, timezone=zone
    )
    page = environment.get_template("day.html.j2").render(
        report=report,
        summary=wording.summary(report),
        curve=curve,
        drawing=drawing,
        zone=f"{report.opened.astimezone(zone):%Z}",
        opened=f"{report.opened.astimezone(zone):%H:%M}",
        closes=f"{report.closes.astimezone(zone):%H:%M}",
    )
    return page.encode()


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} has no form in JSON")
