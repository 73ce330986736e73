"""Quiet decisions can be read back from where the runner leaves them."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from daemon.backtest.driver import Cadence, Quietly
from daemon.backtest.runner import QUIET_FILE, BacktestPlan, Kept, run_backtest
from daemon.domain.decision import Outcome
from daemon.execution.paper_executor import ExecutionRules
from daemon.journal.reader import open_reader
from daemon.matching.commission import PercentOfNotional
from daemon.matching.latency import LatencyModel
from daemon.strategies.protocol import DecidesAll
from daemon.strategies.sma_cross import SmaCross, SmaCrossParameters
from tests.unit.backtest.quiet_stage import M1, SYMBOLS, run, setup, strategy, synthetic


@pytest.mark.parametrize(("kept", "asks"), [("all", "decide"), ("actionable", "decide"), ("actionable", "decide_all")])
async def test_the_runner_keeps_what_was_asked_for(kept: Kept, asks: Quietly, tmp_path: Path) -> None:
    heart = setup([strategy("sma", SmaCross(SmaCrossParameters(), (M1,)), SYMBOLS[:1], allow_short=True)])
    plan = BacktestPlan(
        setup=heart, rules=ExecutionRules(), commission=PercentOfNotional(rate=Decimal("0.002")),
        latency=LatencyModel(seed=5), cadence=Cadence(positions=timedelta(seconds=30)),
        version="0", config_hash="", config={}, decisions=kept, asks=asks,
    )  # fmt: skip
    done = await run_backtest(plan, synthetic(heart, seed=1, days=2), tmp_path / "journal.db", lambda *_: None)
    assert done.bars == 780
    assert done.told.counts == {(SYMBOLS[0], "1m"): 780}
    with open_reader(done.journal).connect() as journal:
        told = journal.exec_driver_sql("select count(*) from decision").scalar_one()
    if kept == "all":
        assert told == 780
        assert not (tmp_path / QUIET_FILE).exists()
        return
    table = pq.read_table(tmp_path / QUIET_FILE)
    assert told + table.num_rows == 780
    assert done.filed == Counter(Outcome(row["outcome"]) for row in table.to_pylist())
    plain = run(heart, synthetic(heart, seed=1, days=2), None).decisions
    for row in table.to_pylist():
        name = f"{row['strategy']}:{row['instrument']}:{row['timeframe']}:{row['bar_end']}"
        assert plain[name] == (row["signal"], row["confidence"], row["outcome"])


async def test_a_strategy_that_cannot_decide_all_is_asked_bar_by_bar(tmp_path: Path) -> None:
    class BarByBar:
        """The same strategy without `decide_all`."""

        def __init__(self) -> None:
            self._crossing = SmaCross(SmaCrossParameters(), (M1,))
            self.parameters, self.timeframes = self._crossing.parameters, self._crossing.timeframes
            self.warmup = self._crossing.warmup
            self.features, self.decide = self._crossing.features, self._crossing.decide

    assert not isinstance(BarByBar(), DecidesAll)
    written = []
    for name, each in (("all", SmaCross(SmaCrossParameters(), (M1,))), ("each", BarByBar())):
        heart = setup([strategy("sma", each, SYMBOLS[:1], allow_short=True)])
        plan = BacktestPlan(
            setup=heart, rules=ExecutionRules(), commission=PercentOfNotional(rate=Decimal("0.002")),
            latency=LatencyModel(seed=5), cadence=Cadence(), version="0", config_hash="", config={},
            decisions="actionable",
        )  # fmt: skip
        (tmp_path / name).mkdir()
        await run_backtest(plan, synthetic(heart, seed=1, days=2), tmp_path / name / "journal.db", lambda *_: None)
        written.append(pq.read_table(tmp_path / name / QUIET_FILE).to_pylist())
    assert written[0] == written[1]
    assert written[0]
