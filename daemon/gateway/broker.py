"""The broker's back office: takes orders, sends them to the exchange, books what comes back, durably, then tells."""

from dataclasses import replace
from decimal import Decimal
from hashlib import blake2b
from typing import Protocol

from daemon.domain.errors import InvariantBroken
from daemon.domain.order import OrderType, Side
from daemon.gateway.account import ZERO, Account, Valuation
from daemon.gateway.days import Days
from daemon.gateway.ledger import ExecutionRow, Ledger, LedgerBroken, OrderRow
from daemon.gateway.options import GatewayOptions
from daemon.gateway.recovery import exchange_order, resting, restored_account
from daemon.gateway.tickets import Refusal, Ticket
from daemon.gateway.timeline import Timeline
from daemon.matching.commission import CommissionSchedule
from daemon.matching.exchange import SimulatedExchange
from daemon.matching.orders import (
    Acknowledged,
    Cancelled,
    CancelReason,
    Filled,
    Outcome,
    Rejected,
    Replaced,
    Triggered,
    Working,
)

FINISHED = frozenset({"Filled", "Cancelled"})
_FIRST_PERM_ID = 1_500_000_000
_ENDINGS = {
    CancelReason.REQUESTED: ("Cancelled by Trader", "Order Canceled - reason:"),
    CancelReason.EXPIRED: ("Cancelled: expired at the close", "Order Canceled - reason:expired at the close"),
    CancelReason.REMAINDER: ("Cancelled: remainder of IOC", "Order Canceled - reason:remainder of an IOC order"),
}


class BrokerListener(Protocol):
    """Who is told, after it is durable."""

    def order_changed(self, order: OrderRow) -> None:
        """Say that an order has a new state."""
        ...

    def order_held(self, order: OrderRow) -> None:
        """Say that an order waits for the next open."""
        ...

    def order_filled(self, order: OrderRow, execution: ExecutionRow) -> None:
        """Say that an order had an execution."""
        ...

    def order_ended(self, order: OrderRow, text: str) -> None:
        """Say that an order was cancelled, and IB's text for it."""
        ...


