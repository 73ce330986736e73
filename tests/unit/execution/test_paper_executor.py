"""The executor through an order's life: every word, error, delay and repetition a broker can come up with."""

# mypy: disable-error-code="comparison-overlap, unreachable, unused-ignore"

import itertools
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.callbacks import QuoteReported
from daemon.domain.errors import PaceKept
from daemon.domain.events import CommissionReceived, FillReceived, OrderChanged
from daemon.domain.instrument import InstrumentId
from daemon.domain.order import Approved, OrderState, Side
from daemon.domain.records import (
    ArrivalQuoteTaken,
    CommissionRecorded,
    ExecutionChecked,
    OrderEventSeen,
    OrderRefAssigned,
)
from daemon.execution.paper_executor import ExecutionRules
from daemon.ports import Told
from tests.fakes.order_desk import AAA, AT, OrderDesk, commission, error, execution, reported, status

S = OrderState


def fills(told: Told) -> list[tuple[str, Decimal, str | None]]:
    return [
        (event.fill.exec_id, event.fill.quantity, event.replaces.exec_id if event.replaces else None)
        for event in told.events
        if isinstance(event, FillReceived)
    ]


def changes(told: Told) -> list[OrderState]:
    return [event.state for event in told.events if isinstance(event, OrderChanged)]


def net_filled(desk: OrderDesk) -> Decimal:
    """Return the quantity that an engine would hold of all fills told."""
    return sum(
        (
            e.fill.quantity - (e.replaces.quantity if e.replaces else 0)
            for e in desk.events
            if isinstance(e, FillReceived)
        ),
        Decimal(0),
    )


# ---- the plain life


def test_an_order_from_approval_to_commission() -> None:
    desk = OrderDesk()
    order = desk.prepared(quantity=10)
    assert desk.broker.sent == []
    assert [type(record) for record in desk.journal[1:]] == [OrderRefAssigned, OrderEventSeen, ArrivalQuoteTaken]
    assert desk.state(order) is S.SENDING
    desk.send(order)
    (ticket,) = desk.broker.sent
    assert (
        ticket.order_id,
        ticket.order_ref,
        ticket.side,
        ticket.quantity,
        ticket.order_type,
        ticket.limit_price,
        ticket.time_in_force,
    ) == (
        1,
        order.intent.order_ref,
        Side.BUY,
        10,
        "MKT",
        None,
        "DAY",
    )
    assert changes(desk.hear(status(1, "Submitted", remaining=10))) == [S.SUBMITTED]
    told = desk.hear(execution(order, 4, exec_id="e1.01"))
    assert (fills(told), changes(told)) == ([("e1.01", 4, None)], [S.PARTIALLY_FILLED])
    told = desk.hear(execution(order, 6, exec_id="e2.01"))
    assert (fills(told), changes(told)) == ([("e2.01", 6, None)], [S.FILLED])
    (paid,) = desk.hear(commission("e2.01", "0.35")).events
    assert isinstance(paid, CommissionReceived)
    assert (paid.exec_id, paid.amount, paid.order_ref) == ("e2.01", Decimal("0.35"), order.intent.order_ref)
    assert desk.executor.working == ()
    assert len(desk.kept(ExecutionChecked)) == 1


def test_the_arrival_quote_is_exact() -> None:
    desk = OrderDesk()
    desk.prepared()
    (arrival,) = desk.kept(ArrivalQuoteTaken)
    assert (arrival.bid, arrival.ask, arrival.mid) == (Decimal("100.00"), Decimal("100.02"), Decimal("100.01"))
    assert (arrival.bid_size, arrival.ask_size, arrival.quote_at) == (300, 500, AT)


def test_an_exit_goes_out_without_a_quote() -> None:
    desk = OrderDesk()
    desk.quote = None
    order = desk.sent(side=Side.SELL, reduces=True)
    assert desk.kept(ArrivalQuoteTaken) == []
    desk.hear(execution(order, 10))
    (check,) = desk.kept(ExecutionChecked)
    assert (check.arrival_bps, check.touch_bps, check.delay_bps) == (None, None, None)
    assert check.decision_bps == pytest.approx(-2.0)


def test_a_limit_price_goes_out_on_the_tick() -> None:
    desk = OrderDesk()
    desk.sent(limit="100.014")
    assert desk.broker.sent[0].limit_price == Decimal("100.01")


def test_what_is_not_about_orders_yields_nothing() -> None:
    desk = OrderDesk()
    desk.sent()
    quote = QuoteReported(instrument=AAA, bid=1.0, ask=2.0, bid_size=1.0, ask_size=1.0)
    assert desk.hear(quote) == Told()
    assert desk.hear(status(99, "Cancelled", perm_id=0), error(99, 201), error(-1, 1100)) == Told()


