"""The two programs of a simulated world, as their service managers see them: started, killed, started again."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from datetime import date, datetime
from pathlib import Path

from daemon.app import Daemon, RunOptions
from daemon.domain.errors import ClockStepped, JournalFailed
from daemon.gateway.faults.control import UnknownFault
from daemon.gateway.faults.scenario import Entry
from daemon.gateway.log import Fact
from daemon.gateway.server import GatewayServer
from daemon.journal.past import read_past
from daemon.journal.sqlite import SqliteConnection
from daemon.journal.writer import JournalWriter
from daemon.ports import Control
from daemon.runtime.notify import Notifier
from daemon.runtime.supervisor import Service
from daemon.simulation.clock import SimulatedClock, Wall
from daemon.simulation.disk import DISK_ERRORS
from daemon.simulation.loop import VirtualLoop
from daemon.simulation.process import Killed, Process
from daemon.simulation.setting import Setting, utc


class SimulatedDaemon(Daemon):
    """The daemon without what would leave the simulation: no control socket, no child that writes reports."""

    control: Control

    def day_reporter(self) -> "NoReports":
        """Return a reporter that writes nothing."""
        return NoReports()

    def surroundings(self, control: Control, watchdog: Service) -> list[Service]:
        """Return the watchdog alone; what the control socket would serve is kept for the oracle."""
        self.control = control
        return [watchdog]


async def _asked(act: Callable[[Control], Awaitable[object]], control: Control) -> None:
    with suppress(JournalFailed):  # an error is the answer then, and the daemon ends of it by itself
        await act(control)


class NoReports:
    """Implements `ports.DayReporter` without a report."""

    async def report(self, day: date) -> str | None:
        """Return None."""
        del day
        return None


class DaemonMachine:
    """Keeps the daemon's program: one process at a time, one journal for all of them."""

    def __init__(self, loop: VirtualLoop, wall: Wall, setting: Setting, state: Path) -> None:
        self._loop = loop
        self._wall = wall
        self._setting = setting
        self._state = state
        self._writer: JournalWriter | None = None
        self.process: Process | None = None
        self.running: asyncio.Task[None] | None = None
        self.daemon: SimulatedDaemon | None = None
        self.gone = asyncio.Event()  # the last process that was started is no more
        self.starts = 0
        self.on_start: list[Callable[[Process], None]] = []

    @property
    def is_running(self) -> bool:
        """Return whether a process is there."""
        alive = self.process is not None and not self.process.is_dead
        return alive and self.running is not None and not self.running.done()

    @property
    def is_synchronised(self) -> bool:
        """Return whether the running daemon has come into step with the gateway."""
        return self.is_running and self.daemon is not None and self.daemon.orchestrator.link.is_synchronised

    def start(self) -> None:
        """Start the program."""
        self.starts += 1
        self.daemon = None
        self.process = Process(f"daemon {self.starts}", self._loop)
        self.process.on_death.append(self._drop_files)
        self.gone.clear()
        for tell in self.on_start:
            tell(self.process)
        self.running = self.process.start(self._main())
        self.running.add_done_callback(lambda _: self.gone.set(), context=self._loop.outside)

    def stop(self) -> None:
        """Ask for the orderly stop, as SIGTERM does."""
        if self.daemon is not None:
            self.daemon.orchestrator.request_stop()

    def operate(self, act: Callable[[Control], Awaitable[object]]) -> bool:
        """Do what a person does through the control socket; return whether a daemon is there that answers."""
        process, daemon = self.process, self.daemon
        if not self.is_running or process is None or daemon is None:
            return False
        _ = process.start(_asked(act, daemon.control))
        return True

    @property
    def connection(self) -> sqlite3.Connection | None:
        """Return the connection that writes the journal, None while there is none."""
        journal = None if self._writer is None else self._writer._connection  # noqa: SLF001 - the disk is below it
        return journal._connection if isinstance(journal, SqliteConnection) else None  # noqa: SLF001

    def outcome(self) -> BaseException | None:
        """Return what the last process failed with, None where it ended in order or was killed."""
        if self.running is None or not self.running.done() or self.running.cancelled():
            return None
        error = self.running.exception()
        return None if isinstance(error, Killed) else error

    async def _main(self) -> None:
        async with AsyncExitStack() as stack:
            self._writer = await JournalWriter.open(self._state / "journal.db")
            journal = await stack.enter_async_context(self._writer)
            past = await read_past(journal)
            self.daemon = SimulatedDaemon(
                self._setting.settings(),
                RunOptions(state=self._state),
                clock=SimulatedClock(self._loop, self._wall),
                journal=journal,
                past=past,
                notifier=Notifier(None),
            )
            await self.daemon.orchestrator.run()

    def _drop_files(self) -> None:
        """Do what a kernel does with the files of a dead process: what was committed stays, nothing else."""
        if self._writer is not None:
            self._writer.abandon()
            self._writer = None
        self.gone.set()


