"""`python -m tests.benchmarks.backtest_speed`: bars a second and peak memory of whole backtests on made-up columns."""

import cProfile
import gc
import pstats
import resource
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np

from daemon.backtest.column_history import ColumnHistory, MadeQuotes
from daemon.backtest.driver import DAILY, BacktestClock, BacktestDriver, Quietly
from daemon.backtest.simulated_broker import SimulatedBroker
from daemon.domain.decision import StrategyId
from daemon.domain.instrument import Instrument, InstrumentId
from daemon.domain.records import Record
from daemon.domain.timeframe import Timeframe
from daemon.engine.combine import CombinationRule
from daemon.engine.engine import Engine
from daemon.engine.setup import EngineSetup
from daemon.engine.sizing import SizingRule
from daemon.engine.strategy_slot import StrategySetup
from daemon.execution.paper_executor import ExecutionRules, PaperExecutor
from daemon.journal.bulk import Recorded
from daemon.market.windows import BarColumns
from daemon.matching.commission import PercentOfNotional
from daemon.matching.exchange import SimulatedExchange
from daemon.matching.latency import LatencyModel
from daemon.risk.limits import AccountGuard, AccountLimits, StrategyLimits
from daemon.strategies.sma_cross import SmaCross, SmaCrossParameters
from tests.benchmarks import market
from tests.benchmarks.figures import median
from tests.benchmarks.processes import measured

_MINUTE = Timeframe.parse("1m")
_SIZES = ((1, 1_000_000), (10, 100_000))
_WAYS: tuple[Quietly | None, ...] = ("decide", "decide_all", None)
_ORDINARY_BARS = 20_000  # of a way that is measured on less


@dataclass(slots=True)
class Counted:
    """A sink that keeps counts only."""

    records: Counter[type[Record]] = field(default_factory=Counter)

    def take(self, records: Sequence[Recorded]) -> None:
        """Count."""
        self.records.update(record[0] if isinstance(record, tuple) else type(record) for record in records)


def walk(symbols: int, bars: int, *, seed: int = 7) -> ColumnHistory:
    """Return random walks on the minutes of the New York exchange."""
    schedule = market.schedule()
    sessions = schedule.calendar.sessions_between(date(2000, 1, 3), date(2024, 12, 31))
    ends = np.concatenate([schedule.ends(session, _MINUTE) for session in sessions[: bars // 210 + 2]])[:bars]
    columns = {}
    for number in range(symbols):
        steps = np.random.default_rng((seed, number)).normal(0.0, 0.0004, bars)
        close = np.round(100.0 * np.exp(np.cumsum(steps)), 2)
        opened = np.concatenate(([100.0], close[:-1]))
        columns[InstrumentId(f"B{number:03d}")] = BarColumns(
            start=ends - 60, end=ends, open=opened, high=np.maximum(opened, close),
            low=np.minimum(opened, close), close=close, volume=np.full(bars, 1000.0), wap=close,
            trades=np.full(bars, 20),
        )  # fmt: skip
    return ColumnHistory(bars=columns, schedule=schedule, timeframe=_MINUTE, quotes=MadeQuotes(half_spread=0.01))


def _heart(names: tuple[InstrumentId, ...], fast: int, slow: int) -> EngineSetup:
    """Return an engine whose limits stay out of the way; every control is looked at all the same."""
    many = 1_000_000
    wide: dict[str, Any] = {
        "daily_trades": many,
        "position_shares": Decimal(many),
        "position_value": Decimal(10**9),
        "position_fraction": Decimal(1),
        "daily_loss_value": Decimal(10**9),
        "daily_loss_fraction": Decimal(1),
        "emergency_loss": Decimal(10**9),
    }
    strategy = StrategySetup(
        id=StrategyId("sma"),
        strategy=SmaCross(SmaCrossParameters(fast=fast, slow=slow), (_MINUTE,)),
        instruments=names,
        capital=Decimal(10_000_000),
        combination=CombinationRule(weights={}),
        sizing=SizingRule(position_fraction=Decimal("0.001"), allow_short=True),
        limits=StrategyLimits(**wide),
    )
    return EngineSetup(
        instance="bench",
        schedule=market.schedule(),
        instruments={name: Instrument(symbol=name) for name in names},
        strategies=(strategy,),
        account_limits=AccountLimits(
            **wide, open_orders=many, open_orders_per_instrument=many, messages_per_second=many,
            messages_per_minute=many, duplicate_window_s=0.0,
        ),
        guard=AccountGuard(account="DU1000001", port=0),
        limits_hash="bench",
    )  # fmt: skip


def passage(
    symbols: int, bars: int, quietly: Quietly | None, fast: int = 10, slow: int = 30
) -> tuple[float, float, int, int, float]:
    """Return bars a second, peak memory in MB, orders, records, and bars a second of the processor's own time."""
    history, sink = walk(symbols, bars), Counted()
    names = tuple(history.bars)
    engine = Engine(_heart(names, fast, slow))
    clock = BacktestClock(datetime.fromtimestamp(0, UTC))
    broker = SimulatedBroker(SimulatedExchange(LatencyModel(seed=1)), PercentOfNotional(rate=Decimal("0.002")))
    executor = PaperExecutor(
        broker, clock, quote_of=engine.marks.quote, instruments=engine.setup.instruments.get, may_send=engine.may_send,
        rules=ExecutionRules(),
    )  # fmt: skip
    driver = BacktestDriver(
        engine=engine, executor=executor, broker=broker, clock=clock, sink=sink.take, cadence=DAILY, quietly=quietly
    )
    gc.set_threshold(50_000, 20, 50)  # as the daemon and the backtest command do
    began, began_cpu = time.perf_counter(), time.process_time()
    for _ in driver.run(history):
        pass
    took, took_cpu = time.perf_counter() - began, time.process_time() - began_cpu
    orders = sum(count for kind, count in sink.records.items() if kind.TABLE == "intent")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return driver.bars / took, peak, orders, sink.records.total(), driver.bars / took_cpu


def main() -> int:
    """Measure and print."""
    if "--profile" in sys.argv:
        profiler = cProfile.Profile()
        profiled: Quietly = "decide_all" if "all" in sys.argv else "decide"
        symbols_profiled, bars_profiled = (10, 10_000) if "ten" in sys.argv else (1, 100_000)
        profiler.runcall(passage, symbols_profiled, bars_profiled, profiled)
        pstats.Stats(profiler).sort_stats("cumulative" if "cum" in sys.argv else "tottime").print_stats(45)
        return 0
    market.schedule()
    for symbols, bars in _SIZES:
        for way in _WAYS:
            count = bars if way else _ORDINARY_BARS // symbols
            runs = [measured(passage, symbols, count, way) for _ in range(3)]
            rate, peak, own = (median([run[place] for run in runs]) for place in (0, 1, 4))
            print(
                f"{symbols:>3} x {count:>9,}  {way or 'all told':<10} {rate:>11,.0f} bars/s {own:>11,.0f} per CPU s"
                f" {peak:6.0f} MB  {runs[0][2]:,} orders  {runs[0][3]:,} records", flush=True,
            )  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
