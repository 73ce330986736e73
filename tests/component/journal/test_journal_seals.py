"""The chain of seals: what it is computed from, and that it goes on, on either database."""

import hashlib
import json
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, delete, select, text

from daemon.domain.records import AdjustmentRecorded, Record, RowsSealed, SessionMarked
from daemon.journal import migrate, schema
from daemon.journal.columns import Exact
from daemon.journal.location import journal_url
from daemon.journal.reader import open_reader
from daemon.journal.rows import plain_digits
from daemon.journal.writer import JournalWriter
from tests.component.journal.conftest import OPEN

Story = Callable[[int], tuple[Record, ...]]

SEALED = (
    "adjustment",
    "run",
    "control_action",
    "risk_check",
    "intent",
    "arrival_quote",
    "order_ref",
    "order_event",
    "fill",
    "commission",
)


def seals(location: str | Path) -> list[Any]:
    engine = open_reader(location)
    with engine.connect() as connection:
        found = connection.execute(select(schema.SEAL).order_by(schema.SEAL.c.seq)).all()
    engine.dispose()
    return list(found)


def by_hand(path: Path) -> list[str]:
    """Return the digests that a SQLite journal must have, worked out from what the documentation says."""
    import sqlite3

    with closing(sqlite3.connect(path)) as connection:
        kept = []
        for table in SEALED:
            for row in connection.execute(f"SELECT * FROM {table}"):
                names = [column.name for column in schema.METADATA.tables[table].columns]
                kept.append(
                    (row[0], [table, *(plain(table, name, value) for name, value in zip(names, row, strict=True))])
                )
        kept.sort(key=lambda each: each[0])
        before, digests = "0" * 64, []
        for seq, at, first, last, rows, _ in connection.execute("SELECT * FROM seal ORDER BY seq"):
            lines = [["seal", seq, at, first, last, rows], *(row for number, row in kept if first <= number <= last)]
            said = before + "".join(
                json.dumps(line, separators=(",", ":"), ensure_ascii=False) + "\n" for line in lines
            )
            before = hashlib.sha256(said.encode()).hexdigest()
            digests.append(before)
    return digests


def plain(table: str, name: str, value: Any) -> Any:
    """Return a decimal without what its writer made of it: those of the stories have no exponent."""
    exact = isinstance(schema.METADATA.tables[table].c[name].type, Exact)
    return format(Decimal(value).normalize(), "f") if exact and value is not None else value


@pytest.mark.asyncio
async def test_seals_are_what_their_documentation_says(tmp_path: Path, story: Story) -> None:
    async with await JournalWriter.open(tmp_path / "journal.db") as journal:
        for number in range(1, 5):
            await journal.append(story(number))
    found = seals(tmp_path / "journal.db")
    assert [each.digest for each in found] == by_hand(tmp_path / "journal.db")
    assert [(each.first_seq, each.last_seq, each.seq) for each in found[:2]] == [(1, 23, 24), (25, 47, 48)]


@pytest.mark.asyncio
async def test_seals_are_the_same_on_either_database_and_however_often_it_is_opened(
    tmp_path: Path, postgres_url: str, story: Story
) -> None:
    async with await JournalWriter.open(tmp_path / "journal.db") as journal:
        for number in range(1, 5):
            await journal.append(story(number))
    for number in range(1, 5):
        async with await JournalWriter.open(postgres_url) as journal:
            await journal.append(story(number))
    assert seals(postgres_url) == seals(tmp_path / "journal.db")


@pytest.mark.asyncio
async def test_what_tells_of_no_order_gets_no_seal(location: str) -> None:
    async with await JournalWriter.open(location) as journal:
        await journal.append([SessionMarked(at=OPEN, day="2026-01-05", phase="OPENED")])
        assert journal.last_seq == 1
    assert seals(location) == []


@pytest.mark.asyncio
async def test_an_append_that_is_refused_leaves_the_chain_as_it_was(location: str, story: Story) -> None:
    async with await JournalWriter.open(location) as journal:
        await journal.append(story(1))
        before, last = journal._chain.head, journal.last_seq
        with pytest.raises(ValueError, match="aware"):
            await journal.append([*story(2), SessionMarked(at=OPEN.replace(tzinfo=None), day="x", phase="OPENED")])
        assert (journal._chain.head, journal.last_seq) == (before, last)
        await journal.append(story(2))
    assert [each.seq for each in seals(location)] == [24, 48]


@pytest.mark.asyncio
async def test_a_journal_from_before_there_were_seals_gets_one_over_all_it_has(location: str, story: Story) -> None:
    async with await JournalWriter.open(location) as journal:
        await journal.append([record for record in story(1) if not isinstance(record, AdjustmentRecorded | RowsSealed)])
        await journal.append([SessionMarked(at=OPEN, day="2026-01-05", phase="CLOSED")])
    as_the_first_version_left_it(location)
    async with await JournalWriter.open(location) as journal:
        assert journal.last_seq == 25
        await journal.append(story(2))
    first, second = seals(location)
    assert (first.first_seq, first.last_seq, first.rows, first.seq) == (1, 24, 10, 25)
    assert (second.first_seq, second.last_seq) == (26, 48)


def as_the_first_version_left_it(location: str) -> None:
    """Take back the migrations after the first; the number of the seal becomes that of a session."""
    engine = create_engine(journal_url(location))
    with engine.begin() as connection:
        taken = connection.execute(delete(schema.SEAL).returning(schema.SEAL.c.seq)).scalar_one()
        marked = {"seq": taken, "at": OPEN, "day": "2026-01-05", "phase": "OPENED"}
        connection.execute(schema.SESSION.insert().values(marked))
        connection.execute(text("DROP TABLE seal"))
        connection.execute(text("DROP TABLE adjustment"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    engine.dispose()
    assert migrate.current(location) == "0001"


@pytest.mark.parametrize(
    ("value", "digits"),
    [("1.50", "1.5"), ("-0.00", "0"), ("1E+2", "100"), ("100", "100"), ("0E-9", "0"), ("1E-7", "0.0000001")],
)
def test_digits_are_plain_whether_they_come_as_text_or_as_a_number(value: str, digits: str) -> None:
    assert plain_digits(value) == plain_digits(Decimal(value)) == digits
