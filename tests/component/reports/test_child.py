"""The day's report by a child process."""

import asyncio
import os
import sys
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from daemon.reports.child import ChildDayReporter
from tests.fakes.day_journal import busy_day, write_journal

MONDAY = date(2026, 3, 2)


def program(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    write_journal(tmp_path, busy_day())
    return tmp_path


async def test_the_child_writes_both_forms(state: Path) -> None:
    page = await ChildDayReporter(state, limit_s=60).report(MONDAY)
    assert page == str(state / "reports" / "2026-03-02.html")
    assert (state / "reports" / "2026-03-02.json").exists()


async def test_a_journal_elsewhere_is_handed_over_in_the_environment(state: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{state / 'journal.db'}"
    other = tmp_path / "other"
    page = await ChildDayReporter(other, journal_url=url, limit_s=60).report(MONDAY)
    assert page == str(other / "reports" / "2026-03-02.html")


async def test_a_report_that_cannot_be_made_is_logged_with_its_cause(state: Path) -> None:
    with capture_logs() as logs:
        assert await ChildDayReporter(state, limit_s=60).report(date(2026, 3, 1)) is None
    assert logs == [
        {
            "event": "report.failed",
            "log_level": "error",
            "day": "2026-03-01",
            "cause": "XNYS was closed on Sunday, 2026-03-01: there is nothing to report.",
        }
    ]


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("import sys; sys.exit('first\\nlast words')", "last words"),
        ("import sys; sys.exit(3)", "the child ended with 3"),
        ("import os; os.kill(os.getpid(), 9)", "the child ended with -9"),
        ("print('hello')", "the child printed no JSON: b'hello\\n'"),
        ("print('{}')", "the child named no page"),
    ],
)
async def test_a_child_that_fails_costs_the_daemon_nothing(tmp_path: Path, code: str, cause: str) -> None:
    with capture_logs() as logs:
        assert await ChildDayReporter(tmp_path, program=program(code)).report(MONDAY) is None
    assert [entry["cause"] for entry in logs] == [cause]


async def test_a_program_that_is_not_there_is_logged(tmp_path: Path) -> None:
    with capture_logs() as logs:
        assert await ChildDayReporter(tmp_path, program=("/nowhere/paperd",)).report(MONDAY) is None
    assert "No such file" in logs[0]["cause"]


async def test_a_child_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with capture_logs() as logs:
        assert await ChildDayReporter(tmp_path, limit_s=0.5, program=_sleeper(tmp_path)).report(MONDAY) is None
    assert logs[0]["cause"] == "not done after 0.5 s"
    await _until_gone(tmp_path)


async def test_a_cancelled_report_leaves_no_child(tmp_path: Path) -> None:
    reporting = asyncio.create_task(ChildDayReporter(tmp_path, program=_sleeper(tmp_path)).report(MONDAY))
    while not (tmp_path / "pid").exists():  # noqa: ASYNC110 - written by another process
        await asyncio.sleep(0.01)
    reporting.cancel()
    with suppress(asyncio.CancelledError):
        await reporting
    assert reporting.cancelled()
    await _until_gone(tmp_path)


def _sleeper(tmp_path: Path) -> tuple[str, ...]:
    pid, ready = tmp_path / "pid.new", tmp_path / "pid"
    return program(
        f"import os, time; f = open({str(pid)!r}, 'w'); f.write(str(os.getpid())); f.close(); "
        f"os.rename({str(pid)!r}, {str(ready)!r}); time.sleep(60)"
    )


async def _until_gone(tmp_path: Path) -> None:
    with suppress(FileNotFoundError), pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
