"""A heart rebuilt from its own records is the heart that wrote them, after whatever happened."""

# mypy: disable-error-code="comparison-overlap, unreachable, unused-ignore"

from collections.abc import Callable
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.domain.decision import Decision, Signal, StrategyId
from daemon.domain.fill import Fill
from daemon.domain.order import OrderState
from daemon.domain.records import EquityMarked, OrderEventSeen, Record
from daemon.domain.trading_state import TradingState
from daemon.engine.engine import Engine
from daemon.strategies.protocol import Moment
from tests.fakes.engine_stage import AAA, M5, M15, NEXT_SESSION, SESSION, EngineStage, strategy_setup
from tests.fakes.scripted_strategy import ScriptedStrategy, says

ENDS = [OrderState.CANCELLED, OrderState.REJECTED, OrderState.UNKNOWN, OrderState.FILLED, OrderState.PARTIALLY_FILLED]


class Play:
    """A stage driven by drawn numbers; order states go into the records as the executor would write them."""

    def __init__(self) -> None:
        self.turns: dict[str, Signal] = {"one": Signal.HOLD, "two": Signal.HOLD}
        self.stage = EngineStage(
            strategy_setup("one", ScriptedStrategy([M5], self._says("one")), allow_short=True),
            strategy_setup("two", ScriptedStrategy([M5, M15], self._says("two"))),
        )
        self.fills: list[Fill] = []
        self.stage.open()

    def _says(self, name: str) -> Callable[[Moment], Decision]:
        def answer(moment: Moment) -> Decision:
            return Decision(
                signal=self.turns[name], confidence=1.0, memory={"last": moment.close, "count": len(moment.memory)}
            )

        return answer

    def do(self, kind: int, a: int, b: int) -> None:
        stage, orders = self.stage, self.stage.orders
        match kind:
            case 0:
                self.turns[("one", "two")[a % 2]] = list(Signal)[b % 3]
                if stage.at < SESSION.close:
                    stage.step(M5, 95.0 + b % 10)
            case 1 if orders:
                order = orders[a % len(orders)]
                self.fills.append(stage.fill(order, 1 + b % 50, str(95 + b % 10)))
            case 2 if orders:
                order, state = orders[a % len(orders)], ENDS[b % len(ENDS)]
                stage.order_state(order.intent.order_ref, state)
                stage.records.append(
                    OrderEventSeen(
                        at=stage.at,
                        order_ref=order.intent.order_ref,
                        state=state,
                        source="orderStatus",
                        code=0,
                        text="",
                        filled=Decimal(0),
                        host_ns=0,
                    )
                )
            case 3 if self.fills:
                stage.commission(self.fills[a % len(self.fills)], str(Decimal(b % 7) / 4))
            case 4 if self.fills:
                at = a % len(self.fills)
                if int(self.fills[at].exec_id[-1]) < 9:
                    self.fills[at] = stage.correct(self.fills[at], quantity=1 + b % 50, price=str(95 + b % 9))
            case 5:
                stage.set_state(
                    [TradingState.RUNNING, TradingState.PAUSED, TradingState.REDUCE_ONLY][b % 3],
                    (None, "one", "two")[a % 3],
                )
            case 6:
                stage.mark()
            case 7 if a % 5 == 0 and stage.at < NEXT_SESSION.open:
                stage.at = SESSION.close
                stage.close()
                stage.open(NEXT_SESSION)
            case _:
                pass


def restored(stage: EngineStage, records: list[Record]) -> Engine:
    engine = Engine(stage.setup)
    engine.restore(records)
    return engine


STEPS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 30), st.integers(0, 100)), max_size=40)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_a_heart_restored_from_its_records_equals_the_running_one(steps: list[tuple[int, int, int]]) -> None:
    play = Play()
    for step in steps:
        play.do(*step)
    assert restored(play.stage, play.stage.records).state_hash() == play.stage.engine.state_hash()


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_the_same_events_give_the_same_records_and_orders(steps: list[tuple[int, int, int]]) -> None:
    plays = [Play(), Play()]
    for play in plays:
        for step in steps:
            play.do(*step)
    one, other = plays
    assert one.stage.records == other.stage.records
    assert one.stage.orders == other.stage.orders
    assert one.stage.engine.state_hash() == other.stage.engine.state_hash()


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_cash_and_positions_of_the_ledgers_come_from_their_fills_alone(steps: list[tuple[int, int, int]]) -> None:
    play = Play()
    for step in steps:
        play.do(*step)
    owner = {order.intent.order_ref: order.intent.strategy for order in play.stage.orders}
    for slot in play.stage.engine.accounts.slots:
        own = [fill for fill in play.fills if owner[fill.order_ref] == slot.id]
        assert slot.ledger.position(AAA).quantity == sum((fill.signed_quantity for fill in own), Decimal(0))
        flow = sum((fill.signed_quantity * fill.price for fill in own), Decimal(0))
        assert slot.ledger.cash == slot.ledger.capital - flow - slot.ledger.commission


def test_restoring_nothing_is_a_heart_that_never_traded() -> None:
    stage = EngineStage(strategy_setup("one", ScriptedStrategy([M5], says(Signal.HOLD))))
    assert restored(stage, []).state_hash() == stage.engine.state_hash()


def test_the_last_rows_of_equity_are_enough() -> None:
    play = Play()
    for step in [(0, 0, 0), (1, 0, 9), (6, 0, 0), (0, 0, 1), (6, 0, 0), (7, 0, 0), (6, 0, 0)]:
        play.do(*step)
    latest = {record.strategy: record for record in play.stage.records if isinstance(record, EquityMarked)}
    kept = [
        record
        for record in play.stage.records
        if not isinstance(record, EquityMarked) or record is latest[record.strategy]
    ]
    assert restored(play.stage, kept).state_hash() == play.stage.engine.state_hash()


def test_a_shutdown_ends_with_its_process_and_a_halt_does_not() -> None:
    stage = EngineStage(strategy_setup("one", ScriptedStrategy([M5], says(Signal.HOLD))))
    stage.set_state(TradingState.STOPPING)
    assert restored(stage, stage.records).state is TradingState.RUNNING
    stage.set_state(TradingState.HALTED)
    stage.set_state(TradingState.STOPPING)
    assert restored(stage, stage.records).state is TradingState.HALTED


def test_what_a_strategy_that_is_gone_did_is_left_out() -> None:
    play = Play()
    for step in [(0, 0, 0), (1, 0, 9), (3, 0, 4), (5, 1, 1)]:
        play.do(*step)
    alone = EngineStage(strategy_setup("two", ScriptedStrategy([M5, M15], says(Signal.HOLD))))
    engine = restored(alone, play.stage.records)
    assert [slot.id for slot in engine.accounts.slots] == ["two"]
    assert engine.accounts.find(StrategyId("one")) is None


def test_memory_is_not_moved_on_by_joining_a_session() -> None:
    def count(moment: Moment) -> Decision:
        return Decision(signal=Signal.HOLD, memory={"n": int(str(moment.memory.get("n", 0))) + 1})

    stage = EngineStage(strategy_setup("one", ScriptedStrategy([M5], count)))
    stage.history(M5, [100.0, 101.0])
    stage.open()  # the signal of the newest bar is worked out, and nothing is recorded
    assert restored(stage, stage.records).state_hash() == stage.engine.state_hash()
    stage.step()
    stage.step()
    again = Engine(stage.setup)
    again.restore(stage.records)
    assert again.accounts.slots[0].memory == stage.engine.accounts.slots[0].memory == {AAA: {"n": 2}}
