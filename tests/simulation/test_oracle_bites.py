"""The oracle finds every planted bug within a few seeds, and names the invariant that the bug breaks.

Were it blind to one of them, a thousand quiet seeds would prove nothing. Most are found in worlds as they are drawn;
for some it is said which faults bring them out, so that the test need not wait until these are drawn.
"""

from dataclasses import replace
from functools import partial

import pytest

from daemon.simulation.faults import Fault, FaultKind, drawn_faults
from daemon.simulation.oracle import Invariant
from daemon.simulation.seeds import MINUTES, Verdict, first_violation, verdict
from daemon.simulation.setting import Setting
from tests.simulation import planted_bugs as bugs

SEEDS = range(40)

A, B, C = Invariant.DURABLE_INTENT, Invariant.ONE_ORDER, Invariant.EACH_EXECUTION_ONCE
D, E, J = Invariant.BOOKS_AGREE, Invariant.READY_BEFORE_OPENING, Invariant.NO_GAP
F, G, H = Invariant.BOUNDED, Invariant.AUTHORISED, Invariant.ALERTED
S = Invariant.SOUND  # the journal itself refuses an execution that is there already

CUT, KILL, POWER = FaultKind.CLOSED, FaultKind.KILL_AFTER_SEND, FaultKind.POWER_LOST
CORRECTED, PAUSED, GONE = FaultKind.CORRECTED, FaultKind.PAUSED, FaultKind.GATEWAY_KILLED


def verdict_with(kinds: tuple[FaultKind, ...], seed: int) -> Verdict:
    """Run a world whose drawn faults are of these kinds instead; of their own where there are none."""
    drawn = drawn_faults(Setting.drawn(seed, minutes=MINUTES))
    if not kinds:
        return verdict(seed)
    plan: list[Fault] = [
        replace(fault, kind=kinds[at % len(kinds)], detail="", seconds=fault.seconds + SECONDS.get(kinds[0], 0.0))
        for at, fault in enumerate(drawn)
    ]
    return verdict(seed, plan=plan)


SECONDS = {PAUSED: 60.0, GONE: 100.0}  # longer than what is drawn


@pytest.mark.parametrize(
    ("plant", "broken", "kinds"),
    [
        (bugs.send_before_commit, A, ()),
        (bugs.one_fill_an_order, C, ()),
        (bugs.resend_on_timeout, B, ()),
        (bugs.resend_after_restart, B, ()),
        (bugs.no_reconciliation, C, ()),
        (bugs.ignore_fill_after_cancel, C, ()),
        (bugs.correction_counts_twice, C, (CORRECTED,)),
        (bugs.ledger_books_correction_twice, D, (CORRECTED,)),
        (bugs.forget_commission, C, ()),
        (bugs.free_of_charge, D, ()),
        (bugs.forget_executions_on_restart, S, (KILL,)),
        (bugs.forget_fills_on_restart, D, ()),
        (bugs.reuse_order_ids, B, ()),
        (bugs.credit_the_newest_order, C, ()),
        (bugs.trade_on_after_reconnect, E, (CUT,)),
        (bugs.carry_on_without_a_disk, J, ()),
        (bugs.deaf_to_cancels, D, ()),
        (bugs.whole_lots, C, ()),
        (bugs.secret_in_a_log_line, G, ()),
        (bugs.secret_in_the_journal, G, ()),
        (bugs.deaf_to_the_operator, G, (PAUSED,)),
        (bugs.forget_the_pause_on_restart, G, (PAUSED, KILL)),
        (bugs.seals_without_a_chain, J, ()),
        (bugs.commits_without_sync, C, (POWER,)),
        (bugs.watch_for_ever, F, ()),
        (bugs.nobody_is_told, H, (GONE,)),
    ],
    ids=lambda value: value.__name__ if callable(value) else getattr(value, "value", ""),
)
def test_oracle_finds(
    plant: bugs.Plant, broken: Invariant, kinds: tuple[FaultKind, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    found = first_violation(SEEDS, partial(verdict_with, kinds), broken)
    assert found is not None, f"{len(SEEDS)} seeds did not show the bug"
