"""The bar path: five-second bars off the socket, through the daemon, to decisions; beside ib_insync alone."""

import asyncio
import gc
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import uvloop
from ib_insync import IB, RealTimeBarList, Stock

from daemon.engine.strategy_slot import StrategySetup
from daemon.journal.writer import JournalWriter
from daemon.ports import Journal
from daemon.runtime.clock import MarketClock
from daemon.runtime.logs import close_logs, configure_logs
from tests.benchmarks import market
from tests.benchmarks.figures import Figure, median
from tests.benchmarks.gateway_server import PROLOGUE, Pace, Script, serve
from tests.benchmarks.processes import Server, measured
from tests.benchmarks.wiring import BenchDaemon, CountingJournal, sma_cross, strategy_setup

PART = "bar path"
Kind = Literal["bare", "decisions", "journal"]
_BACKLOG = 720  # instants, an hour of the market


@dataclass(frozen=True, slots=True)
class Passage:
    """How long the bars took."""

    bars: int
    wall_s: float
    cpu_s: float

    @property
    def wall_us(self) -> float:
        """Return the host time of a bar."""
        return self.wall_s / self.bars * 1e6

    @property
    def cpu_us(self) -> float:
        """Return the processor time of a bar, all threads together."""
        return self.cpu_s / self.bars * 1e6


