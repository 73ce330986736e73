"""One simulated world: a gateway, a daemon and their faults, from the open of the market to an orderly end."""

import asyncio
import random
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from daemon.journal.writer import JournalWriter
from daemon.simulation.clock import Wall
from daemon.simulation.disk import Disk
from daemon.simulation.ear import Ear
from daemon.simulation.faults import Fault, drawn_faults
from daemon.simulation.injector import Injector
from daemon.simulation.loop import VirtualLoop
from daemon.simulation.machines import DaemonMachine, GatewayMachine, is_foreseen
from daemon.simulation.network import Network
from daemon.simulation.process import Killed
from daemon.simulation.setting import Setting
from daemon.simulation.settlement import settle
from daemon.simulation.wire import Correction, Mouthpiece
from daemon.simulation.witness import Sent, Witness

_CALM: Final = timedelta(minutes=2)  # of market without faults, before the end
_ASKED: Final = timedelta(seconds=100)  # of these, until the operator looks: a difference must last a minute first
_SETTLED: Final = timedelta(seconds=5)  # of market, in which what was learnt in a start is worked off
_RECOVERY_S: Final = 120.0  # virtual seconds in which a daemon must come into step once nothing is wrong any more
_STOP_S: Final = 60.0
_LONGEST_S: Final = 4.0  # virtual seconds for each market second, beyond which the market counts as stuck
_PATIENCE_S: Final = 600.0
_MOST_STARTS: Final = 30
_LOOK_MARKET_S: Final = 1.0  # how closely the market's time is followed
_PATROL_S: Final = 0.5
_MEMORY: Final = Path("/dev/shm")  # noqa: S108  # nosec B108 - a file system in memory: an fsync there costs nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something that must not happen, seen while the world ran."""

    what: str  # RECOVERY, CRASH, STUCK
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What is left of a world besides its two databases."""

    setting: Setting
    plan: tuple[Fault, ...]
    struck: Mapping[str, int]  # by label
    starts: int  # of the daemon
    gateway_starts: int
    kills: int
    virtual_s: float
    sent: Sequence[Sent]
    corrections: Mapping[str, Correction]  # by execution stem
    held: Mapping[str, Mapping[str, str]]  # strategy -> instrument -> quantity, as the last daemon said
    longest_inbox: int
    grown: Sequence[str]  # what there is more of in a daemon at work than after its start
    unalarmed: Sequence[str]  # outages that nobody was told of in time
    leaks: Sequence[str]  # where a secret was said
    troubles: Sequence[Trouble]


class World:
    """Everything there is in one simulation."""

    def __init__(self, setting: Setting, plan: Sequence[Fault], state: Path) -> None:
        """Prepare a world whose files are in `state`, an empty directory."""
        self._setting = setting
        self._plan = tuple(plan)
        self._state = state
        self._loop = VirtualLoop(random.Random(f"jobs {setting.seed}"))
        self._network = Network(self._loop, random.Random(f"network {setting.seed}"))
        self._wall = Wall(self._loop, setting.start)
        self._gateway = GatewayMachine(self._loop, self._wall, setting, state)
        self._daemon = DaemonMachine(self._loop, self._wall, setting, state)
        self._mouthpiece = Mouthpiece(random.Random(f"words {setting.seed}"), as_real=not setting.lockstep)
        self._witness = Witness(state, self._daemon, self._loop.time, criticals=lambda: self._ear.criticals)
        self._ear = Ear()
        self._troubles: list[Trouble] = []
        self._kills = 0
        self._held: Mapping[str, Mapping[str, str]] = {}
        self._injector = Injector(
            self._loop,
            network=self._network,
            daemon=self._daemon,
            gateway=self._gateway,
            mouthpiece=self._mouthpiece,
            witness=self._witness,
            wall=self._wall,
            disk=Disk(state / "journal.db", random.Random(f"disk {setting.seed}")),
        )

    def run(self) -> History:
        """Let it happen."""
        self._loop.set_exception_handler(self._unhandled)
        shutil.copyfile(_empty_journal(), self._state / "journal.db")
        asyncio.set_event_loop(self._loop)
        try:
            with self._ear.listening():
                self._loop.run_until_complete(self._main())
        finally:
            self._take_down()
            asyncio.set_event_loop(None)
            self._loop.close()
        return History(
            setting=self._setting,
            plan=self._plan,
            struck=dict(self._injector.struck),
            starts=self._daemon.starts,
            gateway_starts=self._gateway.starts,
            kills=self._kills,
            virtual_s=self._loop.time(),
            sent=tuple(self._witness.sent),
            corrections=dict(self._mouthpiece.corrections),
            held=self._held,
            longest_inbox=self._witness.longest_inbox,
            grown=tuple(self._witness.grown),
            unalarmed=tuple(self._witness.unalarmed),
            leaks=tuple(self._ear.leaks),
            troubles=tuple(self._troubles),
        )

    async def _main(self) -> None:
        self._gateway.start()
        self._daemon.start()
        helpers = {
            asyncio.create_task(self._keep_daemon(), name="service manager"),
            asyncio.create_task(self._patrol(), name="patrol"),
        }
        try:
            await self._storm()
            await self._calm()
            self._witness.look_for_growth(len(self._injector.open_links()))
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.wait(helpers)
        await self._end_daemon()
        self._daemon.start()  # starting is reconciling: what is missing now is lost
        await self._in_step("after the last start")
        await self._until(self._gateway.market_time - self._setting.start + _SETTLED)
        await self._end_daemon()
        await self._gateway.stop()
        self._note_crash(self._gateway.outcome(), "gateway")

    async def _storm(self) -> None:
        """Let the faults strike at their times."""
        for fault in self._plan:
            if not await self._until(fault.after):
                break
            self._injector.strike(fault)
        await self._until(timedelta(minutes=self._setting.minutes))

    async def _calm(self) -> None:
        """Heal everything, and see that the daemon recovers and trades on."""
        self._injector.leave_off()
        await self._in_step("after the last fault")
        began = self._gateway.market_time - self._setting.start
        await self._until(began + _ASKED)
        await self._settle()
        await self._until(began + _CALM)

    async def _settle(self) -> None:
        """Let the operator settle what nobody else can."""
        process, daemon = self._daemon.process, self._daemon.daemon
        if process is not None and daemon is not None and self._daemon.is_running:
            await process.start(settle(daemon.control, self._state))

    async def _until(self, after: timedelta) -> bool:
        """Wait for a market time, counted from the start; return False when the market is stuck."""
        until = self._setting.start + after
        pause_s = _LOOK_MARKET_S / self._setting.speed
        limit_s = self._loop.time() + _PATIENCE_S + after.total_seconds() * _LONGEST_S
        while self._gateway.market_time < until:
            if self._loop.time() > limit_s:
                self._trouble("STUCK", f"market time stands at {self._gateway.market_time}, {until} never came")
                return False
            await asyncio.sleep(pause_s)
        return True

    async def _patrol(self) -> None:
        """Look at the daemon again and again."""
        while True:
            self._witness.look()
            await asyncio.sleep(_PATROL_S)

    async def _in_step(self, when: str) -> None:
        """Wait until the daemon is in step with the gateway."""
        limit_s = self._loop.time() + _RECOVERY_S
        while not self._daemon.is_synchronised:
            if self._loop.time() > limit_s:
                self._trouble("RECOVERY", f"{when} the daemon was not in step within {_RECOVERY_S:g} s")
                return
            await asyncio.sleep(0.02)

    async def _keep_daemon(self) -> None:
        """Start the daemon again whenever it has gone, as systemd does."""
        while True:
            await self._daemon.gone.wait()
            if self._daemon.process is not None and self._daemon.process.is_dead:
                self._kills += 1
            else:
                self._note_crash(self._daemon.outcome(), "daemon")
            if self._daemon.starts > _MOST_STARTS:
                self._trouble("STUCK", f"the daemon was started {self._daemon.starts} times and is given up")
                return
            down_s, self._injector.daemon_down_s = self._injector.daemon_down_s, 0.2
            await asyncio.sleep(down_s)
            self._daemon.start()

    async def _end_daemon(self) -> None:
        """Stop the daemon in order and keep what it says of its positions."""
        running, daemon = self._daemon.running, self._daemon.daemon
        if running is None or daemon is None:
            return
        self._daemon.stop()
        _, late = await asyncio.wait({running}, timeout=_STOP_S)
        if late:
            self._trouble("STUCK", f"the daemon did not end within {_STOP_S:g} s")
            return
        self._note_crash(self._daemon.outcome(), "daemon")
        status = daemon.control.status()
        self._ear.hear("status", status)
        strategies = status["strategies"]
        if isinstance(strategies, list):
            self._held = {each["id"]: each["positions"] for each in strategies}

    def _note_crash(self, error: BaseException | None, what: str) -> None:
        if error is not None and not is_foreseen(error):
            self._trouble("CRASH", f"the {what} ended with {_told(error)}")

    def _unhandled(self, _loop: asyncio.AbstractEventLoop, context: Mapping[str, object]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException) and not isinstance(error, Killed):
            self._trouble("CRASH", f"{context.get('message')}: {_told(error)}")

    def _trouble(self, what: str, text: str) -> None:
        self._troubles.append(Trouble(what=what, text=text))

    def _take_down(self) -> None:
        """Leave nothing behind that could still act, however the world has ended."""
        self._loop.set_exception_handler(lambda _loop, _context: None)
        for process in (self._daemon.process, self._gateway.process):
            if process is not None:
                process.kill()
                process.dispose()


def simulate(seed: int, *, minutes: int, state: Path, plan: Sequence[Fault] | None = None) -> History:
    """Run the world of a seed with its files in `state`; `plan` replaces the faults that the seed would draw."""
    setting = Setting.drawn(seed, minutes=minutes)
    return World(setting, drawn_faults(setting) if plan is None else plan, state).run()


def scratch() -> Path | None:
    """Return where temporary states are fast: a file system in memory if there is one, else None."""
    return _MEMORY if _MEMORY.is_dir() else None


def _told(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_told(each) for each in error.exceptions)
    return f"{type(error).__name__}: {error}"


_TEMPLATES: Final[list[tempfile.TemporaryDirectory[str]]] = []


def _empty_journal() -> Path:
    """Return a journal without rows: making its tables takes longer than a simulation."""
    if not _TEMPLATES:
        folder = tempfile.TemporaryDirectory(prefix="paperd-", dir=scratch())
        _TEMPLATES.append(folder)

        async def make() -> None:
            async with await JournalWriter.open(Path(folder.name) / "journal.db"):
                return

        asyncio.run(make())
    return Path(_TEMPLATES[0].name) / "journal.db"
