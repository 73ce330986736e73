"""The oracle finds every planted bug within a few seeds, and names the invariant that the bug breaks.

Were it blind to one of them, a thousand quiet seeds would prove nothing.
"""

import pytest

from daemon.simulation.oracle import Invariant
from daemon.simulation.seeds import first_violation, verdict
from tests.simulation import planted_bugs as bugs

SEEDS = range(40)

A, B, C = Invariant.DURABLE_INTENT, Invariant.ONE_ORDER, Invariant.EACH_EXECUTION_ONCE
D, E, J = Invariant.BOOKS_AGREE, Invariant.READY_BEFORE_OPENING, Invariant.NO_GAP
F, G = Invariant.BOUNDED, Invariant.AUTHORISED
S = Invariant.SOUND  # the journal itself refuses an execution that is there already


@pytest.mark.parametrize(
    ("plant", "broken"),
    [
        (bugs.send_before_commit, A),
        (bugs.one_fill_an_order, C),
        (bugs.resend_on_timeout, B),
        (bugs.resend_after_restart, B),
        (bugs.no_reconciliation, C),
        (bugs.ignore_fill_after_cancel, C),
        (bugs.correction_counts_twice, C),
        (bugs.ledger_books_correction_twice, D),
        (bugs.forget_commission, C),
        (bugs.free_of_charge, D),
        (bugs.forget_executions_on_restart, S),
        (bugs.forget_fills_on_restart, D),
        (bugs.reuse_order_ids, B),
        (bugs.credit_the_newest_order, C),
        (bugs.trade_on_after_reconnect, E),
        (bugs.carry_on_without_a_disk, J),
        (bugs.deaf_to_cancels, D),
        (bugs.whole_lots, C),
        (bugs.secret_in_a_log_line, G),
        (bugs.secret_in_the_journal, G),
        (bugs.deaf_to_the_operator, G),
        (bugs.forget_the_pause_on_restart, G),
        (bugs.seals_without_a_chain, J),
        (bugs.commits_without_sync, C),
        (bugs.watch_for_ever, F),
    ],
    ids=lambda value: value.__name__ if callable(value) else value.value,
)
def test_oracle_finds(plant: bugs.Plant, broken: Invariant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    found = first_violation(SEEDS, verdict)
    assert found is not None, f"{len(SEEDS)} seeds did not show the bug"
    assert broken in {violation.invariant for violation in found.violations}, found.violations