def measure(*, symbols: int, rounds: int, instants: int) -> list[Figure]:
    """Return the bar path's figures.

    Three ways to send the same bars: a little ahead of the daemon, so that its own work is what takes the time; in step
    with its acknowledgements, as it really runs on the embedded gateway; and a whole part of a session at once, which
    shows what a backlog costs.
    """
    names = market.symbols(symbols)
    streamed = _passages(names, "streamed", instants, rounds, ("bare", "decisions", "journal"))
    stepped = _passages(names, "acknowledged", instants, max(1, rounds // 2), ("decisions", "journal"))
    backlog = min(instants, _BACKLOG)
    blast = _passages(names, "blast", backlog, max(1, rounds // 2), ("bare", "decisions"))
    bare, bare_cpu = _walls(streamed["bare"]), _cpus(streamed["bare"])

    def beside(name: str, value: float, goal: float | None = None) -> Figure:
        return Figure(
            part=PART, name=name, measured=value, unit="µs/bar", peer=bare, peer_name="bare ib_insync", goal=goal
        )

    def of_cpu(name: str, passages: list[Passage]) -> Figure:
        value, peer = _cpus(passages), "bare ib_insync's CPU"
        return Figure(part=PART, name=f"{name}: CPU", measured=value, unit="µs/bar", peer=bare_cpu, peer_name=peer)

    return [
        Figure(part=PART, name=f"bare ib_insync, {symbols} symbols", measured=1e6 / bare, unit="bars/s"),
        Figure(part=PART, name="queue and decisions", measured=1e6 / _walls(streamed["decisions"]), unit="bars/s"),
        Figure(part=PART, name="with journal and logs", measured=1e6 / _walls(streamed["journal"]), unit="bars/s"),
        beside("queue and decisions", _walls(streamed["decisions"]), 1.4),
        beside("with journal and logs", _walls(streamed["journal"]), 2.5),
        of_cpu("queue and decisions", streamed["decisions"]),
        of_cpu("with journal and logs", streamed["journal"]),
        beside("queue and decisions, in step with acknowledgements", _walls(stepped["decisions"])),
        beside("with journal and logs, in step with acknowledgements", _walls(stepped["journal"])),
        Figure(
            part=PART,
            name=f"queue and decisions, {backlog * market.PART_S // 60} minutes at once",
            measured=_walls(blast["decisions"]),
            unit="µs/bar",
            peer=_walls(blast["bare"]),
            peer_name="bare ib_insync",
        ),
    ]


def _walls(passages: list[Passage]) -> float:
    return median([one.wall_us for one in passages])


def _cpus(passages: list[Passage]) -> float:
    return median([one.cpu_us for one in passages])


def _passages(
    names: tuple[str, ...], pace: Pace, instants: int, rounds: int, kinds: tuple[Kind, ...]
) -> dict[Kind, list[Passage]]:
    found: dict[Kind, list[Passage]] = {kind: [] for kind in kinds}
    with Server(serve, Script(symbols=names, instants=instants, pace=pace)) as server:
        for _ in range(rounds):
            for kind in kinds:
                found[kind].append(measured(passage, kind, server.port, names, instants))
                server.told()
    return found


def passage(kind: Kind, port: int, names: tuple[str, ...], instants: int) -> Passage:
    """Let one session's bars pass, in this process."""
    work: Coroutine[Any, Any, Passage] = (
        _bare(port, names, instants) if kind == "bare" else _daemon(kind, port, names, instants)
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


async def _bare(port: int, names: tuple[str, ...], instants: int) -> Passage:
    loop = asyncio.get_running_loop()
    asyncio.set_event_loop(loop)
    gc.freeze()  # a program of ib_insync alone would not carry our modules through each collection
    expected = len(names) * (instants - PROLOGUE)
    count, last, done = 0, 0.0, asyncio.Event()

    def on_bar(bars: RealTimeBarList, _: bool) -> None:
        nonlocal count, last
        count += 1
        last = bars[-1].close
        if count == expected:
            done.set()

    ib = IB()  # type: ignore[no-untyped-call]
    ib.client.MaxRequests = 0
    await ib.connectAsync("127.0.0.1", port, clientId=1)
    for number, name in enumerate(names):
        bars = ib.reqRealTimeBars(Stock(name, "SMART", "USD", conId=1000 + number), 5, "TRADES", True)
        bars.updateEvent += on_bar
    wall, cpu = time.perf_counter(), time.process_time()
    ib.client.reqIds(1)  # type: ignore[no-untyped-call]
    await done.wait()
    passed = Passage(count, time.perf_counter() - wall, time.process_time() - cpu)
    ib.disconnect()  # type: ignore[no-untyped-call]
    return passed


async def _daemon(kind: Kind, port: int, names: tuple[str, ...], instants: int) -> Passage:
    folder = Path(tempfile.mkdtemp(prefix="paperd-bench-"))
    clock = MarketClock()
    try:
        journal: Journal
        if kind == "journal":
            log_to(folder, clock)
            journal = await JournalWriter.open(folder / "journal.db")
        else:
            log_nothing()
            journal = CountingJournal()
        return await _pass_through(BenchDaemon(port, names, [_strategy(names)], journal, clock), len(names), instants)
    finally:
        close_logs()
        logging.disable()
        shutil.rmtree(folder, ignore_errors=True)


def log_to(folder: Path, clock: MarketClock) -> None:
    """Write log lines as the service does: JSON to a file, and the trades to a second one."""
    with (folder / "daemon.log").open("w") as lines:
        configure_logs(format="json", stream=lines, paper_log=folder / "paper.log", market_clock=clock.now)


def log_nothing() -> None:
    """Switch the log lines off."""
    with Path(os.devnull).open("w") as nowhere:
        configure_logs(format="json", level="critical", stream=nowhere)


def _strategy(names: tuple[str, ...]) -> StrategySetup:
    return strategy_setup("sma", sma_cross(market.FRAMES), names)


async def _pass_through(daemon: BenchDaemon, symbols: int, instants: int) -> Passage:
    passed: list[Passage] = []

    async def run() -> None:
        await daemon.progress.reach(PROLOGUE + 1)  # one more: the gateway tells the time before the first bar
        wall, cpu = time.perf_counter(), time.process_time()
        daemon.fire()
        await daemon.progress.reach(instants + 1)
        passed.append(Passage(symbols * (instants - PROLOGUE), time.perf_counter() - wall, time.process_time() - cpu))

    await daemon.use(lambda: asyncio.ensure_future(run()))
    return passed[0]