def test_the_orders_of_others_are_never_taken_for_ours() -> None:
    desk = OrderDesk()
    order = desk.sent()
    stranger = status(1, "Cancelled", client_id=8, perm_id=77)
    assert desk.hear(stranger) == Told()
    assert desk.state(order) is not S.CANCELLED


def test_an_execution_of_another_reference_with_our_order_id_is_not_ours() -> None:
    # After a gateway restart ids can be issued again; the reference decides.
    desk = OrderDesk()
    order = desk.sent()
    assert fills(desk.hear(execution(order, 10, ref="pd-other-1", client_id=7, order_id=1))) == []


# ---- disorder


def test_what_is_told_twice_counts_once() -> None:
    desk = OrderDesk()
    order = desk.sent()
    desk.hear(status(1, "Submitted"), execution(order, 10))
    assert desk.hear(execution(order, 10), status(1, "Submitted"), status(1, "Filled", filled=10)) == Told()
    assert net_filled(desk) == 10


def test_a_commission_told_twice_is_told_on_once() -> None:
    # `commission` holds exec_id to be unique: a second row would stop the journal, and with it the daemon. IB repeats
    # every commission report in its answer to reqExecutions, that is at each reconnect and restart.
    desk = OrderDesk()
    order = desk.sent()
    desk.hear(execution(order, 10), commission())
    assert desk.hear(commission()) == Told()


def test_a_commission_of_before_a_restart_is_not_told_on_again() -> None:
    desk = OrderDesk()
    order = desk.sent()
    told = desk.hear(execution(order, 10), commission())
    desk.journal += [
        CommissionRecorded(
            at=e.at,
            exec_id=e.exec_id,
            order_ref=e.order_ref,
            strategy=order.intent.strategy,
            amount=e.amount,
            currency=e.currency,
        )
        for e in told.events
        if isinstance(e, CommissionReceived)
    ]
    desk.restart()
    assert desk.hear(commission()) == Told()


def test_an_execution_before_the_acknowledgement_counts() -> None:
    desk = OrderDesk()
    order = desk.sent()
    assert changes(desk.hear(execution(order, 4))) == [S.PARTIALLY_FILLED]
    assert changes(desk.hear(status(1, "Submitted"))) == []
    assert desk.state(order) is S.PARTIALLY_FILLED


def test_a_commission_before_its_execution_is_kept_for_it() -> None:
    desk = OrderDesk()
    order = desk.sent()
    assert desk.hear(commission()) == Told()
    told = desk.hear(execution(order, 10))
    assert [type(event) for event in told.events] == [FillReceived, OrderChanged, CommissionReceived]


def test_the_executions_decide_when_an_order_is_filled_and_not_the_word() -> None:
    desk = OrderDesk()
    order = desk.sent()
    assert changes(desk.hear(status(1, "Filled", filled=10))) == []
    assert desk.executor.working == (order.intent.order_ref,)
    assert changes(desk.hear(execution(order, 10))) == [S.FILLED]


@given(st.permutations(range(6)), st.lists(st.integers(0, 5), max_size=6))
def test_any_order_and_repetition_of_the_callbacks_gives_the_same_position(
    order_of: list[int], again: list[int]
) -> None:
    desk = OrderDesk()
    order = desk.sent(quantity=10)
    callbacks = [
        status(1, "Submitted"),
        execution(order, 4, exec_id="a.01"),
        execution(order, 6, exec_id="b.01"),
        commission("a.01"),
        commission("b.01"),
        status(1, "Filled", filled=10),
    ]
    for position in (*order_of, *again):
        desk.hear(callbacks[position])
    assert net_filled(desk) == 10
    assert desk.state(order) is S.FILLED
    assert {e.exec_id for e in desk.events if isinstance(e, CommissionReceived)} == {"a.01", "b.01"}


@pytest.mark.parametrize("order_of", list(itertools.permutations(range(3))))
def test_a_correction_counts_in_whatever_order_it_comes(order_of: tuple[int, ...]) -> None:
    desk = OrderDesk()
    order = desk.sent(quantity=10)
    callbacks = [
        execution(order, 4, exec_id="a.01"),
        execution(order, 3, "99.00", exec_id="a.02"),
        execution(order, 6, exec_id="b.01"),
    ]
    for position in order_of:
        desk.hear(callbacks[position])
    assert net_filled(desk) == 9
    assert desk.state(order) is S.PARTIALLY_FILLED


def test_a_correction_names_what_it_replaces() -> None:
    desk = OrderDesk()
    order = desk.sent()
    desk.hear(execution(order, 10, exec_id="a.01"))
    told = desk.hear(execution(order, 8, exec_id="a.02"))
    assert fills(told) == [("a.02", 8, "a.01")]
    assert changes(told) == [S.PARTIALLY_FILLED]


