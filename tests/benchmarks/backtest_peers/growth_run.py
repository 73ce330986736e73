"""One backtest of a given size, in a process of its own: SPEC OUT. Bars are in memory when the clock starts."""

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from daemon.app import backtest_plan
from daemon.backtest.bars_file_history import BarFileHistory, QuoteRule
from daemon.backtest.runner import run_backtest
from daemon.cli.settings_options import loaded
from daemon.domain.instrument import InstrumentId
from tests.benchmarks.backtest_peers.bars import peak_mb
from tests.benchmarks.backtest_peers.in_memory import BarsInMemory, crossing, settings_of
from tests.benchmarks.backtest_peers.made_bars import walk

_CASH = 10_000_000.0


def measure(spec: dict[str, Any], folder: Path) -> dict[str, float]:
    """Return CPU seconds, peak memory in MB, and bars, of the run that `spec` describes."""
    names = [f"S{number}" for number in range(spec["symbols"])]
    strategies = [
        crossing(
            f"cross-{number}", names, cash=_CASH / spec["strategies"], share=0.0005, timeframes=spec["timeframes"],
            parameters={"fast": 10, "slow": 30 + number},
        )
        for number in range(spec["strategies"])
    ]  # fmt: skip
    settings = loaded(None, settings_of(strategies, cash=_CASH, rate="0.002"))
    plan = backtest_plan(settings, instance="growth", seed=1, as_live=False, decisions=spec["record"])
    each = spec["bars"] // spec["symbols"]
    files = {InstrumentId(name): BarsInMemory(name, walk(each, number)) for number, name in enumerate(names)}
    frames = sorted({frame for one in plan.setup.strategies for frame in one.strategy.timeframes})
    history = BarFileHistory(
        files=files, schedule=plan.setup.schedule, timeframes=frames, history=plan.setup.history,
        quotes=QuoteRule(spread_bps=0, fill="open"),
    )  # fmt: skip
    began = time.process_time()
    asyncio.run(run_backtest(plan, history, folder / "journal.db", lambda session, count: None))
    took = time.process_time() - began
    return {
        "cpu_s": took,
        "peak_mb": peak_mb(),
        "bars": each * spec["symbols"],
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        Path(sys.argv[2]).write_text(json.dumps(measure(json.loads(sys.argv[1]), Path(made))))
