"""Windows anchored by the calendar, and what a strategy's slot keeps."""

from datetime import UTC, datetime

from daemon.domain.bar import Bar
from daemon.domain.decision import Decision, Reason, Signal
from daemon.engine.series import SeriesStore
from daemon.engine.strategy_slot import LatestSignal, StrategySlot
from tests.fakes.engine_stage import AAA, BBB, H1, M5, M15, NEXT_SESSION, SCHEDULE, SESSION, make_bar, strategy_setup
from tests.fakes.scripted_strategy import ScriptedStrategy, says


def filled(history: int, count: int) -> SeriesStore:
    """Return a store whose 5m window of AAA ends with the first bar of SESSION, `count` bars long."""
    store, ends, moment = (
        SeriesStore(SCHEDULE, history=history),
        list[int](),
        datetime.fromtimestamp(SESSION.open_s + 300, UTC),
    )
    for _ in range(count):
        ends.insert(0, SCHEDULE.last_end(moment, M5))
        moment = datetime.fromtimestamp(ends[0] - 1, UTC)
    store.load(AAA, M5, [make_bar(end, 300) for end in ends])
    return store


def test_the_anchor_leaves_so_many_bars_before_the_first_of_the_session() -> None:
    store = filled(history=10, count=100)
    store.anchor(SESSION)
    ends = store.window(AAA, M5).columns().end.tolist()
    assert len(ends) == 11
    assert [end for end in ends if end <= SESSION.open_s] == ends[:10]
    assert ends[-1] == SESSION.open_s + 300


def test_the_anchor_reaches_over_several_sessions() -> None:
    store = filled(history=100, count=150)
    store.anchor(SESSION)
    assert len(store.window(AAA, M5)) == 101


def test_a_window_shorter_than_its_anchor_is_kept() -> None:
    store = filled(history=10, count=3)
    store.anchor(SESSION)
    assert len(store.window(AAA, M5)) == 3


def test_live_and_restarted_windows_have_the_same_first_row() -> None:
    live, fresh = filled(history=10, count=100), filled(history=10, count=11)
    live.anchor(SESSION)
    fresh.anchor(SESSION)
    assert live.window(AAA, M5).columns().end.tolist() == fresh.window(AAA, M5).columns().end.tolist()
    live.anchor(NEXT_SESSION)
    assert len(live.window(AAA, M5)) == 0


def test_loading_puts_bars_in_the_place_of_others_and_leaves_out_what_is_not_newer() -> None:
    store = SeriesStore(SCHEDULE, history=2)
    store.load(AAA, M5, [make_bar(300, 300), make_bar(600, 300)])
    bars: list[Bar] = [make_bar(900, 300), make_bar(900, 300, 5.0), make_bar(600, 300)]
    store.load(AAA, M5, bars)
    columns = store.columns(AAA, [M5, M15])
    assert columns[M5].end.tolist() == [900]
    assert len(columns[M15]) == 0
    assert len(store.window(BBB, M5)) == 0


def slot_of(*frames: object) -> StrategySlot:
    return StrategySlot.of(strategy_setup("one", ScriptedStrategy(frames or (M5, H1), says(Signal.BUY))))  # type: ignore[arg-type]


def test_a_signal_is_remembered_with_its_bar_and_one_of_the_warm_up_is_not() -> None:
    slot = slot_of()
    slot.remember(AAA, M5, Decision(signal=Signal.BUY, confidence=0.5), 300)
    slot.remember(AAA, M5, Decision(signal=Signal.HOLD, reason=Reason.WARMUP), 600)
    assert slot.signals[AAA][M5] == LatestSignal(Signal.BUY, 0.5, 300)


def test_memory_is_kept_until_another_takes_its_place() -> None:
    slot = slot_of()
    slot.remember(AAA, M5, Decision(signal=Signal.HOLD, memory={"a": 1}), 300)
    slot.remember(AAA, H1, Decision(signal=Signal.HOLD), 300)
    assert slot.memory == {AAA: {"a": 1}}
    slot.remember(AAA, M5, Decision(signal=Signal.HOLD, memory={}), 600)
    assert slot.memory == {AAA: {}}


def test_a_signal_is_fresh_while_its_bar_is_the_last_that_was_due() -> None:
    slot = slot_of(M5)
    slot.remember(AAA, M5, Decision(signal=Signal.BUY, confidence=1.0), 600)
    assert slot.combined(AAA, {M5: 600}).signal is Signal.BUY
    stale = slot.combined(AAA, {M5: 900})
    assert (stale.signal, stale.enough_fresh) == (Signal.HOLD, False)


def test_a_timeframe_that_never_spoke_is_not_fresh() -> None:
    slot = slot_of(M5, H1)
    slot.remember(AAA, M5, Decision(signal=Signal.BUY, confidence=1.0), 600)
    assert slot.combined(AAA, {M5: 600, H1: 600}).enough_fresh is False  # .1 of .4
