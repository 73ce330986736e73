"""What the proofs share: fresh instances, the windows around a session, and the moments that are tried."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from daemon.backtest.causality_bars import CheckedBars, count_until, part
from daemon.backtest.causality_findings import Differences, FeatureNeed
from daemon.backtest.causality_stage import Stage, Standing, Worked
from daemon.domain.decision import Decision
from daemon.domain.instrument import InstrumentId
from daemon.domain.timeframe import Timeframe
from daemon.market.sessions import Session
from daemon.market.windows import BarColumns
from daemon.strategies.protocol import Strategy

Tell = Callable[[float], None]
"""Is told which share (0 to 1) of a proof is done."""

Windows = Mapping[Timeframe, BarColumns]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A moment of a decision, and how it was decided when all decisions were made in turn."""

    session: Session
    at: int  # end of the bar that triggers, epoch seconds
    standing: Standing
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a proof went."""

    ok: bool
    compared: str
    finding: str
    differences: Differences | None = None
    needs: tuple[FeatureNeed, ...] = ()
    decisions_from: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """What is tried with decisions that one timeframe triggers."""

    build: Callable[[], Strategy]
    bars: CheckedBars
    instrument: InstrumentId
    timeframe: Timeframe  # whose bars trigger
    frames: tuple[Timeframe, ...]  # of the strategy
    warmup: int  # as the strategy says
    random: np.random.Generator
    cuts: int  # places to try

    def stage(self) -> Stage:
        """Return a fresh instance under watch."""
        return Stage(self.build(), self.instrument)

    def windows(self, session: Session) -> Windows:
        """Return the bars of every timeframe from the session's anchor on, with some after it."""
        return {frame: self.bars.window(frame, session) for frame in self.frames}

    def ends(self, session: Session) -> Sequence[int]:
        """Return the ends of the session's bars, epoch seconds."""
        ends = self.bars.columns[self.timeframe].end
        first, stop = np.searchsorted(ends, (session.open_s, session.close_s), side="right")
        found: list[int] = ends[first:stop].tolist()
        return found

    def decided(self, stage: Stage, worked: Mapping[Timeframe, Worked], cut: Cut) -> Decision:
        """Return the decision of `stage` at the moment of `cut`."""
        return stage.decide(self.timeframe, cut.at, worked, cut.standing)

    def some(self, cuts: Sequence[Cut], count: int) -> list[Cut]:
        """Draw `count` of the moments, in their order; all if there are fewer."""
        places = self.random.choice(len(cuts), min(count, len(cuts)), replace=False)
        return [cuts[place] for place in sorted(places.tolist())]


def worked(stage: Stage, windows: Windows) -> dict[Timeframe, Worked]:
    """Return the features of every timeframe."""
    return {frame: stage.work(bars, frame) for frame, bars in windows.items()}


def until(windows: Windows, at: int) -> Windows:
    """Return the bars that ended by epoch second `at`."""
    return {frame: part(bars, 0, count_until(bars, at)) for frame, bars in windows.items()}


def told(cuts: Sequence[Cut], tell: Tell, first: float = 0.0, last: float = 1.0) -> Iterator[Cut]:
    """Yield the moments, and tell how far they take the proof from `first` to `last`."""
    for number, cut in enumerate(cuts):
        tell(first + (last - first) * number / len(cuts))
        yield cut
