"""The Strategy protocol and the `Moment` a decision is made in."""

import math
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from daemon.domain.decision import Decision
from daemon.domain.instrument import InstrumentId
from daemon.domain.timeframe import Timeframe
from daemon.market.windows import BarColumns

Features = Mapping[str, NDArray[np.float64]]
"""Feature name -> values of shape (n,), one a bar; NaN where there is too little history."""


class Moment:
    """All that a decision may look at. One object is reused from decision to decision: keep nothing of it."""

    __slots__ = ("at", "bars", "equity", "features", "instrument", "memory", "position", "timeframe")

    explained: ClassVar[bool] = True
    """False where nobody will read reasoning, note and expected price: a fast backtest that asks again, with True,
    wherever anything follows. A strategy may answer with constants then; signal and confidence must be the same."""

    at: datetime  # market time, UTC
    instrument: InstrumentId
    timeframe: Timeframe  # whose bar has just closed
    bars: Mapping[Timeframe, BarColumns]  # completed bars of this instrument
    features: Mapping[Timeframe, Features]  # of the same rows
    position: Decimal  # the strategy's own, units
    equity: Decimal  # the strategy's own, quote currency
    memory: Mapping[str, object]  # what the last decision left here

    def value(self, name: str, timeframe: Timeframe | None = None) -> float:
        """Return the latest value of a feature, of the triggering timeframe unless another is named."""
        return float(self.features[timeframe or self.timeframe][name][-1])

    @property
    def close(self) -> float:
        """Return the close of the triggering bar."""
        return float(self.bars[self.timeframe].close[-1])


@runtime_checkable
class DecidesAll(Protocol):
    """What a strategy may offer beside `decide`, where that looks at the closed bar's own timeframe and nothing else.

    Position, equity, memory and other timeframes play no part; the expected price is the close. Tests prove that the
    answers are those of `decide`.
    """

    def decide_all(self, features: Features, bars: BarColumns) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
        """Return signal (1 BUY, -1 SELL, 0 HOLD) and confidence of all rows; those of the warm-up do not count."""
        ...


class Strategy(Protocol):
    """Turns completed bars into decisions, deterministically: the same bars give the same decisions."""

    @property
    def parameters(self) -> BaseModel:
        """Return the validated parameters."""
        ...

    @property
    def timeframes(self) -> tuple[Timeframe, ...]:
        """Return the timeframes whose bars trigger a decision, ascending."""
        ...

    @property
    def warmup(self) -> int:
        """Return how many bars of a timeframe a decision needs."""
        ...

    def features(self, bars: BarColumns, timeframe: Timeframe) -> Features:
        """Return the features of all rows; row i may depend on rows 0..i only."""
        ...

    def decide(self, moment: Moment) -> Decision:
        """Return the decision for the bar that has just closed."""
        ...


def sound(decision: object) -> Decision:
    """Return a strategy's answer if it can be used.

    Raises:
        TypeError, ValueError: it is no decision, or expects a price that no market gives.
    """
    if not isinstance(decision, Decision):
        raise TypeError(f"decide must return a Decision, returned {type(decision).__name__}")
    price = decision.expected_price
    if price is not None and not (math.isfinite(price) and price > 0):
        raise ValueError(f"expected_price must be finite and > 0, was {price}")
    return decision
