"""What only a real paper gateway can tell; nothing is traded. Run with TEST_LIVE_GATEWAY=host:port and -m live.

`orderRef maximum length`, `execution look-back`, `completedOrders coverage` and several permIds of one reference are
read as far as that goes without an order: what is found is printed, so that it can be written down (pytest -s).
"""

# ib_insync is typed in parts only.
# mypy: disable-error-code="no-untyped-call"

import asyncio
import os
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from ib_insync import IB, Contract, ExecutionFilter, Fill, LimitOrder, Order, OrderState, Stock, Trade

WHERE = os.environ.get("TEST_LIVE_GATEWAY", "")
CLIENT_ID = 931
ANSWER_S = 20.0
OURS = len("pd-abcdef-01ARZ3NDEKTSV4RRFFQ69G5FAV")  # the length of the daemon's references

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not WHERE, reason="TEST_LIVE_GATEWAY=host:port names no gateway"),
]


@pytest.fixture
async def ib() -> AsyncIterator[IB]:
    host, _, port = WHERE.rpartition(":")
    if int(port) in {4001, 7496}:
        pytest.fail(f"{port} is a live port: this test is for paper accounts")
    client = IB()
    client.RaiseRequestErrors = True
    try:
        await client.connectAsync(host or "127.0.0.1", int(port), clientId=CLIENT_ID, timeout=ANSWER_S)
        if not all(account.startswith("D") for account in client.managedAccounts()):
            pytest.fail("this is no paper account")
        yield client
    finally:
        client.disconnect()
        await asyncio.sleep(0.1)


async def test_gateway_speaks_a_version_that_is_known(ib: IB) -> None:
    assert ib.client.serverVersion() >= 157
    there = await ib.reqCurrentTimeAsync()
    assert abs((datetime.now(UTC) - there).total_seconds()) < 60, "one of the two clocks is wrong"


async def test_snapshot_is_answered_to_its_end(ib: IB) -> None:
    """Every list of the reconciliation must be answered completely, also when it is empty."""
    async with asyncio.timeout(4 * ANSWER_S):
        await ib.reqAllOpenOrdersAsync()
        executions: list[Fill] = await ib.reqExecutionsAsync(ExecutionFilter())
        completed: list[Trade] = await ib.reqCompletedOrdersAsync(apiOnly=False)
        await ib.reqPositionsAsync()
    perms: dict[str, set[int]] = defaultdict(set)
    for fill in executions:
        perms[fill.execution.orderRef].add(fill.execution.permId)
    for trade in completed:
        perms[trade.order.orderRef].add(trade.order.permId)
    oldest = min((fill.time for fill in executions), default=None)
    print(f"executions: {len(executions)}, the oldest of {oldest}")
    nameless = sum(not one.order.orderRef for one in completed)
    print(f"completed orders: {len(completed)}, without a reference: {nameless}")
    print("references with several permIds:", {ref: found for ref, found in perms.items() if ref and len(found) > 1})
    with_fills = {fill.execution.permId for fill in executions}
    covered = {trade.order.permId for trade in completed}
    print("executed, but not among the completed orders:", sorted(with_fills - covered))


async def test_quote_of_a_liquid_stock_comes(ib: IB) -> None:
    (spy,) = await ib.qualifyContractsAsync(Stock("SPY", "SMART", "USD"))
    ib.reqMarketDataType(3)  # delayed where the account has no subscription
    ticker = ib.reqMktData(spy)
    with suppress(TimeoutError):
        async with asyncio.timeout(ANSWER_S):
            while not (ticker.bid > 0 and ticker.ask > 0):  # noqa: ASYNC110 - a ticker has no event of its own
                await asyncio.sleep(0.1)
    ib.cancelMktData(spy)
    print(f"SPY: {ticker.bid} {ticker.ask}, market data type {ticker.marketDataType}")
    assert ticker.marketDataType in {1, 2, 3, 4}


@pytest.mark.parametrize("length", [OURS, 40, 60, 80, 128, 256])
async def test_reference_comes_back_whole_from_a_what_if(ib: IB, length: int) -> None:
    """A what-if carries the reference to the gateway and back without an order."""
    (spy,) = await ib.qualifyContractsAsync(Stock("SPY", "SMART", "USD"))
    ref = f"pd-{secrets.token_hex(length)}"[:length]
    echoed: list[str] = []

    handle = ib.wrapper.openOrder

    def note(order_id: int, contract: Contract, order: Order, state: OrderState) -> None:
        echoed.append(order.orderRef)
        handle(order_id, contract, order, state)

    ib.wrapper.openOrder = note  # type: ignore[method-assign, assignment]
    order = LimitOrder("BUY", 1, 1.0, orderRef=ref)
    try:
        async with asyncio.timeout(ANSWER_S):
            await ib.whatIfOrderAsync(spy, order)
    except (TimeoutError, ConnectionError) as error:
        print(f"a reference of {length} characters: {error!r}")
        assert length > OURS, "the daemon's references must be accepted"
        return
    print(f"a reference of {length} characters: answered, echoed as {sorted(set(map(len, echoed)))} characters")
    if length == OURS:
        assert set(echoed) == {ref}
