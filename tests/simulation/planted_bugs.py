"""Bugs that a daemon like this one has had somewhere: each function plants one, for as long as its test lasts."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import pytest
import structlog

from daemon import app
from daemon.adapters.ib.broker import IbBroker
from daemon.app import Daemon
from daemon.domain.callbacks import CommissionReported, ConnectionChanged, ExecutionReported, OrderReported
from daemon.domain.errors import BrokerUnavailable
from daemon.domain.events import FillReceived
from daemon.domain.fill import Fill
from daemon.domain.order import Approved, OrderState
from daemon.domain.records import CommissionRecorded, FillRecorded, Record, TradingStateChanged
from daemon.domain.standing import Access
from daemon.domain.trading_state import TradingState
from daemon.engine.engine import Engine
from daemon.engine.ledger import Ledger
from daemon.engine.trading_switch import TradingSwitch
from daemon.execution import evidence, states
from daemon.execution.evidence import Evidence
from daemon.execution.live_order import LiveOrder
from daemon.execution.paper_executor import PaperExecutor
from daemon.execution.presence import Presence
from daemon.journal import sqlite
from daemon.journal.seals import GENESIS, SealChain
from daemon.journal.writer import JournalWriter
from daemon.orchestrator.link import Link
from daemon.orchestrator.outages import Outages
from daemon.orchestrator.reconciliation import Reconciler
from daemon.orchestrator.sequencer import Sequencer
from daemon.ports import Inquiry, Told
from daemon.settings.loading import LoadedSettings

Plant = Callable[[pytest.MonkeyPatch], None]


def send_before_commit(patch: pytest.MonkeyPatch) -> None:
    """Bytes first, journal afterwards: a kill between the two leaves an order that nobody knows."""

    async def commit_and_send(self: Any, done: list[Record], approved: Sequence[Approved], at: datetime) -> None:
        for order in approved:
            done.extend(self._executor.prepare(order, at))
            if self._engine.may_send(order):
                done.extend(self._executor.send(order, at))
        if done:
            await self._journal.append(done)
            self._observer(done)
        self._note_orders()

    patch.setattr(Sequencer, "_commit_and_send", commit_and_send)


def one_fill_an_order(patch: pytest.MonkeyPatch) -> None:
    """Executions are told apart by order id, so that only the first part of an order counts."""
    original = Evidence.on_execution

    def on_execution(self: Evidence, execution: ExecutionReported, at: datetime) -> Told:
        order = self.order_of(execution)
        if order is not None and order.fills and not _corrects(order, execution):
            return Told()
        return original(self, execution, at)

    patch.setattr(Evidence, "on_execution", on_execution)


def resend_on_timeout(patch: pytest.MonkeyPatch) -> None:
    """An order that takes too long is sent once more, under a new id."""

    def cancel(self: PaperExecutor, order: LiveOrder, at: datetime, *, source: str, text: str) -> Told:
        order.ticket = replace(order.ticket, order_id=self._broker.reserve_order_id())
        self._orders.add(order)
        try:
            self._broker.submit(order.ticket)
        except BrokerUnavailable:
            return Told()
        self._watch(order, at)
        return self._evidence.move(order, order.state, at, source=source, text=text, always=True)

    patch.setattr(PaperExecutor, "_cancel", cancel)


def resend_after_restart(patch: pytest.MonkeyPatch) -> None:
    """What the broker's books do not show after a restart is sent again: the acknowledgement may just be under way."""

    def judged(self: PaperExecutor, order: LiveOrder, presence: Presence, at: datetime, how: Inquiry) -> Told:
        if presence is not Presence.ABSENT:
            return Told()
        try:
            self._broker.submit(order.ticket)
        except BrokerUnavailable:
            return Told()
        return self._evidence.move(order, OrderState.SENDING, at, source="reconcile", text="sent again", always=True)

    patch.setattr(PaperExecutor, "_judged", judged)


def no_reconciliation(patch: pytest.MonkeyPatch) -> None:
    """After a start or a reconnect everything goes on as if nothing had been missed."""

    patch.setattr(Reconciler, "_missed", lambda self, snapshot: iter(()))
    patch.setattr(Reconciler, "_compared", lambda self, snapshot, asked, at_connection: iter(()))
    original = PaperExecutor.interpret

    def interpret(self: PaperExecutor, callback: Any, at: datetime) -> Told:
        """Rows of the snapshot arrive as callbacks too; only what is live counts here."""
        if isinstance(callback, ExecutionReported) and abs(at - callback.executed_at).total_seconds() > 5:
            return Told()
        return original(self, callback, at)

    patch.setattr(PaperExecutor, "interpret", interpret)


