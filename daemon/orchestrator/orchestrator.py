"""The orchestrator: every task of the daemon, in their order, around one sequencer."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime

import structlog

from daemon.domain.events import Event
from daemon.domain.records import AlertRaised, Record
from daemon.domain.trading_state import TradingState
from daemon.orchestrator.bar_assembler import BarAssembler
from daemon.orchestrator.bar_loop import BarLoop
from daemon.orchestrator.clock_watch import ClockWatch
from daemon.orchestrator.health import HealthReport
from daemon.orchestrator.link import Link
from daemon.orchestrator.monitors import Monitor, performance_monitor, position_monitor
from daemon.orchestrator.narrator import Narrator
from daemon.orchestrator.outages import Outages, OutageWatch
from daemon.orchestrator.plan import Intervals, Parts
from daemon.orchestrator.reconciliation import Reconciler
from daemon.orchestrator.restart_window import RestartWindow
from daemon.orchestrator.sequencer import Sequencer
from daemon.orchestrator.session_keeper import SessionKeeper
from daemon.orchestrator.startup import Startup
from daemon.ports import Told
from daemon.runtime.supervisor import Service, Supervisor

log = structlog.get_logger()


class Orchestrator:
    """Runs the daemon until it is told to stop, or a part fails."""

    def __init__(
        self, parts: Parts, *, intervals: Intervals, days: int | None = None, extra: Sequence[Service] = ()
    ) -> None:
        """Wire the services.

        Args:
            parts: the implementations.
            intervals: how often the monitors look.
            days: end after so many session closes; None runs until stopped.
            extra: services that start before the connection, such as the control socket.
        """
        self._parts = parts
        self._intervals = intervals
        self._stopping = False
        self.assembler = BarAssembler(parts.schedule, tuple(parts.engine.setup.instruments), parts.timeframes)
        self._narrator = Narrator()
        self.sequencer = Sequencer(
            engine=parts.engine,
            executor=parts.executor,
            journal=parts.journal,
            broker=parts.broker,
            clock=parts.clock,
            assembler=self.assembler,
            inbox=parts.inbox,
            observer=self._observe,
        )
        self.reconciler = Reconciler(
            engine=parts.engine,
            executor=parts.executor,
            broker=parts.broker,
            sequencer=self.sequencer,
            clock=parts.clock,
            calendar=parts.schedule.calendar,
            pace=intervals.reconciliation,
        )
        self.sequencer.before_acknowledging = self.reconciler.ask_if_due
        self.startup = Startup(
            engine=parts.engine,
            broker=parts.broker,
            feed=parts.feed,
            clock=parts.clock,
            assembler=self.assembler,
            sequencer=self.sequencer,
            reconciler=self.reconciler,
            schedule=parts.schedule,
            history=parts.history,
            grace=intervals.bar_grace,
            bars_until=parts.bars_until,
            history_until=parts.history_until,
        )
        self.link = Link(
            startup=self.startup,
            sequencer=self.sequencer,
            assembler=self.assembler,
            host_ns=parts.clock.host_ns,
            set_access=parts.engine.set_access,
        )
        self._outage_watch = OutageWatch(
            Outages(alert_after_s=intervals.alert_after_s, restart=parts.restart),
            link=self.link,
            sequencer=self.sequencer,
            clock=parts.clock,
        )
        self.sequencer.hold()
        self.keeper = SessionKeeper(
            clock=parts.clock,
            calendar=parts.schedule.calendar,
            assembler=self.assembler,
            reporter=parts.reporter,
            post=self.post,
            flush=self.sequencer.flush,
            report_after=intervals.report_after_close,
            days=days,
            on_last_day=self.request_stop,
        )
        self.health = HealthReport(parts, self.assembler, self.sequencer, self.link)
        self._supervisor = Supervisor(
            [
                *extra,
                parts.connection,
                self.sequencer,
                self._outage_watch,
                ClockWatch(parts.clock, tell=self._make_durable),
                self.link,
                *self._restart_window(),
                self.reconciler,
                *self._loops(),
                *self._monitors(),
                self.keeper,
                _Release(self.sequencer, self.link),
            ]
        )
        self._stop_asked = asyncio.Event()

    def post(self, event: Event) -> None:
        """Put an event of our own into the inbox."""
        self._parts.inbox.post(event)

    def request_stop(self) -> None:
        """Ask for the orderly shutdown; more calls change nothing."""
        self._stop_asked.set()

    @property
    def is_stopping(self) -> bool:
        """Return whether the shutdown has begun."""
        return self._stopping

    async def run(self) -> None:
        """Run until stopped.

        Raises:
            ExceptionGroup: what the services failed with; everything has been stopped in order.
        """
        async with asyncio.TaskGroup() as group:
            running = group.create_task(self._supervisor.run(), name="supervisor")
            stopper = group.create_task(self._stop_asked.wait(), name="stopper")
            await asyncio.wait({running, stopper}, return_when=asyncio.FIRST_COMPLETED)
            stopper.cancel()
            if not running.done():
                await self._wind_down()
                self._supervisor.stop()

    async def _wind_down(self) -> None:
        """No new decisions, entries cancelled and confirmed, day report so far."""
        self._stopping = True
        log.info("shutdown.began", working_orders=len(self._parts.executor.working))
        if self.link.synchronisations:
            await self._stop_trading()
            self.sequencer.hold()  # in lockstep the market stands still now: its bars are for the next start
            await self.sequencer.flush()
            await self._report_so_far()

    async def _stop_trading(self) -> None:
        now = self._parts.clock.now()
        changed = self._parts.engine.set_state(now, TradingState.STOPPING, strategy=None, who="daemon", why="shutdown")
        await self.sequencer.apply((), changed)
        await self.sequencer.take_over(self._cancels())
        try:
            async with asyncio.timeout(self._intervals.cancel_wait_s if self.link.is_synchronised else 0.0):
                await self.sequencer.until_no_orders()
        except TimeoutError:
            log.warning("shutdown.left_orders", order_refs=list(self._parts.executor.working))

    def _cancels(self) -> Iterator[Told]:
        """Yield the cancels of what opens risk, worked out in their turn: what is being journaled comes before them."""
        yield self._parts.executor.cancel_entries(self._parts.clock.now())

    async def _report_so_far(self) -> None:
        session = self._parts.schedule.calendar.session_at(self._parts.clock.now())
        if session is not None:
            path = await self._parts.reporter.report(session.day)
            log.info("day.reported", day=session.day.isoformat(), report=path)

    async def _make_durable(self, alert: AlertRaised) -> None:
        """Journal an alert; before the first connection there may be no row yet for it to come after."""
        if self.link.synchronisations:
            await self.sequencer.apply((), (alert,))

    def _observe(self, records: Sequence[Record]) -> None:
        self._narrator(records)

    def _loops(self) -> list[Service]:
        return [
            BarLoop(
                timeframe,
                clock=self._parts.clock,
                schedule=self._parts.schedule,
                assembler=self.assembler,
                grace=self._intervals.bar_grace,
                caught_up=self.sequencer.until_caught_up,
                post=self.post,
            )
            for timeframe in self._parts.timeframes
        ]

    def _restart_window(self) -> list[Service]:
        schedule = self._parts.restart
        return [] if schedule is None else [RestartWindow(schedule, clock=self._parts.clock, link=self.link)]

    def _monitors(self) -> list[Service]:
        clock, calendar = self._parts.clock, self._parts.schedule.calendar
        return [
            position_monitor(interval=self._intervals.positions, clock=clock, calendar=calendar, post=self.post),
            performance_monitor(interval=self._intervals.performance, clock=clock, calendar=calendar, post=self.post),
            Monitor(
                "health-monitor",
                interval=self._intervals.health,
                clock=clock,
                calendar=calendar,
                look=self._look_at_health,
                sessions_only=False,
            ),
        ]

    def _look_at_health(self, at: datetime) -> None:
        self.health.log(at)


class _Release:
    """The last service: lets the sequencer go once everything that lives by market time is there.

    While the broker is compared with once more, that is left to the link.
    """

    name = "release"

    def __init__(self, sequencer: Sequencer, link: Link) -> None:
        self._sequencer, self._link = sequencer, link

    async def run(self, ready: asyncio.Event) -> None:
        if self._link.is_synchronised:
            self._sequencer.release()
        ready.set()
        await asyncio.Event().wait()
