"""The search for the number of bars from which on a feature is what the whole history makes it."""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from daemon.backtest.causality_findings import FeatureNeed
from daemon.domain.decision import Decision

CLOSE: Final = 1e-9  # relative: more is taken for another value, less for rounding
_NEAR: Final = 1e-6  # relative
STEP: Final = 1e-7  # a feature this far off that is close one bar later forgets at once: a window
_CONFIDENCE: Final = 0.01  # by which decisions may differ and still be the same
_GROWTH: Final = 1.5  # from one number of bars that is tried to the next; between them it is halved


@dataclass(frozen=True, slots=True)
class Tried:
    """What came out with a number of bars at one moment; None = it could not be worked out."""

    values: Mapping[str, float] | None  # last row of each feature
    decision: Decision | None
    fault: str = ""  # why not


@dataclass(slots=True)
class Measured:
    """The worst over all moments with one number of bars."""

    off: dict[str, float] = field(default_factory=dict)  # relative; inf = one is no number
    exact: dict[str, bool] = field(default_factory=dict)
    decisions_agree: bool = True


def relative(expected: float, found: float, typical: float) -> float:
    """Return how far two values are apart, in units of the value or of a typical one; inf if just one is NaN."""
    if np.isnan(expected) and np.isnan(found):
        return 0.0
    if np.isnan(expected) or np.isnan(found):
        return float("inf")
    apart, unit = abs(expected - found), max(abs(expected), typical)
    if not apart:
        return 0.0
    return apart / unit if unit else float("inf")


def same_action(expected: Decision | None, found: Decision | None) -> bool:
    """Return whether two decisions lead to the same: one signal, about one confidence."""
    if expected is None or found is None:
        return expected is found
    return expected.signal is found.signal and abs(expected.confidence - found.confidence) <= _CONFIDENCE


def measured(whole: Sequence[Tried], fewer: Sequence[Tried], typical: Mapping[str, float]) -> Measured:
    """Compare what came out with fewer bars with what the whole history gave, moment by moment."""
    found = Measured()
    for name, unit in typical.items():
        pairs = [(value_of(one, name), value_of(two, name)) for one, two in zip(whole, fewer, strict=True)]
        found.off[name] = max(relative(was, now, unit) for was, now in pairs)
        found.exact[name] = all(was == now or (np.isnan(was) and np.isnan(now)) for was, now in pairs)
    found.decisions_agree = all(same_action(one.decision, two.decision) for one, two in zip(whole, fewer, strict=True))
    return found


def typical_values(whole: Sequence[Tried]) -> dict[str, float]:
    """Return for each feature the middle of its absolute values."""
    columns = {name: np.abs([value_of(tried, name) for tried in whole]) for name in whole[0].values or ()}
    return {name: float(np.nanmedian(values)) if np.isfinite(values).any() else 0.0 for name, values in columns.items()}


class Needs:
    """Finds the smallest numbers of bars, asking for as few measurements as it takes."""

    def __init__(self, measure: Callable[[int], Measured], *, warmup: int, deepest: int) -> None:
        """Measure with `measure(bars)`, from 1 to below `deepest` bars."""
        self._measure = measure
        self._known: dict[int, Measured] = {}
        counts = {warmup - 1, warmup, warmup + 1, deepest - 1}
        count = 1.0
        while count < deepest:
            counts.add(int(count))
            count = max(count + 1, count * _GROWTH)
        self.grid = sorted(each for each in counts if 1 <= each < deepest)

    def at(self, bars: int) -> Measured:
        """Return the measurement with so many bars."""
        if bars not in self._known:
            self._known[bars] = self._measure(bars)
        return self._known[bars]

    def smallest(self, holds: Callable[[Measured], bool]) -> int | None:
        """Return the number of bars from which on it holds; None if it does not even with the most."""
        failing = [bars for bars in self.grid if not holds(self.at(bars))]
        if not failing:
            return 1
        if failing[-1] == self.grid[-1]:
            return None
        low, high = failing[-1], self.grid[self.grid.index(failing[-1]) + 1]
        return low + 1 + bisect_left(range(low + 1, high), True, key=lambda bars: holds(self.at(bars)))  # noqa: FBT003 - what is looked for

    def of(self, name: str, off: float) -> FeatureNeed:
        """Return what a feature needs; `off` is its greatest relative difference at the strategy's own warm-up."""
        exact = self.smallest(lambda found: found.exact[name])
        close = self.smallest(lambda found: found.off[name] <= CLOSE)
        near = self.smallest(lambda found: found.off[name] <= _NEAR)
        at_once = close is not None and (close == 1 or self.at(close - 1).off[name] > STEP)
        return FeatureNeed(
            feature=name, exact=exact, close=close, near=near,
            kind="window" if at_once else "gradual", off=off if np.isfinite(off) else None,
        )  # fmt: skip


def value_of(tried: Tried, name: str) -> float:
    """Return a feature's last value; NaN where it could not be worked out."""
    return float("nan") if tried.values is None else tried.values[name]
