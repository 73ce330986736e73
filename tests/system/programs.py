"""The real program, started as a person starts it."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

PAPERD = os.environ.get("TEST_PAPERD") or str(Path(sys.executable).with_name("paperd"))
PATIENCE_S = 60.0  # host seconds after which a test gives up: the machine may be busy
STOP_S = 10.0  # host seconds that an orderly shutdown may take
ONE_SYMBOL = ("--strategy", "pulse", "--symbol", "SPY", "--speed", "max", "--seed", 7)
DRY_RUN = ("--days", 1, "--start", "2025-11-28", "--dry-run", *ONE_SYMBOL)  # an early close
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str
    took_s: float

    def json(self) -> dict[str, Any]:
        """Return its standard output, which must be one JSON object."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found

    def log(self, event: str) -> list[dict[str, Any]]:
        """Return the log lines of one event, from either stream."""
        return events_in(f"{self.err}\n{self.out}", event)


def events_in(text: str, event: str) -> list[dict[str, Any]]:
    """Return the JSON lines of one event; a line that is still being written does not count."""
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")]
    return [line for line in lines if line.get("event") == event]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment in which nothing configures paperd but `extra`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PAPERD_")}
    return kept | dict(extra or {})


def paperd(
    *arguments: object, cwd: Path, env: Mapping[str, str] | None = None, within_s: float = 2 * PATIENCE_S
) -> Finished:
    """Run a command to its end."""
    began = time.monotonic()
    done = subprocess.run(
        [PAPERD, *map(str, arguments)], cwd=cwd, env=environment(env), capture_output=True, text=True, timeout=within_s,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    return Finished(code=done.returncode, out=done.stdout, err=done.stderr, took_s=time.monotonic() - began)


def eventually(look: Callable[[], T | None], what: str, within_s: float = PATIENCE_S) -> T:
    """Return what `look` finds, as soon as it is something."""
    deadline = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {within_s:g} s for {what}"
        time.sleep(0.02)
    return found


class Program:
    """A command that goes on until it is told to end; what it says is in files."""

    def __init__(
        self, arguments: Sequence[object], *, folder: Path, env: Mapping[str, str] | None, wrapper: Sequence[str]
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        number = len(list(folder.glob("*.out")))
        self.out, self.err = folder / f"{number}.out", folder / f"{number}.err"
        with self.out.open("w") as out, self.err.open("w") as err:
            self.process = subprocess.Popen(
                [*wrapper, PAPERD, *map(str, arguments)], cwd=folder, env=environment(env), stdout=out, stderr=err,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def said(self, event: str) -> list[dict[str, Any]]:
        """Return the log lines of one event so far."""
        return events_in(f"{self.err.read_text()}\n{self.out.read_text()}", event)

    def wait_for(self, event: str, count: int = 1) -> list[dict[str, Any]]:
        """Return the lines of an event as soon as there are `count`."""

        def look() -> list[dict[str, Any]] | None:
            found = self.said(event)
            assert len(found) >= count or self.process.poll() is None, f"it ended: {self.err.read_text()[-2000:]}"
            return found if len(found) >= count else None

        return eventually(look, f"{count} × {event}")

    def end(self, number: signal.Signals = signal.SIGTERM, within_s: float = STOP_S) -> int:
        """Send a signal and return the exit code; an end that takes too long fails the test."""
        self.process.send_signal(number)
        return self.process.wait(within_s)

    def ended(self, within_s: float = PATIENCE_S) -> int:
        """Return the exit code as soon as it has ended by itself."""
        return self.process.wait(within_s)


@contextmanager
def running(
    *arguments: object, folder: Path, env: Mapping[str, str] | None = None, wrapper: Sequence[str] = ()
) -> Iterator[Program]:
    """Keep a command running for as long as the block lasts; then it is killed if it has not ended."""
    program = Program(arguments, folder=folder, env=env, wrapper=wrapper)
    try:
        yield program
    finally:
        if program.process.poll() is None:
            program.process.kill()
            program.process.wait()


@contextmanager
def gateway(*arguments: object, folder: Path) -> Iterator[tuple[Program, int]]:
    """Keep `paperd gateway` running on a free port, which is returned with it."""
    with running("gateway", "--port", 0, *arguments, folder=folder) as program:
        (listening,) = program.wait_for("gateway.listening")
        yield program, int(listening["port"])


def free_port() -> int:
    """Return a port of the loopback on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Plays:
    """Runs that several tests look at: each is made once, whichever worker asks first, and kept on disk."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __call__(self, name: str, *arguments: object) -> "Play":
        """Return the finished `paperd run ARGUMENTS --state … --json` of this name."""
        folder = self._root / name
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            result = folder / "finished.json"
            if not result.exists():
                arguments = (*arguments, "--state", folder / "state", "--json")
                done = paperd("run", *arguments, cwd=folder, within_s=4 * PATIENCE_S)
                result.write_text(json.dumps(asdict(done)))
            return Play(finished=Finished(**json.loads(result.read_text())), state=folder / "state")


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """A run that has ended, and its state directory."""

    finished: Finished
    state: Path

    def summary(self) -> dict[str, Any]:
        """Return what it printed; it must have ended well."""
        assert self.finished.code == 0, self.finished.err[-3000:]
        return self.finished.json()
