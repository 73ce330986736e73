"""The heart as a story: from history to a flat book, and every way in which a bar can come to nothing."""

# mypy: disable-error-code="comparison-overlap, unreachable, unused-ignore"

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from daemon.domain.decision import Decision, Outcome, Reason, Signal
from daemon.domain.events import BarRevised, QuoteChanged
from daemon.domain.order import OrderState, Side
from daemon.domain.records import (
    AlertRaised,
    BarRevisionSeen,
    BarSeen,
    CommissionRecorded,
    DecisionMade,
    EquityMarked,
    FillRecorded,
    GapSeen,
    IntentRecorded,
    PositionMarked,
    RiskChecked,
    SessionMarked,
    TradingStateChanged,
)
from daemon.domain.standing import Access, LinkState
from daemon.domain.trading_state import TradingState
from daemon.risk.limits import AccountGuard
from daemon.strategies.protocol import Moment
from tests.fakes.engine_stage import (
    AAA,
    BBB,
    H1,
    H4,
    M5,
    M15,
    NEXT_SESSION,
    SESSION,
    WIDE,
    EngineStage,
    make_bar,
    strategy_setup,
)
from tests.fakes.scripted_strategy import ScriptedStrategy, says

BUY, SELL, HOLD = says(Signal.BUY), says(Signal.SELL), says(Signal.HOLD, reason=Reason.NO_SIGNAL)


def stage_of(
    answer: Callable[[Moment], Decision] = BUY, *, warmup: int = 1, **setup: Any
) -> tuple[EngineStage, ScriptedStrategy]:
    strategy = ScriptedStrategy([M5], answer, warmup=warmup)
    return EngineStage(strategy_setup("one", strategy, **setup)), strategy


def only(stage: EngineStage) -> DecisionMade:
    (decision,) = stage.of(DecisionMade)
    return decision


def test_a_day_from_history_to_flat() -> None:
    stage, strategy = stage_of(warmup=3)
    stage.history(M5, [100.0, 100.5, 101.0])
    opened = stage.open()
    assert [type(record) for record in opened] == [SessionMarked, EquityMarked, EquityMarked]
    strategy.answer = says(Signal.BUY, expected_price=100.004, reasoning={"x": 1.0}, note="up")

    said = stage.step(close=100.0)
    decision, intent = only(stage), stage.of(IntentRecorded)[0]
    assert (decision.outcome, decision.combined, decision.buy_score, decision.position) == (
        Outcome.ORDER,
        Signal.BUY,
        1.0,
        0,
    )
    assert (decision.note, dict(decision.reasoning), decision.expected_price) == ("up", {"x": 1.0}, 100.004)
    assert decision.order_ref == intent.order_ref
    assert (intent.side, intent.quantity, intent.decision_price, intent.reserved_value) == (
        Side.BUY,
        500,
        Decimal("100.00"),
        Decimal("50000.00"),
    )
    assert {RiskChecked, DecisionMade, IntentRecorded} <= {type(record) for record in said}
    (order,) = stage.orders
    assert order.intent.bar_end == order.intent.decided_at == stage.at
    assert order.intent.received_host_ns == 1

    bought = stage.fill(order, 200, "100.01")
    assert [type(record) for record in stage.last] == [FillRecorded, PositionMarked]
    rest = stage.fill(order, 300, "100.02")
    stage.order_state(order.intent.order_ref, OrderState.FILLED)
    stage.commission(bought, "1.00")
    assert stage.of(CommissionRecorded)[0].amount == 1
    stage.commission(rest, "1.50")

    strategy.answer = SELL
    stage.step(close=101.0)
    assert only(stage).position == 500
    sell = stage.orders[1]
    assert (sell.intent.side, sell.intent.quantity, sell.intent.reduces) == (Side.SELL, 500, True)
    stage.fill_all(sell, "101.00")

    ledger = stage.engine.accounts.slots[0].ledger
    assert ledger.position(AAA).quantity == 0
    gain = 500 * Decimal(101) - 200 * Decimal("100.01") - 300 * Decimal("100.02")
    assert ledger.realized_pnl == gain
    assert ledger.cash == 100_000 + gain - Decimal("2.50")
    stage.at = SESSION.close
    assert [type(record) for record in stage.close()] == [EquityMarked, EquityMarked, SessionMarked]


