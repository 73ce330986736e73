"""The composition root: settings in, a wired daemon out. Nothing else knows every part."""

import asyncio
import gc
import os
import random
import secrets
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import structlog
import uvloop

from daemon import __version__
from daemon.adapters.ib.broker import IbBroker
from daemon.adapters.ib.connection import IbConnection
from daemon.adapters.ib.feed import IbFeed
from daemon.adapters.ib.settings import IbSettings
from daemon.backtest.driver import Cadence
from daemon.backtest.runner import BacktestPlan, Kept
from daemon.domain.callbacks import Callback, ConnectionChanged, InstantReached, StandingChanged
from daemon.domain.errors import ConfigError, InvariantBroken
from daemon.domain.events import Event
from daemon.domain.records import Record, RunStarted, SessionMarked
from daemon.domain.restart_schedule import RestartSchedule
from daemon.domain.timeframe import Timeframe
from daemon.engine.engine import Engine
from daemon.execution.paper_executor import ExecutionRules, PaperExecutor
from daemon.gateway.embedded import EmbeddedGateway
from daemon.journal.file_check import FileCheck
from daemon.journal.last_words import leave_last_words
from daemon.journal.location import is_sqlite, sqlite_path
from daemon.journal.past import Past, read_past
from daemon.journal.sqlite import is_large
from daemon.journal.writer import JournalWriter
from daemon.market.sessions import TradingCalendar
from daemon.market.windows import BarSchedule
from daemon.matching.commission import PercentOfNotional
from daemon.matching.latency import LatencyModel
from daemon.orchestrator.control import DaemonControl
from daemon.orchestrator.orchestrator import Orchestrator
from daemon.orchestrator.plan import Intervals, Parts
from daemon.orchestrator.reconciliation import Pace
from daemon.ports import Control, DayReporter
from daemon.reports.child import ChildDayReporter
from daemon.runtime.clock import MarketClock
from daemon.runtime.inbox import Inbox
from daemon.runtime.logs import reopen
from daemon.runtime.notify import Notifier
from daemon.runtime.state_lock import state_lock
from daemon.runtime.supervisor import Service
from daemon.runtime.watchdog import Watchdog
from daemon.settings.heart import engine_setup
from daemon.settings.loading import LoadedSettings
from daemon.settings.model import Settings
from daemon.settings.output import limits_hash, plain
from daemon.web.control_socket import ControlSocket

log = structlog.get_logger()

_BUSY_SHARE: Final = 0.75  # of the commit's deadline: who is locked out says so before it is merely late
_INBOX_LIMIT: Final = 500_000
_GC_THRESHOLDS: Final = (50_000, 20, 50)  # fewer pauses on the way from bar to order; measured in the order benchmark


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What a run is asked for beyond its settings."""

    state: Path
    days: int | None = None
    start_given: bool = False  # whether a first day was named by a person


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What a run leaves behind for the command."""

    journal: str  # where its journal is
    since_seq: int  # rows of this run are above it
    market_s: float  # market seconds that passed
    host_s: float  # host seconds from the first instant to the end


def run_daemon(loaded: LoadedSettings, options: RunOptions, *, on_clock: Callable[[MarketClock], None]) -> RunResult:
    """Run the daemon in this process until it is stopped; `on_clock` learns of the clock for the log lines.

    Raises:
        PaperdError: what stopped it; each kind has its exit code.
    """
    options.state.mkdir(parents=True, exist_ok=True)
    with state_lock(options.state), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(loaded, options, on_clock))


