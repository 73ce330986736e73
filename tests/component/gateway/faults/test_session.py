"""Faults of the session: lost connectivity, farms, notices, client ids, order ids, accounts, pace of messages."""

# ib_insync is typed in parts only.
# mypy: disable-error-code="no-untyped-call, union-attr, index, attr-defined, operator"

import asyncio

import pytest
from ib_insync import IB, MarketOrder

from daemon.gateway.faults.session import (
    ClientIdInUse,
    FarmBroken,
    MessageFlood,
    MessageRate,
    NextValidIdBack,
    NoManagedAccounts,
    NoNextValidId,
    Notice,
    UpstreamLost,
)
from daemon.gateway.faults.when import When
from tests.fakes.gateway_stage import PATIENCE_S, SteppedIB, client, serving, stock
from tests.fakes.raw_client import RawClient


def codes(ib: SteppedIB) -> list[int]:
    """Return what came after the greeting."""
    return [code for _, code, _ in ib.errors][3:]


async def test_fills_while_upstream_is_lost_are_told_after_1102_and_streams_go_on() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        ticker = ib.reqMktData(stock())
        trade = ib.placeOrder(stock(), MarketOrder("BUY", 10))
        gateway.server.faults.start(UpstreamLost(), when=When(fill=1), lasting=20)
        await ib.advance(15)
        assert codes(ib) == [1100]
        assert len(gateway.server.broker.executions) == 1
        assert trade.fills == []
        quiet_since = ticker.time
        await ib.advance(15)
        assert codes(ib) == [1100, 1102]
        assert trade.orderStatus.status == "Filled"
        assert ticker.time > quiet_since


async def test_after_1101_subscriptions_are_gone_and_lost_reports_come_when_asked_for() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        (aaa,) = await ib.qualifyContractsAsync(stock())
        ticker = ib.reqMktData(aaa)
        trade = ib.placeOrder(aaa, MarketOrder("BUY", 10))
        gateway.server.faults.start(UpstreamLost(restored=1101, reports="lost"), when=When(fill=1), lasting=10)
        await ib.advance(30)
        assert codes(ib) == [1100, 1101]
        assert trade.fills == []
        seen = ticker.time
        await ib.advance(30)
        assert ticker.time == seen
        assert len(await ib.reqExecutionsAsync()) == 1
        ib.cancelMktData(aaa)
        await ib.advance(1)
        assert codes(ib)[-1] == 300
        again = ib.reqMktData(aaa)
        await ib.advance(5)
        assert again.time > seen


async def test_orders_wait_for_upstream_and_dead_streams_stay_dead() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        ticker = ib.reqMktData(stock())
        number = gateway.server.faults.start(UpstreamLost(restored=None, dead_streams=True))
        trade = ib.placeOrder(stock(), MarketOrder("BUY", 10))
        await ib.advance(5)
        assert gateway.server.broker.orders == {}
        gateway.server.faults.stop(number)
        seen = ticker.time
        await ib.advance(20)
        assert codes(ib) == [1100]
        assert trade.orderStatus.status == "Filled"
        assert ticker.time == seen


async def test_market_data_farm_blips_and_leaves_streams_dead() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        ticker = ib.reqMktData(stock())
        bars = ib.reqRealTimeBars(stock("BBB"), 5, "TRADES", useRTH=True)
        await ib.advance(10)
        gateway.server.faults.start(FarmBroken(dead_streams=True), lasting=3)
        seen, count = ticker.time, len(bars)
        await ib.advance(30)
        assert codes(ib) == [2103, 2104]
        assert (ticker.time, len(bars)) == (seen, count)


@pytest.mark.parametrize(("farm", "broken", "fine"), [("history", 2105, 2106), ("secdef", 2157, 2158)])
async def test_requests_wait_for_their_farm(farm: str, broken: int, fine: int) -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        fault = FarmBroken.model_validate({"name": "farm_broken", "farm": farm})
        gateway.server.faults.start(fault, lasting=10)
        asked: asyncio.Task[object] = asyncio.ensure_future(
            ib.reqHistoricalDataAsync(stock(), "", "60 S", "5 secs", "TRADES", useRTH=True)
            if farm == "history"
            else ib.reqContractDetailsAsync(stock())
        )
        await ib.advance(9)
        assert not asked.done()
        await ib.advance(2)
        assert codes(ib) == [broken, fine]
        await asyncio.wait_for(asked, PATIENCE_S)