def test_the_bars_seen_are_recorded_as_they_came() -> None:
    stage, _ = stage_of(HOLD)
    stage.open()
    stage.pass_s(300)
    (seen,) = stage.bars(M5, 100.25)
    assert isinstance(seen, BarSeen)
    assert (seen.instrument, seen.timeframe, seen.end, seen.close, seen.trades) == (
        AAA,
        "5m",
        int(stage.at.timestamp()),
        100.25,
        10,
    )


def test_too_little_history_holds() -> None:
    stage, strategy = stage_of(warmup=3)
    stage.history(M5, [100.0])
    stage.open()
    stage.step()
    decision = only(stage)
    assert (decision.signal, decision.reason, decision.outcome) == (Signal.HOLD, Reason.WARMUP, Outcome.WARMUP)
    assert decision.note == "2 of 3 bars"
    assert strategy.seen == []
    stage.step()
    assert only(stage).outcome is Outcome.ORDER


def test_a_missing_bar_is_a_gap_and_a_decision_without_data() -> None:
    stage, strategy = stage_of()
    stage.open()
    stage.pass_s(300)
    (gap,) = stage.bars(M5, instruments=(), missing=(AAA,))
    assert isinstance(gap, GapSeen)
    stage.instant()
    decision = only(stage)
    assert (decision.reason, decision.outcome, decision.signal) == (Reason.NO_DATA, Outcome.NONE, Signal.HOLD)
    assert strategy.seen == []
    assert stage.orders == []


def test_a_bar_that_repeats_is_neither_recorded_nor_decided_twice() -> None:
    stage, strategy = stage_of()
    stage.open()
    stage.step()
    assert stage.bars(M5, 100.0) == ()
    assert stage.instant() == ()
    assert len(strategy.seen) == 1
    assert len(stage.orders) == 1


def test_an_instant_without_bars_decides_nothing() -> None:
    stage, _ = stage_of()
    stage.open()
    assert stage.instant() == ()


def test_the_longer_timeframe_sees_the_bar_of_the_shorter_one_that_ended_with_it() -> None:
    strategy = ScriptedStrategy([M5, H1], BUY)
    stage = EngineStage(strategy_setup("one", strategy))
    stage.open()
    stage.at = SESSION.open + timedelta(minutes=30)
    stage.quote()
    now = int(stage.at.timestamp())
    stage.bars(M5)
    stage.bars(H1)
    stage.instant()
    assert strategy.seen == [(AAA, "5m", {"5m": now, "1h": now}), (AAA, "1h", {"5m": now, "1h": now})]
    shorter, longer = stage.of(DecisionMade)
    assert (shorter.timeframe, shorter.outcome) == ("5m", Outcome.COMBINED)
    assert (longer.timeframe, longer.outcome, longer.order_ref) == (
        "1h",
        Outcome.ORDER,
        stage.orders[0].intent.order_ref,
    )
    assert len(stage.orders) == 1


def test_decisions_come_by_timeframe_then_instrument_then_strategy() -> None:
    both = [ScriptedStrategy([M5, M15], HOLD) for _ in range(2)]
    stage = EngineStage(
        strategy_setup("zulu", both[0], instruments=(BBB, AAA)),
        strategy_setup("alpha", both[1], instruments=(AAA, BBB)),
    )
    stage.open()
    stage.at += timedelta(minutes=15)
    stage.bars(M15, instruments=(BBB, AAA))
    stage.bars(M5, instruments=(BBB, AAA))
    stage.instant()
    assert [(d.timeframe, d.instrument, d.strategy) for d in stage.of(DecisionMade)] == [
        (timeframe, name, strategy)
        for timeframe in ("5m", "15m")
        for name in (AAA, BBB)
        for strategy in ("zulu", "alpha")
    ]


def test_no_bar_is_seen_before_it_has_ended() -> None:
    strategy = ScriptedStrategy([M5, H1], HOLD)
    stage = EngineStage(strategy_setup("one", strategy))
    stage.open()
    for _ in range(8):
        stage.step(M5)
        if stage.at == SESSION.open + timedelta(minutes=30):
            stage.bars(H1)
            stage.instant()
        assert all(end <= stage.at.timestamp() for _, _, newest in strategy.seen for end in newest.values())


