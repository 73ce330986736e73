"""The simulated gateway as a stranger's program sees it: the same story with ib_insync and with ib_async.

Nothing of paperd is imported: the gateway is started as a program, by $TEST_PAPERD or by the paperd beside this Python.
"""

import asyncio
import contextlib
import importlib
import importlib.util
import itertools
import json
import math
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

ib_lib: Any = importlib.import_module("ib_async" if importlib.util.find_spec("ib_async") else "ib_insync")

PAPERD = os.environ.get("TEST_PAPERD") or str(Path(sys.executable).with_name("paperd"))
ACCOUNT = "DU7654321"
SPEED = 600  # market seconds per host second
PATIENCE_S = 30.0
ids = itertools.count(1)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Run a gateway for the story and return its port."""
    command = [PAPERD, "gateway", "--port", "0", "--speed", str(SPEED), "--seed", "7", "--account", ACCOUNT]
    with (
        (tmp_path_factory.mktemp("gateway") / "said").open("w") as said,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["port"]
            assert process.poll() is None, "the gateway must live through the whole story"
        finally:
            process.terminate()
        assert process.wait(10) == 0


@pytest.fixture
async def ib(port: int) -> AsyncIterator[Any]:
    """Return a connected client that remembers the errors it was told."""
    async with connected(port, next(ids)) as client:
        yield client


@contextlib.asynccontextmanager
async def connected(port: int, client_id: int) -> AsyncIterator[Any]:
    client = ib_lib.IB()
    client.told = []
    client.errorEvent += lambda _request, code, text, _contract: client.told.append((code, text))
    try:
        await client.connectAsync("127.0.0.1", port, clientId=client_id, timeout=PATIENCE_S)
        yield client
    finally:
        client.disconnect()
        await asyncio.sleep(0.05)  # the transport closes in the loop's next rounds


async def until(look: Callable[[], Any], what: str) -> None:
    """Wait until something is so."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not look():  # noqa: ASYNC110 - what is waited for is anything that can be seen
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"waited {PATIENCE_S:g} s for {what}")


async def stock(client: Any, symbol: str = "SPY") -> Any:
    contract = ib_lib.Stock(symbol, "SMART", "USD")
    await client.qualifyContractsAsync(contract)
    return contract


async def touch(client: Any, contract: Any) -> Any:
    """Return a ticker with a bid and an ask."""
    ticker = client.reqMktData(contract, "", False, False)
    await until(lambda: ticker.bid > 0 and ticker.ask > 0, "a quote")
    return ticker


async def bought(client: Any, contract: Any, quantity: int, ref: str) -> Any:
    """Return the trade of a market order once it is filled and paid for."""
    trade = client.placeOrder(contract, ib_lib.MarketOrder("BUY", quantity, orderRef=ref))
    await until(trade.isDone, "the fill")
    await until(lambda: all(fill.commissionReport.execId for fill in trade.fills), "the commission")
    return trade


async def test_connection_tells_account_and_time(ib: Any) -> None:
    assert ib.isConnected()
    assert ib.managedAccounts() == [ACCOUNT]
    assert 157 <= ib.client.serverVersion() <= 176
    first = await ib.reqCurrentTimeAsync()
    await asyncio.sleep(0.2)
    assert timedelta(seconds=30) < await ib.reqCurrentTimeAsync() - first  # market time, which is faster


async def test_contracts_have_their_details(ib: Any) -> None:
    (details,) = await ib.reqContractDetailsAsync(ib_lib.Stock("SPY", "SMART", "USD"))
    assert details.contract.conId > 0
    assert (details.contract.symbol, details.contract.currency, details.minTick) == ("SPY", "USD", 0.01)
    assert "SPDR" in details.longName
    assert details.timeZoneId
    assert await ib.reqContractDetailsAsync(ib_lib.Stock("NOPE", "SMART", "USD")) == []
    assert 200 in [code for code, _ in ib.told]


