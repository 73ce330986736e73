"""The floor: live orders, their books and their groups; what happens at one instant, whatever the time."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal

from daemon.matching.book import SymbolBook
from daemon.matching.combos import ComboBook
from daemon.matching.groups import OrderGroups, open_after
from daemon.matching.open_order import OpenOrder
from daemon.matching.orders import (
    Cancelled,
    CancelReason,
    ExchangeOrder,
    Filled,
    OcaType,
    Outcome,
    RejectReason,
    Replaced,
)
from daemon.matching.rules import DEFAULT_RULES, TradingRules

Release = Callable[[OpenOrder, int], None]  # a child whose parent has been filled, and when


class Floor:
    """Live orders by key, one book per symbol, one for combos."""

    def __init__(self, rules: Mapping[str, TradingRules] | None, release: Release) -> None:
        self.orders: dict[str, OpenOrder] = {}
        self.books: dict[str, SymbolBook] = {}
        self.combos = ComboBook()
        self._rules = dict(rules or {})
        self._groups = OrderGroups()
        self._release = release
        self._sequence = 0

    def book(self, symbol: str) -> SymbolBook:
        """Return the book of a symbol, a new one the first time."""
        book = self.books.get(symbol)
        if book is None:
            book = self.books[symbol] = SymbolBook(self._rules.get(symbol, DEFAULT_RULES))
        return book

    def set_rules(self, symbol: str, rules: TradingRules) -> None:
        """Say what the market of a symbol accepts."""
        self._rules[symbol] = rules
        if symbol in self.books:
            self.books[symbol].rules = rules

    def refusal(self, order: ExchangeOrder) -> tuple[RejectReason, str] | None:
        """Return why a new order cannot be taken, with field and value, or None."""
        if order.key in self.orders:
            return RejectReason.DUPLICATE_KEY, f"key {order.key}"
        if order.parent_key and order.parent_key not in self.orders:
            return RejectReason.UNKNOWN_PARENT, f"parent_key {order.parent_key}"
        if order.oca_group and self._groups.is_used_up(order.oca_group):
            return RejectReason.OCA_GROUP_FILLED, f"oca_group {order.oca_group}"
        return self.fault(order)

    def fault(self, order: ExchangeOrder) -> tuple[RejectReason, str] | None:
        """Return why the market of its symbol refuses an order, or None."""
        rules = self._rules.get(order.symbol)
        return None if rules is None else rules.fault(order)

    def take(self, order: OpenOrder) -> None:
        """Make an order live; it is not at the exchange yet."""
        self.orders[order.order.key] = order
        self._groups.add(order.order)
        for symbol in symbols_of(order.order):
            self.book(symbol)

    def enter(self, order: OpenOrder, *, behind: bool = True) -> None:
        """Put an order that has arrived into its book, `behind` all others at its price."""
        if behind:
            self._sequence += 1
            order.sequence = self._sequence
        self._home(order).add(order)

    def match(self, order: OpenOrder, at_us: int) -> list[Outcome]:
        """Return what the quotes in force do to the book an order stands in."""
        if order.order.legs:
            return self.match_combos(at_us)
        return self.match_book(self.book(order.order.symbol), at_us)

    def match_book(self, book: SymbolBook, at_us: int) -> list[Outcome]:
        """Return what the quote in force does to one symbol's orders; an opening auction still due comes first."""
        opening = self.open_auction(book, at_us) if book.special else []
        return opening + self._settled(book.match(at_us, self._regroup))

    def match_combos(self, at_us: int) -> list[Outcome]:
        """Return what the quotes in force do to the combos."""
        return self._settled(self.combos.match(self.books, at_us, self._regroup))

    def trade(self, symbol: str, price: float, size: float, at_us: int) -> list[Outcome]:
        """Return what a print of the tape does."""
        return self._settled(self.book(symbol).trade(price, size, at_us, self._regroup))

    def open_auction(self, book: SymbolBook, at_us: int) -> list[Outcome]:
        """Fill the orders that wait for the opening, once there is a price for it."""
        members = [order for order in book.working if order.opening]
        if not members or book.halted:
            return []
        if book.opening_price is None:
            book.opening_price = book.middle
        return self._auction(book, members, book.opening_price, at_us)

    def close_auction(self, book: SymbolBook, price: Decimal | None, at_us: int) -> list[Outcome]:
        """Fill the orders that wait for the close, at `price` or the middle of the quote in force."""
        members = [order for order in book.working if order.traits.closing]
        if not members or book.halted:
            return []
        return self._auction(book, members, book.middle if price is None else price, at_us)

    def finish(self, order: OpenOrder, at_us: int, reason: CancelReason) -> list[Outcome]:
        """End an order, and its children with it."""
        if order.arrived:
            self._home(order).remove(order)
        order.idle = True
        key = order.order.key
        self._forget(order)
        outcomes: list[Outcome] = [Cancelled(key=key, at_us=at_us, remaining=order.remaining, reason=reason)]
        return outcomes + self.finish_all(self._children(key), at_us, CancelReason.PARENT)

    def finish_all(self, orders: Iterable[OpenOrder], at_us: int, reason: CancelReason) -> list[Outcome]:
        """End several orders; one that another's end has already ended is passed over."""
        outcomes: list[Outcome] = []
        for order in orders:
            if order.order.key in self.orders:
                outcomes.extend(self.finish(order, at_us, reason))
        return outcomes

    def change(self, order: OpenOrder, changed: ExchangeOrder, at_us: int) -> list[Outcome]:
        """Put a change in force; an order that only shrinks keeps its place."""
        before, filled = order.order, order.order.quantity - order.remaining
        if changed.quantity <= filled:
            return self.finish(order, at_us, CancelReason.REQUESTED)
        if order.arrived:
            self._home(order).remove(order)
        same = changed == replace(before, quantity=changed.quantity, min_quantity=changed.min_quantity)
        keeps = same and changed.quantity <= before.quantity
        if not keeps:
            order.ahead, order.rested = None, False
        if changed.stop_price != before.stop_price:
            order.stop = None
        order.order, order.remaining = changed, changed.quantity - filled
        if order.arrived:
            self.enter(order, behind=not keeps)
        return [Replaced(key=changed.key, at_us=at_us, order=changed)]

    def _auction(self, book: SymbolBook, members: list[OpenOrder], price: Decimal | None, at_us: int) -> list[Outcome]:
        if price is None:
            return []
        outcomes, missed = book.auction(members, price, at_us, self._regroup)
        return self._settled(outcomes) + self.finish_all(missed, at_us, CancelReason.REMAINDER)

    def _regroup(self, filler: OpenOrder, fill: Filled) -> list[Outcome]:
        """Return what a fill does to the other members of the filler's OCA group."""
        order = filler.order
        if fill.remaining == 0 or order.oca_type is OcaType.CANCEL_WITH_BLOCK:
            self._groups.use_up(order.oca_group)
        others = {key: self.orders[key].remaining for key in self._groups.others(order)}
        left = open_after(order.oca_type, others, filled=fill.quantity, filler_before=fill.quantity + fill.remaining)
        outcomes: list[Outcome] = []
        for key, remaining in left.items():
            member = self.orders.get(key)
            if member is None or remaining == member.remaining:
                continue
            if remaining <= 0:
                outcomes.extend(self.finish(member, fill.at_us, CancelReason.OCA))
            else:
                outcomes.append(_shrink(member, remaining, fill.at_us))
        return outcomes

    def _settled(self, outcomes: list[Outcome]) -> list[Outcome]:
        """Forget the orders that are complete and release their children."""
        for outcome in outcomes:
            if isinstance(outcome, Filled) and outcome.remaining == 0:
                self._forget(self.orders[outcome.key])
                for child in self._groups.children(outcome.key):
                    self._release(self.orders[child], outcome.at_us)
        return outcomes

    def _forget(self, order: OpenOrder) -> None:
        del self.orders[order.order.key]
        if order.order.oca_group or order.order.parent_key:
            self._groups.drop(order.order)

    def _children(self, key: str) -> Iterator[OpenOrder]:
        return (self.orders[child] for child in self._groups.children(key))

    def _home(self, order: OpenOrder) -> SymbolBook | ComboBook:
        return self.combos if order.order.legs else self.book(order.order.symbol)


def symbols_of(order: ExchangeOrder) -> tuple[str, ...]:
    """Return the symbols whose quotes an order needs."""
    return tuple(leg.symbol for leg in order.legs) if order.legs else (order.symbol,)


def _shrink(member: OpenOrder, remaining: Decimal, at_us: int) -> Replaced:
    """Reduce what is open of an order, and its quantity with it, in place."""
    quantity = member.order.quantity - member.remaining + remaining
    least = member.order.min_quantity
    member.order = replace(
        member.order, quantity=quantity, min_quantity=None if least is None else min(least, quantity)
    )
    member.remaining = remaining
    return Replaced(key=member.order.key, at_us=at_us, order=member.order)
