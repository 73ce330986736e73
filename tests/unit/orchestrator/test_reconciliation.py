"""The reconciler with a real heart, executor and sequencer: when it asks, what it believes, what people decide."""

# mypy: disable-error-code="comparison-overlap, unreachable, unused-ignore"

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

import pytest

from daemon.domain.adjustment import AdjustmentState
from daemon.domain.callbacks import ExecutionReported, OrderReported, PositionReported
from daemon.domain.errors import BrokerUnavailable, ConfigError
from daemon.domain.instrument import InstrumentId
from daemon.domain.order import OrderRef, OrderState, Side
from daemon.domain.records import (
    AdjustmentRecorded,
    AlertRaised,
    FillRecorded,
    OrderEventSeen,
    Record,
    TradingStateChanged,
)
from daemon.engine.engine import Engine
from daemon.market.sessions import TradingCalendar
from daemon.orchestrator.reconciliation import Pace, Reconciler
from daemon.ports import BrokerSnapshot
from tests.fakes.engine_stage import AAA, BBB, M5
from tests.unit.orchestrator.test_sequencer import Hall, at, bars, executed, quote, word

BOUGHT = 500  # units, of the order with which each story begins


class Room(Hall):
    """A hall with a reconciler that takes part in every instant."""

    def __init__(self) -> None:
        super().__init__()
        self.reconciler = Reconciler(
            engine=self.engine,
            executor=self.executor,
            broker=self.broker,
            sequencer=self.sequencer,
            clock=self.clock,
            calendar=TradingCalendar(),
            pace=Pace(),
        )
        self.sequencer.before_acknowledging = self.reconciler.ask_if_due

    async def connected(self, *positions: PositionReported) -> None:
        """Come into step with a broker that knows nothing but these positions."""
        self.shows(*[book(positions=positions)] * 2)
        await self.reconciler.come_into_step()

    def shows(self, *snapshots: BrokerSnapshot) -> None:
        """Lay out what the broker answers next."""
        self.broker.snapshots += snapshots

    def restarted(self) -> "Room":
        """Return another process on the same journal."""
        other = Room()
        other.clock.step(self.clock.now())
        other.engine.restore(self.journal.records)
        other.executor.restore(self.journal.records)
        return other

    def kept(self, kind: type[Record]) -> list[Record]:
        return [record for record in self.journal.records if type(record) is kind]

    def state(self, ref: str) -> OrderState:
        return next(
            record.state
            for record in reversed(self.journal.records)
            if isinstance(record, OrderEventSeen) and record.order_ref == ref
        )

    @property
    def held(self) -> Decimal:
        return self.engine.accounts.slots[0].ledger.position(AAA).quantity

    @property
    def alerts(self) -> list[tuple[str, str]]:
        return [(r.level, r.name) for r in self.journal.records if isinstance(r, AlertRaised)]

    @property
    def steps(self) -> list[AdjustmentState]:
        return [r.state for r in self.journal.records if isinstance(r, AdjustmentRecorded)]


def book(
    *,
    orders: Iterable[OrderReported] = (),
    completed: Iterable[OrderReported] = (),
    executions: Iterable[ExecutionReported] = (),
    positions: Iterable[PositionReported] = (),
    taken_at: datetime | None = None,
) -> BrokerSnapshot:
    return BrokerSnapshot(
        taken_at=taken_at or at(300),
        orders=tuple(orders),
        completed=tuple(completed),
        executions=tuple(executions),
        positions=tuple(positions),
    )


def holds(quantity: int, instrument: InstrumentId = AAA) -> PositionReported:
    return PositionReported(account="DU1", instrument=instrument, quantity=Decimal(quantity), average_cost=Decimal(100))


def listed(ref: str, status: str = "Submitted", *, filled: int | None = None) -> OrderReported:
    return OrderReported(
        order_ref=ref,
        order_id=1,
        client_id=7,
        perm_id=900,
        instrument=AAA,
        side=Side.BUY,
        quantity=Decimal(BOUGHT),
        status=status,
        completed=filled is not None,
        filled=Decimal(filled) if filled is not None else None,
    )


# ---- when it asks


async def test_the_broker_is_asked_every_ten_seconds_while_an_order_works_and_every_thirty_otherwise() -> None:
    room = Room()
    async with room.running():
        await room.connected()
        await room.opened()
        room.shows(*[book()] * 9)
        for second in range(1, 62):
            await room.instant(second)
        assert len(room.broker.snapshots) == 7  # at 30 and 60
        ref = await _bought(room)
        room.broker.snapshots[:] = [book(orders=[listed(ref)])] * 9
        for second in range(301, 332):
            await room.instant(second)
        assert len(room.broker.snapshots) == 9 - 3  # at 310, 320 and 330


