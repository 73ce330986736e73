"""Depth, ticks, scanners, generic ticks and refusals through the real ib_insync client, against the tape."""

# ib_insync is typed in parts only.
# mypy: disable-error-code="no-untyped-call, union-attr, index, attr-defined, comparison-overlap"

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from ib_insync import Contract, ScannerSubscription, Stock, TagValue

from tests.fakes.gateway_stage import SECOND, SESSION, SteppedIB, client, serving, stock
from tests.fakes.tiny_market import SHOWN, calendar

NYSE = Stock("AAA", "NYSE", "USD")
BEFORE = calendar().session_before(SESSION)


def refusals(ib: SteppedIB) -> list[tuple[int, int]]:
    """Return request id and code of every error so far but the notices of a login."""
    return [(req_id, code) for req_id, code, _ in ib.errors if code not in {2104, 2106, 2158}]


def codes(ib: SteppedIB) -> list[int]:
    return [code for _, code in refusals(ib)]


def heard(ib: SteppedIB, msg_id: int) -> list[list[str]]:
    """Return a list that fills with every message of one number."""
    found: list[list[str]] = []
    handler = ib.client.decoder.handlers[msg_id]

    def tap(fields: list[str]) -> None:
        found.append(list(fields))
        handler(fields)

    ib.client.decoder.handlers[msg_id] = tap
    return found


def book(ticker: Any) -> tuple[list[float], list[float]]:
    return [level.price for level in ticker.domBids], [level.price for level in ticker.domAsks]


async def test_a_book_follows_the_touch() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        ticker = ib.reqMktDepth(NYSE, numRows=4)
        tape = gateway.source.tape("AAA", SESSION)
        for second in (1, 12, 61, 190):
            await ib.advance_to((SESSION.open_s + second) * SECOND)
            bid, ask = float(tape.bid[second]), float(tape.ask[second])
            bids, asks = book(ticker)
            assert bids == pytest.approx([bid, bid - 0.01, bid - 0.02, bid - 0.03])
            assert asks == pytest.approx([ask, ask + 0.01, ask + 0.02, ask + 0.03])
            assert ticker.domBids[0].size in {SHOWN, SHOWN + 1}
            assert {level.marketMaker for level in ticker.domBids} == {"NYSE"}
        await ib.advance_to((SESSION.open_s + 210) * SECOND)
        assert book(ticker) == ([], [])
        await ib.advance_to((SESSION.open_s + 265) * SECOND)
        assert [len(side) for side in book(ticker)] == [4, 4]
        ib.cancelMktDepth(NYSE)
        await ib.advance(1)
        assert codes(ib) == []


async def test_smart_depth_names_venues_and_plain_smart_is_refused() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        ticker = ib.reqMktDepth(stock(), numRows=10, isSmartDepth=True)
        await ib.advance(1)
        assert len({level.marketMaker for level in ticker.domAsks}) > 1
        assert codes(ib) == [2152]
        ib.client.reqMktDepth(77, stock(), 3, False, [])
        ib.client.reqMktDepth(78, NYSE, 0, False, [])
        ib.client.cancelMktDepth(79, False)
        await ib.advance(1)
        assert codes(ib) == [2152, 10092, 321, 310]


async def test_the_fourth_book_is_one_too_many() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        for req_id in range(50, 54):
            ib.client.reqMktDepth(req_id, NYSE, 3, False, [])
        await ib.advance(1)
        assert refusals(ib) == [(53, 309)]


async def test_a_new_session_empties_the_book_first() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        ticker = ib.reqMktDepth(NYSE, numRows=2)
        await ib.advance_to((SESSION.close_s + 200) * SECOND)
        assert 317 in codes(ib)
        following = gateway.source.tape("AAA", calendar().session_after(SESSION))
        assert book(ticker)[0][0] == pytest.approx(float(following.bid[0]), abs=0.05)
        assert [len(side) for side in book(ticker)] == [2, 2]


async def test_depth_exchanges_and_smart_components() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        exchanges = await ib.reqMktDepthExchangesAsync()
        assert [(found.exchange, found.secType) for found in exchanges] == [("NYSE", "STK")]
        ticker = ib.reqMktData(stock())
        await ib.advance(1)
        letters = {part.exchangeLetter: part.exchange for part in await ib.reqSmartComponentsAsync(ticker.bboExchange)}
        assert letters["N"] == "NYSE"
        assert ticker.bidExchange == ticker.lastExchange == "N"
        assert await ib.reqSmartComponentsAsync("nowhere") == []


