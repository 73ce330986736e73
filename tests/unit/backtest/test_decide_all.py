"""`decide_all` of the strategies that ship says what `decide` says, row by row."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.domain.decision import Decision, Signal
from daemon.domain.timeframe import Timeframe
from daemon.market.windows import BarColumns
from daemon.strategies.protocol import DecidesAll, Moment
from daemon.strategies.sma_cross import SmaCross, SmaCrossParameters

M1 = Timeframe.parse("1m")
_CODE = {Signal.BUY: 1, Signal.SELL: -1, Signal.HOLD: 0}


class Briefly(Moment):
    """A moment nobody reads explanations of."""

    __slots__ = ()

    explained = False


def columns(closes: list[float]) -> BarColumns:
    close = np.array(closes, np.float64)
    ends = np.arange(1, len(closes) + 1, dtype=np.int64) * 60
    return BarColumns(ends - 60, ends, close, close, close, close, close * 0 + 1, close, ends * 0 + 1)


def asked(strategy: SmaCross, bars: BarColumns, moment: Moment) -> Decision:
    """Return the answer of `decide` on the last of `bars`."""
    moment.timeframe, moment.bars = M1, {M1: bars}
    moment.features = {M1: strategy.features(bars, M1)}
    return strategy.decide(moment)


@settings(max_examples=60, deadline=None)
@given(
    ticks=st.lists(st.integers(1, 40), min_size=2, max_size=60),
    fast=st.integers(1, 8),
    more=st.integers(1, 8),
    scale=st.sampled_from([0.01, 1.0, 0.1, 1e4]),
)
def test_sma_cross_decides_all_as_it_decides_each(ticks: list[int], fast: int, more: int, scale: float) -> None:
    strategy = SmaCross(SmaCrossParameters(fast=fast, slow=fast + more), (M1,))
    bars = columns([tick * scale for tick in ticks])
    assert isinstance(strategy, DecidesAll)
    signal, confidence = strategy.decide_all(strategy.features(bars, M1), bars)
    assert (signal.dtype.name, confidence.dtype.name) == ("int8", "float64")
    for count in range(strategy.warmup, len(ticks) + 1):
        decided, brief = (asked(strategy, bars.head(count), moment) for moment in (Moment(), Briefly()))
        assert (_CODE[decided.signal], decided.confidence) == (int(signal[count - 1]), float(confidence[count - 1]))
        assert (brief.signal, brief.confidence, brief.memory) == (decided.signal, decided.confidence, decided.memory)
