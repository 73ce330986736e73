"""Sees every order as its bytes are about to leave the daemon, and looks up what the journal holds at that moment."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from daemon.simulation.machines import DaemonMachine
from daemon.simulation.wire import placed_order


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One order on its way out."""

    order_ref: str
    order_id: int
    at_s: float  # virtual time
    start: int  # the how-many-th process of the daemon sent it
    has_intent: bool  # committed, as are the next two
    has_order_id: bool
    is_sending: bool
    reduces: bool
    was_ready: bool  # the daemon was in step with the gateway


class Witness:
    """Looks over the daemon's shoulder."""

    def __init__(self, state: Path, machine: DaemonMachine, now: Callable[[], float]) -> None:
        self._path = state / "journal.db"
        self._machine = machine
        self._now = now
        self.sent: list[Sent] = []
        self.on_order: Callable[[], None] = lambda: None
        self.longest_inbox = 0

    def tap(self, data: bytes) -> None:
        """Look at what the daemon writes."""
        placed = placed_order(data)
        if placed is None:
            return
        self.sent.append(self._looked_up(placed.order.order_ref, placed.order_id))
        self.on_order()

    def look_at_inbox(self) -> None:
        """Note how much waits for the sequencer."""
        daemon = self._machine.daemon
        if self._machine.is_running and daemon is not None:
            waiting = daemon.orchestrator.health.figures()["inbox"]
            self.longest_inbox = max(self.longest_inbox, waiting if isinstance(waiting, int) else 0)

    def _looked_up(self, order_ref: str, order_id: int) -> Sent:
        found = journaled(self._path, order_ref, order_id)
        return Sent(
            order_ref=order_ref,
            order_id=order_id,
            at_s=self._now(),
            start=self._machine.starts,
            has_intent=found.has_intent,
            has_order_id=found.has_order_id,
            is_sending=found.is_sending,
            reduces=found.reduces,
            was_ready=self._machine.is_synchronised,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Journaled:
    """What a journal holds of an order: whether it is committed."""

    has_intent: bool
    has_order_id: bool
    is_sending: bool
    reduces: bool


def journaled(path: Path, order_ref: str, order_id: int) -> Journaled:
    """Return what the journal at `path` holds of an order."""
    journal = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        intent = journal.execute("SELECT reduces FROM intent WHERE order_ref = ?", (order_ref,)).fetchone()
        assigned = journal.execute(
            "SELECT 1 FROM order_ref WHERE order_ref = ? AND order_id = ?", (order_ref, order_id)
        ).fetchone()
        sending = journal.execute(
            "SELECT 1 FROM order_event WHERE order_ref = ? AND state = 'SENDING'", (order_ref,)
        ).fetchone()
    finally:
        journal.close()
    return Journaled(
        has_intent=intent is not None,
        has_order_id=assigned is not None,
        is_sending=sending is not None,
        reduces=bool(intent and intent[0]),
    )
