"""Quiet decisions can be read back from where the runner leaves them."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from daemon.backtest.driver import Cadence
from daemon.backtest.runner import QUIET_FILE, BacktestPlan, Kept, run_backtest
from daemon.execution.paper_executor import ExecutionRules
from daemon.journal.reader import open_reader
from daemon.matching.commission import PercentOfNotional
from daemon.matching.latency import LatencyModel
from daemon.strategies.sma_cross import SmaCross, SmaCrossParameters
from tests.unit.backtest.quiet_stage import M1, SYMBOLS, run, setup, strategy, synthetic


@pytest.mark.parametrize("kept", ["all", "actionable"])
async def test_the_runner_keeps_what_was_asked_for(kept: Kept, tmp_path: Path) -> None:
    heart = setup([strategy("sma", SmaCross(SmaCrossParameters(), (M1,)), SYMBOLS[:1], allow_short=True)])
    plan = BacktestPlan(
        setup=heart, rules=ExecutionRules(), commission=PercentOfNotional(rate=Decimal("0.002")),
        latency=LatencyModel(seed=5), cadence=Cadence(positions=timedelta(seconds=30)),
        version="0", config_hash="", config={}, decisions=kept,
    )  # fmt: skip
    done = await run_backtest(plan, synthetic(heart, seed=1, days=2), tmp_path / "journal.db", lambda *_: None)
    assert done.bars == 780
    with open_reader(done.journal).connect() as journal:
        told = journal.exec_driver_sql("select count(*) from decision").scalar_one()
    if kept == "all":
        assert told == 780
        assert not (tmp_path / QUIET_FILE).exists()
        return
    table = pq.read_table(tmp_path / QUIET_FILE)
    assert told + table.num_rows == 780
    plain = run(heart, synthetic(heart, seed=1, days=2), None).decisions
    for row in table.to_pylist():
        name = f"{row['strategy']}:{row['instrument']}:{row['timeframe']}:{row['bar_end']}"
        assert plain[name] == (row["signal"], row["confidence"], row["outcome"])
