"""Rows of the books as the messages that tell clients of them, and tickets out of what clients send."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from zoneinfo import ZoneInfo

from daemon.domain.order import OrderType, Side
from daemon.gateway.combos import BAG, bag_contract, legs_from
from daemon.gateway.contracts import Contracts
from daemon.gateway.history_wire import clock_text
from daemon.gateway.judgement import Preview
from daemon.gateway.ledger import ExecutionRow, OrderRow, Role
from daemon.gateway.tickets import RawTicket
from daemon.gateway.timeline import SECOND_US
from daemon.gateway.wire.completed_order import CompletedOrder
from daemon.gateway.wire.contract import Contract
from daemon.gateway.wire.open_order import OpenOrder, OrderState
from daemon.gateway.wire.order import Order
from daemon.gateway.wire.order_request import PlaceOrder
from daemon.gateway.wire.order_responses import CommissionReport, ExecDetails, Execution, OrderStatus
from daemon.market.listing import Listing

_CENT = Decimal("0.01")
_CURRENCY = "USD"
_REMOVED, _ADDED = 2, 1  # liquidity
_ROUNDING = 6


class OrderWriter:
    """Writes orders and executions as clients read them."""

    def __init__(self, contracts: Contracts, listings: Mapping[str, Listing], zone: ZoneInfo) -> None:
        self._contracts = contracts
        self._listings = listings
        self._zone = zone

    def open_order(self, row: OrderRow, state: OrderState | None = None) -> OpenOrder:
        """Return an order as it stands."""
        return OpenOrder(
            order_id=row.order_id,
            client_id=row.client_id,
            perm_id=row.perm_id,
            contract=self.contract(row),
            order=wire_order(row),
            state=state or OrderState(status=row.status),
        )

    def completed(self, row: OrderRow) -> CompletedOrder:
        """Return an order that has ended."""
        return CompletedOrder(
            perm_id=row.perm_id,
            contract=self.contract(row),
            order=wire_order(row),
            status=row.status,
            filled_quantity=row.filled,
            completed_status=row.completed_text,
            completed_time=clock_text((row.completed_us or 0) // SECOND_US, self._zone),
            parent_perm_id=row.parent_perm_id,
        )

    def execution(self, row: ExecutionRow, order: OrderRow, req_id: int) -> ExecDetails:
        """Return an execution; one of a combination's legs carries the leg's contract."""
        listing = self._listings.get(row.symbol)
        venue = row.exchange if row.exchange != "SMART" or listing is None else listing.primary_exchange
        contract = self.contract(order) if row.role == Role.COMBO else self._contracts.of_symbol(row.symbol, venue)
        return ExecDetails(
            req_id=req_id,
            order_id=row.order_id,
            contract=contract,
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
                last_liquidity=_ADDED if row.added_liquidity else _REMOVED,
            ),
        )

    def contract(self, row: OrderRow) -> Contract:
        """Return what an order is about."""
        if row.legs:
            return bag_contract(row.symbol, row.exchange, _CURRENCY, legs_from(row.legs))
        return self._contracts.of_symbol(row.symbol, row.exchange)


def wire_order(row: OrderRow) -> Order:
    """Return an order's own fields."""
    auxiliary = row.trail_amount or row.peg_offset
    is_trailing = row.order_type in {OrderType.TRAIL, OrderType.TRAIL_LIMIT}
    if auxiliary is None and not is_trailing:
        auxiliary = row.stop_price
    return Order(
        action=row.side,
        total_quantity=row.quantity,
        order_type=row.order_type,
        lmt_price=_limit(row),
        aux_price=_float(auxiliary),
        tif=row.tif,
        account=row.account,
        order_ref=row.order_ref,
        outside_rth=row.outside_rth,
        parent_id=row.parent_id,
        oca_group=row.oca_group,
        oca_type=row.oca_type,
        trail_stop_price=_optional(row.trail_stop or (row.stop_price if is_trailing else None)),
        trailing_percent=_optional(row.trail_percent),
        lmt_price_offset=_optional(row.limit_offset),
        good_till_date=row.good_till_text,
        good_after_time=row.good_after_text,
        all_or_none=row.all_or_none,
        min_qty=None if row.min_quantity is None else int(row.min_quantity),
        trigger_method=row.trigger_method,
        clearing_intent="IB",
    )


