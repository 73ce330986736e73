"""The oracle on the books of a quiet world, with one thing in them altered at a time."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from daemon.simulation.books import Books, Row
from daemon.simulation.conduct import judge_conduct
from daemon.simulation.oracle import INBOX_LIMIT, Invariant, Violation, judge
from daemon.simulation.wire import Correction
from daemon.simulation.world import History, Trouble, simulate

Alter = Callable[[History, Books], tuple[History, Books]]


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> tuple[History, Books]:
    state: Path = tmp_path_factory.mktemp("state")
    history = simulate(2, minutes=4, state=state, plan=())
    return history, Books.of(state)


def judged(history: History, books: Books) -> tuple[Violation, ...]:
    return (*judge(history, books), *judge_conduct(history, books))


def in_journal(table: str, change: Callable[[list[dict[str, Any]]], object]) -> Alter:
    """Return what changes the rows of one table in place."""

    def alter(history: History, books: Books) -> tuple[History, Books]:
        rows = [dict(row) for row in books.journal[table]]
        change(rows)
        changed: Mapping[str, tuple[Row, ...]] = {**books.journal, table: tuple(rows)}
        return history, replace(books, journal=changed)

    return alter


def in_history(**changes: Callable[[History], object]) -> Alter:
    def alter(history: History, books: Books) -> tuple[History, Books]:
        return replace(history, **{name: change(history) for name, change in changes.items()}), books  # type: ignore[arg-type]

    return alter


def in_books(**changes: Callable[[Books], object]) -> Alter:
    def alter(history: History, books: Books) -> tuple[History, Books]:
        return history, replace(books, **{name: change(books) for name, change in changes.items()})  # type: ignore[arg-type]

    return alter


def in_sent(**changes: object) -> Alter:
    """Return what changes the first order that was seen on the wire."""
    return in_history(sent=lambda history: [replace(history.sent[0], **changes), *history.sent[1:]])  # type: ignore[arg-type]


def corrected_elsewhere(history: History) -> Mapping[str, Correction]:
    ref = history.sent[0].order_ref
    assert ref
    return {"nowhere": Correction("nowhere.02", Decimal(1))}


def paused_from_the_start(rows: list[dict[str, Any]]) -> None:
    rows.insert(0, {"seq": 0, "at": "09:30", "state": "PAUSED", "strategy": None, "who": "operator", "why": "asked"})


def set_on_last(**values: object) -> Callable[[list[dict[str, Any]]], object]:
    return lambda rows: rows[-1].update(values)


def test_quiet_world_is_in_order(quiet: tuple[History, Books]) -> None:
    history, books = quiet
    assert len(books.orders) > 4
    assert len(books.executions) >= len(books.orders) / 2
    assert judged(history, books) == ()


def test_correction_of_what_never_was_is_nothing(quiet: tuple[History, Books]) -> None:
    assert judged(*in_history(corrections=corrected_elsewhere)(*quiet)) == ()


@pytest.mark.parametrize(
    ("alter", "broken"),
    [
        pytest.param(in_sent(has_intent=False), "A", id="no intent"),
        pytest.param(in_sent(has_order_id=False), "A", id="no id"),
        pytest.param(in_sent(is_sending=False), "A", id="no state"),
        pytest.param(in_books(orders=lambda b: [replace(b.orders[0], order_ref="x")]), "A", id="unknown"),
        pytest.param(in_books(orders=lambda b: [*b.orders, b.orders[0]]), "B", id="order twice"),
        pytest.param(in_history(sent=lambda h: [*h.sent, h.sent[0]]), "B", id="sent twice"),
        pytest.param(in_journal("intent", lambda r: r.append(r[0] | {"order_ref": "x"})), "B", id="decision twice"),
        pytest.param(in_journal("order_ref", lambda r: r.append(r[0] | {"order_ref": "x"})), "B", id="id of two"),
        pytest.param(in_journal("fill", lambda r: r.pop(0)), "C", id="lost"),
        pytest.param(in_journal("fill", lambda r: r.append(r[0])), "C", id="journaled twice"),
        pytest.param(in_journal("fill", set_on_last(exec_id="0.0.0.01")), "C", id="invented"),
        pytest.param(in_journal("fill", set_on_last(price="1")), "C", id="price"),
        pytest.param(in_journal("fill", set_on_last(strategy="x")), "C", id="strategy"),
        pytest.param(in_journal("fill", set_on_last(order_ref="x")), "C", id="order"),
        pytest.param(in_journal("commission", lambda r: r.pop(0)), "C", id="no commission"),
        pytest.param(in_journal("commission", lambda r: r.append(r[0])), "C", id="commission twice"),
        pytest.param(in_journal("commission", set_on_last(amount="0.01")), "C", id="commission"),
        pytest.param(in_books(positions=lambda b: {**b.positions, "IWM": Decimal(1)}), "D", id="position"),
        pytest.param(in_history(held=lambda h: {**h.held, "x": {"SPY": "1"}}), "D", id="ledger"),
        pytest.param(in_journal("equity", lambda r: r[-2].update(cash="0")), "D", id="cash"),
        pytest.param(in_journal("order_event", set_on_last(state="UNKNOWN")), "D", id="state"),
        pytest.param(in_journal("order_event", set_on_last(filled="1")), "D", id="filled"),
        pytest.param(
            in_sent(was_ready=False, reduces=False), "E", id="early"
        ),
        pytest.param(in_history(longest_inbox=lambda _: INBOX_LIMIT + 1), "F", id="inbox"),
        pytest.param(in_history(grown=lambda _: ["99 tasks"]), "F", id="tasks"),
        pytest.param(in_history(leaks=lambda _: ["log line x"]), "G", id="secret in a log"),
        pytest.param(in_books(leaks=lambda _: ["run"]), "G", id="secret in the journal"),
        pytest.param(in_journal("control_action", paused_from_the_start), "G", id="paused"),
        pytest.param(in_history(unalarmed=lambda _: ["out of step"]), "H", id="no alert"),
        pytest.param(in_books(broken_seals=lambda _: [7]), "J", id="seal"),
        pytest.param(in_books(numbers=lambda b: b.numbers[:5] + b.numbers[6:]), "J", id="gap"),
        pytest.param(in_history(troubles=lambda _: [Trouble(what="RECOVERY", text="")]), "R", id="no recovery"),
        pytest.param(in_history(troubles=lambda _: [Trouble(what="STUCK", text="")]), "R", id="stuck"),
        pytest.param(in_history(troubles=lambda _: [Trouble(what="CRASH", text="")]), "S", id="crash"),
    ],
)  # fmt: skip
def test_oracle_sees_that(alter: Alter, broken: str, quiet: tuple[History, Books]) -> None:
    violations = judged(*alter(*quiet))
    assert Invariant(broken) in {violation.invariant for violation in violations}
    assert all(violation.evidence for violation in violations if violation.invariant not in {"R", "S"})


def test_exit_that_leaves_before_the_daemon_is_in_step_is_right(quiet: tuple[History, Books]) -> None:
    alter = in_sent(was_ready=False, reduces=True)
    assert judged(*alter(*quiet)) == ()
