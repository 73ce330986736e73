"""The commands as processes, against a control socket in another process."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def state() -> Iterator[Path]:
    """Return a state directory whose path is short enough for a socket."""
    with TemporaryDirectory(prefix="pd") as folder:
        yield Path(folder)


@pytest.fixture
def daemon(state: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "tests.component.web.served_daemon", str(state / "paperd.sock")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def paperd(state: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "daemon", *arguments]
    environment = {**os.environ, "PAPERD_STATE": str(state), "COLUMNS": "100"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.usefixtures("daemon")
def test_the_status_is_shown_to_people_and_to_machines(state: Path) -> None:
    shown = paperd(state, "status")
    assert shown.returncode == 0, shown.stderr
    assert "100123.45" in shown.stdout
    assert "SPY 100, IWM -20" in shown.stdout
    told = paperd(state, "status", "--json")
    assert json.loads(told.stdout)["strategies"][0]["id"] == "trend"
    assert told.stderr == ""


@pytest.mark.usefixtures("daemon")
def test_trading_is_paused_and_resumed(state: Path) -> None:
    paused = paperd(state, "pause", "--strategy", "trend", "--json")
    assert json.loads(paused.stdout) == {"state": "PAUSED", "strategy": "trend", "waiting": False}
    assert "positions are opened again" in paperd(state, "resume").stdout


@pytest.mark.usefixtures("daemon")
def test_a_strategy_that_does_not_run_ends_with_78(state: Path) -> None:
    refused = paperd(state, "pause", "--strategy", "trent")
    assert refused.returncode == 78
    assert refused.stderr == "error: strategy: 'trent' is not running; use one of trend\n"


def test_stop_returns_when_the_process_has_ended(state: Path, daemon: "subprocess.Popen[str]") -> None:
    stopped = paperd(state, "stop", "--json")
    assert stopped.returncode == 0, stopped.stderr
    assert json.loads(stopped.stdout)["ended"] is True
    assert daemon.wait(timeout=1) == 0
    assert paperd(state, "status").returncode == 69


def test_stop_need_not_wait(state: Path, daemon: "subprocess.Popen[str]") -> None:
    stopped = paperd(state, "stop", "--no-wait", "--json")
    assert json.loads(stopped.stdout)["ended"] is False
    assert daemon.wait(timeout=10) == 0


@pytest.mark.usefixtures("daemon")
def test_a_daemon_that_takes_too_long_to_stop_ends_the_command_with_75(state: Path) -> None:
    late = paperd(state, "stop", "--within", "0.1")
    assert late.returncode == 75
    assert "still stopping after 0.1 s" in late.stderr


def test_help_is_quick_because_nothing_heavy_is_imported() -> None:
    heavy = ("pandas", "numpy", "sqlalchemy", "aiohttp", "pydantic", "ib_insync", "jinja2", "exchange_calendars")
    code = (
        "import sys; from daemon.cli.app import paperd\n"
        "try: paperd(['--help'])\n"
        f"finally: print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "[]"
