"""History from files of bars: folded to longer timeframes by the schedule, with quotes made around prices."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from daemon.adapters.files.bars_file import BarFile
from daemon.adapters.files.bars_span import last_time
from daemon.backtest.bars_file_sessions import SessionRows, sessions_of
from daemon.backtest.bars_file_steps import FileSteps, MadeQuotes, OpenedSteps
from daemon.backtest.day_steps import bar_columns
from daemon.backtest.market_history import Step
from daemon.domain.bar import Bar
from daemon.domain.errors import ConfigError
from daemon.domain.events import BarsClosed, HistoryLoaded, QuoteChanged
from daemon.domain.instrument import InstrumentId
from daemon.domain.timeframe import Timeframe
from daemon.market.bars import fold
from daemon.market.sessions import OutOfCalendar, Session
from daemon.market.windows import BarColumns, BarSchedule

FillPrice = Literal["close", "open"]

SMALLEST_SIZE: Final = 500  # shares on each side of a quote; more where the bar's volume is more
_DAY_S: Final = 86_400
_AFTER_OPEN: Final = timedelta(milliseconds=1)  # sooner than any order arrives


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteRule:
    """How quotes are made of bars, which have none."""

    spread_bps: float = 1.0  # of the price; 1 = 0.01 %
    tick: float = 0.01  # the narrowest spread, unless spread_bps is 0
    fill: FillPrice = "close"  # what an order meets: the bar's close, or the next bar's open

    def around(self, price: float) -> tuple[float, float]:
        """Return bid and ask with `price` in their middle."""
        half = max(price * self.spread_bps / 1e4, self.tick) / 2 if self.spread_bps else 0.0
        return max(round(price - half, 4), 0.0001), round(price + half, 4)

    def around_all(self, prices: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what `around` returns, for many prices."""
        half = np.maximum(prices * self.spread_bps / 1e4, self.tick) / 2 if self.spread_bps else 0.0
        return np.maximum(_rounded(prices - half), 0.0001), _rounded(prices + half)


