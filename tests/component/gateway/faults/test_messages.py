"""Faults of any message: missing, doubled, late, reordered; requests swallowed; silent streams; wrong clocks."""

# ib_insync is typed in parts only.
# mypy: disable-error-code="no-untyped-call, union-attr, index, attr-defined, operator"

import asyncio

import pytest
from ib_insync import IB, LimitOrder, MarketOrder, Trade

from daemon.gateway.faults.messages import (
    ClockWrong,
    MessageDelayed,
    MessageDropped,
    MessageDuplicated,
    MessageReordered,
    RequestSwallowed,
    StreamStalled,
)
from daemon.gateway.faults.when import When
from daemon.gateway.wire.responses import decode_response
from tests.fakes.gateway_stage import PATIENCE_S, SECOND, SESSION, SteppedIB, client, serving, stock
from tests.fakes.raw_client import RawClient

OPEN_US = SESSION.open_s * SECOND


def statuses(trade: Trade) -> list[str]:
    return [entry.status for entry in trade.log]


class Wire:
    """Remembers the frames about orders as they come."""

    def __init__(self, ib: SteppedIB) -> None:
        self.seen: list[tuple[str, str]] = []
        for number, name in (("3", "orderStatus"), ("5", "openOrder"), ("11", "execDetails"), ("59", "commission")):
            self._tap(ib, int(number), name)

    def _tap(self, ib: SteppedIB, number: int, name: str) -> None:
        handler = ib.client.decoder.handlers[number]

        def tap(fields: list[str]) -> None:
            self.seen.append((name, fields[2] if name == "orderStatus" else ""))
            handler(fields)

        ib.client.decoder.handlers[number] = tap

    def count(self, name: str, status: str = "") -> int:
        return self.seen.count((name, status))


async def test_status_that_is_missing_is_missing_and_the_fill_is_there() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        gateway.server.faults.start(MessageDropped(message="orderStatus", status="Filled"))
        trade = ib.placeOrder(stock(), MarketOrder("BUY", 10))
        await ib.advance(3)
        assert trade.orderStatus.status == "Submitted"
        assert trade.filled() == 10
        assert next(iter(gateway.server.broker.orders.values())).status == "Filled"


async def test_status_comes_twice() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        wire = Wire(ib)
        gateway.server.faults.start(MessageDuplicated(message="orderStatus", copies=2))
        ib.placeOrder(stock(), MarketOrder("BUY", 10))
        await ib.advance(3)
        assert [wire.count("orderStatus", status) for status in ("PreSubmitted", "Submitted", "Filled")] == [3, 3, 3]


async def test_status_comes_late_by_market_time() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        gateway.server.faults.start(MessageDelayed(message="orderStatus", by=10))
        trade = ib.placeOrder(stock(), MarketOrder("BUY", 10))
        await ib.advance(9)
        assert trade.orderStatus.status == "PendingSubmit"
        assert trade.filled() == 10
        await ib.advance(3)
        assert trade.orderStatus.status == "Filled"


async def test_statuses_of_one_instant_come_in_the_opposite_order() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        wire = Wire(ib)
        gateway.server.faults.start(MessageReordered(message="orderStatus"))
        for _ in range(2):
            ib.placeOrder(stock(), LimitOrder("BUY", 10, 1.0))
        await ib.advance(1)
        order_ids: list[int] = []
        ib.client.decoder.handlers[3] = lambda fields: order_ids.append(int(fields[1]))
        ib.reqGlobalCancel()
        await ib.advance(0.001)
        assert wire.count("orderStatus", "Submitted") == 2
        assert order_ids[:2] == sorted(order_ids[:2], reverse=True)


@pytest.mark.parametrize("message", ["commissionReport", "execDetails"])
async def test_what_is_missing_live_comes_with_the_next_request(message: str) -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        wire = Wire(ib)
        gateway.server.faults.start(MessageDropped(message=message))
        ib.placeOrder(stock(), MarketOrder("BUY", 10))
        await ib.advance(3)
        name = "commission" if message == "commissionReport" else message
        assert wire.count(name) == 0
        (fill,) = await ib.reqExecutionsAsync()
        assert fill.execution.shares == 10
        await ib.advance(1)
        assert wire.count(name) == 1


async def test_commission_comes_late_and_twice() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        wire = Wire(ib)
        gateway.server.faults.start(MessageDuplicated(message="commissionReport"))
        gateway.server.faults.start(MessageDelayed(message="commissionReport", by=5))
        trade = ib.placeOrder(stock(), MarketOrder("BUY", 10))
        await ib.advance(4)
        assert trade.fills[0].commissionReport.commission == 0
        await ib.advance(4)
        assert trade.fills[0].commissionReport.commission > 0
        assert wire.count("commission") == 2


