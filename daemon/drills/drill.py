"""What a drill is: a fault with a name, what must hold, and the coroutine that brings it about."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from daemon.drills.stage import Stage
from daemon.simulation.oracle import Invariant


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One fault of the matrix, and how it is tried."""

    name: str  # kebab-case: what a person types
    rows: tuple[int, ...]  # of the fault matrix
    goes_wrong: str  # one sentence for a newcomer
    injected: str  # how it is brought about
    holds: frozenset[Invariant]  # what the drill must have looked at
    play: Callable[[Stage], Awaitable[None]]
    settings: Mapping[str, object] = field(default_factory=dict)  # of the daemon, over those of `drills.settings`
    gateway: tuple[str, ...] = ()  # arguments of `paperd gateway` over the usual ones
    needs: tuple[str, ...] = ()  # programs without which it is skipped
    leaves_doubt: bool = False  # an order stays UNKNOWN, and its instrument is not traded any more
    settles: bool = True  # whether the daemon is healed, trades on, ends, and its books are compared


def holds(letters: str) -> frozenset[Invariant]:
    """Return invariants by their letters."""
    return frozenset(map(Invariant, letters))
