"""A process that is killed has everything it acknowledged."""

import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

APPEND_FOR_EVER = """
import asyncio, itertools, sys
from datetime import UTC, datetime
from daemon.domain.records import AlertRaised, SessionMarked
from daemon.journal.writer import JournalWriter

AT = datetime(2026, 1, 5, tzinfo=UTC)
COUNTER = itertools.count(int(sys.argv[2]))

async def append(journal):
    for number in COUNTER:
        await journal.append([
            AlertRaised(at=AT, level="INFO", name=str(number), text="", strategy=None),
            SessionMarked(at=AT, day=str(number), phase="OPENED"),
        ])
        print(number, flush=True)

async def main():
    journal = await JournalWriter.open(sys.argv[1])
    await asyncio.gather(*(append(journal) for _ in range(4)))

asyncio.run(main())
"""


def append_until_killed(location: str, first: int, count: int) -> set[int]:
    """Return the numbers acknowledged by a process that is killed after about `count` of them."""
    command = [sys.executable, "-c", APPEND_FOR_EVER, location, str(first)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(count)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
    return {int(line) for line in lines if line.endswith("\n")}


def check_kept(alerts: list[tuple[str]], sessions: list[tuple[str]], acknowledged: set[int]) -> None:
    """Check that all is there, and that no append is there by half."""
    assert acknowledged <= {int(name) for (name,) in alerts}
    assert sorted(alerts) == sorted(sessions)


ALERTS = "SELECT name FROM alert"
SESSIONS = "SELECT day FROM session"


def test_everything_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    path, acknowledged, chance = tmp_path / "journal.db", set[int](), random.Random(1)
    for round_ in range(4):
        told = append_until_killed(str(path), round_ * 100_000, chance.randint(20, 300))
        assert len(told) >= 20
        acknowledged |= told
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        check_kept(connection.execute(ALERTS).fetchall(), connection.execute(SESSIONS).fetchall(), acknowledged)


def test_everything_acknowledged_survives_a_kill_on_postgresql(postgres_url: str) -> None:
    psycopg = pytest.importorskip("psycopg")
    acknowledged = append_until_killed(postgres_url, 0, 100)
    with psycopg.connect(postgres_url) as connection:
        check_kept(connection.execute(ALERTS).fetchall(), connection.execute(SESSIONS).fetchall(), acknowledged)
