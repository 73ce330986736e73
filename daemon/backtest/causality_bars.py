"""The bars a strategy is checked on: whole columns, cut as the engine cuts them, and the same with another future."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from daemon.domain.timeframe import Timeframe
from daemon.market.sessions import Session
from daemon.market.synthetic import SyntheticMarket
from daemon.market.tape import BarArrays, aggregate, fold_bars
from daemon.market.windows import BarColumns, BarSchedule

_AHEAD: Final = 20  # bars after the session that a window reaches on: the future that must not matter
_DECISIONS: Final = 200  # bars to decide on, without a number of sessions
_SESSIONS: Final = range(3, 101)  # sessions that may take
_SETTLING: Final = 12  # times the warm-up: an exponential average is within 1e-9 by then
_DEEPEST: Final = 500  # sessions of history for that; more only if twice the warm-up needs them
_MINUTE_S: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedBars:
    """Columns of one instrument, and the sessions whose bars are decided on."""

    columns: Mapping[Timeframe, BarColumns]
    sessions: Mapping[Timeframe, tuple[Session, ...]]  # by the timeframe that triggers
    history: int  # bars before a session that the engine keeps
    depth: Mapping[Timeframe, int]  # bars that count as the whole history of a row

    def window(self, timeframe: Timeframe, session: Session) -> BarColumns:
        """Return the bars from the session's anchor on, and some that come after the session."""
        columns = self.columns[timeframe]
        opened, closed = np.searchsorted(columns.end, (session.open_s, session.close_s), side="right")
        return part(columns, max(0, int(opened) - self.history), min(len(columns), int(closed) + _AHEAD))

    def before(self, timeframe: Timeframe, at: int, count: int) -> BarColumns:
        """Return the last `count` bars that ended by epoch second `at`."""
        stop = count_until(self.columns[timeframe], at)
        return part(self.columns[timeframe], max(0, stop - count), stop)


def count_until(bars: BarColumns, at: int) -> int:
    """Return how many bars ended by epoch second `at`."""
    return int(np.searchsorted(bars.end, at, side="right"))


def part(bars: BarColumns, first: int, stop: int) -> BarColumns:
    """Return rows first <= row < stop, as views."""
    return BarColumns(*(column[first:stop] for column in columns_of(bars)))


def sealed(bars: BarColumns) -> BarColumns:
    """Return a copy that cannot be written to and behind which nothing is: no row before, none after."""
    copies = [column.copy() for column in columns_of(bars)]
    for column in copies:
        column.flags.writeable = False
    return BarColumns(*copies)


def columns_of(bars: BarColumns) -> tuple[NDArray[Any], ...]:
    """Return the columns in the order of the fields."""
    return tuple(getattr(bars, column.name) for column in fields(bars))


def other_future(bars: BarColumns, at: int, random: np.random.Generator) -> BarColumns:
    """Return the bars with other prices and volumes in all that ended after epoch second `at`."""
    stop = count_until(bars, at)
    later = len(bars) - stop
    scale = np.exp(random.choice((-1.0, 1.0)) * 0.05 + np.cumsum(random.normal(0, 0.01, later)))

    def other(column: NDArray[np.float64], factor: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate((column[:stop], column[stop:] * factor))

    return replace(
        bars,
        open=other(bars.open, scale),
        high=other(bars.high, scale),
        low=other(bars.low, scale),
        close=other(bars.close, scale),
        wap=other(bars.wap, scale),
        volume=other(bars.volume, random.uniform(0.2, 5, later)),
        trades=np.concatenate((bars.trades[:stop], bars.trades[stop:] + random.integers(1, 99, later))),
    )


def synthetic_bars(
    market: SyntheticMarket,
    symbol: str,
    timeframes: Sequence[Timeframe],
    last: Session,
    *,
    warmup: int,
    history: int,
    sessions: int | None = None,
) -> CheckedBars:
    """Return the bars of `symbol` that a check needs.

    Args:
        market: lists the symbol.
        symbol: whose bars.
        timeframes: of the strategy.
        last: the last session to make decisions in; some more follow it.
        warmup: what the strategy says.
        history: bars before a session that the engine keeps; at least `warmup` are taken.
        sessions: sessions to make decisions in; without it as many as give each timeframe 200 bars, 3 to 100.

    Raises:
        OutOfCalendar: the market has not that much history.
    """
    calendar = market.calendar
    schedule = BarSchedule(calendar=calendar)
    in_session = {timeframe: len(schedule.ends(last, timeframe)) for timeframe in timeframes}
    wanted = {
        timeframe: sessions or min(max(-(-_DECISIONS // bars), _SESSIONS[0]), _SESSIONS[-1])
        for timeframe, bars in in_session.items()
    }
    history = max(history, warmup)
    ahead, end = -(-_AHEAD // min(in_session.values())) + 1, last
    for _ in range(ahead):
        end = calendar.session_after(end)
    depths = {
        timeframe: max(history, 2 * warmup, min(_SETTLING * warmup, _DEEPEST * bars))
        for timeframe, bars in in_session.items()
    }
    columns = {}
    for timeframe, bars in in_session.items():
        earlier = int(depths[timeframe] / bars * 1.05) + 2  # some sessions are short
        days = (*calendar.sessions_before(end, ahead + max(wanted.values()) + earlier), end)
        columns[timeframe] = _columns(market, symbol, schedule, days, timeframe)
    checked = {
        timeframe: (*calendar.sessions_before(last, count - 1), last) if count > 1 else (last,)
        for timeframe, count in wanted.items()
    }
    return CheckedBars(columns=columns, sessions=checked, history=history, depth=depths)


def _columns(
    market: SyntheticMarket, symbol: str, schedule: BarSchedule, days: Sequence[Session], timeframe: Timeframe
) -> BarColumns:
    made: list[BarArrays] = []
    close = float("nan")
    for day in days:
        ends, starts = schedule.ends(day, timeframe), schedule.starts(day, timeframe)
        if timeframe.seconds % _MINUTE_S:
            bars = aggregate(market.tape(symbol, day), ends, starts, previous_close=close)
        else:
            bars = fold_bars(market.minute_bars(symbol, day), ends, starts, previous_close=close)
        close = float(bars.close[-1])
        made.append(bars)

    def joined(name: str, kind: type[np.int64 | np.float64]) -> NDArray[Any]:
        return np.concatenate([getattr(bars, name) for bars in made]).astype(kind)

    whole = BarColumns(
        start=joined("start", np.int64), end=joined("end", np.int64),
        open=joined("open", np.float64), high=joined("high", np.float64), low=joined("low", np.float64),
        close=joined("close", np.float64), volume=joined("volume", np.float64), wap=joined("wap", np.float64),
        trades=joined("count", np.int64),
    )  # fmt: skip
    return part(whole, int(np.isnan(whole.close).sum()), len(whole))  # before the first trade there is no price
