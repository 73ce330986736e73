"""From the library's message objects to our values, and from our orders to its. Floats become exact decimals here."""

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from daemon.adapters.ib.library import (
    UNSET_DOUBLE,
    UNSET_INTEGER,
    CommissionReport,
    Contract,
    Execution,
    Order,
    OrderState,
)
from daemon.domain.bar import Bar
from daemon.domain.callbacks import CommissionReported, ExecutionReported, OrderReported
from daemon.domain.instrument import Instrument, InstrumentId
from daemon.domain.order import Side
from daemon.ports import OrderTicket

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SIDES: Final = {"BUY": Side.BUY, "BOT": Side.BUY, "SELL": Side.SELL, "SLD": Side.SELL, "SSHORT": Side.SELL}
_REAL_TIME_BAR_S: Final = 5


def exact(value: float) -> Decimal:
    """Return the decimal that a float of the wire was written as.

    Raises:
        ValueError: it is not finite, or IB's mark for "not set".
    """
    if not math.isfinite(value) or value == UNSET_DOUBLE:
        raise ValueError(f"a number was expected, was {value}")
    return Decimal(int(value)) if value == int(value) else Decimal(str(value))


def instant(microseconds: int) -> datetime:
    """Return the moment `microseconds` after the epoch, exactly."""
    return EPOCH + timedelta(microseconds=microseconds)


def instrument_id(contract: Contract) -> InstrumentId:
    """Return our name of a contract: the symbol of a stock, the local symbol of anything else."""
    name = contract.symbol if contract.secType == "STK" else contract.localSymbol
    return InstrumentId(name or contract.symbol)


def contract_of(instrument: Instrument) -> Contract:
    """Return the description under which IB finds an instrument."""
    return Contract(
        symbol=instrument.symbol,
        secType=instrument.kind,
        exchange=instrument.exchange,
        primaryExchange=instrument.primary_exchange,
        currency=instrument.currency,
    )


def order_reported(contract: Contract, order: Order, state: OrderState, *, completed: bool) -> OrderReported:
    """Return what an openOrder or completedOrder message says.

    Raises:
        ValueError: it holds a number that is none.
        KeyError: it holds an unknown side.
    """
    known = completed and order.filledQuantity != UNSET_DOUBLE
    return OrderReported(
        order_ref=order.orderRef,
        order_id=order.orderId,
        client_id=order.clientId,
        perm_id=order.permId,
        instrument=instrument_id(contract),
        side=_SIDES[order.action],
        quantity=exact(order.totalQuantity),
        status=state.status,
        completed=completed,
        filled=exact(order.filledQuantity) if known else None,
    )


def execution_reported(contract: Contract, execution: Execution) -> ExecutionReported:
    """Return what an execDetails message says; raises as `order_reported`."""
    return ExecutionReported(
        exec_id=execution.execId,
        order_ref=execution.orderRef,
        # a bug of TWS: executions of manual orders carry the mark for "not set"
        order_id=0 if execution.orderId == UNSET_INTEGER else execution.orderId,
        client_id=execution.clientId,
        perm_id=execution.permId,
        account=execution.acctNumber,
        instrument=instrument_id(contract),
        side=_SIDES[execution.side],
        quantity=exact(execution.shares),
        price=exact(execution.price),
        executed_at=execution.time,
    )


def commission_reported(report: CommissionReport) -> CommissionReported:
    """Return what a commissionReport message says; raises ValueError as `exact`."""
    return CommissionReported(exec_id=report.execId, amount=exact(report.commission), currency=report.currency)


def real_time_bar(
    start: int, open_: float, high: float, low: float, close: float, *, volume: float, wap: float, count: int
) -> Bar:
    """Return a five-second bar of the stream; IB stamps bars with their start."""
    end = start + _REAL_TIME_BAR_S
    return Bar(start=start, end=end, open=open_, high=high, low=low, close=close, volume=volume, wap=wap, trades=count)


def order_of(ticket: OrderTicket, account: str) -> Order:
    """Return a ticket as the library's order."""
    order = Order(
        orderId=ticket.order_id,
        action=ticket.side.value,
        totalQuantity=_number(ticket.quantity),
        orderType=ticket.order_type,
        tif=ticket.time_in_force,
        orderRef=ticket.order_ref,
        account=account,
        outsideRth=False,
        transmit=True,
    )
    if ticket.limit_price is not None:
        price = float(ticket.limit_price)
        if ticket.order_type == "STP":
            order.auxPrice = price
        else:
            order.lmtPrice = price
    return order


def _number(quantity: Decimal) -> float:
    return int(quantity) if quantity == quantity.to_integral_value() else float(quantity)