async def test_reports_of_one_symbol_are_hit_also_after_a_reconnect() -> None:
    async with serving() as gateway:
        async with client(gateway.port) as ib:
            for symbol in ("AAA", "BBB"):
                ib.placeOrder(stock(symbol), LimitOrder("BUY", 10, 1.0))
            await ib.advance(1)
        gateway.server.faults.start(MessageDropped(message="commissionReport"), when=When(symbol="AAA"))
        gateway.server.faults.start(MessageDropped(message="orderStatus", status="Cancelled"), when=When(symbol="AAA"))
        async with client(gateway.port) as ib:
            wire = Wire(ib)
            ib.client.reqGlobalCancel()
            fills = [ib.placeOrder(stock(symbol), MarketOrder("BUY", 10)) for symbol in ("AAA", "BBB")]
            await ib.advance(3)
            assert wire.count("orderStatus", "Cancelled") == 1
            assert [trade.fills[0].commissionReport.commission > 0 for trade in fills] == [False, True]


async def test_snapshot_without_its_end_never_completes() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        number = gateway.server.faults.start(MessageDropped(message="openOrderEnd", answers=True))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ib.reqAllOpenOrdersAsync(), 0.1)
        gateway.server.faults.stop(number)
        assert await asyncio.wait_for(ib.reqAllOpenOrdersAsync(), PATIENCE_S) == []


async def test_bars_can_be_missing_and_doubled_for_one_symbol() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        missing = ib.reqRealTimeBars(stock(), 5, "TRADES", useRTH=True)
        doubled = ib.reqRealTimeBars(stock("BBB"), 5, "TRADES", useRTH=True)
        gateway.server.faults.start(MessageDropped(message="realtimeBar", count=2), when=When(symbol="AAA"))
        gateway.server.faults.start(MessageDuplicated(message="realtimeBar"), when=When(symbol="BBB"))
        await ib.advance(20)
        assert [round((bar.time.timestamp() - SESSION.open_s) / 5) for bar in missing] == [2, 3]
        assert [round((bar.time.timestamp() - SESSION.open_s) / 5) for bar in doubled] == [0, 0, 1, 1, 2, 2, 3, 3]


async def test_heartbeat_and_order_can_be_swallowed() -> None:
    async with serving(speed=600) as gateway, RawClient.connected(gateway.port) as raw:
        gateway.server.faults.start(RequestSwallowed(request="ReqCurrentTime", count=1))
        raw.send(49, 1)
        raw.send(17, 1)
        assert (await raw.next())[0] == "15"
        raw.send(49, 1)
        assert (await raw.next())[0] == "49"
    async with serving() as gateway, client(gateway.port) as ib:
        gateway.server.faults.start(RequestSwallowed(request="PlaceOrder", count=1), when=When(symbol="AAA"))
        lost = ib.placeOrder(stock(), MarketOrder("BUY", 10, orderRef="lost"))
        kept = ib.placeOrder(stock(), MarketOrder("BUY", 10, orderRef="kept"))
        await ib.advance(3)
        assert (lost.orderStatus.status, kept.orderStatus.status) == ("PendingSubmit", "Filled")
        assert [row.order_ref for row in gateway.server.broker.orders.values()] == ["kept"]


async def test_one_symbol_falls_silent_without_an_error() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        silent, lively = ib.reqMktData(stock()), ib.reqMktData(stock("BBB"))
        number = gateway.server.faults.start(StreamStalled(), when=When(symbol="AAA", after=20))
        await ib.advance(60)
        assert (silent.time.timestamp() if silent.time else 0) < lively.time.timestamp()
        assert len(ib.errors) == 3
        seen = silent.time
        gateway.server.faults.stop(number)
        await ib.advance(20)
        assert silent.time > seen


async def test_history_that_is_kept_up_to_date_stops_and_quotes_go_on() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        await ib.advance(60)
        bars = await ib.reqHistoricalDataAsync(
            stock(), "", "60 S", "5 secs", "TRADES", useRTH=True, keepUpToDate=True, formatDate=2
        )
        ticker = ib.reqMktData(stock())
        gateway.server.faults.start(StreamStalled(streams=("updates",)))
        count, seen = len(bars), ib.now_us
        await ib.advance(30)
        assert len(bars) == count
        assert ticker.bid > 0
        assert ib.now_us >= seen + 30 * SECOND


@pytest.mark.parametrize(("ahead", "expected"), [(None, 0), (3600, 3600), (-3600, -3600)])
async def test_clock_stands_still_or_is_off(ahead: int | None, expected: int) -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        gateway.server.faults.start(ClockWrong(ahead=ahead))
        await ib.advance(10)
        async with RawClient.connected(gateway.port) as raw:
            raw.send(49, 1)
            told = decode_response(await raw.until("49"), 176)
            true_s = gateway.server.market_us // SECOND if ahead is not None else SESSION.open_s
            assert getattr(told, "time", None) == true_s + expected


async def test_ib_insync_without_lockstep_sees_the_same_faults() -> None:
    async with serving(speed=600) as gateway:
        gateway.server.faults.start(MessageDropped(message="orderStatus"))
        free = IB()
        await free.connectAsync("127.0.0.1", gateway.port, clientId=4, timeout=PATIENCE_S)
        trade = free.placeOrder(stock(), MarketOrder("BUY", 10))
        async with asyncio.timeout(PATIENCE_S):
            await trade.fillEvent
        assert trade.orderStatus.status == "PendingSubmit"
        free.disconnect()
