"""A strategy that says what it is told to say, and remembers what it was shown."""

from collections.abc import Callable, Sequence

from pydantic import BaseModel

from daemon.domain.decision import Decision, Signal
from daemon.domain.timeframe import Timeframe
from daemon.market.windows import BarColumns
from daemon.strategies.protocol import Features, Moment


class NoParameters(BaseModel):
    """Nothing can be set."""


def says(signal: Signal, confidence: float = 1.0, **more: object) -> Callable[[Moment], Decision]:
    """Return an answer that is always the same."""
    return lambda _: Decision(signal=signal, confidence=confidence, **more)  # type: ignore[arg-type]


class ScriptedStrategy:
    """Implements `strategies.protocol.Strategy`; `answer` may be changed while it runs."""

    def __init__(
        self, timeframes: Sequence[Timeframe], answer: Callable[[Moment], Decision], *, warmup: int = 1
    ) -> None:
        self.parameters = NoParameters()
        self.timeframes = tuple(sorted(timeframes))
        self.warmup = warmup
        self.answer = answer
        self.seen: list[tuple[str, str, dict[str, int]]] = []  # instrument, timeframe, newest bar end by timeframe

    def features(self, bars: BarColumns, timeframe: Timeframe) -> Features:
        return {"close": bars.close.copy(), "end": bars.end.astype(float)}

    def decide(self, moment: Moment) -> Decision:
        newest = {str(timeframe): int(bars.end[-1]) if len(bars) else 0 for timeframe, bars in moment.bars.items()}
        self.seen.append((moment.instrument, str(moment.timeframe), newest))
        return self.answer(moment)
