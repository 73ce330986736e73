"""Runs a backtest into a journal of its own, with the tables of a live one."""

import asyncio
import gc
import secrets
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from daemon.backtest.driver import BacktestClock, BacktestDriver, Cadence, Quietly
from daemon.backtest.market_history import MarketHistory
from daemon.backtest.quiet_file import QuietFile
from daemon.backtest.simulated_broker import ACCOUNT, SimulatedBroker
from daemon.backtest.told_bars import ToldBars
from daemon.domain.decision import Outcome
from daemon.domain.records import RunStarted
from daemon.engine.engine import Engine
from daemon.engine.quiet import QuietDecisions
from daemon.engine.setup import EngineSetup
from daemon.execution.paper_executor import ExecutionRules, PaperExecutor
from daemon.journal.bulk import BulkJournal, Recorded
from daemon.market.sessions import Session
from daemon.matching.commission import CommissionSchedule
from daemon.matching.exchange import SimulatedExchange
from daemon.matching.latency import LatencyModel

Progress = Callable[[Session, int], None]
"""Learns of each session that is done, and how many bars there have been so far."""


Kept = Literal["all", "actionable"]
"""Which bars and decisions become records: all of them, as live; or only those from which something could follow.

With "actionable" the books are valued at a session's open and close and at fills, the loss limits look where bars end,
and what had no consequences is in a Parquet file beside the journal. Orders, fills, commissions, risk checks and
trading states are the same records as with "all" under the same cadence.
"""
QUIET_FILE: Final = "decisions.parquet"
_GC_THRESHOLDS: Final = (50_000, 20, 50)  # the journal's records die young: collections find next to nothing
_SWITCH_S: Final = 0.001  # until the journal's thread may have the interpreter to hand the next rows to SQLite


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
    decisions: Kept = "all"
    asks: Quietly = "decide_all"  # with "actionable"; strategies that do not offer it are asked with `decide`


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestDone:
    """What a backtest leaves behind."""

    journal: Path
    bars: int
    told: ToldBars  # the same by series
    filed: Mapping[Outcome, int]  # decisions beside the journal


async def run_backtest(plan: BacktestPlan, history: MarketHistory, journal: Path, progress: Progress) -> BacktestDone:
    """Run `plan` over `history`; the journal gets its name when all is written.

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
    waiting: list[Recorded] = []
    quietly = plan.decisions == "actionable"
    driver = BacktestDriver(
        engine=engine,
        executor=executor,
        broker=broker,
        clock=clock,
        sink=waiting.extend,
        cadence=replace(plan.cadence, positions=None, performance=None) if quietly else plan.cadence,
        quietly=plan.asks if quietly else None,
    )
    gc.set_threshold(*_GC_THRESHOLDS)
    sys.setswitchinterval(_SWITCH_S)
    told, filed = ToldBars(), dict[Outcome, int]()
    with ExitStack() as files:
        if quietly:
            file = files.enter_context(QuietFile(journal.with_name(QUIET_FILE)))
            filed = file.outcomes

            def keep(decisions: QuietDecisions) -> None:
                told.foreseen(decisions)
                file.take(decisions)

            driver.decided = keep
        writer = files.enter_context(BulkJournal(journal))
        first = True
        for session in driver.run(history):
            if first:
                waiting.insert(0, _run_record(plan, session))
                first = False
            told.session_done(waiting)
            writer.append(waiting)
            waiting.clear()
            progress(session, driver.bars)
            await asyncio.sleep(0)  # where a cancelled run ends
    return BacktestDone(journal=journal, bars=driver.bars, told=told, filed=filed)


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
