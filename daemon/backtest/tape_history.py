"""History from a market source: the synthetic market, or recorded seconds and minutes, as the gateway plays them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Protocol

import numpy as np

from daemon.backtest.market_history import Step
from daemon.domain.bar import Bar, flat_bar
from daemon.domain.events import BarsClosed, HistoryLoaded, QuoteChanged
from daemon.domain.instrument import InstrumentId
from daemon.domain.timeframe import Timeframe
from daemon.market.sessions import Session
from daemon.market.tape import SecondTape, aggregate
from daemon.market.windows import BarSchedule


class TapeSource(Protocol):
    """A market that can be had session by session."""

    def tape(self, symbol: str, session: Session) -> SecondTape:
        """Return a session second by second; raises LookupError where there is nothing."""
        ...


@dataclass(slots=True)
class TapeHistory:
    """Implements `MarketHistory`. Bars are cut from the same tapes, by the gateway's aggregator."""

    source: TapeSource
    schedule: BarSchedule
    instruments: Sequence[InstrumentId]
    timeframes: Sequence[Timeframe]
    first: date
    days: int
    history: int
    _tapes: dict[InstrumentId, SecondTape] = field(default_factory=dict)

    def warmup(self) -> Iterator[HistoryLoaded]:
        """Yield the bars before the first session, as many as the daemon asks for."""
        session = self._first_session()
        for instrument in self.instruments:
            for timeframe in self.timeframes:
                _, anchor = self.schedule.anchor_end(session, timeframe, self.history)
                bars = [bar for bar in self._before(instrument, timeframe, session) if bar.end >= anchor]
                yield HistoryLoaded(at=session.open, instrument=instrument, timeframe=timeframe, bars=tuple(bars))

    def sessions(self) -> Iterator[tuple[Session, Sequence[Step]]]:
        """Yield the sessions with a step at each instant at which bars end."""
        session = self._first_session()
        for _ in range(self.days):
            self._tapes = {name: self.source.tape(name, session) for name in self.instruments}
            yield session, self._steps(session)
            session = self.schedule.calendar.session_after(session)

    def quotes_between(self, instrument: InstrumentId, after: datetime, until: datetime) -> Sequence[QuoteChanged]:
        """Return the changes of the tape's quote, both bounds left out."""
        tape = self._tapes.get(instrument)
        if tape is None:
            return ()
        opened = tape.session.open_s
        first = max(int(after.timestamp() - opened) + 1, 0)
        last = min(int(np.ceil(until.timestamp() - opened)), len(tape.bid))
        changed = np.flatnonzero(tape.quote_changed[first:last]) if last > first else np.empty(0, np.int64)
        return [self._quote(instrument, tape, first + int(row)) for row in changed]

    def _first_session(self) -> Session:
        calendar = self.schedule.calendar
        found = calendar.session_on(self.first)
        return (
            found
            if found is not None
            else calendar.next_session(datetime.combine(self.first, datetime.min.time(), tzinfo=calendar.timezone))
        )

    def _before(self, instrument: InstrumentId, timeframe: Timeframe, session: Session) -> list[Bar]:
        """Return at least `history` bars before `session`, fewer where the source has no more."""
        bars: list[Bar] = []
        earlier = session
        while len(bars) < self.history:
            earlier = self.schedule.calendar.session_before(earlier)
            try:
                tape = self.source.tape(instrument, earlier)
            except LookupError:
                break
            bars = [*self._bars(tape, timeframe), *bars]
        return bars

    def _bars(self, tape: SecondTape, timeframe: Timeframe) -> list[Bar]:
        starts, ends = self.schedule.starts(tape.session, timeframe), self.schedule.ends(tape.session, timeframe)
        made = aggregate(tape, ends, starts)
        rows = zip(
            starts.tolist(), ends.tolist(),
            made.open.tolist(), made.high.tolist(), made.low.tolist(), made.close.tolist(),
            made.volume.tolist(), made.wap.tolist(), made.count.tolist(), strict=True,
        )  # fmt: skip
        return [
            Bar(start=start, end=end, open=o, high=h, low=low, close=c, volume=float(v), wap=w, trades=n)
            if n
            else flat_bar(start=start, end=end, close=c)
            for start, end, o, h, low, c, v, w, n in rows
            if c == c  # noqa: PLR0124 - NaN: nothing has traded yet
        ]

    def _steps(self, session: Session) -> list[Step]:
        closed: dict[int, dict[Timeframe, list[tuple[InstrumentId, Bar]]]] = {}
        for instrument, tape in self._tapes.items():
            for timeframe in self.timeframes:
                for bar in self._bars(tape, timeframe):
                    closed.setdefault(bar.end, {}).setdefault(timeframe, []).append((instrument, bar))
        ends = sorted(closed)
        opening = Step(at=session.open, quotes=self._quotes(session.open_s - 1, session.open_s))
        return [
            opening,
            *(self._step(since, end, closed[end]) for since, end in zip([session.open_s, *ends], ends, strict=False)),
        ]

    def _step(self, since: int, end: int, by_timeframe: dict[Timeframe, list[tuple[InstrumentId, Bar]]]) -> Step:
        at = datetime.fromtimestamp(end, UTC)
        bars = tuple(
            BarsClosed(at=at, timeframe=timeframe, end=end, bars=tuple(by_timeframe[timeframe]))
            for timeframe in sorted(by_timeframe)
        )
        return Step(at=at, quotes=self._quotes(since, end), bars=bars)

    def _quotes(self, after: int, until: int) -> tuple[QuoteChanged, ...]:
        """Return the quotes in force at second `until` that have changed later than second `after`."""
        found: list[QuoteChanged] = []
        for instrument, tape in self._tapes.items():
            opened = tape.session.open_s
            rows = np.flatnonzero(tape.quote_changed[max(after + 1 - opened, 0) : until + 1 - opened])
            if rows.size:
                found.append(self._quote(instrument, tape, max(after + 1 - opened, 0) + int(rows[-1])))
        return tuple(found)

    @staticmethod
    def _quote(instrument: InstrumentId, tape: SecondTape, row: int) -> QuoteChanged:
        return QuoteChanged(
            at=datetime.fromtimestamp(tape.session.open_s + row, UTC),
            instrument=instrument,
            bid=float(tape.bid[row]),
            ask=float(tape.ask[row]),
            bid_size=float(tape.bid_size[row]),
            ask_size=float(tape.ask_size[row]),
        )
