"""Contracts, history and streams through the real ib_insync client, against the tape they come from."""

# ib_insync is typed in parts only.
# mypy: disable-error-code="no-untyped-call, union-attr, index, attr-defined, comparison-overlap"

from datetime import UTC, datetime

import numpy as np
import pytest
from ib_insync import BarDataList, Stock

from daemon.domain.timeframe import Timeframe
from daemon.market.sessions import Session, bar_ends, bar_starts
from daemon.market.tape import aggregate
from tests.fakes.gateway_stage import SECOND, SESSION, SteppedIB, client, serving, stock
from tests.fakes.tiny_market import DEAD, SHOWN, calendar

OPEN_US = SESSION.open_s * SECOND


async def history(
    ib: SteppedIB, duration: str, size: str, what: str = "TRADES", end: str = "", **more: object
) -> BarDataList:
    return await ib.reqHistoricalDataAsync(
        stock(),
        end,
        duration,
        size,
        what,
        useRTH=True,
        formatDate=2,
        **more,  # type: ignore[arg-type]
    )


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


async def test_contract_details_and_search() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        (details,) = await ib.reqContractDetailsAsync(stock())
        assert details.contract.conId == gateway.source.listings["AAA"].con_id
        assert (details.minTick, details.timeZoneId, details.longName) == (0.01, "US/Eastern", "AAA Corp")
        assert details.liquidHours.split(";")[0] == "20240305:0930-20240305:1600"
        assert await ib.reqContractDetailsAsync(Stock("ZZZ", "SMART", "USD")) == []
        assert ib.errors[-1][1] == 200
        by_id = await ib.reqContractDetailsAsync(Stock(conId=details.contract.conId))
        assert by_id[0].contract.symbol == "AAA"
        assert [found.contract.symbol for found in await ib.reqMatchingSymbolsAsync("bb")] == ["BBB"]
        assert (await ib.reqMarketRuleAsync(26))[0].increment == 0.01
        assert await ib.reqSecDefOptParamsAsync("AAA", "", "STK", details.contract.conId) == []


@pytest.mark.parametrize(
    ("size", "label"), [("5 secs", "5s"), ("1 min", "1m"), ("5 mins", "5m"), ("1 hour", "1h"), ("4 hours", "4h")]
)
async def test_history_of_a_past_day_equals_the_aggregated_tape(size: str, label: str) -> None:
    frame = Timeframe.parse(label)
    before = calendar().session_before(SESSION)
    async with serving() as gateway, client(gateway.port) as ib:
        bars = await history(ib, "1 D", size)
        tape = gateway.source.tape("AAA", before)
        earlier = gateway.source.tape("AAA", calendar().session_before(before))
        last = float(earlier.close[np.flatnonzero(earlier.volume)[-1]])
        wanted = aggregate(tape, bar_ends(before, frame), bar_starts(before, frame), previous_close=last)
        assert [bar.date for bar in bars] == [moment(start) for start in wanted.start.tolist()]
        got = [(bar.open, bar.high, bar.low, bar.close, bar.volume, bar.barCount) for bar in bars]
        columns = (wanted.open, wanted.high, wanted.low, wanted.close, wanted.volume, wanted.count)
        assert got == list(zip(*(column.tolist() for column in columns), strict=True))
        assert np.allclose([bar.average for bar in bars], wanted.wap, atol=1e-6)


async def test_daily_bars_and_quote_bars() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        days = await history(ib, "5 D", "1 day")
        assert [f"{bar.date:%m%d}" for bar in days] == ["0227", "0228", "0229", "0301", "0304"]
        assert len(await history(ib, "1 W", "1 day")) == 5
        assert len(await history(ib, "1 M", "1 day")) == 20
        tape = gateway.source.tape("AAA", calendar().session_before(SESSION))
        for what, price in (("BID", tape.bid), ("ASK", tape.ask), ("MIDPOINT", (tape.bid + tape.ask) / 2)):
            bars = await history(ib, "1 D", "1 min", what)
            assert len(bars) == 390
            first = price[:60]
            assert (bars[0].open, bars[0].high, bars[0].close) == pytest.approx((first[0], first.max(), first[-1]))
            assert (bars[0].volume, bars[0].barCount) == (-1, -1)


