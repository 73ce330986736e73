"""Streams and history against a scripted gateway: what is done when data does not come."""

from datetime import UTC, datetime, timedelta

import pytest

from daemon.adapters.ib.feed import IbFeed
from daemon.domain.bar import Bar
from daemon.domain.callbacks import BarReported, ConnectionChanged, QuoteReported
from daemon.domain.errors import ConfigError, FeedUnavailable
from daemon.domain.instrument import Instrument
from daemon.domain.timeframe import Timeframe
from tests.component.adapters.conftest import Running
from tests.fakes.callback_log import CallbackLog
from tests.fakes.scripted_gateway import Answer, ScriptedGateway, Session, contract_details

SPY, QQQ = Instrument(symbol="SPY"), Instrument(symbol="QQQ")
START = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
FIVE_MINUTES = Timeframe.parse("5m")


def bar_end(start: int, timeframe: Timeframe) -> int:
    return start + timeframe.seconds


def real_time_bar(request: str, start: int = 1_700_000_000) -> list[object]:
    return [50, 3, request, start, 10.0, 11.0, 9.0, 10.5, 300, 10.2, 7]


async def test_streams_are_translated_and_quotes_coalesced(running: Running, sink: CallbackLog) -> None:
    async with ScriptedGateway() as gateway, running(gateway.port) as connection:
        await connection.until_up()
        session = await gateway.session()
        await IbFeed(connection, bar_end=bar_end).subscribe([SPY])
        (quotes,) = await session.wait_for(1)
        (bars,) = await session.wait_for(50)
        assert (quotes[4], quotes[10], bars[4], bars[16], bars[17]) == ("SPY", "SMART", "SPY", "TRADES", "1")
        request = quotes[2]
        session.send(1, 6, request, 1, "450.10", 300, 1)  # a bid alone is no quote
        session.send(*real_time_bar(bars[2]))
        (report,) = await sink.wait_for(BarReported)
        assert report.bar == Bar(
            start=1_700_000_000, end=1_700_000_005, open=10.0, high=11.0, low=9.0, close=10.5, volume=300.0, wap=10.2,
            trades=7,
        )  # fmt: skip
        assert sink.of(QuoteReported) == []
        burst = b"".join(
            len(payload).to_bytes(4, "big") + payload
            for payload in (f"1\x006\x00{request}\x002\x00450.2{n}\x00100\x001\x00".encode() for n in range(5))
        )
        session.send_bytes(burst)
        (quote,) = await sink.wait_for(QuoteReported)
        assert (quote.bid, quote.ask, quote.bid_size, quote.ask_size) == (450.10, 450.24, 300.0, 100.0)
        session.send(2, 6, request, 3, "100")  # the size is the same: nothing to tell
        session.send(2, 6, request, 0, "200")
        assert (await sink.wait_for(QuoteReported, 2))[1].bid_size == 200.0
        assert len(sink.of(QuoteReported)) == 2
        assert connection.current().wrapper.tickers == {}


async def test_streams_are_restored_after_a_reconnect(running: Running, sink: CallbackLog) -> None:
    async with ScriptedGateway() as gateway, running(gateway.port) as connection:
        await connection.until_up()
        first = await gateway.session()
        await IbFeed(connection, bar_end=bar_end).subscribe([SPY, QQQ])
        await first.wait_for(50, 2)
        first.abort()
        second = await gateway.session()
        assert [message[4] for message in await second.wait_for(1, 2)] == ["SPY", "QQQ"]
        (spy, _) = await second.wait_for(50, 2)
        second.send(*real_time_bar(spy[2]))
        assert (await sink.wait_for(BarReported))[0].instrument == "SPY"


async def test_wish_is_kept_while_there_is_no_connection(running: Running, sink: CallbackLog) -> None:
    gateway = ScriptedGateway()
    await gateway.listen()
    await gateway.stop()
    async with running(gateway.port) as connection:
        await IbFeed(connection, bar_end=bar_end).subscribe([SPY])
        async with gateway:
            await (await gateway.session()).wait_for(50)


