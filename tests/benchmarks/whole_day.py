"""A whole day as a person runs it: `paperd run --days 1 --speed max`, with its own gateway, journal and report."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from daemon.market.universe import UNIVERSE
from tests.benchmarks.figures import Figure

PART = "whole day"
_LOOK_S = 0.1
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def measure(*, symbols: int) -> list[Figure]:
    """Return how long one day takes; nothing but a message where the command line cannot run."""
    command = [sys.executable, "-m", "daemon", "run"]
    if subprocess.run([*command, "--help"], capture_output=True, check=False).returncode:
        print("whole day: skipped, `paperd run --help` fails", file=sys.stderr)
        return []
    chosen = list(UNIVERSE)[:symbols]
    names = [word for name in chosen for word in ("--symbol", name)]
    with tempfile.TemporaryDirectory(prefix="paperd-bench-", ignore_cleanup_errors=True) as state:
        with (Path(state) / "stderr").open("wb") as errors:
            began = time.perf_counter()
            daemon = subprocess.Popen(
                [*command, "--days", "1", "--speed", "max", "--seed", "7", "--state", state, "--json", *names],
                stdout=subprocess.PIPE,
                stderr=errors,
            )
            watch = _Watch(daemon.pid)
            out, _ = daemon.communicate()
            took = time.perf_counter() - began
            watch.stop()
        if daemon.returncode:
            print(f"whole day: paperd run ended with {daemon.returncode}", file=sys.stderr)
            return []
    result = json.loads(out)
    name = f"{len(chosen)} symbols"
    return [
        Figure(part=PART, name=f"{name}: process start to end", measured=took, unit="s"),
        Figure(part=PART, name=f"{name}: first instant to last", measured=float(result["host_s"]), unit="s"),
        Figure(part=PART, name=f"{name}: market seconds a second", measured=float(result["speed"]), unit="×"),
        Figure(part=PART, name=f"{name}: CPU of the daemon", measured=watch.seconds("daemon"), unit="s"),
        Figure(part=PART, name=f"{name}: CPU of the gateway", measured=watch.seconds("gateway"), unit="s"),
        Figure(part=PART, name=f"{name}: decisions", measured=float(result["decisions"]), unit=""),
    ]


class _Watch:
    """Looks at the processor time of the daemon and its gateway while they live; the last look counts."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._seconds = {"daemon": 0.0, "gateway": 0.0}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        self._thread.join()

    def seconds(self, who: str) -> float:
        return self._seconds[who]

    def _look(self) -> None:
        while not self._end.wait(_LOOK_S):
            with contextlib.suppress(OSError, ValueError):
                self._seconds["daemon"] = _cpu_s(self._pid)
                for child in Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text().split():
                    if b"gateway" in Path(f"/proc/{child}/cmdline").read_bytes():
                        self._seconds["gateway"] = _cpu_s(int(child))


def _cpu_s(pid: int) -> float:
    """Return user and system time of a process, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S
