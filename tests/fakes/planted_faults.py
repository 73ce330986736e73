"""Strategies with everything else that can be wrong with one: each `paperd check` must name."""

from collections.abc import Callable
from typing import Any

import numpy as np
from pydantic import BaseModel

from daemon.domain.decision import Decision, Signal
from daemon.domain.timeframe import Timeframe
from daemon.market.windows import BarColumns
from daemon.strategies.protocol import Features, Moment

_CHANCE = np.random.default_rng()


class NoParameters(BaseModel):
    """Nothing can be set."""


class Sound:
    """Nothing is wrong with it; the others inherit what they do not spoil."""

    Parameters: type[BaseModel] = NoParameters
    warmup = 3

    def __init__(self, parameters: BaseModel, timeframes: tuple[Timeframe, ...]) -> None:
        self.parameters = parameters
        self.timeframes = timeframes

    def features(self, bars: BarColumns, timeframe: Timeframe) -> Features:
        return {"change": np.append(np.nan, np.diff(bars.close))}

    def decide(self, moment: Moment) -> Decision:
        change = moment.value("change")
        return Decision(signal=Signal.BUY if change > 0 else Signal.SELL, confidence=0.5, reasoning={"change": change})


class Counts(Sound):
    """Keeps a count in the instance: every third decision is another one."""

    made = 0

    def decide(self, moment: Moment) -> Decision:
        self.made += 1
        return Decision(signal=Signal.HOLD) if self.made % 3 == 0 else super().decide(moment)


class CountsInMemory(Sound):
    """The same count where it belongs."""

    def decide(self, moment: Moment) -> Decision:
        made = moment.memory.get("made", 0)
        assert isinstance(made, int)
        signal = Signal.HOLD if made % 3 == 0 else Signal.BUY
        return Decision(signal=signal, memory={"made": made + 1})


class Dices(Sound):
    """Adds a little chance that nobody seeded."""

    def features(self, bars: BarColumns, timeframe: Timeframe) -> Features:
        return {"change": super().features(bars, timeframe)["change"] + _CHANCE.normal(0, 1e-6, len(bars))}


class WritesBars(Sound):
    """Mends the data it was lent."""

    def features(self, bars: BarColumns, timeframe: Timeframe) -> Features:
        bars.close[-1] = bars.open[-1]
        return super().features(bars, timeframe)


class ForcesBars(Sound):
    """Does so although it was told not to."""

    def features(self, bars: BarColumns, timeframe: Timeframe) -> Features:
        bars.volume.flags.writeable = True
        bars.volume[0] += 1
        return super().features(bars, timeframe)


class WritesFeatures(Sound):
    """Changes in `decide` what `features` found."""

    def decide(self, moment: Moment) -> Decision:
        array: Any = moment.features[moment.timeframe]["change"]
        array[-1] = 0.0
        return super().decide(moment)


class WritesMemory(Sound):
    """Changes memory in place instead of returning it."""

    def decide(self, moment: Moment) -> Decision:
        memory: Any = moment.memory
        memory["made"] = 1
        return super().decide(moment)


class ReusesArray(Sound):
    """Returns one array again and again."""

    def __init__(self, parameters: BaseModel, timeframes: tuple[Timeframe, ...]) -> None:
        super().__init__(parameters, timeframes)
        self.space = np.empty(100_000)

    def features(self, bars: BarColumns, timeframe: Timeframe) -> Features:
        found = self.space[: len(bars)]
        found[:] = super().features(bars, timeframe)["change"]
        return {"change": found}


def returning(change: Callable[[Features], Any]) -> type[Sound]:
    """Return a strategy whose features are changed into something else."""

    class Odd(Sound):
        def features(self, bars: BarColumns, timeframe: Timeframe) -> Any:
            return change(super().features(bars, timeframe))

    return Odd


def deciding(decide: Callable[[Moment], Any]) -> type[Sound]:
    """Return a strategy that decides so."""

    class Odd(Sound):
        def decide(self, moment: Moment) -> Any:
            return decide(moment)

    return Odd
