"""What runs in the processes: the gateway, and the daemon as `paperd run` starts it.

Importing everything takes a second and a half; a fork server does it once and each life is a fork of it. A life is a
real process: its own files, sockets and threads, ended by a real SIGKILL. Left out of it is only the child that writes
the day's report. `paperd run` itself, report and all, is started the plain way.
"""

import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import daemon.app
import daemon.cli.run
import daemon.gateway.process
from daemon.cli.app import paperd
from daemon.gateway.log import Fact
from daemon.gateway.server import SIMULATOR_ZONE, GatewayServer
from daemon.runtime.clock import MarketClock
from daemon.simulation.machines import NoReports
from tests.reliability.world import WorldPlan
from tests.simulation import planted_bugs


class PassesForReal(GatewayServer):
    """A gateway that does not tell that it is a simulator: the daemon lives by its own clock and paces itself."""

    def connection_time(self) -> str:
        """Return the market time in a zone that real gateways have."""
        return super().connection_time().replace(SIMULATOR_ZONE, "EST")


def gateway(plan: WorldPlan, state: Path, out: Path) -> None:
    """Serve the market of a world until SIGTERM."""
    _write_to(out)
    if not plan.setting.lockstep:
        daemon.gateway.process.GatewayServer = PassesForReal  # type: ignore[attr-defined]
    daemon.gateway.process.main(plan.gateway_options(state), plan.setting.market(), _say)


def life(
    arguments: tuple[str, ...], folder: Path, out: Path, *, clock_error: timedelta, held: bool, bug: str | None
) -> None:
    """Be `paperd ARGUMENTS`.

    Args:
        arguments: the command line after `paperd`.
        folder: working directory.
        out: where its output goes.
        clock_error: what its wall clock is wrong by.
        held: stop before the first step, until SIGCONT.
        bug: name of a function in `planted_bugs`.
    """
    _write_to(out)
    os.chdir(folder)
    if held:
        os.kill(os.getpid(), signal.SIGSTOP)
    daemon.app.Daemon.day_reporter = lambda self: NoReports()  # type: ignore[method-assign]
    if clock_error:
        daemon.app.MarketClock = lambda: _WrongClock(clock_error)  # type: ignore[attr-defined,assignment]
    if bug is not None:
        getattr(planted_bugs, bug)(pytest.MonkeyPatch())
    paperd(list(arguments), prog_name="paperd")


class _WrongClock(MarketClock):
    """A clock in a machine whose wall clock is set to another day."""

    def __init__(self, error: timedelta) -> None:
        super().__init__()
        self._error = error

    def now(self) -> datetime:
        """Return market time, aware UTC."""
        return super().now() if self.is_stepped else datetime.now(UTC) + self._error


def _write_to(path: Path) -> None:
    with path.open("ab") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())


def _say(event: str, fields: dict[str, Fact]) -> None:
    sys.stderr.write(f"{event} {fields}\n")