async def test_historical_ticks_of_each_kind() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        await ib.advance(100)
        start = datetime.fromtimestamp(SESSION.open_s, UTC)
        tape = gateway.source.tape("AAA", SESSION)
        trades = await ib.reqHistoricalTicksAsync(stock(), start, "", 1000, "TRADES", True)
        rows = np.flatnonzero(tape.volume[:100])
        assert [(int(tick.time.timestamp()), tick.price, tick.size) for tick in trades] == [
            (SESSION.open_s + int(row), float(tape.close[row]), float(tape.volume[row])) for row in rows
        ]
        quotes = await ib.reqHistoricalTicksAsync(
            stock(), "", datetime.fromtimestamp(SESSION.open_s + 50, UTC), 5, "BID_ASK", True
        )
        assert len(quotes) == 5
        assert (quotes[-1].priceBid, quotes[-1].priceAsk) == (float(tape.bid[49]), float(tape.ask[49]))
        mids = await ib.reqHistoricalTicksAsync(stock(), start, "", 3, "MIDPOINT", True)
        assert mids[0].price == pytest.approx((tape.bid[0] + tape.ask[0]) / 2)
        assert codes(ib) == []


@pytest.mark.parametrize(
    ("start", "end", "count", "what"),
    [
        ("", "", 10, "TRADES"),
        ("20240301 10:00:00", "20240301 10:00:00", 10, "TRADES"),
        ("20240301 10:00:00", "", 10, "FUN"),
        ("20240301 10:00:00", "", 1001, "TRADES"),
        ("yesterday", "", 1, "TRADES"),
    ],
)
async def test_bad_requests_for_historical_ticks_are_told_10187(start: str, end: str, count: int, what: str) -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        ib.client.reqHistoricalTicks(60, stock(), start, end, count, what, True, False, [])
        await ib.advance(1)
        assert refusals(ib) == [(60, 10187)]


async def test_a_histogram_has_the_volume_of_its_sessions() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        await ib.advance(60)
        entries = await ib.reqHistogramDataAsync(stock(), True, "2 days")
        wanted = gateway.source.tape("AAA", SESSION).volume[:60].sum() + gateway.source.tape("AAA", BEFORE).volume.sum()
        assert sum(entry.count for entry in entries) == wanted
        ib.client.reqHistogramData(61, stock(), True, "soon")
        await ib.advance(1)
        assert codes(ib) == [321]


async def test_tick_by_tick_begins_with_past_ticks_and_can_ignore_sizes() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        await ib.advance(50)
        past, live = heard(ib, 97), heard(ib, 99)
        ib.client.reqTickByTickData(70, stock(), "BidAsk", 4, True)
        await ib.advance(20)
        tape = gateway.source.tape("AAA", SESSION)
        assert len(past) == 1
        assert past[0][2] == "4"
        moves = np.flatnonzero(np.diff(tape.bid[50:71]) != 0).size
        assert len(live) in {moves, moves + 1}
        assert all(first[4:6] != then[4:6] for first, then in pairwise(live))


async def test_tick_by_tick_streams_are_five_per_cent_of_the_lines() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        for req_id in range(80, 86):
            ib.client.reqTickByTickData(req_id, stock("AAA" if req_id % 2 else "BBB"), "Last", 0, False)
        await ib.advance(1)
        assert refusals(ib) == [(85, 10190)]


