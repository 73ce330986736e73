"""Writes a tear sheet out: JSON for machines, one self-contained page without scripts for people."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from daemon.reports import tear_sheet_plots as plots
from daemon.reports import wording
from daemon.reports.files import write_whole
from daemon.reports.tear_sheet import counted
from daemon.reports.tear_sheet_values import Figure, TearSheet, Unit

Format = Literal["html", "json"]
FORMATS: Final[tuple[Format, ...]] = ("html", "json")
SHOWN_TRADES: Final = 200

_TEMPLATES: Final = Path(__file__).parent / "templates"
_CARDS: Final = (
    "total_return",
    "cagr",
    "max_drawdown",
    "volatility",
    "sharpe",
    "sortino",
    "hit_rate",
    "profit_factor",
)
_SIGNED: Final = frozenset({"Total return", "CAGR", "Expectancy", "Average win", "Average loss"})
_YEARLY: Final = " × a year"
_SHADES: Final = 5  # of the monthly table
_DEEPEST_SHADE: Final = 0.10  # a month of 10 % and more
_MINUTE_S: Final = 60
_HOUR_S: Final = 3_600
_DAY_S: Final = 86_400
_LONG_S: Final = 10 * _DAY_S  # hours matter no more


def to_json(sheet: TearSheet) -> bytes:
    """Return the sheet as JSON: times in UTC, money of trades as text so that no digit is lost, nothing for None."""
    return orjson.dumps(sheet, default=_plain, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def to_html(sheet: TearSheet) -> bytes:
    """Return the sheet as a page that needs no other file and no network."""
    zone = ZoneInfo(sheet.settings.timezone)
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(_filters(zone))
    page = environment.get_template("tear_sheet.html.j2").render(
        sheet=sheet,
        settings=sheet.settings,
        summary=summary(sheet, zone),
        span=span(sheet, zone),
        cards=[sheet.figures[name] for name in _CARDS],
        level=f"{sheet.method.level * 100:g} %",
        equity=plots.equity_plots(sheet.curve, zone),
        drawdown=plots.drawdown_plots(sheet.curve, zone),
        spread=plots.spread_plots([float(trade.pnl) for trade in sheet.trades]),
        shown_trades=sheet.trades[:SHOWN_TRADES],
        several=len({(trade.strategy) for trade in sheet.trades}) > 1,
        months=("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    )
    return page.encode()


def write_tear_sheet(
    sheet: TearSheet, directory: Path, *, stem: str = "tear-sheet", formats: tuple[Format, ...] = FORMATS
) -> dict[Format, Path]:
    """Write `<stem>.html` and `<stem>.json` and return where they are.

    Raises:
        OSError: a file could not be written; an earlier one of that name is as it was.
    """
    directory.mkdir(parents=True, exist_ok=True)
    writers: dict[Format, Callable[[TearSheet], bytes]] = {"html": to_html, "json": to_json}
    written: dict[Format, Path] = {}
    for form in formats:
        written[form] = directory / f"{stem}.{form}"
        write_whole(written[form], writers[form](sheet))
    return written


def summary(sheet: TearSheet, zone: ZoneInfo) -> tuple[str, ...]:
    """Return what a person wants to know first, in sentences."""
    unit = sheet.settings.currency
    change = sheet.end_equity - sheet.start_equity
    moved = "unchanged" if not change else f"{'up' if change > 0 else 'down'} {_money(abs(change))}"
    total = sheet.figures["total_return"]
    by = f" ({shown(total)})" if change and total.value is not None else ""
    when = span(sheet, zone)
    when = f"from {when}" if " to " in when else f"on {when}"
    start, end = _money(sheet.start_equity), _money(sheet.end_equity)
    return (f"{start} {unit} became {end} {when}, {moved}{by}.", _trades(sheet))


def span(sheet: TearSheet, zone: ZoneInfo) -> str:
    """Return the days of a run: one, or the first and the last."""
    first, last = _day(sheet.start, zone), _day(sheet.end, zone)
    return first if first == last else f"{first} to {last}"


def _trades(sheet: TearSheet) -> str:
    statistics, costs = sheet.trade_statistics, sheet.costs
    if not costs.executions:
        return "Nothing was traded."
    paid = f"for {wording.money(costs.commission)} of commission"
    if not statistics.count:
        return f"{counted(costs.executions, 'execution')} closed no trade, {paid}."
    return (
        f"{counted(statistics.count, 'trade')}, {statistics.wins:,} with a gain and {statistics.losses:,} with a loss, "
        f"{paid}."
    )


def shown(figure: Figure) -> str:
    """Return a figure's value in words."""
    return in_unit(figure.value, figure.unit, sign=figure.label in _SIGNED)


def interval(figure: Figure) -> str:
    """Return the ends of a figure's interval in words, or why there is none."""
    if figure.low is None or figure.high is None:
        return f"no interval: {figure.missing}" if figure.value is not None else figure.missing
    sign = figure.label in _SIGNED
    low, high = in_unit(figure.low, figure.unit, sign=sign), in_unit(figure.high, figure.unit, sign=sign)
    return f"{low.removesuffix(_YEARLY)} to {high}"


def in_unit(value: float | None, unit: Unit, *, sign: bool = False) -> str:
    """Return a number as a reader wants it."""
    if value is None:
        return wording.NOTHING
    plus = "+" if sign and value > 0 else ""
    match unit:
        case Unit.FRACTION:
            return f"{plus}{wording.figure(value * 100)} %"
        case Unit.RATIO:
            return wording.figure(value)
        case Unit.MONEY:
            return f"{plus}{_money(value)}"
        case Unit.SECONDS:
            return duration(value)
        case Unit.DAYS:
            return counted(round(value), "day")
        case Unit.PER_YEAR:
            return f"{wording.figure(value)}{_YEARLY}"


def duration(seconds: float) -> str:
    """Return a length of time in its two largest units."""
    whole = round(seconds)
    if whole < _MINUTE_S:
        return f"{whole} s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S} min {whole % _MINUTE_S} s"
    if whole < _DAY_S:
        return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S} min"
    days = f"{whole // _DAY_S:,} d"
    return days if whole >= _LONG_S else f"{days} {whole % _DAY_S // _HOUR_S} h"


def shade(value: float | None) -> str:
    """Return the class of a month's return: the side it is on and how far, in five steps of two per cent."""
    if not value:
        return ""
    step = min(_SHADES, 1 + int(abs(value) / _DEEPEST_SHADE * _SHADES))
    return f"{'gain' if value > 0 else 'loss'}-{step}"


def _filters(zone: ZoneInfo) -> Mapping[str, Callable[..., str]]:
    return {
        "money": wording.money,
        "quantity": wording.quantity,
        "price": wording.price,
        "percent": wording.percent,
        "number": wording.figure,
        "direction": wording.direction,
        "shown": shown,
        "interval": interval,
        "duration": duration,
        "shade": shade,
        "tone": _tone,
        "counted": counted,
        "day": partial(_day, zone=zone),
        "clock": lambda at: f"{at.astimezone(zone):%-d %b %Y %H:%M}",
        "moment": lambda at: f"{at.astimezone(zone):%Y-%m-%d %H:%M}",
    }


def _tone(figure: Figure) -> str:
    """Return the class of a figure whose sign is good or bad news."""
    if figure.label not in _SIGNED or not figure.value:
        return ""
    return "up" if figure.value > 0 else "down"


def _money(value: float) -> str:
    return wording.money(Decimal(repr(value)))


def _day(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%-d %b %Y}"


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} has no form in JSON")
