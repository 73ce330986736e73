"""The daemon as `daemon.app` puts it together, but with a journal, strategies and a clock of the benchmark's choice."""

import asyncio
import gc
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from daemon import app
from daemon.adapters.ib.broker import IbBroker
from daemon.adapters.ib.connection import IbConnection
from daemon.adapters.ib.feed import IbFeed
from daemon.adapters.ib.settings import IbSettings
from daemon.domain.bar import Bar
from daemon.domain.callbacks import Callback, ConnectionChanged, InstantReached
from daemon.domain.decision import StrategyId
from daemon.domain.events import Event
from daemon.domain.instrument import Instrument, InstrumentId
from daemon.domain.records import Record
from daemon.domain.timeframe import Timeframe
from daemon.engine.combine import CombinationRule
from daemon.engine.engine import Engine
from daemon.engine.setup import EngineSetup
from daemon.engine.sizing import SizingRule
from daemon.engine.strategy_slot import StrategySetup
from daemon.execution.paper_executor import ExecutionRules, PaperExecutor
from daemon.orchestrator.orchestrator import Orchestrator
from daemon.orchestrator.plan import Intervals, Parts
from daemon.ports import Journal
from daemon.risk.limits import AccountGuard, AccountLimits, StrategyLimits
from daemon.runtime.clock import MarketClock
from daemon.runtime.inbox import Inbox
from daemon.strategies.protocol import Strategy
from daemon.strategies.sma_cross import SmaCross, SmaCrossParameters
from tests.benchmarks import market

_MANY = 1_000_000
_WEIGHTS = {Timeframe.parse(label): weight for label, weight in (("5m", 0.1), ("15m", 0.2), ("1h", 0.3), ("4h", 0.4))}


def sma_cross(frames: tuple[Timeframe, ...]) -> SmaCross:
    """Return the yardstick strategy."""
    return SmaCross(SmaCrossParameters(fast=10, slow=30), frames)


def strategy_setup(
    name: str, strategy: Strategy, symbols: Sequence[str], *, allow_short: bool = False, fraction: str = "0.001"
) -> StrategySetup:
    """Return a strategy whose limits stay out of the way; every control is looked at all the same."""
    wide = StrategyLimits(
        daily_trades=_MANY,
        position_shares=Decimal(_MANY),
        position_value=Decimal(10**9),
        position_fraction=Decimal(1),
        daily_loss_value=Decimal(10**9),
        daily_loss_fraction=Decimal(1),
        emergency_loss=Decimal(10**9),
    )
    return StrategySetup(
        id=StrategyId(name),
        strategy=strategy,
        instruments=tuple(InstrumentId(symbol) for symbol in symbols),
        capital=Decimal(10_000_000),
        combination=CombinationRule(weights=_WEIGHTS),
        sizing=SizingRule(position_fraction=Decimal(fraction), allow_short=allow_short),
        limits=wide,
        time_budget_ms=None,
    )


def engine_setup(symbols: Sequence[str], strategies: Sequence[StrategySetup]) -> EngineSetup:
    """Return the heart's fixed part."""
    limits = AccountLimits(
        daily_trades=_MANY,
        position_shares=Decimal(_MANY),
        position_value=Decimal(10**9),
        position_fraction=Decimal(1),
        daily_loss_value=Decimal(10**9),
        daily_loss_fraction=Decimal(1),
        emergency_loss=Decimal(10**9),
        open_orders=_MANY,
        open_orders_per_instrument=_MANY,
        messages_per_second=_MANY,
        messages_per_minute=_MANY,
        duplicate_window_s=0.0,
    )
    return EngineSetup(
        instance="bench",
        schedule=market.schedule(),
        instruments={InstrumentId(symbol): Instrument(symbol=symbol) for symbol in symbols},
        strategies=tuple(strategies),
        account_limits=limits,
        guard=AccountGuard(account="DU1000001", port=0),
        limits_hash="bench",
    )


@dataclass(slots=True)
class CountingJournal:
    """Keeps nothing but counts."""

    transactions: int = 0
    records: int = 0

    async def append(self, records: Sequence[Record]) -> None:
        self.transactions += 1
        self.records += len(records)

    async def restore(self) -> tuple[Record, ...]:
        return ()