def _rounded(prices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return prices with four decimals, to the bit as Python rounds them: near a tie it is asked itself."""
    ticks = prices * 1e4
    whole = np.rint(ticks)
    found = whole / 1e4
    for place in np.flatnonzero(np.abs(np.abs(ticks - whole) - 0.5) < 1e-6 + np.abs(ticks) * 1e-12).tolist():
        found[place] = round(float(prices[place]), 4)
    return found


@dataclass(slots=True)
class BarFileHistory:
    """Implements `MarketHistory`. A few sessions are in memory at a time, whatever the length of the files."""

    files: Mapping[InstrumentId, BarFile]
    schedule: BarSchedule
    timeframes: Sequence[Timeframe]
    history: int
    quotes: QuoteRule = field(default_factory=QuoteRule)
    first: date | None = None  # None = the first day of the files
    count: int | None = None  # sessions; None = all
    _stream: Iterator[tuple[Session, dict[InstrumentId, SessionRows]]] | None = None
    _next: tuple[Session, dict[InstrumentId, SessionRows]] | None = None
    _today: dict[InstrumentId, SessionRows] = field(default_factory=dict)
    _starts: dict[InstrumentId, list[int]] = field(default_factory=dict)  # of today's bars, once somebody asks

    def __post_init__(self) -> None:
        """Refuse timeframes that the bars cannot be folded to.

        Raises:
            ConfigError: one is shorter than a file's bars, or no multiple of them.
        """
        for instrument, file in self.files.items():
            for timeframe in self.timeframes:
                if timeframe.seconds < file.bar.seconds:
                    raise ConfigError(
                        f"--timeframes: {instrument} cannot be decided on {timeframe} bars: "
                        f"those of {file.path.name} last {file.bar}; "
                        f"give --timeframes {file.bar} or longer"
                    )
                if timeframe.seconds % file.bar.seconds:
                    raise ConfigError(
                        f"--timeframes: {timeframe} bars cannot be made of the {file.bar} bars of {file.path.name}: "
                        "they are no multiple"
                    )

    @property
    def days(self) -> int | None:
        """Return how many sessions there will be, if every one has a bar; None where a file's end cannot be told."""
        ends = [last_time(file.path, file.form) for file in self.files.values()]
        lasts = [
            self._day_of(file, end) for file, end in zip(self.files.values(), ends, strict=True) if end is not None
        ]
        first = self.first or min(self._day_of(file, file.first_at) for file in self.files.values())
        if len(lasts) < len(ends) or (last := max(lasts)) < first:
            return self.count
        try:
            there = len(self.schedule.calendar.sessions_between(first, last))
        except OutOfCalendar:
            return self.count
        return there if self.count is None else min(there, self.count)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what has been odd about the files so far, and how the quotes were made."""
        spread = (
            f"a spread of {self.quotes.spread_bps:g} bp, at least {self.quotes.tick:g}"
            if self.quotes.spread_bps
            else "no spread"
        )
        around = "its close" if self.quotes.fill == "close" else "the next bar's open"
        made = (
            f"The files hold no quotes: after each bar they were made around {around}, with {spread}, "
            f"and its volume (at least {SMALLEST_SIZE}) on each side."
        )
        daily = all(timeframe.seconds == _DAY_S for timeframe in self.timeframes)
        idle = (
            ("Bars of 1d end at the close, when no order can be sent: decided on alone they never trade.",)
            if daily
            else ()
        )
        return (made, *idle, *(text for file in self.files.values() for text in file.notes.sentences()))

    def warmup(self) -> Iterator[HistoryLoaded]:
        """Yield the bars before the first session, as many as the daemon asks for and the files have.

        Raises:
            ConfigError: the files end before the first day.
            BadMarketData: a row is damaged or impossible.
        """
        self._stream = self._merged()
        longest = max(self.timeframes)
        kept: deque[tuple[Session, dict[InstrumentId, SessionRows]]] = deque(maxlen=self.history)
        enough = 0
        last: date | None = None
        for session, rows in self._stream:
            last = session.day
            if self.first is None or session.day >= self.first:
                self._next = session, rows
                break
            if not enough:
                enough = self.history // len(self.schedule.ends(session, longest)) + 3  # early closes have fewer
                kept = deque(kept, maxlen=enough)
            kept.append((session, rows))
        if self._next is None:
            raise ConfigError(
                f"--start: the files hold no bar of a session from {self.first or 'any day'} on; "
                f"the last one is {last or 'none'}"
            )
        opened = self._next[0].open
        for instrument in self.files:
            for timeframe in self.timeframes:
                _, anchor = self.schedule.anchor_end(self._next[0], timeframe, self.history)
                bars = [
                    bar
                    for _, rows in kept
                    if instrument in rows
                    for bar in self._folded(instrument, rows[instrument], timeframe)
                    if bar.end >= anchor
                ]
                yield HistoryLoaded(at=opened, instrument=instrument, timeframe=timeframe, bars=tuple(bars))

    def sessions(self) -> Iterator[tuple[Session, Sequence[Step]]]:
        """Yield the sessions of which a file has bars, with a step at each instant at which bars end."""
        done = 0
        while self._next is not None and self._stream is not None and (self.count is None or done < self.count):
            session, self._today = self._next
            self._starts.clear()
            yield session, self._steps(session)
            done += 1
            self._next = next(self._stream, None)

    def quotes_between(self, instrument: InstrumentId, after: datetime, until: datetime) -> Sequence[QuoteChanged]:
        """Return the quotes around the opens of bars, where orders are to meet those."""
        rows = self._today.get(instrument)
        if rows is None or self.quotes.fill != "open":
            return ()
        starts = self._starts.get(instrument)
        if starts is None:
            starts = self._starts[instrument] = rows.start.tolist()
        first = bisect_right(starts, (after - _AFTER_OPEN).timestamp())
        stop = bisect_left(starts, (until - _AFTER_OPEN).timestamp())
        return [
            self._quote(
                instrument,
                datetime.fromtimestamp(starts[row], UTC) + _AFTER_OPEN,
                rows.rows.open[row],
                rows.rows.volume[row],
            )
            for row in range(first, stop)
        ]

    def _merged(self) -> Iterator[tuple[Session, dict[InstrumentId, SessionRows]]]:
        """Yield the sessions of all files side by side, oldest first; who has none that day is noted."""
        streams = {instrument: sessions_of(file, self.schedule) for instrument, file in self.files.items()}
        heads = {instrument: next(stream, None) for instrument, stream in streams.items()}
        while any(heads.values()):
            day = min(head.session.day for head in heads.values() if head is not None)
            here = {name: head for name, head in heads.items() if head is not None and head.session.day == day}
            session = next(iter(here.values())).session
            for name in self.files:
                if name not in here:
                    self.files[name].notes.add("sessions of other files have no bar here", str(day))
            yield session, here
            heads |= {name: next(streams[name], None) for name in here}

    def _steps(self, session: Session) -> Sequence[Step]:
        decided_on = all(self.files[instrument].bar in self.timeframes for instrument in self._today)
        return self._as_columns(session) if decided_on else self._listed(session)

    def _as_columns(self, session: Session) -> OpenedSteps:
        """Return the session where at every instant a bar ends that is decided on."""
        series: dict[tuple[InstrumentId, Timeframe], BarColumns] = {}
        quotes: dict[InstrumentId, MadeQuotes] = {}
        missing: dict[int, dict[Timeframe, list[InstrumentId]]] = {}
        opening: list[QuoteChanged] = []
        for instrument, rows in self._today.items():
            base = rows.columns()
            if rows.start[0] == session.open_s:
                opening.append(self._quote(instrument, session.open, float(base.open[0]), float(base.volume[0])))
            bid, ask = self.quotes.around_all(base.close)
            quotes[instrument] = MadeQuotes(
                end=base.end,
                bid=bid,
                ask=ask,
                size=np.maximum(base.volume, float(SMALLEST_SIZE)),
            )
            parts = rows.bars() if len(self.timeframes) > 1 else None
            for timeframe in self.timeframes:
                own = timeframe == self.files[instrument].bar
                bars = base if own else bar_columns(self._folded(instrument, rows, timeframe, parts))
                series[instrument, timeframe] = bars
                self._note_missing(missing, instrument, timeframe, session, bars.end)
        return OpenedSteps(Step(at=session.open, quotes=tuple(opening)), FileSteps(series, quotes, missing))

    def _note_missing(
        self,
        missing: dict[int, dict[Timeframe, list[InstrumentId]]],
        instrument: InstrumentId,
        timeframe: Timeframe,
        session: Session,
        there: NDArray[np.int64],
    ) -> None:
        ends = self.schedule.ends(session, timeframe)
        if len(there) < len(ends):
            for end in np.setdiff1d(ends, there).tolist():
                missing.setdefault(end, {}).setdefault(timeframe, []).append(instrument)

    def _listed(self, session: Session) -> list[Step]:
        closed: dict[int, dict[Timeframe, list[tuple[InstrumentId, Bar]]]] = {}
        quotes: dict[int, list[QuoteChanged]] = {}
        missing: dict[int, dict[Timeframe, list[InstrumentId]]] = {}
        opening: list[QuoteChanged] = []
        for instrument, rows in self._today.items():
            base = rows.bars()
            if rows.start[0] == session.open_s:
                opening.append(self._quote(instrument, session.open, base[0].open, base[0].volume))
            for bar in base:
                at = datetime.fromtimestamp(bar.end, UTC)
                quotes.setdefault(bar.end, []).append(self._quote(instrument, at, bar.close, bar.volume))
            for timeframe in self.timeframes:
                bars = self._folded(instrument, rows, timeframe, base)
                for bar in bars:
                    closed.setdefault(bar.end, {}).setdefault(timeframe, []).append((instrument, bar))
                there = np.array([bar.end for bar in bars], np.int64)
                self._note_missing(missing, instrument, timeframe, session, there)
        instants = sorted({*closed, *missing, *quotes})
        steps = [self._step(end, quotes.get(end, []), closed.get(end, {}), missing.get(end, {})) for end in instants]
        return [Step(at=session.open, quotes=tuple(opening)), *steps]

    @staticmethod
    def _step(
        end: int,
        quotes: Sequence[QuoteChanged],
        closed: Mapping[Timeframe, Sequence[tuple[InstrumentId, Bar]]],
        missing: Mapping[Timeframe, Sequence[InstrumentId]],
    ) -> Step:
        at = datetime.fromtimestamp(end, UTC)
        bars = tuple(
            BarsClosed(
                at=at,
                timeframe=timeframe,
                end=end,
                bars=tuple(closed.get(timeframe, ())),
                missing=tuple(missing.get(timeframe, ())),
            )
            for timeframe in sorted({*closed, *missing})
        )
        return Step(at=at, quotes=tuple(quotes), bars=bars)

    def _folded(
        self, instrument: InstrumentId, rows: SessionRows, timeframe: Timeframe, base: list[Bar] | None = None
    ) -> list[Bar]:
        """Return the bars of a timeframe that have any part."""
        parts = rows.bars() if base is None else base
        if timeframe == self.files[instrument].bar:
            return parts
        starts, ends = self.schedule.starts(rows.session, timeframe), self.schedule.ends(rows.session, timeframe)
        place = np.searchsorted(ends, rows.end)
        bounds = [0, *(np.flatnonzero(np.diff(place)) + 1).tolist(), len(parts)]
        made = (
            fold(parts[first:stop], start=int(starts[place[first]]), end=int(ends[place[first]]))
            for first, stop in pairwise(bounds)
        )
        return [bar for bar in made if bar is not None]

    def _quote(self, instrument: InstrumentId, at: datetime, price: float, volume: float) -> QuoteChanged:
        bid, ask = self.quotes.around(float(price))
        size = max(float(volume), float(SMALLEST_SIZE))
        return QuoteChanged(at=at, instrument=instrument, bid=bid, ask=ask, bid_size=size, ask_size=size)

    def _day_of(self, file: BarFile, seconds: int) -> date:
        zone = UTC if file.is_dated else self.schedule.calendar.timezone
        return datetime.fromtimestamp(seconds, UTC).astimezone(zone).date()
