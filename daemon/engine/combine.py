"""Combines the signals of several timeframes into one side (REQUIREMENTS 3.3)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from daemon.domain.decision import Signal
from daemon.domain.timeframe import Timeframe

ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class CombinationRule:
    """Weights and thresholds; weights need not add up to one."""

    weights: Mapping[Timeframe, float]
    other_weight: float = 0.1  # of a timeframe that is not named
    threshold: float = 0.6  # a side wins above it
    min_fresh_weight: float = 0.5  # share of the configured weight that must be fresh

    def weight(self, timeframe: Timeframe) -> float:
        """Return the weight of `timeframe`."""
        return self.weights.get(timeframe, self.other_weight)


class TimeframeSignal(NamedTuple):
    """The latest signal of one timeframe and whether its bar is the last that should have closed."""

    timeframe: Timeframe
    signal: Signal
    confidence: float
    fresh: bool


class Combined(NamedTuple):
    """Scores of both sides within 0 and 1, the winner, and the share of the weight that was fresh."""

    signal: Signal
    buy: float
    sell: float
    fresh_weight: float
    enough_fresh: bool


def combine(signals: Iterable[TimeframeSignal], rule: CombinationRule) -> Combined:
    """Return the side that wins over the fresh signals.

    Each side's score is the confidence-weighted share of the fresh weight that points its way. A side wins when its
    score is above the threshold and above the other's; too little fresh weight wins nothing.
    """
    buy = sell = fresh = configured = 0.0
    for item in signals:
        weight = rule.weight(item.timeframe)
        configured += weight
        if not item.fresh:
            continue
        fresh += weight
        if item.signal is Signal.BUY:
            buy += weight * item.confidence
        elif item.signal is Signal.SELL:
            sell += weight * item.confidence
    share = fresh / configured if configured else 0.0
    buy, sell = (buy / fresh, sell / fresh) if fresh else (0.0, 0.0)
    enough = share >= rule.min_fresh_weight and fresh > 0
    winner = Signal.HOLD
    if enough and _above(buy, rule.threshold) and _above(buy, sell):
        winner = Signal.BUY
    elif enough and _above(sell, rule.threshold) and _above(sell, buy):
        winner = Signal.SELL
    return Combined(signal=winner, buy=buy, sell=sell, fresh_weight=share, enough_fresh=enough)


def _above(score: float, bound: float) -> bool:
    """Return whether a score is above a bound; a difference that only rounding made is none."""
    return score - bound > ROUNDING
