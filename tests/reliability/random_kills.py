"""Kills at moments drawn from a seed, uniformly from the first instruction to well into trading; some by SIGTERM."""

import random
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.reliability.oracle import Remains, judged, remains, totals
from tests.reliability.stage import Life, Stage, Stuck
from tests.reliability.world import WorldPlan

READY_LIMIT_S: Final = 5.0  # host seconds from the start of the process until it has reconciled and trades
END_LIMIT_S: Final = 10.0  # host seconds from SIGTERM to the end
_TERMINATED: Final = 0.05  # share of lives that SIGTERM ends in the middle of trading
_TRADING_S: Final = {True: 1.0, False: 3.0}  # host seconds of trading in which kills fall; by lockstep
_SETTLED_S: Final = 0.3  # host seconds in which what a start has learnt is worked off
_STARTS: Final = 5  # that may set right what filled in the meantime
_PLAIN_SPEED: Final = 30.0
_PHASES: Final = (
    ("startup.completed", "trading"),
    ("reconciliation.completed", "loading history"),
    ("connection.opened", "reconciling"),
    ("daemon.started", "connecting"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """How one life ended."""

    signal: str
    after_s: float  # host seconds of life
    phase: str  # how far it had come, as far as its log tells
    remains: Remains | None  # of a kill
    ending_s: float | None  # of a SIGTERM, host seconds


@dataclass(slots=True, kw_only=True)
class Result:
    """What became of one world."""

    kind: str
    command: str  # arguments of kill_runs that run it again
    deaths: list[Death] = field(default_factory=list)
    in_step_s: list[float] = field(default_factory=list)  # of the starts after a kill that were let come so far
    ready_s: list[float] = field(default_factory=list)  # the same until READY=1, where somebody listens to it
    cpu_s: list[float] = field(default_factory=list)  # processor time of the starts of `in_step_s`
    recovered: int = 0  # facts about orders that starts have learnt from the gateway
    orders: int = 0
    fills: int = 0
    violations: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        """Return how often the daemon was killed."""
        return sum(death.signal == "SIGKILL" for death in self.deaths)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How lives are begun."""

    plain: bool = False  # as `paperd run` itself; else as a fork of a process that has imported everything
    bug: str | None = None  # a function of `planted_bugs`

    def start(self, stage: Stage) -> Life:
        """Begin the next life."""
        return stage.start(plain=self.plain, bug=self.bug)


def world_of_kills(world: int, *, kills: int, judge_every: int, manner: Manner, root: Path | None = None) -> Result:
    """Kill the daemon of one world again and again, and judge what is left after a start that was let finish."""
    plan = WorldPlan.made(world, speed=_PLAIN_SPEED) if manner.plain else WorldPlan.drawn(world)
    option = "--plain-world" if manner.plain else "--world"
    result = Result(kind="plain" if manner.plain else plan.kind, command=f"{option} {world}")
    with scratch(result, root) as folder, Stage(plan, folder) as stage:
        _kill_on(stage, manner, result, kills=kills, judge_every=judge_every, seed=world)
        result.orders, result.fills = totals(stage)
    return result


@contextmanager
def scratch(result: Result, root: Path | None) -> Iterator[Path]:
    """Lend a directory; it stays when the result has violations, for whoever looks for their cause."""
    folder = Path(tempfile.mkdtemp(prefix="kills-", dir=root))  # short: a socket's path may have 107 bytes
    try:
        yield folder
    except Stuck as error:
        result.violations.append(f"S  the daemon: {error}")
    if result.violations:
        result.violations.append(f"   files are in {folder}")
    else:
        shutil.rmtree(folder)


def _kill_on(stage: Stage, manner: Manner, result: Result, *, kills: int, judge_every: int, seed: int) -> None:
    chance = random.Random(f"kills {seed}")
    start_s = _first_life(stage, manner, result)
    trading_s = max(start_s, _TRADING_S[True]) if manner.plain else _TRADING_S[stage.plan.setting.lockstep]
    while result.kills < kills and not result.violations:
        life = manner.start(stage)
        if chance.random() < _TERMINATED:
            result.deaths.append(_terminated_in_trading(life, chance.uniform(0, trading_s)))
        else:
            result.deaths.append(_killed(stage, life, chance.uniform(0, start_s + trading_s)))
            if result.kills % judge_every == 0 or result.kills == kills:
                judge_restart(stage, result, manner)
        look_at(life, result)


def judge_restart(stage: Stage, result: Result, manner: Manner) -> None:
    """Start once more, let it reconcile, end it in order, and compare the books.

    Orders that reduce a position rest on while the daemon is away, and may fill before the books are read. What a
    further start sets right was that; a violation is what none of them does.
    """
    standing: dict[tuple[str, str], str] | None = None
    for _ in range(_STARTS):
        life = manner.start(stage)
        _note_start(life, result)
        time.sleep(_SETTLED_S)
        _terminated(life)
        look_at(life, result)
        found = {(each.invariant.value, each.subject): each.evidence for each in judged(stage)}
        standing = {key: text for key, text in found.items() if standing is None or key in standing}
        if not standing:
            return
    for (invariant, subject), evidence in (standing or {}).items():
        result.violations.append(f"{invariant}  {subject}: {evidence} (after life {stage.lives})")


def phase_of(life: Life) -> str:
    """Return how far a life had come, by its own log."""
    seen = {line["event"] for line in life.events()}
    return next((phase for event, phase in _PHASES if event in seen), "starting, opening the journal")


def _first_life(stage: Stage, manner: Manner, result: Result) -> float:
    """Begin the market; return how long a start takes here."""
    life = manner.start(stage)
    in_step_s = life.until_in_step()
    time.sleep(_SETTLED_S)
    life.send(signal.SIGKILL)
    life.ended()
    look_at(life, result)
    return in_step_s


def _killed(stage: Stage, life: Life, at_s: float) -> Death:
    life.sleep_until(at_s)
    after_s = life.age_s
    life.send(signal.SIGKILL)
    code = life.ended()
    if code != -signal.SIGKILL:
        raise Stuck(f"it ended with code {code} by itself: {life.last_words()}")
    return Death(signal="SIGKILL", after_s=after_s, phase=phase_of(life), remains=remains(stage), ending_s=None)


def _terminated_in_trading(life: Life, after_s: float) -> Death:
    life.sleep_until(life.until_in_step() + after_s)
    lived_s, ending_s = life.age_s, _terminated(life)
    return Death(signal="SIGTERM", after_s=lived_s, phase="trading", remains=None, ending_s=ending_s)


def _terminated(life: Life) -> float:
    """End a life in order; return how long that took."""
    began = time.monotonic()
    life.send(signal.SIGTERM)
    code = life.ended()
    if code != 0:
        raise Stuck(f"after SIGTERM it ended with code {code}: {life.last_words()}")
    return time.monotonic() - began


def _note_start(life: Life, result: Result) -> None:
    """Note how long a restart takes until it trades."""
    result.in_step_s.append(round(life.until_in_step(), 4))
    result.cpu_s.append(life.cpu_s)
    if life.ready_s is not None:
        result.ready_s.append(round(life.ready_s, 4))


def look_at(life: Life, result: Result) -> None:
    """Note what a life has recovered, and what it found to differ."""
    for line in life.said("reconciliation.completed"):
        result.recovered += int(line["facts_recovered"])
        if line["differences"]:
            result.violations.append(f"D  {life.out.name}: a start found {line['differences']} positions to differ")