def test_when_the_longest_bar_is_missing_the_next_longest_acts() -> None:
    stage = EngineStage(strategy_setup("one", ScriptedStrategy([M5, M15], BUY)))
    stage.history(M15, [100.0])
    stage.open()
    stage.at += timedelta(minutes=15)
    stage.quote()
    stage.bars(M5)
    stage.bars(M15, instruments=(), missing=(AAA,))
    stage.instant()
    shorter, longer = stage.of(DecisionMade)
    assert longer.reason is Reason.NO_DATA
    # The 5m bar weighs a third: too little is fresh, and the record has to say that instead of COMBINED into nothing.
    assert shorter.outcome is Outcome.STALE_SIGNALS


def test_too_little_fresh_weight_is_told_as_stale() -> None:
    stage = EngineStage(strategy_setup("one", ScriptedStrategy([M5, H4], BUY)))
    stage.open()
    stage.step(M5)
    decision = only(stage)
    assert (decision.outcome, decision.combined) == (Outcome.STALE_SIGNALS, Signal.HOLD)


def raising(_: Moment) -> Decision:
    raise ZeroDivisionError("oops")


def test_a_strategy_that_raises_is_stopped_alone_and_reported_once() -> None:
    bad, good = ScriptedStrategy([M5], raising), ScriptedStrategy([M5], BUY)
    stage = EngineStage(strategy_setup("bad", bad), strategy_setup("good", good))
    stage.open()
    stage.step()
    outcomes = {d.strategy: (d.reason, d.outcome) for d in stage.of(DecisionMade)}
    assert outcomes == {"bad": (Reason.STRATEGY_FAILED, Outcome.NONE), "good": (Reason.SIGNAL, Outcome.ORDER)}
    (alert,) = stage.of(AlertRaised)
    assert (alert.level, alert.name, alert.strategy) == ("CRITICAL", "strategy.failed", "bad")
    assert "ZeroDivisionError: oops" in alert.text
    stage.step()
    assert stage.of(AlertRaised) == []
    assert len(bad.seen) == 1


def test_a_strategy_that_takes_too_long_is_stopped_alone_and_what_it_said_is_not_used() -> None:
    ticks = iter(range(0, 10**12, 60_000_000))
    slow, other = ScriptedStrategy([M5], BUY), ScriptedStrategy([M5], BUY)
    stage = EngineStage(
        strategy_setup("slow", slow, time_budget_ms=50.0),
        strategy_setup("other", other, time_budget_ms=60.0),
        host_ns=lambda: next(ticks),
    )
    stage.open()
    stage.step()
    reasons = {d.strategy: (d.reason, d.outcome) for d in stage.of(DecisionMade)}
    assert reasons == {"slow": (Reason.STRATEGY_FAILED, Outcome.NONE), "other": (Reason.SIGNAL, Outcome.ORDER)}
    assert "60.0 ms" in stage.of(AlertRaised)[0].text


def test_without_a_stopwatch_there_is_no_time_budget() -> None:
    stage, _ = stage_of(time_budget_ms=0.0)
    stage.open()
    stage.step()
    assert only(stage).outcome is Outcome.ORDER


def test_a_strategy_that_fails_while_the_windows_are_primed_is_reported_all_the_same() -> None:
    stage, _ = stage_of(raising)
    stage.history(M5, [100.0, 101.0])
    stage.open()
    stage.step()
    assert only(stage).reason is Reason.STRATEGY_FAILED
    assert [record.name for record in stage.records if isinstance(record, AlertRaised)] == ["strategy.failed"]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda _: None, id="no decision at all"),
        pytest.param(says(Signal.BUY, expected_price=math.nan), id="expected price NaN"),
        pytest.param(says(Signal.BUY, expected_price=math.inf), id="expected price infinite"),
    ],
)
def test_an_answer_that_is_no_decision_stops_its_strategy_alone(answer: Callable[[Moment], Decision]) -> None:
    good = ScriptedStrategy([M5], BUY)
    stage = EngineStage(strategy_setup("bad", ScriptedStrategy([M5], answer)), strategy_setup("good", good))
    stage.open()
    stage.step()
    outcomes = {str(d.strategy): d.outcome for d in stage.of(DecisionMade)}
    assert outcomes["good"] is Outcome.ORDER
    assert outcomes["bad"] is not Outcome.ORDER


