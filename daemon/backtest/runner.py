"""Runs a backtest into a journal of its own, with the tables of a live one."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from daemon.backtest.driver import BacktestClock, BacktestDriver, Cadence
from daemon.backtest.market_history import MarketHistory
from daemon.backtest.simulated_broker import ACCOUNT, SimulatedBroker
from daemon.domain.records import Record, RunStarted
from daemon.engine.engine import Engine
from daemon.engine.setup import EngineSetup
from daemon.execution.paper_executor import ExecutionRules, PaperExecutor
from daemon.journal.writer import JournalWriter
from daemon.market.sessions import Session
from daemon.matching.commission import CommissionSchedule
from daemon.matching.exchange import SimulatedExchange
from daemon.matching.latency import LatencyModel

Progress = Callable[[Session, int], None]
"""Learns of each session that is done, and how many bars there have been so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestPlan:
    """Everything that decides what a backtest does."""

    setup: EngineSetup
    rules: ExecutionRules
    commission: CommissionSchedule
    latency: LatencyModel
    cadence: Cadence
    version: str
    config_hash: str
    config: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestDone:
    """What a backtest leaves behind."""

    journal: Path
    bars: int


async def run_backtest(plan: BacktestPlan, history: MarketHistory, journal: Path, progress: Progress) -> BacktestDone:
    """Run `plan` over `history`, session by session, each durable when it is done.

    Raises:
        ConfigError, BadMarketData: the history has nothing, or nothing sound, to offer.
        JournalFailed: the file cannot be written.
    """
    engine = Engine(plan.setup)
    clock = BacktestClock(datetime.fromtimestamp(0, UTC))
    broker = SimulatedBroker(SimulatedExchange(plan.latency), plan.commission)
    executor = PaperExecutor(
        broker,
        clock,
        quote_of=engine.marks.quote,
        instruments=plan.setup.instruments.get,
        may_send=engine.may_send,
        rules=plan.rules,
    )
    waiting: list[Record] = []
    driver = BacktestDriver(
        engine=engine, executor=executor, broker=broker, clock=clock, sink=waiting.extend, cadence=plan.cadence
    )
    async with await JournalWriter.open(journal) as writer:
        first = True
        for session in driver.run(history):
            if first:
                waiting.insert(0, _run_record(plan, session))
                first = False
            await writer.append(waiting)
            waiting.clear()
            progress(session, driver.bars)
    return BacktestDone(journal=journal, bars=driver.bars)


def _run_record(plan: BacktestPlan, session: Session) -> RunStarted:
    return RunStarted(
        at=session.open,
        run_id=secrets.token_hex(8),
        instance=plan.setup.instance,
        mode="backtest",
        version=plan.version,
        account=ACCOUNT,
        seed=plan.latency.seed,
        config_hash=plan.config_hash,
        limits_hash=plan.setup.limits_hash,
        config=plan.config,
    )