def ignore_fill_after_cancel(patch: pytest.MonkeyPatch) -> None:
    """An order is done with once its cancel was asked for; the fill that crosses it on its way is dropped."""
    original = Evidence.on_execution

    def on_execution(self: Evidence, execution: ExecutionReported, at: datetime) -> Told:
        order = self.order_of(execution)
        if order is not None and order.cancel_asked:
            return Told()
        return original(self, execution, at)

    patch.setattr(Evidence, "on_execution", on_execution)


def correction_counts_twice(patch: pytest.MonkeyPatch) -> None:
    """A corrected execution is booked beside the one it corrects."""
    original = Evidence.on_execution

    def on_execution(self: Evidence, execution: ExecutionReported, at: datetime) -> Told:
        told = original(self, execution, at)
        events = tuple(
            replace(event, replaces=None) if isinstance(event, FillReceived) else event for event in told.events
        )
        return Told(events, told.records)

    patch.setattr(Evidence, "on_execution", on_execution)


def ledger_books_correction_twice(patch: pytest.MonkeyPatch) -> None:
    """The journal is right, the strategy's ledger is not."""
    original = Ledger.book_fill

    def book_fill(self: Ledger, fill: Fill, replaces: Fill | None = None) -> Any:
        return original(self, fill)

    patch.setattr(Ledger, "book_fill", book_fill)


def forget_commission(patch: pytest.MonkeyPatch) -> None:
    """An order that has ended is not looked at any more, though what it cost is told after its last execution."""
    original = Evidence._on_commission

    def on_commission(self: Evidence, commission: CommissionReported, at: datetime) -> Told:
        order = self._orders.of_execution(commission.exec_id)
        ended = order is not None and order.state.is_terminal
        return Told() if ended else original(self, commission, at)

    patch.setattr(Evidence, "_on_commission", on_commission)


def free_of_charge(patch: pytest.MonkeyPatch) -> None:
    """Commissions are journaled and never taken from the strategy's cash."""
    patch.setattr(Ledger, "book_commission", lambda self, exec_id, amount: None)


def forget_executions_on_restart(patch: pytest.MonkeyPatch) -> None:
    """Which executions are known is not restored, so that the broker's list brings them a second time."""
    original = PaperExecutor.restore

    def restore(self: PaperExecutor, records: Sequence[Record]) -> None:
        original(self, records)
        self._orders._by_exec.clear()
        for order in self._orders._orders.values():
            order.fills.clear()

    patch.setattr(PaperExecutor, "restore", restore)


def forget_fills_on_restart(patch: pytest.MonkeyPatch) -> None:
    """The ledgers begin each run with the capital and no position."""
    original = Engine.restore

    def restore(self: Any, records: Sequence[Record]) -> None:
        original(self, [record for record in records if not isinstance(record, FillRecorded | CommissionRecorded)])

    patch.setattr(Engine, "restore", restore)


def reuse_order_ids(patch: pytest.MonkeyPatch) -> None:
    """Order ids are counted from what the gateway says is free, whatever the journal knows."""
    patch.setattr(IbBroker, "raise_order_id", lambda self, minimum: None)


def credit_the_newest_order(patch: pytest.MonkeyPatch) -> None:
    """An execution goes to the newest order of its instrument: two strategies that trade the same one get mixed up."""
    original = Evidence.order_of

    def order_of(self: Evidence, report: OrderReported | ExecutionReported) -> LiveOrder | None:
        found = original(self, report)
        if found is None:
            return None
        instrument = found.ticket.instrument
        return [order for order in self._orders._orders.values() if order.ticket.instrument == instrument][-1]

    patch.setattr(Evidence, "order_of", order_of)


def trade_on_after_reconnect(patch: pytest.MonkeyPatch) -> None:
    """A connection that has come back is used as if it had never been away."""
    original = Link.on_change

    def on_change(self: Link, change: ConnectionChanged) -> None:
        if not (change.up and self.synchronisations):
            original(self, change)

    def tell(self: Link) -> None:
        self._set_access(Access())
        self.on_news()

    patch.setattr(Link, "on_change", on_change)
    patch.setattr(Link, "_tell", tell)