def test_an_order_that_a_correction_opened_again_is_cancelled_in_its_time() -> None:
    desk = OrderDesk()
    order = desk.sent()
    desk.hear(status(1, "Submitted"), execution(order, 10, exec_id="a.01"))
    desk.advance(31)  # its first deadline passes while it is filled
    desk.hear(execution(order, 8, exec_id="a.02"))
    desk.advance(31)
    assert desk.broker.cancelled == [1]


# ---- cancels


def test_an_order_that_takes_too_long_is_cancelled_and_ends_when_the_broker_says_so() -> None:
    desk = OrderDesk()
    order = desk.sent()
    desk.hear(status(1, "Submitted"))
    assert desk.executor.next_deadline == AT + timedelta(seconds=30)
    assert desk.advance(29.999) == Told()
    assert changes(desk.advance(0.001)) == [S.PENDING_CANCEL]
    assert desk.broker.cancelled == [1]
    assert desk.executor.working == (order.intent.order_ref,)
    assert changes(desk.hear(error(1, 202), status(1, "Cancelled"))) == [S.CANCELLED]
    assert desk.executor.working == ()
    (check,) = desk.kept(ExecutionChecked)
    assert (check.state, check.filled_quantity, check.filled_price, check.decision_bps) == (S.CANCELLED, 0, None, None)


def test_a_filled_order_is_not_cancelled() -> None:
    desk = OrderDesk()
    order = desk.sent()
    desk.hear(execution(order, 10))
    assert desk.advance(60) == Told()
    assert desk.broker.cancelled == []


@pytest.mark.parametrize("code", [161, 10147, 10148])
def test_a_fill_wins_the_race_with_a_cancel(code: int) -> None:
    desk = OrderDesk()
    order = desk.sent()
    desk.hear(execution(order, 4, exec_id="a.01"))
    desk.advance(30)
    told = desk.hear(error(1, code), execution(order, 6, exec_id="b.01"))
    assert changes(told) == [S.FILLED]
    assert net_filled(desk) == 10


def test_a_part_filled_before_the_cancel_stands() -> None:
    desk = OrderDesk()
    order = desk.sent()
    desk.hear(status(1, "Submitted"), execution(order, 4))
    desk.advance(30)
    assert changes(desk.hear(status(1, "Cancelled", filled=4))) == [S.CANCELLED]
    (check,) = desk.kept(ExecutionChecked)
    assert (check.filled_quantity, check.expected_quantity) == (4, 10)


def test_a_fill_after_the_cancel_is_counted_and_checked_again() -> None:
    desk = OrderDesk()
    order = desk.sent()
    desk.advance(30)
    desk.hear(status(1, "Cancelled"))
    desk.clock.pass_s(30)
    told = desk.hear(execution(order, 4))
    assert fills(told) == [("e1.01", 4, None)]
    assert net_filled(desk) == 4
    # What the order cost has to be told anew: the row of the cancel says that nothing was filled.
    assert desk.kept(ExecutionChecked)[-1].filled_quantity == 4


def test_a_cancel_that_could_not_be_sent_is_tried_again() -> None:
    desk = OrderDesk()
    desk.sent()
    desk.broker.failures = 2
    assert desk.advance(30) == Told()
    assert desk.advance(1) == Told()
    assert changes(desk.advance(1)) == [S.PENDING_CANCEL]
    assert desk.broker.cancelled == [1]


def test_a_cancel_that_got_lost_is_sent_again_while_the_order_is_still_open() -> None:
    # RELIABILITY section 5, W8: "cancel journaled/unsent/unacked: still open: resend cancel".
    desk = OrderDesk()
    order = desk.sent()
    desk.hear(status(1, "Submitted"))
    desk.advance(30)
    desk.reconcile(orders=[reported(order, "Submitted")])
    desk.advance(60)
    assert len(desk.broker.cancelled) >= 2


def test_a_cancel_of_before_a_crash_is_sent_again_while_the_order_is_still_open() -> None:
    desk = OrderDesk()
    order = desk.sent()
    desk.hear(status(1, "Submitted"))
    desk.advance(30)
    desk.broker.cancelled.clear()
    desk.restart()
    desk.reconcile(orders=[reported(order, "Submitted")])
    desk.advance(60)
    assert desk.broker.cancelled == [1]


def test_entries_are_cancelled_and_exits_left_alone() -> None:
    desk = OrderDesk()
    entry, leave = desk.sent(), desk.sent(side=Side.SELL, reduces=True)
    told = desk.take(desk.executor.cancel_entries(desk.clock.at))
    assert changes(told) == [S.PENDING_CANCEL]
    assert desk.broker.cancelled == [desk.order_id(entry)]
    assert desk.state(leave) is S.SENDING
    assert desk.executor.cancel_entries(desk.clock.at) == Told()


