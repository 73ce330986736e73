"""Whatever is changed in, lost from or added to a journal behind its back shows, and the first fault is named."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, delete, insert, select, update

from daemon.domain.errors import JournalFailed
from daemon.domain.records import Record, SessionMarked
from daemon.journal import schema
from daemon.journal.location import journal_url
from daemon.journal.seals import SEALED
from daemon.journal.verify import verify
from daemon.journal.writer import JournalWriter
from tests.component.journal.conftest import OPEN, ROWS, order_story

pytestmark = pytest.mark.asyncio

Story = Callable[[int], tuple[Record, ...]]
SEALED_ROWS = sum(isinstance(record, SEALED) for record in order_story(1))
TABLES = [record_type.TABLE for record_type in SEALED]


async def written(location: str | Path, story: Story, orders: int = 4) -> None:
    async with await JournalWriter.open(location) as journal:
        for number in range(1, orders + 1):
            await journal.append(story(number))


def meddle(location: str | Path, *statements: Any) -> None:
    """Change the journal behind its back, as an error or a person could."""
    engine = create_engine(journal_url(location))
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(statement)
    engine.dispose()


async def test_a_journal_that_nobody_touched_is_whole(location: str, story: Story) -> None:
    await written(location, story)
    found = verify(location)
    assert found.faults == ()
    assert (found.rows, found.last_seq, found.seals, found.sealed_rows) == (4 * ROWS, 4 * ROWS, 4, 4 * SEALED_ROWS)


async def test_a_journal_is_verified_while_it_is_written(location: str, story: Story) -> None:
    async with await JournalWriter.open(location) as journal:
        await journal.append(story(1))
        looking = asyncio.create_task(asyncio.to_thread(verify, location))
        for number in range(2, 30):
            await journal.append(story(number))
        assert (await looking).faults == ()
    assert verify(location).rows == 29 * ROWS


@pytest.mark.parametrize("name", TABLES)
async def test_each_column_of_each_sealed_table_is_covered(tmp_path: Path, story: Story, name: str) -> None:
    path = tmp_path / "journal.db"
    await written(path, story)
    table = schema.METADATA.tables[name]
    for column in table.columns:
        if column.name == "seq":
            continue
        with closing(sqlite3.connect(path)) as connection:
            where = f"FROM {name} ORDER BY seq LIMIT 1 OFFSET 1"
            seq, before = connection.execute(f"SELECT seq, {column.name} {where}").fetchone()
            changed = f"{before}x" if isinstance(before, str) else (before or 0) + 1
            connection.execute(f"UPDATE {name} SET {column.name} = ? WHERE seq = ?", (changed, seq))
            connection.commit()
            (fault, *_) = verify(path).faults
            assert fault.check == "chain", column.name
            assert f"{name} {seq}" in fault.text or f"row {seq} of {name}" in fault.text
            connection.execute(f"UPDATE {name} SET {column.name} = ? WHERE seq = ?", (before, seq))
            connection.commit()
    assert verify(path).faults == ()


@pytest.mark.parametrize("name", ["fill", "order_event", "intent"])
async def test_a_row_that_is_gone_is_named(location: str, story: Story, name: str) -> None:
    await written(location, story)
    table = schema.METADATA.tables[name]
    seq = _some(location, table)
    meddle(location, delete(table).where(table.c.seq == seq))
    faults = verify(location).faults
    assert (faults[0].check, faults[0].seq) == ("numbering", seq)
    assert any(fault.check == "chain" for fault in faults)


async def test_a_row_that_is_gone_from_a_table_without_seals_is_missed_too(location: str, story: Story) -> None:
    await written(location, story)
    seq = _some(location, schema.BAR)
    meddle(location, delete(schema.BAR).where(schema.BAR.c.seq == seq))
    (fault,) = verify(location).faults
    assert (fault.check, fault.seq) == ("numbering", seq)


async def test_rows_that_changed_places_are_found(location: str, story: Story) -> None:
    await written(location, story)
    event = schema.ORDER_EVENT
    a, b = _some(location, event, 2), _some(location, event, 3)
    moves = [update(event).where(event.c.seq == was).values(seq=now) for was, now in ((a, -1), (b, a), (-1, b))]
    meddle(location, *moves)
    (fault, *_) = verify(location).faults
    assert fault.check == "chain"
    assert f"order_event {a}" in fault.text


async def test_a_row_that_was_added_is_found(location: str, story: Story) -> None:
    await written(location, story)
    fill = schema.FILL
    engine = create_engine(journal_url(location))
    with engine.begin() as connection:
        row = dict(connection.execute(select(fill).order_by(fill.c.seq).limit(1)).mappings().one())
        connection.execute(insert(fill).values({**row, "seq": 4 * ROWS + 1, "exec_id": "made up"}))
    engine.dispose()
    (fault,) = verify(location).faults
    assert (fault.check, fault.table, fault.seq) == ("chain", "fill", 4 * ROWS + 1)


async def test_a_number_given_twice_is_found(location: str, story: Story) -> None:
    await written(location, story)
    session = schema.SESSION
    meddle(location, update(session).where(session.c.seq == _some(location, session)).values(seq=5))
    assert any("has a number that another row has too" in fault.text for fault in verify(location).faults)


async def test_a_seal_made_to_fit_breaks_the_next_one(location: str, story: Story) -> None:
    await written(location, story)
    seal = schema.SEAL
    meddle(location, update(seal).where(seal.c.seq == ROWS).values(digest="0" * 64))
    assert [fault.text.split(" does not")[0] for fault in verify(location).faults] == [
        f"seal {ROWS}",
        f"seal {2 * ROWS}",
    ]


async def test_an_order_cut_out_with_its_seal_and_numbers_closed_is_found(location: str, story: Story) -> None:
    await written(location, story)
    meddle(
        location,
        *(delete(table).where(table.c.seq.between(ROWS + 1, 2 * ROWS)) for table in schema.METADATA.sorted_tables),
    )
    for table in schema.METADATA.sorted_tables:
        meddle(location, *_renumbered(location, table))
    faults = verify(location).faults
    assert faults
    assert {fault.check for fault in faults} == {"chain"}


async def test_an_execution_without_its_order_is_found_where_nothing_is_sealed(location: str, story: Story) -> None:
    await written(location, story)
    meddle(location, delete(schema.SEAL))
    assert {fault.check for fault in verify(location).faults} == {"numbering"}
    fill = schema.FILL
    meddle(location, update(fill).where(fill.c.seq == _some(location, fill)).values(order_ref="nobody's"))
    assert verify(location).faults[-1].text.endswith("tells of nobody's, which intent does not know")


async def test_a_digest_that_was_kept_tells_that_the_end_was_cut_off(location: str, story: Story) -> None:
    await written(location, story)
    kept = verify(location).head
    meddle(location, *(delete(table).where(table.c.seq > 2 * ROWS) for table in schema.METADATA.sorted_tables))
    found = verify(location)
    assert found.faults == ()
    assert found.head != kept


async def test_a_broken_index_is_found(tmp_path: Path, story: Story) -> None:
    path = tmp_path / "journal.db"
    await written(path, story)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, 'perm_id)', 'order_id)') WHERE type = 'index'")
        connection.commit()
    found = verify(path)
    assert found.faults[0].check == "file"


async def test_a_damaged_file_cannot_pass(tmp_path: Path, story: Story) -> None:
    path = tmp_path / "journal.db"
    await written(path, story, 40)
    good = path.read_bytes()
    for page in range(1, len(good) // 4096):
        path.write_bytes(good[: 4096 * page] + b"\xa5" * 4096 + good[4096 * (page + 1) :])
        try:
            found = verify(path)
        except JournalFailed:
            continue
        assert found.faults, f"page {page}"


async def test_progress_is_told_to_the_end(tmp_path: Path, story: Story) -> None:
    path = tmp_path / "journal.db"
    async with await JournalWriter.open(path) as journal:
        await journal.append([SessionMarked(at=OPEN, day=str(day), phase="OPENED") for day in range(12_000)])
    told: list[tuple[int, int]] = []
    verify(path, lambda done, all_: told.append((done, all_)))
    assert told == [(5_000, 12_000), (10_000, 12_000), (12_000, 12_000)]


def _some(location: str | Path, table: Any, which: int = 1) -> int:
    """Return the number of one of a table's rows."""
    engine = create_engine(journal_url(location))
    with engine.connect() as connection:
        seqs = connection.scalars(select(table.c.seq).order_by(table.c.seq)).all()
    engine.dispose()
    return int(seqs[which])


def _renumbered(location: str | Path, table: Any) -> list[Any]:
    engine = create_engine(journal_url(location))
    with engine.connect() as connection:
        seqs = connection.scalars(select(table.c.seq).where(table.c.seq > 2 * ROWS).order_by(table.c.seq)).all()
    engine.dispose()
    moves = [update(table).where(table.c.seq == seq).values(seq=seq - ROWS) for seq in seqs]
    if table is schema.SEAL:
        moves.append(
            update(table)
            .where(table.c.seq > ROWS)
            .values(first_seq=table.c.first_seq - ROWS, last_seq=table.c.last_seq - ROWS)
        )
    return moves
