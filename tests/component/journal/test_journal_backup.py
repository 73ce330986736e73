"""A copy is of one moment, whole or not there, and as good as the journal it was made of."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, delete

from daemon.domain.errors import ForbiddenError, JournalBusy, JournalFailed
from daemon.domain.records import Record
from daemon.journal import migrate, schema
from daemon.journal.backup import back_up, keep_before_upgrade
from daemon.journal.content import content_hash
from daemon.journal.location import journal_url
from daemon.journal.reader import open_reader
from daemon.journal.verify import verify
from daemon.journal.writer import JournalWriter, hold_writer
from tests.component.journal.conftest import OPEN, ROWS

pytestmark = pytest.mark.asyncio

Story = Callable[[int], tuple[Record, ...]]


async def written(location: str | Path, story: Story, orders: int = 4) -> None:
    async with await JournalWriter.open(location) as journal:
        for number in range(1, orders + 1):
            await journal.append(story(number))


def content(location: str | Path) -> str:
    engine = open_reader(location)
    try:
        return content_hash(engine)
    finally:
        engine.dispose()


def hidden(folder: Path) -> list[Path]:
    """Return what an unfinished copy would leave behind."""
    return list(folder.glob(".*"))


async def test_a_copy_holds_what_the_journal_held_and_can_be_carried_on(
    location: str, tmp_path: Path, story: Story
) -> None:
    await written(location, story)
    copy = tmp_path / "copy.db"
    told: list[tuple[int, int]] = []
    found = back_up(location, copy, progress=lambda done, all_: told.append((done, all_)))
    assert told[-1][0] == told[-1][1] > 0
    assert found.head == verify(location).head == verify(copy).head
    assert content(copy) == content(location)
    async with await JournalWriter.open(location) as journal:
        before = await journal.restore()
    async with await JournalWriter.open(copy) as journal:
        assert await journal.restore() == before
        await journal.append(story(9))
    assert verify(copy).faults == ()
    assert hidden(tmp_path) == []


async def test_a_copy_made_while_the_journal_is_written_is_of_one_moment(
    location: str, tmp_path: Path, story: Story
) -> None:
    async with await JournalWriter.open(location) as journal:
        await journal.append(story(1))
        copying = asyncio.create_task(asyncio.to_thread(back_up, location, tmp_path / "copy.db"))
        number = 2
        while not copying.done():
            await journal.append(story(number))
            number += 1
        found = await copying
    assert found.rows % ROWS == 0
    assert ROWS <= found.rows <= number * ROWS


async def test_a_file_that_is_there_is_replaced_only_on_request(tmp_path: Path, story: Story) -> None:
    path, copy = tmp_path / "journal.db", tmp_path / "copy.db"
    await written(path, story)
    copy.write_text("mine")
    with pytest.raises(ForbiddenError, match=r"copy.db is there already.*--force"):
        back_up(path, copy)
    assert copy.read_text() == "mine"
    back_up(path, copy, replace=True)
    assert verify(copy).rows == 4 * ROWS


async def test_the_journal_is_never_its_own_copy(tmp_path: Path, story: Story) -> None:
    path = tmp_path / "journal.db"
    await written(path, story)
    (tmp_path / "backups").mkdir()
    (tmp_path / "link.db").symlink_to(path)
    same = (path, tmp_path / "backups" / ".." / "journal.db", tmp_path / "link.db", tmp_path / "journal.db-wal")
    for target in same:
        with pytest.raises(ForbiddenError, match="is the journal itself"):
            back_up(path, target, replace=True)
    assert verify(path).faults == ()


async def test_of_a_journal_that_is_not_whole_no_copy_is_kept(location: str, tmp_path: Path, story: Story) -> None:
    await written(location, story)
    engine = create_engine(journal_url(location))
    with engine.begin() as connection:
        connection.execute(delete(schema.FILL).where(schema.FILL.c.order_ref == "pd-test-0002"))
    engine.dispose()
    (tmp_path / "copy.db").write_text("the good one")
    with pytest.raises(JournalFailed, match=r"is not whole.*missing"):
        back_up(location, tmp_path / "copy.db", replace=True)
    assert (tmp_path / "copy.db").read_text() == "the good one"
    assert hidden(tmp_path) == []


async def test_there_is_nothing_to_copy_before_the_first_start(tmp_path: Path) -> None:
    with pytest.raises(JournalFailed, match="there is no journal"):
        back_up(tmp_path / "journal.db", tmp_path / "copy.db")


async def test_an_older_journal_is_kept_as_it_was_before_it_is_upgraded(location: str, tmp_path: Path) -> None:
    migrate.upgrade(location, to="0001")
    engine = create_engine(journal_url(location))
    with engine.begin() as connection:
        connection.execute(schema.SESSION.insert().values(seq=1, at=OPEN, day="2026-01-05", phase="OPENED"))
    engine.dispose()
    kept = keep_before_upgrade(location, tmp_path / "kept.db")
    assert migrate.current(kept) == migrate.current(location) == "0001"
    migrate.upgrade(kept)
    assert verify(kept).rows == 1


async def test_a_writer_keeps_others_from_taking_its_place(postgres_url: str) -> None:
    async with await JournalWriter.open(postgres_url):
        with pytest.raises(JournalBusy, match="another daemon"), hold_writer(postgres_url):
            pass
    with hold_writer(postgres_url), pytest.raises(JournalBusy, match="another daemon"):
        await JournalWriter.open(postgres_url, busy_timeout_s=0.2)


async def test_a_copy_into_no_folder_is_refused(tmp_path: Path, story: Story) -> None:
    path = tmp_path / "journal.db"
    await written(path, story)
    with pytest.raises(JournalFailed, match="unable to open"):
        back_up(path, tmp_path / "nowhere" / "copy.db")
