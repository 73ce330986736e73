"""A daemon that was stopped or killed in the middle of the day goes on with the same day, and nothing happens twice."""

import json
import random
import shutil
import signal
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from tests.system.books import Books, moment_us
from tests.system.programs import Program, eventually, running

DAY = "2025-11-28"  # closes early
OPEN_S, CLOSE_S = 1_764_340_200, 1_764_352_800
QUICK = ("--symbol", "SPY", "--timeframes", "1m,5m", "--speed", "max", "--seed", 7, "--start", DAY)


def whole_day_once(books: Books) -> None:
    """Assert that a day of one symbol is complete, and that books and ledger agree."""
    bars = Counter((bar["timeframe"], bar["end"]) for bar in books.rows("bar"))
    expected = {("1m", end) for end in range(OPEN_S + 60, CLOSE_S + 60, 60)}
    expected |= {("5m", end) for end in range(OPEN_S + 300, CLOSE_S + 300, 300)}
    twice = {bar: count for bar, count in bars.items() if count > 1}
    assert twice == {}
    missing = sorted((label, (end - OPEN_S) / 60) for label, end in expected - set(bars))
    assert missing == [], "bars that no run has seen, with their minute"
    assert set(bars) == expected
    assert books.rows("gap") == []
    decisions = Counter((row["strategy"], row["timeframe"], row["bar_end"]) for row in books.rows("decision"))
    assert set(decisions) == {(name, *bar) for name in ("trend", "pulse") for bar in expected}
    agree(books)


def agree(books: Books) -> None:
    """Assert that the journal holds what the gateway did: every execution and commission, no order twice."""
    fills = books.rows("fill")
    assert [fill["exec_id"] for fill in fills] == [row.exec_id for row in books.executions()]
    assert {row["exec_id"]: Decimal(row["amount"]) for row in books.rows("commission")} == {
        row.exec_id: row.commission for row in books.executions()
    }
    assert books.positions() == books.gateway_positions()
    sent = Counter(row.order_ref for row in books.gateway_orders())
    assert all(count == 1 for count in sent.values())
    assert set(sent) <= {row["order_ref"] for row in books.rows("intent")}
    decided = Counter(row["decision_id"] for row in books.rows("intent"))
    assert all(count == 1 for count in decided.values())


def until_bars(program: Program, books: Books, count: int) -> None:
    """Wait until the journal holds so many minute bars."""

    def look() -> bool:
        assert program.process.poll() is None, program.err.read_text()[-2000:]
        return books.count("bar", "timeframe = '1m'") >= count

    eventually(look, f"{count} bars")


def test_terminated_day_goes_on_where_it_was(tmp_path: Path) -> None:
    books = Books(tmp_path / "state")
    slowly = ("run", *QUICK, "--speed", 600, "--state", tmp_path / "state")
    with running(*slowly, folder=tmp_path / "logs") as program:
        until_bars(program, books, 30)
        asked = time.monotonic()
        assert program.end(signal.SIGTERM) == 0
        assert time.monotonic() - asked < 10
    agree(books)
    seen, held = books.rows("bar"), books.positions()
    assert len(seen) < 210 + 42
    assert (tmp_path / "state" / "reports" / f"{DAY}.json").exists()  # the day so far

    with running("run", *QUICK, "--days", 1, "--state", tmp_path / "state", folder=tmp_path / "logs") as program:
        (up,) = program.wait_for("reconciliation.completed")
        assert up["differences"] == 0
        assert books.positions() == held  # before its first order
        assert program.ended() == 0
    assert books.rows("bar")[: len(seen)] == seen
    assert len({row["instance"] for row in books.rows("run")}) == 1
    assert [row["phase"] for row in books.rows("session")] == ["OPENED", "CLOSED"]
    whole_day_once(books)


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the state directory of a run that Ctrl-C has ended, in the middle of the day as far as it knew."""
    folder = tmp_path_factory.mktemp("interrupted")
    with running("run", *QUICK, "--state", folder / "state", folder=folder / "logs") as program:
        until_bars(program, Books(folder / "state"), 20)
        assert program.end(signal.SIGINT) == 0
    return folder / "state"


def test_interrupted_day_ends_as_cleanly(interrupted: Path) -> None:
    books = Books(interrupted)
    states = {row["order_ref"]: row["state"] for row in books.rows("order_event")}
    assert {state for state in states.values() if state in {"SENDING", "SUBMITTED", "PARTIALLY_FILLED"}} == set()
    agree(books)


def test_market_stands_still_while_the_daemon_winds_down(interrupted: Path) -> None:
    """Bars that pass while the report is written would be lost to the next run: nobody may trade on them."""
    books = Books(interrupted)
    (stopping,) = books.rows("control_action", "state = 'STOPPING'")
    passed = books.rows("bar", f"seq > {stopping['seq']} AND timeframe = '1m'")
    assert len(passed) <= 1, f"{len(passed)} minutes of market passed after the last decision"


def test_gain_of_a_run_leaves_out_what_a_strategy_that_is_not_run_owns(tmp_path: Path, interrupted: Path) -> None:
    """The capital of a strategy that an earlier run had, and this one has not, is no loss of this run."""
    shutil.copytree(interrupted, tmp_path / "state")
    books = Books(tmp_path / "state")
    marks = books.count("equity")
    arguments = ("run", *QUICK, "--strategy", "pulse", "--json", "--state", tmp_path / "state")
    with running(*arguments, folder=tmp_path / "logs") as program:
        eventually(lambda: books.count("equity") > marks + 4, "valuations of the second run")
        assert program.end() == 0
        assert abs(float(json.loads(program.out.read_text())["pnl"])) < 2_000


@pytest.mark.slow
def test_killed_day_goes_on_where_it_was(tmp_path: Path) -> None:
    books, chance = Books(tmp_path / "state"), random.Random(11)
    starts = 0
    for bars in (40, 90, 140):
        with running("run", *QUICK, "--state", tmp_path / "state", folder=tmp_path / "logs") as program:
            until_bars(program, books, bars)
            time.sleep(chance.uniform(0, 0.2))
            assert program.end(signal.SIGKILL) == -signal.SIGKILL
        starts += 1
    with running("run", *QUICK, "--days", 1, "--state", tmp_path / "state", folder=tmp_path / "logs") as program:
        assert program.ended() == 0
        assert [line["differences"] for line in program.said("reconciliation.completed")] == [0]
    assert books.count("run") == starts + 1
    whole_day_once(books)


def test_market_never_goes_back(tmp_path: Path) -> None:
    books = Books(tmp_path / "state")
    for bars in (15, 40):
        with running("run", *QUICK, "--state", tmp_path / "state", folder=tmp_path / "logs") as program:
            until_bars(program, books, bars)
            program.end(signal.SIGKILL)
    times = [moment_us(row["at"]) for table in ("bar", "decision", "fill", "equity") for row in books.rows(table)]
    assert min(times) >= OPEN_S * 1_000_000
    for table in ("bar", "decision", "equity", "fill"):
        ordered = [moment_us(row["at"]) for row in books.rows(table)]
        assert ordered == sorted(ordered), table