async def test_history_is_complete_and_keeps_up_to_date(ib: Any) -> None:
    spy = await stock(ib)
    bars = await ib.reqHistoricalDataAsync(spy, "", "2 D", "5 mins", "TRADES", True, 2)
    assert len(bars) >= 78
    assert [bar.date for bar in bars] == sorted({bar.date for bar in bars})
    for bar in bars:
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
    live = await ib.reqHistoricalDataAsync(spy, "", "3600 S", "1 min", "TRADES", True, 2, True)
    news: list[bool] = []
    live.updateEvent += lambda _bars, has_new_bar: news.append(has_new_bar)
    before = len(live)
    await until(lambda: news.count(True) >= 3 and False in news, "three new bars and a change of one")
    assert len(live) >= before + 3
    assert len({bar.date for bar in live}) == len(live)
    ib.cancelHistoricalData(live)


async def test_quotes_stream_and_stop(ib: Any) -> None:
    spy = await stock(ib)
    ticker = await touch(ib, spy)
    assert ticker.bid < ticker.ask
    assert ticker.bidSize > 0
    assert ticker.askSize > 0
    first = (ticker.bid, ticker.ask, ticker.bidSize, ticker.askSize)
    await until(lambda: (ticker.bid, ticker.ask, ticker.bidSize, ticker.askSize) != first, "another quote")
    ib.cancelMktData(spy)


async def test_real_time_bars_come_every_five_seconds(ib: Any) -> None:
    bars = ib.reqRealTimeBars(await stock(ib), 5, "TRADES", False)
    await until(lambda: len(bars) >= 4, "four bars")
    times = [bar.time for bar in bars]
    assert {later - earlier for earlier, later in itertools.pairwise(times)} == {timedelta(seconds=5)}
    assert all(bar.low <= bar.wap <= bar.high for bar in bars if bar.volume)
    ib.cancelRealTimeBars(bars)


async def test_market_order_is_filled_and_booked(ib: Any) -> None:
    spy = await stock(ib)
    trade = await bought(ib, spy, 100, "story-market")
    assert trade.orderStatus.status == "Filled"
    assert trade.orderStatus.filled == 100
    assert trade.orderStatus.remaining == 0
    assert trade.order.permId > 0
    assert sum(fill.execution.shares for fill in trade.fills) == 100
    for fill in trade.fills:
        cost = fill.execution.shares * fill.execution.price * 0.002
        assert math.isclose(fill.commissionReport.commission, cost, abs_tol=0.01)
        assert fill.execution.orderRef == "story-market"
        assert fill.execution.acctNumber == ACCOUNT
    executions = await ib.reqExecutionsAsync()
    assert {fill.execution.execId for fill in trade.fills} <= {fill.execution.execId for fill in executions}
    positions = {held.contract.symbol: held for held in await ib.reqPositionsAsync()}
    assert positions["SPY"].position >= 100
    assert positions["SPY"].account == ACCOUNT
    completed = await ib.reqCompletedOrdersAsync(False)
    assert ("story-market", "Filled") in [(one.order.orderRef, one.orderStatus.status) for one in completed]


async def test_limit_order_rests_until_it_is_cancelled(ib: Any) -> None:
    spy = await stock(ib)
    ticker = await touch(ib, spy)
    order = ib_lib.LimitOrder("BUY", 5, round(ticker.bid * 0.9, 2), orderRef="story-limit")
    trade = ib.placeOrder(spy, order)
    await until(lambda: trade.orderStatus.status == "Submitted", "the acknowledgement")
    assert "story-limit" in [one.order.orderRef for one in await ib.reqAllOpenOrdersAsync()]
    await asyncio.sleep(0.2)
    assert trade.orderStatus.filled == 0
    ib.cancelOrder(trade.order)
    await until(lambda: trade.orderStatus.status == "Cancelled", "the cancel")
    assert 202 in [code for code, _ in ib.told]
    assert "story-limit" not in [one.order.orderRef for one in await ib.reqAllOpenOrdersAsync()]
    completed = await ib.reqCompletedOrdersAsync(False)
    assert ("story-limit", "Cancelled") in [(one.order.orderRef, one.orderStatus.status) for one in completed]