async def test_quotes_tell_the_session_and_generic_ticks_what_was_asked_for() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        await ib.advance(60)
        strings, generics, sizes = heard(ib, 46), heard(ib, 45), heard(ib, 2)
        ticker = ib.reqMktData(stock(), "104,165,233,236,293,294,295,318,221,mdoff")
        await ib.advance(60)
        tape = gateway.source.tape("AAA", SESSION)
        traded = np.flatnonzero(tape.volume[:120])
        assert ticker.open == float(tape.open[traded[0]])
        assert (ticker.high, ticker.low) == (float(tape.high[traded].max()), float(tape.low[traded].min()))
        before = gateway.source.tape("AAA", BEFORE)
        assert ticker.close == float(before.close[np.flatnonzero(before.volume)[-1]])
        assert ticker.volume == float(tape.volume[:120].sum())
        assert ticker.low52week <= ticker.low26week <= ticker.low13week
        assert ticker.high13week >= ticker.low13week > 0
        assert ticker.avVolume == 10**6
        assert ticker.histVolatility > 0
        assert ticker.shortableShares == 10**6
        assert ticker.tradeCount == float(tape.trades[:120].sum())
        assert ticker.volumeRate == float(tape.volume[60:120].sum())
        assert ticker.markPrice > 0
        price, size, at_ms, total, vwap, _ = [fields[4] for fields in strings if fields[3] == "48"][-1].split(";")
        row = int(at_ms) // 1000 - SESSION.open_s
        assert (float(price), float(size)) == (float(tape.close[row]), float(tape.volume[row]))
        assert float(total) == float(tape.volume[: row + 1].sum())
        assert float(vwap) == pytest.approx(tape.vwap_value[: row + 1].sum() / tape.volume[: row + 1].sum())
        assert [fields[4] for fields in strings if fields[3] == "45"][-1] == str(SESSION.open_s + int(traded[-1]))
        assert ["46", "3.0"] in [fields[3:] for fields in generics]
        assert "89" in [fields[3] for fields in sizes]
        assert codes(ib) == []


@pytest.mark.parametrize("wrong", ["999", "233,,x", "-1", "1e3"])
async def test_unknown_generic_ticks_are_refused_with_the_legal_ones(wrong: str) -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        ib.client.reqMktData(62, stock(), wrong, False, False, [])
        await ib.advance(1)
        assert refusals(ib) == [(62, 321)]
        assert "233(RTVolume)" in ib.errors[-1][2]


@pytest.mark.parametrize("regulatory", [False, True])
async def test_a_snapshot_has_everything_and_ends(regulatory: bool) -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        await ib.advance(61)
        ends, prices = heard(ib, 57), heard(ib, 1)
        ib.client.reqMktData(63, stock(), "", not regulatory, regulatory, [])
        await ib.advance(5)
        assert [fields[2] for fields in ends] == ["63"]
        assert {"1", "2", "4", "6", "7", "9", "14"} <= {fields[3] for fields in prices}
        count = len(prices)
        await ib.advance(10)
        assert len(prices) == count


async def test_a_login_without_live_data_gets_delayed_data_when_it_asks_for_it() -> None:
    async with serving(market_data="delayed") as gateway, client(gateway.port) as ib:
        ib.reqMktData(stock())
        ib.reqRealTimeBars(stock(), 5, "TRADES", useRTH=True)
        ib.client.reqTickByTickData(64, stock(), "Last", 0, False)
        await ib.advance(1)
        assert codes(ib) == [10168, 420, 10189]
        ib.reqMarketDataType(3)
        prices, strings = heard(ib, 1), heard(ib, 46)
        ticker = ib.reqMktData(stock("BBB"))
        tape = gateway.source.tape("BBB", SESSION)
        await ib.advance_to((SESSION.open_s + 1000) * SECOND)
        assert ticker.marketDataType == 3
        assert {"66", "67", "68", "72", "73", "75", "76"} >= {fields[3] for fields in prices}
        assert (ticker.bid, ticker.ask) == (float(tape.bid[100]), float(tape.ask[100]))
        traded = np.flatnonzero(tape.volume[:100])
        assert ticker.high == float(tape.high[traded].max())
        assert {fields[3] for fields in strings} == {"88"}
        assert codes(ib)[-1] == 10167


async def test_who_asks_for_frozen_data_is_told_when_it_freezes_and_moves_again() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        ib.reqMarketDataType(2)
        types = heard(ib, 58)
        ib.client.reqMktData(65, stock(), "", False, False, [])
        await ib.advance_to((SESSION.close_s + 10) * SECOND)
        assert [fields[3] for fields in types] == ["1", "2"]
        ib.client.reqMktData(66, stock("BBB"), "", False, False, [])
        await ib.advance(60)
        assert types[-1][2:] == ["66", "2"]
        await ib.advance_to((SESSION.close_s + 3600) * SECOND)
        assert sorted(fields[2:] for fields in types[-2:]) == [["65", "1"], ["66", "1"]]