@pytest.mark.parametrize("price", [0.0, -1.0, math.nan])
def test_an_exit_with_an_expected_price_no_market_gives_still_has_a_price_to_be_measured_by(price: float) -> None:
    stage, strategy = stage_of(BUY)
    stage.open()
    stage.step()
    stage.fill_all(stage.orders[0])
    strategy.answer = says(Signal.SELL, expected_price=price)
    stage.step()
    for order in stage.orders[1:]:
        assert order.intent.decision_price > 0


def test_while_an_order_works_no_second_one_is_made() -> None:
    stage, _ = stage_of()
    stage.open()
    stage.step()
    stage.step()
    assert only(stage).outcome is Outcome.WORKING_ORDER
    stage.order_state(stage.orders[0].intent.order_ref, OrderState.CANCELLED)
    stage.step()
    assert only(stage).outcome is Outcome.ORDER


def test_a_lost_exit_does_not_bar_the_next_one_and_a_lost_entry_does() -> None:
    stage, strategy = stage_of()
    stage.open()
    stage.step()
    stage.fill_all(stage.orders[0])
    strategy.answer = SELL
    stage.step()
    stage.order_state(stage.orders[1].intent.order_ref, OrderState.UNKNOWN)
    stage.step()
    assert only(stage).outcome is Outcome.WORKING_ORDER  # it may still be there
    stage.order_state(stage.orders[1].intent.order_ref, OrderState.LOST)
    stage.step()
    assert only(stage).outcome is Outcome.ORDER
    assert stage.orders[-1].intent.reduces
    stage.fill_all(stage.orders[-1])
    strategy.answer = BUY
    stage.step()
    assert only(stage).outcome is Outcome.REFUSED
    assert len(stage.orders) == 3


def test_what_is_held_already_is_not_bought_again() -> None:
    stage, _ = stage_of()
    stage.open()
    stage.step()
    stage.fill_all(stage.orders[0])
    stage.step(close=150.0)
    assert only(stage).outcome is Outcome.IN_POSITION


@pytest.mark.parametrize(
    ("answer", "setup", "outcome"),
    [
        (HOLD, {}, Outcome.NO_SIDE),
        (SELL, {}, Outcome.NOT_SHORTABLE),
        (SELL, {"allow_short": True}, Outcome.ORDER),
        (BUY, {"capital": 100}, Outcome.TOO_SMALL),
        (SELL, {"capital": 100, "allow_short": True}, Outcome.TOO_SMALL),
        (BUY, {"limits": replace(WIDE, position_shares=Decimal(10))}, Outcome.REFUSED),
    ],
)
def test_what_follows_from_a_signal(
    answer: Callable[[Moment], Decision], setup: dict[str, Any], outcome: Outcome
) -> None:
    stage, _ = stage_of(answer, **setup)
    stage.open()
    stage.step()
    assert only(stage).outcome is outcome
    assert bool(stage.orders) is (outcome is Outcome.ORDER)


def test_without_a_fresh_quote_nothing_is_opened() -> None:
    stage, _ = stage_of()
    stage.open()
    stage.step(quote=False)
    assert only(stage).outcome is Outcome.NO_QUOTE
    (judged,) = stage.of(RiskChecked)
    assert (judged.passed, judged.checks[-1].control) == (False, "quote_age_s")
    assert all(check.passed for check in judged.checks[:-1])


@pytest.mark.parametrize(("bid", "ask"), [(math.nan, 1.0), (0.0, 1.0), (-1.0, 1.0), (2.0, 1.0)])
def test_a_bad_quote_is_never_traded_on(bid: float, ask: float) -> None:
    stage, _ = stage_of()
    stage.open()
    stage.pass_s(300)
    stage.quote()
    stage.tell(QuoteChanged(at=stage.at, instrument=AAA, bid=bid, ask=ask, bid_size=1, ask_size=1))
    stage.bars(M5)
    stage.instant()
    assert only(stage).outcome is Outcome.NO_QUOTE


def short_then_buy(**setup: Any) -> EngineStage:
    stage, strategy = stage_of(SELL, allow_short=True, **setup)
    stage.open()
    stage.step()
    stage.fill_all(stage.orders[0], "99.99")
    strategy.answer = BUY
    return stage


