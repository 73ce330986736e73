"""Faults of market data, contracts, history and the market itself."""

# ib_insync is typed in parts only.
# mypy: disable-error-code="no-untyped-call, union-attr, index, attr-defined, operator"

import math
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from ib_insync import MarketOrder, Ticker

from daemon.gateway.faults.data import (
    BadQuotes,
    BarsBusted,
    CompetingSession,
    DelayedData,
    MarketDataDenied,
    StreamUnknown,
)
from daemon.gateway.faults.halts import QuoteSet, SymbolHalted
from daemon.gateway.faults.history import ContractAmbiguous, ContractUnknown, HistoryQueryUnknown, HistoryRefused
from daemon.gateway.faults.market import Intervention, controlled
from daemon.gateway.faults.when import When
from daemon.gateway.source import MinuteSource
from daemon.gateway.wire.contract import Contract
from daemon.gateway.wire.market_requests import ReqRealTimeBars
from daemon.gateway.wire.requests import encode_request
from daemon.market.sessions import TradingCalendar
from daemon.market.synthetic import SyntheticMarket
from tests.fakes.gateway_stage import SECOND, SESSION, SteppedIB, client, serving, stock
from tests.fakes.raw_client import RawClient
from tests.fakes.tiny_market import TinyMarket


def told(ib: SteppedIB) -> list[tuple[int, int]]:
    """Return request and code of everything after the greeting."""
    return [(req_id, code) for req_id, code, _ in ib.errors][3:]


def codes(ib: SteppedIB) -> list[int]:
    return [code for _, code in told(ib)]


@pytest.mark.parametrize("code", [354, 10089, 10090, 10091, 10168, 10186, 10189, 10190, 10197, 420, 101, 200])
async def test_market_data_is_denied(code: int) -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        fault = MarketDataDenied.model_validate({"name": "market_data_denied", "code": code})
        gateway.server.faults.start(fault, when=When(symbol="AAA"))
        ticker, bars = ib.reqMktData(stock()), ib.reqRealTimeBars(stock(), 5, "TRADES", useRTH=True)
        ticks = ib.reqTickByTickData(stock(), "BidAsk")
        other = ib.reqMktData(stock("BBB"))
        await ib.advance(10)
        assert codes(ib) == [code] * 3
        assert math.isnan(ticker.bid)
        assert (len(bars), len(ticks.tickByTicks)) == (0, 0)
        assert other.bid > 0


async def test_lines_run_out_at_the_number_given() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        gateway.server.faults.start(MarketDataDenied(code=101, above_lines=1))
        first, second = ib.reqMktData(stock()), ib.reqMktData(stock("BBB"))
        await ib.advance(3)
        assert codes(ib) == [101]
        assert first.bid > 0
        assert math.isnan(second.bid)


async def test_competing_session_stops_streams_and_gives_them_back() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        ticker = ib.reqMktData(stock())
        bars = ib.reqRealTimeBars(stock("BBB"), 5, "TRADES", useRTH=True)
        await ib.advance(10)
        gateway.server.faults.start(CompetingSession(), lasting=30)
        seen, count = ticker.time, len(bars)
        await ib.advance(25)
        assert codes(ib) == [10197, 10197]
        assert (ticker.time, len(bars)) == (seen, count)
        await ib.advance(25)
        assert ticker.time > seen
        assert len(bars) > count


async def test_bust_ends_bars_until_they_are_asked_for_again() -> None:
    async with serving() as gateway, client(gateway.port) as ib, RawClient.connected(gateway.port) as raw:
        ask = ReqRealTimeBars(req_id=77, contract=Contract(symbol="AAA", sec_type="STK", exchange="SMART"))
        request = encode_request(replace(ask, what_to_show="TRADES"), 176)
        raw.send(*request)
        raw.send(17, 1)
        await raw.until("15")
        await ib.advance(6)
        assert (await raw.until("50"))[2] == "77"
        gateway.server.faults.start(BarsBusted())
        assert (await raw.until("10225"))[2] == "77"
        await ib.advance(20)
        raw.send(17, 1)
        await raw.until("15")
        assert [fields[0] for fields in raw.told].count("50") == 1
        raw.send(*request)
        raw.send(17, 1)
        await raw.until("15")
        await ib.advance(5)
        await raw.until("50")


async def test_bust_is_repaired_by_ib_insync_itself() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        bars = ib.reqRealTimeBars(stock(), 5, "TRADES", useRTH=True)
        await ib.advance(10)
        gateway.server.faults.start(BarsBusted())
        await ib.advance(20)
        assert codes(ib) == [10225, 300]  # it cancels what has ended, then asks again
        assert len(bars) == 6


