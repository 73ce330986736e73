"""The plain example: sides by two averages, and features that never look ahead."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from daemon.domain.decision import Reason, Signal
from daemon.market.windows import BarColumns, BarWindow
from daemon.strategies.protocol import Moment
from daemon.strategies.registry import build_strategy, parameter_faults
from daemon.strategies.sma_cross import SmaCross, SmaCrossParameters
from tests.fakes.engine_stage import M5, M15, make_bar


def columns(closes: list[float]) -> BarColumns:
    window = BarWindow()
    for number, close in enumerate(closes, start=1):
        window.append(make_bar(number * 300, 300, close))
    return window.columns()


def moment(strategy: SmaCross, closes: list[float]) -> Moment:
    made, bars = Moment(), columns(closes)
    made.timeframe, made.bars, made.features = M5, {M5: bars}, {M5: strategy.features(bars, M5)}
    return made


@pytest.fixture
def strategy() -> SmaCross:
    return SmaCross(SmaCrossParameters(fast=2, slow=4), (M15, M5))


@pytest.mark.parametrize(
    ("closes", "signal", "reason"),
    [
        ([1.0, 2.0, 3.0, 4.0], Signal.BUY, Reason.SIGNAL),  # 3.5 over 2.5
        ([4.0, 3.0, 2.0, 1.0], Signal.SELL, Reason.SIGNAL),
        ([2.0, 2.0, 2.0, 2.0], Signal.HOLD, Reason.NO_SIGNAL),
    ],
)
def test_the_side_is_the_one_of_the_fast_average(
    strategy: SmaCross, closes: list[float], signal: Signal, reason: Reason
) -> None:
    decision = strategy.decide(moment(strategy, closes))
    assert (decision.signal, decision.reason) == (signal, reason)
    assert set(decision.reasoning) == {"fast", "slow"}
    if signal is not Signal.HOLD:
        assert (decision.confidence, decision.expected_price) == (1.0, closes[-1])


def test_the_averages_are_those_of_the_last_bars(strategy: SmaCross) -> None:
    features = strategy.features(columns([1.0, 2.0, 3.0, 4.0, 10.0]), M5)
    assert features["fast"].tolist()[1:] == [1.5, 2.5, 3.5, 7.0]
    assert features["slow"].tolist()[3:] == [2.5, 4.75]
    assert np.isnan(features["slow"][:3]).all()


@settings(max_examples=50)
@given(st.lists(st.floats(1, 1000), min_size=5, max_size=60), st.data())
def test_features_of_a_prefix_are_a_prefix_of_the_features(closes: list[float], data: st.DataObject) -> None:
    strategy = SmaCross(SmaCrossParameters(fast=2, slow=4), (M5,))
    bars = columns(closes)
    count = data.draw(st.integers(4, len(closes)))
    whole, part = strategy.features(bars, M5), strategy.features(bars.head(count), M5)
    for name in whole:
        np.testing.assert_array_equal(whole[name][:count], part[name])


def test_timeframes_are_ascending_and_warmup_is_the_slow_length(strategy: SmaCross) -> None:
    assert strategy.timeframes == (M5, M15)
    assert strategy.warmup == 4


@pytest.mark.parametrize(
    "parameters", [{"fast": 5, "slow": 5}, {"fast": 0, "slow": 5}, {"slow": 1001}, {"speed": 1}, {"fast": "x"}]
)
def test_wrong_parameters_are_refused_in_words(parameters: dict[str, object]) -> None:
    assert parameter_faults("sma_cross", parameters)
    with pytest.raises(ValidationError):
        build_strategy("sma_cross", parameters, (M5,))


def test_right_parameters_build_the_strategy() -> None:
    assert parameter_faults("sma_cross", {"fast": 3, "slow": 9}) == []
    assert build_strategy("sma_cross", {"fast": 3, "slow": 9}, (M5,)).warmup == 9


def test_an_unknown_type_is_named_with_those_there_are() -> None:
    (fault,) = parameter_faults("nonsense", {})
    assert "nonsense" in fault
    assert "sma_cross" in fault
