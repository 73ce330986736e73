"""Broker and feed on our own gateway, in lockstep: two independent halves of the protocol check each other."""

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
import uvloop

from daemon.adapters.ib.broker import IbBroker
from daemon.adapters.ib.connection import IbConnection
from daemon.adapters.ib.feed import IbFeed
from daemon.domain.callbacks import (
    BarReported,
    CommissionReported,
    ConnectionChanged,
    ExecutionReported,
    InstantReached,
    OrderReported,
    OrderStatusReported,
    QuoteReported,
)
from daemon.domain.errors import ConfigError
from daemon.domain.instrument import Instrument
from daemon.domain.order import Side
from daemon.domain.timeframe import Timeframe
from daemon.market.sessions import bar_ends, bar_starts
from daemon.market.tape import aggregate
from daemon.ports import OrderTicket
from tests.component.adapters.conftest import Running
from tests.fakes.callback_log import CallbackLog
from tests.fakes.gateway_stage import SESSION, serving
from tests.fakes.tiny_market import DEAD, calendar

OPEN = SESSION.open


def bar_end(start: int, timeframe: Timeframe) -> int:
    """End a bar by the exchange's calendar, as the application does."""
    if timeframe.seconds == 86400:
        day = datetime.fromtimestamp(start, OPEN.tzinfo).date()
        session = calendar().session_on(day)
        assert session is not None
        return session.close_s
    session = calendar().session_at(datetime.fromtimestamp(start, OPEN.tzinfo))
    assert session is not None
    ends = bar_ends(session, timeframe)
    return int(ends[np.searchsorted(ends, start, side="right")])


async def advance(connection: IbConnection, sink: CallbackLog, until: datetime) -> None:
    """Acknowledge instants until market time is `until`; the sink has heard all of that instant."""
    while True:
        (*_, last) = await sink.wait_for(InstantReached)
        if last.at >= until:
            return
        seen = len(sink.of(InstantReached))
        connection.acknowledge_instant()
        await sink.wait_for(InstantReached, seen + 1)


def market_order(
    order_id: int, instrument: Instrument, quantity: int, side: Side = Side.BUY, ref: str = "pd-1"
) -> OrderTicket:
    return OrderTicket(
        order_id=order_id, order_ref=ref, instrument=instrument, side=side, quantity=Decimal(quantity),
        order_type="MKT", limit_price=None, time_in_force="DAY",
    )  # fmt: skip


async def test_streams_in_lockstep_are_the_tape(running: Running, sink: CallbackLog) -> None:
    async with serving() as gateway, running(gateway.port) as connection:
        await connection.until_up()
        assert connection.is_lockstep
        feed = IbFeed(connection, bar_end=bar_end)
        instruments = await feed.resolve(["BBB", "AAA"])
        assert [(one.symbol, one.primary_exchange, one.tick_size) for one in instruments] == [
            ("BBB", "NYSE", Decimal("0.01")),
            ("AAA", "NYSE", Decimal("0.01")),
        ]
        await feed.subscribe(instruments)
        await advance(connection, sink, OPEN + timedelta(seconds=60))
        tape = gateway.source.tape("AAA", SESSION)
        bars = [report.bar for report in sink.of(BarReported) if report.instrument == "AAA"]
        assert [bar.end - SESSION.open_s for bar in bars] == list(range(5, 65, 5))
        assert [bar.volume for bar in bars] == tape.volume[:60].reshape(12, 5).sum(axis=1).tolist()
        quotes = [report for report in sink.of(QuoteReported) if report.instrument == "AAA"]
        assert (quotes[0].bid, quotes[0].ask) == (tape.bid[0], tape.ask[0])
        # one quote an instant at most: between two instants nothing is told twice
        parts: list[list[str]] = [[]]
        for callback in sink.all:
            if isinstance(callback, InstantReached):
                parts.append([])
            elif isinstance(callback, QuoteReported):
                parts[-1].append(callback.instrument)
        assert all(len(part) == len(set(part)) for part in parts)
        state = connection.state
        assert [stream.last_bar_at is not None for stream in state.streams] == [True, True]
        assert all(OPEN <= stream.last_bar_at <= OPEN + timedelta(seconds=60) for stream in state.streams)  # type: ignore[operator]


