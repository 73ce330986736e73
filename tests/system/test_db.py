"""`paperd db`: the journal of a real run is verified, copied, upgraded and put back in place."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from daemon.journal import migrate, schema
from tests.system.programs import ONE_SYMBOL, Play, Plays, paperd, running


@pytest.fixture(scope="module")
def day(plays: Plays) -> Play:
    """Return a day that has been traded."""
    play = plays("db", "--days", 1, "--start", "2025-11-28", *ONE_SYMBOL)
    play.summary()
    return play


@pytest.fixture
def state(day: Play, tmp_path: Path) -> Path:
    """Return a copy of that day's state directory, which a test may spoil."""
    for name in ("journal.db", "gateway.db"):
        if (day.state / name).exists():
            (tmp_path / "state").mkdir(exist_ok=True)
            shutil.copy(day.state / name, tmp_path / "state" / name)
    return tmp_path / "state"


def change(state: Path, *statements: str) -> None:
    with closing(sqlite3.connect(state / "journal.db")) as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount != 0
        connection.commit()


def test_the_journal_of_a_day_is_whole(day: Play, tmp_path: Path) -> None:
    found = paperd("db", "verify", "--state", day.state, "--json", cwd=tmp_path)
    assert found.code == 0, found.err
    said = found.json()
    assert said["ok"]
    assert said["seals"] > 5
    assert said["rows"] == said["last_seq"] > 1000
    for_people = paperd("db", "verify", "--state", day.state, cwd=tmp_path)
    assert "whole" in for_people.out
    assert said["head"] in for_people.out


def test_an_execution_made_better_is_named(state: Path, tmp_path: Path) -> None:
    change(state, "UPDATE fill SET price = '1.00' WHERE seq = (SELECT min(seq) FROM fill)")
    found = paperd("db", "verify", "--state", state, "--json", cwd=tmp_path)
    assert found.code == 74
    fault = found.json()["faults"][0]
    assert fault["check"] == "chain"
    assert "fill" in fault["text"]
    refused = paperd("db", "backup", "--state", state, cwd=tmp_path)
    assert refused.code == 74
    assert "is not whole" in refused.err
    assert list((state / "backups").iterdir()) == []


def test_a_copy_put_in_place_is_carried_on_from(state: Path, tmp_path: Path) -> None:
    copied = paperd("db", "backup", tmp_path / "copy.db", "--state", state, "--json", cwd=tmp_path)
    assert copied.code == 0, copied.err
    again = paperd("db", "backup", tmp_path / "copy.db", "--state", state, cwd=tmp_path)
    assert (again.code, "--force" in again.err) == (77, True)
    good = (state / "journal.db").read_bytes()
    (state / "journal.db").write_bytes(good[:4096] + b"\xa5" * 8192 + good[12288:])
    refused = paperd("run", "--state", state, "--days", 1, *ONE_SYMBOL, cwd=tmp_path)
    assert refused.code == 74
    assert "is damaged" in refused.err
    (state / "journal.db").rename(state / "journal.damaged")
    (tmp_path / "copy.db").rename(state / "journal.db")
    carried_on = paperd("run", "--state", state, "--days", 1, *ONE_SYMBOL, "--json", cwd=tmp_path)
    assert carried_on.code == 0, carried_on.err[-2000:]
    assert carried_on.json()["days"] == 1
    whole = paperd("db", "verify", "--state", state, "--json", cwd=tmp_path)
    assert whole.json()["ok"]
    assert whole.json()["rows"] > copied.json()["rows"]


def test_the_copy_in_the_state_directory_can_be_verified_by_itself(state: Path, tmp_path: Path) -> None:
    copied = paperd("db", "backup", "--state", state, "--json", cwd=tmp_path).json()
    found = paperd("db", "verify", "--file", copied["file"], "--json", cwd=tmp_path)
    assert found.json()["head"] == copied["head"]


def test_an_older_journal_is_upgraded_after_a_backup(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    migrate.upgrade(state / "journal.db", to="0001")
    older = paperd("db", "verify", "--state", state, cwd=tmp_path)
    assert (older.code, "paperd db upgrade" in older.err) == (78, True)
    done = paperd("db", "upgrade", "--state", state, "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    said = done.json()
    assert (said["before"], said["now"]) == ("0001", schema.REVISION)
    assert migrate.current(said["backup"]) == "0001"
    again = paperd("db", "upgrade", "--state", state, "--json", cwd=tmp_path).json()
    assert again == {"before": schema.REVISION, "now": schema.REVISION, "backup": None}


def test_a_newer_journal_is_refused_and_left_alone(state: Path, tmp_path: Path) -> None:
    change(state, "UPDATE alembic_version SET version_num = '9999'")
    for command in ("verify", "backup", "upgrade"):
        refused = paperd("db", command, "--state", state, cwd=tmp_path)
        assert (refused.code, "newer paperd" in refused.err) == (78, True), command
    assert migrate.current(state / "journal.db") == "9999"


def test_a_running_daemon_keeps_its_journal_and_can_be_looked_at(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with running("run", "--state", state, *ONE_SYMBOL, folder=tmp_path) as program:
        program.wait_for("order.sent")
        refused = paperd("db", "upgrade", "--state", state, cwd=tmp_path)
        assert (refused.code, "paperd stop" in refused.err) == (75, True)
        assert paperd("db", "verify", "--state", state, "--json", cwd=tmp_path).json()["ok"]
        assert paperd("db", "backup", "--state", state, cwd=tmp_path).code == 0
        assert program.end() == 0


def test_where_there_is_no_journal_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    for command in ("verify", "backup", "upgrade"):
        found = paperd("db", command, "--state", tmp_path / "state", cwd=tmp_path)
        assert (found.code, "there is no journal" in found.err) == (74, True), command