class Broker:
    """One account, its orders and its books."""

    def __init__(
        self,
        *,
        options: GatewayOptions,
        ledger: Ledger,
        exchange: SimulatedExchange,
        commissions: CommissionSchedule,
        days: Days,
        timeline: Timeline,
        listener: BrokerListener,
    ) -> None:
        self._options = options
        self._ledger = ledger
        self._exchange = exchange
        self._commissions = commissions
        self._days = days
        self._timeline = timeline
        self._listener = listener
        self.account = Account(name=options.account, cash=options.initial_cash)
        self.orders: dict[int, OrderRow] = {}  # by permId, working and finished
        self._by_client: dict[tuple[int, int], int] = {}  # (client, order id) to permId
        self._drafts: dict[tuple[int, int], OrderRow] = {}  # not transmitted yet
        self.executions: list[ExecutionRow] = []
        self._last_order_id: dict[int, int] = {}
        self._perm_id = _FIRST_PERM_ID
        self._exchange.open_session(timeline.open_us, timeline.close_us)
        self._restore()

    def mark(self, symbol: str) -> Decimal | None:
        """Return the price a symbol is valued at now, None when the market has none."""
        day = self._days.of(symbol, self._timeline.session)
        return None if day is None else day.mark(self._timeline.row)

    def valuation(self) -> Valuation:
        """Return the account as it stands."""
        return self.account.valuation(self.mark)

    def next_order_id(self, client_id: int) -> int:
        """Return an id above all this client has used."""
        return self._last_order_id.get(client_id, 0) + 1

    def working(self) -> list[OrderRow]:
        """Return every order that is not finished, oldest first."""
        return [*(order for order in self.orders.values() if order.status not in FINISHED), *self._drafts.values()]

    def place(self, client_id: int, order_id: int, ticket: Ticket, *, transmit: bool) -> Refusal | None:
        """Take a new order or a change to a working one; what becomes of it is told to the listener."""
        known = self._by_client.get((client_id, order_id))
        if known is not None:
            return self._modify(self.orders[known], ticket)
        draft = self._drafts.pop((client_id, order_id), None)
        if draft is None and order_id < self.next_order_id(client_id):
            return Refusal(code=103, text="Duplicate order id")
        refusal = self.affordable(ticket)
        self._last_order_id[client_id] = max(order_id, self._last_order_id.get(client_id, 0))
        if refusal is not None:
            with self._ledger.transaction():
                self._ledger.put_last_order_id(client_id, self._last_order_id[client_id])
            return refusal
        order = self._new_order(client_id, order_id, ticket, draft)
        if not transmit:
            self._drafts[client_id, order_id] = order
            self._listener.order_changed(order)
            return None
        self._submit(order)
        return None

    def cancel(self, client_id: int, order_id: int) -> Refusal | None:
        """Ask for a client's own order to be cancelled."""
        draft = self._drafts.pop((client_id, order_id), None)
        if draft is not None:
            ended = replace(draft, status="Cancelled", completed_text=_ENDINGS[CancelReason.REQUESTED][0])
            self._listener.order_ended(ended, _ENDINGS[CancelReason.REQUESTED][1])
            return None
        perm_id = self._by_client.get((client_id, order_id))
        if perm_id is None:
            return Refusal(code=10147, text=f"OrderId {order_id} that needs to be cancelled is not found.")
        order = self.orders[perm_id]
        if order.status in FINISHED:
            text = f"OrderId {order_id} that needs to be cancelled cannot be cancelled, state: {order.status}."
            return Refusal(code=10148, text=text)
        self._request_cancel(order)
        return None

    def cancel_all(self) -> None:
        """Ask for every order of every client to be cancelled."""
        for order in self.working():
            self.cancel(order.client_id, order.order_id)

    def affordable(self, ticket: Ticket) -> Refusal | None:
        """Return a refusal when the position an order leads to needs more margin than there is equity."""
        symbol = ticket.listing.symbol
        price = ticket.limit_price or self.mark(symbol)
        if price is None:
            return None
        before, after = self.margins(ticket, price)
        equity = self.valuation().net_liquidation
        if after <= before or after <= equity:
            return None
        return Refusal(
            code=201,
            text=(
                "Order rejected - reason:YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED POSITION "
                f"YOUR EQUITY WITH LOAN VALUE [{equity:.2f} USD] MUST EXCEED THE INITIAL MARGIN [{after:.2f} USD]"
            ),
        )

    def margins(self, ticket: Ticket, price: Decimal) -> tuple[Decimal, Decimal]:
        """Return the account's initial margin without and with the order filled at `price`."""
        valuation, symbol = self.valuation(), ticket.listing.symbol
        held = self.account.positions.get(symbol)
        quantity = held.quantity if held is not None else ZERO
        gross = valuation.gross - abs(self.account.value_of(symbol, self.mark))
        gross += abs(quantity + ticket.quantity * ticket.side.sign) * price
        return valuation.initial_margin, replace(valuation, gross=gross).initial_margin

    def commission_for(self, ticket: Ticket, price: Decimal) -> Decimal:
        """Return what a whole fill at `price` would cost."""
        return self._commissions.charge(quantity=ticket.quantity, price=price, filled_before=ZERO, notional_before=ZERO)

    def on_second(self, *, refresh: bool = False) -> None:
        """Put the current second's quotes in force where orders are or were; with `refresh`, unchanged ones too."""
        row = self._timeline.row
        outcomes: list[Outcome] = []
        for symbol in self._exchange.symbols:
            outcomes.extend(self._quote(symbol, row, refresh=refresh))
        self._book_all(outcomes)

    def advance(self, to_us: int) -> None:
        """Let everything due up to `to_us` happen."""
        due = self._exchange.next_event_us()
        if due is not None and due <= to_us:
            self._book_all(self._exchange.advance(to_us))

    def due_us(self) -> int | None:
        """Return when something is next due at the exchange."""
        return self._exchange.next_event_us()

    def begin_session(self) -> None:
        """Start a new trading day."""
        self._exchange.open_session(self._timeline.open_us, self._timeline.close_us)
        self.account.begin_day(self.mark)
        with self._ledger.transaction():
            self._ledger.put_day_start([("", self.account.day_start_net), *self.account.day_start_value.items()])
            self._ledger.put_numbers(market_us=self._timeline.now_us)

    def save_time(self) -> None:
        """Make the present market time durable."""
        self._ledger.put_numbers(market_us=self._timeline.now_us)

    def _quote(self, symbol: str, row: int, *, refresh: bool) -> list[Outcome]:
        day = self._days.of(symbol, self._timeline.session)
        if day is None or not 0 <= row < day.seconds or not (refresh or day.changed[row]):
            return []
        return self._exchange.on_quote(
            symbol, day.bid[row], day.ask[row], day.bid_size[row], day.ask_size[row], at_us=self._timeline.now_us
        )

    def _new_order(self, client_id: int, order_id: int, ticket: Ticket, draft: OrderRow | None) -> OrderRow:
        if draft is None:
            self._perm_id += 1
        return OrderRow(
            perm_id=self._perm_id if draft is None else draft.perm_id,
            client_id=client_id,
            order_id=order_id,
            account=self.account.name,
            order_ref=ticket.order_ref,
            symbol=ticket.listing.symbol,
            exchange=ticket.exchange,
            side=ticket.side.value,
            quantity=ticket.quantity,
            order_type=ticket.order_type.value,
            limit_price=ticket.limit_price,
            stop_price=ticket.stop_price,
            tif=ticket.tif.value,
            status="PendingSubmit",
            filled=ZERO,
            notional=ZERO,
            last_price=ZERO,
            submitted_us=self._timeline.now_us,
            acknowledged=False,
            arrived=False,
            triggered=False,
            cancel_us=None,
            completed_us=None,
            completed_text="",
            outside_rth=ticket.outside_rth,
        )

    def _submit(self, order: OrderRow) -> None:
        is_new_symbol = order.symbol not in self._exchange.symbols
        self._exchange.submit(exchange_order(order), self._timeline.now_us)
        self.orders[order.perm_id] = order
        self._by_client[order.client_id, order.order_id] = order.perm_id
        with self._ledger.transaction():
            self._save(order)
            self._ledger.put_last_order_id(order.client_id, self._last_order_id[order.client_id])
            self._ledger.put_numbers(perm_id=self._perm_id)
        if is_new_symbol:
            self._book_all(self._quote(order.symbol, self._timeline.row, refresh=True))

    def _modify(self, order: OrderRow, ticket: Ticket) -> Refusal | None:
        if order.status in FINISHED:
            return Refusal(code=103, text="Duplicate order id")
        if order.cancel_us is not None:
            return Refusal(code=104, text="Can't modify a filled or cancelling order.")
        same = (ticket.listing.symbol, ticket.side.value, ticket.order_type.value) == (
            order.symbol,
            order.side,
            order.order_type,
        )
        if not same:
            return Refusal(code=105, text="Order being modified does not match original order")
        open_part = replace(ticket, quantity=max(ZERO, ticket.quantity - order.filled))
        refusal = self.affordable(open_part)
        if refusal is not None:
            return refusal
        changed = replace(
            order,
            quantity=ticket.quantity,
            limit_price=ticket.limit_price,
            stop_price=ticket.stop_price,
            tif=ticket.tif.value,
        )
        self._exchange.replace(exchange_order(changed), self._timeline.now_us)
        return None

    def _request_cancel(self, order: OrderRow) -> None:
        if order.cancel_us is not None:
            return
        self._exchange.cancel(str(order.perm_id), self._timeline.now_us)
        pending = self._update(replace(order, cancel_us=self._timeline.now_us, status="PendingCancel"))
        self._listener.order_changed(pending)

    def _update(self, order: OrderRow) -> OrderRow:
        with self._ledger.transaction():
            self._save(order)
        return order

    def _save(self, order: OrderRow) -> None:
        self.orders[order.perm_id] = order
        self._ledger.put_order(order)
        self._ledger.put_numbers(market_us=self._timeline.now_us)

    def _book_all(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            self._book(outcome)

    def _book(self, outcome: Outcome) -> None:
        order = self.orders[int(outcome.key)]
        match outcome:
            case Filled():
                self._fill(order, outcome)
            case Cancelled():
                self._end(order, outcome)
            case Acknowledged():
                known = self._update(
                    replace(order, acknowledged=True, status=_unless_cancelling(order, "PreSubmitted"))
                )
                self._listener.order_changed(known)
                if outcome.held:
                    self._listener.order_held(known)
            case Working():
                waits = order.order_type == OrderType.STOP and not order.triggered
                status = _unless_cancelling(order, "PreSubmitted" if waits else "Submitted")
                self._listener.order_changed(self._update(replace(order, arrived=True, status=status)))
            case Triggered():
                status = _unless_cancelling(order, "Submitted")
                self._listener.order_changed(self._update(replace(order, triggered=True, status=status)))
            case Replaced():
                changed = outcome.order
                self._listener.order_changed(
                    self._update(
                        replace(
                            order,
                            quantity=changed.quantity,
                            limit_price=changed.limit_price,
                            stop_price=changed.stop_price,
                            tif=changed.tif.value,
                        )
                    )
                )
            case Rejected():
                raise InvariantBroken(f"the exchange refused order {outcome.key}: {outcome.reason}")

    def _fill(self, order: OrderRow, fill: Filled) -> None:
        commission = self._commissions.charge(
            quantity=fill.quantity, price=fill.price, filled_before=order.filled, notional_before=order.notional
        )
        booked = self.account.execute(order.symbol, Side(order.side), fill.quantity, fill.price, commission)
        filled, notional = order.filled + fill.quantity, order.notional + fill.quantity * fill.price
        done = fill.remaining == 0
        order = replace(
            order,
            filled=filled,
            notional=notional,
            last_price=fill.price,
            status="Filled" if done else _unless_cancelling(order, "Submitted"),
            completed_us=fill.at_us if done else None,
            completed_text=f"Filled Size: {filled}" if done else "",
        )
        execution = ExecutionRow(
            exec_id=self._exec_id(fill.at_us),
            order_ref=order.order_ref,
            perm_id=order.perm_id,
            client_id=order.client_id,
            order_id=order.order_id,
            account=order.account,
            symbol=order.symbol,
            side=order.side,
            quantity=fill.quantity,
            price=fill.price,
            commission=commission,
            realized_pnl=booked.realized,
            at_us=fill.at_us,
            cumulative_quantity=filled,
            average_price=notional / filled,
            added_liquidity=fill.added_liquidity,
        )
        self.executions.append(execution)
        with self._ledger.transaction():
            self._save(order)
            self._ledger.put_execution(execution)
            self._ledger.put_position(booked.position)
            self._ledger.put_account(self.account.name, self.account.cash)
        self._listener.order_filled(order, execution)

    def _end(self, order: OrderRow, ended: Cancelled) -> None:
        text, error = _ENDINGS[ended.reason]
        order = self._update(replace(order, status="Cancelled", completed_us=ended.at_us, completed_text=text))
        self._listener.order_ended(order, error)

    def _exec_id(self, at_us: int) -> str:
        """Return an id no other execution has: account and seed, second, running number, first version."""
        who = blake2b(f"{self.account.name}|{self._options.seed}".encode(), digest_size=2).hexdigest()
        return f"0000{who}.{at_us // 1_000_000:08x}.{len(self.executions) + 1:02x}.01"

    def _restore(self) -> None:
        """Take up what the books say, or open them."""
        owner = self._ledger.account()
        if owner is None:
            with self._ledger.transaction():
                self._ledger.put_account(self.account.name, self.account.cash)
            self.begin_session()
            return
        if owner != self.account.name:
            raise LedgerBroken(
                f"the ledger belongs to account {owner}, not {self.account.name}: use another state file"
            )
        self.account = restored_account(self._ledger, owner, self._timeline.open_us)
        self.executions = self._ledger.executions()
        self._last_order_id = self._ledger.last_order_ids()
        self._perm_id = self._ledger.number("perm_id") or _FIRST_PERM_ID
        for order in self._ledger.orders():
            self.orders[order.perm_id] = order
            self._by_client[order.client_id, order.order_id] = order.perm_id
        working = [order for order in self.orders.values() if order.status not in FINISHED]
        self._exchange.restore(resting(order) for order in working)
        for order in working:
            if order.cancel_us is not None:
                self._exchange.cancel(str(order.perm_id), order.cancel_us)


def _unless_cancelling(order: OrderRow, status: str) -> str:
    return "PendingCancel" if order.cancel_us is not None else status