async def test_two_runs_hear_the_same(running: Running, sink: CallbackLog) -> None:
    heard = []
    for _ in range(2):
        sink.all.clear()
        async with serving() as gateway, running(gateway.port) as connection:
            await connection.until_up()
            feed, broker = IbFeed(connection, bar_end=bar_end), IbBroker(connection)
            instruments = await feed.resolve(["AAA", "BBB"])
            await feed.subscribe(instruments)
            await advance(connection, sink, OPEN + timedelta(seconds=30))
            broker.submit(market_order(broker.reserve_order_id(), instruments[0], 150))
            await advance(connection, sink, OPEN + timedelta(seconds=DEAD[-1] + 30))
            heard.append(list(sink.all))
    assert heard[0] == heard[1]


async def test_order_from_submit_to_commission(running: Running, sink: CallbackLog) -> None:
    async with serving() as gateway, running(gateway.port) as connection:
        await connection.until_up()
        feed, broker = IbFeed(connection, bar_end=bar_end), IbBroker(connection)
        (aaa,) = await feed.resolve(["AAA"])
        await advance(connection, sink, OPEN + timedelta(seconds=10))
        first = broker.reserve_order_id()
        broker.submit(market_order(first, aaa, 100))
        await advance(connection, sink, OPEN + timedelta(seconds=20))
        fills = sink.of(ExecutionReported)
        assert sum(fill.quantity for fill in fills) == 100
        assert {(fill.order_ref, fill.order_id, fill.client_id) for fill in fills} == {("pd-1", first, 7)}
        assert all(OPEN <= fill.executed_at <= OPEN + timedelta(seconds=20) for fill in fills)
        costs = {cost.exec_id: cost.amount for cost in sink.of(CommissionReported)}
        assert set(costs) == {fill.exec_id for fill in fills}
        assert sink.of(OrderStatusReported)[-1].status == "Filled"
        assert sink.of(OrderReported)[0].quantity == Decimal(100)

        resting = broker.reserve_order_id()
        broker.submit(
            OrderTicket(
                order_id=resting,
                order_ref="pd-2",
                instrument=aaa,
                side=Side.BUY,
                quantity=Decimal(5),
                order_type="LMT",
                limit_price=Decimal("50.00"),
                time_in_force="DAY",
            )
        )
        await advance(connection, sink, OPEN + timedelta(seconds=25))
        snapshot = await broker.snapshot()
        assert [order.order_ref for order in snapshot.orders] == ["pd-2"]
        assert [order.order_ref for order in snapshot.completed] == ["pd-1"]
        assert sorted(fill.exec_id for fill in snapshot.executions) == sorted(costs)
        assert [(held.instrument, held.quantity) for held in snapshot.positions] == [("AAA", Decimal(100))]
        broker.cancel(resting)
        await advance(connection, sink, OPEN + timedelta(seconds=30))
        assert [one.status for one in sink.of(OrderStatusReported) if one.order_id == resting][-1] == "Cancelled"
        values = await broker.account_values()
        assert Decimal(values["NetLiquidation"]) < 1_000_000


@pytest.mark.parametrize(("label", "days"), [("5s", 0), ("1m", 0), ("5m", 3), ("15m", 40), ("1h", 120), ("4h", 5)])
async def test_history_is_the_aggregated_tape(label: str, days: int, running: Running, sink: CallbackLog) -> None:
    frame = Timeframe.parse(label)
    async with serving() as gateway, running(gateway.port) as connection:
        await connection.until_up()
        feed = IbFeed(connection, bar_end=bar_end)
        (aaa,) = await feed.resolve(["AAA"])
        last = calendar().session_before(SESSION)
        start = last.open + timedelta(minutes=7) - timedelta(days=days)
        end = last.close - timedelta(minutes=3)
        bars = await feed.history(aaa, frame, start=start, end=end)
        sessions = calendar().sessions_between(start.date(), last.day)
        ends = np.concatenate([bar_ends(session, frame) for session in sessions])
        wanted = ends[(ends > start.timestamp()) & (ends <= end.timestamp())]
        assert [bar.end for bar in bars] == wanted.tolist()
        tape = gateway.source.tape("AAA", last)
        expected = aggregate(tape, bar_ends(last, frame), bar_starts(last, frame), previous_close=float(tape.bid[0]))
        volumes = dict(zip(bar_ends(last, frame).tolist(), expected.volume.tolist(), strict=True))
        assert all(bar.volume == volumes[bar.end] for bar in bars if bar.end in volumes)
        assert feed.bad_bars == 0


