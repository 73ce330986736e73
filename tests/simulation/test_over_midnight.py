"""An outage across the broker's midnight: what filled in it is proposed, confirmed by the operator, and books agree."""

from datetime import timedelta
from pathlib import Path

import pytest

from daemon.simulation.books import Books, is_confirmed
from daemon.simulation.faults import Fault, FaultKind
from daemon.simulation.oracle import judge
from daemon.simulation.setting import Setting
from daemon.simulation.world import History, simulate

MINUTES = 8
SEEDS = (117, 146)  # over the close, on a market that waits for nobody


def outage(seed: int, state: Path) -> tuple[History, Books]:
    """Kill the daemon after an order's bytes near the close, and start it again the next day."""
    assert Setting.drawn(seed, minutes=MINUTES).over_night
    killed = Fault(kind=FaultKind.KILL_AFTER_SEND, after=timedelta(seconds=190), aimed=True, count=1, seconds=120)
    return simulate(seed, minutes=MINUTES, state=state, plan=(killed,)), Books.of(state)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_filled_in_it_is_booked_at_the_price_of_the_statement(seed: int, tmp_path: Path) -> None:
    history, books = outage(seed, tmp_path)
    confirmed = [row for row in books.journal["fill"] if is_confirmed(row["exec_id"])]
    assert confirmed
    told = {row["exec_id"] for row in books.journal["fill"]}
    assert [row for row in books.executions if row.exec_id not in told]  # no list tells of them any more
    assert judge(history, books) == ()


def test_the_oracle_finds_a_confirmed_price_that_the_statement_does_not_have(tmp_path: Path) -> None:
    history, books = outage(SEEDS[0], tmp_path)
    wrong = [{**row, "price": "1.0000"} if is_confirmed(row["exec_id"]) else row for row in books.journal["fill"]]
    books = Books(
        **{name: getattr(books, name) for name in Books.__slots__}
        | {"journal": {**books.journal, "fill": tuple(wrong)}}
    )
    assert any("lost" in violation.evidence for violation in judge(history, books))


def test_the_oracle_finds_a_loss_that_nobody_is_asked_about(tmp_path: Path) -> None:
    history, books = outage(SEEDS[0], tmp_path)
    kept = tuple(row for row in books.journal["fill"] if not is_confirmed(row["exec_id"]))
    books = Books(
        **{name: getattr(books, name) for name in Books.__slots__}
        | {"journal": {**books.journal, "fill": kept, "adjustment": ()}}
    )
    assert any("lost" in violation.evidence for violation in judge(history, books))
