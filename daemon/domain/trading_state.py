"""Whether opening risk is allowed, for the whole daemon or one strategy."""

from enum import StrEnum


class TradingState(StrEnum):
    """What may be sent. Reducing risk is allowed in every state but HALTED, where only the operator's tools act."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"  # no opening orders; exits go on
    REDUCE_ONLY = "REDUCE_ONLY"  # a limit was reached: only orders that reduce
    STOPPING = "STOPPING"  # shutting down: no new decisions
    HALTED = "HALTED"  # latched until a person resumes

    @property
    def may_open(self) -> bool:
        """Return whether opening orders are allowed."""
        return self is TradingState.RUNNING
