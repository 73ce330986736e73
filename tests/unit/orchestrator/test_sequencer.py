"""The sequencer: the fixed order of an instant, durable before sent, nothing lost between two instants."""

# mypy: disable-error-code="comparison-overlap, unreachable, unused-ignore"

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from daemon.domain.callbacks import (
    BarReported,
    Callback,
    CommissionReported,
    ExecutionReported,
    InstantReached,
    OrderStatusReported,
    QuoteReported,
)
from daemon.domain.decision import Outcome, Signal
from daemon.domain.errors import JournalFailed
from daemon.domain.events import BarsClosed, Event, MarkDue, SessionClosed, SessionOpened, TradingStateSet
from daemon.domain.order import OrderState, Side
from daemon.domain.records import (
    BarSeen,
    DecisionMade,
    EquityMarked,
    FillRecorded,
    IntentRecorded,
    OrderEventSeen,
    OrderRefAssigned,
    Record,
    SessionMarked,
    TradingStateChanged,
)
from daemon.domain.timeframe import Timeframe
from daemon.domain.trading_state import TradingState
from daemon.engine.engine import Engine
from daemon.execution.paper_executor import ExecutionRules, PaperExecutor
from daemon.orchestrator.bar_assembler import BarAssembler
from daemon.orchestrator.bar_loop import BarLoop
from daemon.orchestrator.sequencer import Sequencer
from daemon.runtime.clock import MarketClock
from daemon.runtime.inbox import Inbox
from tests.fakes.engine_stage import AAA, H1, M5, SCHEDULE, SESSION, EngineStage, make_bar, strategy_setup
from tests.fakes.memory_journal import MemoryJournal
from tests.fakes.recording_broker import RecordingBroker
from tests.fakes.scripted_strategy import ScriptedStrategy, says