class GatewayMachine:
    """Keeps the gateway's program; its ledger outlives its processes."""

    def __init__(self, loop: VirtualLoop, wall: Wall, setting: Setting, state: Path) -> None:
        self._loop = loop
        self._wall = wall
        self._setting = setting
        self._state = state
        self._server: GatewayServer | None = None
        self._running: asyncio.Task[None] | None = None
        self._lived_us = 0
        self.process: Process | None = None
        self.starts = 0

    @property
    def is_running(self) -> bool:
        """Return whether a process is there."""
        return self._running is not None and not self._running.done() and not (self.process and self.process.is_dead)

    def outcome(self) -> BaseException | None:
        """Return what the last process failed with, None where it has not."""
        if self._running is None or not self._running.done() or self._running.cancelled():
            return None
        error = self._running.exception()
        return None if isinstance(error, Killed) else error

    @property
    def market_time(self) -> datetime:
        """Return the market's time."""
        if self._server is not None:
            self._lived_us = self._server.market_us
        return utc(self._lived_us)

    def start(self) -> None:
        """Start the program."""
        self.starts += 1
        before = max(self._setting.start, self.market_time)
        if not self._setting.lockstep:
            before = max(before, self._wall.true_now())
        self.process = Process(f"gateway {self.starts}", self._loop)
        options = self._setting.gateway_options(self._state, not_before=before)

        async def main() -> None:
            self._server = GatewayServer(options, self._setting.market(), _silent)
            await self._server.run(lambda _port: None)

        self._running = self.process.start(main())

    def kill(self) -> None:
        """Kill the process. Its ledger is closed as it is taken apart; each of its bookings was durable before."""
        self._lived_us = int(self.market_time.timestamp() * 1_000_000)
        if self.process is not None:
            self.process.kill()
        self._server = None

    def disturb(self, fault: Entry, *, lasting_s: float | None) -> bool:
        """Begin one of the gateway's own faults, for so many virtual seconds; return whether it is there to have it.

        Market time is no measure: it may stand still because of the fault.
        """
        process, server = self.process, self._server
        if not self.is_running or process is None or server is None:
            return False

        def begin() -> None:
            number = server.faults.add(fault)
            if lasting_s is not None:
                self._loop.call_later(lasting_s, end, number)

        def end(number: int) -> None:
            with suppress(UnknownFault):  # it has ended by itself
                server.faults.stop(number)

        process.do_soon(begin)
        return True

    def heal(self) -> None:
        """End all of the gateway's own faults."""
        process, server = self.process, self._server
        if process is not None and server is not None:
            process.do_soon(server.faults.stop_all)

    def stop_soon(self) -> None:
        """Ask for the orderly end, as SIGTERM does."""
        self._lived_us = int(self.market_time.timestamp() * 1_000_000)
        self._server = None
        if self._running is not None:
            self._running.cancel()

    async def stop(self) -> None:
        """End the process in order."""
        self.stop_soon()
        if self._running is not None:
            await asyncio.wait({self._running})


def is_foreseen(error: BaseException) -> bool:
    """Return whether a daemon ended because its simulated disk failed or clock was set, and for no other reason."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_foreseen(each) for each in error.exceptions)
    if isinstance(error, ClockStepped):
        return True
    return isinstance(error, JournalFailed) and any(words in str(error) for words in DISK_ERRORS)


def _silent(event: str, fields: dict[str, Fact], /) -> None:
    """Take no notice of what the gateway logs."""
    del event, fields
