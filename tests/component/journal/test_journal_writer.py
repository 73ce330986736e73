"""What was acknowledged is there, in order; what cannot be written stops the writer."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from daemon.domain.errors import JournalFailed
from daemon.domain.records import (
    AlertRaised,
    DecisionMade,
    EquityMarked,
    Record,
    RunStarted,
    SessionMarked,
    TradingStateChanged,
)
from daemon.journal import queries, schema
from daemon.journal.reader import open_reader
from daemon.journal.writer import JournalWriter

pytestmark = pytest.mark.asyncio

AT = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
Story = Callable[[int], tuple[Record, ...]]
NOT_RESTORED = {
    "bar",
    "history_bar",
    "bar_revision",
    "quote",
    "gap",
    "risk_check",
    "execution_check",
    "position",
    "alert",
}


def note(who: str, number: int = 0) -> TradingStateChanged:
    return TradingStateChanged(at=AT, state="RUNNING", strategy=None, who=who, why=str(number))


async def test_records_come_back_equal_and_in_the_order_of_writing(location: str, story: Story) -> None:
    records = story(1)
    async with await JournalWriter.open(location) as journal:
        await journal.append(records)
        expected = tuple(record for record in records if record.TABLE not in NOT_RESTORED)
        assert await journal.restore() == expected
    async with await JournalWriter.open(location) as journal:
        assert await journal.restore() == expected


async def test_all_records_are_written_and_read_by_queries(location: str, story: Story) -> None:
    async with await JournalWriter.open(location) as journal:
        await journal.append(story(1))
        engine = open_reader(location)
        with engine.connect() as connection:
            for table in schema.METADATA.sorted_tables:
                assert connection.execute(select(table)).fetchall(), table.name
        engine.dispose()


async def test_only_the_latest_equity_and_memory_are_restored(location: str, story: Story) -> None:
    async with await JournalWriter.open(location) as journal:
        for number in (1, 2, 3):
            await journal.append(story(number))
        restored = await journal.restore()
    equities = {row.strategy: row.equity for row in restored if isinstance(row, EquityMarked)}
    assert equities == {"sma_cross": Decimal(100003), "*": Decimal(100003)}
    assert [row.memory for row in restored if isinstance(row, DecisionMade)] == [{"trades": 3}]
    assert [row.run_id for row in restored if isinstance(row, RunStarted)] == ["r1", "r2", "r3"]


async def test_numbers_go_on_after_a_restart(location: str, story: Story) -> None:
    async with await JournalWriter.open(location) as journal:
        await journal.append(story(1))
        last = journal.last_seq
    async with await JournalWriter.open(location) as journal:
        assert journal.last_seq == last == len(story(1)) + 1  # and their seal
        await journal.append([note("again")])
        assert (await journal.restore())[-1] == note("again")
        engine = open_reader(location)
        assert queries.last_seq(engine) == journal.last_seq == last + 2  # the note and its seal
        engine.dispose()


async def test_nothing_to_append_returns_at_once(tmp_path: Path) -> None:
    journal = await JournalWriter.open(tmp_path / "journal.db")
    await journal.append([])
    await journal.close()
    await journal.append([])


async def test_appends_during_a_commit_share_the_next_one_in_order(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with await JournalWriter.open(path) as journal:
        before = commits(path)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")  # holds the first commit up, so that the others gather
            appends = [asyncio.create_task(journal.append([note("a", i), note("b", i)])) for i in range(20)]
            await asyncio.sleep(0.05)
            assert not any(task.done() for task in appends)
            other.execute("ROLLBACK")
            await asyncio.gather(*appends)
        assert commits(path) - before == 2  # the first alone, the other nineteen together
        assert await journal.restore() == tuple(note(who, i) for i in range(20) for who in "ab")


def commits(path: Path) -> int:
    """Return how many transactions the write-ahead log holds: frames whose header gives a database size end one."""
    log = Path(f"{path}-wal").read_bytes()
    page_size = int.from_bytes(log[8:12], "big")
    frames = range(32, len(log), 24 + page_size)
    return sum(log[start + 4 : start + 8] != bytes(4) for start in frames)


async def test_a_caller_resumes_only_when_its_records_are_visible_to_others(location: str) -> None:
    async with await JournalWriter.open(location) as journal:
        engine = open_reader(location)

        async def append_and_look(number: int) -> None:
            await journal.append([SessionMarked(at=AT, day=f"2026-01-{number:02d}", phase="CLOSED")])
            assert f"2026-01-{number:02d}" in queries.session_days(engine)

        await asyncio.gather(*(append_and_look(number) for number in range(1, 15)))
        engine.dispose()


async def test_closing_waits_for_what_was_appended(location: str) -> None:
    journal = await JournalWriter.open(location)
    appends = [asyncio.create_task(journal.append([note("x", i)])) for i in range(50)]
    await asyncio.sleep(0)
    await journal.close()
    await asyncio.gather(*appends)
    async with await JournalWriter.open(location) as again:
        assert len(await again.restore()) == 50


def names_in(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


async def test_closing_leaves_one_tidy_file_and_no_thread(tmp_path: Path) -> None:
    journal = await JournalWriter.open(tmp_path / "journal.db")
    await journal.append([note("x")])
    await journal.close()
    await journal.close()
    assert names_in(tmp_path) == ["journal.db"]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("journal")]
    with pytest.raises(JournalFailed, match="is closed"):
        await journal.append([note("y")])


async def test_a_cancelled_caller_takes_nothing_back_and_disturbs_nobody(location: str) -> None:
    async with await JournalWriter.open(location) as journal:
        first, second, third = (asyncio.create_task(journal.append([note(who)])) for who in "abc")
        await asyncio.sleep(0)
        first.cancel()
        second.cancel()
        await third
        assert [record.who for record in await journal.restore()] == ["a", "b", "c"]  # type: ignore[attr-defined]


async def test_a_record_no_column_can_hold_harms_only_its_own_append(location: str) -> None:
    async with await JournalWriter.open(location) as journal:
        with pytest.raises(ValueError, match="must be aware"):
            await journal.append([note("a"), SessionMarked(at=AT.replace(tzinfo=None), day="d", phase="OPENED")])
        with pytest.raises(TypeError, match="has no table"):
            await journal.append([Record(at=AT)])
        await journal.append([note("b")])
        assert await journal.restore() == (note("b"),)


async def test_a_failure_keeps_nothing_of_its_group_and_stops_the_writer(location: str, story: Story) -> None:
    async with await JournalWriter.open(location) as journal:
        await journal.append(story(1))
        appends = [journal.append([note("before")]), journal.append(story(1)), journal.append([note("after")])]
        results = await asyncio.gather(*appends, return_exceptions=True)
        assert results[0] is None  # was under way alone
        assert all(isinstance(result, JournalFailed) and result.__cause__ for result in results[1:])
        for _ in range(2):
            with pytest.raises(JournalFailed, match="has stopped"):
                await journal.append([note("later")])
        with pytest.raises(JournalFailed, match="has stopped"):
            await journal.restore()
    async with await JournalWriter.open(location) as journal:
        restored = await journal.restore()
        assert restored[-1] == note("before")


async def test_one_database_has_one_writer_on_postgresql(postgres_url: str) -> None:
    async with await JournalWriter.open(postgres_url):
        with pytest.raises(JournalFailed, match="another daemon"):
            await JournalWriter.open(postgres_url)
    async with await JournalWriter.open(postgres_url):
        pass


async def test_a_lost_postgresql_server_stops_the_writer(postgres_url: str) -> None:
    import psycopg

    journal = await JournalWriter.open(postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    with pytest.raises(JournalFailed):
        await journal.append([note("x")])
    with pytest.raises(JournalFailed, match="has stopped"):
        await journal.append([note("y")])
    await journal.close()


async def test_every_commit_is_synced(tmp_path: Path) -> None:
    async with await JournalWriter.open(tmp_path / "journal.db") as journal:
        connection = journal._connection  # the settings of this one connection are the promise
        assert connection is not None
        names = ("journal_mode", "synchronous", "foreign_keys")
        assert [connection.fetch(f"PRAGMA {name}")[0][0] for name in names] == ["wal", 2, 1]
        assert connection.fetch("PRAGMA busy_timeout")[0][0] == 5000
        await journal.append([AlertRaised(at=AT, level="INFO", name="n", text="t", strategy=None)])
