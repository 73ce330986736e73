"""What a comparison with the broker tells a person."""

from decimal import Decimal

from daemon.domain.instrument import InstrumentId
from daemon.orchestrator.reconciliation import Reconciled

SPY, QQQ = InstrumentId("SPY"), InstrumentId("QQQ")


def outcome(differences: dict[InstrumentId, tuple[int, int]], in_doubt: set[InstrumentId]) -> Reconciled:
    exact = {name: (Decimal(theirs), Decimal(ours)) for name, (theirs, ours) in differences.items()}
    return Reconciled(recovered=0, differences=exact, in_doubt=frozenset(in_doubt))


def test_agreement_is_no_news_even_where_an_order_is_in_doubt() -> None:
    assert list(outcome({}, {SPY}).alerts) == []


def test_a_difference_without_an_order_of_ours_in_doubt_may_be_somebody_elses() -> None:
    assert list(outcome({SPY: (10, 0)}, {QQQ}).alerts) == [("WARNING", "SPY: broker 10, ledgers 0")]


def test_a_difference_where_an_order_is_in_doubt_is_critical_and_names_the_consequence() -> None:
    (critical, text), (warning, other) = outcome({SPY: (10, 0), QQQ: (0, 5)}, {SPY}).alerts
    assert (critical, warning) == ("CRITICAL", "WARNING")
    assert text.startswith("SPY: broker 10, ledgers 0: its orders stay open and no other is sent there")
    assert other == "QQQ: broker 0, ledgers 5"
