"""The gateway's picture of orders, executions, positions and account: asked for, and only believed when whole."""

from collections.abc import Mapping
from datetime import datetime

from daemon.adapters.ib.client import RawIB
from daemon.adapters.ib.library import ExecutionFilter
from daemon.adapters.ib.pacing import MessageBudget
from daemon.domain.errors import BrokerUnavailable
from daemon.ports import BrokerSnapshot

SUMMARY_TAGS = (
    "AccountType,NetLiquidation,TotalCashValue,SettledCash,AccruedCash,BuyingPower,EquityWithLoanValue,"
    "GrossPositionValue,InitMarginReq,MaintMarginReq,AvailableFunds,ExcessLiquidity,Cushion"
)


async def take_snapshot(
    ib: RawIB, budget: MessageBudget, *, account: str, timeout_s: float, taken_at: datetime
) -> BrokerSnapshot:
    """Return all the broker knows.

    Open orders are asked for before completed ones, so that an order that ends meanwhile is in one of them; executions
    come after both.

    Raises:
        RequestTimedOut: an end marker did not come.
        BrokerUnavailable: the connection was lost, or a row could not be read: what is left is not the whole.
    """
    unreadable = ib.wrapper.undecodable
    await budget.acquire()
    orders = await ib.ask("openOrders", ib.client.reqAllOpenOrders, timeout_s)
    await budget.acquire()
    completed = await ib.ask("completedOrders", lambda: ib.client.reqCompletedOrders(apiOnly=False), timeout_s)
    await budget.acquire()
    request, of_account = ib.request_id(), ExecutionFilter(acctCode=account)
    executions = await ib.ask(request, lambda: ib.client.reqExecutions(request, of_account), timeout_s)
    await budget.acquire()
    positions = await ib.ask("positions", ib.client.reqPositions, timeout_s)
    # IB goes on pushing positions once they were asked for: of a contract's rows the last one counts.
    held = {(each.account, con_id): each for con_id, each in positions}
    if ib.wrapper.undecodable != unreadable:
        raise BrokerUnavailable("a message could not be read while the broker's state was fetched: it is not complete")
    return BrokerSnapshot(
        taken_at=taken_at,
        orders=tuple(orders),
        completed=tuple(completed),
        executions=tuple(executions),
        positions=tuple(position for position in held.values() if position.account == account),
    )


async def account_summary(ib: RawIB, budget: MessageBudget, *, account: str, timeout_s: float) -> Mapping[str, str]:
    """Return tag -> value of the account; raises as `take_snapshot`."""
    request = ib.request_id()
    await budget.acquire()
    try:
        rows = await ib.ask(request, lambda: ib.client.reqAccountSummary(request, "All", SUMMARY_TAGS), timeout_s)
    finally:
        if ib.is_open:
            # IB allows two summaries at a time, and each goes on until it is cancelled
            ib.send(lambda: ib.client.cancelAccountSummary(request))
    return {row.tag: row.value for row in rows if row.account == account}