def carry_on_without_a_disk(patch: pytest.MonkeyPatch) -> None:
    """A journal that fails is logged and otherwise taken for written."""

    def fail(self: Any, error: BaseException, group: Sequence[Any]) -> None:
        waiting, self._waiting = self._waiting, []
        for append in (*group, *waiting):
            if not append.durable.done():
                append.durable.set_result(None)

    patch.setattr(JournalWriter, "_fail", fail)


def deaf_to_cancels(patch: pytest.MonkeyPatch) -> None:
    """The broker's word that an order is cancelled changes nothing, told or listed."""
    original = states.after_status

    def after_status(state: OrderState, status: str, *, filled: Decimal, quantity: Decimal) -> OrderState:
        return state if status == "Cancelled" else original(state, status, filled=filled, quantity=quantity)

    patch.setattr(evidence, "after_status", after_status)
    patch.setattr(evidence, "after_completion", lambda state, **_: state)


def whole_lots(patch: pytest.MonkeyPatch) -> None:
    """The price of a fill is rounded to whole units on its way into the journal."""
    original = Evidence.on_execution

    def on_execution(self: Evidence, execution: ExecutionReported, at: datetime) -> Told:
        return original(self, replace(execution, price=execution.price.quantize(Decimal(1))), at)

    patch.setattr(Evidence, "on_execution", on_execution)


def secret_in_a_log_line(patch: pytest.MonkeyPatch) -> None:
    """What the daemon was started with is logged, address of the journal with its password included."""
    original = Daemon._run_record

    def run_record(self: Any, loaded: LoadedSettings) -> Any:
        url = loaded.settings.journal.url
        structlog.get_logger().debug("daemon.configured", journal=url.get_secret_value() if url else None)
        return original(self, loaded)

    patch.setattr(Daemon, "_run_record", run_record)


def secret_in_the_journal(patch: pytest.MonkeyPatch) -> None:
    """The settings are kept with the run, unmasked."""

    def plain(settings: Any) -> object:
        return {"journal": settings.journal.url.get_secret_value()}

    patch.setattr(app, "plain", plain)


def deaf_to_the_operator(patch: pytest.MonkeyPatch) -> None:
    """A pause is noted down, and orders go on."""
    patch.setattr(TradingSwitch, "state", TradingState.RUNNING)


def forget_the_pause_on_restart(patch: pytest.MonkeyPatch) -> None:
    """What the operator had stopped goes on by itself after a restart."""
    original = Engine.restore

    def restore(self: Any, records: Sequence[Record]) -> None:
        original(self, [record for record in records if not isinstance(record, TradingStateChanged)])

    patch.setattr(Engine, "restore", restore)


def seals_without_a_chain(patch: pytest.MonkeyPatch) -> None:
    """Each seal stands for itself, so that rows can be taken out together with theirs."""
    original = SealChain.seal

    def seal(self: SealChain, rows: Any, **facts: Any) -> Any:
        self.head = GENESIS
        return original(self, rows, **facts)

    patch.setattr(SealChain, "seal", seal)


def commits_without_sync(patch: pytest.MonkeyPatch) -> None:
    """A commit returns before the disk has it: quicker, until the power fails."""
    original = sqlite.open_for_writing

    def open_for_writing(path: Path, *, busy_timeout_s: float) -> Connection:
        connection = original(path, busy_timeout_s=busy_timeout_s)
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    patch.setattr(sqlite, "open_for_writing", open_for_writing)


def watch_for_ever(patch: pytest.MonkeyPatch) -> None:
    """Each order gets a task that watches it, and none of these ever ends."""
    original = PaperExecutor.send
    watchers = set()

    def send(self: PaperExecutor, order: Approved, at: datetime) -> Any:
        watchers.add(asyncio.ensure_future(asyncio.sleep(1e9)))
        return original(self, order, at)

    patch.setattr(PaperExecutor, "send", send)


def nobody_is_told(patch: pytest.MonkeyPatch) -> None:
    """An outage is noticed, waited out, and kept to itself."""
    patch.setattr(Outages, "look", lambda self, state, standing, *, host_s, at: None)


def _corrects(order: LiveOrder, execution: ExecutionReported) -> bool:
    return execution.exec_id.rpartition(".")[0] in order.fills
