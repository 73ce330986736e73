"""The order path: from a decision to a durable execution, beside stock ib_insync's order to execution."""

import asyncio
import gc
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import uvloop
from ib_insync import IB, Contract, Fill, MarketOrder, Stock, Trade
from pydantic import BaseModel

from daemon.domain.decision import Decision, Signal
from daemon.domain.records import ExecutionChecked, FillRecorded, IntentRecorded, Record
from daemon.domain.timeframe import Timeframe
from daemon.engine.strategy_slot import StrategySetup
from daemon.journal.writer import JournalWriter
from daemon.market.windows import BarColumns
from daemon.ports import Journal
from daemon.runtime.logs import close_logs
from daemon.strategies.protocol import Features, Moment
from tests.benchmarks import market
from tests.benchmarks.bar_path import log_to
from tests.benchmarks.figures import Figure, median, percentile
from tests.benchmarks.gateway_server import Script, serve
from tests.benchmarks.processes import Server, measured
from tests.benchmarks.wiring import BenchDaemon, CountingJournal, SessionClock, sma_cross, strategy_setup

PART = "order path"
NAMES = market.symbols(3)
WARM_UP = 20  # orders that do not count
_MINUTE = Timeframe.parse("1m")
_PARTS_A_MINUTE = 12
_PAUSE_S = 0.001  # between an execution and the next order, for both

Crowd = Literal["one", "one, no disk", "ten, one orders", "ten, all order"]


@dataclass(slots=True)
class Orders:
    """Times of the orders of one run, milliseconds."""

    to_execution: list[float] = field(default_factory=list)  # from the decision (stock: from placeOrder)
    own_share: list[float] = field(default_factory=list)  # host_received_to_sent_ms
    on_the_wire: list[float] = field(default_factory=list)  # the server's view: last bar written → order read

    def add(self, other: "Orders") -> None:
        self.to_execution += other.to_execution
        self.own_share += other.own_share
        self.on_the_wire += other.on_the_wire


def measure(*, rounds: int, orders: int) -> list[Figure]:
    """Return the order path's figures over `rounds` interleaved rounds of `orders` orders each."""
    script = Script(symbols=NAMES, instants=(orders + WARM_UP) * _PARTS_A_MINUTE, pace="minutes")
    crowds: tuple[Crowd, ...] = ("one", "one, no disk", "ten, one orders", "ten, all order")
    stock, ours = Orders(), {crowd: Orders() for crowd in crowds}
    with Server(serve, script) as server:
        for _ in range(rounds):
            stock.add(measured(run, _stock, server.port, orders))
            server.told()
            for crowd in crowds:
                found = measured(run, _daemon, server.port, orders, crowd)
                found.on_the_wire = [ns / 1e6 for ns in server.told()[WARM_UP:]]
                ours[crowd].add(found)
    return _figures(stock, ours)


