"""How faults are triggered, selected, ended, and repeated exactly: the in-process control of a running gateway."""

# ib_insync is typed in parts only.
# mypy: disable-error-code="no-untyped-call, union-attr, index, attr-defined, method-assign"

import asyncio
from typing import Any

import pytest
from ib_insync import MarketOrder

from daemon.gateway.faults.control import UnknownFault
from daemon.gateway.faults.messages import MessageDropped, StreamStalled
from daemon.gateway.faults.orders import OrderRefused
from daemon.gateway.faults.scenario import scenario
from daemon.gateway.faults.session import Notice
from daemon.gateway.faults.sockets import Disconnect, Mute
from daemon.gateway.faults.when import When
from daemon.market.listing import UnknownSymbol
from tests.fakes.gateway_stage import PATIENCE_S, SECOND, SESSION, SteppedIB, client, serving, stock
from tests.fakes.raw_client import RawClient

OPEN_US = SESSION.open_s * SECOND


def codes(ib: SteppedIB) -> list[int]:
    return [code for _, code, _ in ib.errors][3:]


async def when_told(ib: SteppedIB, code: int) -> list[int]:
    """Return the market times, in seconds since the open, of the steps before which a code came."""
    times: list[int] = []
    ib.errorEvent += lambda _id, seen, *_: times.append((ib.now_us - OPEN_US) // SECOND) if seen == code else None
    return times


async def test_nth_connection_fill_subscription_and_request_set_faults_off() -> None:
    async with serving() as gateway:
        faults = gateway.server.faults
        faults.start(Mute(), when=When(connect=2))
        async with client(gateway.port) as ib:
            with pytest.raises(TimeoutError):
                async with RawClient.opened(gateway.port) as raw:
                    await asyncio.wait_for(raw.reader.read(1), 0.05)
            faults.stop_all()
            faults.start(Notice(code=2100, text="fill"), when=When(fill=2, symbol="AAA"))
            faults.start(Notice(code=2101, text="stream"), when=When(subscription=2))
            faults.start(Notice(code=2102, text="request"), when=When(request={"ReqPositions": 1}))
            ib.reqMktData(stock())
            ib.placeOrder(stock("BBB"), MarketOrder("BUY", 10))
            ib.placeOrder(stock(), MarketOrder("BUY", 10))
            await ib.advance(3)
            assert codes(ib) == []
            ib.reqMktData(stock("BBB"))
            await ib.advance(1)
            assert codes(ib) == [2101]
            ib.placeOrder(stock(), MarketOrder("BUY", 10))
            await ib.advance(3)
            assert codes(ib) == [2101, 2100]
            ib.client.reqPositions()
            await ib.advance(1)
            assert codes(ib) == [2101, 2100, 2102]
            assert faults.active() == []


async def test_fault_of_the_nth_fill_hits_the_report_of_that_fill() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        gateway.server.faults.start(MessageDropped(message="commissionReport", count=1), when=When(fill=2))
        for _ in range(3):
            ib.placeOrder(stock(), MarketOrder("BUY", 10))
            await ib.advance(2)
        paid = [fill.commissionReport.execId != "" for fill in ib.fills()]
        assert paid == [True, False, True]


async def test_market_time_sets_faults_off_and_ends_them() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        plan: list[dict[str, Any]] = [
            {"when": {"at": "09:30:20"}, "fault": {"name": "notice", "code": 2107}},
            {"when": {"after": "10s", "every": "20s", "times": 3}, "fault": {"name": "notice", "code": 2108}},
            {"when": {"at": "2024-03-05T14:30:30.500+00:00"}, "fault": "farm_broken", "for": "7s"},
        ]
        gateway.server.faults.load(scenario(plan))
        told = {code: await when_told(ib, code) for code in (2107, 2108, 2103, 2104)}
        await ib.advance(70)
        # A code comes before the mark of its instant: the client has then seen the instant before.
        assert told == {2107: [19], 2108: [9, 29, 49], 2103: [30], 2104: [37]}
        assert gateway.server.faults.active() == []


async def test_faults_of_one_client_and_symbol_leave_the_others_alone() -> None:
    async with serving() as gateway, client(gateway.port, 1) as first, RawClient.connected(gateway.port, 2) as second:
        gateway.server.faults.start(StreamStalled(), when=When(client=1, symbol="AAA"))
        mine, other = first.reqMktData(stock()), first.reqMktData(stock("BBB"))
        second.send(1, 11, 5, 0, "AAA", "STK", "", 0.0, "", "", "SMART", "", "USD", "", "", 0, "", 0, 0, "")
        await second.until("1")
        await first.advance(5)
        assert mine.bid != mine.bid, "not a number: nothing came"
        assert other.bid > 0


async def test_stopping_disarms_and_unknown_numbers_are_named() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        faults = gateway.server.faults
        number = faults.start(OrderRefused(), when=When(order=1))
        (armed,) = faults.active()
        assert (armed["state"], armed["when"]) == ("armed", {"order": 1})
        faults.stop(number)
        with pytest.raises(UnknownFault, match=str(number)):
            faults.stop(number)
        with pytest.raises(UnknownSymbol, match="NONE"):
            faults.halt("NONE")
        trade = ib.placeOrder(stock(), MarketOrder("BUY", 10))
        await ib.advance(3)
        assert trade.orderStatus.status == "Filled"
        assert gateway.log.named("fault.armed") == [{"number": number, "fault": "order_refused"}]


async def test_an_order_is_handled_before_the_connection_it_cuts_is_gone() -> None:
    async with serving() as gateway:
        gateway.server.faults.start(Disconnect(), when=When(order=2))
        async with client(gateway.port) as ib:
            gone = asyncio.Event()
            ib.disconnectedEvent += gone.set
            for name in "abc":
                ib.placeOrder(stock(), MarketOrder("BUY", 10, orderRef=name))
            await asyncio.wait_for(gone.wait(), PATIENCE_S)
        assert [row.order_ref for row in gateway.server.broker.orders.values()] == ["a", "b"]


BAD_DAY = [
    {"when": {"after": "5s"}, "fault": {"name": "partial_fills", "largest": 7}, "for": "2m"},
    {"when": {"after": "10s"}, "fault": {"name": "message_dropped", "message": "orderStatus", "share": 0.4}},
    {
        "when": {"after": "15s"},
        "fault": {"name": "message_delayed", "message": "execDetails", "by": "1.3s", "share": 0.5},
    },
    {"when": {"order": 2, "times": 3, "probability": 0.5}, "fault": {"name": "order_refused", "count": 1}},
    {"when": {"at": "09:31"}, "fault": {"name": "upstream_lost", "restored": 1101}, "for": "20s"},
    {"when": {"fill": 5}, "fault": {"name": "execution_corrected", "by": "3s"}},
    {"when": {"at": "09:32", "symbol": "BBB"}, "fault": "symbol_halted", "for": "30s"},
    {"when": {"after": "1m"}, "fault": {"name": "bad_quotes", "kind": "zero", "share": 0.1}, "for": "1m"},
]


async def bad_day(seed: int) -> tuple[list[list[str]], dict[str, Any]]:
    """Return every frame a client was sent on a day full of faults, and the books of it."""
    async with serving() as gateway:
        gateway.server.faults.load(scenario({"seed": seed, "faults": BAD_DAY}))
        seen: list[list[str]] = []
        async with client(gateway.port) as ib:
            interpret = ib.client.decoder.interpret

            def tap(fields: list[str]) -> None:
                seen.append(fields)
                interpret(fields)

            ib.client.decoder.interpret = tap
            for symbol in ("AAA", "BBB"):
                ib.reqMktData(stock(symbol))
            for number in range(20):
                order = MarketOrder("BUY" if number % 3 else "SELL", 9 + number, orderRef=f"r{number}")
                ib.placeOrder(stock("AAA" if number % 2 else "BBB"), order)
                await ib.advance(8.5)
        return seen, gateway.server.faults.ledger()


async def test_a_scenario_is_the_same_for_a_seed_to_the_last_byte() -> None:
    first, again, other = await bad_day(3), await bad_day(3), await bad_day(4)
    assert len(first[0]) > 500
    assert len(first[1]["executions"]) > 20
    assert first == again
    assert first[0] != other[0]