class Hall:
    """A sequencer with a real heart and executor, a fake broker and journal, and one diary for both."""

    def __init__(self, *, stepped: bool = True, timeframes: tuple[Timeframe, ...] = (M5,)) -> None:
        self.strategy = ScriptedStrategy(timeframes, says(Signal.BUY))
        stage = EngineStage(strategy_setup("one", self.strategy))
        self.engine: Engine = stage.engine
        self.diary: list[str] = []
        self.journal, self.broker = MemoryJournal(self.diary), RecordingBroker(self.diary)
        self.clock = MarketClock()
        if stepped:
            self.clock.step(SESSION.open)
        self.inbox: Inbox[Callback | Event, Event] = Inbox(1000)
        self.executor = PaperExecutor(
            self.broker,
            self.clock,
            quote_of=self.engine.marks.quote,
            instruments=self.engine.setup.instruments.get,
            may_send=self.engine.may_send,
            rules=ExecutionRules(),
        )
        self.assembler = BarAssembler(SCHEDULE, (AAA,), timeframes)
        self.observed: list[Record] = []
        self.sequencer = Sequencer(
            engine=self.engine,
            executor=self.executor,
            journal=self.journal,
            broker=self.broker,
            clock=self.clock,
            assembler=self.assembler,
            inbox=self.inbox,
            observer=self.observed.extend,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator["asyncio.Task[None]"]:
        task = asyncio.create_task(self.sequencer.run(asyncio.Event()))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def instant(self, seconds: float, *items: Callback | Event) -> None:
        """Let an instant happen and be worked off."""
        done = self.broker.acknowledged
        for item in items:
            self.inbox.put(item)
        self.inbox.put(InstantReached(at=at(seconds)))
        await until(lambda: self.broker.acknowledged > done)

    async def opened(self) -> None:
        await self.instant(0, SessionOpened(at=at(0), open_s=SESSION.open_s, close_s=SESSION.close_s))

    async def bought(self) -> str:
        """Open the session and let the first bar lead to an order; return its reference."""
        await self.opened()
        await self.instant(300, quote(), bars(M5, 300))
        return self.broker.sent[0].order_ref


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - anything may make it true
            await asyncio.sleep(0)


def at(seconds: float) -> datetime:
    return SESSION.open + timedelta(seconds=seconds)


def quote(bid: float = 99.99, ask: float = 100.01) -> QuoteReported:
    return QuoteReported(instrument=AAA, bid=bid, ask=ask, bid_size=100, ask_size=100)


def bars(timeframe: Timeframe, seconds: int) -> BarsClosed:
    end = SESSION.open_s + seconds
    return BarsClosed(at=at(seconds), timeframe=timeframe, end=end, bars=((AAA, make_bar(end, timeframe.seconds)),))


def word(status: str, order_id: int = 1) -> OrderStatusReported:
    return OrderStatusReported(
        order_id=order_id, client_id=7, perm_id=900, status=status, filled=Decimal(0), remaining=Decimal(0)
    )


def executed(ref: str, quantity: int, price: str = "100.01", exec_id: str = "a.01") -> ExecutionReported:
    return ExecutionReported(
        exec_id=exec_id,
        order_ref=ref,
        order_id=1,
        client_id=7,
        perm_id=900,
        account="DU1",
        instrument=AAA,
        side=Side.BUY,
        quantity=Decimal(quantity),
        price=Decimal(price),
        executed_at=at(300),
    )


def kinds(records: tuple[Record, ...]) -> list[type[Record]]:
    return [type(record) for record in records]


# ---- the order of one instant


async def test_an_instant_is_worked_off_in_the_fixed_order_whatever_the_arrival() -> None:
    hall = Hall(timeframes=(M5, H1))
    async with hall.running():
        await hall.opened()
        await hall.instant(1800, MarkDue(at=at(1800), equity=True), bars(H1, 1800), bars(M5, 1800), quote())
    (last,) = [transaction for transaction in hall.journal.transactions if BarSeen in kinds(transaction)]
    order = list(dict.fromkeys(kinds(last)))
    assert order.index(BarSeen) < order.index(DecisionMade) < order.index(EquityMarked)
    assert [record.timeframe for record in last if isinstance(record, BarSeen)] == ["5m", "1h"]
    assert [(r.timeframe, r.outcome) for r in last if isinstance(r, DecisionMade)] == [
        ("5m", Outcome.COMBINED),
        ("1h", Outcome.ORDER),
    ]
    assert all(
        newest == {"5m": SESSION.open_s + 1800, "1h": SESSION.open_s + 1800} for _, _, newest in hall.strategy.seen
    )


async def test_intent_reference_state_and_arrival_are_one_transaction_and_durable_before_the_bytes() -> None:
    hall = Hall()
    async with hall.running():
        ref = await hall.bought()
    (transaction,) = [each for each in hall.journal.transactions if IntentRecorded in kinds(each)]
    assert {IntentRecorded, DecisionMade, OrderRefAssigned, OrderEventSeen}.issubset(kinds(transaction))
    sent = hall.diary.index(f"submit {ref}")
    assert hall.diary.index("durable IntentRecorded") < sent
    assert hall.diary.index("durable OrderRefAssigned") < sent
    assert sent < hall.diary.index("acknowledge", sent)
    assert hall.observed == hall.journal.records


async def test_what_the_broker_says_is_durable_before_time_moves_on() -> None:
    hall = Hall()
    async with hall.running():
        ref = await hall.bought()
        await hall.instant(301, word("Submitted"), executed(ref, 500))
        assert [record.quantity for record in hall.journal.records if isinstance(record, FillRecorded)] == [500]
    assert hall.diary[-1] in {"acknowledge", "durable OrderEventSeen"}


async def test_only_the_last_quote_of_an_instant_counts() -> None:
    hall = Hall()
    async with hall.running():
        await hall.opened()
        await hall.instant(10, quote(1.0, 2.0), quote(0.0, 2.0), quote(99.0, 101.0))
    assert hall.engine.marks.price(AAA) == 100
    assert sum(hall.engine.marks.bad_quotes.values()) == 0


# ---- several words of the broker in one instant


async def test_an_acknowledgement_and_a_fill_of_one_instant_leave_nothing_working() -> None:
    hall = Hall()
    async with hall.running():
        ref = await hall.bought()
        await hall.instant(301, word("Submitted"), executed(ref, 500))
        assert hall.executor.working == ()
        assert hall.engine.orders.working() == []


async def test_a_fill_and_its_correction_of_one_instant_leave_the_corrected_position() -> None:
    hall = Hall()
    async with hall.running():
        ref = await hall.bought()
        await hall.instant(301, executed(ref, 500, "100.01"), executed(ref, 400, "100.00", "a.02"))
    ledger = hall.engine.accounts.slots[0].ledger
    assert ledger.position(AAA).quantity == 400
    assert ledger.cash == 100_000 - 400 * 100


async def test_fills_of_one_instant_are_booked_in_the_order_in_which_they_came() -> None:
    hall = Hall()
    async with hall.running():
        ref = await hall.bought()
        await hall.instant(
            301,
            executed(ref, 200, exec_id="a.01"),
            executed(ref, 200, exec_id="b.01"),
            executed(ref, 100, exec_id="c.01"),
        )
    assert [record.exec_id for record in hall.journal.records if isinstance(record, FillRecorded)] == [
        "a.01",
        "b.01",
        "c.01",
    ]


async def test_a_running_heart_and_one_restored_from_the_journal_agree_after_a_busy_instant() -> None:
    hall = Hall()
    async with hall.running():
        ref = await hall.bought()
        await hall.instant(
            301,
            word("Submitted"),
            executed(ref, 200, exec_id="a.01"),
            CommissionReported(exec_id="a.01", amount=Decimal(1), currency="USD"),
            executed(ref, 300, exec_id="b.01"),
            word("Filled"),
        )
    restored = Engine(hall.engine.setup)
    restored.restore(hall.journal.records)
    assert restored.state_hash() == hall.engine.state_hash()


# ---- the last look before the bytes


@pytest.mark.parametrize("state", [TradingState.PAUSED, TradingState.STOPPING, TradingState.HALTED])
async def test_an_order_is_withdrawn_when_trading_stopped_while_the_journal_wrote(state: TradingState) -> None:
    hall = Hall()

    def interfere(records: object) -> None:
        if any(isinstance(record, IntentRecorded) for record in records):  # type: ignore[attr-defined]
            hall.engine.set_state(at(300), state, strategy=None, who="ann", why="now")

    hall.journal.while_writing = interfere
    async with hall.running():
        await hall.opened()
        await hall.instant(300, quote(), bars(M5, 300))
        assert hall.broker.sent == []
        assert hall.executor.working == ()
        assert hall.engine.orders.working() == []
    assert [r.state for r in hall.journal.records if isinstance(r, OrderEventSeen)] == [
        OrderState.SENDING,
        OrderState.REJECTED,
    ]


async def test_an_opening_order_that_waits_to_be_sent_again_is_not_sent_once_trading_is_paused() -> None:
    hall = Hall()
    hall.broker.failures = 1
    async with hall.running():
        await hall.opened()
        await hall.instant(300, quote(), bars(M5, 300))
        await hall.instant(
            300.5, TradingStateSet(at=at(300.5), state=TradingState.HALTED, strategy=None, who="ann", why="now")
        )
        await hall.instant(302)
        await hall.instant(304)
    assert hall.broker.sent == []


async def test_nothing_is_sent_when_the_journal_fails() -> None:
    hall = Hall()
    async with hall.running() as task:
        await hall.opened()
        hall.journal.fails = True
        for item in (quote(), bars(M5, 300), InstantReached(at=at(300))):
            hall.inbox.put(item)
        with pytest.raises(JournalFailed):
            await asyncio.wait_for(asyncio.shield(task), 30)
    assert hall.broker.sent == []
    assert hall.broker.acknowledged == 1


# ---- between instants


async def test_an_instant_that_was_cut_off_is_worked_off_with_the_next_one() -> None:
    hall = Hall()
    async with hall.running():
        ref = await hall.bought()
        hall.inbox.put(executed(ref, 500))  # then the connection drops: no InstantReached
        for _ in range(5):
            await asyncio.sleep(0)
        assert not any(isinstance(record, FillRecorded) for record in hall.journal.records)
        await hall.instant(400)
        assert [r.exec_id for r in hall.journal.records if isinstance(r, FillRecorded)] == ["a.01"]


async def test_what_was_done_after_the_last_commit_is_made_durable_at_the_end() -> None:
    hall = Hall()
    async with hall.running():
        await hall.bought()
        assert not any(isinstance(r, OrderEventSeen) and r.source == "wire" for r in hall.journal.records)
    assert [r.text for r in hall.journal.records if isinstance(r, OrderEventSeen)] == ["", "sent"]


async def test_while_it_is_held_nothing_is_worked_off() -> None:
    hall = Hall()
    hall.sequencer.hold()
    async with hall.running():
        hall.inbox.put(SessionOpened(at=at(0), open_s=SESSION.open_s, close_s=SESSION.close_s))
        hall.inbox.put(InstantReached(at=at(0)))
        for _ in range(5):
            await asyncio.sleep(0)
        assert hall.broker.acknowledged == 0
        await hall.sequencer.apply([MarkDue(at=at(0), equity=True)])
        assert kinds(tuple(hall.journal.records)) == [EquityMarked, EquityMarked]
        hall.sequencer.release()
        await until(lambda: hall.broker.acknowledged == 1)


async def test_one_that_is_held_again_before_it_could_go_on_works_nothing_off() -> None:
    hall = Hall()
    hall.sequencer.hold()
    async with hall.running():
        hall.inbox.put(InstantReached(at=at(0)))
        await asyncio.sleep(0)
        hall.sequencer.release()
        hall.sequencer.hold()
        for _ in range(5):
            await asyncio.sleep(0)
        assert hall.broker.acknowledged == 0
        hall.sequencer.release()
        await until(lambda: hall.broker.acknowledged == 1)


async def test_what_was_heard_on_hold_is_in_its_bars_before_they_are_closed() -> None:
    hall = Hall(stepped=False)
    hall.assembler.begin_session(SESSION)
    hall.sequencer.hold()
    async with hall.running():
        hall.inbox.put(BarReported(instrument=AAA, bar=make_bar(SESSION.open_s + 5, 5)))
        caught_up = asyncio.create_task(hall.sequencer.until_caught_up())
        for _ in range(5):
            await asyncio.sleep(0)
        assert not caught_up.done()
        hall.sequencer.release()
        await asyncio.wait_for(caught_up, 30)
        assert sum(hall.assembler.fates.values()) == 1
        hall.sequencer.hold()
        hall.sequencer.release()  # with nothing heard
        await asyncio.wait_for(hall.sequencer.until_caught_up(), 30)


@pytest.mark.parametrize("bars_first", [False, True])
async def test_a_hold_while_bars_are_being_closed_lets_them_be_closed(bars_first: bool) -> None:
    hall = Hall()
    hall.assembler.begin_session(SESSION)
    loop = BarLoop(
        M5,
        clock=hall.clock,
        schedule=SCHEDULE,
        assembler=hall.assembler,
        grace=timedelta(seconds=2),
        caught_up=hall.sequencer.until_caught_up,
        post=hall.inbox.post,
    )
    came_up = asyncio.Event()

    async def link() -> None:
        await came_up.wait()
        hall.sequencer.hold()
        await hall.sequencer.apply([])
        hall.sequencer.release()

    async with hall.running(), asyncio.timeout(30):
        tasks = [asyncio.create_task(loop.run(asyncio.Event())), asyncio.create_task(link())]
        for _ in range(5):
            await asyncio.sleep(0)
        if not bars_first:
            came_up.set()
        hall.inbox.put(BarReported(instrument=AAA, bar=make_bar(SESSION.open_s + 300, 5)))
        hall.inbox.put(InstantReached(at=at(300)))
        came_up.set()  # heard in the same pass of the loop
        await tasks[1]
        await until(lambda: hall.broker.acknowledged == 1)
        assert loop.last_end == SESSION.open_s + 300
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_an_order_too_long_in_the_market_is_cancelled_at_its_instant() -> None:
    hall = Hall()
    async with hall.running():
        await hall.bought()
        await hall.instant(329.9)
        assert hall.broker.cancelled == []
        await hall.instant(330)
        assert hall.broker.cancelled == [1]


async def test_events_that_the_tasks_post_belong_to_the_instant_that_woke_them() -> None:
    hall = Hall()
    alarm = hall.clock.alarm()

    async def keeper() -> None:
        with hall.clock.participant():
            await alarm.sleep_until(at(100))
            hall.inbox.post(SessionClosed(at=hall.clock.now()))
            await alarm.sleep_until(at(10_000))

    task = asyncio.create_task(keeper())
    await asyncio.sleep(0)
    async with hall.running():
        await hall.opened()
        await hall.instant(100)
        assert [r.phase for r in hall.journal.records if isinstance(r, SessionMarked)] == ["OPENED", "CLOSED"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_person_s_word_waits_for_the_instant_and_comes_before_its_decisions() -> None:
    hall = Hall()
    async with hall.running():
        await hall.opened()
        await hall.instant(
            300,
            quote(),
            bars(M5, 300),
            TradingStateSet(at=at(300), state=TradingState.PAUSED, strategy=None, who="a", why="b"),
        )
    assert hall.broker.sent == []
    (decision,) = [record for record in hall.journal.records if isinstance(record, DecisionMade)]
    assert decision.outcome is Outcome.NOT_TRADING
    assert any(isinstance(record, TradingStateChanged) for record in hall.journal.records)


# ---- free running


async def test_in_free_running_a_deadline_is_kept_though_nothing_else_happens() -> None:
    stage = EngineStage(strategy_setup("one", ScriptedStrategy([M5], says(Signal.BUY))))
    stage.open()
    stage.step()
    hall = Hall(stepped=False)
    hall.executor._rules = replace(hall.executor._rules, timeout=timedelta(seconds=0.05))
    now = hall.clock.now()
    hall.executor.prepare(stage.orders[0], now)
    hall.executor.send(stage.orders[0], now)
    async with hall.running():
        hall.inbox.put(quote())  # the last thing that anybody says
        await asyncio.sleep(0.2)
    assert hall.broker.cancelled == [1]


async def test_the_same_events_give_the_same_records() -> None:
    def comparable(records: list[Record]) -> list[object]:
        return [replace(record, host_ns=0) if isinstance(record, OrderEventSeen) else record for record in records]

    runs = []
    for _ in range(2):
        hall = Hall()
        async with hall.running():
            ref = await hall.bought()
            await hall.instant(301, word("Submitted"), executed(ref, 200))
            await hall.instant(302, executed(ref, 300, exec_id="b.01"))
        runs.append(comparable([record for record in hall.journal.records if record.TABLE != "execution_check"]))
    assert runs[0] == runs[1]
