"""Runs drills: a scratch directory for each, the story, the settling of everything afterwards, and the judgement."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from daemon.drills.drill import Drill
from daemon.drills.judgement import Result, checks_of_books, testimony, unlooked
from daemon.drills.program import Unseen
from daemon.drills.stage import Stage
from daemon.runtime.clock import MarketClock
from daemon.simulation.books import Books
from daemon.simulation.oracle import Invariant

_TRADED: Final = "fill.received"
_DECIDED: Final = "decision.made"
_STOP_S: Final = 30.0  # host seconds; a drill of its own looks at how long an orderly end takes


async def run_drill(drill: Drill, *, keep: bool = False) -> Result:
    """Run one drill; its files are kept when something did not hold, or where `keep` asks for it."""
    lacking = [name for name in drill.needs if shutil.which(name) is None]
    if lacking:
        return Result(drill=drill, story=(), checks=(), took_s=0.0, skipped=f"needs {', '.join(lacking)}")
    folder = Path(tempfile.mkdtemp(prefix="drill-"))  # short: a socket's path may have 107 bytes
    stage = Stage(folder, MarketClock(), drill.settings, drill.gateway)
    kept = keep
    try:
        await _play(drill, stage)
        kept = keep or any(not check.held for check in stage.checks)
    finally:
        await stage.close()
        if not kept:
            await asyncio.to_thread(shutil.rmtree, folder)
    return Result(
        drill=drill,
        story=tuple(stage.story),
        checks=tuple(stage.checks),
        took_s=stage.host_s,
        folder=str(folder) if kept else "",
    )


async def run_drills(drills: Sequence[Drill], *, at_once: int, keep: bool = False) -> AsyncIterator[Result]:
    """Run drills, some at the same time; yield the results as they come."""
    seats = asyncio.Semaphore(at_once)

    async def seated(drill: Drill) -> Result:
        async with seats:
            return await run_drill(drill, keep=keep)

    tasks = [asyncio.create_task(seated(drill), name=drill.name) for drill in drills]
    try:
        for finished in asyncio.as_completed(tasks):
            yield await finished
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)  # until each has ended its programs


async def _play(drill: Drill, stage: Stage) -> None:
    """Play the drill; where it comes to a stop, what there is of the books is judged all the same."""
    try:
        if drill.settles:
            await stage.open()
        await drill.play(stage)
    except Unseen as unseen:
        _note_unseen(stage, unseen)
    if drill.settles:
        try:
            held = await _settled(drill, stage)
        except Unseen as unseen:
            _note_unseen(stage, unseen)
        else:
            books = Books.of(stage.state, ledger=stage.gateway.ledger)
            stage.checks += checks_of_books(testimony(stage, held), books)
    stage.checks += unlooked(drill, stage.checks)


def _note_unseen(stage: Stage, unseen: Unseen) -> None:
    stage.tell(str(unseen))
    stage.check(Invariant.RECOVERS, str(unseen), held=False)


async def _settled(drill: Drill, stage: Stage) -> Mapping[str, Mapping[str, str]]:
    """Heal, trade on, end in order, start once more: starting is reconciling. Return what the last daemon holds."""
    await _healed(stage, _DECIDED if drill.leaves_doubt else _TRADED)
    code = await stage.stop_daemon(within_s=_STOP_S)
    stage.check(Invariant.SOUND, f"SIGTERM ended the daemon with exit code {code}", held=code == 0)
    await stage.start_daemon({"dry_run": True})  # it reconciles and holds, and orders nothing
    await stage.in_step()
    status = await stage.status()
    await stage.daemon.kill()
    await stage.gateway.program.kill()
    return {each["id"]: each["positions"] for each in status["strategies"]}


async def _healed(stage: Stage, wanted: str) -> None:
    """Take every fault away, start what does not run, and wait until the daemon is at work again."""
    if not stage.gateway.program.is_running:
        await stage.start_gateway()
    await stage.gateway.stop_faults()
    began = stage.host_s
    if not stage.daemon.is_running:
        await stage.start_daemon()
    await stage.log(wanted, since=stage.mark(), count=2)
    done = "trades" if wanted == _TRADED else "decides"
    stage.tell(f"all is well again: the daemon {done} on")
    took = stage.host_s - began
    stage.check(Invariant.RECOVERS, f"{done} again {took:.1f} s after the fault was over", held=True)