def test_an_order_that_was_not_sent_yet_is_given_up_at_a_shutdown() -> None:
    desk = OrderDesk()
    desk.broker.failures = 1
    order = desk.sent()
    told = desk.take(desk.executor.cancel_entries(desk.clock.at))
    assert changes(told) == [S.REJECTED]
    assert desk.advance(5) == Told()
    assert desk.broker.sent == []
    assert desk.state(order) is S.REJECTED


# ---- errors


@pytest.mark.parametrize("code", [110, 201, 383, 460])
def test_a_rejection_ends_the_order_with_its_reason_and_is_never_sent_again(code: int) -> None:
    desk = OrderDesk()
    desk.sent()
    told = desk.hear(error(1, code, "no margin"))
    assert changes(told) == [S.REJECTED]
    seen = [record for record in told.records if isinstance(record, OrderEventSeen)]
    assert (seen[0].code, seen[0].text) == (code, "no margin")
    desk.hear(status(1, "Inactive"), status(1, "Cancelled"), error(1, code))
    assert desk.executor.working == ()
    desk.advance(120)
    assert len(desk.broker.sent) == 1
    assert desk.broker.cancelled == []


@pytest.mark.parametrize("code", [399, 404, 2109, 10349, 2150])
def test_a_remark_leaves_the_order_alive(code: int) -> None:
    for words in ([], [status(1, "Submitted")]):
        desk = OrderDesk()
        order = desk.sent()
        desk.hear(*words)
        before = desk.state(order)
        assert changes(desk.hear(error(1, code))) == []
        assert desk.state(order) is before


@pytest.mark.parametrize("word", ["Inactive", "Cancelled"])
def test_a_refusal_of_an_order_that_was_taken_ends_it_once_a_status_says_so_too(word: str) -> None:
    desk = OrderDesk()
    desk.sent()
    desk.hear(status(1, "PreSubmitted"))
    assert changes(desk.hear(error(1, 201, "no margin"))) == [S.UNKNOWN]
    assert changes(desk.hear(status(1, word))) == [S.REJECTED]


@pytest.mark.parametrize("restarts", [False, True])
def test_a_refusal_of_an_order_that_was_taken_ends_it_once_a_snapshot_shows_it_gone(*, restarts: bool) -> None:
    desk = OrderDesk()
    order = desk.sent()
    desk.hear(status(1, "Submitted"), error(1, 201, "no margin"))
    desk.reconcile(orders=[reported(order, "Submitted")])
    assert not desk.state(order).is_terminal
    if restarts:
        desk.restart()
    assert changes(desk.reconcile()) == [S.REJECTED]


def test_a_refusal_that_comes_twice_is_no_more_evidence_than_once() -> None:
    desk = OrderDesk()
    order = desk.sent()
    desk.hear(status(1, "Submitted"), error(1, 201, "no margin"), error(1, 201, "no margin"))
    assert desk.state(order) is S.UNKNOWN


@pytest.mark.parametrize("restarts", [False, True])
def test_a_refusal_of_an_order_that_is_listed_seconds_later_is_forgotten(*, restarts: bool) -> None:
    desk = OrderDesk()
    order = desk.sent()
    desk.hear(status(1, "Submitted"), error(1, 201, "no margin"))
    desk.clock.pass_s(6)
    desk.reconcile(orders=[reported(order, "Submitted")])
    assert desk.state(order) is S.SUBMITTED
    if restarts:
        desk.restart()
    assert changes(desk.reconcile()) == [S.UNKNOWN]  # missing, as any other


def test_a_refused_order_that_is_listed_as_inactive_stays_refused() -> None:
    desk = OrderDesk()
    order = desk.sent()
    desk.hear(status(1, "Inactive"), error(1, 201, "no margin"))
    desk.clock.pass_s(60)
    assert changes(desk.reconcile(orders=[reported(order, "Inactive")])) == []
    assert desk.state(order) is S.REJECTED


def test_an_order_that_was_refused_and_filled_all_the_same_is_not_refused() -> None:
    desk = OrderDesk()
    order = desk.sent()
    desk.hear(status(1, "Submitted"), error(1, 201, "no margin"), execution(order, 4))
    assert changes(desk.hear(status(1, "Cancelled"))) == [S.CANCELLED]