def test_a_flip_is_one_order() -> None:
    stage = short_then_buy()
    stage.step()
    order = stage.orders[1].intent
    assert (order.side, order.quantity) == (Side.BUY, 500 + 499)  # half of an equity of 99,995 at 100
    assert order.reduces is False


def test_a_flip_that_may_not_open_closes_instead() -> None:
    stage = short_then_buy()
    stage.set_state(TradingState.PAUSED)
    stage.step()
    order = stage.orders[1].intent
    assert (order.side, order.quantity, order.reduces) == (Side.BUY, 500, True)
    decision = only(stage)
    assert (decision.outcome, decision.order_ref) == (Outcome.ORDER, order.order_ref)
    references = {check.order_ref for check in stage.of(RiskChecked)}
    assert len(references) == 2


@pytest.mark.parametrize(("first", "then", "side"), [(SELL, BUY, Side.BUY), (BUY, SELL, Side.SELL)])
def test_an_exit_is_made_even_where_the_other_side_would_round_to_nothing(
    first: Callable[[Moment], Decision], then: Callable[[Moment], Decision], side: Side
) -> None:
    # Half of 300 buys one share at 100; at 170 (or after losses) it buys none, yet the position has to go.
    stage, strategy = stage_of(first, allow_short=True, capital=300)
    stage.open()
    stage.step(close=100.0)
    stage.fill_all(stage.orders[0], "100.00")
    strategy.answer = then
    stage.step(close=400.0 if first is BUY else 170.0)
    if first is BUY:  # long one share at 400, equity 600: half is 300, no share to sell short
        assert stage.engine.accounts.slots[0].ledger.position(AAA).quantity == 1
    assert [(order.intent.side, order.intent.reduces) for order in stage.orders[1:]] == [(side, True)]


def test_a_bar_that_ends_the_session_makes_no_order() -> None:
    stage, _ = stage_of()
    stage.open()
    stage.at = SESSION.close - timedelta(minutes=5)
    stage.step()
    assert stage.at == SESSION.close
    assert only(stage).outcome is Outcome.SESSION_CLOSED


def test_before_any_session_was_opened_no_order_is_made() -> None:
    stage, _ = stage_of()
    stage.step()
    assert only(stage).outcome is Outcome.SESSION_CLOSED


def test_a_dry_run_decides_everything_and_orders_nothing() -> None:
    stage = EngineStage(strategy_setup("one", ScriptedStrategy([M5], BUY)), dry_run=True)
    stage.open()
    stage.step()
    decision = only(stage)
    assert (decision.outcome, decision.order_ref is not None) == (Outcome.DRY_RUN, True)
    assert stage.orders == []
    assert stage.of(IntentRecorded) == []
    (judged,) = stage.of(RiskChecked)
    assert judged.passed
    assert all(check.passed for check in judged.checks)
    stage.step()
    assert only(stage).outcome is Outcome.DRY_RUN


@pytest.mark.parametrize(
    ("state", "opens", "closes"),
    [
        (TradingState.PAUSED, Outcome.NOT_TRADING, Outcome.ORDER),
        (TradingState.REDUCE_ONLY, Outcome.NOT_TRADING, Outcome.ORDER),
        (TradingState.HALTED, Outcome.NOT_TRADING, Outcome.NOT_TRADING),
        (TradingState.STOPPING, Outcome.NOT_TRADING, Outcome.NOT_TRADING),
    ],
)
@pytest.mark.parametrize("strategy_only", [False, True])
def test_states_forbid_opening_and_let_exits_go_on_but_for_the_hardest(
    state: TradingState, opens: Outcome, closes: Outcome, strategy_only: bool
) -> None:
    if strategy_only and state is TradingState.STOPPING:
        pytest.skip("a single strategy is never shut down")
    named = "one" if strategy_only else None
    stage, _ = stage_of()
    stage.open()
    stage.set_state(state, named)
    stage.step()
    assert only(stage).outcome is opens

    stage, strategy = stage_of()
    stage.open()
    stage.step()
    stage.fill_all(stage.orders[0])
    stage.set_state(state, named)
    strategy.answer = SELL
    stage.step()
    assert only(stage).outcome is closes


