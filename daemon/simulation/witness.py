"""Sees every order as its bytes are about to leave the daemon, and looks up what the journal holds at that moment."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from daemon.domain.standing import LinkState
from daemon.simulation.machines import DaemonMachine
from daemon.simulation.wire import placed_order

_ALERT_WITHIN_S: Final = 60.0  # virtual time
_TASKS_MORE: Final = 10  # requests under way at the moment


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


@dataclass(slots=True, kw_only=True)
class _Outage:
    """A time in which a daemon was not in step with the gateway."""

    start: int  # the how-many-th process
    bad_since_s: float  # virtual time
    is_judged: bool = False


class Witness:
    """Looks over the daemon's shoulder."""

    def __init__(
        self, state: Path, machine: DaemonMachine, now: Callable[[], float], *, criticals: Callable[[], int]
    ) -> None:
        """Look at `machine`, whose files are in `state`; `criticals` counts the lines that call for a person."""
        self._criticals = criticals
        self._told_before = 0  # of these, as all was well last
        self._path = state / "journal.db"
        self._machine = machine
        self._now = now
        self.sent: list[Sent] = []
        self.on_order: Callable[[], None] = lambda: None
        self.longest_inbox = 0
        self.grown: list[str] = []  # what there is too much of at the end
        self.unalarmed: list[str] = []  # outages without an alert
        self._tasks_at_first: dict[int, int] = {}  # how-many-th process -> its tasks when it was first in step
        self._outage: _Outage | None = None

    def tap(self, data: bytes) -> None:
        """Look at what the daemon writes."""
        placed = placed_order(data)
        if placed is None:
            return
        self.sent.append(self._looked_up(placed.order.order_ref, placed.order_id))
        self.on_order()

    def look(self) -> None:
        """See how the daemon is doing just now."""
        daemon, process = self._machine.daemon, self._machine.process
        if not self._machine.is_running or daemon is None or process is None:
            self._all_well()
            return
        waiting = daemon.orchestrator.health.figures()["inbox"]
        self.longest_inbox = max(self.longest_inbox, waiting if isinstance(waiting, int) else 0)
        if self._machine.is_synchronised:
            self._tasks_at_first.setdefault(self._machine.starts, len(process.tasks))
        self._watch(daemon.orchestrator.link.state)

    def _watch(self, state: LinkState) -> None:
        """Follow an outage: the first comparison of a process with the broker is none, as history is part of it."""
        outage, now_s = self._outage, self._now()
        if state is LinkState.CONNECTED:
            self._all_well()
        elif outage is None or outage.start != self._machine.starts:
            self._outage = _Outage(start=self._machine.starts, bad_since_s=now_s)
        elif state is LinkState.RECONCILING and self._machine.starts not in self._tasks_at_first:
            outage.bad_since_s = now_s
        elif not outage.is_judged and now_s - outage.bad_since_s > _ALERT_WITHIN_S:
            outage.is_judged = True
            if self._criticals() == self._told_before:
                self.unalarmed.append(
                    f"{state.value} since {outage.bad_since_s:.1f} s in process {outage.start}, "
                    f"and no critical alert {_ALERT_WITHIN_S:g} s later"
                )

    def _all_well(self) -> None:
        """Note that there is no outage, or nobody who could tell of one."""
        self._outage, self._told_before = None, self._criticals()

    def look_for_growth(self, connections: int) -> None:
        """Compare the daemon at work, with nothing wrong any more, with what it was after its start."""
        process, start = self._machine.process, self._machine.starts
        if process is None or start not in self._tasks_at_first:
            return
        if len(process.tasks) > self._tasks_at_first[start] + _TASKS_MORE:
            self.grown.append(f"{len(process.tasks)} tasks, {self._tasks_at_first[start]} after the start")
        if connections > 1:
            self.grown.append(f"{connections} connections")

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
