"""Bookings that exchanges make after the event: executions of orders that had ended, and corrected prices."""

from dataclasses import replace
from decimal import Decimal
from typing import Protocol

from daemon.domain.order import Side
from daemon.gateway.account import ZERO, Position, book
from daemon.gateway.broker import Broker
from daemon.gateway.ledger import ExecutionRow, OrderRow, Role
from daemon.gateway.timeline import Timeline
from daemon.matching.orders import Filled


class Teller(Protocol):
    """Who tells clients of executions."""

    def order_filled(self, order: OrderRow, execution: ExecutionRow, *legs: ExecutionRow) -> None:
        """Say that an order had an execution."""
        ...


class Bookings:
    """Writes to the gateway's books beside the exchange; what it books is as true as any fill."""

    def __init__(self, broker: Broker, teller: Teller, timeline: Timeline) -> None:
        self._broker = broker
        self._teller = teller
        self._timeline = timeline

    def fill_late(self, perm_id: int, quantity: Decimal, price: Decimal) -> ExecutionRow:
        """Book and tell an execution of an order that has ended; it is Filled when that completes it.

        Raises:
            KeyError: there is no such order.
            ValueError: the quantity is more than was left of it.
        """
        order, books = self._broker.orders[perm_id], self._broker.books
        left = order.quantity - order.filled
        if not 0 < quantity <= left:
            raise ValueError(f"quantity must be above 0 and at most {left} for order {perm_id}, was {quantity}")
        fill = Filled(
            key=str(perm_id),
            at_us=self._timeline.now_us,
            quantity=quantity,
            price=price,
            remaining=left - quantity,
            added_liquidity=False,
        )
        with books.ledger.transaction():
            filled, (execution, *_) = books.fill(order, fill)
            if fill.remaining:
                filled = replace(filled, completed_us=order.completed_us, completed_text=order.completed_text)
            self._broker.orders[perm_id] = filled
            books.ledger.put_order(filled)
        self._teller.order_filled(filled, execution)
        return execution

    def correct(self, exec_id: str, price: Decimal) -> ExecutionRow:
        """Replace an execution by one at another price under the next version of its id, and tell.

        Raises:
            KeyError: there is no such execution.
        """
        books = self._broker.books
        at = next((index for index, row in enumerate(books.executions) if row.exec_id == exec_id), None)
        if at is None:
            raise KeyError(exec_id)
        old = books.executions[at]
        change = (price - old.price) * old.quantity
        order = self._broker.orders[old.perm_id]
        order = replace(order, notional=order.notional + change, last_price=price)
        stem, _, version = exec_id.rpartition(".")
        new = replace(
            old,
            exec_id=f"{stem}.{int(version) + 1:02d}",
            price=price,
            average_price=old.average_price + change / old.cumulative_quantity,
        )
        before, cash_before = self._folded(old.symbol)
        books.executions[at] = new
        after, cash_after = self._folded(old.symbol)
        profit, cash = after.realized - before.realized, cash_after - cash_before
        new = books.executions[at] = replace(
            new,
            cash_change=(old.cash_change or ZERO) + cash,
            realized_pnl=(old.realized_pnl or ZERO) + profit if profit else old.realized_pnl,
        )
        with books.ledger.transaction():
            self._adjust(old.symbol, before, after, cash)
            self._broker.orders[order.perm_id] = order
            books.ledger.put_order(order)
            books.ledger.correct_execution(exec_id, new)
        self._teller.order_filled(order, new)
        return new

    def _adjust(self, symbol: str, before: Position, after: Position, cash: Decimal) -> None:
        """Book what the correction changes; splits since then have changed quantity and price, but not these sums."""
        books = self._broker.books
        account = books.account
        held, profit = account.positions[symbol], after.realized - before.realized
        books.put_position(
            replace(
                held,
                cost=held.cost + after.cost - before.cost,
                realized=held.realized + profit,
                financed=held.financed + after.financed - before.financed,
            )
        )
        account.pay(symbol, cash)
        if profit:
            account.day_realized[symbol] = account.day_realized.get(symbol, ZERO) + profit
        books.ledger.put_account(account.name, account.cash)

    def _folded(self, symbol: str) -> tuple[Position, Decimal]:
        """Return position and cash that a symbol's executions make."""
        books = self._broker.books
        position, cash = Position(symbol=symbol, multiplier=books.multiplier(symbol)), ZERO
        for row in books.executions:
            if row.symbol == symbol and row.role != Role.COMBO:
                booked = book(
                    position,
                    Side(row.side),
                    row.quantity,
                    row.price,
                    row.commission,
                    settles_daily=books.settles_daily(symbol),
                )
                position, cash = booked.position, cash + booked.cash_change
        return position, cash