async def test_nobody_is_asked_before_the_daemon_is_in_step_or_while_the_gateway_has_lost_ib() -> None:
    room = Room()
    room.shows(book(), book(), book())
    async with room.running():
        await room.opened()
        await room.instant(40)
        assert len(room.broker.snapshots) == 3
        await room.reconciler.come_into_step()
        room.broker.is_connected = False
        await room.instant(80)
        assert len(room.broker.snapshots) == 1


async def test_an_answer_that_cannot_be_had_is_no_answer_and_is_asked_for_again() -> None:
    room = Room()
    async with room.running():
        await room.connected()
        ref = await _bought(room)
        await room.instant(310)  # no snapshot is laid out: the broker cannot be asked
        assert room.state(ref) is OrderState.SENDING
        room.shows(book(orders=[listed(ref)]))
        await room.instant(320)
        assert room.state(ref) is OrderState.SUBMITTED


async def test_a_connection_whose_books_cannot_be_read_for_a_minute_is_made_anew() -> None:
    room = Room()
    async with room.running():
        await room.connected()
        await room.opened()
        renewals: list[str] = []
        for second in range(30, 181, 30):
            if second == 120:
                room.shows(book())  # in between it answers once
            await room.instant(second)
            renewals = [line for line in room.diary if line.startswith("renew")]
            assert len(renewals) == (second >= 90)
        room.broker.is_connected = False  # the gateway has lost IB: that is no reason
        for second in range(210, 391, 30):
            await room.instant(second)
        assert [line for line in room.diary if line.startswith("renew")] == renewals
        assert "could not be read for 0:01:00: no snapshot was laid out" in renewals[0]


async def test_the_gate_opens_only_when_two_snapshots_in_a_row_agree() -> None:
    room = Room()
    room.shows(
        book(), book(positions=[holds(1, BBB)]), book(positions=[holds(2, BBB)]), book(positions=[holds(2, BBB)])
    )
    await room.reconciler.come_into_step()
    assert room.broker.snapshots == []
    assert room.executor.adjustments.external == {BBB: 2}


async def test_books_that_do_not_come_to_rest_keep_the_gate_shut() -> None:
    room = Room()
    room.shows(*[book(positions=[holds(number, BBB)]) for number in range(1, 30)])
    with pytest.raises(BrokerUnavailable, match="no two in a row agreed"):
        await room.reconciler.come_into_step()
    assert len(room.broker.snapshots) == 19


# ---- what it finds


async def test_a_fill_that_was_never_told_is_found_within_ten_seconds() -> None:
    room = Room()
    async with room.running():
        await room.connected()
        ref = await _bought(room)
        room.shows(book(executions=[executed(ref, BOUGHT)], positions=[holds(BOUGHT)]))
        await room.instant(310)
    assert (room.state(ref), room.held) == (OrderState.FILLED, BOUGHT)
    assert room.alerts == []


async def test_an_execution_told_after_the_cancel_is_asked_for_five_seconds_later() -> None:
    room = Room()
    async with room.running():
        await room.connected()
        ref = await _bought(room)
        await room.instant(302, word("Cancelled"))
        assert room.state(ref) is OrderState.CANCELLED
        room.shows(book(executions=[executed(ref, 200)], positions=[holds(200)], taken_at=at(307)))
        await room.instant(306)
        assert room.held == 0
        await room.instant(307)
        assert room.executor.confirm_due == at(312)  # there may be more of them
        room.shows(book(executions=[executed(ref, 200)], positions=[holds(200)], taken_at=at(312)))
        await room.instant(312)
    assert (room.held, room.state(ref)) == (200, OrderState.CANCELLED)
    assert room.executor.confirm_due is None


async def test_an_order_said_to_be_cancelled_that_a_later_list_shows_open_works_again() -> None:
    room = Room()
    async with room.running():
        await room.connected()
        ref = await _bought(room)
        await room.instant(302, word("Cancelled"))
        room.shows(book(orders=[listed(ref)], taken_at=at(307)))
        await room.instant(307)
    assert room.state(ref) is OrderState.SUBMITTED
    assert room.executor.working == (ref,)