def test_a_rejection_of_the_rest_leaves_what_was_filled() -> None:
    desk = OrderDesk()
    order = desk.sent()
    desk.hear(execution(order, 4))
    assert changes(desk.hear(error(1, 201))) == []
    assert changes(desk.hear(status(1, "Cancelled", filled=4))) == [S.CANCELLED]
    assert desk.kept(ExecutionChecked)[-1].filled_quantity == 4


@pytest.mark.parametrize("code", [103, 104, 105, 321, 463, 98765])
def test_a_doubtful_error_makes_an_unacknowledged_order_unknown_and_leaves_a_live_one(code: int) -> None:
    desk = OrderDesk()
    order = desk.sent()
    assert changes(desk.hear(error(1, code))) == [S.UNKNOWN]
    assert len(desk.executor.working) == 1
    assert changes(desk.hear(status(1, "Submitted"))) == [S.SUBMITTED]
    assert changes(desk.hear(error(1, code))) == []
    assert desk.state(order) is S.SUBMITTED


@pytest.mark.parametrize("code", [135, 161, 10147, 10148])
def test_a_refused_cancel_proves_no_end(code: int) -> None:
    desk = OrderDesk()
    order = desk.sent()
    desk.hear(status(1, "Submitted"))
    desk.advance(30)
    assert changes(desk.hear(error(1, code))) == []
    assert desk.executor.working == (order.intent.order_ref,)


def test_a_rejected_order_that_fills_all_the_same_is_counted() -> None:
    desk = OrderDesk()
    order = desk.sent()
    desk.hear(error(1, 201))
    told = desk.hear(execution(order, 10))
    assert fills(told) == [("e1.01", 10, None)]
    assert changes(told) == [S.FILLED]


def test_an_error_about_an_order_that_has_ended_changes_nothing() -> None:
    desk = OrderDesk()
    order = desk.sent()
    desk.hear(execution(order, 10))
    assert desk.hear(error(1, 201), error(1, 202), error(1, 321)) == Told()
    assert desk.state(order) is S.FILLED


# ---- sending


def test_where_nothing_could_be_sent_it_is_tried_three_times_in_all() -> None:
    desk = OrderDesk()
    desk.broker.failures = 10
    order = desk.sent()
    assert desk.executor.next_deadline == AT + timedelta(seconds=1)
    told = [desk.advance(1) for _ in range(5)]
    assert desk.broker.failures == 10 - 3
    assert [changes(each) for each in told] == [[], [], [S.REJECTED], [], []]
    assert desk.state(order) is S.REJECTED
    assert desk.executor.next_deadline is None


def test_an_order_for_which_the_second_is_full_waits_for_its_turn() -> None:
    desk = OrderDesk()
    desk.broker.failures, desk.broker.failing = 3, PaceKept("full")
    order = desk.sent()
    told = [desk.advance(1) for _ in range(3)]
    assert [changes(each) for each in told] == [[], [], []]
    assert [ticket.order_ref for ticket in desk.broker.sent] == [order.intent.order_ref]


def test_a_second_attempt_sends_the_same_order_once() -> None:
    desk = OrderDesk()
    desk.broker.failures = 1
    order = desk.sent()
    desk.advance(1)
    assert [(ticket.order_id, ticket.order_ref) for ticket in desk.broker.sent] == [(1, order.intent.order_ref)]
    desk.advance(10)
    assert len(desk.broker.sent) == 1
    assert desk.executor.next_deadline == AT + timedelta(seconds=31)


def test_an_order_that_could_not_be_sent_is_not_sent_minutes_later() -> None:
    desk = OrderDesk()
    desk.broker.failures = 1
    order = desk.sent()
    told = desk.advance(300)  # nothing was worked off while everything was compared with the broker
    assert changes(told) == [S.REJECTED]
    assert desk.kept(OrderEventSeen)[-1].text == "not sent: it was decided 300 s ago"
    assert (desk.broker.sent, desk.executor.working) == ([], ())
    assert desk.state(order) is S.REJECTED


def test_what_was_sent_is_never_sent_again() -> None:
    desk = OrderDesk()
    order = desk.sent()
    for _ in range(10):
        desk.advance(10)
        desk.reconcile()
    assert len(desk.broker.sent) == 1
    assert desk.state(order) is S.UNKNOWN


def test_an_order_that_waits_to_be_sent_is_not_declared_unknown_and_sent_afterwards() -> None:
    desk = OrderDesk()
    desk.broker.failures = 1
    order = desk.sent()
    desk.reconcile()  # the connection came back within the second
    after = desk.state(order)
    desk.advance(1)
    assert not (after is S.UNKNOWN and desk.broker.sent)


