"""A strategy that changes its mind on nearly every bar, so that a few minutes of market bring many orders."""

from hashlib import blake2b
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from daemon.domain.decision import Decision, Signal
from daemon.domain.timeframe import Timeframe
from daemon.market.windows import BarColumns
from daemon.strategies.protocol import Features, Moment

_SIGNALS: Final = (Signal.BUY, Signal.SELL, Signal.BUY, Signal.SELL, Signal.HOLD)


class RestlessParameters(BaseModel):
    """What the moods depend on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(default=0, ge=0, description="another seed, other moods")


class Restless:
    """Decides by a hash of seed, instrument and bar: the same bar gets the same answer, in every run of the seed."""

    Parameters = RestlessParameters
    warmup = 1

    def __init__(self, parameters: RestlessParameters, timeframes: tuple[Timeframe, ...]) -> None:
        self.parameters = parameters
        self.timeframes = tuple(sorted(timeframes))

    def features(self, bars: BarColumns, timeframe: Timeframe) -> Features:
        """Return the closes; a hash needs no more."""
        return {"close": bars.close.copy()}

    def decide(self, moment: Moment) -> Decision:
        """Return the mood of this bar."""
        end = int(moment.bars[moment.timeframe].end[-1])
        digest = blake2b(f"{self.parameters.seed}|{moment.instrument}|{end}".encode(), digest_size=1).digest()
        signal = _SIGNALS[digest[0] % len(_SIGNALS)]
        return Decision(signal=signal, confidence=0.0 if signal is Signal.HOLD else 1.0, expected_price=moment.close)