@pytest.mark.parametrize("code", [1100, 1101, 1102, 1300, 2107, 2108, 2110, 2119, 10197])
async def test_any_notice_can_be_said(code: int) -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        gateway.server.faults.start(Notice(code=code, text="said on purpose" if code in {1300, 10197} else ""))
        await ib.advance(1)
        assert codes(ib) == [code]
        assert ib.errors[-1][0] == -1
        assert len(ib.errors[-1][2]) > 10


async def test_flood_reaches_a_client_that_reads_and_drops_one_that_does_not() -> None:
    async with serving(write_buffer_bytes=200_000) as gateway, RawClient.connected(gateway.port, 9) as slow:
        slow.writer.transport.pause_reading()
        gateway.server.faults.start(MessageFlood(messages=200_000), when=When(client=9))
        async with client(gateway.port) as ib:
            await ib.advance(1)
            assert [row["reason"] for row in gateway.log.named("client.dropped")] == ["client does not read"]
    async with serving() as gateway, client(gateway.port) as ib:
        gateway.server.faults.start(MessageFlood(messages=3000))
        await ib.advance(1)
        assert codes(ib) == [2119] * 3000


async def test_free_client_id_is_told_326_as_often_as_wished() -> None:
    async with serving() as gateway:
        gateway.server.faults.start(ClientIdInUse(count=2), when=When(client=5))
        for _ in range(2):
            async with RawClient.opened(gateway.port) as raw:
                raw.send(71, 2, 5, "")
                await raw.until("326")
                assert await raw.rest() == b""
        async with RawClient.connected(gateway.port, 5):
            assert gateway.server.faults.active() == []


@pytest.mark.parametrize("accepts", [True, False])
async def test_next_valid_id_goes_back(accepts: bool) -> None:
    async with serving() as gateway:
        async with client(gateway.port) as ib:
            first = ib.placeOrder(stock(), MarketOrder("BUY", 10, orderRef="a")).order
            await ib.advance(3)
        gateway.server.faults.start(NextValidIdBack(to=first.orderId, accepts=accepts))
        async with client(gateway.port) as ib:
            order = MarketOrder("SELL", 10, orderId=first.orderId, orderRef="b")
            ib.client.placeOrder(first.orderId, stock(), order)
            await ib.advance(3)
            executions = gateway.server.broker.executions
            assert codes(ib) == ([] if accepts else [103])
            assert [row.order_ref for row in executions] == (["a", "b"] if accepts else ["a"])
            assert len({row.perm_id for row in executions}) == len(executions)


@pytest.mark.parametrize(("fault", "missing"), [(NoNextValidId(), "9"), (NoManagedAccounts(), "15")])
async def test_start_api_is_answered_in_part(fault: NoNextValidId | NoManagedAccounts, missing: str) -> None:
    async with serving() as gateway:
        gateway.server.faults.start(fault)
        async with RawClient.connected(gateway.port) as raw:
            assert {"9", "15"} - {fields[0] for fields in raw.told} == {missing}
        with pytest.raises(TimeoutError):
            await IB().connectAsync("127.0.0.1", gateway.port, clientId=3, timeout=0.1)


async def test_too_many_messages_get_100_and_the_end() -> None:
    async with serving() as gateway, RawClient.connected(gateway.port) as raw:
        gateway.server.faults.start(MessageRate(per_second=20))
        for _ in range(21):
            raw.send(17, 1)
        await raw.until("100")
        assert [fields[0] for fields in raw.told].count("15") == 1 + 20
        assert await raw.rest() == b""


async def test_one_message_is_too_many_on_demand() -> None:
    async with serving() as gateway, RawClient.connected(gateway.port) as raw:
        gateway.server.faults.start(MessageRate(per_second=0))
        raw.send(17, 1)
        assert (await raw.next())[3] == "100"
        assert await raw.rest() == b""
