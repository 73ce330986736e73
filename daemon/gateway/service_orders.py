"""Orders and executions as clients place and see them."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from daemon.domain.order import Side
from daemon.gateway.account import ZERO
from daemon.gateway.broker import FINISHED, Broker
from daemon.gateway.connection import NO_ID, Connection
from daemon.gateway.contracts import Contracts, full_contract
from daemon.gateway.history import BadRequest, moment
from daemon.gateway.history_wire import clock_text
from daemon.gateway.ledger import ExecutionRow, OrderRow
from daemon.gateway.service_market import UNKNOWN_CONTRACT
from daemon.gateway.source import MarketSource
from daemon.gateway.tickets import RawTicket, Ticket, judge
from daemon.gateway.timeline import SECOND_US, Timeline
from daemon.gateway.wire.account_requests import (
    CancelOrder,
    ReqAllOpenOrders,
    ReqAutoOpenOrders,
    ReqCompletedOrders,
    ReqExecutions,
    ReqGlobalCancel,
    ReqOpenOrders,
)
from daemon.gateway.wire.completed_order import CompletedOrder
from daemon.gateway.wire.messages import Response
from daemon.gateway.wire.open_order import OpenOrder, OrderState
from daemon.gateway.wire.order import Order
from daemon.gateway.wire.order_request import PlaceOrder
from daemon.gateway.wire.order_responses import (
    CommissionReport,
    CompletedOrdersEnd,
    ExecDetails,
    ExecDetailsEnd,
    Execution,
    OpenOrderEnd,
    OrderStatus,
)

_MARGIN = Decimal("0.01")


class OrderDesk:
    """Takes order requests to the broker and its news to the owners' connections."""

    def __init__(
        self,
        broker: Callable[[], Broker],
        contracts: Contracts,
        source: MarketSource,
        timeline: Timeline,
        owner: Callable[[int], Connection | None],
        *,
        position_changed: Callable[[str], None],
    ) -> None:
        self._find_broker = broker
        self._contracts = contracts
        self._listings = source.listings
        self._zone = source.calendar.timezone
        self._timeline = timeline
        self._owner = owner
        self._position_changed = position_changed

    @property
    def _broker(self) -> Broker:
        return self._find_broker()

    # What the broker tells (BrokerListener).

    def order_changed(self, order: OrderRow) -> None:
        """Push openOrder and orderStatus to the owner."""
        self._push(order.client_id, self._open_order(order), _status(order))

    def order_held(self, order: OrderRow) -> None:
        """Tell the owner that the order waits for the open."""
        owner = self._owner(order.client_id)
        if owner is not None:
            next_open = self._timeline.open_us
            if self._timeline.now_us >= next_open:
                next_open = self._timeline.next_open_us or next_open
            until = clock_text(next_open // SECOND_US, self._zone)
            owner.error(
                order.order_id,
                399,
                f"Order Message:\n{order.side} {order.quantity} {order.symbol}\n"
                f"Warning: your order will not be placed at the exchange until {until}",
            )

    def order_filled(self, order: OrderRow, execution: ExecutionRow) -> None:
        """Push execution, order, status and commission, in this order."""
        self._push(
            order.client_id,
            self._exec_details(execution, NO_ID, order.exchange),
            self._open_order(order),
            _status(order),
            _commission(execution),
        )
        self._position_changed(order.symbol)

    def order_ended(self, order: OrderRow, text: str) -> None:
        """Push the end of an order and IB's message about it."""
        self._push(order.client_id, _status(order))
        owner = self._owner(order.client_id)
        if owner is not None:
            owner.error(order.order_id, 202, text)

    # What clients ask.

    def place(self, connection: Connection, request: PlaceOrder) -> None:
        """Place or change an order, or answer a what-if."""
        listing = self._contracts.find(request.contract)
        if listing is None:
            connection.error(request.order_id, 200, UNKNOWN_CONTRACT)
            return
        ticket = judge(_raw(request), listing, self._broker.account.name)
        if isinstance(ticket, Ticket):
            if request.order.what_if:
                self._what_if(connection, request.order_id, ticket)
                return
            refusal = self._broker.place(
                connection.client_id, request.order_id, ticket, transmit=request.order.transmit
            )
        else:
            refusal = ticket
        if refusal is not None:
            connection.error(request.order_id, refusal.code, refusal.text)

    def cancel(self, connection: Connection, request: CancelOrder) -> None:
        """Cancel one of the client's own orders; others' are unknown to it."""
        refusal = self._broker.cancel(connection.client_id, request.order_id)
        if refusal is not None:
            connection.error(request.order_id, refusal.code, refusal.text)

    def cancel_all(self, connection: Connection, request: ReqGlobalCancel) -> None:
        """Cancel everybody's orders."""
        self._broker.cancel_all()

    def open_orders(self, connection: Connection, request: ReqOpenOrders) -> None:
        """List the client's own working orders."""
        self._list(connection, (order for order in self._broker.working() if order.client_id == connection.client_id))

    def all_open_orders(self, connection: Connection, request: ReqAllOpenOrders) -> None:
        """List everybody's working orders."""
        self._list(connection, self._broker.working())

    def auto_open_orders(self, connection: Connection, request: ReqAutoOpenOrders) -> None:
        """Bind manual orders to client 0: nobody enters any here."""
        if connection.client_id != 0:
            text = "Error validating request.-'bN' : cause - Only the default client (i.e 0) can auto bind orders."
            connection.error(NO_ID, 321, text)

    def completed_orders(self, connection: Connection, request: ReqCompletedOrders) -> None:
        """List the orders that ended since midnight."""
        midnight = self._midnight_us()
        for order in self._broker.orders.values():
            if order.status in FINISHED and (order.completed_us or 0) >= midnight:
                connection.respond(self._completed(order))
        connection.respond(CompletedOrdersEnd())

    def executions(self, connection: Connection, request: ReqExecutions) -> None:
        """List the executions since midnight that pass the filter, then their commissions."""
        since = self._midnight_us()
        if request.time:
            try:
                since = max(since, int(moment(request.time, self._zone).timestamp()) * SECOND_US)
            except BadRequest as error:
                connection.error(request.req_id, 321, f"Error validating request.-'time' : cause - {error}")
                return
        found = [row for row in reversed(self._recent(since)) if _passes(row, request)]
        for row in found:
            order = self._broker.orders[row.perm_id]
            connection.respond(self._exec_details(row, request.req_id, order.exchange))
        connection.respond(ExecDetailsEnd(req_id=request.req_id))
        for row in found:
            connection.respond(_commission(row))

    def _recent(self, since_us: int) -> list[ExecutionRow]:
        """Return executions since a time, latest first."""
        found: list[ExecutionRow] = []
        for row in reversed(self._broker.executions):
            if row.at_us < since_us:
                break
            found.append(row)
        return found

    def _what_if(self, connection: Connection, order_id: int, ticket: Ticket) -> None:
        price = ticket.limit_price or ticket.stop_price or self._broker.mark(ticket.listing.symbol) or ZERO
        refusal = self._broker.affordable(ticket)
        if refusal is not None:
            connection.error(order_id, refusal.code, refusal.text)
            return
        before, after = (margin.quantize(_MARGIN) for margin in self._broker.margins(ticket, price))
        equity = self._broker.valuation().net_liquidation.quantize(_MARGIN)
        commission = self._broker.commission_for(ticket, price)
        connection.respond(
            OpenOrder(
                order_id=order_id,
                client_id=connection.client_id,
                perm_id=0,
                contract=full_contract(ticket.listing, ticket.exchange),
                order=_what_if_order(ticket, self._broker.account.name),
                state=OrderState(
                    status="PreSubmitted",
                    init_margin_before=str(before),
                    maint_margin_before=str(before),
                    equity_with_loan_before=str(equity),
                    init_margin_change=str(after - before),
                    maint_margin_change=str(after - before),
                    equity_with_loan_change=str(-commission),
                    init_margin_after=str(after),
                    maint_margin_after=str(after),
                    equity_with_loan_after=str(equity - commission),
                    commission=float(commission),
                    commission_currency=ticket.listing.currency,
                ),
            )
        )

    def _list(self, connection: Connection, orders: Iterable[OrderRow]) -> None:
        for order in orders:
            connection.respond(self._open_order(order))
            connection.respond(_status(order))
        connection.respond(OpenOrderEnd())

    def _push(self, client_id: int, *responses: Response) -> None:
        owner = self._owner(client_id)
        if owner is not None:
            for response in responses:
                owner.respond(response)

    def _open_order(self, order: OrderRow) -> OpenOrder:
        return OpenOrder(
            order_id=order.order_id,
            client_id=order.client_id,
            perm_id=order.perm_id,
            contract=self._contracts.of_symbol(order.symbol, order.exchange),
            order=_wire_order(order),
            state=OrderState(status=order.status),
        )

    def _completed(self, order: OrderRow) -> CompletedOrder:
        return CompletedOrder(
            perm_id=order.perm_id,
            contract=self._contracts.of_symbol(order.symbol, order.exchange),
            order=_wire_order(order),
            status=order.status,
            filled_quantity=order.filled,
            completed_status=order.completed_text,
            completed_time=clock_text((order.completed_us or 0) // SECOND_US, self._zone),
        )

    def _exec_details(self, row: ExecutionRow, req_id: int, exchange: str) -> ExecDetails:
        listing = self._listings.get(row.symbol)
        venue = exchange if exchange != "SMART" or listing is None else listing.primary_exchange
        return ExecDetails(
            req_id=req_id,
            order_id=row.order_id,
            contract=self._contracts.of_symbol(row.symbol, venue),
            execution=Execution(
                exec_id=row.exec_id,
                time=clock_text(row.at_us // SECOND_US, self._zone),
                account=row.account,
                exchange=venue,
                side="BOT" if row.side == Side.BUY else "SLD",
                shares=row.quantity,
                price=float(row.price),
                perm_id=row.perm_id,
                client_id=row.client_id,
                cum_qty=row.cumulative_quantity,
                avg_price=float(row.average_price),
                order_ref=row.order_ref,
                last_liquidity=1 if row.added_liquidity else 2,
            ),
        )

    def _midnight_us(self) -> int:
        local = datetime.fromtimestamp(self._timeline.now_us // SECOND_US, UTC).astimezone(self._zone)
        midnight = local - timedelta(hours=local.hour, minutes=local.minute, seconds=local.second)
        return int(midnight.timestamp()) * SECOND_US


def _raw(request: PlaceOrder) -> RawTicket:
    order = request.order
    in_use = (
        ("parentId", order.parent_id),
        ("ocaGroup", order.oca_group),
        ("conditions", order.conditions),
        ("algoStrategy", order.algo_strategy),
        ("allOrNone", order.all_or_none),
        ("minQty", order.min_qty),
        ("goodAfterTime", order.good_after_time),
        ("hedgeType", order.hedge_type),
        ("cashQty", order.cash_qty),
        ("faGroup", order.fa_group),
        ("scalePriceIncrement", order.scale_price_increment),
        ("deltaNeutralOrderType", order.delta_neutral_order_type),
    )
    return RawTicket(
        action=order.action,
        quantity=order.total_quantity,
        order_type=order.order_type,
        limit_price=order.lmt_price,
        stop_price=order.aux_price,
        tif=order.tif,
        order_ref=order.order_ref,
        account=order.account,
        exchange=request.contract.exchange,
        outside_rth=order.outside_rth,
        unsupported=tuple(name for name, value in in_use if value),
    )


def _wire_order(order: OrderRow) -> Order:
    return Order(
        action=order.side,
        total_quantity=order.quantity,
        order_type=order.order_type,
        lmt_price=_float(order.limit_price),
        aux_price=_float(order.stop_price),
        tif=order.tif,
        account=order.account,
        order_ref=order.order_ref,
        outside_rth=order.outside_rth,
        clearing_intent="IB",
    )


def _what_if_order(ticket: Ticket, account: str) -> Order:
    return Order(
        action=ticket.side.value,
        total_quantity=ticket.quantity,
        order_type=ticket.order_type.value,
        lmt_price=_float(ticket.limit_price),
        aux_price=_float(ticket.stop_price),
        tif=ticket.tif.value,
        account=account,
        order_ref=ticket.order_ref,
        outside_rth=ticket.outside_rth,
        clearing_intent="IB",
        what_if=True,
    )


def _float(price: Decimal | None) -> float:
    return 0.0 if price is None else float(price)


def _status(order: OrderRow) -> OrderStatus:
    average = float(order.notional / order.filled) if order.filled else 0.0
    return OrderStatus(
        order_id=order.order_id,
        status=order.status,
        filled=order.filled,
        remaining=order.quantity - order.filled,
        avg_fill_price=average,
        perm_id=order.perm_id,
        last_fill_price=float(order.last_price),
        client_id=order.client_id,
    )


def _commission(row: ExecutionRow) -> CommissionReport:
    return CommissionReport(
        exec_id=row.exec_id,
        commission=float(row.commission),
        currency="USD",
        realized_pnl=None if row.realized_pnl is None else float(row.realized_pnl),
    )


def _passes(row: ExecutionRow, request: ReqExecutions) -> bool:
    return (
        request.client_id in {0, row.client_id}
        and request.account in {"", row.account}
        and request.symbol in {"", row.symbol}
        and request.sec_type in {"", "STK"}
        and request.side in {"", row.side}
    )
