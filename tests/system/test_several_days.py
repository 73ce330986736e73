"""More than one day, and a day without orders."""

from decimal import Decimal

import pytest

from tests.system.books import Books
from tests.system.programs import DRY_RUN, ONE_SYMBOL, Play, Plays


@pytest.fixture(scope="module")
def two_days(plays: Plays) -> Play:
    return plays("two-days", "--days", 2, "--start", "2025-11-26", *ONE_SYMBOL)  # the second one closes early


def test_two_sessions_are_traded_and_reported(two_days: Play) -> None:
    summary = two_days.summary()
    assert summary["days"] == 2
    assert summary["bars"] == {"1m": 390 + 210}
    books = Books(two_days.state)
    sessions = [(row["day"], row["phase"]) for row in books.rows("session")]
    assert sessions == [(day, phase) for day in ("2025-11-26", "2025-11-28") for phase in ("OPENED", "CLOSED")]
    assert {path.name for path in (two_days.state / "reports").iterdir()} == {
        f"{day}.{kind}" for day in ("2025-11-26", "2025-11-28") for kind in ("html", "json")
    }
    assert books.rows("gap") == []
    assert [fill["exec_id"] for fill in books.rows("fill")] == [row.exec_id for row in books.executions()]
    assert books.positions() == books.gateway_positions()


def test_positions_are_kept_overnight(two_days: Play) -> None:
    two_days.summary()
    books = Books(two_days.state)
    (close,) = books.rows("session", "day = '2025-11-26' AND phase = 'CLOSED'")
    (opened,) = books.rows("session", "day = '2025-11-28' AND phase = 'OPENED'")
    before = books.rows("position", f"seq < {close['seq']}")[-1]
    after = books.rows("position", f"seq > {opened['seq']}")[0]
    assert Decimal(before["quantity"]) != 0
    assert (after["quantity"], after["total_cost"]) == (before["quantity"], before["total_cost"])
    assert books.rows("fill", f"seq BETWEEN {close['seq']} AND {opened['seq']}") == []


def test_daily_counters_start_again_at_the_opening(two_days: Play) -> None:
    two_days.summary()
    books = Books(two_days.state)
    (close,) = books.rows("session", "day = '2025-11-26' AND phase = 'CLOSED'")
    first_day = books.rows("equity", f"strategy = '*' AND seq < {close['seq']}")
    second_day = books.rows("equity", f"strategy = '*' AND seq > {close['seq']}")
    assert {row["day_start_equity"] for row in first_day} == {"50000"}
    assert {row["day_start_equity"] for row in second_day} == {second_day[0]["equity"]}


def test_dry_run_decides_everything_and_orders_nothing(plays: Plays) -> None:
    play = plays("dry-run", *DRY_RUN)
    summary = play.summary()
    assert summary["bars"] == {"1m": 210}
    assert summary["decisions"] == 210
    assert summary["decisions_by_outcome"]["DRY_RUN"] > 0
    assert "ORDER" not in summary["decisions_by_outcome"]
    assert (summary["orders"], summary["fills"]) == (0, 0)
    books = Books(play.state)
    assert books.rows("intent") == []
    assert books.rows("order_event") == []
    assert books.gateway_orders() == []
    assert books.executions() == []
    assert books.rows("risk_check")  # the controls looked at what would have been sent
