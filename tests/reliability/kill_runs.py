"""`make kill-runs`: the real daemon is killed at every system call of its journal and at random moments, and judged."""

import argparse
import json
import os
import platform
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from tests.reliability.boundaries import STORIES, Boundary, batches, boundaries, kill_at
from tests.reliability.random_kills import END_LIMIT_S, READY_LIMIT_S, Manner, Result, world_of_kills

KILLS_A_WORLD, PLAIN_KILLS_A_WORLD = 25, 10
_JUDGE_EVERY, _PLAIN_JUDGE_EVERY = 10, 5
_SHOWN = 5  # violations of one world
Work = Callable[[], Result]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A piece of work, its size in kills, and the options that ask for it alone."""

    work: Work
    kills: int
    command: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; return 1 when something did not hold."""
    asked = _parser().parse_args(arguments)
    asked.stories = [asked.story] if asked.story else list(STORIES)
    if asked.full:
        asked.kills, asked.plain, asked.every = 2000, 200, 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what there is so far is told in either case
    console = Console(stderr=True)
    results: list[Result] = []
    try:
        for result in _watched(_orders(asked, console), asked.jobs, console):
            results.append(result)
            if asked.keep is not None:
                _keep(asked.keep, result)
    except KeyboardInterrupt:
        console.print("stopped; what there is so far:")
    for result in results:
        result.violations += late(result, ready_s=asked.ready_limit, end_s=asked.end_limit)
    bad = [result for result in results if result.violations]
    if asked.json:
        print(json.dumps(summary(results), indent=2))
    else:
        _show(results, bad)
    return 1 if bad else 0


def summary(results: Sequence[Result]) -> dict[str, Any]:
    """Return the figures of all results, and of each kind."""
    kinds = sorted({result.kind for result in results})
    return {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system()},
        "all": _figures(results),
        "kinds": {kind: _figures([result for result in results if result.kind == kind]) for kind in kinds},
        "failed": [
            {"command": command(result), "violations": result.violations} for result in results if result.violations
        ],
    }


def late(result: Result, *, ready_s: float, end_s: float) -> list[str]:
    """Return the restarts that took longer than `ready_s` until they traded, and the ends longer than `end_s`."""
    restarts = [
        f"R  restart: in step after {each:.2f} s, limit {ready_s:g} s" for each in result.in_step_s if each > ready_s
    ]
    endings = [death.ending_s for death in result.deaths if death.ending_s is not None]
    return restarts + [f"R  SIGTERM: ended after {each:.2f} s, limit {end_s:g} s" for each in endings if each > end_s]


def command(result: Result) -> str:
    """Return what runs a result's world again."""
    return f'make kill-runs ARGS="{result.command}"'


