"""The simulated gateway under load: how much it says a second, beside what ib_insync can take; orders; many clients.

`paperd gateway --speed max` runs as a program on the last core. Its clients keep step and answer every instant without
looking at what came, so that the gateway is what takes the time. What one of them was sent is then said to ib_insync
by a process that has nothing else to do, in the same run.
"""

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import uvloop
from ib_insync import IB, MarketOrder, Stock

from daemon.gateway.timeline import SECOND_US
from daemon.gateway.wire import session_requests as sr
from daemon.gateway.wire.contract import Contract
from daemon.gateway.wire.framing import FrameReader, encode_frame, encode_hello, negotiate, parse_handshake
from daemon.gateway.wire.market_requests import ReqMktData
from daemon.gateway.wire.requests import encode_request
from daemon.market.universe import UNIVERSE
from tests.benchmarks import market
from tests.benchmarks.figures import Figure, median, percentile
from tests.benchmarks.gateway_server import Script, serve
from tests.benchmarks.processes import Server, measured, pin

PART = "gateway"
VERSION = 176
SPEED = 600.0  # market seconds a host second where clients do not keep step; the simulated latency shrinks with it
_STEP = b"49\x001\x00"
_ANSWER = encode_frame(encode_request(sr.ReqCurrentTime(), VERSION))
_WARM_UP = 5
_PATIENCE_S = 110.0
_OPENING_S = 60  # market seconds that do not count: everything is sent once after a subscription


@dataclass(slots=True)
class Load:
    """What went over the sockets of one run."""

    messages: int = 0
    market_s: int = 0
    wall_s: float = 0.0
    gateway_cpu_s: float = 0.0
    gateway_mb: float = 0.0
    frames: list[bytes] = field(default_factory=list)  # of the first client, steps left out


