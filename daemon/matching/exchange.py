"""The simulated exchange: latency, sessions and time in force around the books of the symbols."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from heapq import heappop, heappush

from daemon.matching.book import OpenOrder, SymbolBook
from daemon.matching.latency import LatencyModel
from daemon.matching.orders import (
    Acknowledged,
    Cancelled,
    CancelReason,
    ExchangeOrder,
    Outcome,
    Rejected,
    Replaced,
    TimeInForce,
    Working,
)


class _Kind(IntEnum):
    """What is due; the number orders events of one instant."""

    CLOSE = 0
    ACKNOWLEDGE = 1
    ARRIVE = 2
    REPLACE = 3
    CANCEL = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Resting:
    """An order the exchange holds, for saving and for `restore`."""

    order: ExchangeOrder
    submitted_us: int
    remaining: Decimal  # units
    acknowledged: bool
    arrived: bool
    triggered: bool


class SimulatedExchange:
    """Orders and quotes go in, each with its time; outcomes come out, in the order of their times.

    Fills are bounded by the quote: a marketable order gets the opposite touch, up to the size shown and not yet taken;
    the rest waits for the next quote. Nothing fills outside a session or without a usable two-sided quote. The caller
    advances time and never goes back; equal calls give equal outcomes.
    """

    def __init__(self, latency: LatencyModel) -> None:
        self._latency = latency
        self._books: dict[str, SymbolBook] = {}
        self._orders: dict[str, OpenOrder] = {}
        self._due: list[tuple[int, int, int, str, ExchangeOrder | None]] = []
        self._sequence = 0
        self._messages = 0
        self._open_us = self._close_us = 0

    def open_session(self, open_us: int, close_us: int) -> None:
        """Say when the current (or next) session is. Orders held for an open get this one."""
        self._open_us, self._close_us = open_us, close_us
        for book in self._books.values():
            book.forget_quote()
        self._push(close_us, _Kind.CLOSE, "")
        for order in self._orders.values():
            if not order.arrived:
                self._push(max(open_us, self._arrival_us(order)), _Kind.ARRIVE, order.order.key)

    def submit(self, order: ExchangeOrder, at_us: int) -> list[Outcome]:
        """Take an order in; its acknowledgement and arrival become due later. A key used before is rejected."""
        if order.key in self._orders:
            return [Rejected(key=order.key, at_us=at_us, reason="duplicate key")]
        self._orders[order.key] = OpenOrder(order=order, submitted_us=at_us, remaining=order.quantity)
        self._schedule(self._orders[order.key])
        return []

    def restore(self, resting: Iterable[Resting]) -> None:
        """Take back orders saved earlier. Call `open_session` first; what was still on its way stays on its way."""
        for saved in resting:
            order = OpenOrder(
                order=saved.order,
                submitted_us=saved.submitted_us,
                remaining=saved.remaining,
                acknowledged=saved.acknowledged,
                arrived=saved.arrived,
                triggered=saved.triggered,
                rested=saved.arrived,
            )
            self._orders[saved.order.key] = order
            if order.arrived:
                self._enter_book(order)
            else:
                self._schedule(order)

    def replace(self, order: ExchangeOrder, at_us: int) -> list[Outcome]:
        """Change quantity or prices of a working order; in force when the message has arrived."""
        if order.key not in self._orders:
            return [Rejected(key=order.key, at_us=at_us, reason="unknown order")]
        self._messages += 1
        self._push(at_us + self._message_us(order, "replace"), _Kind.REPLACE, order.key, order)
        return []

    def cancel(self, key: str, at_us: int) -> list[Outcome]:
        """Ask for an order to be cancelled; fills stay possible until the message has arrived."""
        if key not in self._orders:
            return [Rejected(key=key, at_us=at_us, reason="unknown order")]
        self._push(at_us + self._message_us(self._orders[key].order, "cancel"), _Kind.CANCEL, key)
        return []

    def on_quote(
        self, symbol: str, bid: float, ask: float, bid_size: float, ask_size: float, *, at_us: int
    ) -> list[Outcome]:
        """Put a quote in force with its full size and return what it fills; everything due before goes first."""
        outcomes = self.advance(at_us - 1) if self._due and self._due[0][0] < at_us else []
        book = self._book(symbol)
        book.refresh(bid, ask, bid_size, ask_size)
        if book.working and self._open_us <= at_us < self._close_us:
            outcomes.extend(self._match(book, at_us))
        return outcomes

    def advance(self, to_us: int) -> list[Outcome]:
        """Return everything that becomes due up to and including `to_us`."""
        outcomes: list[Outcome] = []
        while self._due and self._due[0][0] <= to_us:
            at_us, kind, _, key, changed = heappop(self._due)
            if kind == _Kind.CLOSE:
                outcomes.extend(self._close(at_us))
                continue
            order = self._orders.get(key)
            if order is not None:
                outcomes.extend(self._handle(_Kind(kind), order, at_us, changed))
        return outcomes

    def next_event_us(self) -> int | None:
        """Return when `advance` next has something to do, or None."""
        return self._due[0][0] if self._due else None

    def resting(self) -> tuple[Resting, ...]:
        """Return every order that is not finished."""
        return tuple(
            Resting(
                order=order.order,
                submitted_us=order.submitted_us,
                remaining=order.remaining,
                acknowledged=order.acknowledged,
                arrived=order.arrived,
                triggered=order.triggered,
            )
            for order in self._orders.values()
        )

    @property
    def symbols(self) -> frozenset[str]:
        """Return the symbols whose quotes matter: those that had an order or a quote."""
        return frozenset(self._books)

    def _handle(self, kind: _Kind, order: OpenOrder, at_us: int, changed: ExchangeOrder | None) -> list[Outcome]:
        if kind is _Kind.ACKNOWLEDGE:
            return self._acknowledge(order, at_us)
        if kind is _Kind.ARRIVE:
            return self._arrive(order, at_us)
        if kind is _Kind.CANCEL:
            return [self._finish(order, at_us, CancelReason.REQUESTED)]
        return [] if changed is None else self._change(order, changed, at_us)

    def _acknowledge(self, order: OpenOrder, at_us: int) -> list[Outcome]:
        if order.acknowledged:
            return []
        order.acknowledged = True
        return [Acknowledged(key=order.order.key, at_us=at_us, held=not self._is_open(at_us))]

    def _arrive(self, order: OpenOrder, at_us: int) -> list[Outcome]:
        if order.arrived:
            return []
        if not self._is_open(at_us):
            if order.order.tif is TimeInForce.IOC:
                return [self._finish(order, at_us, CancelReason.REMAINDER)]
            if at_us < self._open_us:
                self._push(self._open_us, _Kind.ARRIVE, order.order.key)
            return []
        order.arrived = True
        book = self._enter_book(order)
        outcomes: list[Outcome] = [Working(key=order.order.key, at_us=at_us), *self._match(book, at_us)]
        if order.order.tif is TimeInForce.IOC and order.remaining > 0:
            outcomes.append(self._finish(order, at_us, CancelReason.REMAINDER))
        return outcomes

    def _change(self, order: OpenOrder, changed: ExchangeOrder, at_us: int) -> list[Outcome]:
        filled = order.order.quantity - order.remaining
        if changed.quantity <= filled:
            return [self._finish(order, at_us, CancelReason.REQUESTED)]
        if order.arrived:
            self._book(order.order.symbol).remove(order)
        order.order, order.remaining = changed, changed.quantity - filled
        outcomes: list[Outcome] = [Replaced(key=changed.key, at_us=at_us, order=changed)]
        if order.arrived:
            book = self._enter_book(order)
            if self._is_open(at_us):
                outcomes.extend(self._match(book, at_us))
        return outcomes

    def _close(self, at_us: int) -> list[Outcome]:
        if at_us != self._close_us:
            return []
        ending = [
            order
            for order in self._orders.values()
            if order.order.tif is not TimeInForce.GTC and order.submitted_us < at_us
        ]
        outcomes: list[Outcome] = [self._finish(order, at_us, CancelReason.EXPIRED) for order in ending]
        for book in self._books.values():
            book.forget_quote()
        return outcomes

    def _match(self, book: SymbolBook, at_us: int) -> list[Outcome]:
        outcomes = book.match(at_us)
        for outcome in outcomes:
            order = self._orders.get(outcome.key)
            if order is not None and order.remaining == 0:
                del self._orders[outcome.key]
        return outcomes

    def _finish(self, order: OpenOrder, at_us: int, reason: CancelReason) -> Cancelled:
        if order.arrived:
            self._book(order.order.symbol).remove(order)
        del self._orders[order.order.key]
        return Cancelled(key=order.order.key, at_us=at_us, remaining=order.remaining, reason=reason)

    def _schedule(self, order: OpenOrder) -> None:
        delays = self._latency.of(order.order.latency_key)
        self._push(order.submitted_us + delays.acknowledged_us, _Kind.ACKNOWLEDGE, order.order.key)
        self._push(max(self._arrival_us(order), self._open_us), _Kind.ARRIVE, order.order.key)
        self._book(order.order.symbol)

    def _arrival_us(self, order: OpenOrder) -> int:
        return order.submitted_us + self._latency.of(order.order.latency_key).arrived_us

    def _message_us(self, order: ExchangeOrder, message: str) -> int:
        return self._latency.of(order.latency_key, message=message).arrived_us

    def _enter_book(self, order: OpenOrder) -> SymbolBook:
        self._sequence += 1
        order.sequence = self._sequence
        book = self._book(order.order.symbol)
        book.add(order)
        return book

    def _book(self, symbol: str) -> SymbolBook:
        book = self._books.get(symbol)
        if book is None:
            book = self._books[symbol] = SymbolBook()
        return book

    def _is_open(self, at_us: int) -> bool:
        return self._open_us <= at_us < self._close_us

    def _push(self, at_us: int, kind: _Kind, key: str, changed: ExchangeOrder | None = None) -> None:
        self._messages += 1
        heappush(self._due, (at_us, int(kind), self._messages, key, changed))
