"""Connections in memory: order, splits, back-pressure, and every way in which they end."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator

import pytest

from daemon.simulation.loop import VirtualLoop
from daemon.simulation.network import Link, Network
from daemon.simulation.process import Process

ADDRESS = ("127.0.0.1", 4002)


class Peer(asyncio.Protocol):
    """Remembers everything it is told."""

    def __init__(self) -> None:
        self.received = b""
        self.parts = 0
        self.ended: list[Exception | None] = []
        self.paused = 0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        self.parts += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.append(exc)

    def pause_writing(self) -> None:
        self.paused += 1

    def resume_writing(self) -> None:
        self.paused -= 1

    def write(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)


class Stage:
    """A loop, a network, and two peers that are connected."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop
        self.network = Network(loop, random.Random(5))
        self.server, self.client = Peer(), Peer()

    @property
    def link(self) -> Link:
        return self.network.connections[-1]

    def play(self, story: Callable[[], Awaitable[None]]) -> None:
        async def main() -> None:
            await self.loop.create_server(lambda: self.server, *ADDRESS)
            await self.loop.create_connection(lambda: self.client, *ADDRESS)
            await asyncio.sleep(0.1)
            await story()

        self.loop.run_until_complete(main())


@pytest.fixture
def stage() -> Iterator[Stage]:
    loop = VirtualLoop(random.Random(1))
    yield Stage(loop)
    loop.close()


def test_bytes_arrive_whole_in_order_and_sometimes_in_parts(stage: Stage) -> None:
    async def story() -> None:
        for number in range(300):
            stage.client.write(f"{number:04d}".encode())
        await asyncio.sleep(5)
        stage.server.write(b"answer")
        await asyncio.sleep(1)

    stage.play(story)
    assert stage.server.received == b"".join(f"{number:04d}".encode() for number in range(300))
    assert stage.server.parts > 300
    assert stage.client.received == b"answer"


def test_connecting_where_nobody_listens_is_refused(stage: Stage) -> None:
    async def main() -> None:
        with pytest.raises(ConnectionRefusedError):
            await stage.loop.create_connection(lambda: stage.client, *ADDRESS)

    stage.loop.run_until_complete(main())


def test_address_can_be_used_once(stage: Stage) -> None:
    async def story() -> None:
        with pytest.raises(OSError, match="in use"):
            await stage.loop.create_server(lambda: stage.server, *ADDRESS)

    stage.play(story)


def test_close_lets_what_was_written_arrive(stage: Stage) -> None:
    async def story() -> None:
        stage.client.write(b"last words")
        assert stage.client.transport is not None
        stage.client.transport.close()
        stage.client.write(b"too late")
        await asyncio.sleep(1)

    stage.play(story)
    assert stage.server.received == b"last words"
    assert stage.client.ended == stage.server.ended == [None]


def test_abort_resets_the_other_end(stage: Stage) -> None:
    async def story() -> None:
        assert stage.client.transport is not None
        stage.client.transport.abort()
        await asyncio.sleep(1)

    stage.play(story)
    assert stage.client.ended == [None]
    assert [type(error) for error in stage.server.ended] == [ConnectionResetError]


@pytest.mark.parametrize("count", range(1, 11))
def test_cut_lets_so_many_bytes_through_and_ends_both(stage: Stage, count: int) -> None:
    async def story() -> None:
        stage.link.up.cut_after = count
        stage.link.up.on_cut = stage.link.reset
        stage.client.write(b"01234")
        stage.client.write(b"56789")
        await asyncio.sleep(1)

    stage.play(story)
    assert b"0123456789"[:count].startswith(stage.server.received)
    assert len(stage.client.ended) == len(stage.server.ended) == 1


def test_silence_holds_everything_back_and_delivers_it_later(stage: Stage) -> None:
    async def story() -> None:
        stage.client.write(b"before")
        stage.network.hold(30)
        stage.client.write(b" and after")
        await asyncio.sleep(29)
        assert stage.server.received == b""
        await asyncio.sleep(2)
        assert stage.server.received == b"before and after"

    stage.play(story)


def test_nobody_answers_who_connects_into_silence(stage: Stage) -> None:
    late = Peer()

    async def story() -> None:
        stage.network.hold(30)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(20):
                await stage.loop.create_connection(lambda: late, *ADDRESS)
        await asyncio.sleep(11)
        await stage.loop.create_connection(lambda: late, *ADDRESS)

    stage.play(story)
    assert late.transport is not None


def test_writer_is_asked_to_pause_while_nobody_reads(stage: Stage) -> None:
    async def story() -> None:
        assert stage.server.transport is not None
        stage.link.hold(10)
        for _ in range(40):
            stage.client.write(bytes(10_000))
        assert stage.client.paused == 1
        assert stage.client.transport is not None
        assert stage.client.transport.get_write_buffer_size() > 0
        await asyncio.sleep(20)
        assert stage.client.paused == 0

    stage.play(story)
    assert len(stage.server.received) == 400_000


def test_reader_that_pauses_gets_everything_once_it_goes_on(stage: Stage) -> None:
    async def story() -> None:
        assert stage.server.transport is not None
        stage.server.transport.pause_reading()
        stage.client.write(b"one")
        stage.client.write(b"two")
        await asyncio.sleep(1)
        assert stage.server.received == b""
        stage.server.transport.resume_reading()
        assert stage.server.received == b"onetwo"

    stage.play(story)


def test_death_of_a_process_ends_its_connections_and_frees_its_port(stage: Stage) -> None:
    process = Process("server", stage.loop)

    async def serve() -> None:
        await stage.loop.create_server(lambda: stage.server, *ADDRESS)
        await asyncio.sleep(1000)

    async def main() -> None:
        _ = process.start(serve())
        await asyncio.sleep(0.1)
        await stage.loop.create_connection(lambda: stage.client, *ADDRESS)
        await asyncio.sleep(0.1)
        stage.server.write(b"written before")
        process.kill()
        await asyncio.sleep(1)
        with pytest.raises(ConnectionRefusedError):
            await stage.loop.create_connection(Peer, *ADDRESS)

    stage.loop.run_until_complete(main())
    assert stage.client.received == b"written before"
    assert stage.client.ended == [None]
    assert stage.server.ended == []  # a dead process is told nothing
