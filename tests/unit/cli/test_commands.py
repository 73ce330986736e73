"""The commands as a person types them, within this process: what they print and how they end."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from daemon.cli.app import paperd
from daemon.cli.errors import exit_code
from daemon.client import DaemonNotAnswering, DaemonNotRunning
from daemon.domain.errors import (
    BadMarketData,
    BrokerUnavailable,
    ConfigError,
    FeedUnavailable,
    ForbiddenError,
    InvariantBroken,
    JournalFailed,
)
from daemon.reports.errors import DayNotThere, NothingToReport
from daemon.settings.output import json_schema
from tests.fakes.day_journal import busy_day, write_journal

Paperd = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paperd:
    """Return a function that runs a command in an empty directory with an empty environment."""
    monkeypatch.chdir(tmp_path)
    for name in ("PAPERD_CONFIG", "PAPERD_STATE", "STATE_DIRECTORY", "PAPER_TRADING", "PAPERD_CONTROL__SOCKET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)

    def command(*arguments: str | Path) -> Result:
        return CliRunner().invoke(paperd, [str(argument) for argument in arguments])

    return command


def object_of(result: Result) -> dict[str, Any]:
    """Return the one JSON object that standard output holds."""
    value = json.loads(result.stdout)
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("a"), 78),
        (BadMarketData("a.parquet", "row 3"), 78),
        (ForbiddenError("a", "b"), 77),
        (BrokerUnavailable("a"), 75),
        (FeedUnavailable("a"), 75),
        (DaemonNotAnswering("a", "b"), 75),
        (JournalFailed("a"), 74),
        (OSError(28, "No space left on device"), 74),
        (InvariantBroken("a"), 70),
        (DaemonNotRunning("a", "b"), 69),
        (NothingToReport("a", "b"), 69),
        (DayNotThere("a", "b"), 64),
    ],
)
def test_every_error_has_its_exit_code(error: Exception, code: int) -> None:
    assert exit_code(error) == code


def test_without_a_command_help_is_shown(run: Paperd) -> None:
    result = run()
    assert result.exit_code == 0
    for group in ("Run", "Look after a running daemon", "Set up and check", "Look back"):
        assert group in result.stdout


@pytest.mark.parametrize("command", ["status", "pause", "resume", "stop", "test", "report", "run", "gateway"])
def test_every_command_explains_itself(run: Paperd, command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "--help" in result.stdout


def test_emergency_is_not_offered_before_it_exists(run: Paperd) -> None:
    assert "emergency" not in run("stop", "--help").stdout
    assert run("stop", "--emergency").exit_code == 64


def test_the_version_is_told(run: Paperd) -> None:
    result = run("--version")
    assert (result.exit_code, result.stdout.split()[0]) == (0, "paperd")


@pytest.mark.parametrize(
    "arguments", [("statsu",), ("status", "--nope"), ("report", "--date", "tomorrow"), ("stop", "--within", "-1")]
)
def test_a_command_that_is_wrong_ends_with_64(run: Paperd, arguments: tuple[str, ...]) -> None:
    result = run(*arguments, "--json")
    assert result.exit_code == 64
    assert result.stderr.startswith("error: ")
    assert object_of(result)["faults"]


def test_a_wrong_name_brings_a_suggestion(run: Paperd) -> None:
    assert "Did you mean 'status'" in run("statsu").stderr


@pytest.mark.parametrize("command", ["status", "pause", "resume", "stop"])
def test_without_a_daemon_a_command_ends_with_69(run: Paperd, tmp_path: Path, command: str) -> None:
    result = run(command, "--state", tmp_path / "nothing", "--json")
    assert result.exit_code == 69
    assert object_of(result)["error"].startswith("no daemon is running here")
    assert "cure: Start it with `paperd run`" in result.stderr


def test_a_state_directory_too_deep_for_a_socket_ends_with_78(run: Paperd) -> None:
    assert run("status", "--state", "/" + "x" * 120).exit_code == 78


def test_a_valid_configuration_is_said_to_be(run: Paperd) -> None:
    result = run("config", "check", "--json")
    assert result.exit_code == 0
    assert object_of(result)["valid"] is True
    assert "defaults is valid" in run("config", "check").stdout


def test_every_fault_of_a_configuration_is_named(run: Paperd, tmp_path: Path) -> None:
    file = tmp_path / "paperd.yaml"
    file.write_text(
        "mode: papper\nib: {port: many}\nstrategies:\n"
        "  - {id: a, type: nope, symbols: [SPY], timeframes: [5m], capital: 1}\n"
    )
    result = run("config", "check", "-c", file, "--json")
    assert result.exit_code == 78
    faults = object_of(result)["faults"]
    assert [fault.split(":")[0] for fault in faults] == ["mode", "ib.port", "strategies[0].type"]
    assert result.stderr.count("error: ") == 3


def test_a_first_day_without_trading_is_a_fault(run: Paperd, tmp_path: Path) -> None:
    file = tmp_path / "paperd.yaml"
    file.write_text("market: {start: 2026-03-01}\n")
    result = run("config", "check", "-c", file)
    assert result.exit_code == 78
    assert "XNYS does not trade on that Sunday" in result.stderr


def test_live_trading_is_refused_with_77(run: Paperd, tmp_path: Path) -> None:
    file = tmp_path / "paperd.yaml"
    file.write_text("mode: live\n")
    result = run("config", "check", "-c", file)
    assert result.exit_code == 77
    assert "cure: Use mode paper" in result.stderr


def test_the_configuration_is_shown_whole(run: Paperd, tmp_path: Path) -> None:
    shown = run("config", "show")
    assert shown.exit_code == 0
    again = tmp_path / "again.yaml"
    again.write_text(shown.stdout)
    assert object_of(run("config", "show", "-c", again, "--json")) == object_of(run("config", "show", "--json"))


def test_env_files_count_and_their_secrets_stay_hidden(run: Paperd, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PAPERD_JOURNAL__URL=postgresql://me:hunter2hunter2@db/x\nPAPERD_DRY_RUN=true\n")
    result = run("config", "show")
    assert "dry_run: true" in result.stdout
    assert "hunter2" not in result.stdout


def test_the_schema_is_printed(run: Paperd) -> None:
    assert object_of(run("config", "schema")) == json.loads(json.dumps(json_schema()))


def test_the_built_in_market_needs_no_connection(run: Paperd) -> None:
    result = run("test", "--json")
    assert result.exit_code == 0
    told = object_of(result)
    assert told["ok"] is True
    assert [step["what"] for step in told["steps"]] == ["configuration", "state directory", "connection"]


def test_a_state_directory_below_a_file_fails_the_test(run: Paperd, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run("test", "--state", tmp_path / "file" / "state")
    assert result.exit_code == 69
    assert "FAILED  state directory" in result.stdout
    assert "cure: choose another --state directory" in result.stdout


async def _free_port() -> int:
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return int(port)


def test_a_gateway_that_is_not_there_fails_with_cause_and_cure(run: Paperd) -> None:
    result = run("test", "--port", str(asyncio.run(_free_port())), "--json")
    assert result.exit_code == 69
    failed = [step for step in object_of(result)["steps"] if not step["ok"]]
    assert [step["what"] for step in failed] == ["connection"]
    assert "nothing listens at 127.0.0.1" in failed[0]["cause"]
    assert failed[0]["cure"]


def test_a_live_port_is_refused_before_connecting(run: Paperd) -> None:
    assert run("test", "--port", "4001").exit_code == 77


def test_a_report_is_written_and_named(run: Paperd, tmp_path: Path) -> None:
    state = tmp_path / "state"
    write_journal(state, busy_day())
    told = object_of(run("report", "--state", state, "--json"))
    assert told == {
        "day": "2026-03-02",
        "html": str(state / "reports" / "2026-03-02.html"),
        "json": str(state / "reports" / "2026-03-02.json"),
    }
    only = run("report", "--state", state, "--date", "2026-03-02", "--strategy", "trend", "--format", "json")
    assert only.stdout.split() == [str(state / "reports" / "2026-03-02-trend.json")]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--date", "2026-03-01"), 64),
        (("--date", "2026-03-09"), 64),
        (("--format", "pdf"), 64),
        (("--strategy", "nope"), 78),
    ],
)
def test_a_report_that_cannot_be_made_says_why(
    run: Paperd, tmp_path: Path, arguments: tuple[str, ...], code: int
) -> None:
    write_journal(tmp_path, busy_day())
    result = run("report", "--state", tmp_path, *arguments)
    assert result.exit_code == code
    assert result.stderr.startswith("error: ")
    assert not (tmp_path / "reports").exists()


def test_without_a_journal_there_is_no_report(run: Paperd, tmp_path: Path) -> None:
    assert run("report", "--state", tmp_path).exit_code == 69
    (tmp_path / "journal.db").write_bytes(b"no database at all" * 100)
    assert run("report", "--state", tmp_path).exit_code == 74


def test_a_report_that_cannot_be_written_ends_with_74(run: Paperd, tmp_path: Path) -> None:
    write_journal(tmp_path, busy_day())
    (tmp_path / "reports").write_text("in the way")
    result = run("report", "--state", tmp_path)
    assert result.exit_code == 74
    assert "reports" in result.stderr
