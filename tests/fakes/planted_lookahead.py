"""Strategies that know what comes after a bar, each in another way: `paperd check` must find them all."""

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from daemon.domain.decision import Decision, Signal
from daemon.domain.timeframe import Timeframe
from daemon.market.windows import BarColumns
from daemon.strategies.protocol import Features, Moment


class NoParameters(BaseModel):
    """Nothing can be set."""


class CentredAverage:
    """Compares the close with an average of the five bars around it: two of them have yet to come."""

    Parameters: type[BaseModel] = NoParameters
    warmup = 5

    def __init__(self, parameters: BaseModel, timeframes: tuple[Timeframe, ...]) -> None:
        self.parameters = parameters
        self.timeframes = timeframes

    def features(self, bars: BarColumns, timeframe: Timeframe) -> Features:
        return {"close": bars.close, "level": self.level(bars.close)}

    def level(self, close: NDArray[np.float64]) -> NDArray[np.float64]:
        found = np.full(len(close), np.nan)
        for row in range(2, len(close)):
            found[row] = close[row - 2 : row + 3].mean()
        return found

    def decide(self, moment: Moment) -> Decision:
        level = moment.value("level")
        signal = Signal.BUY if moment.close < level else Signal.SELL
        return Decision(signal=signal, confidence=1.0, reasoning={"level": level})


class NextClose(CentredAverage):
    """Shifts the closes the wrong way."""

    def level(self, close: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.roll(close, -1)


class Normalised(CentredAverage):
    """Takes the mean of all closes there are."""

    def level(self, close: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.full(len(close), close.mean())


class KeepsBars(CentredAverage):
    """Features are honest; `decide` looks at the bars that `features` was given."""

    def level(self, close: NDArray[np.float64]) -> NDArray[np.float64]:
        self.seen = close
        return close.copy()

    def decide(self, moment: Moment) -> Decision:
        last = float(self.seen[-1])
        signal = Signal.BUY if last > moment.close else Signal.SELL
        return Decision(signal=signal, confidence=1.0, reasoning={"last": last})
