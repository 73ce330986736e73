"""A small program of somebody else's: brings a position to a target, on whatever gateway it is pointed at."""

import asyncio

from ib_insync import IB, MarketOrder, Stock, Trade


class Refused(Exception):
    """The broker would not take the order."""


async def reach(ib: IB, symbol: str, target: int, *, patience_s: float = 10.0) -> int:
    """Trade until `target` shares are held; return the number of orders that were sent.

    Raises:
        Refused: an order was not accepted.
        TimeoutError: an order was still open after `patience_s`; it has been cancelled.
    """
    (contract,) = await ib.qualifyContractsAsync(Stock(symbol, "SMART", "USD"))
    missing = target - await held(ib, symbol)
    if not missing:
        return 0
    trade = ib.placeOrder(contract, MarketOrder("BUY" if missing > 0 else "SELL", abs(missing)))
    try:
        async with asyncio.timeout(patience_s):
            while not trade.isDone():
                await asyncio.sleep(0.01)
    except TimeoutError:
        ib.cancelOrder(trade.order)
        raise
    if trade.orderStatus.status != "Filled":
        raise Refused(_reason(trade))
    return 1


async def held(ib: IB, symbol: str) -> int:
    """Return the shares that the broker says are held."""
    positions = await ib.reqPositionsAsync()
    return sum(int(position.position) for position in positions if position.contract.symbol == symbol)


def _reason(trade: Trade) -> str:
    return next((entry.message for entry in reversed(trade.log) if entry.message), "no reason given")