def measure(*, rounds: int, orders: int, seconds: int, crowd: int, lines: int) -> list[Figure]:
    """Return the gateway's figures.

    Args:
        rounds: of messages and of orders, ib_insync and the gateway in turn.
        orders: a round.
        seconds: of market time, for one client.
        crowd: clients at once, each with as many lines as one.
        lines: quotes that a client subscribes to.
    """
    loads: list[Load] = []
    takes: list[float] = []
    for _ in range(rounds):
        loads.append(measured(_load, 1, lines, seconds))
        takes.append(measured(_taken_by_ib_insync, loads[-1].frames, lines))
    said = median([load.messages / load.wall_s for load in loads])
    taken = median(takes)
    many = measured(_load, crowd, lines, max(seconds // crowd, _OPENING_S))
    ours, bare = _round_trips(rounds, orders)
    return [
        Figure(
            part=PART, name=f"messages to one client, {lines} quotes", measured=said, unit="/s", peer=taken,
            peer_name="ib_insync can take", goal=1.0, better="more",
        ),
        Figure(
            part=PART, name="the same, of the gateway's own CPU",
            measured=median([load.gateway_cpu_s / load.messages * 1e6 for load in loads]), unit="µs/message",
        ),
        *(
            Figure(
                part=PART, name=f"ib_insync's order → execution, {name}", measured=percentile(ours, share), unit="ms",
                peer=percentile(bare, share), peer_name="the bare floor",
            )
            for name, share in (("median", 0.5), ("p99", 0.99))
        ),
        Figure(part=PART, name=f"{crowd} clients × {lines} quotes", measured=many.messages / many.wall_s, unit="/s"),
        Figure(
            part=PART, name=f"{crowd} clients × {lines} quotes: market seconds a second",
            measured=many.market_s / many.wall_s, unit="×",
        ),
        Figure(part=PART, name=f"{crowd} clients × {lines} quotes: peak memory", measured=many.gateway_mb, unit="MB"),
    ]  # fmt: skip


# --- the gateway as a program ----------------------------------------------------------------------------------------


@contextmanager
def _gateway(*arguments: str) -> Iterator[tuple[int, int]]:
    """Run `paperd gateway`; give its port and its process id."""
    command = [sys.executable, "-m", "daemon", "gateway", "--port", "0", "--seed", "7", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        pin(-1, process.pid)
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["port"], process.pid
        finally:
            process.terminate()


def _load(clients: int, lines: int, seconds: int) -> Load:
    """Let clients listen for some market seconds."""
    with (
        _gateway("--speed", "max", "--lines", str(clients * lines)) as (port, pid),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(_listen(port, pid, clients, lines, seconds))


async def _listen(port: int, pid: int, clients: int, lines: int, seconds: int) -> Load:
    loop = asyncio.get_running_loop()
    names = [name for _, name in zip(range(lines), UNIVERSE, strict=False)]
    listeners = [_Listener(number, names, keeps=number == 0) for number in range(clients)]
    for listener in listeners:
        await loop.create_connection(lambda listener=listener: listener, "127.0.0.1", port)  # type: ignore[misc]
    async with asyncio.timeout(_PATIENCE_S):
        await asyncio.gather(*(listener.began.wait() for listener in listeners))
        opened_us = max(listener.now_us for listener in listeners) + _OPENING_S * SECOND_US
        await asyncio.gather(*(listener.until(opened_us) for listener in listeners))
        before = sum(listener.messages for listener in listeners)
        cpu, began = _cpu_s(pid), time.perf_counter()
        await asyncio.gather(*(listener.until(opened_us + seconds * SECOND_US) for listener in listeners))
        took = time.perf_counter() - began
    return Load(
        messages=sum(listener.messages for listener in listeners) - before,
        market_s=seconds,
        wall_s=took,
        gateway_cpu_s=_cpu_s(pid) - cpu,
        gateway_mb=_peak_mb(pid),
        frames=listeners[0].frames,
    )


class _Listener(asyncio.Protocol):
    """A lockstep client that counts frames and answers steps, and decodes nothing."""

    def __init__(self, number: int, names: Sequence[str], *, keeps: bool) -> None:
        self._number, self._names, self._keeps = number, names, keeps
        self._rest = b""
        self._until_us, self._reached = 0, asyncio.Event()
        self.began = asyncio.Event()
        self.messages = self.now_us = 0
        self.frames: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        hello = f"v157..{VERSION}".encode()
        start = sr.StartApi(client_id=self._number + 1, optional_capabilities="paperd-lockstep")
        self._transport.write(b"API\0" + len(hello).to_bytes(4, "big") + hello)
        self._transport.write(encode_frame(encode_request(start, VERSION)))
        for request, name in enumerate(self._names, start=1):
            contract = Contract(symbol=name, sec_type="STK", exchange="SMART", currency="USD")
            asked = ReqMktData(req_id=request, contract=contract)
            self._transport.write(encode_frame(encode_request(asked, VERSION)))

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        at, end = 0, len(data)
        while end - at >= 4:
            stop = at + 4 + int.from_bytes(data[at : at + 4], "big")
            if stop > end:
                break
            self.messages += 1
            if data.startswith(_STEP, at + 4):
                self._step(int(data[at + 4 + len(_STEP) : stop - 1]))
            elif self._keeps:
                self.frames.append(data[at + 4 : stop])
            at = stop
        self._rest = data[at:]

    async def until(self, at_us: int) -> None:
        """Let market time run on to a moment, µs since the epoch; it stands still afterwards."""
        self._until_us = at_us
        self._reached.clear()
        self._transport.write(_ANSWER)
        await self._reached.wait()

    def _step(self, at_us: int) -> None:
        self.now_us = at_us
        self.began.set()
        if at_us < self._until_us:
            self._transport.write(_ANSWER)
        else:
            self._reached.set()


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _peak_mb(pid: int) -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")


# --- the same messages to ib_insync ----------------------------------------------------------------------------------


def _taken_by_ib_insync(frames: list[bytes], lines: int) -> float:
    """Return the messages a second that ib_insync takes when they are all there."""
    with Server(_say, frames) as server, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        took: float = runner.run(_take(server.port, lines))
        return len(frames) / took


async def _take(port: int, lines: int) -> float:
    asyncio.set_event_loop(asyncio.get_running_loop())
    ib: Any = IB()  # type: ignore[no-untyped-call]
    ib.client.MaxRequests = 0
    await ib.connectAsync("127.0.0.1", port, clientId=1, readonly=True)
    for _, name in zip(range(lines), UNIVERSE, strict=False):
        ib.reqMktData(Stock(name, "SMART", "USD", conId=1000), "", False, False)
    await asyncio.sleep(0.2)
    began = time.perf_counter()
    await ib.reqCurrentTimeAsync()  # answered after everything else
    took = time.perf_counter() - began
    ib.disconnect()
    return took


def _say(pipe: Pipe, frames: list[bytes]) -> None:
    """Serve one client: what it needs to start, and, once it asks for the time, all frames in one go."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Speaker(frames), "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


class _Speaker(asyncio.Protocol):
    """One client."""

    def __init__(self, frames: list[bytes]) -> None:
        self._frames = [frame.split(b"\0", 3) for frame in frames]
        self._reader = FrameReader()
        self._head: bytes | None = b""
        self._requests: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if self._head is not None:
            found = parse_handshake(self._head + data)
            if found is None:
                self._head += data
                return
            data, self._head = (self._head + data)[found[1] :], None
            self._transport.write(encode_hello(negotiate(found[0]), "20260302 09:30:00 EST"))
        for fields in self._reader.feed(data):
            self._answer(fields)

    def _answer(self, fields: list[str]) -> None:
        ends = {
            "61": ["62", "1"],
            "6": ["54", "1", "DU1000001"],
            "76": ["74", "1", *fields[2:3]],
            "7": ["55", "1", *fields[2:3]],
        }
        if fields[0] == "71":
            self._send(["15", "1", "DU1000001"], ["9", "1", "1"])
        elif fields[0] == "1":
            self._requests.append(fields[2].encode())
        elif fields[0] == "49":
            self._transport.write(b"".join(self._numbered()) + encode_frame(["49", "1", "1772461800"]))
        elif fields[0] in ends:
            self._send(ends[fields[0]])

    def _numbered(self) -> Iterator[bytes]:
        """Yield the frames with this client's request numbers in place of the first listener's."""
        for kind, version, request, rest in (parts for parts in self._frames if len(parts) == 4):
            if request.isdigit() and 0 < int(request) <= len(self._requests):
                payload = b"\0".join((kind, version, self._requests[int(request) - 1], rest))
                yield len(payload).to_bytes(4, "big") + payload

    def _send(self, *frames: list[str]) -> None:
        self._transport.write(b"".join(map(encode_frame, frames)))


# --- orders ----------------------------------------------------------------------------------------------------------


def _round_trips(rounds: int, orders: int) -> tuple[list[float], list[float]]:
    """Return milliseconds from placeOrder to execDetails, on the gateway and on a server that answers at once."""
    ours: list[float] = []
    bare: list[float] = []
    names = market.symbols(1)
    script = Script(symbols=names, instants=1, pace="minutes")
    with Server(serve, script) as server, _gateway("--speed", str(SPEED), "--symbols", "SPY") as (port, _):
        for _ in range(rounds):
            bare += measured(_orders, server.port, Stock(names[0], "SMART", "USD", conId=1000), orders)
            ours += measured(_orders, port, Stock("SPY", "SMART", "USD"), orders)
    return ours, bare


def _orders(port: int, contract: Stock, count: int) -> list[float]:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_Orders().place(port, contract, count))


class _Orders:
    """Market orders one after the other, through ib_insync as it comes."""

    async def place(self, port: int, contract: Stock, count: int) -> list[float]:
        loop = asyncio.get_running_loop()
        asyncio.set_event_loop(loop)
        ib: Any = IB()  # type: ignore[no-untyped-call]
        await ib.connectAsync("127.0.0.1", port, clientId=1)
        ib.client.MaxRequests = 0
        executed: asyncio.Future[int] = loop.create_future()

        def on_execution(*_: object) -> None:
            if not executed.done():
                executed.set_result(time.monotonic_ns())

        ib.execDetailsEvent += on_execution
        took: list[float] = []
        for number in range(count + _WARM_UP):
            executed = loop.create_future()
            began = time.monotonic_ns()
            ib.placeOrder(contract, MarketOrder("BUY" if number % 2 == 0 else "SELL", 10))
            ended = await asyncio.wait_for(executed, _PATIENCE_S)
            if number >= _WARM_UP:
                took.append((ended - began) / 1e6)
            await asyncio.sleep(0.002)
        ib.disconnect()
        return took
