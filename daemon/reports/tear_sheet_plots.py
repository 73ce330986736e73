"""The plots of the tear sheet: values in, the coordinates of SVG pictures out, each in a wide and a narrow form."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from daemon.reports.equity_curve import Tick, polyline
from daemon.reports.tear_sheet_values import Curve
from daemon.reports.wording import figure, percent

_HOVERS: Final = 120  # places that tell their value
_FEWEST: Final = 2  # marks that make a line
_ROOM: Final = 0.06  # above and below a line, of its span
_DAY_S: Final = 86_400.0
_YEAR_S: Final = 365.25 * _DAY_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """The size of a picture and of its margins, in SVG user units."""

    name: str  # class in the page
    width: float
    height: float
    left: float = 62.0  # room for the value axis
    right: float = 14.0
    top: float = 12.0
    bottom: float = 24.0  # room for the time axis
    columns: int  # about as many labels below
    lines: int  # about as many grid lines

    @property
    def end(self) -> float:
        """Return the right end of the drawing."""
        return self.width - self.right

    @property
    def floor(self) -> float:
        """Return the lower end of the drawing."""
        return self.height - self.bottom


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle that tells something."""

    x: float
    y: float
    width: float
    height: float
    kind: str  # class in the page
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """What the template needs to draw one picture."""

    canvas: Canvas
    line: str = ""  # points of the polyline: "x,y x,y …"
    area: str = ""  # points of the polygon between the line and `base`
    base: float | None = None  # y of the level to compare with
    boxes: tuple[Box, ...]
    levels: tuple[Tick, ...]
    below: tuple[Tick, ...]


EQUITY: Final = (
    Canvas(name="broad", width=860, height=270, columns=9, lines=7),
    Canvas(name="narrow", width=360, height=220, left=52, columns=4, lines=6),
)
DRAWDOWN: Final = (
    Canvas(name="broad", width=860, height=150, columns=9, lines=4),
    Canvas(name="narrow", width=360, height=140, left=52, columns=4, lines=4),
)
SPREAD: Final = (
    Canvas(name="broad", width=860, height=210, columns=9, lines=4, left=44, right=24),
    Canvas(name="narrow", width=360, height=190, columns=4, lines=4, left=36, right=20),
)


def equity_plots(curve: Curve, zone: ZoneInfo) -> tuple[Plot, ...]:
    """Return the curve of equity over time; nothing where it has fewer than two marks or never moves."""
    if not _moves(curve):
        return ()
    levels = (min(curve.equity), max(curve.equity))
    return tuple(
        _line(canvas, curve.times, curve.equity, levels, zone, base=curve.equity[0], name=amount) for canvas in EQUITY
    )


def drawdown_plots(curve: Curve, zone: ZoneInfo) -> tuple[Plot, ...]:
    """Return the curve of drawdowns, hanging down from zero; nothing without any."""
    if not _moves(curve) or not any(curve.drawdown):
        return ()
    depths = [-depth for depth in curve.drawdown]
    return tuple(
        _line(canvas, curve.times, depths, (min(depths), 0.0), zone, base=0.0, name=share) for canvas in DRAWDOWN
    )


def spread_plots(pnl: Sequence[float]) -> tuple[Plot, ...]:
    """Return how many trades brought how much; nothing for fewer than two."""
    if len(pnl) < _FEWEST:
        return ()
    step = _bin_width(np.asarray(pnl))
    first, last = math.floor(min(pnl) / step), math.floor(max(pnl) / step) + 1
    edges = [index * step for index in range(first, last + 1)]
    counts = np.bincount(np.clip(np.floor(np.asarray(pnl) / step).astype(int) - first, 0, last - first - 1))
    return tuple(_bars(canvas, edges, counts.tolist()) for canvas in SPREAD)


def nice_levels(lowest: float, highest: float, *, about: int) -> list[float]:
    """Return about as many round values, evenly spaced, from at most `lowest` to at least `highest`; two at least."""
    step = _nice((highest - lowest) / about or max(abs(highest) * 0.001, 1.0))
    # A hair's breadth of rounding must not ask for one level more.
    first = math.floor(lowest / step + 1e-9)
    last = max(math.ceil(highest / step - 1e-9), first + 1)
    return [index * step for index in range(first, last + 1)]