async def _run(loaded: LoadedSettings, options: RunOptions, on_clock: Callable[[MarketClock], None]) -> RunResult:
    settings, state = loaded.settings, options.state
    clock = MarketClock()
    on_clock(clock)
    notifier = Notifier.from_environ(os.environ)
    async with AsyncExitStack() as stack:
        journal = await stack.enter_async_context(
            await JournalWriter.open(
                settings.journal.url.get_secret_value() if settings.journal.url else state / "journal.db",
                busy_timeout_s=_BUSY_SHARE * settings.journal.deadline_s,
                deadline_s=settings.journal.deadline_s,
                opening_s=settings.journal.opening_s,
            )
        )
        past = await read_past(journal)
        since = journal.last_seq
        _refuse_going_back(settings, options, past.records)
        daemon = Daemon(loaded, options, clock=clock, journal=journal, past=past, notifier=notifier)
        _stop_on_signals(daemon.orchestrator, notifier)
        gc.collect()
        gc.freeze()  # what start-up made stays: the collector need not look at it again
        gc.set_threshold(*_GC_THRESHOLDS)
        log.info(
            "daemon.started",
            mode=settings.mode,
            version=__version__,
            state=str(state),
            config=loaded.source,
            instance=daemon.instance,
        )
        try:
            await daemon.orchestrator.run()
        finally:
            notifier.close()
            if journal.failure is not None:
                leave_last_words(state, journal.failure, journal.unkept)
        log.info("daemon.stopped", days=daemon.orchestrator.keeper.days_closed)
        return RunResult(
            journal=journal.url.render_as_string(hide_password=False),
            since_seq=since,
            market_s=daemon.market_seconds(),
            host_s=daemon.host_seconds(),
        )