async def test_an_order_absent_from_three_snapshots_is_lost_told_of_and_never_sent_again() -> None:
    room = Room()
    async with room.running():
        await room.connected()
        ref = await _bought(room)
        seen = []
        for second in (310, 320, 330, 340):
            room.shows(book())
            await room.instant(second)
            seen.append(room.state(ref))
        assert seen == [OrderState.SENDING, OrderState.UNKNOWN, OrderState.LOST, OrderState.LOST]
        assert room.alerts == [("CRITICAL", "order.lost")]
        assert [order.order_ref for order in room.engine.orders.working()] == [ref]  # what it may use up is kept back
        await room.instant(341, executed(ref, BOUGHT))
        assert (room.state(ref), room.held) == (OrderState.FILLED, BOUGHT)
    assert len(room.broker.sent) == 1
    assert room.broker.cancelled == []


async def test_an_interruption_starts_the_count_of_absences_again() -> None:
    room = Room()
    async with room.running():
        await room.connected()
        ref = await _bought(room)
        for second in (310, 320):
            room.shows(book())
            await room.instant(second)
        await room.connected()  # after 1100 and 1102
        room.shows(book(), book())
        await room.instant(335)
        assert room.state(ref) is OrderState.UNKNOWN
        await room.instant(345)
        assert room.state(ref) is OrderState.LOST


async def test_a_lost_order_ends_after_its_session_where_the_position_agrees() -> None:
    room = Room()
    async with room.running():
        await room.connected()
        ref = await _bought(room)
        for second in (310, 320, 330, 86_400):
            room.shows(book())
            await room.instant(second)
    assert room.state(ref) is OrderState.CANCELLED
    assert room.engine.orders.working() == []


# ---- what does not agree


async def test_a_position_that_differs_for_a_minute_stops_opening_there_and_not_before() -> None:
    room = Room()
    async with room.running():
        await room.connected()
        await _filled(room)
        for second in range(330, 391, 10):  # first looked at after 30 s, and every 10 s from then on
            room.shows(book(positions=[holds(BOUGHT - 100)]))
            await room.instant(second)
            assert bool(room.engine.disputes) is (second >= 390)
        assert room.engine.disputes == {AAA: "broker 400, ledgers 500"}
        assert room.alerts == [("CRITICAL", "reconciliation.differed")]
        room.shows(book(positions=[holds(BOUGHT)]))
        await room.instant(400)
        assert room.engine.disputes == {}
    assert room.alerts[-1] == ("WARNING", "reconciliation.agreed")
    assert room.steps == [AdjustmentState.PROPOSED, AdjustmentState.WITHDRAWN]


async def test_a_trade_of_somebody_else_is_told_once_and_is_no_difference() -> None:
    room = Room()
    theirs = executed("", 100, exec_id="zz.01")
    theirs = ExecutionReported(
        **{name: getattr(theirs, name) for name in ExecutionReported.__slots__} | {"client_id": 0, "perm_id": 7}
    )
    async with room.running():
        await room.connected()
        ref = await _filled(room)
        for second in range(310, 400, 10):
            room.shows(book(executions=[executed(ref, BOUGHT), theirs], positions=[holds(BOUGHT + 100)]))
            await room.instant(second)
    assert room.alerts == [("WARNING", "external.traded")]
    assert (room.engine.disputes, room.held) == ({}, BOUGHT)
    again = room.restarted()
    again.shows(*[book(positions=[holds(BOUGHT + 100)])] * 2)  # past midnight: no execution is told of any more
    await again.reconciler.come_into_step()
    assert again.engine.disputes == {}


async def test_what_was_there_before_the_first_order_is_none_of_ours() -> None:
    room = Room()
    await room.connected(holds(70))
    assert room.alerts == [("WARNING", "external.held")]
    assert room.engine.disputes == {}
    await room.connected(holds(70))
    assert room.alerts == [("WARNING", "external.held")]


# ---- what only a person can settle


async def _in_doubt_over_midnight(room: Room) -> str:
    """Let an order fill in an outage across the broker's midnight; return its reference."""
    await room.connected()
    ref = await _bought(room)
    room.clock.step(at(86_400))
    room.shows(*[book(positions=[holds(BOUGHT)])] * 2)
    await room.reconciler.come_into_step()
    return ref


async def test_a_fill_lost_across_midnight_is_proposed_and_booked_only_when_a_person_says_so() -> None:
    room = Room()
    async with room.running():
        ref = await _in_doubt_over_midnight(room)
        (proposal,) = room.reconciler.proposed
        assert (proposal.order_ref, proposal.quantity, proposal.price) == (ref, BOUGHT, None)
        assert (room.held, room.state(ref)) == (0, OrderState.UNKNOWN)
        assert AAA in room.engine.disputes
        await room.reconciler.settle(proposal.adjustment_id, price=Decimal("100.07"), order_ref=None, who="ann")
        assert (room.held, room.state(ref)) == (BOUGHT, OrderState.FILLED)
        assert room.engine.disputes == {}
    (fill,) = [record for record in room.journal.records if isinstance(record, FillRecorded)]
    assert (fill.exec_id, fill.price, fill.quantity) == (proposal.adjustment_id, Decimal("100.07"), BOUGHT)
    (action,) = [record for record in room.journal.records if isinstance(record, TradingStateChanged)]
    assert (action.state, action.who) == ("ADJUSTED", "ann")
    assert room.steps == [AdjustmentState.PROPOSED, AdjustmentState.CONFIRMED]