async def test_daily_history_ends_at_the_closes(running: Running, sink: CallbackLog) -> None:
    async with serving() as gateway, running(gateway.port) as connection:
        await connection.until_up()
        feed = IbFeed(connection, bar_end=bar_end)
        (aaa,) = await feed.resolve(["AAA"])
        start = SESSION.open - timedelta(days=200)
        bars = await feed.history(aaa, Timeframe.parse("1d"), start=start, end=SESSION.open)
        sessions = calendar().sessions_between(start.date(), (SESSION.open - timedelta(days=1)).date())
        assert [bar.end for bar in bars] == [session.close_s for session in sessions if session.close > start]


async def test_history_before_the_first_data_is_empty(running: Running, sink: CallbackLog) -> None:
    async with serving() as gateway, running(gateway.port) as connection:
        await connection.until_up()
        feed = IbFeed(connection, bar_end=bar_end)
        (aaa,) = await feed.resolve(["AAA"])
        start = datetime(2023, 2, 1, 15, tzinfo=OPEN.tzinfo)
        assert await feed.history(aaa, Timeframe.parse("1h"), start=start, end=start + timedelta(days=3)) == ()


async def test_unknown_symbols_are_named_together(running: Running, sink: CallbackLog) -> None:
    async with serving() as gateway, running(gateway.port) as connection:
        await connection.until_up()
        feed = IbFeed(connection, bar_end=bar_end)
        with pytest.raises(ConfigError) as caught:
            await feed.resolve(["AAA", "NOPE", "BBB", "NADA"])
        assert len(caught.value.faults) == 2
        assert "NOPE" in caught.value.faults[0]
        assert "NADA" in caught.value.faults[1]


async def test_timeframe_that_ib_lacks_is_refused(running: Running, sink: CallbackLog) -> None:
    async with serving() as gateway, running(gateway.port) as connection:
        await connection.until_up()
        feed = IbFeed(connection, bar_end=bar_end)
        (aaa,) = await feed.resolve(["AAA"])
        with pytest.raises(ConfigError, match="7m"):
            await feed.history(aaa, Timeframe.parse("7m"), start=OPEN - timedelta(hours=1), end=OPEN)


async def test_streams_and_order_ids_survive_a_reconnect_in_lockstep(running: Running, sink: CallbackLog) -> None:
    async with serving() as gateway, running(gateway.port) as connection:
        await connection.until_up()
        feed, broker = IbFeed(connection, bar_end=bar_end), IbBroker(connection)
        instruments = await feed.resolve(["AAA", "BBB"])
        await feed.subscribe(instruments)
        await advance(connection, sink, OPEN + timedelta(seconds=10))
        used = broker.reserve_order_id()
        broker.submit(market_order(used, instruments[0], 10))
        connection.drop("the test cuts the line")
        await sink.wait_for(ConnectionChanged, 3)
        connection.acknowledge_instant()  # of the connection that is gone
        await advance(connection, sink, OPEN + timedelta(seconds=30))
        ends = [report.bar.end - SESSION.open_s for report in sink.of(BarReported) if report.instrument == "AAA"]
        assert ends == list(range(5, 35, 5))  # none is missing, none came twice
        assert broker.reserve_order_id() > used


def test_it_also_works_under_uvloop(running: Running, sink: CallbackLog) -> None:
    async def trade() -> None:
        async with serving() as gateway, running(gateway.port) as connection:
            await connection.until_up()
            feed, broker = IbFeed(connection, bar_end=bar_end), IbBroker(connection)
            (aaa,) = await feed.resolve(["AAA"])
            await feed.subscribe([aaa])
            broker.submit(market_order(broker.reserve_order_id(), aaa, 10))
            await advance(connection, sink, OPEN + timedelta(seconds=20))
            assert len((await broker.snapshot()).executions) == 1

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(trade())
    assert len(sink.of(BarReported)) == 4