class Daemon:
    """The parts of one daemon, put together; the simulation changes what lies around them."""

    def __init__(
        self,
        loaded: LoadedSettings,
        options: RunOptions,
        *,
        clock: MarketClock,
        journal: JournalWriter,
        past: Past,
        notifier: Notifier,
    ) -> None:
        settings = loaded.settings
        self._settings = settings
        self._state = options.state
        self._past = past
        self._journal_url = journal.url
        self._clock = clock
        self._inbox: Inbox[Callback | Event, Event] = Inbox(_INBOX_LIMIT)
        self._first_instant: tuple[datetime, int] | None = None
        self.instance = _instance(settings, past.records)
        schedule = BarSchedule(
            calendar=TradingCalendar(settings.calendar.exchange), anchor=settings.calendar.bar_anchor
        )
        self._schedule = schedule
        setup = engine_setup(settings, schedule, instance=self.instance, port=self._port_for_guard())
        engine = Engine(setup, host_ns=clock.host_ns if settings.mode != "paper" else None)
        engine.restore(past.records)
        self._connection = IbConnection(
            self._ib_settings(),
            clock=clock,
            sink=self._sink,
            jitter=random.Random(self.instance),
            expects_bars=lambda moment: schedule.calendar.session_at(moment) is not None,
        )
        broker = IbBroker(self._connection)
        executor = PaperExecutor(
            broker,
            clock,
            quote_of=engine.marks.quote,
            instruments=setup.instruments.get,
            may_send=engine.may_send,
            rules=execution_rules(settings),
        )
        executor.restore(past.records)
        parts = Parts(
            engine=engine,
            executor=executor,
            journal=_FirstRun(journal, lambda: self._run_record(loaded)),
            broker=broker,
            feed=IbFeed(self._connection, bar_end=self._bar_end),
            reporter=self.day_reporter(),
            clock=clock,
            schedule=schedule,
            inbox=self._inbox,
            timeframes=tuple(
                sorted({frame for strategy in setup.strategies for frame in strategy.strategy.timeframes})
            ),
            connection=self._connection,
            connection_state=lambda: _jsonable(asdict(self._connection.state)),
            mode=settings.mode,
            history=settings.calendar.history_bars,
            bars_until=past.bars_until,
            history_until=past.history_until,
            restart=self._restart(),
        )
        extra = self.surroundings(DaemonControl(parts, lambda: self.orchestrator), Watchdog(notifier, clock.host_ns))
        self.orchestrator = Orchestrator(parts, intervals=_intervals(settings), days=options.days, extra=extra)

    def day_reporter(self) -> DayReporter:
        """Return what writes the day's report."""
        url = self._settings.journal.url
        return ChildDayReporter(self._state, journal_url=url.get_secret_value() if url else None)

    def surroundings(self, control: Control, watchdog: Service) -> list[Service]:
        """Return the services that start before the connection."""
        return [
            ControlSocket(control, self._settings.control.socket or self._state / "paperd.sock"),
            watchdog,
            *self._file_check(),
            *self._embedded(),
        ]

    def _file_check(self) -> list[Service]:
        """Return what reads a large journal through, for which the start has not waited."""
        url = self._journal_url
        return [FileCheck(sqlite_path(url))] if is_sqlite(url) and is_large(sqlite_path(url)) else []

    def market_seconds(self) -> float:
        """Return the market seconds between the first instant and now."""
        return (self._clock.now() - self._first_instant[0]).total_seconds() if self._first_instant else 0.0

    def host_seconds(self) -> float:
        """Return the host seconds between the first instant and now."""
        return (self._clock.host_ns() - self._first_instant[1]) / 1e9 if self._first_instant else 0.0

    def _sink(self, callback: Callback) -> None:
        """Take what the connection tells; start-up needs two things at once: the link's state and the first time."""
        if isinstance(callback, ConnectionChanged):
            self.orchestrator.link.on_change(callback)
            return
        if isinstance(callback, StandingChanged):
            self.orchestrator.link.on_standing(callback.standing)
            return
        if isinstance(callback, InstantReached) and not self._clock.is_stepped:
            self._clock.step(callback.at)
            self._first_instant = (callback.at, self._clock.host_ns())
        self._inbox.put(callback)

    def _ib_settings(self) -> IbSettings:
        ib, paper = self._settings.ib, self._settings.mode == "paper"
        return IbSettings(
            host="127.0.0.1" if paper else ib.host,
            port=0 if paper else ib.port,
            client_id=ib.client_id,
            account=(self._settings.market.account if paper else ib.account) or "",
            connect_timeout_s=ib.connect_timeout_s,
            request_timeout_s=ib.request_timeout_s,
            heartbeat_s=ib.heartbeat_s,
            backoff_s=tuple(ib.backoff_s),
            market_data_lines=1_000 if paper else ib.market_data_lines,
            messages_per_second=ib.messages_per_second,
            silence_s=ib.silence_s,
            restart=self._restart(),
        )

    def _restart(self) -> RestartSchedule | None:
        return None if self._settings.mode == "paper" else self._settings.ib.restart

    def _port_for_guard(self) -> int:
        return 0 if self._settings.mode == "paper" else self._settings.ib.port

    def _embedded(self) -> list[EmbeddedGateway]:
        if self._settings.mode != "paper":
            return []
        return [
            EmbeddedGateway(
                gateway_arguments(self._settings, self._state, not_before=self._past.last_at),
                on_listening=self._connection.use_port,
            )
        ]

    def _bar_end(self, start_s: int, timeframe: Timeframe) -> int:
        """Return the end of the scheduled bar that starts at `start_s`, for the feed."""
        session = self._schedule.calendar.last_open_before(datetime.fromtimestamp(start_s, UTC))
        if session is None or start_s >= session.close_s:
            return start_s + timeframe.seconds
        return self._schedule.bar_end(start_s, timeframe, session)

    def _run_record(self, loaded: LoadedSettings) -> RunStarted:
        return RunStarted(
            at=self._clock.now(),
            run_id=secrets.token_hex(8),
            instance=self.instance,
            mode=self._settings.mode,
            version=__version__,
            account=self._connection.account,
            seed=self._settings.market.seed if self._settings.mode == "paper" else None,
            config_hash=loaded.hash,
            limits_hash=limits_hash(self._settings),
            config=_mapping(plain(self._settings)),
        )


class _FirstRun:
    """A journal that writes the run's own record before the first others: only then is the market's time known."""

    def __init__(self, journal: JournalWriter, first: Callable[[], RunStarted]) -> None:
        self._journal = journal
        self._first: Callable[[], RunStarted] | None = first

    async def append(self, records: Sequence[Record]) -> None:
        """Make records durable."""
        if self._first is not None:
            records = (self._first(), *records)
            self._first = None
        await self._journal.append(records)

    async def restore(self) -> tuple[Record, ...]:
        """Return the records to rebuild from."""
        return await self._journal.restore()


