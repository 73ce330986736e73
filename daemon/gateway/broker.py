"""The broker's back office: takes orders, sends them to the exchange, books what comes back, durably, then tells."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from daemon.gateway.account import Account, Valuation
from daemon.gateway.books import Books
from daemon.gateway.combos import legs_from
from daemon.gateway.corporate import CorporateAction
from daemon.gateway.exercise import OptionExercise
from daemon.gateway.judgement import Judge
from daemon.gateway.ledger import ExecutionRow, OrderRow
from daemon.gateway.listener import BrokerListener
from daemon.gateway.locating import Locator
from daemon.gateway.order_index import FINISHED, MANUAL_CLIENT, OrderIndex
from daemon.gateway.recovery import exchange_order, resting
from daemon.gateway.rows import (
    LOCATE,
    acknowledged,
    changed_by,
    ended,
    in_family,
    new_row,
    refusal_of,
    refused_change,
    settled_row,
    terms,
    unless_cancelling,
    working,
)
from daemon.gateway.settlement import Settled, Settler
from daemon.gateway.tape_feed import TapeFeed
from daemon.gateway.tickets import Refusal, Ticket
from daemon.gateway.timeline import Timeline
from daemon.matching.exchange import SimulatedExchange
from daemon.matching.orders import (
    Acknowledged,
    Cancelled,
    CancelReason,
    ExchangeOrder,
    Filled,
    FillModel,
    Outcome,
    Rejected,
    Replaced,
    Trailed,
    Triggered,
    Working,
)


class Broker:
    """One account's orders between its clients and the exchange.

    Children of a bracket wait at the exchange until their parent is filled completely; they end with a parent that
    ends otherwise. An order that is not to be transmitted stays here until it, or a relative, is sent with the flag.
    """

    def __init__(
        self,
        *,
        books: Books,
        exchange: SimulatedExchange,
        feed: TapeFeed,
        locator: Locator,
        timeline: Timeline,
        settler: Settler,
        listener: BrokerListener,
        fill_model: FillModel = FillModel.QUOTE_BOUNDED,
    ) -> None:
        self.books = books
        self.judge = Judge(books, timeline)
        self._exchange = exchange
        self._feed = feed
        self._locator = locator
        self._timeline = timeline
        self._settler = settler
        self._listener = listener
        self._fill_model = fill_model
        self._index = OrderIndex()
        self._exchange.open_session(timeline.open_us, timeline.close_us)
        self._restore()

    @property
    def account(self) -> Account:
        """Return the account as it stands."""
        return self.books.account

    @property
    def orders(self) -> dict[int, OrderRow]:
        """Return every order by permId, working and finished."""
        return self._index.rows

    @property
    def executions(self) -> list[ExecutionRow]:
        """Return every execution in the order it happened."""
        return self.books.executions

    def mark(self, symbol: str) -> Decimal | None:
        """Return the price a symbol is valued at now, None when the market has none."""
        return self.books.mark(symbol)

    def valuation(self) -> Valuation:
        """Return the account as it stands."""
        return self.books.valuation()

    def next_order_id(self, client_id: int) -> int:
        """Return an id above all this client has used."""
        return self._index.next_order_id(client_id)

    def working(self) -> list[OrderRow]:
        """Return every order that is not finished, oldest first."""
        return self._index.working()

    # What clients want.

    def place(self, client_id: int, order_id: int, ticket: Ticket, *, transmit: bool) -> Refusal | None:
        """Take a new order or a change to one; what becomes of it is told to the listener."""
        known = self._index.of_client(client_id, order_id)
        if known is not None and (known.transmitted or known.status in FINISHED):
            return self._modify(known, in_family(ticket, known.parent_perm_id))
        if known is None and order_id <= self._index.last_order_id(client_id):
            return Refusal(code=103, text="Duplicate order id")
        parent = self._index.of_client(client_id, ticket.parent_id) if ticket.parent_id else None
        if ticket.parent_id and (parent is None or parent.status in FINISHED or parent.order_id == order_id):
            refusal: Refusal | None = Refusal(code=10006, text="Missing parent order")
        else:
            refusal = self.judge.affordable(ticket)
        self._index.use_order_id(client_id, order_id)
        if refusal is not None:
            self.books.ledger.put_last_order_id(client_id, order_id)
            return refusal
        row = new_row(
            in_family(ticket, 0 if parent is None else parent.perm_id),
            perm_id=self._index.take_perm_id() if known is None else known.perm_id,
            client_id=client_id,
            order_id=order_id,
            account=self.account.name,
            at_us=self._timeline.now_us,
            parent_perm_id=0 if parent is None else parent.perm_id,
        )
        return self._take(row, transmit=transmit)

    def place_manual(self, ticket: Ticket) -> OrderRow | Refusal:
        """Take an order entered at the gateway itself; it is nobody's until client 0 takes it over."""
        refusal = self.judge.affordable(ticket)
        if refusal is not None:
            return refusal
        perm_id = self._index.take_perm_id()
        row = new_row(
            ticket,
            perm_id=perm_id,
            client_id=MANUAL_CLIENT,
            order_id=self._index.next_bound_id() if self._listener.takes_manual_orders() else 0,
            account=self.account.name,
            at_us=self._timeline.now_us,
        )
        row = replace(row, is_manual=True)
        if row.order_id:
            self._listener.order_bound(row)
        return self._take(row, transmit=True) or self.orders[perm_id]

    def bind_manual(self) -> None:
        """Give client 0 every manual order that is nobody's, under negative ids."""
        for row in self._index.unbound():
            bound = self._update(replace(row, order_id=self._index.next_bound_id()))
            self._listener.order_bound(bound)

    def cancel(self, client_id: int, order_id: int) -> Refusal | None:
        """Ask for a client's own order to be cancelled; others' orders are unknown to it."""
        row = self._index.of_client(client_id, order_id)
        if row is None:
            return Refusal(code=10147, text=f"OrderId {order_id} that needs to be cancelled is not found.")
        if row.status in FINISHED:
            text = f"OrderId {order_id} that needs to be cancelled cannot be cancelled, state: {row.status}."
            return Refusal(code=10148, text=text)
        self._request_cancel(row)
        return None

    def reissue_ids(self, client_id: int, next_id: int) -> None:
        """Let a client use its ids from `next_id` on again, as after a restart that lost their sequence."""
        self._index.reissue_ids(client_id, next_id)

    def cancel_all(self) -> None:
        """Ask for every order of every client, and those entered by hand, to be cancelled."""
        for row in self.working():
            if self.orders[row.perm_id].status not in FINISHED:
                self._request_cancel(self.orders[row.perm_id])

    # What time brings.

    def on_second(self, *, refresh: bool = False) -> None:
        """Put the current second in force where orders are or were; with `refresh`, unchanged quotes too."""
        watching = {row.symbol for row in self.working()}
        self._book_all(self._feed.second(self._exchange, refresh=refresh, watching=watching))
        self._send_located()

    def advance(self, to_us: int) -> None:
        """Let everything due up to `to_us` happen."""
        due = self._exchange.next_event_us()
        if due is not None and due <= to_us:
            self._book_all(self._exchange.advance(to_us))
        for settled in (*self._settler.due_at_open(), *self._settler.due_at_close()):
            self._settle(settled)

    def due_us(self) -> int | None:
        """Return when something is next due at the exchange."""
        return self._exchange.next_event_us()

    def begin_session(self) -> None:
        """Start a new trading day."""
        self._exchange.open_session(self._timeline.open_us, self._timeline.close_us)
        self._end_orders_of_what_has_expired()
        for action in self._settler.due_splits():
            self._book_all(self._exchange.corporate_action(action.symbol, self._timeline.now_us))
            self._settler.apply_split(action)
            self._listener.position_changed(action.symbol)
        self.books.begin_session()
        for symbol in self._settler.pay_dividends():
            self._listener.position_changed(symbol)

    def save_time(self) -> None:
        """Make the present market time durable, and what the exchange alone knows of its orders."""
        with self.books.ledger.transaction():
            for saved in self._exchange.resting():
                row = self.orders.get(int(saved.order.key))
                if row is not None and saved.queue_ahead != row.queue_ahead:
                    self._save(replace(row, queue_ahead=saved.queue_ahead))
            self.books.ledger.put_numbers(market_us=self._timeline.now_us)

    # What happens to holdings without an order.

    def exercise_option(self, exercise: OptionExercise) -> Refusal | None:
        """Exercise an option, or note that it is to lapse; what it delivers is booked at once."""
        found = self._settler.exercise(exercise)
        if isinstance(found, Settled):
            self._settle(found)
            return None
        return found

    def announce(self, action: CorporateAction) -> None:
        """Add a corporate action to what the market announces."""
        self._settler.announce(action)

    def lend(self, symbol: str, shares: Decimal | None) -> None:
        """Say how many shares the account can borrow to sell short; None = enough."""
        self._locator.lend(symbol, shares)

    def _end_orders_of_what_has_expired(self) -> None:
        now_us, today = self._timeline.now_us, self._timeline.session.day
        symbols = {leg.symbol for row in self.working() for leg in legs_from(row.legs)}
        for symbol in sorted(symbols | {row.symbol for row in self.working() if not row.legs}):
            listing = self.books.listing(symbol)
            terms = None if listing is None else listing.terms
            if terms is None or terms.expiry is None or terms.expiry >= today:
                continue
            for outcome in self._exchange.corporate_action(symbol, now_us):
                if isinstance(outcome, Cancelled):
                    self._book(replace(outcome, reason=CancelReason.EXPIRED))
                else:
                    self._book(outcome)

    def _settle(self, settled: Settled) -> None:
        at_us = self._timeline.now_us
        row = settled_row(settled, perm_id=self._index.take_perm_id(), account=self.account.name, at_us=at_us)
        with self.books.ledger.transaction():
            executions = [self.books.settle(row, movement, at_us) for movement in settled.movements]
            self._save(row)
        self._listener.holdings_settled(row, *executions)

    # On their way to the exchange.

    def _take(self, row: OrderRow, *, transmit: bool) -> Refusal | None:
        """Keep an order, and send it with its relatives if it is to be transmitted."""
        row = replace(row, transmitted=False)
        if not transmit:
            self._listener.order_changed(self._update(row))
            return None
        self._index.put(row)
        for relative in self._index.family(row):
            if relative.transmitted:
                continue
            refusal = self._transmit(relative)
            if refusal is not None and relative.perm_id == row.perm_id:
                return refusal
            if refusal is not None:
                self._listener.order_refused(relative, refusal)
        return None

    def _transmit(self, row: OrderRow) -> Refusal | None:
        """Send an order to the exchange, or hold it until shares to sell short have been found."""
        row = replace(row, transmitted=True, submitted_us=self._timeline.now_us)
        if not self._locator.finds(row, self.account.positions.get(row.symbol), self.working()):
            held = self._update(replace(row, status="PreSubmitted", acknowledged=True, why_held=LOCATE))
            self._listener.order_changed(held)
            self._listener.order_refused(held, Locator.NOTICE)
            return None
        return self._submit(row)

    def _submit(self, row: OrderRow) -> Refusal | None:
        new_symbols = self._feed.follow(self._exchange, row)
        outcomes = self._exchange.submit(self._to_exchange(row), self._timeline.now_us)
        for outcome in outcomes:
            if isinstance(outcome, Rejected):
                gone, _ = ended(row, CancelReason.REQUESTED, self._timeline.now_us)
                self._update(replace(gone, completed_text=f"Rejected: {outcome.reason}"))
                return refusal_of(outcome)
        self._update(replace(row, why_held=""))
        self._book_all(outcomes)
        self._book_all(self._feed.quotes(self._exchange, new_symbols))
        return None

    def _send_located(self) -> None:
        """Send the orders whose shares to sell short have been found by now."""
        if not self._locator.is_holding:
            return
        for row in self.working():
            if row.why_held != LOCATE or not self._locator.finds(
                row, self.account.positions.get(row.symbol), self.working()
            ):
                continue
            refusal = self._submit(row)
            if refusal is not None:
                self._listener.order_refused(row, refusal)

    def _modify(self, row: OrderRow, ticket: Ticket) -> Refusal | None:
        refusal = refused_change(row, ticket) or self.judge.affordable(ticket, filled=row.filled)
        if refusal is not None:
            return refusal
        changed = replace(row, **terms(ticket))
        if row.why_held == LOCATE:
            self._listener.order_changed(self._update(changed))
            return None
        for outcome in self._exchange.replace(self._to_exchange(changed), self._timeline.now_us):
            if isinstance(outcome, Rejected):
                return refusal_of(outcome)
            self._book(outcome)
        # What the exchange does not know of is in force at once; the rest when it says so.
        texts = (ticket.good_till_text, ticket.good_after_text, ticket.outside_rth)
        if texts != (row.good_till_text, row.good_after_text, row.outside_rth):
            row = self.orders[row.perm_id]
            self._update(replace(row, good_till_text=texts[0], good_after_text=texts[1], outside_rth=texts[2]))
        return None

    def _request_cancel(self, row: OrderRow) -> None:
        if row.cancel_us is not None:
            return
        if not row.transmitted or row.why_held == LOCATE:
            for child in self._index.children(row.perm_id):
                self._end(child, CancelReason.PARENT, self._timeline.now_us)
            self._end(row, CancelReason.REQUESTED, self._timeline.now_us)
            return
        self._exchange.cancel(str(row.perm_id), self._timeline.now_us)
        pending = self._update(replace(row, cancel_us=self._timeline.now_us, status="PendingCancel"))
        self._listener.order_changed(pending)

    def _to_exchange(self, row: OrderRow) -> ExchangeOrder:
        return exchange_order(row, self._fill_model, parent_lives=self._parent_lives(row))

    def _parent_lives(self, row: OrderRow) -> bool:
        parent = self.orders.get(row.parent_perm_id)
        return parent is not None and parent.status not in FINISHED

    # What the exchange says.

    def _book_all(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            self._book(outcome)

    def _book(self, outcome: Outcome) -> None:
        row = self.orders[int(outcome.key)]
        match outcome:
            case Filled():
                self._fill(row, outcome)
            case Cancelled():
                self._end(row, outcome.reason, outcome.at_us)
            case Acknowledged():
                self._change(acknowledged(row, parent_lives=self._parent_lives(row)))
                if outcome.held:
                    self._listener.order_held(self.orders[row.perm_id])
            case Working():
                self._change(working(row))
            case Triggered():
                self._change(replace(row, triggered=True, status=unless_cancelling(row, "Submitted")))
            case Trailed():
                self._change(replace(row, trail_stop=outcome.stop_price))
            case Replaced():
                self._change(changed_by(row, outcome.order))
            case Rejected():
                self._listener.order_refused(row, refusal_of(outcome))

    def _change(self, row: OrderRow) -> None:
        self._listener.order_changed(self._update(row))

    def _fill(self, row: OrderRow, fill: Filled) -> None:
        if fill.remaining:
            row = replace(row, status=unless_cancelling(row, "Submitted"))
        with self.books.ledger.transaction():
            row, executions = self.books.fill(row, fill)
            self._save(row)
        self._listener.order_filled(row, *executions)

    def _end(self, row: OrderRow, reason: CancelReason, at_us: int) -> None:
        row, text = ended(row, reason, at_us)
        self._listener.order_ended(self._update(row), text)

    def _update(self, row: OrderRow) -> OrderRow:
        with self.books.ledger.transaction():
            self._save(row)
        return row

    def _save(self, row: OrderRow) -> None:
        self._index.put(row)
        self.books.ledger.put_order(row)
        self.books.ledger.put_numbers(market_us=self._timeline.now_us, perm_id=self._index.last_perm_id)
        if row.status == "PendingSubmit":
            self.books.ledger.put_last_order_id(row.client_id, self._index.last_order_id(row.client_id))

    def _restore(self) -> None:
        """Take up what the books say, or open them."""
        if not self.books.restore():
            self.begin_session()
            return
        ledger = self.books.ledger
        self._index.restore(ledger.orders(), ledger.last_order_ids(), ledger.number("perm_id"))
        sent = [row for row in self.working() if row.transmitted and row.why_held != LOCATE]
        self._locator.is_holding = any(row.why_held == LOCATE for row in self.working())
        for row in sent:
            self._feed.follow(self._exchange, row)
        self._exchange.restore(resting(row, self._fill_model, parent_lives=self._parent_lives(row)) for row in sent)
        for row in sent:
            if row.cancel_us is not None:
                self._exchange.cancel(str(row.perm_id), row.cancel_us)
