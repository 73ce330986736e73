"""What a strategy decides, and the codes that say why nothing more came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

StrategyId = NewType("StrategyId", str)


class Signal(StrEnum):
    """The direction a strategy sees."""

    BUY = "BUY"
    SELL = "SELL"
    HOLD = "HOLD"


class Reason(StrEnum):
    """Why a decision is what it is. Strategies add their own words in `Decision.note`."""

    SIGNAL = "SIGNAL"  # the strategy's rule spoke
    NO_SIGNAL = "NO_SIGNAL"  # the rule sees neither side
    WARMUP = "WARMUP"  # too little history for the features
    NO_DATA = "NO_DATA"  # the bar never came
    STRATEGY_FAILED = "STRATEGY_FAILED"


class Outcome(StrEnum):
    """What followed from a decision."""

    ORDER = "ORDER"  # an intent passed every control
    DRY_RUN = "DRY_RUN"  # it would have
    IN_POSITION = "IN_POSITION"  # the target is already held
    NO_SIDE = "NO_SIDE"  # no side won over the timeframes
    WARMUP = "WARMUP"  # too little history for the signals that are needed
    STALE_SIGNALS = "STALE_SIGNALS"  # less than half of the configured weight is fresh
    WORKING_ORDER = "WORKING_ORDER"  # an order of this strategy in this instrument is still working
    NO_QUOTE = "NO_QUOTE"  # no fresh, usable quote
    NOT_SHORTABLE = "NOT_SHORTABLE"  # flat or short would be needed and shorts are off
    TOO_SMALL = "TOO_SMALL"  # the size rounds to nothing
    REFUSED = "REFUSED"  # a pre-trade control refused; see risk_check
    NOT_TRADING = "NOT_TRADING"  # paused, stopped, or shutting down
    SESSION_CLOSED = "SESSION_CLOSED"  # the bar ends the session: no order can fill any more
    COMBINED = "COMBINED"  # it went into the decision of a longer timeframe at the same instant
    NONE = "NONE"  # nothing was to be done


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One answer of one strategy to one completed bar."""

    signal: Signal
    confidence: float = 0.0  # 0 to 1
    reason: Reason = Reason.SIGNAL
    note: str = ""  # the strategy's own words
    expected_price: float | None = None  # quote currency per unit; None = the bar's close
    reasoning: Mapping[str, float] = field(default_factory=dict)  # feature name -> value
    memory: Mapping[str, object] | None = None  # small JSON handed back in the next Moment; None = unchanged

    def __post_init__(self) -> None:
        """Refuse a confidence that is no probability."""
        if not 0.0 <= self.confidence <= 1.0:
            raise ValueError(f"confidence must be within 0 and 1, was {self.confidence}")
