"""What the fast path passes over is exactly what has no consequences: the rest of the records are the same."""

from collections.abc import Mapping
from decimal import Decimal

import pytest
from pydantic import BaseModel

from daemon.backtest.driver import Quietly
from daemon.domain.decision import Decision, Reason, Signal
from daemon.domain.records import DecisionMade, FillRecorded, IntentRecorded, RiskChecked, TradingStateChanged
from daemon.domain.timeframe import Timeframe
from daemon.market.windows import BarColumns
from daemon.strategies.protocol import Features, Moment
from daemon.strategies.sma_cross import SmaCross, SmaCrossParameters
from tests.unit.backtest.quiet_stage import (
    H1,
    M1,
    M5,
    M15,
    SYMBOLS,
    assert_same,
    run,
    setup,
    strategy,
    synthetic,
    trips,
)

WAYS: tuple[Quietly, ...] = ("decide", "decide_all")


def sma(*frames: Timeframe, fast: int = 10, slow: int = 30) -> SmaCross:
    return SmaCross(SmaCrossParameters(fast=fast, slow=slow), frames)


class Nothing(BaseModel):
    """No parameters."""


class Curious:
    """Looks at everything a moment has, and changes its mind often."""

    parameters = Nothing()

    def __init__(self, *frames: Timeframe, looks_at: str = "", fails_after: int = 0, warmup: int = 3) -> None:
        self.timeframes, self.warmup = frames, warmup
        self._looks_at, self._fails_after = looks_at, fails_after

    def features(self, bars: BarColumns, timeframe: Timeframe) -> Features:
        """Return something of every row."""
        return {"range": bars.high - bars.low, "close": bars.close * 1.0}

    def decide(self, moment: Moment) -> Decision:
        """Return what the prices' digits say."""
        digits = round(moment.value("close") * 100) + round(moment.close * 100) // 7
        memory: Mapping[str, object] | None = None
        if self._looks_at == "equity":
            digits += int(moment.equity) % 3
        elif self._looks_at == "memory":
            digits += int(str(moment.memory.get("count", 0)))
            memory = {"count": digits % 5} if digits % 9 == 0 else None
        elif self._looks_at == "everything":
            other = moment.timeframe if len(self.timeframes) == 1 else self.timeframes[-1]
            rows = len(moment.bars[other])
            digits += rows + int(100 * moment.value("range", other)) if rows else 0
            digits += sum(len(columns) for columns in moment.features[other].values())
            digits += moment.at.minute + (1 if moment.position > 0 else 0)
        if self._fails_after and len(moment.bars[moment.timeframe]) > self._fails_after and digits % 17 == 0:
            raise RuntimeError("planted")
        if digits % 11 < 7:
            return Decision(signal=Signal.HOLD, reason=Reason.NO_SIGNAL)
        confidence = (digits % 4) / 3
        return Decision(signal=Signal.BUY if digits % 2 else Signal.SELL, confidence=confidence, memory=memory)


@pytest.mark.parametrize("quietly", WAYS)
@pytest.mark.parametrize("allow_short", [False, True])
@pytest.mark.parametrize(("symbols", "seed"), [(1, 1), (1, 2), (3, 3)])
def test_one_timeframe(symbols: int, seed: int, allow_short: bool, quietly: Quietly) -> None:
    heart = setup([strategy("sma", sma(M1), SYMBOLS[:symbols], allow_short=allow_short)])
    told = run(heart, synthetic(heart, seed=seed, days=3), None)
    quiet = run(heart, synthetic(heart, seed=seed, days=3), quietly)
    assert_same(told, quiet)
    assert quiet.count(FillRecorded) > 10
    assert quiet.count(DecisionMade) < told.count(DecisionMade) / 5


@pytest.mark.parametrize("allow_short", [False, True])
@pytest.mark.parametrize("frames", [(M1, M5), (M5, M15, H1), (M1, M5, M15)])
def test_several_timeframes(frames: tuple[Timeframe, ...], allow_short: bool) -> None:
    heart = setup([strategy("sma", sma(*frames, fast=3, slow=9), SYMBOLS[:2], allow_short=allow_short, min_fresh=0.6)])
    told = run(heart, synthetic(heart, seed=4, days=3), None)
    quiet = run(heart, synthetic(heart, seed=4, days=3), "decide_all")
    assert_same(told, quiet)
    assert quiet.count(FillRecorded) > 2
    assert quiet.count(DecisionMade) < told.count(DecisionMade) / 2


