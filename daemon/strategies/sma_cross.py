"""Two simple moving averages: long while the fast one is above the slow one, short or flat while it is below.

The signal is a state, not a crossing, so that a restart or a missed bar cannot lose it.
"""

from typing import Final

import numpy as np
import talib
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from daemon.domain.decision import Decision, Reason, Signal
from daemon.domain.timeframe import Timeframe
from daemon.market.windows import BarColumns
from daemon.strategies.protocol import Features, Moment

_HIGHEST_PERIOD: Final = 1000
_LONG: Final = Decision(signal=Signal.BUY, confidence=1.0)
_SHORT: Final = Decision(signal=Signal.SELL, confidence=1.0)


class SmaCrossParameters(BaseModel):
    """Lengths of the two averages, in bars of each timeframe."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fast: int = Field(default=10, ge=1, le=_HIGHEST_PERIOD, description="bars in the fast average")
    slow: int = Field(default=30, ge=2, le=_HIGHEST_PERIOD, description="bars in the slow average")

    @model_validator(mode="after")
    def _fast_is_shorter(self) -> "SmaCrossParameters":
        if self.fast >= self.slow:
            raise ValueError(f"fast must be below slow, was {self.fast} with slow {self.slow}")
        return self


class SmaCross:
    """The plain example, and the yardstick of the benchmarks."""

    Parameters = SmaCrossParameters

    def __init__(self, parameters: SmaCrossParameters, timeframes: tuple[Timeframe, ...]) -> None:
        self.parameters = parameters
        self.timeframes = tuple(sorted(timeframes))

    @property
    def warmup(self) -> int:
        """Return the length of the slow average."""
        return self.parameters.slow

    def features(self, bars: BarColumns, timeframe: Timeframe) -> Features:
        """Return both averages of the closes."""
        return {
            "fast": _average(bars.close, self.parameters.fast),
            "slow": _average(bars.close, self.parameters.slow),
        }

    def decide(self, moment: Moment) -> Decision:
        """Return BUY while fast > slow, SELL while fast < slow, HOLD on a tie."""
        fast, slow = moment.value("fast"), moment.value("slow")
        if not moment.explained and fast != slow:
            return _LONG if fast > slow else _SHORT
        reasoning = {"fast": fast, "slow": slow}
        if fast == slow:
            return Decision(
                signal=Signal.HOLD, reason=Reason.NO_SIGNAL, note="the averages are equal", reasoning=reasoning
            )
        signal = Signal.BUY if fast > slow else Signal.SELL
        return Decision(signal=signal, confidence=1.0, reasoning=reasoning, expected_price=moment.close)

    def decide_all(self, features: Features, bars: BarColumns) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
        """Return what `decide` returns, for all rows."""
        fast, slow = features["fast"], features["slow"]
        signal = np.where(fast > slow, 1, np.where(fast == slow, 0, -1))
        return signal.astype(np.int8), (fast != slow).astype(np.float64)


def _average(closes: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Return the moving average; TA-Lib knows none of a single bar."""
    return talib.SMA(closes, length) if length > 1 else closes.copy()
