"""Builds the bars of every instrument and timeframe from the five-second stream, session by session."""

from collections.abc import Sequence
from dataclasses import dataclass

from daemon.domain.bar import Bar, check_bar, flat_bar
from daemon.domain.errors import BadMarketData
from daemon.domain.instrument import InstrumentId
from daemon.domain.timeframe import Timeframe
from daemon.market.bars import BarBuilder, PartFate
from daemon.market.sessions import Session
from daemon.market.windows import BarSchedule
from daemon.runtime.clock import Alarm


@dataclass(frozen=True, slots=True)
class Revision:
    """A completed bar that turned out different."""

    instrument: InstrumentId
    timeframe: Timeframe
    bar: Bar


@dataclass(slots=True)
class _Awaited:
    """The bar end that a loop waits for."""

    end: int
    alarm: Alarm
    missing: set[InstrumentId]


class BarAssembler:
    """Feeds parts to the builders and wakes a timeframe's loop once its bar is complete for all instruments."""

    def __init__(
        self, schedule: BarSchedule, instruments: Sequence[InstrumentId], timeframes: Sequence[Timeframe]
    ) -> None:
        self._schedule = schedule
        self._instruments = tuple(instruments)
        self._timeframes = tuple(sorted(timeframes))
        self._builders: dict[InstrumentId, dict[Timeframe, BarBuilder]] = {}
        self._awaited: dict[Timeframe, _Awaited] = {}
        self._last_close: dict[InstrumentId, float] = {}
        self._session: Session | None = None
        self.final_until: dict[Timeframe, int] = {}  # bars that ended by then were had from history
        self.feed_up_since = 0  # epoch seconds; 0 while the feed is down
        self.last_part_host_ns = 0
        self.fates: dict[PartFate, int] = dict.fromkeys(PartFate, 0)
        self.bad_parts = 0

    @property
    def timeframes(self) -> tuple[Timeframe, ...]:
        """Return the timeframes that are built, ascending."""
        return self._timeframes

    def begin_session(self, session: Session) -> None:
        """Start the builders of a session; the same session again changes nothing."""
        if self._session == session:
            return
        self._session = session
        self._builders = {
            instrument: {
                timeframe: BarBuilder(
                    self._schedule.starts(session, timeframe).tolist(), self._schedule.ends(session, timeframe).tolist()
                )
                for timeframe in self._timeframes
            }
            for instrument in self._instruments
        }

    def add(self, instrument: InstrumentId, part: Bar, host_ns: int) -> list[Revision]:
        """Fold in one part of the stream; return the completed bars that it revises."""
        builders = self._builders.get(instrument)
        if builders is None:
            return []
        try:
            check_bar(part, instrument)
        except BadMarketData:
            self.bad_parts += 1
            return []
        self.last_part_host_ns = host_ns
        revisions: list[Revision] = []
        for timeframe, builder in builders.items():
            fate = builder.add(part)
            self.fates[fate] += 1
            if fate is PartFate.REVISES and builder.revision is not None:
                revisions.append(Revision(instrument, timeframe, builder.revision))
            awaited = self._awaited.get(timeframe)
            if awaited is None or part.end < awaited.end:
                continue
            if instrument in awaited.missing and builder.is_complete(awaited.end):
                awaited.missing.discard(instrument)
                if not awaited.missing:
                    awaited.alarm.wake()
        return revisions

    def backfill(self, instrument: InstrumentId, parts: Sequence[Bar]) -> None:
        """Give the forming bars what was missed of them; bars that were had from history are final."""
        for timeframe, builder in self._builders.get(instrument, {}).items():
            builder.skip_to(self.final_until.get(timeframe, 0))
            builder.fill_forming(parts)

    def is_complete(self, timeframe: Timeframe, end: int) -> bool:
        """Return whether nothing more is expected of the bars ending at `end`."""
        return bool(self._builders) and all(
            builders[timeframe].is_complete(end) for builders in self._builders.values()
        )

    def expect(self, timeframe: Timeframe, end: int, alarm: Alarm) -> bool:
        """Arrange for `alarm` to be woken when the bars ending at `end` are complete; True when they are already."""
        missing = {
            instrument for instrument, builders in self._builders.items() if not builders[timeframe].is_complete(end)
        }
        self._awaited[timeframe] = _Awaited(end, alarm, missing)
        return not missing and bool(self._builders)

    def take(
        self, timeframe: Timeframe, end: int
    ) -> tuple[tuple[tuple[InstrumentId, Bar], ...], tuple[InstrumentId, ...]]:
        """Make the bars ending at `end` final; return them, and the instruments that have none."""
        bars: list[tuple[InstrumentId, Bar]] = []
        missing: list[InstrumentId] = []
        for instrument in self._instruments:
            bar = self._builders[instrument][timeframe].take(end) or self._flat(instrument, timeframe, end)
            if bar is None:
                missing.append(instrument)
            else:
                self._last_close[instrument] = bar.close
                bars.append((instrument, bar))
        return tuple(bars), tuple(missing)

    def remember_close(self, instrument: InstrumentId, close: float) -> None:
        """Take the last close of the history, for bars without trades."""
        self._last_close[instrument] = close

    def _flat(self, instrument: InstrumentId, timeframe: Timeframe, end: int) -> Bar | None:
        """Return a bar without trades where the feed was up all along, None where nobody can know."""
        start = self._start(timeframe, end)
        close = self._last_close.get(instrument)
        if close is None or not self.feed_up_since or self.feed_up_since > start:
            return None
        return flat_bar(start=start, end=end, close=close)

    def _start(self, timeframe: Timeframe, end: int) -> int:
        ends = self._schedule.ends(self._session, timeframe).tolist() if self._session is not None else []
        if self._session is None or end not in ends:
            return end - timeframe.seconds
        return int(self._schedule.starts(self._session, timeframe)[ends.index(end)])
