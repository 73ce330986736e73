"""Draws an equity curve: values in, the coordinates of an SVG picture out."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from daemon.reports.values import EquityPoint

WIDTH: Final = 860.0  # SVG user units; the page scales the picture
HEIGHT: Final = 220.0
LEFT: Final = 78.0  # room for the money axis
BOTTOM: Final = 24.0  # room for the time axis
_TOP: Final = 10.0
_RIGHT: Final = 20.0
_LINES: Final = 4  # about as many grid lines
_FEWEST: Final = 2  # points that make a line


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A labelled place on an axis."""

    at: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """What the template needs to draw."""

    points: str  # of the polyline: "x,y x,y …"
    baseline: float | None  # y of the equity at the day's start
    values: tuple[Tick, ...]
    times: tuple[Tick, ...]


def equity_curve(
    points: Sequence[EquityPoint], *, start: Decimal | None, opened: datetime, closes: datetime, timezone: ZoneInfo
) -> Curve | None:
    """Return the picture of one session, None when there is too little to draw a line."""
    if len(points) < _FEWEST:
        return None
    values = [float(point.equity) for point in points]
    levels = values if start is None else [*values, float(start)]
    grid = _nice_levels(min(levels), max(levels))
    first = min(opened, points[0].at)
    last = max(closes, points[-1].at)

    def x(at: datetime) -> float:
        return LEFT + (at - first) / (last - first) * (WIDTH - LEFT - _RIGHT)

    def y(value: float) -> float:
        return _TOP + (grid[-1] - value) / (grid[-1] - grid[0]) * (HEIGHT - _TOP - BOTTOM)

    return Curve(
        points=polyline((x(point.at), y(value)) for point, value in zip(points, values, strict=True)),
        baseline=None if start is None else round(y(float(start)), 1),
        values=tuple(Tick(at=round(y(level), 1), label=_money(level, grid[1] - grid[0])) for level in grid),
        times=tuple(
            Tick(at=round(x(hour), 1), label=f"{hour.astimezone(timezone):%H:%M}")
            for hour in _hours(opened, closes, timezone)
        ),
    )


def polyline(points: Iterable[tuple[float, float]]) -> str:
    """Return the `points` attribute of a polyline, to a tenth of a unit."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _nice_levels(lowest: float, highest: float) -> list[float]:
    """Return evenly spaced round values from at most `lowest` to at least `highest`; two of them at least."""
    span = (highest - lowest) or max(abs(highest) * 0.001, 1.0)
    raw = span / _LINES
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * magnitude for factor in (1, 2, 2.5, 5, 10) if factor * magnitude >= raw)
    first = math.floor(lowest / step)
    last = max(math.ceil(highest / step), first + 1)
    return [index * step for index in range(first, last + 1)]


def _money(level: float, step: float) -> str:
    return f"{level:,.{0 if step >= 1 else 2}f}"


def _hours(opened: datetime, closes: datetime, timezone: ZoneInfo) -> list[datetime]:
    """Return the full hours of the exchange's clock within the session."""
    local = opened.astimezone(timezone)
    hour = local.replace(minute=0, second=0, microsecond=0)
    if hour < local:
        hour += timedelta(hours=1)
    hours = []
    while hour <= closes:
        hours.append(hour)
        hour += timedelta(hours=1)
    return hours