def test_a_withdrawn_order_never_reaches_the_broker() -> None:
    desk = OrderDesk()
    order = desk.prepared()
    told = desk.take(desk.executor.withdraw(order, desk.clock.at, "trading is PAUSED"))
    assert changes(told) == [S.REJECTED]
    assert [record.text for record in told.records if isinstance(record, OrderEventSeen)] == [
        "not sent: trading is PAUSED"
    ]
    desk.advance(60)
    assert (desk.broker.sent, desk.broker.cancelled, desk.executor.working) == ([], [], ())


# ---- reconciliation


def test_fills_missed_while_down_are_taken_over() -> None:
    desk = OrderDesk()
    order = desk.sent()
    told = desk.reconcile(
        executions=[execution(order, 10)], completed=[reported(order, "Filled", completed=True, order_id=0, filled=10)]
    )
    assert fills(told) == [("e1.01", 10, None)]
    assert changes(told) == [S.FILLED]
    assert desk.reconcile(executions=[execution(order, 10)]) == Told()


def test_a_cancel_missed_while_down_keeps_the_part_that_was_filled() -> None:
    desk = OrderDesk()
    order = desk.sent()
    told = desk.reconcile(
        executions=[execution(order, 4)], completed=[reported(order, "Cancelled", completed=True, order_id=0, filled=4)]
    )
    assert (net_filled(desk), changes(told)) == (4, [S.PARTIALLY_FILLED, S.CANCELLED])


def test_an_acknowledgement_missed_while_down_is_taken_over() -> None:
    desk = OrderDesk()
    order = desk.sent()
    assert changes(desk.reconcile(orders=[reported(order, "Submitted", perm_id=901)])) == [S.SUBMITTED]
    assert desk.kept(OrderRefAssigned)[-1].perm_id == 901
    assert changes(desk.hear(status(0, "Cancelled", perm_id=901))) == [S.CANCELLED]


def test_an_absent_order_is_unknown_and_kept_for_its_session() -> None:
    desk = OrderDesk()
    order = desk.sent()
    assert changes(desk.reconcile()) == [S.UNKNOWN]
    assert desk.reconcile() == Told()
    assert desk.executor.working == (order.intent.order_ref,)
    assert desk.broker.sent[1:] == []
    assert changes(desk.hear(execution(order, 10))) == [S.FILLED]


def test_an_absent_order_has_ended_once_its_day_is_over() -> None:
    desk = OrderDesk()
    desk.sent()
    desk.reconcile()
    desk.clock.pass_s(86_400)
    assert changes(desk.reconcile(over=True)) == [S.CANCELLED]
    assert desk.executor.working == ()


def test_an_absent_order_stays_in_doubt_while_a_position_is_not_explained() -> None:
    """It may have filled in an outage across midnight, of whose executions the broker tells no more."""
    desk = OrderDesk()
    order = desk.sent()
    instrument = order.intent.instrument.id
    desk.clock.pass_s(86_400)
    assert changes(desk.reconcile(over=True, unexplained=[instrument])) == [S.UNKNOWN]
    assert desk.state(order) is S.UNKNOWN
    desk.clock.pass_s(86_400)
    assert desk.reconcile(over=True, unexplained=[instrument]) == Told()
    assert changes(desk.reconcile(over=True, unexplained=[InstrumentId("ELSE")])) == [S.CANCELLED]
    assert desk.executor.working == ()


def test_a_completed_order_with_more_filled_than_our_executions_is_not_taken_as_settled() -> None:
    # RELIABILITY section 5, W16: executions cover today only. The broker says that 4 were filled.
    desk = OrderDesk()
    order = desk.sent()
    desk.reconcile(completed=[reported(order, "Cancelled", completed=True, order_id=0, filled=4)])
    assert not (desk.state(order) is S.CANCELLED and desk.kept(ExecutionChecked)[-1].filled_quantity == 0)


@pytest.mark.parametrize(
    ("word", "filled", "state"), [("Inactive", 0, S.CANCELLED), ("Filled", 4, S.CANCELLED), ("Filled", 10, S.FILLED)]
)
def test_a_completed_order_has_ended_whatever_its_word(word: str, filled: int, state: OrderState) -> None:
    desk = OrderDesk()
    order = desk.sent()
    if filled:
        desk.hear(execution(order, filled))
    desk.reconcile(completed=[reported(order, word, completed=True, order_id=0, filled=filled)])
    assert desk.state(order) is state
    assert desk.executor.working == ()


def test_a_lost_order_is_not_cancelled_at_a_shutdown() -> None:
    desk = OrderDesk()
    _lost(desk)
    assert desk.executor.cancel_entries(desk.clock.now()) == Told()
    assert desk.broker.cancelled == []


def test_a_lost_order_that_turns_up_is_cancelled_at_once() -> None:
    """It was decided minutes ago, and the strategy may have decided anew."""
    desk = OrderDesk()
    order = _lost(desk)
    desk.hear(status(1, "Submitted"))
    assert changes(desk.advance(0)) == [S.PENDING_CANCEL]
    assert desk.broker.cancelled == [desk.order_id(order)]