def test_pausing_one_strategy_leaves_the_other_alone() -> None:
    stage = EngineStage(
        strategy_setup("one", ScriptedStrategy([M5], BUY)), strategy_setup("two", ScriptedStrategy([M5], BUY))
    )
    stage.open()
    (changed,) = stage.set_state(TradingState.PAUSED, "one")
    assert isinstance(changed, TradingStateChanged)
    assert (changed.state, changed.strategy, changed.who) == ("PAUSED", "one", "ann")
    assert stage.set_state(TradingState.PAUSED, "one") == ()
    stage.step()
    assert {d.strategy: d.outcome for d in stage.of(DecisionMade)} == {"one": Outcome.NOT_TRADING, "two": Outcome.ORDER}


def test_a_production_port_refuses_everything() -> None:
    stage = EngineStage(
        strategy_setup("one", ScriptedStrategy([M5], BUY)), guard=AccountGuard(account="DU1", port=7496)
    )
    stage.open()
    stage.step()
    assert only(stage).outcome is Outcome.REFUSED


def test_the_account_the_broker_names_is_the_one_that_counts() -> None:
    stage, _ = stage_of()
    stage.engine.set_account("U7654321")
    stage.open()
    stage.step()
    assert only(stage).outcome is Outcome.REFUSED


def losing_stage(drop: str, **limits: Any) -> EngineStage:
    """Return a stage that holds 500 units bought at 100 and marked at `drop`."""
    stage, _ = stage_of(limits=replace(WIDE, **limits))
    stage.open()
    stage.step(close=100.0)
    stage.fill_all(stage.orders[0], "100")
    stage.quote(float(drop), float(drop))
    return stage


def test_the_daily_loss_allows_only_reducing_until_the_next_day() -> None:
    stage = losing_stage("96", daily_loss_value=Decimal(2_000))
    stage.mark(equity=False)
    changes = [(r.state, r.strategy) for r in stage.of(TradingStateChanged)]
    assert ("REDUCE_ONLY", "one") in changes
    assert any(alert.name == "breaker.tripped" for alert in stage.of(AlertRaised))
    stage.mark(equity=False)
    assert stage.of(TradingStateChanged) == []
    stage.at = SESSION.close
    stage.close()
    stage.open(NEXT_SESSION)
    assert {(r.state, r.strategy) for r in stage.of(TradingStateChanged)} == {("RUNNING", None), ("RUNNING", "one")}
    stage.mark(equity=False)
    assert stage.of(TradingStateChanged) == []


def test_the_emergency_loss_halts_and_the_next_day_does_not_lift_it() -> None:
    stage = losing_stage("90", emergency_loss=Decimal(5_000))
    stage.mark(equity=False)
    assert stage.engine.state is TradingState.HALTED
    stage.at = SESSION.close
    stage.close()
    stage.open(NEXT_SESSION)
    assert stage.engine.state is TradingState.HALTED
    stage.set_state(TradingState.RUNNING)
    assert stage.engine.state is TradingState.RUNNING


def test_breakers_act_before_the_decisions_of_an_instant() -> None:
    stage = losing_stage("96")
    stage.engine.accounts.slots[0].setup.strategy.answer = BUY  # type: ignore[attr-defined]
    stage.step(close=95.0)
    kinds = [type(record) for record in stage.last]
    assert kinds.index(TradingStateChanged) < kinds.index(DecisionMade)


def test_a_pause_by_a_person_outlives_a_daily_limit() -> None:
    stage = losing_stage("96")
    stage.set_state(TradingState.PAUSED)
    stage.mark(equity=False)  # the account's own limit trips as well
    stage.at = SESSION.close
    stage.close()
    stage.open(NEXT_SESSION)
    assert stage.engine.state.may_open is False


@pytest.mark.parametrize("asked", [TradingState.RUNNING, TradingState.PAUSED])
def test_a_shutdown_that_has_begun_is_not_taken_back(asked: TradingState) -> None:
    stage, _ = stage_of()
    stage.open()
    stage.set_state(TradingState.STOPPING)
    stage.set_state(asked)
    stage.step()
    assert stage.engine.state is TradingState.STOPPING
    assert stage.orders == []


