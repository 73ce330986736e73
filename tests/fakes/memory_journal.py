"""A journal in memory that holds a commit back when it is asked to."""

import asyncio
from collections.abc import Callable, Sequence

from daemon.domain.errors import JournalFailed
from daemon.domain.records import (
    CommissionRecorded,
    DecisionMade,
    FillRecorded,
    IntentRecorded,
    OrderRefAssigned,
    Record,
)


class MemoryJournal:
    """Implements `ports.Journal`, with the same keys that the real schema holds to be unique."""

    def __init__(self, diary: list[str] | None = None) -> None:
        self.records: list[Record] = []
        self.transactions: list[tuple[Record, ...]] = []
        self.diary: list[str] = diary if diary is not None else []
        self.gate = asyncio.Event()
        self.gate.set()
        self.while_writing: Callable[[Sequence[Record]], None] | None = None
        self.fails = False
        self._keys: set[tuple[object, ...]] = set()

    async def append(self, records: Sequence[Record]) -> None:
        if self.while_writing is not None:
            self.while_writing(records)
        await self.gate.wait()
        if self.fails:
            raise JournalFailed("the disk is full")
        for record in records:
            self._check_key(record)
        self.records.extend(records)
        self.transactions.append(tuple(records))
        self.diary += [f"durable {type(record).__name__}" for record in records]

    async def restore(self) -> tuple[Record, ...]:
        return tuple(self.records)

    def _check_key(self, record: Record) -> None:
        key = unique_key(record)
        if key is not None and key in self._keys:
            raise JournalFailed(f"unique key {key} is there already")
        if key is not None:
            self._keys.add(key)


def unique_key(record: Record) -> tuple[object, ...] | None:
    """Return what the schema (daemon/journal/schema.py) holds to be unique of a record, None where nothing is."""
    match record:
        case CommissionRecorded() | FillRecorded():
            return (record.TABLE, record.exec_id)
        case IntentRecorded():
            return (record.TABLE, record.order_ref)
        case DecisionMade():
            return (record.TABLE, record.decision_id)
        case OrderRefAssigned():
            return (record.TABLE, record.order_ref, record.order_id, record.perm_id)
        case _:
            return None
