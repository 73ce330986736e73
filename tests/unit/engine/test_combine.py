"""Several timeframes become one side: an answer table worked by hand from REQUIREMENTS 3.3."""

# mypy: disable-error-code="comparison-overlap, unreachable, unused-ignore"

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.decision import Signal
from daemon.domain.timeframe import Timeframe
from daemon.engine.combine import CombinationRule, TimeframeSignal, combine
from tests.fakes.engine_stage import H1, H4, M1, M5, M15

RULE = CombinationRule(weights={M5: 0.1, M15: 0.2, H1: 0.3, H4: 0.4})
B, S, H = Signal.BUY, Signal.SELL, Signal.HOLD


def sig(timeframe: Timeframe, signal: Signal, confidence: float = 1.0, *, fresh: bool = True) -> TimeframeSignal:
    return TimeframeSignal(timeframe, signal, confidence, fresh)


@pytest.mark.parametrize(
    ("signals", "winner", "buy", "sell"),
    [
        ([sig(M5, B), sig(M15, B), sig(H1, B), sig(H4, B)], B, 1.0, 0.0),
        ([sig(M5, B), sig(M15, B), sig(H1, B), sig(H4, S)], H, 0.6, 0.4),  # exactly the threshold is not above it
        ([sig(M5, S), sig(M15, B), sig(H1, S), sig(H4, S)], S, 0.2, 0.8),
        ([sig(M5, H), sig(M15, H), sig(H1, B), sig(H4, B)], B, 0.7, 0.0),  # holding dilutes
        ([sig(M5, B), sig(M15, B, 0.5), sig(H1, B), sig(H4, B, 0.4)], B, 0.66, 0.0),  # confidence counts
        (
            [sig(M5, B), sig(M15, H, fresh=False), sig(H1, H, fresh=False), sig(H4, B)],
            B,
            1.0,
            0.0,
        ),  # .5 of the weight: renormalised
        (
            [sig(M5, B), sig(M15, B, fresh=False), sig(H1, B), sig(H4, B, fresh=False)],
            H,
            1.0,
            0.0,
        ),  # .4 of the weight: too little
        ([sig(M1, S), sig(M5, B)], H, 0.5, 0.5),  # an unnamed timeframe weighs .1
        ([sig(M1, S)], S, 0.0, 1.0),
        ([], H, 0.0, 0.0),
    ],
)
def test_the_side_that_wins(signals: list[TimeframeSignal], winner: Signal, buy: float, sell: float) -> None:
    combined = combine(signals, RULE)
    assert combined.signal is winner
    assert (combined.buy, combined.sell) == (pytest.approx(buy), pytest.approx(sell))


def test_nothing_fresh_wins_nothing_and_divides_by_nothing() -> None:
    combined = combine([sig(M5, B, fresh=False)], RULE)
    assert (combined.signal, combined.enough_fresh, combined.fresh_weight) == (H, False, 0.0)


def test_two_sides_above_a_low_threshold_and_equal_win_nothing() -> None:
    rule = CombinationRule(weights={M5: 1.0, M15: 1.0}, threshold=0.3)
    assert combine([sig(M5, B), sig(M15, S)], rule).signal is H


def test_the_stronger_of_two_sides_above_a_low_threshold_wins() -> None:
    rule = CombinationRule(weights={M5: 1.0, M15: 1.5}, threshold=0.3)
    assert combine([sig(M5, B), sig(M15, S)], rule).signal is S


def test_the_score_just_above_the_threshold_wins() -> None:
    rule = CombinationRule(weights={M5: 0.6001, M15: 0.3999})
    assert combine([sig(M5, B), sig(M15, H)], rule).signal is B


@given(
    st.lists(
        st.tuples(
            st.sampled_from([M1, M5, M15, H1, H4]), st.sampled_from(list(Signal)), st.floats(0, 1), st.booleans()
        ),
        max_size=5,
        unique_by=lambda item: item[0],
    )
)
def test_scores_stay_within_bounds_and_swapping_the_sides_swaps_the_winner(
    items: list[tuple[Timeframe, Signal, float, bool]],
) -> None:
    mirror = {B: S, S: B, H: H}
    one = combine([sig(t, s, c, fresh=f) for t, s, c, f in items], RULE)
    other = combine([sig(t, mirror[s], c, fresh=f) for t, s, c, f in items], RULE)
    assert 0 <= one.buy <= 1 + 1e-9
    assert 0 <= one.buy + one.sell <= 1 + 1e-9
    assert (one.buy, one.sell) == (other.sell, other.buy)
    assert mirror[one.signal] is other.signal