def test_pausing_a_halted_daemon_does_not_loosen_it() -> None:
    stage, _ = stage_of()
    stage.open()
    stage.set_state(TradingState.HALTED)
    stage.set_state(TradingState.PAUSED)
    assert stage.engine.state is TradingState.HALTED


def test_daily_counters_start_again_with_the_next_session_only() -> None:
    stage, strategy = stage_of(limits=replace(WIDE, daily_trades=1))
    stage.open()
    stage.step()
    stage.fill_all(stage.orders[0])
    strategy.answer = SELL
    stage.step()
    stage.fill_all(stage.orders[1], "100")
    strategy.answer = BUY
    stage.step()
    assert only(stage).outcome is Outcome.REFUSED
    assert stage.open() == ()  # joined again: nothing starts anew
    stage.step()
    assert only(stage).outcome is Outcome.REFUSED
    stage.at = SESSION.close
    stage.close()
    stage.open(NEXT_SESSION)
    stage.step()
    assert only(stage).outcome is Outcome.ORDER


def test_a_revision_is_recorded_changes_the_window_and_decides_nothing() -> None:
    stage, strategy = stage_of(HOLD)
    stage.open()
    stage.step(close=100.0)
    revised = make_bar(int(stage.at.timestamp()), 300, 101.0)
    (seen,) = stage.tell(BarRevised(at=stage.at, instrument=AAA, timeframe=M5, bar=revised))
    assert isinstance(seen, BarRevisionSeen)
    assert seen.close == 101.0
    assert stage.engine.series.window(AAA, M5).columns().close[-1] == 101.0
    assert stage.instant() == ()
    assert len(strategy.seen) == 1


def test_features_are_of_the_same_rows_as_the_bars_after_the_windows_were_anchored_again() -> None:
    rows: list[tuple[int, int, bool]] = []

    def look(moment: Moment) -> Decision:
        bars, ends = moment.bars[H1], moment.features[H1]["end"]
        rows.append((len(bars), len(ends), len(bars) == len(ends) and bool((bars.end == ends).all())))
        return Decision(signal=Signal.HOLD)

    stage = EngineStage(strategy_setup("one", ScriptedStrategy([M5, H1], look)))
    stage.history(H1, [100.0] * 6)
    stage.open()
    stage.step(H1)
    stage.step(M5)
    stage.at = SESSION.close
    stage.bars(H1)
    stage.instant()
    stage.close()
    stage.open(NEXT_SESSION)  # the window now begins later
    stage.step(M5)
    assert rows[-1][2], rows


def test_features_follow_a_revision_of_another_timeframe() -> None:
    values: list[tuple[float, float]] = []

    def look(moment: Moment) -> Decision:
        values.append((float(moment.bars[H1].close[-1]), moment.value("close", H1)))
        return Decision(signal=Signal.HOLD)

    stage = EngineStage(strategy_setup("one", ScriptedStrategy([M5, H1], look)))
    stage.open()
    stage.at = SESSION.open + timedelta(minutes=30)
    stage.bars(H1, 100.0)
    stage.instant()
    stage.tell(
        BarRevised(at=stage.at, instrument=AAA, timeframe=H1, bar=make_bar(int(stage.at.timestamp()), 3600, 105.0))
    )
    stage.step(M5)
    assert values[-1] == (105.0, 105.0)


def test_a_fill_or_commission_of_an_order_that_is_not_ours_changes_nothing() -> None:
    stage, _ = stage_of()
    stage.open()
    stage.step()
    before = stage.engine.state_hash()
    stranger = replace(stage.orders[0], intent=replace(stage.orders[0].intent, order_ref="pd-x-1"))  # type: ignore[arg-type]
    fill = stage.fill(stranger, 10)
    assert [(type(record), getattr(record, "name", "")) for record in stage.last] == [
        (AlertRaised, "fill.unattributed")
    ]
    stage.commission(fill, "1")
    assert stage.last == ()
    assert stage.engine.state_hash() == before