def _figures(results: Sequence[Result]) -> dict[str, Any]:
    deaths = [death for result in results for death in result.deaths]
    kills = [death for death in deaths if death.remains is not None]
    left = [death.remains for death in kills if death.remains is not None]
    endings = [death.ending_s for death in deaths if death.ending_s is not None]
    return {
        "worlds": len(results),
        "kills": len(kills),
        "killed_while": dict(Counter(death.phase for death in kills).most_common()),
        "kills_with_orders_committed_but_unsent": sum(each.unsent > 0 for each in left),
        "kills_with_orders_sent_but_unanswered": sum(each.unanswered > 0 for each in left),
        "kills_with_executions_not_yet_booked": sum(each.unbooked > 0 for each in left),
        "sigterms": len(endings),
        "longest_end_after_sigterm_s": round(max(endings, default=0.0), 3),
        "orders": sum(result.orders for result in results),
        "fills": sum(result.fills for result in results),
        "facts_recovered": sum(result.recovered for result in results),
        "restart_to_in_step_s": _spread([each for result in results for each in result.in_step_s]),
        "restart_cpu_s": _spread([each for result in results for each in result.cpu_s]),
        "restart_to_ready_s": _spread([each for result in results for each in result.ready_s]),
        "worlds_with_violations": sum(bool(result.violations) for result in results),
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    ranked = sorted(values)
    if not ranked:
        return {}
    return {
        "count": len(ranked),
        "p50": round(ranked[len(ranked) // 2], 3),
        "p99": round(ranked[min(len(ranked) * 99 // 100, len(ranked) - 1)], 3),
        "max": round(ranked[-1], 3),
    }


def _orders(asked: argparse.Namespace, console: Console) -> list[Order]:
    """Return the work that the options ask for."""
    root: Path | None = asked.root
    if root is not None:
        root.mkdir(parents=True, exist_ok=True)
    one = [
        *(_world(world, asked.bug, root) for world in asked.world),
        *(_plain_world(world, asked.bug, root) for world in asked.plain_world),
        *(_boundaries([Boundary.named(text) for text in asked.boundary], asked.bug, root)),
    ]
    if one:
        return one
    orders = [_world(asked.first + number, asked.bug, root) for number in range(-(-asked.kills // KILLS_A_WORLD))]
    orders += [
        _plain_world(asked.first + number, None, root) for number in range(-(-asked.plain // PLAIN_KILLS_A_WORLD))
    ]
    if asked.every and shutil.which("strace") is None:
        console.print("strace is not here: no kills at system calls")
    elif asked.every:
        for story in asked.stories:
            found = boundaries(story, root)
            console.print(f"{story}: {len(found)} system calls change the journal's files")
            orders += _boundaries(found[:: asked.every], asked.bug, root)
    return orders


def _world(world: int, bug: str | None, root: Path | None) -> Order:
    work = partial(
        world_of_kills, world, kills=KILLS_A_WORLD, judge_every=_JUDGE_EVERY, manner=Manner(bug=bug), root=root
    )
    return Order(work=work, kills=KILLS_A_WORLD, command=f"--world {world}")


def _plain_world(world: int, bug: str | None, root: Path | None) -> Order:
    if bug is not None:
        raise SystemExit("--bug: paperd itself has none; leave --plain-world out")
    work = partial(
        world_of_kills,
        world,
        kills=PLAIN_KILLS_A_WORLD,
        judge_every=_PLAIN_JUDGE_EVERY,
        manner=Manner(plain=True),
        root=root,
    )
    return Order(work=work, kills=PLAIN_KILLS_A_WORLD, command=f"--plain-world {world}")


def _boundaries(found: Sequence[Boundary], bug: str | None, root: Path | None) -> list[Order]:
    return [
        Order(
            work=partial(kill_at, batch, bug=bug, root=root),
            kills=len(batch),
            command=" ".join(f"--boundary {each}" for each in batch),
        )
        for batch in batches(found)
    ]


def _watched(orders: Sequence[Order], jobs: int, console: Console) -> Iterator[Result]:
    """Do the work in processes, each with a fork server of its own; yield what comes of it, with a progress bar."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar, bad = progress.add_task("killing", total=sum(order.kills for order in orders)), 0
        try:
            waiting = {pool.submit(order.work): order for order in orders}
            for done in as_completed(waiting):
                result = _result(done, waiting[done])
                bad += bool(result.violations)
                progress.update(bar, advance=waiting[done].kills, description=f"killing, {bad} worlds with violations")
                yield result
        finally:
            pool.shutdown(cancel_futures=True)


def _result(done: Future[Result], order: Order) -> Result:
    """Return what came of an order; a run that failed in itself has shown nothing, and counts as a violation."""
    error = done.exception()
    if error is None:
        return done.result()
    return Result(kind="failed", command=order.command, violations=[f"S  the run itself: {error!r}"])


def _show(results: Sequence[Result], bad: Sequence[Result]) -> None:
    console = Console()
    told = summary(results)
    columns = {"all": told["all"], **told["kinds"]}
    table = Table("", *(name for name in columns), box=None)
    for row in told["all"]:
        table.add_row(row.replace("_", " "), *(_cell(figures[row]) for figures in columns.values()))
    console.print(table)
    for result in bad:
        console.print(f"\nviolations; see it again with\n    {command(result)}", markup=False)
        for violation in result.violations[:_SHOWN]:
            console.print(f"  {violation}", markup=False)


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{name}: {each}" for name, each in value.items())
    return str(value)


def _keep(path: Path, result: Result) -> None:
    """Append one line for each result, so that a run that is cut short has said what it saw."""
    with path.open("a") as file:
        file.write(json.dumps(asdict(result)) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make kill-runs", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="at random moments (default 200)")
    parser.add_argument("--plain", type=int, default=20, help="of `paperd run` itself, at random moments (default 20)")
    parser.add_argument("--every", type=int, default=25, help="every N-th system call; 0 = none (default 25)")
    parser.add_argument("--story", choices=STORIES, help="system calls of this story alone")
    parser.add_argument("--full", action="store_true", help="2,000 kills, 200 of paperd run, every system call")
    parser.add_argument("--first", type=int, default=0, help="the first world; the others follow it")
    parser.add_argument("--world", type=int, action="append", default=[], help="this world alone")
    parser.add_argument("--plain-world", type=int, action="append", default=[], help="this world of `paperd run` alone")
    parser.add_argument(
        "--boundary", action="append", default=[], help="these system calls alone, as story:call:number"
    )
    parser.add_argument("--bug", help="plant a bug of tests/simulation/planted_bugs.py, to see it found")
    parser.add_argument(
        "--ready-limit", type=float, default=READY_LIMIT_S, help="host seconds of a restart (default 5)"
    )
    parser.add_argument(
        "--end-limit", type=float, default=END_LIMIT_S, help="host seconds of an end by SIGTERM (default 10)"
    )
    parser.add_argument("--jobs", type=int, default=2, help="worlds at the same time (default 2)")
    parser.add_argument("--root", type=Path, help="where the worlds' files are while they live (default: TMPDIR)")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="append a line of JSON for each world")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser
