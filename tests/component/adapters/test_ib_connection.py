"""The connection against a scripted gateway: how it comes up, what keeps it out, how it finds out that it is gone."""

import asyncio
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from daemon.adapters.ib.connection import IbConnection
from daemon.domain.callbacks import BrokerErrorReported, ConnectionChanged, InstantReached
from daemon.domain.errors import BrokerUnavailable, ConfigError, ForbiddenError
from daemon.runtime.clock import MarketClock
from tests.component.adapters.conftest import FAST, Running
from tests.fakes.callback_log import CallbackLog
from tests.fakes.scripted_gateway import ScriptedGateway, Session, open_order, position

SETUP = ["71", "16", "99", "7", "61"]  # START_API and the start-up requests, nothing else


def connection_to(port: int, sink: CallbackLog, **changes: object) -> IbConnection:
    settings = replace(FAST, port=port, **changes)  # type: ignore[arg-type]
    return IbConnection(settings, clock=MarketClock(), sink=sink, jitter=random.Random(1), expects_bars=lambda _: True)


async def test_connection_comes_up_after_all_end_markers(running: Running, sink: CallbackLog) -> None:
    async with ScriptedGateway() as gateway, running(gateway.port) as connection:
        await connection.until_up()
        session = await gateway.session()
        assert [message[0] for message in session.received[:5]] == SETUP
        assert session.received[0] == ["71", "2", "7", ""]
        assert connection.account == "DU1234567"
        assert sink.of(ConnectionChanged) == [ConnectionChanged(up=True, detail="connected")]
        state = connection.state
        assert (state.up, state.upstream_up, state.lockstep, state.server_version) == (True, True, False, 176)
        assert connection.reserve_order_id() == 101
        assert connection.reserve_order_id() == 102


async def test_connection_ends_cleanly_when_cancelled(running: Running, sink: CallbackLog) -> None:
    async with ScriptedGateway() as gateway:
        async with running(gateway.port) as connection:
            await connection.until_up()
            session = await gateway.session()
        await session.ended.wait()
    assert [change.up for change in sink.of(ConnectionChanged)] == [True, False]


async def test_live_account_is_refused_and_nothing_is_sent_after_start_api(sink: CallbackLog) -> None:
    async with ScriptedGateway(accounts="DU1234567,U7654321") as gateway:
        connection = connection_to(gateway.port, sink, account="DU1234567")
        with pytest.raises(ForbiddenError, match="U7654321"):
            await connection.run(asyncio.Event())
        session = await gateway.session()
        await session.ended.wait()
        assert [message[0] for message in session.received] == ["71"]
        assert sink.of(ConnectionChanged) == []


async def test_live_account_that_is_named_later_ends_the_service(sink: CallbackLog) -> None:
    async with ScriptedGateway() as gateway:
        connection = connection_to(gateway.port, sink)
        service = asyncio.create_task(connection.run(asyncio.Event()))
        await connection.until_up()
        session = await gateway.session()
        session.send(15, 1, "U7654321")
        with pytest.raises(ForbiddenError):
            await service


async def test_account_must_be_pinned_and_present(sink: CallbackLog) -> None:
    async with ScriptedGateway(accounts="DU1,DU2") as gateway:
        with pytest.raises(ConfigError, match=r"set ib\.account"):
            await connection_to(gateway.port, sink).run(asyncio.Event())
        with pytest.raises(ConfigError, match="DU3"):
            await connection_to(gateway.port, sink, account="DU3").run(asyncio.Event())


async def test_a_login_that_has_lost_the_account_is_waited_for_and_no_other_is_used(
    running: Running, sink: CallbackLog
) -> None:
    async with ScriptedGateway(accounts="DU1") as gateway, running(gateway.port) as connection:
        await connection.until_up()
        gateway.accounts = "DU2"
        session = await gateway.session()
        session.close()
        await gateway.session()
        await gateway.session()
        assert (connection.account, connection.is_up) == ("DU1", False)
        assert connection.state.last_error is not None
        assert "the login has DU2" in connection.state.last_error.cause
        gateway.accounts = "DU1"
        await sink.wait_for(ConnectionChanged, 3)
        assert connection.is_up


@pytest.mark.parametrize("port", [7496, 4001])
async def test_live_port_is_refused_before_connecting(port: int, sink: CallbackLog) -> None:
    with pytest.raises(ForbiddenError, match=str(port)):
        await connection_to(port, sink).run(asyncio.Event())


async def test_client_id_in_use_is_said_at_once_and_tried_again_with_the_same_id(
    running: Running, sink: CallbackLog
) -> None:
    async with ScriptedGateway() as gateway:
        start = gateway.answers[71]

        def refuse(session: Session, _message: list[str]) -> None:
            session.send(4, 2, -1, 326, "Unable to connect as the client id is already in use.", "")
            session.close()

        gateway.answers[71] = refuse
        with structlog.testing.capture_logs() as logs:
            # far longer than the test may take: only an early end of the attempt lets it pass
            async with running(gateway.port, connect_timeout_s=600.0) as connection:
                await (await gateway.session()).wait_for(71)
                second = await gateway.session()
                assert connection.state.last_error is not None
                assert "client id 7 is in use" in connection.state.last_error.cause
                assert "end the other program" in connection.state.last_error.cure
                await second.wait_for(71)
                gateway.answers[71] = start
                await connection.until_up()
                assert connection.state.attempts == 0
        assert {session.messages(71)[0][2] for session in gateway.sessions} == {"7"}
    failures = [entry for entry in logs if entry["event"] == "connection.failed"]
    assert len(failures) == 1  # said once, not at each attempt


async def test_silent_server_is_given_up_and_tried_again(running: Running, sink: CallbackLog) -> None:
    async with ScriptedGateway() as gateway:
        gateway.speaks = False
        async with running(gateway.port, connect_timeout_s=0.1) as connection:
            await gateway.session()
            await gateway.session()
            assert connection.state.last_error is not None
            assert "does not answer the handshake" in connection.state.last_error.cause
            gateway.speaks = True
            await connection.until_up()


async def test_gateway_that_stays_between_version_and_session_is_named_half_alive(
    running: Running, sink: CallbackLog
) -> None:
    async with ScriptedGateway() as gateway:
        gateway.answers[71] = lambda session, _: session.send(15, 1, "DU1234567")  # no next valid id
        async with running(gateway.port, connect_timeout_s=0.1) as connection:
            await gateway.session()
            await gateway.session()
            assert connection.state.last_error is not None
            assert "does not start the session" in connection.state.last_error.cause


