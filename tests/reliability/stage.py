"""A world on its stage: the gateway that lives on, and the lives of the daemon, one after another."""

import json
import multiprocessing
import os
import select
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final, Self

from tests.reliability import processes
from tests.reliability.world import WorldPlan
from tests.system.programs import PAPERD, environment

PATIENCE_S: Final = 60.0  # host seconds in which anything must have happened, on a busy machine
_LOOK_S: Final = 0.005

_FORKS: Final = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.reliability.preloaded"])


class Stuck(Exception):
    """Something did not happen within all patience."""


class Life:
    """One process of the daemon, from its first instruction to its end."""

    def __init__(self, out: Path, notify: socket.socket | None) -> None:
        """Prepare a life that writes into `out`; `start` begins it."""
        self.out = out
        self.ready_s: float | None = None  # from the start to READY=1
        self.in_step_s: float | None = None  # from the start to startup.completed: reconciled, trading
        self.cpu_s = 0.0  # of processor time that it took until then
        self.on_end: list[Callable[[], None]] = []
        self._notify = notify
        self._began_ns = time.monotonic_ns()
        self._forked: BaseProcess | None = None
        self._spawned: subprocess.Popen[bytes] | None = None

    @classmethod
    def forked(
        cls, arguments: Sequence[str], *, folder: Path, out: Path, clock_error: timedelta, held: bool, bug: str | None
    ) -> Self:
        """Begin a life as a fork of the fork server."""
        made = cls(out, None)
        made._forked = _FORKS.Process(
            target=processes.life,
            args=(tuple(arguments), folder, out),
            kwargs={"clock_error": clock_error, "held": held, "bug": bug},
        )
        made._forked.start()
        return made

    @classmethod
    def plain(cls, arguments: Sequence[str], *, folder: Path, out: Path, notify: Path) -> Self:
        """Begin a life as a service manager does: the command itself, and a socket on which it tells READY."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with suppress(FileNotFoundError):
            notify.unlink()
        listener.bind(str(notify))
        made = cls(out, listener)
        with out.open("wb") as file:
            made._spawned = subprocess.Popen(
                [PAPERD, *arguments], cwd=folder, env=environment({"NOTIFY_SOCKET": str(notify)}), stdout=file,
                stderr=file, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        return made

    @property
    def pid(self) -> int:
        """Return its process id."""
        process = self._forked or self._spawned
        if process is None or process.pid is None:
            raise Stuck("the process was not started")
        return process.pid

    @property
    def age_s(self) -> float:
        """Return how long ago it began, host seconds."""
        return (time.monotonic_ns() - self._began_ns) / 1e9

    @property
    def code(self) -> int | None:
        """Return its exit code, negative for a signal, None while it runs."""
        if self._forked is not None:
            return self._forked.exitcode
        return self._spawned.poll() if self._spawned is not None else None

    def events(self) -> list[dict[str, Any]]:
        """Return its log lines so far."""
        text = self.out.read_text(errors="replace") if self.out.exists() else ""
        return [json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")]

    def said(self, event: str) -> list[dict[str, Any]]:
        """Return its log lines of one event so far."""
        return [line for line in self.events() if line.get("event") == event]

    def until_in_step(self) -> float:
        """Wait until it has reconciled and trades; return how long after its start that was, host seconds.

        Raises:
            Stuck: it ended, or did not come so far.
        """
        while self.in_step_s is None:
            self._hear()
            if b'"startup.completed"' in (self.out.read_bytes() if self.out.exists() else b""):
                self.in_step_s = self.age_s
                self.cpu_s = _cpu_s(self.pid)
            elif self.code is not None:
                raise Stuck(f"it ended with code {self.code} before it was in step: {self.last_words()}")
            elif self.age_s > PATIENCE_S:
                raise Stuck(f"it was not in step within {PATIENCE_S:g} s: {self.last_words()}")
        return self.in_step_s

    def sleep_until(self, age_s: float) -> None:
        """Wait until it is so old, or has ended."""
        while self.age_s < age_s and self.code is None:
            time.sleep(min(_LOOK_S, max(age_s - self.age_s, 0.0)))

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; a process that has ended gets none."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def ended(self) -> int:
        """Return its exit code as soon as it has ended.

        Raises:
            Stuck: it does not end; it has been killed.
        """
        until = time.monotonic() + PATIENCE_S
        while self.code is None:
            if time.monotonic() > until:
                self.send(signal.SIGKILL)
                raise Stuck(f"it did not end within {PATIENCE_S:g} s: {self.last_words()}")
            time.sleep(_LOOK_S / 5)
        self._close()
        return self.code

    def _hear(self) -> None:
        """Note READY=1 if it has come; else wait a moment."""
        if self._notify is None or self.ready_s is not None:
            time.sleep(_LOOK_S)
            return
        if select.select([self._notify], [], [], _LOOK_S)[0] and self._notify.recv(4096) == b"READY=1":
            self.ready_s = self.age_s

    def last_words(self) -> str:
        """Return the end of what it said."""
        return self.out.read_text(errors="replace")[-1500:] if self.out.exists() else "it said nothing"

    def _close(self) -> None:
        if self._notify is not None:
            self._notify.close()
            self._notify = None
        if self._forked is not None:
            self._forked.join()
        for act in self.on_end:
            act()
        self.on_end.clear()


class Stage:
    """A running gateway and a state directory; each `start` is a further life of the daemon."""

    def __init__(self, plan: WorldPlan, folder: Path) -> None:
        """Prepare a stage in `folder`, an empty directory."""
        self.plan = plan
        self.folder = folder
        self.state = folder / "state"
        self.config = folder / "paperd.yaml"
        self.lives = 0
        self._gateway: BaseProcess | None = None
        self._clock_error = timedelta()
        self._now: Life | None = None

    def __enter__(self) -> Self:
        """Start the gateway."""
        self.state.mkdir(parents=True)
        out = self.folder / "gateway.out"
        self._gateway = _FORKS.Process(target=processes.gateway, args=(self.plan, self.state, out))
        self._gateway.start()
        port = eventually(lambda: _port(out), "the gateway to listen")
        self.plan.write_config(self.config, port)
        self._clock_error = self.plan.clock_error(datetime.now(UTC))
        return self

    def __exit__(self, *_: object) -> None:
        """End everything."""
        if self._now is not None and self._now.code is None:
            self._now.send(signal.SIGKILL)
            self._now.ended()
        if self._gateway is not None:
            self._gateway.terminate()
            self._gateway.join(PATIENCE_S)
            if self._gateway.exitcode is None:
                self._gateway.kill()
                self._gateway.join()

    def start(self, *, plain: bool = False, held: bool = False, bug: str | None = None) -> Life:
        """Begin the next life."""
        self.lives += 1
        arguments = ("run", "-c", str(self.config), "--state", str(self.state))
        out = self.folder / f"life-{self.lives}.out"
        if plain:
            self._now = Life.plain(arguments, folder=self.folder, out=out, notify=self.folder / "notify")
        else:
            self._now = Life.forked(
                arguments, folder=self.folder, out=out, clock_error=self._clock_error, held=held, bug=bug
            )
        return self._now

    def look_at_gateway(self) -> None:
        """Raise Stuck when the gateway has ended: it is there to live on."""
        if self._gateway is None or self._gateway.exitcode is not None:
            said = (self.folder / "gateway.out").read_text(errors="replace")[-1500:]
            raise Stuck(f"the gateway ended with code {self._gateway and self._gateway.exitcode}: {said}")


def eventually(look: Callable[[], Any], what: str) -> Any:
    """Return what `look` finds, as soon as it is something.

    Raises:
        Stuck: it never was.
    """
    until = time.monotonic() + PATIENCE_S
    while not (found := look()):
        if time.monotonic() > until:
            raise Stuck(f"waited {PATIENCE_S:g} s for {what}")
        time.sleep(_LOOK_S)
    return found


def _port(out: Path) -> int | None:
    if not out.exists():
        return None
    for line in out.read_text().splitlines():
        if line.startswith("{") and line.endswith("}"):
            return int(json.loads(line)["port"])
    return None


def _cpu_s(pid: int) -> float:
    """Return the processor time of a process so far; 0 when it has ended."""
    with suppress(FileNotFoundError):
        user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    return 0.0


def copied(state: Path, to: Path) -> Path:
    """Copy the journal as a process that is gone has left it, so that looking at it changes nothing."""
    to.mkdir(parents=True, exist_ok=True)
    for name in ("journal.db", "journal.db-wal"):
        target = to / name
        target.unlink(missing_ok=True)
        if (state / name).exists():
            shutil.copyfile(state / name, target)
    return to