def what_if(row: OrderRow, preview: Preview, writer: OrderWriter) -> OpenOrder:
    """Return the answer to a what-if about an order that is not placed."""
    before, after = preview.before, preview.after
    answer = writer.open_order(
        row,
        OrderState(
            status="PreSubmitted",
            init_margin_before=_money(before.initial),
            maint_margin_before=_money(before.maintenance),
            equity_with_loan_before=_money(preview.equity),
            init_margin_change=_money(after.initial - before.initial),
            maint_margin_change=_money(after.maintenance - before.maintenance),
            equity_with_loan_change=_money(preview.equity_after - preview.equity),
            init_margin_after=_money(after.initial),
            maint_margin_after=_money(after.maintenance),
            equity_with_loan_after=_money(preview.equity_after),
            commission=float(preview.commission),
            commission_currency=_CURRENCY,
        ),
    )
    return replace(answer, perm_id=0, order=replace(answer.order, what_if=True))


def status(row: OrderRow) -> OrderStatus:
    """Return where an order stands."""
    return OrderStatus(
        order_id=row.order_id,
        status=row.status,
        filled=row.filled,
        remaining=row.quantity - row.filled,
        avg_fill_price=float(row.notional / row.filled) if row.filled else 0.0,
        perm_id=row.perm_id,
        parent_id=row.parent_id,
        last_fill_price=float(row.last_price),
        client_id=row.client_id,
        why_held=row.why_held,
    )


def commission(row: ExecutionRow) -> CommissionReport:
    """Return what an execution cost; a combination as a whole costs nothing, its legs do."""
    return CommissionReport(
        exec_id=row.exec_id,
        commission=float(row.commission),
        currency=_CURRENCY,
        realized_pnl=None if row.realized_pnl is None else float(row.realized_pnl),
    )


def sec_type(row: ExecutionRow, listings: Mapping[str, Listing]) -> str:
    """Return the kind of instrument of an execution."""
    if row.role == Role.COMBO:
        return BAG
    listing = listings.get(row.symbol)
    return "STK" if listing is None else listing.sec_type


def raw_ticket(request: PlaceOrder) -> RawTicket:
    """Return what a client asked for, as it came."""
    order = request.order
    in_use = (
        ("conditions", order.conditions),
        ("algoStrategy", order.algo_strategy),
        ("hedgeType", order.hedge_type),
        ("cashQty", order.cash_qty),
        ("faGroup", order.fa_group),
        ("scalePriceIncrement", order.scale_price_increment),
        ("deltaNeutralOrderType", order.delta_neutral_order_type),
        ("adjustedOrderType", order.adjusted_order_type if order.adjusted_order_type != "None" else ""),
        ("volatility", order.volatility),
        ("orderComboLegs", any(price is not None for price in order.order_combo_leg_prices)),
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
        trail_stop=order.trail_stop_price,
        trail_percent=order.trailing_percent,
        limit_offset=order.lmt_price_offset,
        good_till=order.good_till_date,
        good_after=order.good_after_time,
        oca_group=order.oca_group,
        oca_type=order.oca_type,
        parent_id=order.parent_id,
        all_or_none=order.all_or_none,
        min_quantity=order.min_qty,
        trigger_method=order.trigger_method,
    )


def _limit(row: OrderRow) -> float:
    """Return the limit; of a TRAIL LIMIT order where it would lie if the stop were met now."""
    if row.order_type != OrderType.TRAIL_LIMIT or row.limit_offset is None:
        return _float(row.limit_price)
    stop = row.trail_stop or row.stop_price
    if stop is None:
        return 0.0
    return float(stop + Side(row.side).sign * row.limit_offset)


def _float(price: Decimal | None) -> float:
    return 0.0 if price is None else float(price)


def _optional(price: Decimal | None) -> float | None:
    return None if price is None else round(float(price), _ROUNDING)


def _money(amount: Decimal) -> str:
    return str(amount.quantize(_CENT))