async def test_a_crash_in_recovery_proposes_the_same_once() -> None:
    room = Room()
    async with room.running():
        await _in_doubt_over_midnight(room)
    (proposal,) = room.reconciler.proposed
    again = room.restarted()
    again.shows(*[book(positions=[holds(BOUGHT)])] * 2)
    await again.reconciler.come_into_step()
    assert [each.adjustment_id for each in again.reconciler.proposed] == [proposal.adjustment_id]
    assert again.steps == []
    forgotten = Room()  # killed before the proposal was durable
    forgotten.clock.step(at(300))
    async with forgotten.running():
        await _in_doubt_over_midnight(forgotten)
    assert [each.adjustment_id for each in forgotten.reconciler.proposed] == [proposal.adjustment_id]


async def test_a_restart_after_the_word_knows_the_fill_and_asks_nobody_again() -> None:
    room = Room()
    async with room.running():
        ref = await _in_doubt_over_midnight(room)
        await room.reconciler.settle(
            room.reconciler.proposed[0].adjustment_id, price=Decimal(100), order_ref=OrderRef(ref), who="ann"
        )
    again = room.restarted()
    again.shows(*[book(positions=[holds(BOUGHT)])] * 2)
    await again.reconciler.come_into_step()
    assert (again.held, again.reconciler.proposed, again.engine.disputes) == (BOUGHT, (), {})
    assert again.engine.state is room.engine.state
    restored = Engine(room.engine.setup)
    restored.restore(room.journal.records)
    assert restored.state_hash() == room.engine.state_hash()


async def test_an_execution_told_after_all_takes_the_place_of_what_a_person_confirmed() -> None:
    room = Room()
    async with room.running():
        ref = await _in_doubt_over_midnight(room)
        await room.reconciler.settle(
            room.reconciler.proposed[0].adjustment_id, price=Decimal(100), order_ref=None, who="ann"
        )
        await room.instant(86_410, executed(ref, BOUGHT, "100.05"))
        assert room.held == BOUGHT
        assert room.engine.accounts.slots[0].ledger.cash == 100_000 - BOUGHT * Decimal("100.05")
    again = room.restarted()
    assert again.held == BOUGHT
    assert again.engine.accounts.slots[0].ledger.cash == 100_000 - BOUGHT * Decimal("100.05")


async def test_a_rejected_adjustment_is_somebody_elses_and_the_order_ends() -> None:
    room = Room()
    async with room.running():
        ref = await _in_doubt_over_midnight(room)
        await room.reconciler.settle(room.reconciler.proposed[0].adjustment_id, price=None, order_ref=None, who="ann")
        assert (room.held, room.engine.disputes) == (0, {})
        room.shows(book(positions=[holds(BOUGHT)]))
        await room.instant(86_430)
    assert room.state(ref) is OrderState.CANCELLED
    again = room.restarted()
    again.shows(*[book(positions=[holds(BOUGHT)])] * 2)
    await again.reconciler.come_into_step()
    assert again.engine.disputes == {}


@pytest.mark.parametrize("order_ref", ["pd-nobody", None])
async def test_a_word_on_nothing_is_refused_and_changes_nothing(order_ref: str | None) -> None:
    room = Room()
    async with room.running():
        await _in_doubt_over_midnight(room)
        before = len(room.journal.records)
        known = room.reconciler.proposed[0].adjustment_id if order_ref else "adj-none"
        with pytest.raises(ConfigError, match="order" if order_ref else "no adjustment"):
            await room.reconciler.settle(
                known, price=Decimal(1), order_ref=OrderRef(order_ref) if order_ref else None, who="ann"
            )
        assert len(room.journal.records) == before


async def _filled(room: Room) -> str:
    """Let an order be sent and filled; return its reference."""
    ref = await _bought(room)
    await room.instant(301, word("Submitted"), executed(ref, BOUGHT))
    assert room.held == BOUGHT
    return ref


async def _bought(room: Room) -> str:
    """Let an order be sent at second 300; return its reference."""
    if room.engine.session is None:
        await room.opened()
    room.reconciler._asked_s = at(300).timestamp()
    await room.instant(300, quote(), bars(M5, 300))
    return room.broker.sent[0].order_ref
