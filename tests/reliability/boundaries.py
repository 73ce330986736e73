"""Kills at every system call by which the journal's files change, by strace.

The signal comes as the call is entered: the call is not carried out. What a kill after the N-th call leaves is what a
kill before the next one leaves.
"""

import re
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby, product
from pathlib import Path
from typing import Final

from tests.reliability.oracle import remains, totals
from tests.reliability.random_kills import Death, Manner, Result, judge_restart, look_at, phase_of, scratch
from tests.reliability.stage import PATIENCE_S, Life, Stage, Stuck, eventually
from tests.reliability.world import WorldPlan

CHANGES: Final = (
    "openat", "pwrite64", "write", "fdatasync", "fsync", "ftruncate", "fallocate", "unlink", "fchmod", "fchown",
)  # fmt: skip
FILES: Final = ("journal.db", "journal.db-wal", "journal.db-shm", "journal.db-journal")
TRADES_S: Final = 0.35  # host seconds of trading in a life
_LONGER: Final = (1, 4, 12)  # times as long it trades, until a boundary comes that had not come
_CALL: Final = re.compile(r"^\d+ +(?P<name>\w+)\(")
_SEED: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """The entry of one system call in a life."""

    story: str  # of `STORIES`
    call: str
    number: int  # the how-many-th of its name, counted by thread

    @classmethod
    def named(cls, text: str) -> "Boundary":
        """Return the boundary that is written as story:call:number."""
        story, call, number = text.split(":")
        return cls(story=story, call=call, number=int(number))

    def __str__(self) -> str:
        return f"{self.story}:{self.call}:{self.number}"


def boundaries(story: str, root: Path | None = None) -> list[Boundary]:
    """Return the boundaries of a life in their order: it is lived once, and its calls are counted."""
    with scratch(Result(kind=story, command=""), root) as folder, _stage(folder) as stage:
        STORIES[story].before(stage, TRADES_S)
        life, trace = _traced(stage, ())
        STORIES[story].live(life, TRADES_S)
        life.send(signal.SIGKILL)
        life.ended()
        return [Boundary(story=story, call=call, number=number) for call, number in _calls(trace)]


def kill_at(targets: Sequence[Boundary], *, bug: str | None = None, root: Path | None = None) -> Result:
    """Kill a life at each of these boundaries of one story; after each, judge what one more start makes of it.

    How many calls a life makes depends on how busy the machine is. One that ended before its boundary came is no death:
    a longer one follows.
    """
    story = targets[0].story
    result = Result(kind=f"story: {story}", command=" ".join(f"--boundary {each}" for each in targets))
    killed: set[Boundary] = set()
    with scratch(result, root) as folder, _stage(folder) as stage:
        for each, times in product(targets, _LONGER):
            if result.violations:
                break
            if each in killed:
                continue
            STORIES[story].before(stage, TRADES_S * times)
            life, deaths = _lived(each, stage, bug, TRADES_S * times)
            if deaths:
                killed.add(each)
            result.deaths += deaths
            look_at(life, result)
            judge_restart(stage, result, Manner(bug=bug))
        result.orders, result.fills = totals(stage)
    return result


def batches(found: Sequence[Boundary]) -> list[Sequence[Boundary]]:
    """Return boundaries in groups of one story that may share a world."""
    groups: list[Sequence[Boundary]] = []
    for story, named in groupby(found, lambda boundary: boundary.story):
        told = list(named)
        groups += [told[at : at + STORIES[story].lives] for at in range(0, len(told), STORIES[story].lives)]
    return groups