@pytest.mark.parametrize("quietly", WAYS)
def test_two_strategies_on_the_same_and_on_other_symbols(quietly: Quietly) -> None:
    heart = setup([
        strategy("fast", sma(M1, fast=2, slow=5), SYMBOLS[:2], allow_short=True),
        strategy("slow", sma(M1, M5, fast=5, slow=20), SYMBOLS[1:], allow_short=False),
    ])  # fmt: skip
    told = run(heart, synthetic(heart, seed=6, days=2), None)
    quiet = run(heart, synthetic(heart, seed=6, days=2), quietly)
    assert_same(told, quiet)
    assert quiet.count(FillRecorded) > 50


@pytest.mark.parametrize("quietly", WAYS)
@pytest.mark.parametrize("daily_loss", [150, 400, 1000])
def test_loss_limits_act_at_the_same_bar(daily_loss: int, quietly: Quietly) -> None:
    strategies = [
        strategy("one", sma(M1), SYMBOLS[:2], allow_short=True, fraction="0.5", daily_loss=daily_loss),
        strategy("two", sma(M5), SYMBOLS[:1], allow_short=False, fraction="0.9"),
    ]
    heart = setup(strategies, daily_loss=daily_loss * 2)
    told = run(heart, synthetic(heart, seed=7, days=4), None)
    quiet = run(heart, synthetic(heart, seed=7, days=4), quietly)
    assert_same(told, quiet)
    assert trips(told) > 0
    assert quiet.count(TradingStateChanged) == told.count(TradingStateChanged)


@pytest.mark.parametrize("quietly", WAYS)
def test_nothing_is_ordered_in_a_dry_run(quietly: Quietly) -> None:
    heart = setup([strategy("sma", sma(M1), SYMBOLS[:2])], dry_run=True)
    told = run(heart, synthetic(heart, seed=8, days=1), None)
    quiet = run(heart, synthetic(heart, seed=8, days=1), quietly)
    assert_same(told, quiet)
    assert quiet.count(RiskChecked) > 0
    assert quiet.count(IntentRecorded) == 0


@pytest.mark.parametrize("quietly", WAYS)
@pytest.mark.parametrize("history", [4, 0])
def test_a_history_shorter_than_the_warm_up(history: int, quietly: Quietly) -> None:
    heart = setup([strategy("sma", sma(M1, fast=20, slow=100), SYMBOLS[:2], allow_short=True)], history=history or 1)
    told = run(heart, synthetic(heart, seed=9, days=3, history=history or 1), None)
    quiet = run(heart, synthetic(heart, seed=9, days=3, history=history or 1), quietly)
    assert_same(told, quiet)


@pytest.mark.parametrize("fraction", ["0.00001", "0.004", "0.0052"])
def test_sizes_that_round_to_nothing(fraction: str) -> None:
    heart = setup([strategy("sma", sma(M1), SYMBOLS[:1], allow_short=True, fraction=fraction)])
    told = run(heart, synthetic(heart, seed=10, days=1), None)
    quiet = run(heart, synthetic(heart, seed=10, days=1), "decide")
    assert_same(told, quiet)


@pytest.mark.parametrize("looks_at", ["", "equity", "memory", "everything"])
@pytest.mark.parametrize("frames", [(M1,), (M5, M15), (M1, M5, H1)])
def test_strategies_that_look_at_more_than_features(frames: tuple[Timeframe, ...], looks_at: str) -> None:
    heart = setup([strategy("odd", Curious(*frames, looks_at=looks_at), SYMBOLS[:2], allow_short=True)])
    told = run(heart, synthetic(heart, seed=11, days=1), None)
    quiet = run(heart, synthetic(heart, seed=11, days=1), "decide")
    assert_same(told, quiet)


@pytest.mark.parametrize("frames", [(M1,), (M5, M15)])
def test_a_strategy_that_fails_is_stopped_at_the_same_bar(frames: tuple[Timeframe, ...]) -> None:
    heart = setup([
        strategy("bad", Curious(*frames, fails_after=230), SYMBOLS[:2], allow_short=True),
        strategy("good", sma(M1), SYMBOLS[:2]),
    ])  # fmt: skip
    told = run(heart, synthetic(heart, seed=12, days=2), None)
    quiet = run(heart, synthetic(heart, seed=12, days=2), "decide")
    assert_same(told, quiet)


def test_a_capital_that_is_lost_and_positions_without_room() -> None:
    heart = setup(
        [strategy("sma", sma(M1, fast=2, slow=5), SYMBOLS[:2], allow_short=True, capital=2000, fraction="0.5")]
    )
    told = run(heart, synthetic(heart, seed=13, days=2), None)
    quiet = run(heart, synthetic(heart, seed=13, days=2), "decide_all")
    assert_same(told, quiet)
    assert Decimal(0) < Decimal(told.count(FillRecorded))