def run(work: Callable[..., Any], *arguments: object) -> Orders:
    """Run one round in this process."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result: Orders = runner.run(work(*arguments))
        return result


def _figures(stock: Orders, ours: dict[Crowd, Orders]) -> list[Figure]:
    peer = stock.to_execution

    def beside(name: str, values: Sequence[float], share: float, goal: float | None = None) -> Figure:
        return Figure(
            part=PART,
            name=name,
            measured=percentile(values, share),
            unit="ms",
            peer=percentile(peer, share),
            peer_name="stock ib_insync",
            goal=goal,
        )

    def alone(name: str, value: float, goal: float | None = None) -> Figure:
        return Figure(part=PART, name=name, measured=value, unit="ms", goal=goal)

    one, memory, ten, storm = (ours[crowd] for crowd in ("one", "one, no disk", "ten, one orders", "ten, all order"))
    return [
        beside("decision → durable execution, median", one.to_execution, 0.5, 1.0),
        beside("decision → durable execution, p99", one.to_execution, 0.99, 0.6),
        beside("the same with a journal in memory, median", memory.to_execution, 0.5),
        beside("the same with a journal in memory, p99", memory.to_execution, 0.99),
        alone("own share, ten strategies and one order, median", median(ten.own_share), 1.5),
        alone("own share, ten strategies and one order, p99", percentile(ten.own_share, 0.99), 5.0),
        alone("own share, ten strategies and ten orders, median", median(storm.own_share), 1.5),
        alone("own share, ten strategies and ten orders, p99", percentile(storm.own_share, 0.99), 5.0),
        alone("own share, one strategy, median", median(one.own_share)),
        alone("own share, one strategy, p99", percentile(one.own_share, 0.99)),
        alone("own share, one strategy, journal in memory, median", median(memory.own_share)),
        alone("gateway's view, one strategy: bar written → order read, median", median(one.on_the_wire)),
        alone("gateway's view, one strategy: bar written → order read, p99", percentile(one.on_the_wire, 0.99)),
    ]


async def _stock(port: int, count: int) -> Orders:
    """Place orders one after the other with ib_insync as it comes; only the loop is ours, which is to its advantage."""
    loop = asyncio.get_running_loop()
    asyncio.set_event_loop(loop)
    gc.freeze()
    ib, found = IB(), Orders()  # type: ignore[no-untyped-call]
    await ib.connectAsync("127.0.0.1", port, clientId=1)
    ib.client.MaxRequests = 0
    contract: Contract = Stock(NAMES[0], "SMART", "USD", conId=1000)
    executed: asyncio.Future[int]

    def on_execution(trade: Trade, fill: Fill) -> None:
        executed.set_result(time.monotonic_ns())

    ib.execDetailsEvent += on_execution
    for number in range(count + WARM_UP):
        executed = loop.create_future()
        began = time.monotonic_ns()
        ib.placeOrder(contract, MarketOrder("BUY" if number % 2 == 0 else "SELL", 10))
        took = await executed - began
        if number >= WARM_UP:
            found.to_execution.append(took / 1e6)
        await asyncio.sleep(_PAUSE_S)
    ib.disconnect()  # type: ignore[no-untyped-call]
    return found


async def _daemon(port: int, count: int, crowd: Crowd) -> Orders:
    folder = Path(tempfile.mkdtemp(prefix="paperd-bench-"))
    clock = SessionClock()
    try:
        log_to(folder, clock)
        async with await JournalWriter.open(folder / "journal.db") as writer:
            strategies, turners = _strategies(crowd)
            kept: Journal = CountingJournal() if crowd == "one, no disk" else writer
            journal = _Stopwatch(kept, turners, count)
            daemon = BenchDaemon(port, NAMES, strategies, journal, clock)
            journal.fire = daemon.fire
            await daemon.use(lambda: asyncio.ensure_future(_place(daemon, journal)))
            return journal.found
    finally:
        close_logs()
        shutil.rmtree(folder, ignore_errors=True)


async def _place(daemon: BenchDaemon, journal: "_Stopwatch") -> None:
    await daemon.until_released()
    daemon.fire()
    await journal.finished.wait()


def _strategies(crowd: Crowd) -> tuple[list[StrategySetup], dict[str, "_Turner"]]:
    turning = 10 if crowd == "ten, all order" else 1
    turners = {f"turner{number}": _Turner() for number in range(turning)}
    setups = [strategy_setup(name, turner, NAMES[:1], allow_short=True) for name, turner in turners.items()]
    if crowd == "ten, one orders":
        setups += [strategy_setup(f"holder{number}", sma_cross((_MINUTE,)), NAMES) for number in range(9)]
    return setups, turners


class _Nothing(BaseModel):
    """No parameters."""


class _Turner:
    """Turns its position round with every bar, and remembers when it was asked."""

    parameters = _Nothing()
    timeframes = (_MINUTE,)
    warmup = 1

    def __init__(self) -> None:
        self.asked_ns = 0

    def features(self, bars: BarColumns, timeframe: Timeframe) -> Features:
        return {}

    def decide(self, moment: Moment) -> Decision:
        self.asked_ns = time.monotonic_ns()
        even = moment.bars[_MINUTE].end[-1] // 60 % 2 == 0
        return Decision(signal=Signal.BUY if even else Signal.SELL, confidence=1.0, expected_price=moment.close)


class _Stopwatch:
    """The journal, looking at the clock each time an execution has become durable."""

    def __init__(self, inner: Journal, turners: dict[str, _Turner], count: int) -> None:
        self._inner = inner
        self._turners = turners
        self._count = count
        self._left = count + WARM_UP
        self._asked_ns: dict[str, int] = {}
        self._open = 0
        self.found = Orders()
        self.finished = asyncio.Event()
        self.fire: Callable[[], None] = lambda: None

    async def append(self, records: Sequence[Record]) -> None:
        for record in records:
            if isinstance(record, IntentRecorded) and record.strategy in self._turners:
                self._asked_ns[record.order_ref] = self._turners[record.strategy].asked_ns
                self._open += 1
        await self._inner.append(records)
        now_ns = time.monotonic_ns()
        counts = self._left <= self._count
        for record in records:
            if isinstance(record, FillRecorded) and record.order_ref in self._asked_ns and counts:
                self.found.to_execution.append((now_ns - self._asked_ns[record.order_ref]) / 1e6)
            elif isinstance(record, ExecutionChecked) and record.order_ref in self._asked_ns:
                if counts and record.host_received_to_sent_ms is not None:
                    self.found.own_share.append(record.host_received_to_sent_ms)
                self._ended()

    async def restore(self) -> tuple[Record, ...]:
        return ()

    def _ended(self) -> None:
        self._open -= 1
        if self._open:
            return
        self._left -= 1
        if self._left:
            asyncio.get_running_loop().call_later(_PAUSE_S, self.fire)
        else:
            self.finished.set()
