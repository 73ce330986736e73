"""Bytes that no gateway sends: the daemon drops the connection, keeps its books, and does not grow."""

import asyncio
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes.daemon_stage import held_gateway, trading
from tests.system.programs import eventually, running

MESSAGES = ("execDetails", "orderStatus", "openOrder", "commissionReport", "realtimeBar", "tickPrice")
KEEP_BYTES = 80 << 20  # more than the daemon needs, and far less than what the hostile server sends
MIB = b"A" * (1 << 20)


@pytest.mark.parametrize("part", ["bytes", "cut", "number", "length"])
async def test_damaged_frames_are_counted_or_end_the_connection_and_the_books_agree(tmp_path: Path, part: str) -> None:
    with held_gateway() as gateway:
        async with trading(gateway, tmp_path) as stage:
            # An execution with a flipped byte may still be one: only the comparison of positions can tell.
            for message in MESSAGES[part == "bytes" :]:
                await stage.fault("frame_corrupted", message=message, part=part, count=1)
                await stage.advance(60)
            await stage.heal()
            await stage.advance(60)
            connection = stage.status()["connection"]
            assert connection["reconnects"] + connection["undecodable"] >= 3
            # What a damaged frame would have told is had again with the next connection.
            reconnects = connection["reconnects"]
            await stage.fault("disconnect")
            await stage.until(lambda: stage.status()["connection"]["reconnects"] > reconnects, "another connection")
            await stage.advance(60)
            await stage.agree()


class HostileServer:
    """Speaks like a gateway until the session has begun, then pours out `flood` for as long as it is read."""

    def __init__(self, flood: bytes, chunk: bytes) -> None:
        self.flood, self.chunk = flood, chunk
        self.sent = 0
        self.connections = 0
        self.port = 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._ready.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await reader.readuntil(b"v157")
            writer.write(_frame("176", "20260302 14:30:00 EST"))
            await reader.read(1)
            writer.write(_frame("15", "1", "DU1000001") + _frame("9", "1", "1") + self.flood)
            while True:
                writer.write(self.chunk)
                await writer.drain()
                self.sent += len(self.chunk)
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.transport.abort()


def _frame(*fields: str) -> bytes:
    text = "".join(f"{field}\0" for field in fields).encode()
    return struct.pack(">I", len(text)) + text


@contextmanager
def hostile(flood: bytes, chunk: bytes) -> Iterator[HostileServer]:
    server = HostileServer(flood, chunk)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("flood", "chunk"),
    [
        (struct.pack(">I", 2**31 - 1), MIB),  # a frame of 2 GiB that never ends
        (b"", struct.pack(">I", 8 << 20) + MIB * 8),  # frames of 8 MiB, each one endless text
        (b"", b"\0" * (1 << 20)),  # frames without a field
    ],
    ids=["length-2-31", "endless-text", "empty-frames"],
)
def test_hostile_server_does_not_make_the_daemon_grow(tmp_path: Path, flood: bytes, chunk: bytes) -> None:
    with hostile(flood, chunk) as server:
        env = {"PAPERD_IB__PORT": str(server.port), "PAPERD_IB__BACKOFF_S": "[0.05]"}
        arguments = ("run", "--mode", "ibkr_paper", "--symbol", "SPY", "--state", tmp_path / "state")
        with running(*arguments, folder=tmp_path / "logs", env=env) as program:
            eventually((tmp_path / "state" / "paperd.sock").exists, "the control socket")
            before = resident_bytes(program.process.pid)
            eventually(lambda: server.sent > 96 << 20 or server.connections > 5, "a flood")
            assert program.process.poll() is None, program.err.read_text()[-2000:]
            assert peak_bytes(program.process.pid) - before < KEEP_BYTES


def resident_bytes(pid: int) -> int:
    return _status_bytes(pid, "VmRSS")


def peak_bytes(pid: int) -> int:
    return _status_bytes(pid, "VmHWM")


def _status_bytes(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) << 10
    raise AssertionError(f"no {field} of {pid}")
