# ruff: noqa: ASYNC240 - a test may look at files
"""The control socket over a real Unix socket, with the client that the commands use."""

import asyncio
import json
import os
import random
import socket
import stat
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import pytest
import uvloop

from daemon.client import ControlClient, DaemonNotAnswering, DaemonNotRunning
from daemon.domain.errors import ConfigError
from daemon.web.control_socket import ControlSocket
from tests.fakes.recording_control import RecordingControl


@pytest.fixture
def path() -> Iterator[Path]:
    """Return a path short enough for a socket, wherever pytest keeps its own."""
    with TemporaryDirectory(prefix="pd") as folder:
        yield Path(folder) / "paperd.sock"


@asynccontextmanager
async def served(path: Path, control: RecordingControl | None = None) -> AsyncIterator[RecordingControl]:
    control = control or RecordingControl()
    ready = asyncio.Event()
    service = asyncio.create_task(ControlSocket(control, path).run(ready))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({service, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    try:
        if service.done():
            service.result()
        yield control
    finally:
        service.cancel()
        with suppress(asyncio.CancelledError, ConfigError):
            await service


async def ask(path: Path, method: str, route: str, body: bytes | None = None) -> tuple[int, str, dict[str, Any]]:
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(path=str(path))) as session,
        session.request(method, f"http://paperd{route}", data=body) as response,
    ):
        return response.status, response.content_type, json.loads(await response.read())


async def test_the_client_reads_the_status_and_switches_trading(path: Path) -> None:
    async with served(path) as control:
        client = ControlClient(path)
        status = await asyncio.to_thread(client.status)
        paused = await asyncio.to_thread(client.pause, "ann", "trend")
        resumed = await asyncio.to_thread(client.resume, "ann")
        stopping = await asyncio.to_thread(client.stop, "ann")
    assert status == control.status()
    assert paused == {"state": "PAUSED", "strategy": "trend", "waiting": False}
    assert resumed == {"state": "RUNNING", "strategy": None, "waiting": False}
    who = f"ann (uid {os.getuid()})"
    assert stopping == {"stopping": True, "who": who}
    assert control.asked == [("pause", who, "trend"), ("resume", who, None), ("stop", who, None)]


def test_the_daemons_own_event_loop_serves_it_too(path: Path) -> None:
    async def serve_and_ask() -> None:
        async with served(path) as control:
            assert await asyncio.to_thread(ControlClient(path).status) == control.status()
            assert await asyncio.to_thread(ControlClient(path).pause, "ann")
            assert control.asked == [("pause", f"ann (uid {os.getuid()})", None)]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve_and_ask())
    assert not path.exists()


async def test_an_unknown_strategy_is_a_configuration_error_for_the_client(path: Path) -> None:
    async with served(path) as control:
        with pytest.raises(ConfigError, match="'trent' is not running; use one of trend"):
            await asyncio.to_thread(ControlClient(path).pause, "ann", "trent")
        assert control.asked == []


async def test_somebody_who_gives_no_name_is_known_by_user_id(path: Path) -> None:
    async with served(path) as control:
        assert (await ask(path, "POST", "/api/v1/pause"))[0] == 200
        assert (await ask(path, "POST", "/api/v1/resume", b"{}"))[0] == 200
        assert [who for _, who, _ in control.asked] == [f"uid {os.getuid()}"] * 2


async def test_the_daemon_says_that_it_lives(path: Path) -> None:
    async with served(path):
        assert await ask(path, "GET", "/healthz") == (200, "application/json", {"status": "alive"})


@pytest.mark.parametrize(
    ("method", "route", "body", "status", "detail"),
    [
        ("GET", "/", None, 404, "Not Found"),
        ("GET", "/api/v1/nothing", None, 404, "Not Found"),
        ("GET", "/api/v1/stop", None, 405, "Method Not Allowed"),
        ("DELETE", "/api/v1/status", None, 405, "Method Not Allowed"),
        ("POST", "/api/v1/pause", b"{", 422, "is not JSON"),
        ("POST", "/api/v1/pause", b"\xff\xfe", 422, "is not JSON"),
        ("POST", "/api/v1/pause", b"[" * 5000, 422, "is not JSON"),
        ("POST", "/api/v1/pause", b"[]", 422, "must be a JSON object"),
        ("POST", "/api/v1/pause", b'{"strategie": "trend"}', 422, "unknown key"),
        ("POST", "/api/v1/pause", b'{"strategy": 3}', 422, "must be printable text"),
        ("POST", "/api/v1/pause", b'{"strategy": ""}', 422, "must be printable text"),
        ("POST", "/api/v1/pause", b'{"who": "a\\nb"}', 422, "must be printable text"),
        ("POST", "/api/v1/pause", b'{"who": "' + b"a" * 65 + b'"}', 422, "must be printable text"),
        ("POST", "/api/v1/stop", b'{"strategy": "trend"}', 422, "stops as a whole"),
        ("POST", "/api/v1/stop", b" " * (64 * 1024 + 1), 413, "Maximum request body size 65536 exceeded"),
    ],
)
async def test_what_cannot_be_understood_is_answered_with_a_problem(
    path: Path, method: str, route: str, body: bytes | None, status: int, detail: str
) -> None:
    async with served(path) as control:
        answered, content_type, problem = await ask(path, method, route, body)
        assert control.asked == []
    assert (answered, content_type) == (status, "application/problem+json")
    assert problem["status"] == status
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert detail in problem["detail"]


async def test_every_fault_of_a_body_is_named(path: Path) -> None:
    async with served(path):
        _, _, problem = await ask(path, "POST", "/api/v1/pause", b'{"a": 1, "who": 2}')
    assert len(problem["faults"]) == 2


