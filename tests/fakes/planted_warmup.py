"""Strategies that ask for another number of bars than they need."""

import numpy as np
import talib
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from daemon.domain.decision import Decision, Signal
from daemon.domain.timeframe import Timeframe
from daemon.market.windows import BarColumns
from daemon.strategies.protocol import Features, Moment


class LengthParameters(BaseModel):
    """How long the average is, and what is said of it."""

    period: int = Field(default=50, ge=2)
    says: int = Field(default=30, ge=1)


class ShortWarmup:
    """An average of the last 50 bars, or of as many as there are; it says that 30 will do."""

    Parameters = LengthParameters

    def __init__(self, parameters: LengthParameters, timeframes: tuple[Timeframe, ...]) -> None:
        self.parameters = parameters
        self.timeframes = timeframes

    @property
    def warmup(self) -> int:
        return self.parameters.says

    def features(self, bars: BarColumns, timeframe: Timeframe) -> Features:
        return {"mean": self.average(bars.close)}

    def average(self, close: NDArray[np.float64]) -> NDArray[np.float64]:
        first = [max(0, row + 1 - self.parameters.period) for row in range(len(close))]
        return np.array([close[start : row + 1].mean() for row, start in enumerate(first)])

    def decide(self, moment: Moment) -> Decision:
        mean = moment.value("mean")
        return Decision(
            signal=Signal.BUY if moment.close > mean else Signal.SELL, confidence=1.0, reasoning={"mean": mean}
        )


class MissingAverage(ShortWarmup):
    """The same average by TA-Lib, which is NaN before there are 50 bars; it then holds."""

    def average(self, close: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = talib.SMA(close, self.parameters.period)
        return found

    def decide(self, moment: Moment) -> Decision:
        mean = moment.value("mean")
        if np.isnan(mean):
            return Decision(signal=Signal.HOLD)
        return super().decide(moment)


class Exponential(ShortWarmup):
    """An exponential average, which never forgets quite."""

    def average(self, close: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = talib.EMA(close, self.parameters.period)
        return found


class RaisesWhenShort(ShortWarmup):
    """Cannot do with what it asks for."""

    def average(self, close: NDArray[np.float64]) -> NDArray[np.float64]:
        if len(close) < self.parameters.period:
            raise ValueError(f"I need {self.parameters.period} bars")
        return super().average(close)