async def test_silent_streams_are_asked_for_again_one_by_one(running: Running, sink: CallbackLog) -> None:
    async with (
        ScriptedGateway() as gateway,
        running(gateway.port, silence_s=0.15, probe_s=0.05, check_s=0.02) as connection,
    ):
        await connection.until_up()
        session = await gateway.session()
        await IbFeed(connection, bar_end=bar_end).subscribe([SPY])
        (bars,) = await session.wait_for(50)
        (quotes,) = await session.wait_for(1)
        again = (await session.wait_for(50, 2))[1]
        assert again[2] != bars[2]
        assert (await session.wait_for(51))[0][2] == bars[2]  # the silent one was cancelled
        assert (await session.wait_for(2))[0][2] == quotes[2]
        assert connection.state.streams[0].resubscriptions >= 1
        session.send(*real_time_bar(bars[2]))  # of the old request: nobody's
        session.send(*real_time_bar(again[2], 1_700_000_100))
        assert (await sink.wait_for(BarReported))[0].bar.start == 1_700_000_100


async def test_lost_subscriptions_are_restored_after_1101(running: Running, sink: CallbackLog) -> None:
    async with ScriptedGateway() as gateway, running(gateway.port) as connection:
        await connection.until_up()
        session = await gateway.session()
        await IbFeed(connection, bar_end=bar_end).subscribe([SPY])
        await session.wait_for(50)
        session.send(4, 2, -1, 1100, "lost", "")
        session.send(4, 2, -1, 1101, "restored - data lost", "")
        await session.wait_for(1, 2)
        await session.wait_for(50, 2)
        changes = await sink.wait_for(ConnectionChanged, 3)
        assert [change.up for change in changes] == [True, False, True]
        assert session.messages(51) == []  # the gateway knows nothing to cancel


async def test_busted_bars_are_asked_for_at_once(running: Running, sink: CallbackLog) -> None:
    async with ScriptedGateway() as gateway, running(gateway.port, check_s=600.0) as connection:
        await connection.until_up()
        session = await gateway.session()
        await IbFeed(connection, bar_end=bar_end).subscribe([SPY])
        (bars,) = await session.wait_for(50)
        session.send(4, 2, bars[2], 10225, "Bust event occurred, please resubscribe real-time bars.", "")
        await session.wait_for(50, 2)


async def test_refused_stream_is_given_up_and_named(running: Running, sink: CallbackLog) -> None:
    async with ScriptedGateway() as gateway, running(gateway.port, silence_s=0.05, check_s=0.02) as connection:
        gateway.answers[1] = lambda session, message: session.send(4, 2, message[2], 354, "not subscribed", "")
        await connection.until_up()
        session = await gateway.session()
        await IbFeed(connection, bar_end=bar_end).subscribe([SPY])
        await session.wait_for(50)
        await connection.snapshot()
        (stream,) = connection.state.streams
        assert "354" in stream.fault
        assert len(session.messages(1)) == 1


async def test_more_instruments_than_lines_are_refused_together(running: Running, sink: CallbackLog) -> None:
    async with ScriptedGateway() as gateway, running(gateway.port, market_data_lines=1) as connection:
        await connection.until_up()
        feed = IbFeed(connection, bar_end=bar_end)
        with pytest.raises(ConfigError, match="market_data_lines"):
            await feed.subscribe([SPY, QQQ])
        assert connection.state.streams == ()
        await feed.subscribe([SPY])
        await feed.subscribe([SPY])
        assert len(connection.state.streams) == 1


async def test_bar_streams_beyond_the_pacing_wait_and_say_how_long(running: Running, sink: CallbackLog) -> None:
    async with ScriptedGateway() as gateway, running(gateway.port, new_bar_streams=1) as connection:
        await connection.until_up()
        session = await gateway.session()
        await IbFeed(connection, bar_end=bar_end).subscribe([SPY, QQQ])
        await session.wait_for(1, 2)
        await connection.snapshot()
        assert len(session.messages(50)) == 1
        assert 590 < connection.state.bar_streams_wait_s <= 600
        assert [stream.bars_requested for stream in connection.state.streams] == [True, False]


