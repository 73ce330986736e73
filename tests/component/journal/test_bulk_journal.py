"""The writer of a backtest leaves the rows of the live one, and a name only when it has written them all."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.domain.errors import JournalFailed
from daemon.domain.records import RECORD_TYPES, RowsSealed
from daemon.journal.bulk import BulkJournal
from daemon.journal.reader import open_reader
from daemon.journal.rows import FIELD_NAMES, RowEncoder
from daemon.journal.streams import each
from daemon.journal.verify import verify
from daemon.journal.writer import JournalWriter
from tests.component.journal.conftest import Story

_DAYS = 700  # enough for several statements of one table


def rows(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return the rows of every table that records are kept in."""
    with sqlite3.connect(path) as journal:
        return {
            kind.TABLE: journal.execute(
                f"SELECT seq, {', '.join(f'{chr(34)}{name}{chr(34)}' for name in FIELD_NAMES[kind])} "
                f"FROM {kind.TABLE} ORDER BY seq"
            ).fetchall()
            for kind in RECORD_TYPES
            if kind is not RowsSealed
        }


async def test_the_rows_are_those_of_the_live_writer(story: Story, tmp_path: Path) -> None:
    records = [record for number in range(_DAYS) for record in story(number)]
    async with await JournalWriter.open(tmp_path / "live.db") as writer:
        await writer.append(records)
    encoders = {kind: RowEncoder(kind, as_text=True) for kind in RECORD_TYPES}
    with BulkJournal(tmp_path / "bulk.db") as bulk:
        for place, record in enumerate(records):
            if place % 2:
                bulk.append([record])
            else:
                bulk.append([(type(record), encoders[type(record)].row(0, record)[1:])])
    assert rows(tmp_path / "bulk.db") == rows(tmp_path / "live.db")
    reader = open_reader(tmp_path / "bulk.db")
    assert list(each(reader, type(records[0]))) == [one for one in records if type(one) is type(records[0])]
    reader.dispose()


def test_there_is_no_journal_before_it_is_whole(story: Story, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    (tmp_path / "journal.db.part").write_text("of a run that was killed")
    journal = BulkJournal(path)
    journal.append(story(1))
    assert not path.exists()
    journal.close()
    assert sum(map(len, rows(path).values())) == len(story(1))
    assert not verify(path).faults  # never sealed, and whole
    assert [each.name for each in tmp_path.iterdir()] == ["journal.db"]


def test_what_was_appended_before_an_error_is_kept(story: Story, tmp_path: Path) -> None:
    def run() -> None:
        with BulkJournal(tmp_path / "journal.db") as journal:
            journal.append(story(1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run()
    assert sum(map(len, rows(tmp_path / "journal.db").values())) == len(story(1))


def test_a_refused_row_leaves_no_journal(story: Story, tmp_path: Path) -> None:
    journal = BulkJournal(tmp_path / "journal.db")
    journal.append(story(1))
    journal.append([replace(record) for record in story(1)])  # the same ids again
    with pytest.raises(JournalFailed, match="UNIQUE"):
        journal.close()
    assert not (tmp_path / "journal.db").exists()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalFailed, match="there is no folder"):
        BulkJournal(tmp_path / "missing" / "journal.db")
