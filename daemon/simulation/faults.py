"""Which faults strike when: drawn from the seed, each aimed at the moments in which it hurts most."""

import random
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from daemon.simulation.setting import Setting


class FaultKind(StrEnum):
    """What can go wrong."""

    KILL_ANYWHERE = "kill at an await"
    KILL_BEFORE_COMMIT = "kill before a commit"
    KILL_AFTER_COMMIT = "kill after a commit"
    KILL_BEFORE_SEND = "kill before an order's bytes"
    KILL_AFTER_SEND = "kill after an order's bytes"
    KILL_IN_START = "kill while starting"
    CUT_REQUESTS = "cut towards the gateway"
    CUT_ANSWERS = "cut towards the daemon"
    CLOSED = "connection closed"
    SILENCE = "silent network"
    DELAY = "slow network"
    GATEWAY_KILLED = "gateway killed"
    GATEWAY_RESTARTED = "gateway restarted"
    DISK_REFUSES = "journal write refused"
    DISK_LIES = "journal write kept but reported lost"
    REPEATED = "messages repeated"
    REORDERED = "messages reordered"
    SWALLOWED = "messages swallowed"
    CORRECTED = "execution corrected"
    UPSTREAM_LOST = "gateway loses IB"
    CLOCK_WRONG = "clock set wrong"


_WEIGHTS: Final = {
    FaultKind.KILL_ANYWHERE: 4,
    FaultKind.KILL_BEFORE_COMMIT: 2,
    FaultKind.KILL_AFTER_COMMIT: 3,
    FaultKind.KILL_BEFORE_SEND: 1,
    FaultKind.KILL_AFTER_SEND: 2,
    FaultKind.KILL_IN_START: 2,
    FaultKind.CUT_REQUESTS: 3,
    FaultKind.CUT_ANSWERS: 3,
    FaultKind.CLOSED: 1,
    FaultKind.SILENCE: 2,
    FaultKind.DELAY: 2,
    FaultKind.GATEWAY_KILLED: 2,
    FaultKind.GATEWAY_RESTARTED: 1,
    FaultKind.DISK_REFUSES: 1,
    FaultKind.DISK_LIES: 1,
    FaultKind.REPEATED: 2,
    FaultKind.REORDERED: 2,
    FaultKind.SWALLOWED: 2,
    FaultKind.CORRECTED: 2,
    FaultKind.UPSTREAM_LOST: 1,
    FaultKind.CLOCK_WRONG: 1,
}
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


def drawn_faults(setting: Setting) -> tuple[Fault, ...]:
    """Return the faults of a world, in the order of their times; one in twenty has none."""
    chance, minutes = random.Random(f"faults {setting.seed}"), setting.minutes
    kinds = {kind: weight for kind, weight in _WEIGHTS.items() if _makes_sense(kind, setting)}
    number = 0 if chance.random() < 0.05 else chance.randint(1, _MOST)
    faults = [_fault(chance, kind, minutes) for kind in chance.choices(list(kinds), list(kinds.values()), k=number)]
    return tuple(sorted(faults, key=lambda fault: fault.after))


def _makes_sense(kind: FaultKind, setting: Setting) -> bool:
    """Return whether a fault has an effect that a daemon can make good."""
    return kind is not FaultKind.CLOCK_WRONG or not setting.lockstep  # there nobody looks at the wall


def _fault(chance: random.Random, kind: FaultKind, minutes: int) -> Fault:
    return Fault(
        kind=kind,
        after=timedelta(seconds=chance.uniform(0, minutes * 60)),
        aimed=chance.random() < _AIMED_SHARE,
        count=_count(chance, kind),
        seconds=chance.choice((0.05, 0.5, 3.0, 10.0, 25.0)) * chance.uniform(0.5, 1.5),
    )


def _count(chance: random.Random, kind: FaultKind) -> int:
    if kind in {FaultKind.CUT_REQUESTS, FaultKind.CUT_ANSWERS}:
        return chance.choice((chance.randint(1, 200), chance.randint(1, 3000)))
    if kind in {FaultKind.KILL_ANYWHERE, FaultKind.KILL_IN_START}:
        return chance.choice((chance.randint(1, 12), chance.randint(1, 300)))
    if kind is FaultKind.SWALLOWED:
        return chance.randint(2, 20)  # an acknowledgement is of few messages, and what matters comes after it
    return chance.choice((1, 1, 2, chance.randint(1, 12)))
