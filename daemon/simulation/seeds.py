"""Seeds, one after another or over the cores: each world is run, judged and forgotten; what is kept is its verdict."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from daemon.journal.content import content_hash
from daemon.journal.reader import open_reader
from daemon.simulation.books import Books
from daemon.simulation.conduct import judge_conduct
from daemon.simulation.faults import Fault
from daemon.simulation.oracle import Invariant, Violation, judge
from daemon.simulation.world import History, scratch, simulate

MINUTES: Final = 6  # of market, while faults strike
_SEEDS_A_PROCESS: Final = 400  # then a fresh one takes over


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a seed."""

    seed: int
    lockstep: bool
    drawn: tuple[str, ...]  # labels of its faults
    struck: Mapping[str, int]  # label -> how often
    orders: int  # at the gateway
    fills: int
    kills: int
    starts: int
    gateway_starts: int
    virtual_s: float
    journal_hash: str
    ledger_hash: str
    violations: tuple[Violation, ...]


def verdict(seed: int, *, minutes: int = MINUTES, plan: Sequence[Fault] | None = None) -> Verdict:
    """Run the world of a seed and judge it; `plan` replaces the faults that the seed would draw."""
    with tempfile.TemporaryDirectory(prefix="paperd-", dir=scratch()) as folder:
        state = Path(folder)
        history = simulate(seed, minutes=minutes, state=state, plan=plan)
        books = Books.of(state)
        violations = (*judge(history, books), *judge_conduct(history, books))
        return _verdict(history, books, violations, _journal_hash(state))


def verdicts(seeds: Sequence[int], *, minutes: int = MINUTES, processes: int | None = None) -> Iterator[Verdict]:
    """Run many seeds over the cores; verdicts come in the order of the seeds."""
    workers = min(processes or os.cpu_count() or 1, len(seeds))
    if workers <= 1:
        yield from (verdict(seed, minutes=minutes) for seed in seeds)
        return
    at_once = workers * _SEEDS_A_PROCESS
    for at in range(0, len(seeds), at_once):  # new pools, for a pool that renews its processes can hang (gh-115634)
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            yield from pool.map(_Run(minutes), seeds[at : at + at_once])


@dataclass(frozen=True, slots=True)
class _Run:
    """What a worker does with a seed; picklable."""

    minutes: int

    def __call__(self, seed: int) -> Verdict:
        return verdict(seed, minutes=self.minutes)


def first_violation(seeds: Iterable[int], run: Callable[[int], Verdict], invariant: Invariant) -> Violation | None:
    """Return the first violation of an invariant, None when it holds in every seed."""
    found = (violation for verdict in map(run, seeds) for violation in verdict.violations)
    return next((violation for violation in found if violation.invariant is invariant), None)


def _verdict(history: History, books: Books, violations: tuple[Violation, ...], journal_hash: str) -> Verdict:
    return Verdict(
        seed=history.setting.seed,
        lockstep=history.setting.lockstep,
        drawn=tuple(fault.label for fault in history.plan),
        struck=dict(history.struck),
        orders=len(books.orders),
        fills=len(books.executions),
        kills=history.kills,
        starts=history.starts,
        gateway_starts=history.gateway_starts,
        virtual_s=round(history.virtual_s, 3),
        journal_hash=journal_hash,
        ledger_hash=_ledger_hash(books),
        violations=violations,
    )


def _journal_hash(state: Path) -> str:
    engine = open_reader(state / "journal.db")
    try:
        return content_hash(engine)
    finally:
        engine.dispose()


def _ledger_hash(books: Books) -> str:
    return hashlib.sha256(repr((books.orders, books.executions, sorted(books.positions.items()))).encode()).hexdigest()