async def test_history_never_shows_the_future_and_has_the_forming_bar() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        await ib.advance(90)
        now = datetime.fromtimestamp(ib.now_us // SECOND, UTC)
        bars = await history(ib, "300 S", "1 min")
        tape = gateway.source.tape("AAA", SESSION)
        assert bars[-1].date == moment(SESSION.open_s + 60)
        assert bars[-1].volume == tape.volume[60:90].sum()
        later = await history(ib, "1 D", "1 min", end="20240306 16:00:00 US/Eastern")
        assert later[-1] == bars[-1]
        cut = await history(ib, "60 S", "30 secs", end=f"{now:%Y%m%d-%H:%M:%S}")
        assert [bar.date for bar in cut] == [moment(SESSION.open_s + at) for at in (30, 60)]


async def test_history_refusals() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        for duration, size, what, end, code in (
            ("1 D", "7 mins", "TRADES", "", 321),
            ("x", "1 min", "TRADES", "", 321),
            ("1 D", "1 min", "YIELD", "", 321),
            ("1 D", "1 min", "TRADES", "yesterday", 321),
            ("60 Y", "1 secs", "TRADES", "", 321),
            ("1 D", "1 min", "TRADES", "20230103 16:00:00 US/Eastern", 162),
        ):
            assert not await history(ib, duration, size, what, end)
            assert ib.errors[-1][1] == code, ib.errors[-1]
        assert (await ib.reqHeadTimeStampAsync(stock(), "TRADES", True, 2)).date().isoformat() == "2023-06-01"


async def test_keep_up_to_date_ends_with_the_bars_of_the_tape() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        await ib.advance(42)
        bars = await history(ib, "1 D", "1 min", keepUpToDate=True)
        new_bars: list[bool] = []
        bars.updateEvent += lambda _bars, new: new_bars.append(new)
        await ib.advance_to(OPEN_US + 600 * SECOND)
        tape = gateway.source.tape("AAA", SESSION)
        ends = np.arange(SESSION.open_s + 60, SESSION.open_s + 601, 60)
        wanted = aggregate(tape, ends)
        today = [bar for bar in bars if bar.date >= moment(SESSION.open_s)]
        assert [(b.open, b.high, b.low, b.close, b.volume, b.barCount) for b in today] == list(
            zip(
                *(
                    c.tolist()
                    for c in (wanted.open, wanted.high, wanted.low, wanted.close, wanted.volume, wanted.count)
                ),
                strict=True,
            )
        )
        assert new_bars.count(True) == 9
        ib.cancelHistoricalData(bars)
        await ib.advance(10)
        assert ib.errors[-1][1] == 162


@pytest.mark.parametrize("what", ["TRADES", "MIDPOINT", "BID", "ASK"])
async def test_five_second_bars_equal_the_tape(what: str) -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        bars = ib.reqRealTimeBars(stock(), 5, what, useRTH=True)
        arrived: list[int] = []
        bars.updateEvent += lambda _bars, _new: arrived.append(ib.now_us)
        await ib.advance(300)
        assert [bar.time for bar in bars][:2] == [moment(SESSION.open_s), moment(SESSION.open_s + 5)]
        tape = gateway.source.tape("AAA", SESSION)
        if what == "TRADES":
            wanted = aggregate(tape, np.arange(SESSION.open_s + 5, SESSION.open_s + 301, 5))
            assert [(b.open_, b.high, b.low, b.close, b.volume, b.count) for b in bars] == list(
                zip(
                    *(
                        c.tolist()
                        for c in (wanted.open, wanted.high, wanted.low, wanted.close, wanted.volume, wanted.count)
                    ),
                    strict=True,
                )
            )
            assert bars[DEAD.start // 5].volume == 0
        else:
            assert len(bars) == 60
            assert bars[0].volume == -1


async def test_quotes_follow_the_tape_and_show_when_a_side_is_gone() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        ticker = ib.reqMktData(stock())
        tape = gateway.source.tape("AAA", SESSION)
        differences: list[int] = []

        def check(at_us: int) -> None:
            row = (at_us - OPEN_US) // SECOND
            if at_us % SECOND or row >= SESSION.seconds:
                return
            dead = row in DEAD
            wanted = (-1, -1) if dead else (tape.bid[row], tape.ask[row], tape.bid_size[row], tape.ask_size[row])
            if (ticker.bid, ticker.ask, ticker.bidSize, ticker.askSize)[: len(wanted)] != wanted:
                differences.append(row)

        await ib.advance(1)
        ib.on_step = check
        await ib.advance(400)
        assert differences == []
        assert ticker.volume == tape.volume[:400].sum()
        assert ticker.marketDataType == 1
        ib.cancelMktData(stock())
        (snapshot,) = await ib.reqTickersAsync(stock("BBB"))
        assert snapshot.bidSize in {SHOWN, SHOWN + 1}


async def test_tick_by_tick() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        quotes = ib.reqTickByTickData(stock(), "BidAsk")
        trades = ib.reqTickByTickData(stock("BBB"), "Last")
        seen: list[tuple[float, float]] = []
        quotes.updateEvent += lambda ticker: seen.extend((t.bidPrice, t.askPrice) for t in ticker.tickByTicks)
        prints: list[float] = []
        trades.updateEvent += lambda ticker: prints.extend(t.price for t in ticker.tickByTicks)
        await ib.advance(20)
        tape, other = gateway.source.tape("AAA", SESSION), gateway.source.tape("BBB", SESSION)
        changed = np.flatnonzero(tape.quote_changed[1:21]) + 1
        assert seen == list(zip(tape.bid[changed].tolist(), tape.ask[changed].tolist(), strict=True))
        assert prints == other.close[:20][other.volume[:20] > 0].tolist()


async def test_market_data_lines_are_limited_over_all_clients() -> None:
    async with serving(market_data_lines=1) as gateway, client(gateway.port) as ib:
        ib.reqMktData(stock("AAA"))
        ib.reqMktData(stock("BBB"))
        await ib.advance(1)
        assert ib.errors[-1][1] == 101


def test_the_day_is_an_ordinary_one() -> None:
    assert isinstance(SESSION, Session)
    assert SESSION.seconds == 23_400