async def test_delayed_data_needs_the_wish_and_comes_late_under_other_ticks() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        gateway.server.faults.start(DelayedData(by=60))
        refused = ib.reqMktData(stock())
        await ib.advance(5)
        assert codes(ib) == [10168]
        assert math.isnan(refused.bid)
        ib.reqMarketDataType(3)
        ticks: list[int] = []
        handler = ib.client.decoder.handlers[1]

        def tap(fields: list[str]) -> None:
            ticks.append(int(fields[3]))
            handler(fields)

        ib.client.decoder.handlers[1] = tap
        ticker = ib.reqMktData(stock("BBB"))
        first = gateway.source.tape("BBB", SESSION).bid[5]
        await ib.advance(59)
        assert codes(ib)[-1] == 10167
        assert (ticker.marketDataType, ticks) == (3, [])
        await ib.advance(2)
        assert ticker.bid == first
        assert {66, 67} <= set(ticks) <= {66, 67, 68, 72, 73, 75, 76}


def price(ticker: Ticker) -> tuple[float, float]:
    return ticker.bid, ticker.ask


@pytest.mark.parametrize("kind", ["crossed", "zero", "nan", "negative", "infinite", "tenfold", "absent"])
async def test_quotes_are_bad_for_one_symbol_only(kind: str) -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        fault = BadQuotes.model_validate({"name": "bad_quotes", "kind": kind})
        gateway.server.faults.start(fault, when=When(symbol="AAA"))
        prices: dict[str, str] = {}
        handler = ib.client.decoder.handlers[1]
        aaa, bbb = ib.reqMktData(stock()), ib.reqMktData(stock("BBB"))

        def tap(fields: list[str]) -> None:
            if int(fields[2]) == 0 or ib.wrapper.reqId2Ticker[int(fields[2])] is aaa:
                prices[fields[3]] = fields[4]
            handler(fields)

        ib.client.decoder.handlers[1] = tap
        await ib.advance(1)
        tape = gateway.source.tape("AAA", SESSION)
        bid, ask = tape.bid[0], tape.ask[0]
        shown = {
            "zero": ("0", "0"),
            "nan": ("NaN", "NaN"),
            "infinite": ("1.7976931348623157E308",) * 2,
            "negative": (repr(float(-bid)), repr(float(-ask))),
            "tenfold": (repr(float(bid * 10)), repr(float(ask * 10))),
            "absent": ("-1", "-1"),
        }
        if kind == "crossed":
            assert float(prices["1"]) > float(prices["2"]) > 0
        else:
            assert (prices["1"], prices["2"]) == shown[kind]
        assert price(bbb) == (gateway.source.tape("BBB", SESSION).bid[0], gateway.source.tape("BBB", SESSION).ask[0])


async def test_bad_prices_reach_bars_when_wished_and_never_the_books() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        gateway.server.faults.start(BadQuotes(kind="tenfold", bars=True))
        bars = ib.reqRealTimeBars(stock(), 5, "TRADES", useRTH=True)
        ib.placeOrder(stock(), MarketOrder("BUY", 10))
        await ib.advance(11)
        tape = gateway.source.tape("AAA", SESSION)
        assert bars[0].close > 9 * tape.ask[0]
        assert float(gateway.server.broker.executions[0].price) == tape.ask[0]


async def test_contract_is_unknown_everywhere() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        gateway.server.faults.start(ContractUnknown(), when=When(symbol="AAA"))
        assert await ib.reqContractDetailsAsync(stock()) == []
        assert len(await ib.reqContractDetailsAsync(stock("BBB"))) == 1
        ib.reqMktData(stock())
        await ib.reqHistoricalDataAsync(stock(), "", "60 S", "5 secs", "TRADES", useRTH=True)
        await ib.advance(1)
        assert codes(ib) == [200, 200, 200]


async def test_contract_is_ambiguous_once() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        gateway.server.faults.start(ContractAmbiguous(count=1))
        found = await ib.reqContractDetailsAsync(stock())
        assert len({details.contract.conId for details in found}) == 2
        assert len(await ib.reqContractDetailsAsync(stock())) == 1


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("pacing", "pacing violation"),
        ("no_data", "HMDS query returned no data"),
        ("no_permission", "No market data permissions"),
        ("cancelled", "query cancelled"),
    ],
)
async def test_history_is_refused_with_162(reason: str, text: str) -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        await ib.advance(60)
        fault = HistoryRefused.model_validate({"name": "history_refused", "reason": reason, "count": 1})
        gateway.server.faults.start(fault)
        assert list(await ib.reqHistoricalDataAsync(stock(), "", "60 S", "5 secs", "TRADES", useRTH=True)) == []
        assert codes(ib) == [162]
        assert text in ib.errors[-1][2]
        assert len(await ib.reqHistoricalDataAsync(stock(), "", "60 S", "5 secs", "TRADES", useRTH=True)) == 12


