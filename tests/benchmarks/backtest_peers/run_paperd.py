"""paperd: RATE FILES... OUT, with its journal; PEERS_WAY says how it is run."""

import asyncio
import os
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

import bars  # type: ignore[import-not-found] # beside this file, for every venv

from daemon.app import backtest_plan
from daemon.backtest.bars_file_history import BarFileHistory, QuoteRule
from daemon.backtest.bars_file_request import file_form, opened_files
from daemon.backtest.memory import MemoryBudget
from daemon.backtest.runner import run_backtest
from daemon.cli.settings_options import loaded
from daemon.domain.instrument import InstrumentId
from tests.benchmarks.backtest_peers.in_memory import MINUTE, BarsInMemory, crossing, settings_of

RATE: Final = sys.argv[1]
FILES: Final = {InstrumentId(f"S{number}"): Path(path) for number, path in enumerate(sys.argv[2:-1])}
WAY: Final = os.environ.get("PEERS_WAY", "decide")  # all, decide, decide_all, or streamed: decide, read as it goes


def prepare() -> Callable[[], Path]:
    """Return a run over the files."""
    strategy = crossing("cross", list(FILES), cash=bars.CASH, share=bars.SHARE)
    settings = loaded(None, settings_of([strategy], cash=bars.CASH, rate=RATE))
    plan = backtest_plan(
        settings, instance="peers", seed=1, as_live=False, decisions="all" if WAY == "all" else "actionable"
    )
    plan = replace(plan, asks="decide_all" if WAY == "decide_all" else "decide")
    journal = Path(tempfile.mkdtemp(prefix="paperd-peers-", dir=Path(sys.argv[-1]).parent)) / "journal.db"
    form = file_form(bar="1m", timezone=None, stamps="start", batch_rows=MemoryBudget().batch_rows(len(FILES)))
    ready = {} if WAY == "streamed" else {name: BarsInMemory.of(path) for name, path in FILES.items()}

    def run() -> Path:
        history = BarFileHistory(
            files=ready or opened_files(FILES, form), schedule=plan.setup.schedule, timeframes=[MINUTE],
            history=plan.setup.history, quotes=QuoteRule(spread_bps=0, fill="open"),
        )  # fmt: skip
        asyncio.run(run_backtest(plan, history, journal, lambda session, count: None))
        return journal

    return run


def fills(journal: Path) -> list[list[list[float]]]:
    """Return the executions of each file, from the journal."""
    book = sqlite3.connect(journal)
    paid = {key: float(amount) for key, amount in book.execute("SELECT exec_id, amount FROM commission")}
    found: dict[str, list[list[float]]] = {name: [] for name in FILES}
    rows = book.execute("SELECT instrument, at, side, quantity, price, exec_id FROM fill ORDER BY seq")
    for name, at, side, quantity, price, key in rows:
        minute = int(datetime.fromisoformat(at).timestamp()) // 60 * 60
        found[name].append([minute, int(float(quantity)) * (1 if side == "BUY" else -1), float(price), paid[key]])
    return list(found.values())


bars.say(prepare, fills)
