"""History from a journal: the bars and quotes as the daemon saw them, and the bars it was warmed up with."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from sqlalchemy import Engine

from daemon.backtest.market_history import Step
from daemon.domain.bar import Bar
from daemon.domain.errors import ConfigError
from daemon.domain.events import BarsClosed, HistoryLoaded, QuoteChanged
from daemon.domain.instrument import InstrumentId
from daemon.domain.records import BarSeen, GapSeen, HistorySeen, QuoteSeen
from daemon.domain.timeframe import Timeframe
from daemon.journal.queries import bars_seen, gaps_seen, history_seen, quotes_seen, session_days
from daemon.market.sessions import Session
from daemon.market.windows import BarSchedule

Series = tuple[InstrumentId, Timeframe]


@dataclass(slots=True)
class JournalHistory:
    """Implements `MarketHistory` over a journal opened for reading."""

    journal: Engine
    schedule: BarSchedule
    instruments: Sequence[InstrumentId]
    timeframes: Sequence[Timeframe]
    first: date | None = None  # None = the first day of the journal
    days: int | None = None  # None = to its last day
    _sessions: list[Session] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Find the sessions.

        Raises:
            ConfigError: the journal has no session in the range; it says which it has.
        """
        known = [date.fromisoformat(day) for day in session_days(self.journal)]
        wanted = [day for day in known if self.first is None or day >= self.first][: self.days]
        if not wanted:
            have = ", ".join(map(str, known)) or "none"
            raise ConfigError(
                f"--start: nothing was traded on {self.first or 'any day'}; sessions of this journal: {have}"
            )
        self._sessions = [session for day in wanted if (session := self.schedule.calendar.session_on(day)) is not None]

    def warmup(self) -> Iterator[HistoryLoaded]:
        """Yield the bars that ended by the first session's open: had from history, or seen on earlier days."""
        opened = self._sessions[0].open
        series: dict[Series, dict[int, Bar]] = defaultdict(dict)
        earlier: tuple[HistorySeen | BarSeen, ...] = (
            *history_seen(self.journal),
            *bars_seen(self.journal, before=opened),
        )
        for record in earlier:
            if record.end <= opened.timestamp():
                series[record.instrument, Timeframe.parse(record.timeframe)][record.end] = _bar(record)
        for instrument in self.instruments:
            for timeframe in self.timeframes:
                bars = series.get((instrument, timeframe), {})
                ordered = tuple(bars[end] for end in sorted(bars))
                yield HistoryLoaded(at=opened, instrument=instrument, timeframe=timeframe, bars=ordered)

    def sessions(self) -> Iterator[tuple[Session, Sequence[Step]]]:
        """Yield the sessions, each with a step at every instant at which bars ended or a quote was kept."""
        for session in self._sessions:
            yield session, self._steps(session)

    def quotes_between(self, instrument: InstrumentId, after: datetime, until: datetime) -> Sequence[QuoteChanged]:
        """Return nothing: every quote that was kept is told by a step."""
        del instrument, after, until
        return ()

    def _steps(self, session: Session) -> list[Step]:
        end_of_day = session.close.replace(microsecond=0)
        bars: dict[datetime, list[BarSeen]] = defaultdict(list)
        missing: dict[datetime, list[GapSeen]] = defaultdict(list)
        quotes: dict[datetime, list[QuoteSeen]] = defaultdict(list)
        for bar in bars_seen(self.journal, since=session.open, until=session.close):
            bars[bar.at].append(bar)
        for gap in gaps_seen(self.journal, since=session.open, until=session.close):
            missing[gap.at].append(gap)
        for quote in quotes_seen(self.journal, since=session.open, until=end_of_day):
            quotes[quote.at].append(quote)
        return [self._step(at, quotes[at], bars[at], missing[at]) for at in sorted({*bars, *missing, *quotes})]

    def _step(
        self, at: datetime, quotes: Sequence[QuoteSeen], bars: Sequence[BarSeen], missing: Sequence[GapSeen]
    ) -> Step:
        return Step(
            at=at,
            quotes=tuple(_quote(record) for record in quotes if record.instrument in self.instruments),
            bars=tuple(self._closed(at, bars, missing)),
        )

    def _closed(self, at: datetime, bars: Sequence[BarSeen], missing: Sequence[GapSeen]) -> Iterator[BarsClosed]:
        """Yield the bars of one instant by timeframe; those nobody was there to see are not told."""
        grouped: Mapping[tuple[Timeframe, int], tuple[list[BarSeen], list[GapSeen]]] = defaultdict(lambda: ([], []))
        for bar in bars:
            grouped[Timeframe.parse(bar.timeframe), bar.end][0].append(bar)
        for gap in missing:
            if gap.cause == "no data came":
                grouped[Timeframe.parse(gap.timeframe), gap.end][1].append(gap)
        for (timeframe, end), (seen, gone) in sorted(grouped.items(), key=lambda item: item[0]):
            if timeframe not in self.timeframes:
                continue
            yield BarsClosed(
                at=at,
                timeframe=timeframe,
                end=end,
                bars=tuple((bar.instrument, _bar(bar)) for bar in seen if bar.instrument in self.instruments),
                missing=tuple(gap.instrument for gap in gone if gap.instrument in self.instruments),
            )


def _bar(record: BarSeen | HistorySeen) -> Bar:
    return Bar(
        start=record.start,
        end=record.end,
        open=record.open,
        high=record.high,
        low=record.low,
        close=record.close,
        volume=record.volume,
        wap=record.wap,
        trades=record.trades,
    )


def _quote(record: QuoteSeen) -> QuoteChanged:
    return QuoteChanged(
        at=record.confirmed_at.astimezone(UTC),
        instrument=record.instrument,
        bid=record.bid,
        ask=record.ask,
        bid_size=record.bid_size,
        ask_size=record.ask_size,
    )