def _lost(desk: OrderDesk) -> Approved:
    order = desk.sent()
    while desk.state(order) is not S.LOST:
        desk.advance(10)
        desk.reconcile(counts=True, at_connection=False)
    return order


def test_reconciling_sends_nothing() -> None:
    desk = OrderDesk()
    orders = [desk.sent() for _ in range(3)]
    before = len(desk.broker.sent)
    desk.reconcile(orders=[reported(orders[0], "Submitted", order_id=1)])
    assert (len(desk.broker.sent), desk.broker.cancelled) == (before, [])


# ---- restart


def test_a_restart_knows_open_orders_their_deadlines_and_the_next_id() -> None:
    desk = OrderDesk()
    orders = [desk.sent(), desk.sent()]
    desk.hear(status(1, "Submitted", perm_id=900))
    desk.broker._next_id = 1  # a gateway that has forgotten
    desk.restart()
    assert desk.executor.working == tuple(order.intent.order_ref for order in orders)
    assert desk.broker.reserve_order_id() == 3
    assert desk.executor.next_deadline == AT + timedelta(seconds=30)
    assert changes(desk.hear(status(0, "Cancelled", perm_id=900))) == [S.CANCELLED]
    assert changes(desk.hear(execution(orders[1], 10, exec_id="z.01"))) == [S.FILLED]


def test_a_restart_with_fills_counts_them_once_and_takes_over_the_rest() -> None:
    desk = OrderDesk()
    order = desk.sent()
    desk.hear(status(1, "Submitted"), execution(order, 4, exec_id="a.01"))
    desk.restart()
    told = desk.reconcile(executions=[execution(order, 4, exec_id="a.01"), execution(order, 6, exec_id="b.01")])
    assert fills(told) == [("b.01", 6, None)]
    assert changes(told) == [S.FILLED]
    assert net_filled(desk) == 10
    (check,) = desk.kept(ExecutionChecked)
    assert check.filled_quantity == 10
    assert check.sent_to_last_fill_ms == 0.0
    assert check.host_sent_to_filled_ms is None


def test_a_restart_after_a_correction_ignores_the_corrected_execution() -> None:
    desk = OrderDesk()
    order = desk.sent()
    desk.hear(execution(order, 10, exec_id="a.01"), execution(order, 8, exec_id="a.02"))
    desk.restart()
    assert (
        fills(desk.reconcile(executions=[execution(order, 10, exec_id="a.01"), execution(order, 8, exec_id="a.02")]))
        == []
    )
    assert fills(desk.hear(execution(order, 9, exec_id="a.03"))) == [("a.03", 9, "a.02")]


def test_a_restart_between_commit_and_bytes_never_sends_the_order() -> None:
    desk = OrderDesk()
    order = desk.prepared()  # durable, the bytes never left
    desk.restart()
    assert desk.executor.working == (order.intent.order_ref,)
    desk.reconcile()
    desk.advance(31)
    assert desk.broker.sent == []
    desk.clock.pass_s(86_400)
    desk.reconcile(over=True)
    assert desk.executor.working == ()


def test_ended_orders_stay_ended_after_a_restart() -> None:
    desk = OrderDesk()
    desk.hear(execution(desk.sent(), 10))
    desk.restart()
    assert desk.executor.working == ()
    assert desk.executor.next_deadline is None
    assert desk.reconcile() == Told()


# ---- what an order cost


@pytest.mark.parametrize(
    ("side", "fill", "decision_bps", "arrival_bps", "touch_bps", "parts"),
    [
        # decision 100, bid 100.00, ask 100.02, mid 100.01
        # delay: mid - decision, spread: touch - mid, impact: fill - touch
        (Side.BUY, "100.05", 5.0, 0.04 / 100.01 * 1e4, 0.03 / 100.02 * 1e4, (1.0, 1.0, 3.0)),
        (Side.BUY, "99.99", -1.0, -0.02 / 100.01 * 1e4, -0.03 / 100.02 * 1e4, (1.0, 1.0, -3.0)),
        (Side.SELL, "99.95", 5.0, 0.06 / 100.01 * 1e4, 0.05 / 100.00 * 1e4, (-1.0, 1.0, 5.0)),
        (Side.SELL, "100.03", -3.0, -0.02 / 100.01 * 1e4, -0.03 / 100.00 * 1e4, (-1.0, 1.0, -3.0)),
    ],
)
def test_slippage_is_signed_and_its_parts_add_up(
    side: Side, fill: str, decision_bps: float, arrival_bps: float, touch_bps: float, parts: tuple[float, float, float]
) -> None:
    desk = OrderDesk()
    desk.hear(execution(desk.sent(side=side), 10, fill))
    (check,) = desk.kept(ExecutionChecked)
    assert check.decision_bps == pytest.approx(decision_bps)
    assert check.arrival_bps == pytest.approx(arrival_bps)
    assert check.touch_bps == pytest.approx(touch_bps)
    assert (check.delay_bps, check.spread_bps, check.impact_bps) == pytest.approx(parts)
    assert check.delay_bps + check.spread_bps + check.impact_bps == pytest.approx(check.decision_bps)  # type: ignore[operator]


