"""Judges what the real processes have left: the oracle of the simulation on real files, and a look at each death."""

import asyncio
import logging
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from daemon.app import RunOptions
from daemon.gateway.ledger import Ledger
from daemon.journal.past import read_past
from daemon.journal.writer import JournalWriter
from daemon.runtime.clock import MarketClock
from daemon.runtime.notify import Notifier
from daemon.settings.loading import load_settings
from daemon.simulation.books import Books, stem
from daemon.simulation.machines import SimulatedDaemon
from daemon.simulation.oracle import Violation, judge
from daemon.simulation.world import History
from tests.reliability.stage import Stage, copied

_UNSENT: Final = frozenset({"SENDING", "UNKNOWN"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Remains:
    """How journal and gateway stand to each other at the moment after a kill."""

    unsent: int  # orders committed as SENDING that the gateway has never seen
    unanswered: int  # orders that the gateway has, and of which the journal knows no more than SENDING
    unbooked: int  # executions at the gateway that the journal does not have


def remains(stage: Stage) -> Remains:
    """Look at what a kill has left, on a copy of the journal."""
    stage.look_at_gateway()
    with closing(Ledger.open_readonly(stage.state / "gateway.db")) as ledger:
        known = {order.order_ref for order in ledger.orders()}
        executions = {stem(row.exec_id) for row in ledger.executions()}
    states, booked = _journaled(copied(stage.state, stage.folder / "look") / "journal.db")
    open_ended = {ref for ref, state in states.items() if state in _UNSENT}
    return Remains(
        unsent=len(open_ended - known), unanswered=len(open_ended & known), unbooked=len(executions - booked)
    )


def judged(stage: Stage) -> tuple[Violation, ...]:
    """Return what does not hold; the daemon must have ended, and its last start must have reconciled."""
    held = asyncio.run(_held(stage))
    return judge(_history(stage, held), Books.of(stage.state))


def totals(stage: Stage) -> tuple[int, int]:
    """Return how many orders and executions the gateway has."""
    with closing(Ledger.open_readonly(stage.state / "gateway.db")) as ledger:
        return len(ledger.orders()), len(ledger.executions())


async def _held(stage: Stage) -> Mapping[str, Mapping[str, str]]:
    """Return strategy -> instrument -> quantity, as the daemon's next start would restore its ledgers."""
    with tempfile.TemporaryDirectory(dir=stage.folder) as folder, _quiet():
        state = copied(stage.state, Path(folder))
        async with await JournalWriter.open(state / "journal.db") as journal:
            past = await read_past(journal)
            daemon = SimulatedDaemon(
                load_settings(stage.config, {}, {}), RunOptions(state=state), clock=MarketClock(), journal=journal,
                past=past, notifier=Notifier(None),
            )  # fmt: skip
            strategies = daemon.control.status()["strategies"]
    if not isinstance(strategies, list):
        raise TypeError("the status names no strategies")
    return {each["id"]: each["positions"] for each in strategies}


def _history(stage: Stage, held: Mapping[str, Mapping[str, str]]) -> History:
    """Return what there is besides the two databases; nobody listens on a real wire."""
    return History(
        setting=stage.plan.setting, plan=(), struck={}, starts=stage.lives, gateway_starts=1, kills=0, virtual_s=0.0,
        sent=(), corrections={}, held=held, longest_inbox=0, grown=(), unalarmed=(), leaks=(), troubles=(),
    )  # fmt: skip


def _journaled(path: Path) -> tuple[dict[str, str], set[str]]:
    """Return order reference -> last state, and the executions that are booked; nothing before there are tables."""
    if not path.exists():
        return {}, set()
    with closing(sqlite3.connect(path)) as journal:
        tables = {name for (name,) in journal.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not {"order_event", "fill"} <= tables:
            return {}, set()
        states = dict(journal.execute("SELECT order_ref, state FROM order_event ORDER BY seq"))
        return states, {stem(exec_id) for (exec_id,) in journal.execute("SELECT exec_id FROM fill")}


@contextmanager
def _quiet() -> Iterator[None]:
    """Let the restored daemon log nothing."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)
