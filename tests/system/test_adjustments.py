"""A position at the broker that no evidence explains: told, held, listed, and settled by a person's word."""

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from tests.system.books import Books
from tests.system.programs import eventually, paperd, running

PULSE = ("--strategy", "pulse", "--seed", 7)
STRANGE = 13  # units that appear in the account while the daemon is away


def test_what_nobody_can_explain_waits_for_a_person_and_opens_nothing_meanwhile(tmp_path: Path) -> None:
    state = tmp_path / "state"
    first = ("run", *PULSE, "--speed", 600, "--state", state)
    with running(*first, folder=tmp_path / "first") as program:
        books = Books(state)
        traded = eventually(lambda: books.rows("fill"), "a first fill")[0]["instrument"]
        program.end()
    _slip_in(state / "gateway.db", traded)
    with running("run", *PULSE, "--speed", 40, "--state", state, folder=tmp_path / "second") as program:
        program.wait_for("startup.completed")
        listed = paperd("adjustments", "--json", "--state", state, cwd=tmp_path).json()["adjustments"]
        (waiting,) = listed
        assert (waiting["instrument"], waiting["quantity"], waiting["order"]) == (traded, str(STRANGE), None)
        assert traded in paperd("status", "--json", "--state", state, cwd=tmp_path).json()["disputes"]
        assert "CRITICAL" in {row["level"] for row in books.rows("alert", "name = 'reconciliation.differed'")}

        confirmed = paperd("adjustments", "confirm", waiting["id"], "--price", "1", "--state", state, cwd=tmp_path)
        assert confirmed.code == 78  # of which order? nobody can say
        assert "several orders or of none" in confirmed.err

        rejected = paperd("adjustments", "reject", waiting["id"], "--state", state, cwd=tmp_path)
        assert rejected.code == 0, rejected.err
        assert paperd("adjustments", "--json", "--state", state, cwd=tmp_path).json() == {"adjustments": []}
        assert paperd("status", "--json", "--state", state, cwd=tmp_path).json()["disputes"] == {}
        (action,) = books.rows("control_action", "state = 'ADJUSTED'")
        assert waiting["id"] in action["why"]
        assert [row["state"] for row in books.rows("adjustment")] == ["PROPOSED", "REJECTED"]
        program.end()
    with running("run", *PULSE, "--speed", 40, "--state", state, folder=tmp_path / "third") as program:
        (up,) = program.wait_for("reconciliation.completed")
        assert up["differences"] == 0
        program.end()


def _slip_in(ledger: Path, instrument: str) -> None:
    """Put units into the account of which the gateway tells no execution."""
    with closing(sqlite3.connect(ledger)) as connection, connection:
        row = connection.execute("SELECT quantity FROM position WHERE symbol = ?", (instrument,)).fetchone()
        quantity = Decimal(row[0]) + STRANGE
        connection.execute("UPDATE position SET quantity = ? WHERE symbol = ?", (str(quantity), instrument))
