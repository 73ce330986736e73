"""The simulated exchange: latency, sessions and time in force around the floor, where orders meet quotes."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from daemon.matching.book import SymbolBook
from daemon.matching.due import DueQueue, Kind
from daemon.matching.floor import Floor, symbols_of
from daemon.matching.latency import Latency, LatencyModel
from daemon.matching.open_order import OpenOrder, opened
from daemon.matching.orders import (
    Acknowledged,
    CancelReason,
    ExchangeOrder,
    Outcome,
    Rejected,
    RejectReason,
    Resting,
    TimeInForce,
    Working,
)
from daemon.matching.rules import TradingRules

__all__ = ["Resting", "SimulatedExchange"]

_LASTING: Final = frozenset({TimeInForce.GTC, TimeInForce.GTD})


class SimulatedExchange:
    """Orders and quotes go in, each with its time; outcomes come out, in the order of their times.

    Nothing fills outside a session, during a halt, or without a usable two-sided quote; how much of an order a quote
    fills is its `fill_model`. The caller advances time and never goes back; equal calls give equal outcomes.
    """

    def __init__(self, latency: LatencyModel, rules: Mapping[str, TradingRules] | None = None) -> None:
        self._latency = latency
        self._floor = Floor(rules, self._release)
        self._due = DueQueue()
        self._open_us = self._close_us = 0

    def set_rules(self, symbol: str, rules: TradingRules) -> None:
        """Say what the market of a symbol accepts; without rules every price and quantity is taken."""
        self._floor.set_rules(symbol, rules)

    def open_session(self, open_us: int, close_us: int) -> None:
        """Say when the current (or next) session is. Orders held for an open get this one."""
        self._open_us, self._close_us = open_us, close_us
        for book in self._floor.books.values():
            book.forget_quote()
            book.opening_price = None
        self._due.push(close_us, Kind.CLOSE)
        for order in self._floor.orders.values():
            if not order.arrived:
                self._due.push(max(open_us, order.arrival_us), Kind.ARRIVE, order.order.key)

    def submit(self, order: ExchangeOrder, at_us: int) -> list[Outcome]:
        """Take an order in; its acknowledgement and arrival become due later. Return nothing, or its rejection."""
        refusal = self._floor.refusal(order)
        if refusal is not None:
            return [Rejected(key=order.key, at_us=at_us, reason=refusal[0], detail=refusal[1])]
        taken = OpenOrder(order=order, submitted_us=at_us, remaining=order.quantity)
        self._floor.take(taken)
        self._schedule(taken)
        return []

    def restore(self, resting: Iterable[Resting]) -> None:
        """Take back orders saved earlier. Call `open_session` first; what was still on its way stays on its way."""
        for saved in resting:
            order = opened(saved)
            self._floor.take(order)
            if order.arrived:
                self._floor.enter(order)
                self._schedule_expiry(saved.order, saved.submitted_us)
            else:
                self._schedule(order)

    def replace(self, order: ExchangeOrder, at_us: int) -> list[Outcome]:
        """Change quantity or prices of a working order; in force when the message has arrived."""
        if order.key not in self._floor.orders:
            return [Rejected(key=order.key, at_us=at_us, reason=RejectReason.UNKNOWN_ORDER)]
        fault = self._floor.fault(order)
        if fault is not None:
            return [Rejected(key=order.key, at_us=at_us, reason=fault[0], detail=fault[1])]
        self._due.push(at_us + self._message_us(order, "replace"), Kind.REPLACE, order.key, order)
        return []

    def cancel(self, key: str, at_us: int) -> list[Outcome]:
        """Ask for an order to be cancelled; fills stay possible until the message has arrived."""
        found = self._floor.orders.get(key)
        if found is None:
            return [Rejected(key=key, at_us=at_us, reason=RejectReason.UNKNOWN_ORDER)]
        self._due.push(at_us + self._message_us(found.order, "cancel"), Kind.CANCEL, key)
        return []

    def on_quote(
        self, symbol: str, bid: float, ask: float, bid_size: float, ask_size: float, *, at_us: int
    ) -> list[Outcome]:
        """Put a quote in force with its full size and return what it fills; everything due before goes first."""
        outcomes = self._before(at_us)
        book = self._floor.book(symbol)
        book.refresh(bid, ask, bid_size, ask_size, at_us)
        if self._open_us <= at_us < self._close_us:
            if book.working:
                outcomes.extend(self._floor.match_book(book, at_us))
            if self._floor.combos.working and self._floor.combos.watches(symbol):
                outcomes.extend(self._floor.match_combos(at_us))
        return outcomes

    def on_trade(self, symbol: str, price: float, size: float, *, at_us: int) -> list[Outcome]:
        """Take a print of the tape: it wakes orders that watch the last trade and moves queues forward."""
        outcomes = self._before(at_us)
        return outcomes + self._floor.trade(symbol, price, size, at_us) if self._is_open(at_us) else outcomes

    def halt(self, symbol: str, at_us: int) -> list[Outcome]:
        """Stop matching in a symbol; orders rest, and may come, change and go."""
        outcomes = self._before(at_us)
        self._floor.book(symbol).halted = True
        return outcomes

    def resume(self, symbol: str, at_us: int) -> list[Outcome]:
        """Let a symbol trade again, from its next quote on."""
        outcomes = self._before(at_us)
        book = self._floor.book(symbol)
        book.halted = False
        book.forget_quote()
        return outcomes

    def open_auction(self, symbol: str, price: Decimal | None, at_us: int) -> list[Outcome]:
        """Hold the opening auction at `price`; None = the middle of the opening quote, when there is one."""
        outcomes = self._before(at_us)
        book = self._floor.book(symbol)
        book.opening_price = price
        return [*outcomes, *self.advance(at_us), *self._floor.open_auction(book, at_us)]

    def close_auction(self, symbol: str, price: Decimal | None, at_us: int) -> list[Outcome]:
        """Hold the closing auction at `price`; None = the middle of the last quote. Else the close itself holds it."""
        return [*self._before(at_us), *self._floor.close_auction(self._floor.book(symbol), price, at_us)]

    def corporate_action(self, symbol: str, at_us: int) -> list[Outcome]:
        """Cancel every order in a symbol, alone or as a leg: what it was about has changed (as IB does)."""
        outcomes = self._before(at_us)
        concerned = [order for order in self._floor.orders.values() if symbol in symbols_of(order.order)]
        return outcomes + self._floor.finish_all(concerned, at_us, CancelReason.CORPORATE_ACTION)

    def advance(self, to_us: int) -> list[Outcome]:
        """Return everything that becomes due up to and including `to_us`."""
        outcomes: list[Outcome] = []
        while (due_us := self._due.next_us()) is not None and due_us <= to_us:
            at_us, kind, key, changed = self._due.pop()
            if kind is Kind.CLOSE:
                outcomes.extend(self._close(at_us))
                continue
            order = self._floor.orders.get(key)
            if order is not None:
                outcomes.extend(self._handle(kind, order, at_us, changed))
        return outcomes

    def next_event_us(self) -> int | None:
        """Return when `advance` next has something to do, or None."""
        return self._due.next_us()

    def resting(self) -> tuple[Resting, ...]:
        """Return every order that is not finished."""
        return tuple(order.saved() for order in self._floor.orders.values())

    def delays(self, key: str) -> Latency:
        """Return how long a new order with this latency key takes."""
        return self._latency.of(key)

    def book(self, symbol: str) -> SymbolBook:
        """Return the book of a symbol, for callers that keep the order of things themselves."""
        return self._floor.book(symbol)

    @property
    def symbols(self) -> frozenset[str]:
        """Return the symbols whose quotes matter: those that had an order or a quote."""
        return frozenset(self._floor.books)

    def _before(self, at_us: int) -> list[Outcome]:
        due_us = self._due.next_us()
        return self.advance(at_us - 1) if due_us is not None and due_us < at_us else []

    def _handle(self, kind: Kind, order: OpenOrder, at_us: int, changed: ExchangeOrder | None) -> list[Outcome]:
        if kind is Kind.ACKNOWLEDGE:
            return self._acknowledge(order, at_us)
        if kind is Kind.ARRIVE:
            return self._arrive(order, at_us)
        if kind is Kind.CANCEL:
            return self._floor.finish(order, at_us, CancelReason.REQUESTED)
        if kind is Kind.EXPIRE:
            return self._expire(order, at_us)
        return [] if changed is None else self._change(order, changed, at_us)

    def _acknowledge(self, order: OpenOrder, at_us: int) -> list[Outcome]:
        if order.acknowledged:
            return []
        order.acknowledged = True
        held = not self._is_open(at_us) or order.opening
        return [Acknowledged(key=order.order.key, at_us=at_us, held=held)]

    def _arrive(self, order: OpenOrder, at_us: int) -> list[Outcome]:
        if order.arrived or order.order.parent_key in self._floor.orders or (order.order.good_after_us or 0) > at_us:
            return []
        if not self._is_open(at_us):
            if order.immediate:
                return self._floor.finish(order, at_us, CancelReason.REMAINDER)
            if at_us < self._open_us:
                self._due.push(self._open_us, Kind.ARRIVE, order.order.key)
            return []
        if order.opening and at_us > self._open_us:
            return []  # too late for this opening: held for the next session's
        order.arrived = True
        self._floor.enter(order)
        outcomes: list[Outcome] = [Working(key=order.order.key, at_us=at_us), *self._floor.match(order, at_us)]
        if order.immediate and order.order.key in self._floor.orders:
            outcomes.extend(self._floor.finish(order, at_us, CancelReason.REMAINDER))
        return outcomes

    def _change(self, order: OpenOrder, changed: ExchangeOrder, at_us: int) -> list[Outcome]:
        outcomes = self._floor.change(order, changed, at_us)
        if order.order.key in self._floor.orders:
            self._schedule_expiry(changed, at_us)
            if changed.good_after_us is not None:
                self._due.push(max(at_us, changed.good_after_us), Kind.ARRIVE, changed.key)
            if order.arrived and self._is_open(at_us):
                outcomes.extend(self._floor.match(order, at_us))
        return outcomes

    def _expire(self, order: OpenOrder, at_us: int) -> list[Outcome]:
        if order.order.good_till_us is None or order.order.good_till_us > at_us:  # changed meanwhile
            return []
        return self._floor.finish(order, at_us, CancelReason.EXPIRED)

    def _close(self, at_us: int) -> list[Outcome]:
        if at_us != self._close_us:
            return []
        outcomes: list[Outcome] = []
        for book in self._floor.books.values():
            outcomes.extend(self._floor.close_auction(book, None, at_us))
        ending = [order for order in self._floor.orders.values() if self._ends(order, at_us)]
        outcomes.extend(self._floor.finish_all(ending, at_us, CancelReason.EXPIRED))
        for book in self._floor.books.values():
            book.forget_quote()
        return outcomes

    def _ends(self, order: OpenOrder, at_us: int) -> bool:
        """Return whether an order belongs to the session that closes."""
        if order.order.tif in _LASTING or max(order.submitted_us, order.order.good_after_us or 0) >= at_us:
            return False
        return not order.opening or order.arrived or order.arrival_us <= self._open_us

    def _release(self, child: OpenOrder, at_us: int) -> None:
        """Send a child whose parent has been filled to the exchange: it was waiting there already."""
        self._due.push(max(at_us, child.arrival_us), Kind.ARRIVE, child.order.key)

    def _schedule(self, order: OpenOrder) -> None:
        delays = self._latency.of(order.order.latency_key)
        order.arrival_us = max(order.submitted_us + delays.arrived_us, order.order.good_after_us or 0)
        self._due.push(order.submitted_us + delays.acknowledged_us, Kind.ACKNOWLEDGE, order.order.key)
        self._due.push(max(order.arrival_us, self._open_us), Kind.ARRIVE, order.order.key)
        self._schedule_expiry(order.order, order.submitted_us)

    def _schedule_expiry(self, order: ExchangeOrder, at_us: int) -> None:
        if order.good_till_us is not None:
            self._due.push(max(at_us, order.good_till_us), Kind.EXPIRE, order.key)

    def _message_us(self, order: ExchangeOrder, message: str) -> int:
        return self._latency.of(order.latency_key, message=message).arrived_us

    def _is_open(self, at_us: int) -> bool:
        return self._open_us <= at_us < self._close_us