@pytest.mark.parametrize("first", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH_9.6\r\n", b"\0\0\0\4a\0b\0"])
async def test_something_else_on_the_port_is_recognised(first: bytes, running: Running, sink: CallbackLog) -> None:
    async with ScriptedGateway() as gateway:
        gateway.first_bytes = first
        async with running(gateway.port, connect_timeout_s=600.0) as connection:
            await gateway.session()
            await gateway.session()
            assert connection.state.last_error is not None
            assert "no IB gateway" in connection.state.last_error.cause


async def test_version_that_is_too_old_is_refused(running: Running, sink: CallbackLog) -> None:
    async with ScriptedGateway(version=150) as gateway, running(gateway.port, connect_timeout_s=600.0) as connection:
        await gateway.session()
        await gateway.session()
        assert connection.state.last_error is not None
        assert "version must be" in connection.state.last_error.cause


async def test_version_frame_cut_at_every_byte_is_understood(running: Running, sink: CallbackLog) -> None:
    async with ScriptedGateway(connection_time="20261120 18:00:00 PAPERD") as gateway:
        gateway.speaks = False
        async with running(gateway.port) as connection:
            session = await gateway.session()
            for byte in b"\0\0\0\x1d176\x0020261120 18:00:00 PAPERD\0":
                session.send_bytes(bytes([byte]))
                await session.drain()
                await asyncio.sleep(0)
            await connection.until_up()
            assert connection.is_lockstep
            assert session.messages(71) == [["71", "2", "7", "paperd-lockstep"]]


async def test_connection_lost_midway_fails_requests_and_is_made_anew(running: Running, sink: CallbackLog) -> None:
    async with ScriptedGateway() as gateway, running(gateway.port) as connection:
        await connection.until_up()
        first = await gateway.session()
        del gateway.answers[16]
        snapshot = asyncio.create_task(connection.snapshot())
        await first.wait_for(16, 2)
        gateway.answers[16] = lambda session, _: session.send(53, 1)
        first.close()
        with pytest.raises(BrokerUnavailable):
            await snapshot
        await sink.wait_for(ConnectionChanged, 3)
        assert [change.up for change in sink.of(ConnectionChanged)] == [True, False, True]
        assert connection.state.reconnects == 1


async def test_refused_gateway_is_waited_for(running: Running, sink: CallbackLog) -> None:
    gateway = ScriptedGateway()
    await gateway.listen()
    await gateway.stop()
    async with running(gateway.port) as connection:
        with pytest.raises(BrokerUnavailable):
            connection.current()
        await asyncio.sleep(0.05)
        assert connection.state.last_error is not None
        assert "nothing listens" in connection.state.last_error.cause
        async with gateway:
            await connection.until_up()


async def test_missing_end_marker_makes_the_connection_anew(running: Running, sink: CallbackLog) -> None:
    async with ScriptedGateway() as gateway, running(gateway.port, request_timeout_s=0.1) as connection:
        await connection.until_up()
        answer = gateway.answers.pop(99)
        with pytest.raises(BrokerUnavailable):
            await connection.snapshot()
        gateway.answers[99] = answer
        await sink.wait_for(ConnectionChanged, 3)
        assert connection.is_up


async def test_snapshot_with_an_unreadable_row_is_no_snapshot(running: Running, sink: CallbackLog) -> None:
    async with ScriptedGateway() as gateway, running(gateway.port) as connection:
        await connection.until_up()

        def broken(session: Session, _message: list[str]) -> None:
            session.send(61, 3, "DU1234567", "too", "few")
            session.send(*position(quantity="5"))
            session.send(62, 1)

        gateway.answers[61] = broken
        with pytest.raises(BrokerUnavailable, match="not complete"):
            await connection.snapshot()
        assert connection.state.undecodable == 1


async def test_read_only_api_is_said_instead_of_waited_for(running: Running, sink: CallbackLog) -> None:
    async with ScriptedGateway() as gateway:
        text = "Error validating request.-'bN' : cause - The API interface is currently in Read-Only mode."
        gateway.answers[16] = lambda session, _: session.send(4, 2, -1, 321, text, "")
        async with running(gateway.port, request_timeout_s=600.0) as connection:
            await gateway.session()
            await gateway.session()
            assert connection.state.last_error is not None
            assert "Read-Only" in connection.state.last_error.cause


async def test_mute_gateway_is_probed_and_dropped(running: Running, sink: CallbackLog) -> None:
    async with ScriptedGateway() as gateway, running(gateway.port, heartbeat_s=0.05) as connection:
        await connection.until_up()
        first = await gateway.session()
        await first.wait_for(49, 3)  # answered: the connection stays
        assert connection.state.reconnects == 0
        answer = gateway.answers.pop(49)
        await gateway.session()
        gateway.answers[49] = answer
        await sink.wait_for(ConnectionChanged, 3)
        assert "not answered" in sink.of(ConnectionChanged)[1].detail


async def test_upstream_outage_stops_orders_and_restarts_streams_that_were_lost(
    running: Running, sink: CallbackLog
) -> None:
    async with ScriptedGateway() as gateway, running(gateway.port) as connection:
        await connection.until_up()
        session = await gateway.session()
        session.send(4, 2, -1, 1100, "Connectivity between IB and Trader Workstation has been lost.", "")
        await sink.wait_for(ConnectionChanged, 2)
        assert not connection.is_up
        assert connection.state.up
        with pytest.raises(BrokerUnavailable, match="1100"):
            connection.tradable()
        session.send(4, 2, -1, 1102, "Connectivity restored - data maintained.", "")
        await sink.wait_for(ConnectionChanged, 3)
        assert connection.state.upstream_up
        assert [change.up for change in sink.of(ConnectionChanged)] == [True, False, True]
        assert [error.code for error in sink.of(BrokerErrorReported) if error.code > 1000][-2:] == [1100, 1102]


async def test_changed_port_is_followed_but_never_to_a_live_one(sink: CallbackLog) -> None:
    async with ScriptedGateway() as gateway:
        connection = connection_to(gateway.port, sink)
        service = asyncio.create_task(connection.run(asyncio.Event()))
        await connection.until_up()
        session = await gateway.session()
        session.send(4, 2, -1, 1300, "Please reconnect on the new port - 7496", "")
        with pytest.raises(ForbiddenError, match="7496"):
            await service


async def test_sink_that_fails_ends_the_service_instead_of_being_swallowed(sink: CallbackLog) -> None:
    class Full(Exception):
        pass

    def failing(callback: object) -> None:
        if isinstance(callback, BrokerErrorReported) and callback.code == 399:
            raise Full

    async with ScriptedGateway() as gateway:
        settings = replace(FAST, port=gateway.port)
        connection = IbConnection(
            settings, clock=MarketClock(), sink=failing, jitter=random.Random(1), expects_bars=lambda _: True
        )
        service = asyncio.create_task(connection.run(asyncio.Event()))
        await connection.until_up()
        (await gateway.session()).send(4, 2, 5, 399, "held until the open", "")
        with pytest.raises(Full):
            await service


async def test_order_ids_never_go_back(running: Running, sink: CallbackLog) -> None:
    async with ScriptedGateway(version=157) as gateway, running(gateway.port) as connection:
        await connection.until_up()
        session = await gateway.session()
        connection.raise_order_id(500)
        assert connection.reserve_order_id() == 500
        session.send(*open_order(order_id=700, ref="pd-other", client_id=9))
        await session.drain()
        await connection.snapshot()
        assert connection.reserve_order_id() == 701
        gateway.next_id = 3  # the gateway's memory was reset
        session.close()
        await sink.wait_for(ConnectionChanged, 3)
        assert connection.reserve_order_id() == 702


async def test_lockstep_instants_are_microseconds_and_acknowledged_one_by_one(
    running: Running, sink: CallbackLog
) -> None:
    async with ScriptedGateway(connection_time="20261120 18:00:00 PAPERD") as gateway:
        start = gateway.answers[71]

        def begin(session: Session, message: list[str]) -> None:
            start(session, message)
            session.send(49, 1, 1_700_000_000_000_001)  # in the same read as the start of the session

        gateway.answers[71] = begin
        del gateway.answers[49]
        async with running(gateway.port, heartbeat_s=0.05) as connection:
            await connection.until_up()
            session = await gateway.session()
            moment = datetime.fromtimestamp(1_700_000_000, UTC) + timedelta(microseconds=1)
            assert await sink.wait_for(InstantReached) == [InstantReached(at=moment)]
            await session.wait_for(17, 2)  # the heartbeat does not use the acknowledgement
            assert session.messages(49) == []
            connection.acknowledge_instant()
            connection.acknowledge_instant()  # nothing more to acknowledge
            await session.wait_for(17, 4)
            assert len(session.messages(49)) == 1


async def test_instant_of_a_lost_connection_is_not_acknowledged_on_the_next(
    running: Running, sink: CallbackLog
) -> None:
    async with ScriptedGateway(connection_time="20261120 18:00:00 PAPERD") as gateway:
        start = gateway.answers[71]

        def begin(session: Session, message: list[str]) -> None:
            start(session, message)
            session.send(49, 1, 1_700_000_000_000_000)

        gateway.answers[71] = begin
        del gateway.answers[49]
        async with running(gateway.port) as connection:
            await connection.until_up()
            (await gateway.session()).close()
            second = await gateway.session()
            await sink.wait_for(ConnectionChanged, 3)
            await sink.wait_for(InstantReached, 2)
            connection.acknowledge_instant()  # the first connection's
            connection.acknowledge_instant()
            await second.wait_for(49)
            await connection.snapshot()
            assert len(second.messages(49)) == 1


async def test_an_order_refused_with_321_ends_no_other_request(running: Running, sink: CallbackLog) -> None:
    async with ScriptedGateway() as gateway, running(gateway.port) as connection:
        await connection.until_up()

        def refused_meanwhile(session: Session, _message: list[str]) -> None:
            session.send(4, 2, 101, 321, "Error validating request.-'bW' : cause - The size is not valid", "")
            session.send(*position(quantity="5"))
            session.send(62, 1)

        gateway.answers[61] = refused_meanwhile
        snapshot = await connection.snapshot()
        assert [held.quantity for held in snapshot.positions] == [5]
        assert connection.is_up


async def test_a_connection_whose_books_are_refused_is_made_anew(running: Running, sink: CallbackLog) -> None:
    async with ScriptedGateway() as gateway, running(gateway.port) as connection:
        await connection.until_up()
        answer = gateway.answers[16]
        text = "Error validating request.-'bN' : cause - The API interface is currently in Read-Only mode."
        gateway.answers[16] = lambda session, _: session.send(4, 2, -1, 321, text, "")
        with pytest.raises(BrokerUnavailable, match="Read-Only"):
            await connection.snapshot()
        gateway.answers[16] = answer
        await sink.wait_for(ConnectionChanged, 3)
        assert connection.is_up
