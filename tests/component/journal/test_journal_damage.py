"""A journal that cannot be trusted or written is refused in words that help, and is never changed."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from daemon.domain.errors import JournalFailed
from daemon.domain.records import Record, TradingStateChanged
from daemon.journal import file_check, migrate, sqlite
from daemon.journal.file_check import FileCheck
from daemon.journal.past import read_past
from daemon.journal.writer import JournalWriter

pytestmark = pytest.mark.asyncio

ROOT = Path(__file__).parents[3]
AT = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
NOTE = TradingStateChanged(at=AT, state="RUNNING", strategy=None, who="x", why="y")
Story = Callable[[int], tuple[Record, ...]]


async def written_journal(path: Path, story: Story) -> bytes:
    async with await JournalWriter.open(path) as journal:
        for number in range(40):
            await journal.append(story(number))
    return contents(path)


def contents(path: Path) -> bytes:
    return path.read_bytes()


def log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


@pytest.mark.parametrize(("at", "length"), [(0, 16), (100, 60), (4096 * 9, 4096 * 4)])
async def test_a_damaged_file_is_refused_and_preserved(tmp_path: Path, story: Story, at: int, length: int) -> None:
    path = tmp_path / "journal.db"
    good = await written_journal(path, story)
    bad = good[:at] + b"\xa5" * length + good[at + length :]
    path.write_bytes(bad)
    with pytest.raises(JournalFailed, match=r"is damaged.*preserve.*paperd db backup.*\.recover"):
        await JournalWriter.open(path)
    assert path.read_bytes() == bad


async def test_a_large_file_is_read_through_after_the_start(
    tmp_path: Path, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_READ_AT_ONCE", 4096)
    path = tmp_path / "journal.db"
    good = await written_journal(path, story)
    with closing(sqlite3.connect(path)) as reading:
        (page,) = reading.execute("SELECT max(rootpage) FROM sqlite_schema WHERE type = 'index'").fetchone()
    path.write_bytes(good[: (page - 1) * 4096] + b"\xa5" * 4096 + good[page * 4096 :])
    async with await JournalWriter.open(path):
        with pytest.raises(JournalFailed, match=r"(?s)is damaged.*preserve"):
            await FileCheck(path).run(asyncio.Event())
    path.write_bytes(good)
    async with await JournalWriter.open(path) as journal:
        await asyncio.gather(FileCheck(path).check(), journal.append(story(99)))


async def test_damage_that_restoring_meets_is_told_as_damage(tmp_path: Path, story: Story) -> None:
    path = tmp_path / "journal.db"
    await written_journal(path, story)
    with closing(sqlite3.connect(path)) as reading:
        (page,) = reading.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'bar'").fetchone()
    async with await JournalWriter.open(path) as journal:
        with path.open("r+b") as file:
            file.seek((page - 1) * 4096)
            file.write(b"\xa5" * 4096)
        with pytest.raises(JournalFailed, match=r"(?s)is damaged.*preserve"):
            await read_past(journal)


async def test_a_check_that_is_cancelled_ends_at_once(
    tmp_path: Path, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.db"
    await written_journal(path, story)
    began = asyncio.Event()
    loop = asyncio.get_running_loop()

    def endless(connection: sqlite3.Connection, _path: Path) -> list[str]:
        loop.call_soon_threadsafe(began.set)
        connection.execute("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n")
        return []

    monkeypatch.setattr(file_check, "findings_in", endless)
    checking = asyncio.create_task(FileCheck(path).run(asyncio.Event()))
    await began.wait()
    await asyncio.sleep(0.05)
    checking.cancel()
    async with asyncio.timeout(30):
        await asyncio.wait({checking})
    assert checking.cancelled()


async def test_making_the_file_begins_again_where_a_kill_has_cut_it_short(tmp_path: Path) -> None:
    """What is left then is a rollback journal, which a reading connection may not roll back."""
    made, left = tmp_path / "made.db", tmp_path / "journal.db"
    with closing(sqlite3.connect(made, isolation_level=None)) as making:
        making.execute("CREATE TABLE t (x)")
        making.execute("PRAGMA cache_size=1")  # pages reach the file before their transaction is complete
        making.execute("BEGIN")
        making.executemany("INSERT INTO t VALUES (?)", [("x" * 2000,)] * 100)
        for ending in ("", "-journal"):
            left.with_name(f"journal.db{ending}").write_bytes(made.with_name(f"made.db{ending}").read_bytes())
    with (
        closing(sqlite3.connect(f"{left.as_uri()}?mode=ro", uri=True)) as reading,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        reading.execute("PRAGMA quick_check")
    async with await JournalWriter.open(left) as journal:
        await journal.append((NOTE,))
    with closing(sqlite3.connect(left)) as looking:
        assert looking.execute("SELECT count(*) FROM t").fetchone() == (0,)


async def test_a_truncated_file_is_refused(tmp_path: Path, story: Story) -> None:
    path = tmp_path / "journal.db"
    good = await written_journal(path, story)
    path.write_bytes(good[: len(good) // 2])
    with pytest.raises(JournalFailed, match="is damaged"):
        await JournalWriter.open(path)


async def test_a_lost_file_with_its_log_left_is_not_replaced_by_an_empty_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = await JournalWriter.open(path)
    await journal.append([NOTE])
    log = contents(log_of(path))
    await journal.close()
    path.unlink()
    log_of(path).write_bytes(log)
    with pytest.raises(JournalFailed, match=r"missing or empty while journal.db-wal still holds records"):
        await JournalWriter.open(path)
    assert contents(log_of(path)) == log


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalFailed, match=r"there is no folder .*/nowhere"):
        await JournalWriter.open(tmp_path / "nowhere" / "journal.db")


async def test_a_folder_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(JournalFailed, match=r"/proc/self/journal.db"):
        await JournalWriter.open("/proc/self/journal.db")


async def test_a_locked_journal_cannot_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(JournalFailed, match="locked"):
            await JournalWriter.open(path, busy_timeout_s=0.1)


async def test_a_journal_locked_by_another_writer_stops_the_writer(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with await JournalWriter.open(path, busy_timeout_s=0.1) as journal:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(JournalFailed, match="locked") as caught:
                await journal.append([NOTE])
            assert isinstance(caught.value.__cause__, JournalFailed)
            assert isinstance(caught.value.__cause__.__cause__, sqlite3.OperationalError)
        with pytest.raises(JournalFailed, match=r"has stopped.*locked"):
            await journal.append([NOTE])


FILL_UP = """
import asyncio, resource, sys
from datetime import UTC, datetime
from daemon.domain.errors import JournalFailed
from daemon.domain.records import AlertRaised
from daemon.journal.writer import JournalWriter

async def main(path):
    async with await JournalWriter.open(path) as journal:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
        for number in range(10000):
            record = AlertRaised(at=datetime(2026, 1, 5, tzinfo=UTC), level="INFO", name=str(number), text="x" * 999,
                                 strategy=None)
            try:
                await journal.append([record])
            except JournalFailed as error:
                print("FAILED", error, flush=True)
                return
            print(number, flush=True)

asyncio.run(main(sys.argv[1]))
"""


async def test_a_full_disk_stops_the_writer_and_loses_nothing_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    command = [sys.executable, "-c", FILL_UP, str(path)]
    result = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False)
    *said, last = result.stdout.splitlines()
    assert last.startswith("FAILED"), result.stderr
    acknowledged = [line for line in said if line.isdigit()]
    with closing(sqlite3.connect(path)) as connection:
        kept = [name for (name,) in connection.execute("SELECT name FROM alert ORDER BY seq")]
    assert len(acknowledged) > 20
    assert kept == acknowledged
    assert migrate.current(path) == migrate.head()
