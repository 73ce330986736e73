"""From the books back to a running account: what a restarted gateway takes up."""

from decimal import Decimal

from daemon.domain.order import OrderType, Side
from daemon.gateway.account import ZERO, Account
from daemon.gateway.combos import legs_from
from daemon.gateway.ledger import ExecutionRow, Ledger, OrderRow, Role
from daemon.matching.orders import (
    ComboLeg,
    ExchangeOrder,
    FillModel,
    OcaType,
    Resting,
    TimeInForce,
    TriggerMethod,
)


def restored_account(ledger: Ledger, name: str, open_us: int) -> Account:
    """Return the account as the books have it; the day's profit counts from the session that opened at `open_us`."""
    account = Account(name=name, cash=ledger.cash(), positions=ledger.positions())
    account.day_start_value = ledger.day_start_values()
    account.day_start_net = account.day_start_value.pop("", ZERO)
    for row in ledger.executions():
        if row.at_us >= open_us and row.role != Role.COMBO:
            account.day_flow[row.symbol] = account.day_flow.get(row.symbol, ZERO) + _cash_change(row)
            if row.realized_pnl is not None:
                account.day_realized[row.symbol] = account.day_realized.get(row.symbol, ZERO) + row.realized_pnl
    for entry in ledger.cash_entries():
        if entry.at_us >= open_us:
            account.day_flow[entry.symbol] = account.day_flow.get(entry.symbol, ZERO) + entry.amount
    return account


def exchange_order(order: OrderRow, fill_model: FillModel, *, parent_lives: bool) -> ExchangeOrder:
    """Return an order as the exchange sees it; a child whose parent is done with is an order like any other."""
    return ExchangeOrder(
        key=str(order.perm_id),
        latency_key=order.order_ref or f"{order.client_id}:{order.order_id or order.perm_id}",
        symbol=f"combo {order.perm_id}" if order.legs else order.symbol,
        side=Side(order.side),
        quantity=order.quantity,
        order_type=OrderType(order.order_type),
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        tif=TimeInForce(order.tif),
        trail_amount=order.trail_amount,
        trail_percent=order.trail_percent,
        limit_offset=order.limit_offset,
        peg_offset=order.peg_offset,
        good_till_us=order.good_till_us,
        good_after_us=order.good_after_us,
        all_or_none=order.all_or_none,
        min_quantity=order.min_quantity,
        trigger_method=TriggerMethod(order.trigger_method),
        fill_model=fill_model,
        oca_group=order.oca_group,
        oca_type=OcaType(order.oca_type),
        parent_key=str(order.parent_perm_id) if parent_lives else "",
        legs=tuple(ComboLeg(symbol=leg.symbol, side=leg.side, ratio=leg.ratio) for leg in legs_from(order.legs)),
    )


def resting(order: OrderRow, fill_model: FillModel, *, parent_lives: bool) -> Resting:
    """Return a working order as the exchange takes it back."""
    return Resting(
        order=exchange_order(order, fill_model, parent_lives=parent_lives),
        submitted_us=order.submitted_us,
        remaining=order.quantity - order.filled,
        acknowledged=order.acknowledged,
        arrived=order.arrived,
        triggered=order.triggered,
        stop_price=order.trail_stop,
        queue_ahead=order.queue_ahead,
    )


def _cash_change(row: ExecutionRow) -> Decimal:
    if row.cash_change is not None:
        return row.cash_change
    return -row.quantity * Side(row.side).sign * row.price * row.multiplier - row.commission
