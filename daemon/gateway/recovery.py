"""From the books back to a running account: what a restarted gateway takes up."""

from daemon.domain.order import OrderType, Side
from daemon.gateway.account import ZERO, Account
from daemon.gateway.ledger import Ledger, OrderRow
from daemon.matching.exchange import Resting
from daemon.matching.orders import ExchangeOrder, TimeInForce


def restored_account(ledger: Ledger, name: str, open_us: int) -> Account:
    """Return the account as the books have it; the day's profit counts from the session that opened at `open_us`."""
    account = Account(name=name, cash=ledger.cash(), positions=ledger.positions())
    account.day_start_value = ledger.day_start_values()
    account.day_start_net = account.day_start_value.pop("", ZERO)
    for row in ledger.executions():
        if row.at_us >= open_us:
            flow = -row.quantity * Side(row.side).sign * row.price - row.commission
            account.day_flow[row.symbol] = account.day_flow.get(row.symbol, ZERO) + flow
            if row.realized_pnl is not None:
                account.day_realized[row.symbol] = account.day_realized.get(row.symbol, ZERO) + row.realized_pnl
    return account


def exchange_order(order: OrderRow) -> ExchangeOrder:
    """Return an order as the exchange sees it."""
    return ExchangeOrder(
        key=str(order.perm_id),
        latency_key=order.order_ref or f"{order.client_id}:{order.order_id}",
        symbol=order.symbol,
        side=Side(order.side),
        quantity=order.quantity,
        order_type=OrderType(order.order_type),
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        tif=TimeInForce(order.tif),
    )


def resting(order: OrderRow) -> Resting:
    """Return a working order as the exchange takes it back."""
    return Resting(
        order=exchange_order(order),
        submitted_us=order.submitted_us,
        remaining=order.quantity - order.filled,
        acknowledged=order.acknowledged,
        arrived=order.arrived,
        triggered=order.triggered,
    )
