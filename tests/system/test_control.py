"""Steering a running daemon with the commands of a person."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.books import Books
from tests.system.programs import Finished, Program, eventually, paperd, running

PULSE = ("--strategy", "pulse", "--seed", 7)


class Steered:
    """A daemon at the speed of a person, and the commands for it."""

    def __init__(self, program: Program, folder: Path) -> None:
        self.program = program
        self.state = folder / "state"
        self.books = Books(self.state)
        self._folder = folder

    def command(self, *arguments: object) -> Finished:
        return paperd(*arguments, "--state", self.state, cwd=self._folder)

    def asked(self, *arguments: object) -> dict[str, Any]:
        done = self.command(*arguments, "--json")
        assert done.code == 0, done.err
        return done.json()


@pytest.fixture
def steered(tmp_path: Path) -> Iterator[Steered]:
    with running("run", *PULSE, "--speed", 40, "--state", tmp_path / "state", folder=tmp_path / "logs") as program:
        eventually((tmp_path / "state" / "paperd.sock").exists, "the control socket")
        yield Steered(program, tmp_path)


def test_paused_daemon_opens_nothing_until_it_is_resumed(steered: Steered) -> None:
    steered.program.wait_for("startup.completed")
    assert steered.asked("pause") == {"state": "PAUSED", "strategy": None, "waiting": False}
    status = steered.asked("status")
    assert (status["mode"], status["trading"], status["market_open"]) == ("paper", "PAUSED", True)
    assert status["connection"]["up"] is True
    assert [strategy["id"] for strategy in status["strategies"]] == ["pulse"]
    books = steered.books
    paused = eventually(lambda: books.rows("control_action"), "the pause in the journal")[0]
    assert (paused["state"], paused["who"] != "") == ("PAUSED", True)
    eventually(lambda: books.count("decision", f"seq > {paused['seq']}") >= 6, "decisions while paused")
    while_paused = books.rows("decision", f"seq > {paused['seq']}")
    assert "NOT_TRADING" in {decision["outcome"] for decision in while_paused}
    assert "ORDER" not in {decision["outcome"] for decision in while_paused}
    assert books.rows("intent", f"seq > {paused['seq']} AND reduces = 0") == []

    assert steered.asked("resume") == {"state": "RUNNING", "strategy": None, "waiting": False}
    eventually(lambda: books.rows("fill", f"seq > {paused['seq']}"), "a fill after the pause")
    second = steered.command("run", "--speed", "max", "--days", 1)
    assert second.code == 77
    assert f"{steered.state} is in use by another daemon (process {steered.program.process.pid})" in second.err
    assert "paperd stop" in second.err

    unknown = steered.command("pause", "--strategy", "nobody")
    assert unknown.code == 78
    assert "'nobody' is not running; use one of pulse" in unknown.err
    assert "trading" in steered.command("status").out
    stopped = steered.asked("stop")
    assert stopped["ended"] is True
    assert steered.program.ended(1) == 0
    assert (steered.state / "reports" / "2026-03-02.html").exists()
    assert not (steered.state / "paperd.sock").exists()
    assert [row["state"] for row in books.rows("control_action")] == ["PAUSED", "RUNNING", "STOPPING"]
    assert steered.command("status").code == 69


def test_pause_during_the_start_holds_from_the_first_bar(steered: Steered) -> None:
    steered.asked("pause")
    books = steered.books
    eventually(lambda: books.count("decision") >= 3, "the first decisions")
    assert {row["outcome"] for row in books.rows("decision")} == {"NOT_TRADING"}
    assert books.rows("intent") == []
    assert steered.program.end() == 0


def test_pause_during_the_start_is_kept_with_market_time(steered: Steered, tmp_path: Path) -> None:
    """The next run's market must not go back behind the journal: a record in host time makes it jump to that hour."""
    steered.asked("pause")
    books = steered.books
    (paused,) = eventually(lambda: books.rows("control_action"), "the pause in the journal")
    eventually(lambda: books.count("bar") >= 3, "the first bars")
    steered.program.end(signal.SIGKILL)
    with running("run", *PULSE, "--speed", 40, "--state", steered.state, folder=tmp_path / "logs") as again:
        (up,) = again.wait_for("gateway.started")
        assert again.end() == 0
    assert up["market_time"].startswith("2026-03-02T14:3")  # where the first run was killed
    assert paused["at"].startswith("2026-03-02T14:3")