async def test_a_halted_symbol_says_so_to_who_subscribes_later() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        gateway.server.faults.halt("AAA")
        await ib.advance(3)
        halted, trading = ib.reqMktData(stock()), ib.reqMktData(stock("BBB"))
        await ib.advance(3)
        assert halted.halted == 1.0
        assert trading.halted != 1.0


async def test_schedules_and_bid_ask_bars() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        await ib.advance(60)
        schedule = await ib.reqHistoricalScheduleAsync(stock(), 3)
        assert [session.refDate for session in schedule.sessions] == ["20240301", "20240304", "20240305"]
        assert schedule.sessions[-1].startDateTime == "20240305-09:30:00"
        assert schedule.timeZone == "US/Eastern"
        tape = gateway.source.tape("AAA", SESSION)
        (bar,) = await ib.reqHistoricalDataAsync(stock(), "", "60 S", "1 min", "BID_ASK", useRTH=True, formatDate=2)
        assert bar.open == pytest.approx(tape.bid[:60].mean())
        assert bar.close == pytest.approx(tape.ask[:60].mean())
        assert (bar.high, bar.low) == (float(tape.ask[:60].max()), float(tape.bid[:60].min()))


async def test_a_schedule_needs_a_version_that_has_it() -> None:
    async with serving(server_version=157) as gateway, client(gateway.port) as ib:
        ib.client.reqHistoricalData(67, stock(), "", "3 D", "1 day", "SCHEDULE", True, 1, False, [])
        await ib.advance(1)
        assert refusals(ib) == [(67, 321)]


async def scan(ib: SteppedIB, code: str, **more: Any) -> list[str]:
    asked = ScannerSubscription(instrument="STK", locationCode="STK.US.MAJOR", scanCode=code, **more)
    found = await asyncio.wait_for(ib.reqScannerDataAsync(asked), 10)
    return [row.contractDetails.contract.symbol for row in found]


async def test_scanners_rank_what_is_listed() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        await ib.advance(120)
        move = {}
        for symbol in ("AAA", "BBB"):
            now, before = gateway.source.tape(symbol, SESSION), gateway.source.tape(symbol, BEFORE)
            last = now.close[np.flatnonzero(now.volume[:120])[-1]]
            move[symbol] = float(last / before.close[np.flatnonzero(before.volume)[-1]])
        best = sorted(move, key=lambda symbol: -move[symbol])
        assert await scan(ib, "TOP_PERC_GAIN") == best
        assert await scan(ib, "TOP_PERC_LOSE") == best[::-1]
        assert await scan(ib, "MOST_ACTIVE_USD") == ["AAA", "BBB"]
        assert await scan(ib, "MOST_ACTIVE", abovePrice=50.0) == ["AAA"]
        assert await scan(ib, "MOST_ACTIVE", belowPrice=50.0) == ["BBB"]
        assert await scan(ib, "MOST_ACTIVE", numberOfRows=1) == ["AAA"]


async def test_a_scanner_goes_on_every_thirty_seconds_until_cancelled() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        rankings = heard(ib, 20)
        asked = ScannerSubscription(instrument="STK", locationCode="STK.NYSE", scanCode="MOST_ACTIVE")
        data = ib.reqScannerSubscription(asked, [], [TagValue("priceAbove", "50")])
        await ib.advance_to((SESSION.open_s + 61) * SECOND)
        assert len(rankings) == 3
        assert [row.contractDetails.contract.symbol for row in data] == ["AAA"]
        ib.cancelScannerSubscription(data)
        await ib.advance(60)
        assert len(rankings) == 3
        assert [code for code in codes(ib) if code != 165] == [162]
        ib.client.cancelScannerSubscription(999)
        await ib.advance(1)
        assert codes(ib)[-1] == 365


@pytest.mark.parametrize(
    "wrong", [{"scanCode": "NO_SUCH"}, {"instrument": "FUT.US"}, {"locationCode": "STK.MARS"}, {"filter": "moon=1"}]
)
async def test_unknown_scanners_are_refused(wrong: dict[str, str]) -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        name, _, value = wrong.pop("filter", "").partition("=")
        asked: dict[str, Any] = {"instrument": "STK", "locationCode": "STK.US", "scanCode": "MOST_ACTIVE", **wrong}
        tags = [TagValue(name, value)] if name else []
        ib.client.reqScannerSubscription(68, ScannerSubscription(**asked), [], tags)
        await ib.advance(1)
        assert refusals(ib) == [(68, 162)]


