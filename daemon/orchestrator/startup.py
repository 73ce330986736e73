"""Start-up, which is also recovery: reconcile with the broker, load history, subscribe, and only then let time run."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from daemon.domain.bar import Bar, check_bar
from daemon.domain.errors import BadMarketData, ConfigError, FeedUnavailable
from daemon.domain.events import HistoryLoaded, SessionOpened
from daemon.domain.instrument import Instrument, InstrumentId
from daemon.domain.records import GapSeen, HistorySeen, Record
from daemon.domain.timeframe import Timeframe
from daemon.engine.engine import Engine
from daemon.market.sessions import Session
from daemon.market.windows import BarSchedule
from daemon.orchestrator.bar_assembler import BarAssembler
from daemon.orchestrator.reconciliation import Reconciler
from daemon.orchestrator.sequencer import Sequencer
from daemon.ports import Broker, Feed
from daemon.runtime.clock import MarketClock

log = structlog.get_logger()

_MINUTE: Final = Timeframe(seconds=60)
_FIVE_SECONDS: Final = Timeframe(seconds=5)


class Startup:
    """Brings heart, executor and feed into step with the broker; done at start and after each reconnect."""

    def __init__(
        self,
        *,
        engine: Engine,
        broker: Broker,
        feed: Feed,
        clock: MarketClock,
        assembler: BarAssembler,
        sequencer: Sequencer,
        reconciler: Reconciler,
        schedule: BarSchedule,
        history: int,
        grace: timedelta,
        bars_until: Mapping[Timeframe, int],
        history_until: Mapping[tuple[InstrumentId, Timeframe], int],
    ) -> None:
        """Take the parts.

        `bars_until` says up to where earlier runs have seen the bars of each timeframe close, `history_until` up to
        where the journal has the bars of each series, however they came.
        """
        self._engine = engine
        self._broker = broker
        self._feed = feed
        self._clock = clock
        self._assembler = assembler
        self._sequencer = sequencer
        self._reconciler = reconciler
        self._schedule = schedule
        self._history = history
        self._grace = grace
        self._bars_until = dict(bars_until)
        self._last_seen = dict(bars_until)  # by an earlier run, until what it missed is recorded
        self._history_until = dict(history_until)

    async def synchronise(self) -> None:
        """Reconcile, fill the windows, subscribe; the sequencer must be on hold.

        Raises:
            BrokerUnavailable: the connection went away; it is tried again after the next one.
            FeedUnavailable: history or a contract could not be had.
            ConfigError: a configured symbol does not exist, and has never been seen.
        """
        self._engine.set_account(self._broker.account)
        await self._reconciler.come_into_step()
        instruments = await self._instruments()
        session = self._session()
        if session is not None:
            self._assembler.begin_session(session)
            await self._take_stock(session)
        for instrument in instruments:
            await self._fill(instrument, session)
        await self._feed.subscribe(instruments)
        self._assembler.feed_up_since = int(self._clock.now().timestamp())
        now = self._clock.now()
        current = self._schedule.calendar.session_at(now)
        if current is not None:
            await self._sequencer.apply([SessionOpened(at=now, open_s=current.open_s, close_s=current.close_s)])

    async def _instruments(self) -> Sequence[Instrument]:
        """Return what is traded.

        A symbol of which the journal has bars is not misspelt, whatever the broker says of it now: a daemon that gave
        up on it would leave its positions alone.
        """
        names = list(self._engine.setup.instruments)
        try:
            return await self._feed.resolve(names)
        except ConfigError as error:
            seen = {instrument for instrument, _ in self._history_until}
            if seen.issuperset(names):
                raise FeedUnavailable(f"the broker does not know what it has known before: {error}") from error
            raise

    def _session(self) -> Session | None:
        """Return the session that is open now, or the next one."""
        now = self._clock.now()
        return self._schedule.calendar.session_at(now) or self._schedule.calendar.next_session(now)

    async def _fill(self, instrument: Instrument, session: Session | None) -> None:
        """Load every window of one instrument, and what is missing of its forming bars."""
        if session is None:
            return
        now = self._clock.now()
        for timeframe in self._assembler.timeframes:
            start_s, _ = self._schedule.anchor_end(session, timeframe, self._history)
            begin = datetime.fromtimestamp(start_s, UTC)
            bars = await self._feed.history(instrument, timeframe, start=begin, end=now)
            completed = _completed(bars, self._assembler.final_until[timeframe], instrument.id)
            await self._sequencer.apply(
                [HistoryLoaded(at=now, instrument=instrument.id, timeframe=timeframe, bars=completed)],
                self._first_seen(instrument.id, timeframe, completed, now),
            )
            if completed:
                self._assembler.remember_close(instrument.id, completed[-1].close)
        if session.open < now < session.close:
            self._assembler.backfill(instrument.id, await self._parts(instrument, session, now))

    def _first_seen(
        self, instrument: InstrumentId, timeframe: Timeframe, bars: Sequence[Bar], now: datetime
    ) -> list[Record]:
        """Return the records of the bars that the journal does not have yet."""
        key = (instrument, timeframe)
        known = max(self._history_until.get(key, 0), self._engine.series.window(instrument, timeframe).last_end)
        new = [bar for bar in bars if bar.end > known]
        self._history_until[key] = max(known, bars[-1].end if bars else 0)
        return [HistorySeen.of(bar, at=now, instrument=instrument, timeframe=timeframe) for bar in new]

    async def _take_stock(self, session: Session) -> None:
        """Settle which bars count as history: all that ended, but for one that ended this moment and nobody has seen.

        Bars of this session that ended while nobody watched are recorded as missed.
        """
        now = self._clock.now()
        missed: list[Record] = []
        for timeframe in self._assembler.timeframes:
            ended = self._schedule.last_end(now, timeframe)
            seen = max(self._bars_until.get(timeframe, 0), self._newest(timeframe))
            just_now = seen < ended and now - datetime.fromtimestamp(ended, UTC) <= self._grace
            if just_now and session.open_s < ended:
                ended = self._schedule.last_end(datetime.fromtimestamp(ended - 1, UTC), timeframe)
            self._assembler.final_until[timeframe] = ended
            if timeframe in self._last_seen:
                missed += self._missed(session, timeframe, self._last_seen.pop(timeframe), ended, now)
        await self._sequencer.apply((), missed)

    def _newest(self, timeframe: Timeframe) -> int:
        """Return the end of the newest bar that the heart has, 0 without any."""
        series = self._engine.series
        return max((series.window(name, timeframe).last_end for name in self._engine.setup.instruments), default=0)

    def _missed(self, session: Session, timeframe: Timeframe, seen: int, ended: int, now: datetime) -> list[Record]:
        """Return a gap for each bar of the session after `seen`, the last of an earlier run, and up to `ended`."""
        return [
            GapSeen(
                at=now, instrument=instrument, timeframe=str(timeframe), end=end, cause="the daemon was not connected"
            )
            for end in self._schedule.ends(session, timeframe).tolist()
            if seen < end <= ended
            for instrument in self._engine.setup.instruments
        ]

    async def _parts(self, instrument: Instrument, session: Session, now: datetime) -> Sequence[Bar]:
        """Return the whole minutes of the session so far, and the five-second bars of the present minute."""
        minute = now.replace(second=0, microsecond=0)
        parts: list[Bar] = []
        if minute > session.open:
            minutes = await self._feed.history(instrument, _MINUTE, start=session.open, end=minute)
            parts += _completed(minutes, int(minute.timestamp()), instrument.id)
        last_part = now - timedelta(seconds=now.timestamp() % _FIVE_SECONDS.seconds)
        if last_part > max(minute, session.open):
            seconds = await self._feed.history(
                instrument, _FIVE_SECONDS, start=max(minute, session.open), end=last_part
            )
            parts += _completed(seconds, int(last_part.timestamp()), instrument.id)
        return parts


def _completed(bars: Sequence[Bar], until: int, source: str) -> tuple[Bar, ...]:
    """Return the bars that ended by epoch second `until`; a bad one is left out and logged."""
    good: list[Bar] = []
    for bar in bars:
        if bar.end > until:
            continue
        try:
            check_bar(bar, source)
        except BadMarketData as error:
            log.warning("bar.dropped", instrument=source, problem=error.problem)
            continue
        good.append(bar)
    return tuple(good)
