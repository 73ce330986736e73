"""The market of the benchmarks: prices that rise a little with every part, known to both ends beforehand.

They rise so that `sma_cross` buys once and holds: what is measured is bars and decisions, not a storm of orders.
"""

from collections.abc import Sequence
from datetime import date, datetime
from functools import cache

from daemon.domain.bar import Bar
from daemon.domain.timeframe import Timeframe
from daemon.market.sessions import Session, TradingCalendar
from daemon.market.windows import BarSchedule

DAY = date(2024, 3, 5)
PART_S = 5
FRAMES = tuple(Timeframe.parse(label) for label in ("1m", "5m", "15m", "1h", "4h"))


@cache
def schedule() -> BarSchedule:
    """Return the bars of the New York exchange."""
    return BarSchedule(calendar=TradingCalendar("XNYS"))


@cache
def session() -> Session:
    """Return the one session that is played."""
    found = schedule().calendar.session_on(DAY)
    if found is None:
        raise LookupError(DAY)
    return found


def parts_of_a_session() -> int:
    """Return how many five-second bars a symbol has in the session."""
    return session().seconds // PART_S


def symbols(count: int) -> tuple[str, ...]:
    """Return names of stocks."""
    return tuple(f"B{number:03d}" for number in range(count))


def price(symbol: str, at_s: int) -> float:
    """Return the price of a symbol at an epoch second."""
    step = (at_s - session().open_s) / PART_S
    return round(100.0 + 2.0 * int(symbol[1:]) + 0.001 * step, 4)


def bar(symbol: str, start: int, end: int) -> Bar:
    """Return a bar; the same for whoever asks."""
    first, last = price(symbol, start), price(symbol, end)
    return Bar(
        start=start,
        end=end,
        open=first,
        high=last + 0.01,
        low=first - 0.01,
        close=last,
        volume=float(100 + start // PART_S * 7919 % 400),
        wap=round((first + last) / 2, 4),
        trades=10,
    )


def history(symbol: str, timeframe: Timeframe, *, start: datetime, end: datetime) -> tuple[Bar, ...]:
    """Return the scheduled bars that end within (start, end]."""
    plan, bars = schedule(), []
    first, last = int(start.timestamp()), int(end.timestamp())
    for day in plan.calendar.sessions_between(start.date(), end.date()):
        for begun, ended in zip(plan.starts(day, timeframe).tolist(), plan.ends(day, timeframe).tolist(), strict=True):
            if first < ended <= last:
                bars.append(bar(symbol, begun, ended))
    return tuple(bars)


def quote(symbol: str) -> tuple[float, float]:
    """Return bid and ask at the open."""
    middle = price(symbol, session().open_s)
    return round(middle - 0.01, 2), round(middle + 0.01, 2)


def part_tails(names: Sequence[str]) -> list[list[str]]:
    """Return, for each instant and symbol, what follows the request id in the message of a five-second bar."""
    opened = session().open_s
    return [
        [_tail(bar(name, opened + step * PART_S, opened + (step + 1) * PART_S)) for name in names]
        for step in range(parts_of_a_session())
    ]


def _tail(part: Bar) -> str:
    prices = "\0".join(repr(value) for value in (part.open, part.high, part.low, part.close))
    return f"{part.start}\0{prices}\0{part.volume:g}\0{part.wap!r}\0{part.trades}\0"
