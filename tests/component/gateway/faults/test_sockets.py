"""Faults of the connection, seen by raw sockets and by ib_insync."""

# ib_insync is typed in parts only.
# mypy: disable-error-code="no-untyped-call"

import asyncio
import socket

import pytest
from ib_insync import IB

from daemon.gateway.faults.sockets import (
    CloseInsideFrame,
    ConnectsRefused,
    Disconnect,
    FrameCorrupted,
    FramesSplit,
    GatewayRestart,
    HalfOpen,
    How,
    Mute,
    PortMoved,
    VersionOnly,
)
from daemon.gateway.faults.when import When
from tests.fakes.gateway_stage import PATIENCE_S, client, serving, stock
from tests.fakes.raw_client import RawClient, frame


@pytest.mark.parametrize("how", ["fin", "rst"])
async def test_disconnect_ends_connections_in_order_or_with_a_reset(how: How) -> None:
    async with serving() as gateway, RawClient.connected(gateway.port) as raw, client(gateway.port) as ib:
        gone = asyncio.Event()
        ib.disconnectedEvent += gone.set
        gateway.server.faults.start(Disconnect(how=how))
        if how == "fin":
            await raw.rest()
        else:
            with pytest.raises(ConnectionResetError):
                await raw.rest()
        await asyncio.wait_for(gone.wait(), PATIENCE_S)
        assert gateway.server.faults.active() == []


async def listening(port: int) -> None:
    """Wait until somebody listens: the gateway opens its door in a later turn of the loop."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0)
            else:
                writer.close()
                return


async def test_disconnect_of_one_client_leaves_the_other() -> None:
    async with serving() as gateway, RawClient.connected(gateway.port, 8) as raw, client(gateway.port) as ib:
        gateway.server.faults.start(Disconnect(), when=When(client=8))
        await raw.rest()
        await ib.advance(2)
        assert ib.isConnected()


async def test_gateway_restart_refuses_connects_and_then_accepts_on_the_same_port() -> None:
    async with serving() as gateway:
        async with RawClient.connected(gateway.port) as raw:
            number = gateway.server.faults.start(GatewayRestart())
            await raw.rest()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", gateway.port)
        with pytest.raises(ConnectionRefusedError):
            await IB().connectAsync("127.0.0.1", gateway.port, clientId=3, timeout=PATIENCE_S)
        gateway.server.faults.stop(number)
        await listening(gateway.port)
        async with client(gateway.port) as ib:
            await ib.advance(1)


async def test_a_restart_ends_by_itself_after_host_time() -> None:
    async with serving() as gateway:
        gateway.server.faults.start(GatewayRestart(), lasting="50ms")
        while gateway.server.faults.active():  # noqa: ASYNC110 - its end has no event
            await asyncio.sleep(0.01)
        await listening(gateway.port)
        async with RawClient.connected(gateway.port):
            assert gateway.log.named("fault.ended")


async def test_refused_connects_leave_open_connections_alone() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        number = gateway.server.faults.start(ConnectsRefused())
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", gateway.port)
        await ib.advance(2)
        gateway.server.faults.stop(number)
        await listening(gateway.port)
        async with RawClient.connected(gateway.port):
            await ib.advance(1)


async def test_moved_port_is_told_with_1300_and_listened_on() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with serving() as gateway:
        async with RawClient.connected(gateway.port) as raw:
            number = gateway.server.faults.start(PortMoved(port=port))
            assert (await raw.until("1300"))[4].endswith(f"new port - {port}")
            await raw.rest()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", gateway.port)
        await listening(port)
        async with RawClient.connected(port):
            gateway.server.faults.stop(number)
        await listening(gateway.port)
        async with RawClient.connected(gateway.port):
            assert gateway.server.faults.active() == []


async def silent(raw: RawClient) -> bool:
    """Return whether nothing comes while another client is served."""
    try:
        await asyncio.wait_for(raw.reader.read(1), 0.05)
    except TimeoutError:
        return True
    return False


async def test_mute_accepts_and_says_nothing() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        gateway.server.faults.start(Mute())
        async with RawClient.opened(gateway.port) as raw:
            await ib.advance(2)
            assert await silent(raw)
        with pytest.raises(TimeoutError):
            await IB().connectAsync("127.0.0.1", gateway.port, clientId=3, timeout=0.1)


async def test_version_only_never_answers_start_api() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        gateway.server.faults.start(VersionOnly())
        async with RawClient.opened(gateway.port) as raw:
            assert (await raw.next())[0] == "176"
            raw.send(71, 2, 9, "")
            await ib.advance(2)
            assert await silent(raw)


async def test_half_open_neither_reads_nor_answers_until_it_ends() -> None:
    async with serving() as gateway, RawClient.connected(gateway.port) as raw:
        number = gateway.server.faults.start(HalfOpen())
        raw.send(17, 1)
        async with RawClient.connected(gateway.port, 10):
            assert await silent(raw)
        gateway.server.faults.stop(number)
        assert (await raw.until("15"))[2] == "DU1234567"


@pytest.mark.parametrize("how", ["fin", "rst"])
async def test_connection_closes_inside_a_frame(how: How) -> None:
    async with serving() as gateway, RawClient.connected(gateway.port) as raw:
        gateway.server.faults.start(CloseInsideFrame(message="managedAccounts", after_bytes=9, how=how))
        raw.send(17, 1)
        if how == "fin":
            assert await raw.rest() == frame(15, 1, "DU1234567")[:9]
        else:
            with pytest.raises(ConnectionResetError):
                await raw.rest()


async def test_every_byte_can_come_alone_and_ib_insync_puts_them_together() -> None:
    async with serving() as gateway:
        gateway.server.faults.start(FramesSplit(gap=0))
        async with client(gateway.port) as ib:
            ticker = ib.reqMktData(stock())
            await ib.advance(3)
            assert ticker.bid > 0


async def test_frames_come_in_two_pieces() -> None:
    async with serving() as gateway, RawClient.connected(gateway.port) as raw:
        gateway.server.faults.start(FramesSplit(message="managedAccounts", at=7, gap=0.02, count=1))
        raw.send(17, 1)
        whole = frame(15, 1, "DU1234567")
        assert await asyncio.wait_for(raw.reader.read(4096), PATIENCE_S) == whole[:7]
        assert await asyncio.wait_for(raw.reader.read(4096), PATIENCE_S) == whole[7:]


@pytest.mark.parametrize("part", ["bytes", "cut", "number", "length"])
async def test_corrupted_frames_differ_in_the_part_named(part: str) -> None:
    async with serving() as gateway, RawClient.connected(gateway.port) as raw:
        gateway.server.faults.start(FrameCorrupted.model_validate({"name": "frame_corrupted", "part": part}))
        raw.send(17, 1)
        good = frame(15, 1, "DU1234567")
        if part == "cut":
            assert (
                await raw.exactly(len(good) // 2) == (len(good) // 2 - 4).to_bytes(4, "big") + good[4 : len(good) // 2]
            )
        else:
            bad = await raw.exactly(len(good))
            changed = [at for at, (old, new) in enumerate(zip(good, bad, strict=True)) if old != new]
            assert (len(changed) == 1 and changed[0] > 6) if part == "bytes" else set(changed) <= set(range(6))
            assert bad[:4] == (b"\x7f\xff\xff\xff" if part == "length" else good[:4])
            assert bad[4:6] == (b"xx" if part == "number" else good[4:6])
        raw.send(17, 1)
        assert await raw.exactly(len(good)) == good