async def test_only_the_owner_may_open_the_socket(path: Path) -> None:
    previous = os.umask(0)
    try:
        async with served(path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(previous)


async def test_the_file_is_gone_after_the_service(path: Path) -> None:
    async with served(path):
        assert path.is_socket()
    assert list(path.parent.iterdir()) == []


async def test_a_dead_daemons_socket_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    async with served(path):
        assert await asyncio.to_thread(ControlClient(path).status)


async def test_a_running_daemons_socket_is_left_alone(path: Path) -> None:
    async with served(path):
        with pytest.raises(ConfigError, match="a running daemon listens there"):
            async with served(path):
                pass
        assert await asyncio.to_thread(ControlClient(path).status)


async def test_a_file_that_is_no_socket_is_left_alone(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(ConfigError, match="is no socket"):
        async with served(path):
            pass
    assert path.read_text() == "precious"


async def test_a_socket_that_took_its_place_is_left_alone(path: Path) -> None:
    async with served(path):
        path.unlink()
        path.write_text("somebody else's")
    assert path.read_text() == "somebody else's"


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda path: path.parent / "nowhere" / "paperd.sock", "No such file or directory"),
        (lambda path: path.parent / ("x" * 108), "a Unix socket's path may have 107"),
    ],
)
async def test_a_path_nothing_can_listen_at_is_refused(path: Path, broken: Callable[[Path], Path], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        async with served(broken(path)):
            pass


async def test_open_connections_do_not_hold_up_the_end(path: Path) -> None:
    async with served(path):
        silent = [await asyncio.open_unix_connection(str(path)) for _ in range(20)]
        _, half = silent[0]
        half.write(b"POST /api/v1/pause HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        await half.drain()
        await asyncio.sleep(0.05)
        before = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - before < 3
    assert not path.exists()
    for _, writer in silent:
        writer.close()
    await asyncio.sleep(0)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left


def test_without_a_daemon_the_client_says_so(path: Path) -> None:
    with pytest.raises(DaemonNotRunning, match=r"there is no .*paperd\.sock") as caught:
        ControlClient(path).status()
    assert "paperd run" in caught.value.cure


def test_a_dead_daemons_socket_counts_as_no_daemon(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(DaemonNotRunning, match="nobody listens"):
        ControlClient(path).status()


def test_a_daemon_that_does_not_answer_in_time_is_reported(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(path))
        mute.listen()
        with pytest.raises(DaemonNotAnswering, match="did not answer"):
            ControlClient(path, answer_s=0.05).status()


def test_a_daemon_that_is_not_gone_in_time_is_reported(path: Path) -> None:
    """The listener lives in this process, which does not end."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        answering = threading.Thread(target=_answer_second_connection, args=(listening,))
        answering.start()
        with pytest.raises(DaemonNotAnswering, match=r"still stopping after 0\.1 s"):
            ControlClient(path).stop_and_wait("ann", within_s=0.1)
        answering.join()


def _answer_second_connection(listening: socket.socket) -> None:
    held, _ = listening.accept()
    asking, _ = listening.accept()
    with held, asking:
        asked = b""
        while not asked.endswith(b"}"):  # head and body come in packets of their own
            asked += asking.recv(4096)
        asking.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


def test_a_path_too_long_for_a_socket_is_refused_by_the_client_too(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="shorter path"):
        ControlClient(tmp_path / ("x" * 108))


async def test_random_bodies_and_headers_are_never_our_fault(path: Path) -> None:
    """Whatever comes is answered with a 2xx or a 4xx, or the connection ends; nothing is done that nobody asked."""
    chance = random.Random(35)
    async with served(path) as control:
        for _ in range(200):
            body = _mutated(chance, b'{"strategy": "trend", "who": "ann"}')
            reader, writer = await asyncio.open_unix_connection(str(path))
            head = f"POST /api/v1/pause HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            writer.write(_mutated(chance, head.encode()) if chance.random() < 0.5 else head.encode())
            writer.write(body)
            writer.write_eof()
            answer = await asyncio.wait_for(reader.read(), 10)
            writer.close()
            if answer:
                assert answer.startswith((b"HTTP/1.1 2", b"HTTP/1.1 4", b"HTTP/1.0 4", b"HTTP/1.0 2")), answer[:80]
        assert await asyncio.to_thread(ControlClient(path).status)
    assert {what for what, _, _ in control.asked} <= {"pause"}


async def test_deep_and_huge_bodies_are_refused_without_growing(path: Path) -> None:
    deep = b'{"who":' * 50_000 + b"1" + b"}" * 50_000
    async with served(path) as control:
        for body in (deep[: 64 << 10], deep, b'"' + b"a" * (1 << 19) + b'"'):
            status, _, problem = await ask(path, "POST", "/api/v1/pause", body)
            assert status in {413, 422}
            assert problem["detail"]
    assert control.asked == []


async def test_slow_readers_hold_nobody_up(path: Path) -> None:
    """Fifty clients ask without end and read nothing: what waits for them is bounded, and others are served."""
    async with served(path):
        silent = []
        for _ in range(50):
            asking = socket.socket(socket.AF_UNIX)
            asking.connect(str(path))
            asking.setblocking(False)
            silent.append(asking)
        request = b"GET /api/v1/status HTTP/1.1\r\nHost: paperd\r\n\r\n" * 200
        written = 0
        for _ in range(50):
            for asking in silent:
                with suppress(BlockingIOError):
                    written += asking.send(request)
            await asyncio.sleep(0)
        assert await asyncio.to_thread(ControlClient(path).status)
        assert written < 50 * (4 << 20)  # the sockets are full: nothing more is taken from them
        for asking in silent:
            asking.close()


def _mutated(chance: random.Random, data: bytes) -> bytes:
    """Return bytes with some flipped, cut, doubled or put in."""
    damaged = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(damaged) + 1)
        match chance.randrange(4):
            case 0:
                damaged[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del damaged[at : at + chance.randrange(8)]
            case 2:
                damaged[at:at] = damaged[at : at + chance.randrange(40)]
            case _:
                damaged[at:at] = chance.randbytes(chance.randrange(12))
    return bytes(damaged)