def test_the_filled_price_is_weighted_by_volume() -> None:
    desk = OrderDesk()
    order = desk.sent(quantity=10)
    desk.hear(execution(order, 1, "100.00", exec_id="a.01"), execution(order, 9, "101.00", exec_id="b.01"))
    assert desk.kept(ExecutionChecked)[0].filled_price == Decimal("100.9")


def test_the_steps_are_timed_in_market_time() -> None:
    desk = OrderDesk()
    order = desk.sent()
    desk.clock.pass_s(0.25)
    desk.hear(status(1, "Submitted"))
    desk.clock.pass_s(0.5)
    desk.hear(execution(order, 4, exec_id="a.01"))
    desk.clock.pass_s(1)
    desk.hear(execution(order, 6, exec_id="b.01"))
    (check,) = desk.kept(ExecutionChecked)
    assert (
        check.bar_to_received_ms,
        check.sent_to_acknowledged_ms,
        check.sent_to_first_fill_ms,
        check.sent_to_last_fill_ms,
    ) == (
        1000.0,
        250.0,
        750.0,
        1750.0,
    )
    parts = (check.host_received_to_decided_ms, check.host_decided_to_journaled_ms, check.host_journaled_to_sent_ms)
    assert all(part is not None and part >= 0 for part in parts)
    assert check.host_received_to_sent_ms == pytest.approx(sum(part or 0.0 for part in parts))


@pytest.mark.parametrize(("seconds", "warning"), [(5.0, ""), (5.001, "lag 5.0 s"), (7.0, "lag 7.0 s")])
def test_a_lag_above_five_seconds_is_a_warning(seconds: float, warning: str) -> None:
    desk = OrderDesk()
    order = desk.sent()
    desk.clock.pass_s(seconds)
    desk.hear(execution(order, 10, "100.00"))
    assert desk.kept(ExecutionChecked)[0].warning == warning


@pytest.mark.parametrize(
    ("side", "fill", "warns"),
    [
        (Side.BUY, "100.20", False),
        (Side.BUY, "100.21", True),
        (Side.BUY, "99.00", False),
        (Side.SELL, "99.80", False),
        (Side.SELL, "99.79", True),
        (Side.SELL, "101.00", False),
    ],
)
def test_slippage_above_a_fifth_of_a_percent_is_a_warning(side: Side, fill: str, warns: bool) -> None:
    desk = OrderDesk()
    desk.hear(execution(desk.sent(side=side), 10, fill))
    assert bool(desk.kept(ExecutionChecked)[0].warning) is warns


@given(st.integers(5_000, 20_000))
def test_slippage_of_exactly_the_limit_is_no_warning_at_any_price(cents: int) -> None:
    decision = Decimal(cents) / 100
    desk = OrderDesk()
    desk.hear(execution(desk.sent(price=str(decision)), 10, str(decision * Decimal("1.002"))))
    assert desk.kept(ExecutionChecked)[0].warning == ""


def test_rules_may_be_other_than_the_defaults() -> None:
    desk = OrderDesk(ExecutionRules(timeout=timedelta(seconds=5), max_attempts=1))
    desk.broker.failures = 1
    desk.sent()
    assert changes(desk.advance(1)) == [S.REJECTED]
    desk.sent()
    assert changes(desk.advance(5)) == [S.PENDING_CANCEL]


def test_a_permanent_id_that_changes_back_and_forth_is_recorded_once_each() -> None:
    # `order_ref` holds (order_ref, order_id, perm_id) to be unique: a repeated row would stop the journal.
    desk = OrderDesk()
    desk.sent()
    for perm_id in (900, 901, 900, 901):
        desk.hear(status(1, "Submitted", perm_id=perm_id))
    rows = [(record.order_ref, record.order_id, record.perm_id) for record in desk.kept(OrderRefAssigned)]
    assert len(rows) == len(set(rows))


def test_a_moment_is_never_naive() -> None:
    desk = OrderDesk()
    desk.hear(execution(desk.sent(), 10))
    assert all(record.at.utcoffset() == timedelta(0) for record in desk.journal)
