"""Which faults strike when: drawn from the seed, each aimed at the moments in which it hurts most."""

import random
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from daemon.simulation.gateway_faults import drawn_gateway_fault
from daemon.simulation.setting import Setting


class FaultKind(StrEnum):
    """What can go wrong."""

    KILL_ANYWHERE = "kill at an await"
    KILL_BEFORE_COMMIT = "kill before a commit"
    KILL_AFTER_COMMIT = "kill after a commit"
    KILL_BEFORE_SEND = "kill before an order's bytes"
    KILL_AFTER_SEND = "kill after an order's bytes"
    KILL_IN_START = "kill while starting"
    KILL_IN_RECOVERY = "kill in the recovery of a kill"
    KILL_CLOSING = "kill while closing"
    POWER_LOST = "power loss"
    CUT_REQUESTS = "cut towards the gateway"
    CUT_ANSWERS = "cut towards the daemon"
    CLOSED = "connection closed"
    SILENCE = "silent network"
    DELAY = "slow network"
    GATEWAY_KILLED = "gateway killed"
    GATEWAY_RESTARTED = "gateway restarted"
    DISK_REFUSES = "journal write refused"
    DISK_LIES = "journal write kept but reported lost"
    DISK_FULL = "disk full"
    DISK_BREAKS = "disk error inside a commit"
    CHECKPOINT_FAILS = "disk error in a checkpoint"
    REPEATED = "messages repeated"
    REORDERED = "messages reordered"
    SWALLOWED = "messages swallowed"
    CORRECTED = "execution corrected"
    UPSTREAM_LOST = "gateway loses IB"
    CLOCK_WRONG = "clock set wrong"
    PAUSED = "operator pauses"
    GATEWAY = "gateway"  # one of `gateway_faults`, which its label names


_WEIGHTS: Final = {
    FaultKind.KILL_ANYWHERE: 4,
    FaultKind.KILL_BEFORE_COMMIT: 2,
    FaultKind.KILL_AFTER_COMMIT: 3,
    FaultKind.KILL_BEFORE_SEND: 1,
    FaultKind.KILL_AFTER_SEND: 2,
    FaultKind.KILL_IN_START: 2,
    FaultKind.KILL_IN_RECOVERY: 2,
    FaultKind.KILL_CLOSING: 1,
    FaultKind.POWER_LOST: 3,
    FaultKind.CUT_REQUESTS: 3,
    FaultKind.CUT_ANSWERS: 3,
    FaultKind.CLOSED: 1,
    FaultKind.SILENCE: 2,
    FaultKind.DELAY: 2,
    FaultKind.GATEWAY_KILLED: 2,
    FaultKind.GATEWAY_RESTARTED: 1,
    FaultKind.DISK_REFUSES: 1,
    FaultKind.DISK_LIES: 1,
    FaultKind.DISK_FULL: 1,
    FaultKind.DISK_BREAKS: 1,
    FaultKind.CHECKPOINT_FAILS: 1,
    FaultKind.REPEATED: 2,
    FaultKind.REORDERED: 2,
    FaultKind.SWALLOWED: 2,
    FaultKind.CORRECTED: 2,
    FaultKind.UPSTREAM_LOST: 1,
    FaultKind.CLOCK_WRONG: 1,
    FaultKind.PAUSED: 1,
    FaultKind.GATEWAY: 24,
}
_KILLED_WITHIN: Final = frozenset(
    {FaultKind.KILL_ANYWHERE, FaultKind.KILL_IN_START, FaultKind.KILL_IN_RECOVERY, FaultKind.KILL_CLOSING}
)
_SHORT_S: Final = (0.05, 0.5, 3.0, 10.0, 25.0)
_LONG_S: Final = (*_SHORT_S, 100.0)  # somebody must be told of these
_MAY_LAST: Final = frozenset({FaultKind.GATEWAY_KILLED, FaultKind.GATEWAY_RESTARTED, FaultKind.GATEWAY})
_AIMED_SHARE: Final = 0.7  # of the faults that wait for the next order
_MOST: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault of a plan."""

    kind: FaultKind
    after: timedelta  # market time since the start
    aimed: bool  # strikes at the next order, not at once
    count: int  # steps, bytes or messages, as the kind has it
    seconds: float  # virtual: how long it lasts, or until the program is started again
    detail: str = ""  # of the gateway's: which

    @property
    def label(self) -> str:
        """Return what it is called in distributions."""
        return f"{self.kind.value}: {self.detail}" if self.detail else self.kind.value


def drawn_faults(setting: Setting) -> tuple[Fault, ...]:
    """Return the faults of a world, in the order of their times; one in twenty has none."""
    chance = random.Random(f"faults {setting.seed}")
    kinds = {kind: weight for kind, weight in _WEIGHTS.items() if _makes_sense(kind, setting)}
    number = 0 if chance.random() < 0.05 else chance.randint(1, _MOST)
    faults = [_fault(chance, kind, setting) for kind in chance.choices(list(kinds), list(kinds.values()), k=number)]
    return tuple(sorted(faults, key=lambda fault: fault.after))


def _makes_sense(kind: FaultKind, setting: Setting) -> bool:
    """Return whether a fault has an effect that a daemon can make good."""
    return kind is not FaultKind.CLOCK_WRONG or not setting.lockstep  # there nobody looks at the wall


def _fault(chance: random.Random, kind: FaultKind, setting: Setting) -> Fault:
    return Fault(
        kind=kind,
        after=timedelta(seconds=chance.uniform(0, setting.minutes * 60)),
        aimed=chance.random() < _AIMED_SHARE,
        count=_count(chance, kind),
        seconds=chance.choice(_LONG_S if kind in _MAY_LAST else _SHORT_S) * chance.uniform(0.5, 1.5),
        detail=drawn_gateway_fault(chance, over_night=setting.over_night) if kind is FaultKind.GATEWAY else "",
    )


def _count(chance: random.Random, kind: FaultKind) -> int:
    if kind in {FaultKind.CUT_REQUESTS, FaultKind.CUT_ANSWERS}:
        return chance.choice((chance.randint(1, 200), chance.randint(1, 3000)))
    if kind in _KILLED_WITHIN:
        return chance.choice((chance.randint(1, 12), chance.randint(1, 300)))
    if kind is FaultKind.SWALLOWED:
        return chance.randint(2, 20)  # an acknowledgement is of few messages, and what matters comes after it
    return chance.choice((1, 1, 2, chance.randint(1, 12)))