def _lived(boundary: Boundary, stage: Stage, bug: str | None, trades_s: float) -> tuple[Life, list[Death]]:
    """Live a story up to a boundary; return the life and its death there, none when it was lived to its end."""
    life, _ = _traced(stage, ("-e", f"inject={boundary.call}:signal=KILL:when={boundary.number}"), bug=bug)
    try:
        STORIES[boundary.story].live(life, trades_s)
    except Stuck:
        if life.code != -signal.SIGKILL:
            raise
    if life.code is None:
        life.send(signal.SIGKILL)
        life.ended()
        return life, []
    if life.ended() != -signal.SIGKILL:
        return life, []
    return life, [
        Death(signal="SIGKILL", after_s=life.age_s, phase=phase_of(life), remains=remains(stage), ending_s=None)
    ]


def _stage(folder: Path) -> Stage:
    return Stage(WorldPlan.made(_SEED, speed=30.0), folder)


def _whole(life: Life, trades_s: float) -> None:
    """Start, trade, end in order."""
    _trading(life, trades_s)
    life.send(signal.SIGTERM)
    life.ended()


def _trading(life: Life, trades_s: float) -> None:
    """Start and trade for a moment."""
    life.sleep_until(life.until_in_step() + trades_s)


def _start(life: Life, _trades_s: float) -> None:
    """Start, and be in step."""
    life.until_in_step()


def _nothing(_stage: Stage, _trades_s: float) -> None:
    """There is no journal yet."""


def _ended_in_order(stage: Stage, trades_s: float) -> None:
    """There is a journal, and nothing to recover; a life that was killed since has been judged and ended in order."""
    if not stage.lives:
        _whole(stage.start(), trades_s)


def _killed_in_trading(stage: Stage, trades_s: float) -> None:
    """A life was killed while it traded, so that the next one must recover."""
    life = stage.start()
    _trading(life, trades_s)
    life.send(signal.SIGKILL)
    life.ended()


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A life whose calls are counted, and what was before it."""

    before: Callable[[Stage, float], None]  # given for how long to trade
    live: Callable[[Life, float], None]
    lives: int = 1  # boundaries that may share a world


STORIES: Final = {
    "first": Story(before=_nothing, live=_start),  # the journal is made, until all is in step
    "trading": Story(before=_ended_in_order, live=_whole, lives=8),  # start, orders, fills, the end
    "recovery": Story(before=_killed_in_trading, live=_start, lives=8),  # the start after a kill
}


def _traced(stage: Stage, injection: Sequence[str], *, bug: str | None = None) -> tuple[Life, Path]:
    """Begin a life under strace; return it and where its calls are written."""
    trace, said = stage.folder / "trace", stage.folder / "strace.err"
    life = stage.start(held=True, bug=bug)
    eventually(lambda: _state(life.pid) == "T", "the process to stop before its first step")
    paths = [part for name in FILES for part in ("-P", str(stage.state / name))]
    with said.open("wb") as err:
        tracer = subprocess.Popen(
            [
                "strace", "-f", "-p", str(life.pid), *paths, "-e", f"trace={','.join(CHANGES)}", *injection,
                "-o", str(trace),
            ],
            stdout=err, stderr=err, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    life.on_end.append(lambda: _gone(tracer))
    eventually(lambda: b"attached" in said.read_bytes() or tracer.poll() is not None, "strace to attach")
    if tracer.poll() is not None:
        raise Stuck(f"strace ended: {said.read_text()}")
    life.send(signal.SIGCONT)
    return life, trace


def _gone(tracer: subprocess.Popen[bytes]) -> None:
    """Wait for strace, which ends with the last process it follows."""
    try:
        tracer.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        tracer.kill()
        tracer.wait()


def _calls(trace: Path) -> list[tuple[str, int]]:
    """Return each call and the how-many-th it was; strace counts by thread, so that one number may stand for two."""
    counted: Counter[tuple[str, str]] = Counter()
    calls: dict[tuple[str, int], None] = {}
    for line in trace.read_text(errors="replace").splitlines():
        match = _CALL.match(line)
        if match is not None:
            thread = line.split()[0], match["name"]
            counted[thread] += 1
            calls[match["name"], counted[thread]] = None
    return list(calls)


def _state(pid: int) -> str:
    """Return the state of a process, as one letter."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""
