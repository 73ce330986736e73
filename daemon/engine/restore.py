"""Rebuilds an engine's state from the journal's records, in the order in which they were written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from daemon.domain.fill import Fill
from daemon.domain.order import OrderRef
from daemon.domain.records import (
    CommissionRecorded,
    DecisionMade,
    EquityMarked,
    FillRecorded,
    IntentRecorded,
    OrderEventSeen,
    Record,
    SessionMarked,
    TradingStateChanged,
)
from daemon.domain.trading_state import TradingState
from daemon.engine.order_book import OwnOrder

if TYPE_CHECKING:
    from daemon.engine.engine import Engine


def restore_state(engine: Engine, records: Iterable[Record]) -> None:
    """Apply `records`, oldest first.

    Of strategies that are no longer configured there is no ledger, but their orders may work on and fill.
    """
    fills: dict[str, Fill] = {}
    handlers: dict[type, Callable[..., None]] = {
        SessionMarked: lambda record: _session(engine, record),
        EquityMarked: lambda record: _equity(engine, record),
        IntentRecorded: lambda record: _intent(engine, record),
        OrderEventSeen: lambda record: engine.orders.on_state(record.order_ref, record.state, record.at),
        FillRecorded: lambda record: _fill(engine, record, fills),
        CommissionRecorded: lambda record: _commission(engine, record),
        TradingStateChanged: lambda record: _state(engine, record),
        DecisionMade: lambda record: _memory(engine, record),
    }
    for record in records:
        handler = handlers.get(type(record))
        if handler is not None:
            handler(record)


def _session(engine: Engine, record: SessionMarked) -> None:
    if record.phase == "OPENED" and record.day != engine.accounts.day:
        engine.accounts.day = record.day
        for slot in engine.accounts.slots:
            slot.orders_today = 0


def _equity(engine: Engine, record: EquityMarked) -> None:
    slot = engine.accounts.find(record.strategy)
    if slot is not None:
        slot.day_start_equity = record.day_start_equity


def _intent(engine: Engine, record: IntentRecorded) -> None:
    slot = engine.accounts.find(record.strategy)
    if slot is not None:
        slot.orders_today += 1
    engine.orders.add(
        OwnOrder(
            order_ref=record.order_ref,
            strategy=record.strategy,
            instrument=record.instrument,
            side=record.side,
            quantity=record.quantity,
            reduces=record.reduces,
            decided_at=record.at,
        )
    )


def _fill(engine: Engine, record: FillRecorded, fills: dict[str, Fill]) -> None:
    fill = Fill(
        exec_id=record.exec_id,
        order_ref=OrderRef(record.order_ref),
        instrument=record.instrument,
        side=record.side,
        quantity=record.quantity,
        price=record.price,
        at=record.at,
        executed_at=record.executed_at,
    )
    replaces = fills.get(record.replaces) if record.replaces is not None else None
    fills[fill.exec_id] = fill
    engine.orders.on_fill(fill, replaces)
    slot = engine.accounts.find(record.strategy)
    if slot is None:
        engine.accounts.leave_behind(fill, replaces)
    else:
        slot.ledger.book_fill(fill, replaces)


def _commission(engine: Engine, record: CommissionRecorded) -> None:
    slot = engine.accounts.find(record.strategy)
    if slot is not None:
        slot.ledger.book_commission(record.exec_id, record.amount)


def _state(engine: Engine, record: TradingStateChanged) -> None:
    if record.state not in TradingState.__members__:
        return  # what a person did to the books; that has rows of its own
    state = TradingState(record.state)
    known = record.strategy is None or engine.accounts.find(record.strategy) is not None
    if known and state is not TradingState.STOPPING:  # a shutdown ends with its process
        engine.set_state(record.at, state, strategy=record.strategy, who=record.who, why=record.why)


def _memory(engine: Engine, record: DecisionMade) -> None:
    slot = engine.accounts.find(record.strategy)
    if slot is not None and record.memory is not None:
        slot.memory[record.instrument] = record.memory
