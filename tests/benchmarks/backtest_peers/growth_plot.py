"""The growth of cost as a picture: small panels, two lines each, written as SVG without any library."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Final

from tests.benchmarks.backtest_peers.growth import GROWS, RECORDS, Point, Record

_PANEL_W, _PANEL_H = 200, 150
_LEFT, _TOP, _GAP_X, _GAP_Y = 56, 116, 50, 92
_WIDTH: Final = _LEFT + 4 * _PANEL_W + 3 * _GAP_X + 30
_HEIGHT: Final = _TOP + 2 * _PANEL_H + _GAP_Y + 52
_COLOURS: Final[dict[Record, str]] = {"actionable": "#0b6e99", "all": "#c4552d"}
_STEPS: Final = (1.0, 1.2, 1.6, 2.0, 2.4, 2.8, 3.2, 4.0, 5.0, 6.0, 8.0, 10.0)  # a quarter of each is short to write
_OPENING: Final = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" '
    'role="img" aria-label="Growth of a backtest\'s cost">'
)
_STYLE: Final = (
    "text{font:11px system-ui,sans-serif;fill:#333}.h{font-size:15px;font-weight:600}.p{font-weight:600}"
    ".m{fill:#666}.g{stroke:#e4e4e4}.a{stroke:#888}.e{text-anchor:end}.c{text-anchor:middle}"
)
_NAMES: Final = {"bars": "bars, the whole command"}
_ROWS: Final[tuple[tuple[str, Callable[[Point], float]], ...]] = (
    ("µs of CPU a bar", lambda point: point.cpu_us),
    ("peak memory, MB", lambda point: point.peak_mb),
)


def svg(points: Sequence[Point]) -> str:
    """Return the picture."""
    parts = [
        _OPENING,
        f"<style>{_STYLE}</style>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        f'<text class="h" x="{_LEFT}" y="26">What a backtest costs as it grows</text>',
        *_legend(),
    ]
    for row, (unit, value) in enumerate(_ROWS):
        top = _TOP + row * (_PANEL_H + _GAP_Y)
        highest = _ceiling(max(value(point) for point in points))
        parts.append(f'<text class="p" x="{_LEFT}" y="{top - 30}">{escape(unit)}</text>')
        for column, grows in enumerate(GROWS):
            left = _LEFT + column * (_PANEL_W + _GAP_X)
            shown = [point for point in points if point.grows == grows]
            parts += _panel(left, top, _NAMES.get(grows, grows), shown, value, highest)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _legend() -> list[str]:
    parts = []
    for place, record in enumerate(RECORDS):
        x = _LEFT + place * 150
        parts.append(f'<line x1="{x}" x2="{x + 22}" y1="44" y2="44" stroke="{_COLOURS[record]}" stroke-width="2"/>')
        parts.append(f'<circle cx="{x + 11}" cy="44" r="3" fill="{_COLOURS[record]}"/>')
        parts.append(f'<text x="{x + 28}" y="48">--record {record}</text>')
    return parts


def _panel(
    left: int, top: int, name: str, points: Sequence[Point], value: Callable[[Point], float], highest: float
) -> list[str]:
    widest = max(point.to for point in points)
    bottom = top + _PANEL_H

    def x(to: float) -> float:
        return left + _PANEL_W * to / widest

    def y(height: float) -> float:
        return bottom - _PANEL_H * height / highest

    parts = [f'<text x="{left}" y="{top - 10}">{escape(name)}</text>']
    for step in range(5):
        height = highest * step / 4
        parts.append(f'<line class="g" x1="{left}" x2="{left + _PANEL_W}" y1="{y(height):.1f}" y2="{y(height):.1f}"/>')
        parts.append(f'<text class="m e" x="{left - 6}" y="{y(height) + 4:.1f}">{height:,.4g}</text>')
    parts.append(f'<line class="a" x1="{left}" x2="{left + _PANEL_W}" y1="{bottom}" y2="{bottom}"/>')
    for to, label in _ticks([point.to for point in points]):
        parts.append(f'<text class="m c" x="{x(to):.1f}" y="{bottom + 16}">{label}</text>')
    for record in RECORDS:
        line = sorted((point.to, value(point)) for point in points if point.record == record)
        path = " ".join(f"{x(to):.1f},{y(height):.1f}" for to, height in line)
        colour = _COLOURS[record]
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x(to):.1f}" cy="{y(height):.1f}" r="3" fill="{colour}"/>' for to, height in line]
    return parts


def _ticks(values: Sequence[int]) -> list[tuple[int, str]]:
    """Return the sizes to write below an axis: those that leave room for one another."""
    widest, shown = max(values), list[int]()
    for value in sorted(set(values), reverse=True):
        if not shown or shown[-1] - value >= 0.12 * widest:
            shown.append(value)
    return [(value, f"{value // 1000}k" if value >= 10_000 else str(value)) for value in shown]


def _ceiling(value: float) -> float:
    """Return a round number that is not below `value`."""
    power = 1.0
    while power * 10 < value:
        power *= 10
    return next(step * power for step in _STEPS if step * power >= value)
