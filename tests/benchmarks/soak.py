"""`make soak`: a month of market in one process of the daemon, with the gateway restarted every night.

What is kept and what grows only shows over days: memory after each day's report, open files, threads. The daemon runs
as a program of its own against a gateway in this process, in lockstep, as fast as both can.
"""

import argparse
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daemon.testing.gateway import IbGateway, running_gateway
from tests.fakes.daemon_stage import overrides
from tests.system.programs import PAPERD, environment

MOST_MB_A_DAY = 1.0
WARM_UP_DAYS = 3  # caches fill: histories, calendars, the interpreter's own
_AS_FAST_AS_CAN = 1e6  # market seconds per host second
_PATIENCE_S = 1800.0  # host seconds for one day


@dataclass(frozen=True, slots=True, kw_only=True)
class Evening:
    """The daemon after a day."""

    day: str
    rss_mb: float
    files: int
    threads: int
    orders: int  # so far
    took_s: float


def soak(days: int, state: Path) -> list[Evening]:
    """Run `days` sessions and return what was seen after each."""
    with running_gateway(symbols=("SPY",), speed=_AS_FAST_AS_CAN, seed=40) as gateway:
        config = state / "soak.json"
        config.write_text(json.dumps(overrides(gateway.port, symbols=("SPY",), timeframes=("1m",))))
        command = [PAPERD, "run", "-c", str(config), "--state", str(state), "--days", str(days)]
        with (state / "soak.log").open("w") as log:
            daemon = subprocess.Popen(command, env=environment(), stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            return list(_evenings(gateway, daemon, state, days))
        finally:
            daemon.terminate()
            daemon.wait(60)


def _evenings(gateway: IbGateway, daemon: "subprocess.Popen[bytes]", state: Path, days: int) -> Iterator[Evening]:
    began = time.monotonic()
    for number in range(1, days + 1):
        closed = _until_closed(daemon, state, number, began + _PATIENCE_S)
        evening = Evening(
            day=closed,
            rss_mb=_rss_mb(daemon.pid),
            files=len(list(Path(f"/proc/{daemon.pid}/fd").iterdir())),
            threads=len(list(Path(f"/proc/{daemon.pid}/task").iterdir())),
            orders=_one(state, "SELECT count(*) FROM intent"),
            took_s=round(time.monotonic() - began, 1),
        )
        began = time.monotonic()
        sys.stdout.write(f"{evening}\n")
        sys.stdout.flush()
        yield evening
        if number < days:
            gateway.faults.start("gateway_restart", lasting="300ms")


def _until_closed(daemon: "subprocess.Popen[bytes]", state: Path, number: int, deadline: float) -> str:
    """Return the day of the `number`-th close, as soon as the journal has it."""
    while True:
        rows = _rows(state, "SELECT day FROM session WHERE phase = 'CLOSED' ORDER BY seq")
        if len(rows) >= number:
            return str(rows[number - 1][0])
        if daemon.poll() is not None:
            raise SystemExit(f"the daemon ended with {daemon.returncode}; see {state / 'soak.log'}")
        if time.monotonic() > deadline:
            raise SystemExit(f"a day took more than {_PATIENCE_S:g} s; see {state / 'soak.log'}")
        time.sleep(0.05)


def _rows(state: Path, query: str) -> list[Any]:
    try:
        journal = sqlite3.connect(f"{(state / 'journal.db').as_uri()}?mode=ro", uri=True, timeout=10)
    except sqlite3.OperationalError:
        return []  # it is being made
    try:
        return journal.execute(query).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            raise
        return []
    finally:
        journal.close()


def _one(state: Path, query: str) -> int:
    return int(_rows(state, query)[0][0])


def _rss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"/proc/{pid}/status has no VmRSS")


def growth_mb_a_day(evenings: Sequence[Evening]) -> float:
    """Return the slope of memory over days (least squares), without the first ones."""
    values = [evening.rss_mb for evening in evenings[WARM_UP_DAYS if len(evenings) > 2 * WARM_UP_DAYS else 0 :]]
    middle, mean = (len(values) - 1) / 2, sum(values) / len(values)
    spread = sum((at - middle) ** 2 for at in range(len(values)))
    return sum((at - middle) * (value - mean) for at, value in enumerate(values)) / spread if spread else 0.0


def faults(evenings: Sequence[Evening]) -> list[str]:
    """Return what does not hold, in words."""
    found = []
    growth = growth_mb_a_day(evenings)
    if growth >= MOST_MB_A_DAY:
        found.append(f"memory grew by {growth:.2f} MB a day; {MOST_MB_A_DAY:g} is allowed")
    files, threads = [evening.files for evening in evenings], [evening.threads for evening in evenings]
    if files[-1] > min(files):
        found.append(f"open files went from {min(files)} to {files[-1]}")
    if threads[-1] > min(threads):
        found.append(f"threads went from {min(threads)} to {threads[-1]}")
    if evenings[-1].orders <= evenings[0].orders and len(evenings) > 1:
        found.append("nothing was traded after the first day")
    return found


@contextmanager
def scratch() -> Iterator[Path]:
    """Return a state directory; it stays when something fails."""
    folder = Path(tempfile.mkdtemp(prefix="paperd-soak-"))
    yield folder
    shutil.rmtree(folder)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="make soak", description="a month of market in one process of the daemon")
    parser.add_argument("--days", type=int, default=30)
    days = parser.parse_args().days
    with scratch() as state:
        evenings = soak(days, state)
        found = faults(evenings)
        sys.stdout.write(
            f"{len(evenings)} days, {evenings[-1].orders} orders, {growth_mb_a_day(evenings):+.3f} MB a day\n"
        )
        if found:
            raise SystemExit("\n".join(found))


if __name__ == "__main__":
    main()