def backtest_plan(
    loaded: LoadedSettings, *, instance: str, seed: int, as_live: bool, decisions: Kept = "all"
) -> BacktestPlan:
    """Return what a backtest of `loaded` does; `as_live` values the books when the live monitors do."""
    settings = loaded.settings
    schedule = BarSchedule(calendar=TradingCalendar(settings.calendar.exchange), anchor=settings.calendar.bar_anchor)
    intervals = _intervals(settings)
    return BacktestPlan(
        setup=engine_setup(settings, schedule, instance=instance, port=0),
        rules=execution_rules(settings),
        commission=PercentOfNotional(rate=settings.market.commission_rate),
        latency=LatencyModel(seed=seed),
        cadence=Cadence(
            positions=intervals.positions if as_live else None,
            performance=intervals.performance,
            report_after_close=intervals.report_after_close,
        ),
        version=__version__,
        config_hash=loaded.hash,
        config=_mapping(plain(settings)),
        decisions=decisions,
    )


def gateway_arguments(settings: Settings, state: Path, *, not_before: datetime | None) -> list[str]:
    """Return the command line of the embedded gateway; its market must not go back behind what the journal holds."""
    market = settings.market
    arguments = [
        "--port", "0",
        "--source", market.source,
        "--seed", str(market.seed),
        "--speed", str(market.speed),
        "--account", market.account,
        "--cash", str(market.initial_cash),
        "--commission", str(market.commission_rate),
        "--exchange", settings.calendar.exchange,
        "--state-file", str(state / "gateway.db"),
        "--lines", "1000",
        "--not-before", str(int(not_before.timestamp() * 1_000_000) if not_before is not None else 0),
    ]  # fmt: skip
    if market.first_day is not None:
        arguments += ["--start", market.first_day.isoformat()]
    if market.data is not None:
        arguments += ["--data", str(market.data)]
    return arguments


def execution_rules(settings: Settings) -> ExecutionRules:
    """Return how long orders may take and what is worth a warning."""
    execution = settings.execution
    return ExecutionRules(
        timeout=timedelta(seconds=execution.order_timeout_s),
        max_attempts=execution.max_attempts,
        lag_warning=timedelta(seconds=execution.lag_warning_s),
        slippage_warning=execution.slippage_warning_fraction,
    )


def _intervals(settings: Settings) -> Intervals:

    monitors = settings.monitors
    return Intervals(
        positions=timedelta(seconds=monitors.positions_s),
        performance=timedelta(seconds=monitors.performance_s),
        health=timedelta(seconds=monitors.health_s),
        bar_grace=timedelta(seconds=settings.calendar.grace_s),
        report_after_close=timedelta(seconds=monitors.report_offset_s),
        alert_after_s=settings.ib.alert_after_s,
        reconciliation=Pace(
            orders=timedelta(seconds=settings.reconciliation.orders_s),
            positions=timedelta(seconds=settings.reconciliation.positions_s),
            mismatch=timedelta(seconds=settings.reconciliation.mismatch_s),
        ),
    )


def _instance(settings: Settings, past: Sequence[Record]) -> str:
    """Return what marks this daemon's orders: as configured, as before, else new; by the seed where it is simulated."""
    if settings.instance is not None:
        return settings.instance
    before = [record.instance for record in past if isinstance(record, RunStarted)]
    if before:
        return before[-1]
    return f"s{settings.market.seed}" if settings.mode == "paper" else secrets.token_hex(3)


def _refuse_going_back(settings: Settings, options: RunOptions, past: Sequence[Record]) -> None:
    """Raise ConfigError when a first day is asked for that lies before what this state directory has traded."""
    days = [date.fromisoformat(record.day) for record in past if isinstance(record, SessionMarked)]
    start = settings.market.start
    if options.start_given and start is not None and days and start < max(days):
        raise ConfigError(
            f"market.start: {start} lies before {max(days)}, which {options.state} has already traded; "
            "name a later day, leave --start out to go on, or use another --state directory"
        )


def _stop_on_signals(orchestrator: Orchestrator, notifier: Notifier) -> None:
    """Let SIGTERM and SIGINT begin the orderly shutdown, and SIGHUP reopen the log files."""

    def stop() -> None:
        notifier.stopping()
        orchestrator.request_stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, reopen)


def _jsonable(value: Mapping[str, object]) -> Mapping[str, object]:
    return {key: item.isoformat() if isinstance(item, datetime) else item for key, item in value.items()}


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise InvariantBroken("the settings are no mapping")
    return value