class SessionClock(MarketClock):
    """A wall clock that was set to the opening of the session, for a broker that runs free."""

    def __init__(self) -> None:
        super().__init__()
        self._began_ns = time.monotonic_ns()

    def now(self) -> datetime:
        return market.session().open + timedelta(microseconds=(time.monotonic_ns() - self._began_ns) // 1000)


class _Feed(IbFeed):
    """Contracts and streams come over the wire, history from memory: it is no part of what is measured."""

    async def history(
        self, instrument: Instrument, timeframe: Timeframe, *, start: datetime, end: datetime
    ) -> tuple[Bar, ...]:
        return market.history(instrument.symbol, timeframe, start=start, end=end)


class _Reporter:
    """Writes no report."""

    async def report(self, day: date) -> str | None:
        return None


@dataclass(slots=True)
class Progress:
    """How far a run is, in instants that were worked off."""

    done: int = 0
    _waiting: list[tuple[int, asyncio.Event]] = field(default_factory=list)

    def count(self) -> None:
        self.done += 1
        for target, reached in self._waiting:
            if self.done >= target:
                reached.set()

    async def reach(self, target: int) -> None:
        """Wait until `target` instants are done."""
        reached = asyncio.Event()
        self._waiting.append((target, reached))
        if self.done < target:
            await reached.wait()


class _Broker(IbBroker):
    """Counts instants as they are acknowledged."""

    def __init__(self, connection: IbConnection, progress: Progress) -> None:
        super().__init__(connection)
        self._progress = progress

    def acknowledge_instant(self) -> None:
        super().acknowledge_instant()
        self._progress.count()


class BenchDaemon:
    """One daemon on the benchmark's gateway. Make it inside a running loop."""

    def __init__(
        self,
        port: int,
        symbols: Sequence[str],
        strategies: Sequence[StrategySetup],
        journal: Journal,
        clock: MarketClock,
    ) -> None:
        gc.set_threshold(*app._GC_THRESHOLDS)
        self.clock = clock
        self.progress = Progress()
        self.inbox: Inbox[Callback | Event, Event] = Inbox(100 * _MANY)
        plan = market.schedule()
        setup = engine_setup(symbols, strategies)
        self.engine = Engine(setup, host_ns=clock.host_ns)
        settings = IbSettings(
            port=port,
            client_id=1,
            market_data_lines=_MANY,
            messages_per_second=0,
            new_bar_streams=0,
            check_s=60.0,
            silence_s=1e6,
        )
        self.connection = IbConnection(
            settings, clock=clock, sink=self._sink, jitter=random.Random(1), expects_bars=lambda _: False
        )
        broker = _Broker(self.connection, self.progress)
        executor = PaperExecutor(
            broker,
            clock,
            quote_of=self.engine.marks.quote,
            instruments=setup.instruments.get,
            may_send=self.engine.may_send,
            rules=ExecutionRules(),
        )
        parts = Parts(
            engine=self.engine,
            executor=executor,
            journal=journal,
            broker=broker,
            feed=_Feed(self.connection, bar_end=lambda start, frame: start + frame.seconds),
            reporter=_Reporter(),
            clock=clock,
            schedule=plan,
            inbox=self.inbox,
            timeframes=tuple(sorted({frame for one in strategies for frame in one.strategy.timeframes})),
            connection=self.connection,
            connection_state=dict,
            mode="paper",
            history=setup.history,
            bars_until={},
            history_until={},
        )
        self.orchestrator = Orchestrator(parts, intervals=Intervals())

    async def use(self, work: Callable[[], "asyncio.Future[None] | asyncio.Task[None]"]) -> None:
        """Start, do `work`, stop."""
        running = asyncio.create_task(self.orchestrator.run())
        doing = work()
        await asyncio.wait({running, doing}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
            raise RuntimeError("the daemon ended by itself")
        doing.result()
        self.orchestrator.request_stop()
        await asyncio.wait({running}, timeout=5.0)

    async def until_released(self) -> None:
        """Wait until start-up is over, every stream is asked for and events are worked off."""
        await self.connection.until_up()
        streams = self.connection.subscriber.streams
        while not (  # noqa: ASYNC110 - nobody says so by an event
            self.orchestrator.link.is_synchronised
            and self.orchestrator.sequencer._held.is_set()
            and len(streams) == len(self.engine.setup.instruments)
            and not streams.without_bars()
        ):
            await asyncio.sleep(0.005)

    def fire(self) -> None:
        """Ask the gateway to begin, or to go on."""
        self.connection.current().client.reqIds(1)

    def _sink(self, callback: Callback) -> None:
        if isinstance(callback, ConnectionChanged):
            self.orchestrator.link.on_change(callback)
            return
        if isinstance(callback, InstantReached) and not self.clock.is_stepped:
            self.clock.step(callback.at)
        self.inbox.put(callback)