async def test_ambiguous_and_unknown_symbols_are_named_in_one_error(running: Running, sink: CallbackLog) -> None:
    def answer(session: Session, message: list[str]) -> None:
        symbol = message[4]
        if symbol == "NOPE":
            session.send(4, 2, message[2], 200, "No security definition has been found for the request")
            return
        session.send(*contract_details(message[2], symbol, con_id=1))
        if symbol == "TWIN":
            session.send(*contract_details(message[2], symbol, con_id=2))
        session.send(52, 1, message[2])

    async with ScriptedGateway(version=157) as gateway, running(gateway.port) as connection:
        gateway.answers[9] = answer
        await connection.until_up()
        feed = IbFeed(connection, bar_end=bar_end)
        with pytest.raises(ConfigError) as caught:
            await feed.resolve(["SPY", "TWIN", "NOPE"])
        assert [fault.split()[1] for fault in caught.value.faults] == ["TWIN", "NOPE"]
        (spy,) = await feed.resolve(["SPY"])
        assert spy.primary_exchange == "ARCA"
        session = await gateway.session()
        await feed.subscribe([spy])
        assert (await session.wait_for(1))[0][3] == "1"  # by IB's own id now


async def test_resolving_without_an_answer_fails(running: Running, sink: CallbackLog) -> None:
    async with ScriptedGateway() as gateway, running(gateway.port, request_timeout_s=0.1) as connection:
        await connection.until_up()
        with pytest.raises(FeedUnavailable, match="SPY"):
            await IbFeed(connection, bar_end=bar_end).resolve(["SPY"])


def history_answer(rows: list[tuple[int, float]]) -> Answer:
    def answer(session: Session, message: list[str]) -> None:
        fields: list[object] = [17, message[1], "", "", len(rows)]
        for start, close in rows:
            fields += [start, 10.0, 11.0, 9.0, close, 100, 10.0, 5]
        session.send(*fields)

    return answer


async def test_history_drops_what_is_outside_the_range_or_no_bar(running: Running, sink: CallbackLog) -> None:
    first = int(START.timestamp())
    rows = [(first - 300, 10.0), (first, 10.1), (first + 300, float("nan")), (first + 600, 10.3), (first + 900, 10.4)]
    async with ScriptedGateway() as gateway, running(gateway.port) as connection:
        gateway.answers[20] = history_answer(rows)
        await connection.until_up()
        session = await gateway.session()
        feed = IbFeed(connection, bar_end=bar_end)
        bars = await feed.history(SPY, FIVE_MINUTES, start=START, end=START + timedelta(minutes=18))
        assert [(bar.end - first, bar.close) for bar in bars] == [(300, 10.1), (900, 10.3)]
        assert feed.bad_bars == 1
        (message,) = session.messages(20)
        assert message[15:19] == ["20261120 14:48:00 UTC", "5 mins", "1380 S", "1"]
        assert message[19:21] == ["TRADES", "2"]


async def test_history_waits_out_a_pacing_violation_and_reads_no_data_as_nothing(
    running: Running, sink: CallbackLog
) -> None:
    async with ScriptedGateway() as gateway, running(gateway.port) as connection:
        await connection.until_up()
        session = await gateway.session()
        texts = ["Historical Market Data Service error message:Historical data request pacing violation"]

        def answer(session: Session, message: list[str]) -> None:
            text = texts.pop() if texts else "HMDS query returned no data: SPY@SMART Trades"
            session.send(4, 2, message[1], 162, text, "")

        gateway.answers[20] = answer
        feed = IbFeed(connection, bar_end=bar_end, pacing_wait_s=0.01)
        assert await feed.history(SPY, FIVE_MINUTES, start=START, end=START + timedelta(hours=1)) == ()
        assert len(session.messages(20)) == 2


async def test_history_that_fails_says_how(running: Running, sink: CallbackLog) -> None:
    async with ScriptedGateway() as gateway, running(gateway.port, history_timeout_s=0.05) as connection:
        await connection.until_up()
        session = await gateway.session()
        feed = IbFeed(connection, bar_end=bar_end, attempts=2)
        with pytest.raises(FeedUnavailable, match="no complete answer"):
            await feed.history(SPY, FIVE_MINUTES, start=START, end=START + timedelta(hours=1))
        assert len(await session.wait_for(25, 2)) == 2  # each was cancelled
        gateway.answers[20] = lambda session, message: session.send(
            4, 2, message[1], 162, "No market data permissions for NYSE STK", ""
        )
        with pytest.raises(FeedUnavailable, match="permissions"):
            await feed.history(SPY, FIVE_MINUTES, start=START, end=START + timedelta(hours=1))
        assert len(session.messages(20)) == 3  # not tried again