def test_what_fills_for_a_strategy_that_is_no_longer_configured_is_kept_and_counted() -> None:
    stage, _ = stage_of()
    stage.open()
    stage.step()
    (order,) = stage.orders
    without = EngineStage(strategy_setup("another", ScriptedStrategy([M5], BUY)))
    without.engine.restore(stage.records)
    without.open()
    fill = without.fill(order, 10)
    assert [(type(record), getattr(record, "name", "")) for record in without.last] == [
        (FillRecorded, ""), (AlertRaised, "fill.unattributed"),
    ]  # fmt: skip
    without.commission(fill, "1")
    assert [type(record) for record in without.last] == [CommissionRecorded]
    assert without.engine.accounts.total_positions() == {AAA: Decimal(10)}
    kept = [*stage.records, *without.records]
    again = EngineStage(without.setup.strategies[0])
    again.engine.restore(kept)
    assert again.engine.accounts.total_positions() == {AAA: Decimal(10)}
    back, _ = stage_of()
    back.engine.restore(kept)
    ledger = back.engine.accounts.slots[0].ledger
    assert (ledger.position(AAA).quantity, ledger.commission) == (Decimal(10), Decimal(1))


def test_a_correction_leaves_the_position_as_if_it_had_been_right_at_once() -> None:
    stage, _ = stage_of()
    stage.open()
    stage.step()
    wrong = stage.fill(stage.orders[0], 500, "100.01")
    right = stage.correct(wrong, quantity=400, price="99.50")
    assert stage.of(FillRecorded)[0].replaces == wrong.exec_id
    ledger = stage.engine.accounts.slots[0].ledger
    assert ledger.position(AAA).quantity == 400
    assert ledger.cash == 100_000 - 400 * right.price
    assert stage.engine.orders.working()[0].remaining == 100


def test_the_commission_of_a_correction_takes_the_place_of_the_one_it_corrects() -> None:
    stage, _ = stage_of()
    stage.open()
    stage.step()
    wrong = stage.fill(stage.orders[0], 500, "100.01")
    stage.commission(wrong, "5.00")
    right = stage.correct(wrong, quantity=400, price="100.01")
    stage.commission(right, "4.00")
    assert stage.engine.accounts.slots[0].ledger.commission == 4


def test_two_strategies_are_kept_apart_in_one_account() -> None:
    stage = EngineStage(
        strategy_setup("one", ScriptedStrategy([M5], BUY)),
        strategy_setup("two", ScriptedStrategy([M5], BUY), capital=50_000),
    )
    stage.open()
    stage.step()
    first, second = stage.orders
    assert (first.intent.quantity, second.intent.quantity) == (500, 250)
    stage.fill_all(first)
    one, two = stage.engine.accounts.slots
    assert (one.ledger.position(AAA).quantity, two.ledger.position(AAA).quantity) == (500, 0)
    assert two.ledger.cash == 50_000


def test_our_own_orders_never_cross() -> None:
    one, two = ScriptedStrategy([M5], BUY), ScriptedStrategy([M5], says(Signal.SELL))
    stage = EngineStage(strategy_setup("one", one), strategy_setup("two", two, allow_short=True))
    stage.open()
    stage.step()
    outcomes = {d.strategy: d.outcome for d in stage.of(DecisionMade)}
    assert outcomes == {"one": Outcome.ORDER, "two": Outcome.REFUSED}
    assert [judged.checks[-1].control for judged in stage.of(RiskChecked) if not judged.passed] == ["self_cross"]


def test_memory_comes_back_in_the_next_moment() -> None:
    seen: list[object] = []

    def count(moment: Moment) -> Decision:
        seen.append(dict(moment.memory))
        return Decision(signal=Signal.HOLD, memory={"n": len(seen)})

    stage, _ = stage_of(count)
    stage.open()
    stage.step()
    assert only(stage).memory == {"n": 1}
    stage.step()
    assert seen == [{}, {"n": 1}]


def test_an_approved_order_may_no_longer_go_out_once_the_connection_is_lost() -> None:
    stage, _ = stage_of()
    stage.history(M5, [100.0, 100.5])
    stage.open()
    stage.step(close=100.0)
    (order,) = stage.orders
    assert stage.engine.may_send(order)
    stage.engine.set_access(Access(state=LinkState.DISCONNECTED))
    assert stage.engine.hindrance(order) == "the connection is DISCONNECTED"
    stage.engine.set_access(Access(restart="the gateway restarts at 23:45 EST"))
    assert stage.engine.hindrance(order) == "the gateway restarts at 23:45 EST"
    closing = replace(order, intent=replace(order.intent, reduces=True))
    assert stage.engine.may_send(closing)