async def test_wrong_order_is_rejected_with_its_code(ib: Any) -> None:
    spy = await stock(ib)
    trade = ib.placeOrder(spy, ib_lib.LimitOrder("BUY", 5, 100.001, orderRef="story-tick"))
    await until(lambda: 110 in [code for code, _ in ib.told], "the refusal")  # ib_insync takes it for a warning
    assert trade.fills == []
    assert "story-tick" not in [one.order.orderRef for one in await ib.reqAllOpenOrdersAsync()]
    rich = ib.placeOrder(spy, ib_lib.MarketOrder("BUY", 10_000_000, orderRef="story-rich"))
    await until(rich.isDone, "the refusal")
    assert 201 in [code for code, _ in ib.told]


async def test_what_if_tells_margin_and_commission_and_places_nothing(ib: Any) -> None:
    spy = await stock(ib)
    order = ib_lib.MarketOrder("BUY", 100, orderRef="story-what-if")
    state = await asyncio.wait_for(ib.whatIfOrderAsync(spy, order), PATIENCE_S)
    assert float(state.initMarginChange) > 0
    assert float(state.equityWithLoanBefore) > 0
    assert float(state.commission) > 0
    assert "story-what-if" not in [one.order.orderRef for one in await ib.reqAllOpenOrdersAsync()]
    assert "story-what-if" not in [fill.execution.orderRef for fill in await ib.reqExecutionsAsync()]


async def test_account_is_told_as_values_and_as_summary(ib: Any) -> None:
    summary = {row.tag: row.value for row in await ib.accountSummaryAsync() if row.account == ACCOUNT}
    assert float(summary["NetLiquidation"]) > 0
    assert float(summary["TotalCashValue"]) > 0
    await until(ib.accountValues, "the account's values")
    values = {row.tag: row.value for row in ib.accountValues() if row.currency in {"USD", "BASE", ""}}
    assert float(values["NetLiquidation"]) > 0


async def test_profit_and_loss_follow_the_market(ib: Any) -> None:
    qqq = await stock(ib, "QQQ")
    await bought(ib, qqq, 50, "story-pnl")
    whole = ib.reqPnL(ACCOUNT)
    one = ib.reqPnLSingle(ACCOUNT, "", qqq.conId)
    await until(lambda: not math.isnan(whole.dailyPnL) and not math.isnan(one.unrealizedPnL), "the first figures")
    assert one.position == 50
    first = one.value
    await until(lambda: one.value != first, "another value")
    ib.cancelPnLSingle(ACCOUNT, "", qqq.conId)
    ib.cancelPnL(ACCOUNT)


async def test_same_client_id_comes_back_to_its_order(port: int) -> None:
    client_id = next(ids)
    async with connected(port, client_id) as ib:
        spy = await stock(ib)
        ticker = await touch(ib, spy)
        order = ib_lib.LimitOrder("BUY", 3, round(ticker.bid * 0.9, 2), orderRef="story-again")
        trade = ib.placeOrder(spy, order)
        await until(lambda: trade.orderStatus.status == "Submitted", "the acknowledgement")
        used, perm = trade.order.orderId, trade.order.permId

        second = ib_lib.IB()
        with pytest.raises((ConnectionError, TimeoutError, asyncio.TimeoutError)):
            await second.connectAsync("127.0.0.1", port, clientId=client_id, timeout=2)
        second.disconnect()
        assert ib.isConnected()
    async with connected(port, client_id) as ib:
        (mine,) = [one for one in ib.openTrades() if one.order.orderRef == "story-again"]
        assert (mine.order.orderId, mine.order.permId, mine.orderStatus.status) == (used, perm, "Submitted")
        assert ib.client.getReqId() > used
        ib.cancelOrder(mine.order)
        await until(lambda: mine.orderStatus.status == "Cancelled", "the cancel")


async def test_time_of_the_market_is_in_its_session(ib: Any) -> None:
    now: datetime = await ib.reqCurrentTimeAsync()
    (details,) = await ib.reqContractDetailsAsync(ib_lib.Stock("SPY", "SMART", "USD"))
    assert now.strftime("%Y%m%d") in details.liquidHours