async def test_identical_history_within_15_market_seconds_breaks_the_pace() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        await ib.advance(60)
        gateway.server.faults.start(HistoryRefused(by_rules=True))
        end = "20240305-14:31:00"
        counts = []
        for pause in (0, 16, 0):
            await ib.advance(pause)
            bars = await ib.reqHistoricalDataAsync(stock(), end, "60 S", "5 secs", "TRADES", useRTH=True)
            counts.append(len(bars))
        assert counts == [12, 12, 0]
        assert codes(ib) == [162]


async def test_cancelled_history_was_unknown() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        await ib.advance(60)
        bars = await ib.reqHistoricalDataAsync(
            stock(), "", "60 S", "5 secs", "TRADES", useRTH=True, keepUpToDate=True, formatDate=2
        )
        gateway.server.faults.start(HistoryQueryUnknown())
        ib.cancelHistoricalData(bars)
        count = len(bars)
        await ib.advance(20)
        assert codes(ib) == [366]
        assert len(bars) == count


async def test_cancelled_stream_is_unknown_and_goes_on() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        aaa = stock()
        ib.reqMktData(aaa)
        await ib.advance(1)
        gateway.server.faults.start(StreamUnknown())
        ib.cancelMktData(aaa)
        frames: list[list[str]] = []
        ib.client.decoder.handlers[1] = frames.append
        await ib.advance(30)
        assert codes(ib) == [300]
        assert frames


async def test_halt_withdraws_quotes_and_stops_fills_until_it_ends() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        halted, other = ib.reqMktData(stock()), ib.reqMktData(stock("BBB"))
        bars = ib.reqRealTimeBars(stock(), 5, "TRADES", useRTH=True)
        generic: list[list[str]] = []
        ib.client.decoder.handlers[45] = generic.append
        await ib.advance(10)
        gateway.server.faults.start(SymbolHalted(), when=When(symbol="AAA"), lasting=60)
        await ib.advance(2)
        assert (halted.bid, halted.ask, halted.bidSize) == (-1, -1, 0)
        trade = ib.placeOrder(stock(), MarketOrder("BUY", 10))
        fine = ib.placeOrder(stock("BBB"), MarketOrder("BUY", 10))
        await ib.advance(50)
        assert (trade.orderStatus.status, fine.orderStatus.status) == ("Submitted", "Filled")
        assert {bar.volume for bar in bars[3:10]} == {0}
        assert other.bid > 0
        await ib.advance(15)
        assert trade.orderStatus.status == "Filled"
        at_us = gateway.server.broker.executions[-1].at_us
        assert at_us == (SESSION.open_s + 71) * SECOND
        assert halted.bid > 0
        told = [
            float(fields[4])
            for fields in generic
            if fields[3] == "49" and ib.wrapper.reqId2Ticker[int(fields[2])] is halted
        ]
        assert told[-2:] == [1.0, 0.0]


async def test_a_quote_set_by_hand_is_what_everybody_sees_and_fills_by() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        ticker = ib.reqMktData(stock())
        await ib.advance(10)
        number = gateway.server.faults.start(QuoteSet(bid=50.0, ask=50.5, size=7), when=When(symbol="AAA"))
        await ib.advance(2)
        assert (ticker.bid, ticker.ask, ticker.askSize) == (50.0, 50.5, 7)
        trade = ib.placeOrder(stock(), MarketOrder("BUY", 5))
        await ib.advance(8)
        assert [fill.execution.price for fill in trade.fills] == [50.5]
        bars = await ib.reqHistoricalDataAsync(stock(), "", "5 S", "5 secs", "BID", useRTH=True)
        assert {bar.close for bar in bars} == {50.0}
        gateway.server.faults.stop(number)
        await ib.advance(2)
        assert ticker.bid > 90


def test_history_of_a_market_that_keeps_minutes_knows_the_halt() -> None:
    hours = TradingCalendar("XNYS")
    session = hours.next_session(datetime(2026, 3, 2, tzinfo=UTC))
    plain = SyntheticMarket(7, hours, ["SPY"], tapes_kept=2)
    market = controlled(plain)
    assert isinstance(market, MinuteSource)
    before = plain.minute_bars("SPY", session).volume.tolist()
    assert market.minute_bars("SPY", session).volume.tolist() == before
    halt = Intervention(kind="halt", symbol="SPY", from_s=session.open_s + 600)
    market.intervene(halt)
    market.end(halt, session.open_s + 1200)
    after = market.minute_bars("SPY", session).volume.tolist()
    assert after == [*before[:10], *[0] * 10, *before[20:]]
    assert not isinstance(controlled(TinyMarket()), MinuteSource)
