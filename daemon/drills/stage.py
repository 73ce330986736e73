"""Where a drill plays: a scratch directory, a gateway, a daemon, a relay between them, and the story so far."""

import asyncio
import json
import signal
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from daemon.client import ControlClient
from daemon.domain.errors import PaperdError
from daemon.drills.gateway import DrillGateway
from daemon.drills.program import Line, Program, Unseen
from daemon.drills.relay import Passed, Relay
from daemon.drills.settings import drill_settings
from daemon.runtime.clock import MarketClock
from daemon.simulation.oracle import Invariant

T = TypeVar("T")
PATIENCE_S: Final = 60.0  # host seconds after which a drill gives up: the machine may be busy
ALERT_S: Final = 60.0  # seconds in which a person must be told
_LOOK_S: Final = 0.02  # between two looks at what nobody announces
_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One line of the story."""

    host_s: float  # since the drill began
    market: str  # ISO, as the daemon said last; empty = it has not said any
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Something that was looked at."""

    invariant: Invariant
    held: bool
    evidence: str


class Stage:
    """What a drill does and sees. Everything here is real but the market."""

    def __init__(
        self, folder: Path, clock: MarketClock, settings: Mapping[str, object], gateway: tuple[str, ...]
    ) -> None:
        """Take an empty directory, and what the drill wants different from the usual."""
        self.folder = folder
        self.clock = clock
        self.gateway = DrillGateway(folder, gateway)
        self.relay = Relay(self.journal, clock)
        self.daemons: list[Program] = []
        self.story: list[Scene] = []
        self.checks: list[Check] = []
        self.environment: Mapping[str, str] = {}  # of the daemons that are started from now on
        self.first_start_s = 0.0  # host seconds
        self._settings = settings
        self.began_at = clock.now()
        self._began_ns = clock.host_ns()

    # --- the story ---------------------------------------------------------------------------------------------------

    @property
    def state(self) -> Path:
        """Return the daemon's state directory; the gateway's ledger lies beside it, in `folder`."""
        return self.folder / "state"

    @property
    def journal(self) -> Path:
        """Return the file of the journal."""
        return self.state / "journal.db"

    @property
    def daemon(self) -> Program:
        """Return the daemon that was started last."""
        return self.daemons[-1]

    @property
    def host_s(self) -> float:
        """Return host seconds since the drill began."""
        return (self.clock.host_ns() - self._began_ns) / _NS

    def tell(self, text: str) -> None:
        """Add a line to the story."""
        self.story.append(Scene(host_s=self.host_s, market=self.market_time, text=text))

    def check(self, invariant: Invariant, evidence: str, *, held: bool) -> None:
        """Note what was looked at and whether it held."""
        self.checks.append(Check(invariant=invariant, held=held, evidence=evidence))

    # --- the two programs --------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Start the gateway and the relay."""
        self.state.mkdir()
        await self.relay.open()
        await self.start_gateway()

    async def start_gateway(self) -> None:
        """Start the gateway, for the first time or after it has ended."""
        await self.gateway.start()
        self.relay.gateway_port = self.gateway.port

    async def start_daemon(self, changes: Mapping[str, object] | None = None) -> Program:
        """Start the daemon, with `changes` over the drill's settings."""
        config = self.folder / f"config-{len(self.daemons) + 1}.json"  # JSON is YAML
        config.write_text(json.dumps(drill_settings(self.relay.port, {**self._settings, **(changes or {})}), indent=2))
        return await self.start(("run", "-c", str(config), "--state", str(self.state)))

    async def start(self, arguments: Sequence[str]) -> Program:
        """Start a daemon with a command line of its own."""
        name = f"daemon-{len(self.daemons) + 1}"
        daemon = await Program.start(name, arguments, folder=self.folder, environment=self.environment)
        self.daemons.append(daemon)
        return daemon

    async def command(self, *arguments: str, within_s: float = PATIENCE_S) -> int:
        """Run a command that ends by itself; return its exit code."""
        program = await Program.start(arguments[0], arguments, folder=self.folder)
        try:
            return await program.ended(within_s=within_s)
        finally:
            await program.kill()

    async def in_step(self, *, within_s: float = PATIENCE_S) -> float:
        """Wait until the daemon that was started last has come into step; return the host seconds that it took."""
        began = self.host_s
        await self.daemon.wait_for("startup.completed", within_s=within_s)
        return self.host_s - began

    async def up(self, *, fills: int = 2) -> None:
        """Start the daemon and wait until it has traded."""
        await self.start_daemon()
        took = self.first_start_s = await self.in_step()
        self.tell(f"the daemon is in step with the gateway, {took:.1f} s after its start")
        await self.fills(fills)

    async def stop_daemon(self, *, within_s: float = 10.0) -> int:
        """Send SIGTERM and return the exit code."""
        self.daemon.send(signal.SIGTERM)
        return await self.daemon.ended(within_s=within_s)

    async def status(self) -> Mapping[str, Any]:
        """Return what `paperd status` would be told."""
        try:
            return await asyncio.to_thread(ControlClient(self.state / "paperd.sock").status)
        except PaperdError as error:
            raise Unseen(f"the daemon did not tell its status: {error}") from error

    async def close(self) -> None:
        """End whatever still runs."""
        for program in self.daemons:
            if program.is_running:
                program.send(signal.SIGCONT)
                await program.kill()
        if self.gateway.port:
            await self.gateway.program.kill()
        await self.relay.close()

    # --- what happens ------------------------------------------------------------------------------------------------

    async def fault(
        self, name: str, *, when: Mapping[str, Any] | None = None, lasting: str | None = None, **parameters: Any
    ) -> int:
        """Let the gateway misbehave, at once or when a trigger fires; see docs/gateway-faults.md."""
        entry: dict[str, Any] = {"fault": {"name": name, **parameters}}
        if when is not None:
            entry["when"] = dict(when)
        if lasting is not None:
            entry["for"] = lasting
        number = await self.gateway.fault(entry)
        said = ", ".join(f"{key} {value}" for key, value in {**parameters, **(when or {})}.items())
        self.tell(f"the gateway's fault {name}{f' ({said})' if said else ''}")
        return number

    async def heal(self, number: int | None = None) -> None:
        """End one fault, or all."""
        if number is None:
            await self.gateway.stop_faults()
        else:
            await self.gateway.stop_fault(number)
        self.tell("the fault is over")

    async def until(self, look: Callable[[], T | None], what: str, *, within_s: float = PATIENCE_S) -> T:
        """Return what `look` finds as soon as it finds something.

        Raises:
            Unseen: it found nothing in `within_s` host seconds.
        """
        deadline = self.host_s + within_s
        while not (found := look()):
            if self.host_s > deadline:
                raise Unseen(f"waited {within_s:g} s for {what}")
            await asyncio.sleep(_LOOK_S)
        return found

    async def pause(self, seconds: float) -> None:
        """Let host time pass."""
        await asyncio.sleep(seconds)

    async def log(self, event: str, *, since: int = 0, count: int = 1, within_s: float = PATIENCE_S) -> Line:
        """Return a line of the daemon's log as soon as it is there."""
        return await self.daemon.wait_for(event, within_s=within_s, count=count, since=since)

    async def order(self, *, within_s: float = PATIENCE_S) -> Passed:
        """Wait for the next order that leaves the daemon."""
        before = len(self.relay.passed)
        await self.until(lambda: len(self.relay.passed) > before, "an order", within_s=within_s)
        return self.relay.passed[before]

    async def fills(self, count: int, *, within_s: float = PATIENCE_S) -> None:
        """Wait for so many more executions."""
        await self.log("fill.received", since=self.mark(), count=count, within_s=within_s)

    async def bars(self, count: int) -> None:
        """Wait for so many more completed bars, of all symbols together."""
        await self.log("bar.completed", since=self.mark(), count=count)

    def mark(self) -> int:
        """Return how many lines the daemon has said; `said(event, since=mark)` leaves them out."""
        return len(self.daemon.lines) if self.daemons else 0

    def opened(self, since: int, until: int | None = None) -> list[str]:
        """Return the orders that opened a position and were sent between two lines of the daemon's log."""
        sent = [line["order_ref"] for line in self.daemon.lines[since:until] if line.get("event") == "order.sent"]
        return [ref for ref in sent if self.rows("SELECT 1 FROM intent WHERE order_ref = ? AND reduces = 0", ref)]

    def place(self, line: Line) -> int:
        """Return the place of a line in the daemon's log."""
        return next(place for place, each in enumerate(self.daemon.lines) if each is line)

    def intents(self, symbol: str, since: str) -> list[str]:
        """Return the orders that would open a position in a symbol, decided after a market time."""
        question = "SELECT order_ref FROM intent WHERE instrument = ? AND reduces = 0 AND at > ?"
        return [str(row["order_ref"]) for row in self.rows(question, symbol, since)]

    @property
    def market_time(self) -> str:
        """Return the market time that the daemon said last, ISO, as the journal writes it."""
        said = next((str(line["at"]) for line in self._backwards() if "at" in line), "")
        return datetime.fromisoformat(said).isoformat(timespec="microseconds") if said else ""

    def rows(self, question: str, *values: object) -> list[Mapping[str, Any]]:
        """Ask the journal, read-only.

        Raises:
            Unseen: it cannot be read.
        """
        try:
            return self._asked(question, values)
        except sqlite3.Error as error:
            raise Unseen(f"the journal could not be read: {error}") from error

    def _asked(self, question: str, values: Sequence[object]) -> list[Mapping[str, Any]]:
        with closing(sqlite3.connect(f"{self.journal.as_uri()}?mode=ro", uri=True)) as journal:
            journal.row_factory = sqlite3.Row
            return [dict(row) for row in journal.execute(question, values)]

    def states(self, order_ref: str) -> list[str]:
        """Return the states of an order in the journal, in the order of writing."""
        found = self.rows("SELECT state FROM order_event WHERE order_ref = ? ORDER BY seq", order_ref)
        return [str(row["state"]) for row in found]

    async def alert(self, *names: str, within_s: float = ALERT_S) -> Mapping[str, Any]:
        """Wait for a row of one of these alerts; note under H how long it took, as host time since the call."""
        began = self.host_s
        wanted = ", ".join("?" * len(names))

        def look() -> Mapping[str, Any] | None:
            found = self.rows(f"SELECT * FROM alert WHERE name IN ({wanted}) ORDER BY seq", *names)  # noqa: S608
            return found[-1] if found else None

        told = " or ".join(names)
        try:
            row = await self.until(look, f"the alert {told}", within_s=within_s)
        except Unseen:
            self.check(Invariant.ALERTED, f"no alert {told} within {within_s:g} s", held=False)
            raise
        self.tell(f"alert {row['name']} ({row['level']}): {row['text']}")
        self.check(Invariant.ALERTED, f"alert {row['name']} after {self.host_s - began:.1f} s", held=True)
        return row

    def _backwards(self) -> Iterator[Line]:
        """Yield what the daemons said, the latest first, but for what came before they knew the market's time."""
        for daemon in reversed(self.daemons):
            connected = next(
                (at for at, line in enumerate(daemon.lines) if line.get("event") == "connection.opened"), None
            )
            if connected is not None:
                yield from reversed(daemon.lines[connected:])