def dates(first: datetime, last: datetime, *, about: int) -> list[tuple[datetime, str]]:
    """Return round moments of the exchange's clock between two, at most about so many, each with its label."""
    span_s = (last - first).total_seconds()
    for step in _STEPS:
        if span_s <= step.unit_s * step.count * about:
            found = [(at, step.label(at)) for at in step.starts(first, last, step.count)]
            return [(found[0][0], f"{found[0][0]:%b %Y}"), *found[1:]] if step.label is _month and found else found
    years = max(1, math.ceil(span_s / _YEAR_S / about))
    return [(at, f"{at:%Y}") for at in _months(first, last, 12) if at.year % years == 0]


def amount(value: float) -> str:
    """Return an amount of money with thousands and millions cut short: 102.5k."""
    for size, letter in ((1e9, "bn"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            scale = 1e3 if letter == "k" else size
            return f"{value / scale:,.6g}{letter}".replace("-", "−")
    return f"{value:,.6g}".replace("-", "−")


def share(value: float) -> str:
    """Return a fraction as per cent without needless zeros."""
    return f"{round(value * 100, 6):g} %".replace("-", "−")


def _moves(curve: Curve) -> bool:
    return len(curve.times) >= _FEWEST and curve.times[-1] > curve.times[0] and len(set(curve.equity)) > 1


def _line(
    canvas: Canvas,
    times: Sequence[float],
    values: Sequence[float],
    levels: tuple[float, float],
    zone: ZoneInfo,
    *,
    base: float,
    name: Callable[[float], str],
) -> Plot:
    room = (levels[1] - levels[0]) * _ROOM
    low, high = levels[0] - room, levels[1] + (room if levels[1] else 0.0)  # nothing lies above a drawdown of zero
    grid = [level for level in nice_levels(*levels, about=canvas.lines) if low <= level <= high]
    begin, length = times[0], times[-1] - times[0]

    def x(moment: float) -> float:
        return canvas.left + (moment - begin) / length * (canvas.end - canvas.left)

    def y(value: float) -> float:
        return canvas.top + (high - value) / (high - low) * (canvas.floor - canvas.top)

    points = [(x(moment), y(value)) for moment, value in zip(times, values, strict=True)]
    ticks = dates(_local(begin, zone), _local(times[-1], zone), about=canvas.columns)
    long = length > 3 * _DAY_S
    return Plot(
        canvas=canvas,
        line=polyline(points),
        area=polyline([(points[0][0], y(base)), *points, (points[-1][0], y(base))]),
        base=round(y(base), 1),
        boxes=tuple(_hovers(canvas, times, values, zone, x=x, long=long, as_share=name is share)),
        levels=tuple(Tick(at=round(y(level), 1), label=name(level)) for level in grid),
        below=tuple(
            Tick(at=round(place, 1), label=label)
            for place, label in ((x(at.timestamp()), label) for at, label in ticks)
            if canvas.left + 8 <= place <= canvas.end - 4
        ),
    )


def _hovers(
    canvas: Canvas,
    times: Sequence[float],
    values: Sequence[float],
    zone: ZoneInfo,
    *,
    x: Callable[[float], float],
    long: bool,
    as_share: bool,
) -> Iterator[Box]:
    """Yield strips from half-way to the neighbour on either side, each with its moment and value."""
    count = min(_HOVERS, len(times))
    chosen = [round(place * (len(times) - 1) / (count - 1)) for place in range(count)]
    places = [x(times[index]) for index in chosen]
    bounds = [canvas.left, *((a + b) / 2 for a, b in pairwise(places)), canvas.end]
    for number, index in enumerate(chosen):
        moment = _local(times[index], zone)
        when = f"{moment:%-d %b %Y}" if long else f"{moment:%-d %b %Y %H:%M}"
        told = percent(values[index]) if as_share else f"{values[index]:,.2f}".replace("-", "−")
        yield Box(
            x=round(bounds[number], 1),
            y=canvas.top,
            width=round(bounds[number + 1] - bounds[number], 1),
            height=canvas.floor - canvas.top,
            kind="hover",
            title=f"{when}: {told}",
        )


def _bars(canvas: Canvas, edges: Sequence[float], counts: Sequence[int]) -> Plot:
    grid = [level for level in nice_levels(0.0, float(max(counts)), about=canvas.lines) if level == int(level)]
    low, span = edges[0], edges[-1] - edges[0]

    def x(value: float) -> float:
        return canvas.left + (value - low) / span * (canvas.end - canvas.left)

    def y(count: float) -> float:
        return canvas.top + (grid[-1] - count) / grid[-1] * (canvas.floor - canvas.top)

    marks = [
        level for level in nice_levels(edges[0], edges[-1], about=canvas.columns) if edges[0] <= level <= edges[-1]
    ]
    return Plot(
        canvas=canvas,
        boxes=tuple(
            Box(
                x=round(x(begin) + 1.0, 1),
                y=round(y(count), 1),
                width=round(max(x(end) - x(begin) - 2.0, 1.0), 1),
                height=round(canvas.floor - y(count), 1),
                kind="gain" if begin >= 0 else "loss",
                title=f"{figure(begin)} to {figure(end)}: {count:,} {'trade' if count == 1 else 'trades'}",
            )
            for begin, end, count in zip(edges[:-1], edges[1:], counts, strict=True)
            if count
        ),
        levels=tuple(Tick(at=round(y(level), 1), label=f"{level:,.0f}") for level in grid),
        below=tuple(Tick(at=round(x(level), 1), label=amount(round(level, 9))) for level in marks),
    )


def _bin_width(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> float:
    """Return a round width after Freedman & Diaconis (1981), so that there are about 8 to 40 bins."""
    span = float(np.ptp(values)) or max(abs(float(values[0])) * 0.1, 1.0)
    lower, upper = np.percentile(values, (25, 75))
    ideal = 2.0 * float(upper - lower) / values.size ** (1 / 3)
    return _nice(min(max(ideal, span / 40), span / 8))


def _nice(raw: float) -> float:
    """Return the least of 1, 2, 2.5, 5, 10 times a power of ten that is not below `raw`."""
    magnitude = 10.0 ** math.floor(math.log10(raw))
    return float(
        next(factor * magnitude for factor in (1, 2, 2.5, 5, 10, 20) if factor * magnitude >= raw * (1 - 1e-9))
    )


def _local(seconds: float, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).astimezone(zone)


def _hours(first: datetime, last: datetime, step: int) -> Iterator[datetime]:
    at = first.replace(hour=first.hour - first.hour % step, minute=0, second=0, microsecond=0)
    while at <= last:
        if at >= first:
            yield at
        at += timedelta(hours=step)


def _minutes(first: datetime, last: datetime, step: int) -> Iterator[datetime]:
    at = first.replace(minute=first.minute - first.minute % step, second=0, microsecond=0)
    while at <= last:
        if at >= first:
            yield at
        at += timedelta(minutes=step)


def _days(first: datetime, last: datetime, step: int) -> Iterator[datetime]:
    at = first.replace(hour=0, minute=0, second=0, microsecond=0)
    if step % 7 == 0:
        at -= timedelta(days=at.weekday())  # weeks begin on Mondays
    while at <= last:
        if at >= first:
            yield at
        at += timedelta(days=step)


def _months(first: datetime, last: datetime, step: int) -> Iterator[datetime]:
    for number in range(first.year * 12 + first.month - 1, last.year * 12 + last.month):
        at = datetime(number // 12, number % 12 + 1, 1, tzinfo=first.tzinfo)
        if number % step == 0 and first <= at <= last:
            yield at


def _hour(at: datetime) -> str:
    return f"{at:%H:%M}" if at.hour or at.minute else f"{at:%-d %b}"


def _day(at: datetime) -> str:
    return f"{at:%-d %b}"


def _month(at: datetime) -> str:
    return f"{at:%Y}" if at.month == 1 else f"{at:%b}"


@dataclass(frozen=True, slots=True)
class _Step:
    """A distance between labels."""

    unit_s: float
    count: int  # units from one label to the next
    starts: Callable[[datetime, datetime, int], Iterator[datetime]]
    label: Callable[[datetime], str]


_STEPS: Final = (
    *(_Step(60.0, count, _minutes, _hour) for count in (5, 15, 30)),
    *(_Step(3600.0, count, _hours, _hour) for count in (1, 2, 6, 12)),
    *(_Step(_DAY_S, count, _days, _day) for count in (1, 2, 7, 14)),
    *(_Step(_YEAR_S / 12, count, _months, _month) for count in (1, 3, 6)),
)