async def test_the_scanner_catalogue_lists_what_can_be_scanned() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        root = ET.fromstring(await ib.reqScannerParametersAsync())
        offered = [element.text or "" for element in root.findall("ScanTypeList/ScanType/scanCode")]
        assert "TOP_PERC_GAIN" in offered
        await ib.advance(60)
        for code in offered:
            assert sorted(await scan(ib, code)) == ["AAA", "BBB"]


REFUSALS: list[tuple[str, Callable[[SteppedIB], object], int]] = [
    ("fundamentals", lambda ib: ib.client.reqFundamentalData(5, stock(), "ReportSnapshot", []), 430),
    ("fundamentals of nobody", lambda ib: ib.client.reqFundamentalData(5, stock("ZZZ"), "ReportSnapshot", []), 200),
    ("article", lambda ib: ib.client.reqNewsArticle(5, "BZ", "x", []), 10276),
    ("headlines", lambda ib: ib.client.reqHistoricalNews(5, 1, "BZ", "", "", 10, []), 10276),
    ("event catalogue", lambda ib: ib.client.reqWshMetaData(5), 10276),
    ("cancelled event catalogue", lambda ib: ib.client.cancelWshMetaData(5), 10280),
    ("cancelled events", lambda ib: ib.client.cancelWshEventData(5), 10284),
    ("advisor", lambda ib: ib.client.requestFA(1), 321),
    ("advisor replaced", lambda ib: ib.client.replaceFA(5, 1, "<x/>"), 321),
    ("display group", lambda ib: ib.client.subscribeToGroupEvents(5, 1), 321),
    ("verification", lambda ib: ib.client.verifyRequest("a", "1"), 321),
    ("log level", lambda ib: ib.client.setServerLogLevel(9), 321),
    ("market data type", lambda ib: ib.client.reqMarketDataType(5), 321),
]


@pytest.mark.parametrize(
    ("ask", "code"), [(ask, code) for _, ask, code in REFUSALS], ids=[name for name, _, _ in REFUSALS]
)
async def test_services_without_a_subscription_get_the_refusal_of_ib(
    ask: Callable[[SteppedIB], object], code: int
) -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        ask(ib)
        await ib.advance(1)
        assert codes(ib) == [code]


async def test_the_logins_own_requests_are_answered() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        groups, families, tiers, users = heard(ib, 67), heard(ib, 78), heard(ib, 77), heard(ib, 107)
        assert await asyncio.wait_for(ib.reqNewsProvidersAsync(), 10) == []
        ib.client.reqUserInfo(4)
        ib.client.setServerLogLevel(5)
        ib.client.reqSoftDollarTiers(5)
        ib.client.reqFamilyCodes()
        ib.client.queryDisplayGroups(6)
        ib.client.reqNewsBulletins(True)
        ib.client.cancelNewsBulletins()
        await ib.advance(1)
        assert (tiers[0][1:], families[0][1:], groups[0][2:]) == (["5", "0"], ["1", "DU1234567", ""], ["6", ""])
        assert users[0][1:] == ["4", ""]
        assert codes(ib) == []


async def test_lines_are_shared_by_all_clients_and_books_count() -> None:
    async with serving(market_data_lines=2) as gateway, client(gateway.port) as ib, client(gateway.port, 2) as other:
        ib.reqMktData(stock())
        ib.reqMktDepth(NYSE, numRows=2)
        await asyncio.gather(ib.advance(1), other.advance(1))
        other.reqMktData(stock())
        other.client.reqMktData(90, stock("BBB"), "", False, False, [])
        await asyncio.gather(ib.advance(1), other.advance(1))
        assert refusals(other) == [(90, 101)]


async def test_an_unknown_message_is_told_505_and_the_connection_stays() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        ib.client.send(1234, 1)
        await ib.advance(2)
        assert ib.errors[-1] == (-1, 505, "Fatal Error: Unknown message id.")
        assert (await ib.reqContractDetailsAsync(Contract(conId=1000)))[0].contract.symbol == "AAA"
