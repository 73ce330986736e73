"""What may be sent, by whose word: a person's, a loss limit's, the shutdown's. The strictest of them counts."""

from dataclasses import dataclass
from typing import Final

from daemon.domain.trading_state import TradingState

BREAKER: Final = "breaker"
_ORDER: Final = tuple(TradingState)  # from the loosest to the strictest


def stricter(one: TradingState, other: TradingState) -> TradingState:
    """Return the stricter of two states."""
    return one if one is other else max(one, other, key=_ORDER.index)


@dataclass(slots=True)
class TradingSwitch:
    """The trading state of the daemon or of one strategy.

    A loss limit does not take back what a person has set, nor the other way round: a pause outlives a limit that ends
    with its day. A person's RUNNING also ends a halt, whoever called it; nothing ends a shutdown but the next start.
    """

    person: TradingState = TradingState.RUNNING
    breaker: TradingState = TradingState.RUNNING
    stopping: bool = False

    @property
    def state(self) -> TradingState:
        """Return the strictest state."""
        state = stricter(self.person, self.breaker)
        return stricter(state, TradingState.STOPPING) if self.stopping else state

    def turn(self, state: TradingState, who: str) -> bool:
        """Take one's word; return whether anything changed. Short of RUNNING, nobody's new word loosens the old one."""
        before = (self.person, self.breaker, self.stopping)
        if state is TradingState.STOPPING:
            self.stopping = True
        elif who == BREAKER:
            self.breaker = state if state is TradingState.RUNNING else stricter(self.breaker, state)
        elif state is TradingState.RUNNING:
            self.person = state
            if self.breaker is TradingState.HALTED:
                self.breaker = state
        else:
            self.person = stricter(self.person, state)
        return (self.person, self.breaker, self.stopping) != before
